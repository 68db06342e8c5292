//! What a patient answered, where several answers are about the same request.
//!
//! Source: spec security §4.2, D8: a named organisation beats a category; of equally specific answers those of one origin
//! follow one another, the newest counts, and among origins deny beats permit. Whether an answer is about one category of data
//! or about all makes it no more specific: a patient who later refuses everything has refused the letters as well.

use std::collections::BTreeMap;

use crate::model::{
    Organisation,
    consent::{Answer, ConsentRecord, DataCategory},
};

/// How specific an answer is: how many of the two organisations it names.
type Specificity = usize;

/// The answer that counts, if there is one that is no `no-answer`.
pub(super) fn effective<'a>(
    records: &'a [ConsentRecord],
    source: &Organisation,
    data: &DataCategory,
    requester: &Organisation,
    now_ms: i64,
) -> Option<&'a ConsentRecord> {
    let applies = |record: &&ConsentRecord| {
        let answer = &record.answer;
        record.withdrawn_ms.is_none_or(|withdrawn_ms| now_ms < withdrawn_ms)
            && answer.period.holds(now_ms)
            && answer.source.covers(source)
            && answer.data.covers(data)
            && answer.requester.covers(requester)
    };
    let mut newest: BTreeMap<(Specificity, &str), &ConsentRecord> = BTreeMap::new();
    for record in records.iter().filter(applies) {
        let place = (specificity(record), &*record.origin);
        let is_newer = |held: &&ConsentRecord| (record.recorded_ms, record.key) > (held.recorded_ms, held.key);
        if newest.get(&place).is_none_or(is_newer) {
            newest.insert(place, record);
        }
    }
    let said = newest.into_iter().filter(|(_, record)| record.answer.answer != Answer::NoAnswer);
    // The most specific; among equals a deny.
    said.max_by_key(|((specificity, _), record)| (*specificity, record.answer.answer == Answer::Deny))
        .map(|(_, record)| record)
}

fn specificity(record: &ConsentRecord) -> Specificity {
    let answer = &record.answer;
    usize::from(answer.source.is_named()) + usize::from(answer.requester.is_named())
}
