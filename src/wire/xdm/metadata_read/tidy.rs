//! Habits of real METADATA.XML files, brought to what the standard says.

use crate::model::{
    EntryUuid,
    rim::{RegistryObject, RimKind, Slot, SubmitObjectsRequest},
    vocabulary as v,
    xdm::{PackageFinding, PackageTolerances, XdmCode},
};

/// Changes what may be changed and tells of it.
pub(super) fn tidy(
    submit: &mut SubmitObjectsRequest,
    uris: &[Option<Box<str>>],
    file: &str,
    tolerances: &PackageTolerances,
) -> Vec<PackageFinding> {
    let mut findings = Vec::new();
    if tolerances.empty_slots {
        findings.extend(drop_empty_slots(submit, file));
    }
    if tolerances.uri_attribute {
        findings.extend(take_uri_attributes(submit, uris, file));
    }
    findings.extend(judge_ids(submit, file, tolerances));
    findings
}

/// A slot without a value is none.
fn drop_empty_slots(submit: &mut SubmitObjectsRequest, file: &str) -> Option<PackageFinding> {
    let (mut count, mut first) = (0_usize, None);
    for object in &mut submit.objects {
        let own = std::mem::take(&mut object.slots);
        let id = object.id.as_deref();
        let mut keep = |slot: &mut Slot| {
            slot.values.retain(|value| !value.is_empty());
            let empty = slot.values.is_empty();
            if empty {
                count += 1;
                first.get_or_insert_with(|| format!("{}/{}", id.unwrap_or("(no id)"), slot.name));
            }
            !empty
        };
        object.slots = own.into_iter().filter_map(|mut slot| keep(&mut slot).then_some(slot)).collect();
        for classification in &mut object.classifications {
            classification.slots.retain_mut(&mut keep);
        }
    }
    let text = format!("slots without a value were taken for absent: {count}, this is the first");
    first.map(|place| PackageFinding::warning(XdmCode::EmptySlot, file, text).at(place))
}

/// An attribute `uri` stands for a slot that is not there (R-32-37).
fn take_uri_attributes(
    submit: &mut SubmitObjectsRequest,
    uris: &[Option<Box<str>>],
    file: &str,
) -> Option<PackageFinding> {
    let mut first = None;
    let entries = submit.objects.iter_mut().filter(|object| matches!(object.kind, RimKind::ExtrinsicObject { .. }));
    for (entry, uri) in entries.zip(uris) {
        if let Some(uri) = uri
            && entry.slot(v::SLOT_URI).is_none()
        {
            entry.slots.push(Slot { name: v::SLOT_URI.into(), values: vec![uri.clone()] });
            first.get_or_insert_with(|| entry.id.as_deref().unwrap_or("(no id)").to_owned());
        }
    }
    let text = "the attribute uri was taken in place of the slot URI";
    first.map(|place| PackageFinding::warning(XdmCode::UriAttribute, file, text).at(place))
}

/// Symbolic ids become fresh UUIDs when the set is registered, all that name them alike; bare UUIDs are symbols too
/// (R-32-18).
fn judge_ids(submit: &SubmitObjectsRequest, file: &str, tolerances: &PackageTolerances) -> Option<PackageFinding> {
    let symbolic = |object: &&RegistryObject| {
        object.id.as_deref().is_none_or(|id| id.parse::<EntryUuid>().is_err())
            && !matches!(object.kind, RimKind::Association { .. })
    };
    let first = submit.objects.iter().find(symbolic)?;
    let place = first.id.as_deref().unwrap_or("(no id)").to_owned();
    let text = "an id is no urn:uuid: and gets a fresh one";
    Some(match tolerances.symbolic_ids {
        true => PackageFinding::warning(XdmCode::SymbolicId, file, text).at(place),
        false => PackageFinding::error(XdmCode::SymbolicId, file, "an id is no urn:uuid:").at(place),
    })
}
