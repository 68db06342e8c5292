//! What becomes of metadata on a medium: only what has a meaning off line.
//!
//! Source: ITI TF-3 §4.3.1 (column XDM MC), R-32-13 to R-32-18, R-32-49.

use super::{Detail, ExportRequest, Homes};
use crate::model::{
    AssociationType, RequestContext, Sha1Hash,
    rim::{Classification, RegistryObject, RimKind, Slot},
    vocabulary as v,
};

/// What limited metadata still say of a document: R, and what a person needs to find it.
const LIMITED_SLOTS: [&str; 6] = [
    v::SLOT_CREATION_TIME,
    v::SLOT_HASH,
    v::SLOT_SIZE,
    v::SLOT_SOURCE_PATIENT_ID,
    v::SLOT_SOURCE_PATIENT_INFO,
    v::SLOT_URI,
];
const LIMITED_CODES: [&str; 2] = [v::DE_TYPE_CODE, v::DE_CONFIDENTIALITY_CODE];

/// The first value of a slot, empty where there is none.
pub(super) fn slot<'a>(object: &'a RegistryObject, name: &str) -> &'a str {
    object.slot(name).and_then(|slot| slot.values.first()).map(|value| &**value).unwrap_or_default()
}

/// Gives a slot one value, in the place where it stood.
pub(super) fn set_slot(object: &mut RegistryObject, name: &str, value: &str) {
    let values = vec![value.into()];
    match object.slots.iter_mut().find(|slot| &*slot.name == name) {
        Some(slot) => slot.values = values,
        None => object.slots.push(Slot { name: name.into(), values }),
    }
}

/// The classifications of a scheme.
pub(super) fn of_scheme<'a>(
    object: &'a RegistryObject,
    scheme: &'a str,
) -> impl Iterator<Item = &'a Classification> + 'a {
    object
        .classifications
        .iter()
        .filter(move |it| it.classification_scheme.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(scheme)))
}

/// Takes away what has no meaning off line: home, if it is not wanted, version, status, where documents are kept.
pub(super) fn off_line(object: &mut RegistryObject, homes: &Homes) {
    let home = object.home.take();
    object.home = match (&object.kind, homes) {
        (RimKind::Association { .. }, _) | (_, Homes::LeftOut) => None,
        (_, Homes::Kept(own)) => own.as_ref().map(|own| own.to_string().into()).or(home),
    };
    (object.lid, object.version_name) = (None, None);
    object.status = match object.kind {
        RimKind::Association { .. } => None,
        RimKind::ExtrinsicObject { .. } | RimKind::RegistryPackage => Some(v::STATUS_APPROVED.into()),
    };
    let here_only = [v::SLOT_REPOSITORY_UNIQUE_ID, v::SLOT_DOCUMENT_AVAILABILITY, v::SLOT_URI];
    object.slots.retain(|slot| !here_only.contains(&&*slot.name) && slot.values.iter().any(|it| !it.is_empty()));
}

/// An entry as it stands on the medium, its document at `uri`.
pub(super) fn entry_on_medium(
    ctx: &mut RequestContext,
    entry: &mut RegistryObject,
    uri: &str,
    size_bytes: u64,
    sha1: Sha1Hash,
    request: &ExportRequest,
) {
    off_line(entry, &request.homes);
    set_slot(entry, v::SLOT_HASH, &sha1.to_string());
    set_slot(entry, v::SLOT_SIZE, &size_bytes.to_string());
    set_slot(entry, v::SLOT_URI, uri);
    if request.detail == Detail::Limited {
        entry.slots.retain(|slot| LIMITED_SLOTS.contains(&&*slot.name));
        entry.description.clear();
        entry.classifications.retain(|it| {
            let scheme = it.classification_scheme.as_deref().unwrap_or_default();
            LIMITED_CODES.iter().any(|kept| kept.eq_ignore_ascii_case(scheme))
        });
        mark(ctx, entry, v::DE_LIMITED_METADATA);
    }
}

/// Classifies an object with a node: what kind of package it is, or that its metadata are limited.
pub(super) fn mark(ctx: &mut RequestContext, object: &mut RegistryObject, node: &str) {
    object.classifications.push(Classification {
        id: Some(ctx.fresh_uuid().to_string().into()),
        classified_object: object.id.clone(),
        classification_node: Some(node.into()),
        object_type: Some(v::OBJECT_TYPE_CLASSIFICATION.into()),
        ..Classification::default()
    });
}

/// The membership of an object in a submission set; documents are in it as originals.
pub(super) fn member(ctx: &mut RequestContext, set: &str, object: &str, is_document: bool) -> RegistryObject {
    let kind = RimKind::Association {
        association_type: AssociationType::HasMember.as_urn().into(),
        source_object: set.into(),
        target_object: object.into(),
    };
    let mut member = RegistryObject::new(kind);
    member.id = Some(ctx.fresh_uuid().to_string().into());
    member.object_type = Some(v::OBJECT_TYPE_ASSOCIATION.into());
    if is_document {
        set_slot(&mut member, v::SLOT_SUBMISSION_SET_STATUS, "Original");
    }
    member
}
