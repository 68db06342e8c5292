//! Which documents came before which: a submission cannot replace what it brings along, so what was replaced stands in a
//! submission set before that of its replacement. What another document relates to comes before that document: the two may
//! come into different parts of a set that is divided.
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
    model::{AssociationType, EntryUuid, RequestContext, vocabulary as v},
};

/// How far each document is from the end of its chains, at most; not there where it is the end.
type Heights = HashMap<EntryUuid, usize>;

/// What came after each document.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// By replacements alone.
    replaced: Heights,
    /// By relations of any kind.
    related: Heights,
}

impl Generations {
    /// Those of these documents.
    pub(super) async fn among(ctx: &mut RequestContext, origin: &Origin, ids: &[String]) -> Result<Self, ExportError> {
        let (mut replacements, mut relations) = (Vec::new(), Vec::new());
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
            for Ends { kind, source, target } in associations.iter().filter_map(ends_of) {
                if kind != AssociationType::HasMember {
                    relations.push((source, target));
                }
                if kind.replaces() {
                    replacements.push((source, target));
                }
            }
        }
        Ok(Self { replaced: heights(&replacements), related: heights(&relations) })
    }

    /// How many replacements later than a document there are.
    pub(super) fn of(&self, uuid: Option<EntryUuid>) -> usize {
        uuid.and_then(|uuid| self.replaced.get(&uuid).copied()).unwrap_or_default()
    }

    /// Puts what was replaced before what replaced it, then what something relates to before that; else the order stays.
    pub(super) fn former_first(&self, ids: &mut [String]) {
        ids.sort_by_cached_key(|id| {
            let uuid: Option<EntryUuid> = id.parse().ok();
            let related = uuid.and_then(|uuid| self.related.get(&uuid).copied()).unwrap_or_default();
            std::cmp::Reverse((self.of(uuid), related))
        });
    }
}

/// From pairs of the latter and the former.
fn heights(pairs: &[(EntryUuid, EntryUuid)]) -> Heights {
    let mut heights = Heights::new();
    // No chain is longer than there are pairs; a circle, which no registry has, ends here too.
    for _ in 0..pairs.len() {
        let mut changed = false;
        for (source, target) in pairs {
            let after = heights.get(source).copied().unwrap_or_default() + 1;
            let known = heights.entry(*target).or_default();
            if *known < after && after <= pairs.len() {
                *known = after;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_49_what_was_replaced_comes_first() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|n: u128| EntryUuid::from_bytes(n.to_be_bytes()));
        let replaced = [(b, a), (c, b)];
        let generations = Generations { replaced: heights(&replaced), related: heights(&replaced) };
        assert_eq!([a, b, c, d].map(|it| generations.of(Some(it))), [2, 1, 0, 0]);
        let mut ids = [c, d, a, b].map(|it| it.to_string());
        generations.former_first(&mut ids);
        assert_eq!(ids, [a, b, c, d].map(|it| it.to_string()));
        // What cannot be ends all the same.
        heights(&[(a, b), (b, a)]);
    }

    #[test]
    fn what_is_related_to_comes_first_within_a_generation() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|n: u128| EntryUuid::from_bytes(n.to_be_bytes()));
        let generations = Generations { replaced: heights(&[(b, a)]), related: heights(&[(b, a), (c, d)]) };
        let mut ids = [b, c, d, a].map(|it| it.to_string());
        generations.former_first(&mut ids);
        assert_eq!(ids, [a, d, b, c].map(|it| it.to_string()));
    }
}
