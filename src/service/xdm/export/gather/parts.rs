//! Submission sets whose metadata are more than one METADATA.XML may hold: each part of such a set is a set of its own.
//!
//! The first part keeps the identity of the set. Documents go into the parts in their order, so that what they relate to is
//! in a part before or in the same one.
//!
//! Source: R-32-06, R-32-48; spec xdm §10 (an importer reads at most 32 MiB); docs/adr/0006.

use openssl::sha::sha256;

use super::Planner;
use crate::{
    model::{RequestContext, rim::RegistryObject, vocabulary as v},
    service::xdm::export::{
        ExportError,
        draft::{Draft, Part},
        submission_set::new_set,
    },
};

/// Octets of metadata that hardly any document goes beyond.
const LARGE_ENTRY_BYTES: u64 = 8 << 10;

/// Whose a document is.
pub(super) struct Patient {
    pub(super) in_package: Option<String>,
    /// At the origin.
    pub(super) known_as: Option<String>,
}

impl Planner<'_> {
    /// Whether so many documents may be too much for one set: then it matters in which order they come.
    pub(super) fn may_be_divided(&self, documents: usize) -> bool {
        let limits = &self.request.set_limits;
        documents > limits.documents || documents as u64 > limits.metadata_bytes / 8 / LARGE_ENTRY_BYTES
    }

    /// The draft for a document: the last one with this key, or a new one where there is none or that is full. `set` is the one
    /// that is rebuilt.
    pub(super) fn place_of(
        &mut self,
        ctx: &mut RequestContext,
        key: String,
        set: Option<RegistryObject>,
        patient: Patient,
        document_unique_id: &str,
    ) -> Result<usize, ExportError> {
        let next = self.plan.drafts.len();
        let last = self.by_key.get(&key).and_then(|place| Some((*place, self.plan.drafts.get_mut(*place)?)));
        let (set, part) = match (last, set) {
            (Some((place, draft)), _) if !draft.is_full(&self.request.set_limits, self.request.sets) => {
                return Ok(place);
            }
            (Some((_, draft)), set) => {
                draft.shrink()?;
                let part = Part { number: draft.part.number + 1, ..draft.part };
                (set.map(|set| continuation(ctx, set, document_unique_id)), part)
            }
            (None, set) => (set, Part { first: next, number: 1, of: 1 }),
        };
        let Patient { in_package, known_as } = patient;
        let set = set.unwrap_or_else(|| new_set(ctx, self.request, in_package.as_deref()));
        self.plan.drafts.push(Draft::new(next, set, in_package, known_as, part)?);
        self.by_key.insert(key, next);
        Ok(next)
    }

    /// Lets every part of a divided set say which one it is, and of what.
    pub(super) fn tell_of_parts(&mut self) {
        let mut wholes: Vec<(usize, String)> =
            self.plan.drafts.iter().map(|draft| (0, draft.unique_id().to_owned())).collect();
        for Part { first, .. } in self.plan.drafts.iter().map(|draft| draft.part) {
            if let Some((parts, _)) = wholes.get_mut(first) {
                *parts += 1;
            }
        }
        for draft in &mut self.plan.drafts {
            let Some((parts @ 2.., first)) = wholes.get(draft.part.first) else { continue };
            draft.part.of = *parts;
            let number = draft.part.number;
            draft.set.add_comment(&format!("Part {number} of {parts}; the first part is submission set {first}."));
        }
        let divided = wholes.iter().filter(|(parts, _)| *parts > 1).count();
        if divided > 0 {
            let text =
                format!("{divided} submission sets are divided: their metadata are too large for one METADATA.XML");
            self.plan.warnings.push(text);
        }
    }
}

/// A set that goes on with another: the same but for its identity, which is the same each time that it begins with this document.
fn continuation(ctx: &mut RequestContext, mut set: RegistryObject, document_unique_id: &str) -> RegistryObject {
    let whole = set.external_identifier(v::SS_UNIQUE_ID).unwrap_or_default();
    let unique_id = name_based_oid(&format!("{whole}\n{document_unique_id}"));
    let mut fresh = || Some(Box::from(ctx.fresh_uuid().to_string()));
    set.id = fresh();
    for classification in &mut set.classifications {
        (classification.id, classification.classified_object) = (fresh(), set.id.clone());
    }
    for identifier in &mut set.external_identifiers {
        (identifier.id, identifier.registry_object) = (fresh(), set.id.clone());
        if identifier.identification_scheme.eq_ignore_ascii_case(v::SS_UNIQUE_ID) {
            identifier.value = unique_id.as_str().into();
        }
    }
    set
}

/// An OID below 2.25, made of a name. Source: ITU-T X.667 §7; RFC 9562 §5.8 (UUID of version 8).
fn name_based_oid(name: &str) -> String {
    let [half, ..] = *sha256(name.as_bytes()).as_chunks::<16>().0 else { return String::new() };
    let uuid = u128::from_be_bytes(half) & !(0xf << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    format!("2.25.{uuid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntryUuid, Oid};

    #[test]
    fn names_of_parts_are_uuids_of_version_8() {
        let oid = name_based_oid("2.999.1\n2.999.2");
        assert!(oid.parse::<Oid>().is_ok());
        assert_eq!(oid, name_based_oid("2.999.1\n2.999.2"));
        assert_ne!(oid, name_based_oid("2.999.1\n2.999.3"));
        let number: u128 = oid.trim_start_matches("2.25.").parse().expect("a number");
        let uuid = EntryUuid::from_bytes(number.to_be_bytes()).to_string();
        assert!(uuid.as_bytes()[9 + 14] == b'8' && b"89ab".contains(&uuid.as_bytes()[9 + 19]), "{uuid}");
    }
}
