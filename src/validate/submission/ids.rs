//! Stage 2: identifiers and references. Every symbol becomes one fresh UUID, the same everywhere in the submission.
//!
//! Source: ITI TF-3 §4.1.12.3, §4.2.3.2.6 (R-42-10 to R-42-12, R-META-32, R-META-36).

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
};

use super::structure::Draft;
use crate::{
    model::{EntryUuid, ObjectId, rim::RimKind},
    validate::report::{Report, shown},
};

/// One end of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The object with this number in the submission.
    Inside(usize),
    /// An object that may be in the registry.
    Outside(EntryUuid),
    /// A symbol that the submission does not define.
    Undefined,
}

/// Whether two URNs of the standard are the same: hexadecimal digits and `urn:` in any case (spec §8, 16).
pub(super) fn same_urn(known: &str, found: &str) -> bool {
    known.eq_ignore_ascii_case(found)
}

/// The form in which ids are compared: UUIDs in lower case, symbols as they are.
pub(super) fn id_key(id: &str) -> Cow<'_, str> {
    let is_uuid = id.get(..9).is_some_and(|prefix| prefix.eq_ignore_ascii_case("urn:uuid:"));
    if is_uuid && id.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(id.to_ascii_lowercase())
    } else {
        Cow::Borrowed(id)
    }
}

/// Whether a reference names the object with this id.
pub(super) fn same_id(reference: &str, id: Option<&str>) -> bool {
    id.is_some_and(|id| id_key(reference) == id_key(id))
}

/// The ids of a submission after stage 2.
pub(super) struct Ids {
    /// The UUID of each object, by its number.
    pub(super) uuids: Vec<EntryUuid>,
    by_key: HashMap<String, usize>,
}

impl Ids {
    /// Checks all ids and gives UUIDs for symbols.
    pub(super) fn assign(drafts: &[Draft], fresh: &mut dyn FnMut() -> EntryUuid, report: &mut Report) -> Self {
        let mut ids = Self { uuids: Vec::with_capacity(drafts.len()), by_key: HashMap::with_capacity(drafts.len()) };
        for (number, draft) in drafts.iter().enumerate() {
            let uuid = ids.own_id(number, draft, report);
            ids.uuids.push(uuid.unwrap_or_else(&mut *fresh));
            check_logical_id(draft, report);
            check_references(draft, report);
        }
        ids
    }

    /// The UUID of the object itself, if it brings one.
    fn own_id(&mut self, number: usize, draft: &Draft, report: &mut Report) -> Option<EntryUuid> {
        let label = &draft.label;
        let Some(id) = draft.object.id.as_deref() else {
            // Old senders leave it out on associations (spec §8, 23).
            if !matches!(draft.object.kind, RimKind::Association { .. }) {
                report.metadata("R-42-15", format!("{label}: missing entryUUID (the attribute id)"));
            }
            return None;
        };
        match self.by_key.entry(id_key(id).into_owned()) {
            Entry::Occupied(_) => {
                report.metadata("R-42-11", format!("{label}: the id {} is used by two objects", shown(id)));
            }
            Entry::Vacant(entry) => {
                entry.insert(number);
            }
        }
        match id.parse() {
            Ok(ObjectId::Uuid(uuid)) => Some(uuid),
            Ok(ObjectId::Symbolic(_)) => None,
            Err(error) => {
                report.metadata("R-META-32", format!("{label}: id {} is refused: {error}", shown(id)));
                None
            }
        }
    }

    /// What a reference points to; faulty ones were found by [`Ids::assign`] and end here as undefined.
    pub(super) fn resolve(&self, reference: &str) -> End {
        match (self.by_key.get(&*id_key(reference)), reference.parse()) {
            (Some(number), _) => End::Inside(*number),
            (None, Ok(ObjectId::Uuid(uuid))) => End::Outside(uuid),
            (None, _) => End::Undefined,
        }
    }

    /// The UUID behind an end, if there is one.
    pub(super) fn uuid(&self, end: End) -> Option<EntryUuid> {
        match end {
            End::Inside(number) => self.uuids.get(number).copied(),
            End::Outside(uuid) => Some(uuid),
            End::Undefined => None,
        }
    }
}

fn check_logical_id(draft: &Draft, report: &mut Report) {
    let label = &draft.label;
    if let Some(lid) = draft.object.lid.as_deref().filter(|lid| !lid.is_empty())
        && !same_id(lid, draft.object.id.as_deref())
    {
        let context = format!(
            "{label}: lid {} differs from the id, which would be an update; ITI-42 registers new objects only",
            shown(lid)
        );
        report.metadata("R-META-36", context);
    }
}

/// Ids of sub-objects, and both ends of an association. The ids of sub-objects are replaced, so they may repeat.
fn check_references(draft: &Draft, report: &mut Report) {
    let label = &draft.label;
    let classifications =
        draft.object.classifications.iter().filter_map(|c| Some(("Classification id", c.id.as_deref()?)));
    let identifiers =
        draft.object.external_identifiers.iter().filter_map(|x| Some(("ExternalIdentifier id", x.id.as_deref()?)));
    let ends = match &draft.object.kind {
        RimKind::Association { source_object, target_object, .. } => {
            vec![("sourceObject", &**source_object), ("targetObject", &**target_object)]
        }
        RimKind::ExtrinsicObject { .. } | RimKind::RegistryPackage => Vec::new(),
    };
    for (what, end) in &ends {
        if end.is_empty() {
            report.metadata("R-42-15", format!("{label}: missing {what}"));
        }
    }
    for (what, id) in classifications.chain(identifiers).chain(ends) {
        if let Err(error) = id.parse::<ObjectId>() {
            report.metadata("R-META-32", format!("{label}: {what} {} is refused: {error}", shown(id)));
        }
    }
}
