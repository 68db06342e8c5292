//! What a patient answered, where several answers are about the same request.
//!
//! Source: spec security §4.2, D8: a named organisation beats a category; of equally specific answers those of one origin
//! follow one another, the newest counts, and among origins deny beats permit. Only an answer to the same question follows
//! another one: "hospital A to all hospitals" and "all hospitals to hospital B" name one organisation each, so neither takes the
//! other back and the refusal counts, whichever is newer. Whether an answer is about one category of data or about all makes it
//! no other question and no more specific: a patient who later refuses everything has refused the letters as well.

use std::collections::BTreeMap;

use crate::model::{
    Organisation,
    consent::{Answer, ConsentAnswer, ConsentRecord, DataCategory},
};

/// Which of the two organisations an answer names: the source, the requester. Of the answers that are about one request those
/// that name the same ones have the same scopes.
type Named = [bool; 2];

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
    let mut newest: BTreeMap<(Named, &str), &ConsentRecord> = BTreeMap::new();
    for record in records.iter().filter(applies) {
        let place = (named(&record.answer), &*record.origin);
        let is_newer = |held: &&ConsentRecord| (record.recorded_ms, record.key) > (held.recorded_ms, held.key);
        if newest.get(&place).is_none_or(is_newer) {
            newest.insert(place, record);
        }
    }
    let said = newest.into_values().filter(|record| record.answer.answer != Answer::NoAnswer);
    // The most specific; among equals a deny, and of permits one that names who asks, which more is shown to.
    said.max_by_key(|record| {
        let [source, requester] = named(&record.answer);
        let specificity = usize::from(source) + usize::from(requester);
        (specificity, record.answer.answer == Answer::Deny, requester)
    })
}

fn named(answer: &ConsentAnswer) -> Named {
    [answer.source.is_named(), answer.requester.is_named()]
}
