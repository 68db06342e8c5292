//! Which documents came before which: a submission cannot replace what it brings along, so what was replaced stands in a
//! submission set before that of its replacement.
//!
//! Source: ITI TF-3 §4.2.2.2.3 (the replaced document is in the registry), R-32-49.

use std::collections::HashMap;

use super::{
    ExportError, Origin,
    gather::{
        BATCH,
        objects::{Ends, ends_of},
    },
};
use crate::{
    client::Query,
    model::{EntryUuid, RequestContext, vocabulary as v},
};

/// How many replacements later than each document there are, at most; none where it was not replaced.
#[derive(Debug, Default)]
pub(super) struct Generations(HashMap<EntryUuid, usize>);

impl Generations {
    /// Those of these documents.
    pub(super) async fn among(ctx: &mut RequestContext, origin: &Origin, ids: &[String]) -> Result<Self, ExportError> {
        let mut replacements = Vec::new();
        for batch in ids.chunks(BATCH) {
            let query =
                |ids: &[String]| Query::new(v::QUERY_GET_ASSOCIATIONS).list("$uuid", ids.iter().cloned()).build();
            let associations = match origin.objects(ctx, &query(batch)).await {
                Err(error) if batch.len() > 1 && error.is_about_several_patients() => {
                    let mut all = Vec::new();
                    for id in batch.chunks(1) {
                        all.extend(origin.objects(ctx, &query(id)).await?);
                    }
                    all
                }
                associations => associations?,
            };
            let ends = associations.iter().filter_map(ends_of).filter(|ends| ends.kind.replaces());
            replacements.extend(ends.map(|Ends { source, target, .. }| (source, target)));
        }
        Ok(Self::of_replacements(&replacements))
    }

    /// From pairs of the replacing and the replaced.
    fn of_replacements(replacements: &[(EntryUuid, EntryUuid)]) -> Self {
        let mut generations: HashMap<EntryUuid, usize> = HashMap::new();
        // No chain is longer than there are replacements; a circle, which no registry has, ends here too.
        for _ in 0..replacements.len() {
            let mut changed = false;
            for (source, target) in replacements {
                let after = generations.get(source).copied().unwrap_or_default() + 1;
                let known = generations.entry(*target).or_default();
                if *known < after && after <= replacements.len() {
                    *known = after;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        Self(generations)
    }

    /// That of one document.
    pub(super) fn of(&self, uuid: Option<EntryUuid>) -> usize {
        uuid.and_then(|uuid| self.0.get(&uuid).copied()).unwrap_or_default()
    }

    /// Puts what was replaced before what replaced it; else the order stays.
    pub(super) fn former_first(&self, ids: &mut [String]) {
        ids.sort_by_cached_key(|id| std::cmp::Reverse(self.of(id.parse().ok())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_49_what_was_replaced_comes_first() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|n: u128| EntryUuid::from_bytes(n.to_be_bytes()));
        let generations = Generations::of_replacements(&[(b, a), (c, b)]);
        assert_eq!([a, b, c, d].map(|it| generations.of(Some(it))), [2, 1, 0, 0]);
        let mut ids = [c, d, a, b].map(|it| it.to_string());
        generations.former_first(&mut ids);
        assert_eq!(ids, [a, b, c, d].map(|it| it.to_string()));
        // What cannot be ends all the same.
        Generations::of_replacements(&[(a, b), (b, a)]);
    }
}
