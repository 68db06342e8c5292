//! What is asked of a submission as it was sent.

use crate::model::{
    PatientId,
    rim::{Classification, RegistryObject, RimKind, Slot, SubmitObjectsRequest},
    vocabulary as v,
};

/// The SubmissionSet, whether its mark stands in it or beside it.
pub(super) fn submission_set(submit: &SubmitObjectsRequest) -> Option<&RegistryObject> {
    submit.objects.iter().find(|object| is_package(object, submit, v::SUBMISSION_SET_NODE))
}

/// Whether an object is a package with this mark.
pub(super) fn is_package(object: &RegistryObject, submit: &SubmitObjectsRequest, node: &str) -> bool {
    let has = |it: &Classification| it.classification_node.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(node));
    let beside = |it: &&Classification| {
        it.classified_object.is_some() && it.classified_object.as_deref() == object.id.as_deref()
    };
    object.kind == RimKind::RegistryPackage
        && (object.classifications.iter().any(has) || submit.classifications.iter().filter(beside).any(has))
}

/// The DocumentEntries.
pub(super) fn entries(submit: &SubmitObjectsRequest) -> impl Iterator<Item = &RegistryObject> {
    submit.objects.iter().filter(|object| is_entry(object))
}

/// The same, to be changed.
pub(super) fn entries_mut(submit: &mut SubmitObjectsRequest) -> impl Iterator<Item = &mut RegistryObject> {
    submit.objects.iter_mut().filter(|object| is_entry(object))
}

/// Whether an object is a DocumentEntry.
pub(super) fn is_entry(object: &RegistryObject) -> bool {
    matches!(object.kind, RimKind::ExtrinsicObject { .. })
}

/// The only value of a slot, or its first one.
pub(super) fn value<'a>(object: &'a RegistryObject, slot: &str) -> Option<&'a str> {
    value_of(&object.slots, slot)
}

/// The same of some slots.
pub(super) fn value_of<'a>(slots: &'a [Slot], name: &str) -> Option<&'a str> {
    let slot = slots.iter().find(|slot| &*slot.name == name)?;
    slot.values.iter().map(|value| &**value).find(|value| !value.is_empty())
}

/// mimeType, empty where there is none.
pub(super) fn mime_type(entry: &RegistryObject) -> &str {
    match &entry.kind {
        RimKind::ExtrinsicObject { mime_type } => mime_type.as_deref().unwrap_or_default(),
        _ => "",
    }
}

/// The scheme of the patientId of each kind of object.
pub(super) const PATIENT_SCHEMES: [&str; 3] = [v::SS_PATIENT_ID, v::DE_PATIENT_ID, v::FD_PATIENT_ID];

/// Every patientId that is not empty, with the object that has it.
pub(super) fn patient_ids(submit: &SubmitObjectsRequest) -> impl Iterator<Item = (&RegistryObject, &str)> {
    submit.objects.iter().filter_map(|object| Some((object, patient_id_of(object)?)))
}

/// The patientId of one object, where it is not empty.
pub(super) fn patient_id_of(object: &RegistryObject) -> Option<&str> {
    let id = PATIENT_SCHEMES.iter().find_map(|scheme| object.external_identifier(scheme))?;
    Some(id).filter(|id| !id.is_empty())
}

/// A patient number as senders write it: as CX with an OID, whatever else its components hold.
pub(super) fn read_cx(text: &str) -> Option<PatientId> {
    if let Ok(id) = text.parse() {
        return Some(id);
    }
    let mut components = text.split('^');
    let id = crate::model::unescape_component(components.next()?)?;
    let mut authority = components.nth(2)?.split('&').skip(1);
    let oid = authority.next()?.parse().ok()?;
    if authority.next()? != "ISO" {
        return None;
    }
    PatientId::new(&id, oid).ok()
}
