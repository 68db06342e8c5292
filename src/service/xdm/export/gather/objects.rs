//! What the objects of a registry are to an export.

use std::collections::HashMap;

use crate::{
    client::Query,
    model::{
        AssociationType, EntryUuid, RequestContext,
        rim::{RegistryObject, RimKind},
        vocabulary as v,
    },
    service::xdm::export::{
        ExportError, Homes, Origin,
        metadata::{off_line, slot},
    },
};

/// What an object is to an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    NoDocument,
    /// It has no document yet (R-32-17).
    OnDemand,
    Deprecated,
    Stable,
}

pub(super) fn what_is(object: &RegistryObject) -> What {
    let is_on_demand =
        object.object_type.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(v::OBJECT_TYPE_ON_DEMAND));
    match object.kind {
        RimKind::ExtrinsicObject { .. } if is_on_demand => What::OnDemand,
        RimKind::ExtrinsicObject { .. } if object.status.as_deref() == Some(v::STATUS_DEPRECATED) => What::Deprecated,
        RimKind::ExtrinsicObject { .. } => What::Stable,
        RimKind::RegistryPackage | RimKind::Association { .. } => What::NoDocument,
    }
}

pub(super) fn patient_of(entry: &RegistryObject) -> Option<String> {
    entry.external_identifier(v::DE_PATIENT_ID).map(str::to_owned)
}

/// The set with which each entry was submitted.
pub(super) async fn original_sets(
    ctx: &mut RequestContext,
    origin: &Origin,
    entries: &[RegistryObject],
    homes: &Homes,
) -> Result<HashMap<String, RegistryObject>, ExportError> {
    let uuids = entries.iter().filter_map(|entry| entry.id.as_deref().map(str::to_owned));
    let query = Query::new(v::QUERY_GET_SUBMISSION_SETS).list("$uuid", uuids);
    let objects = origin.objects(ctx, &query.build()).await?;
    let mut sets: HashMap<EntryUuid, RegistryObject> = HashMap::new();
    for object in objects.iter().filter(|object| matches!(object.kind, RimKind::RegistryPackage)) {
        let mut set = object.clone();
        off_line(&mut set, homes);
        if let Some(uuid) = uuid_of(object) {
            sets.insert(uuid, set);
        }
    }
    let mut found = HashMap::new();
    for association in &objects {
        let Some(Ends { source, target, .. }) = ends_of(association) else { continue };
        let is_original = slot(association, v::SLOT_SUBMISSION_SET_STATUS) == "Original";
        if let Some(set) = sets.get(&source).filter(|_| is_original) {
            found.insert(target.to_string(), set.clone());
        }
    }
    Ok(found)
}

pub(in crate::service::xdm::export) struct Ends {
    pub(in crate::service::xdm::export) kind: AssociationType,
    pub(in crate::service::xdm::export) source: EntryUuid,
    pub(in crate::service::xdm::export) target: EntryUuid,
}

pub(in crate::service::xdm::export) fn ends_of(object: &RegistryObject) -> Option<Ends> {
    let RimKind::Association { association_type, source_object, target_object } = &object.kind else { return None };
    let kind = AssociationType::from_urn(association_type)?;
    Some(Ends { kind, source: source_object.parse().ok()?, target: target_object.parse().ok()? })
}

pub(in crate::service::xdm::export) fn uuid_of(object: &RegistryObject) -> Option<EntryUuid> {
    object.id.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_17_on_demand_documents_are_told_from_stable_ones() {
        let entry = |kind: &str, status: &str| {
            let mut entry = RegistryObject::new(RimKind::ExtrinsicObject { mime_type: None });
            (entry.object_type, entry.status) = (Some(kind.into()), Some(status.into()));
            what_is(&entry)
        };
        assert_eq!(entry(v::OBJECT_TYPE_ON_DEMAND, v::STATUS_APPROVED), What::OnDemand);
        assert_eq!(entry(&v::OBJECT_TYPE_ON_DEMAND.to_uppercase(), v::STATUS_DEPRECATED), What::OnDemand);
        assert_eq!(entry(v::OBJECT_TYPE_STABLE, v::STATUS_APPROVED), What::Stable);
        assert_eq!(entry(v::OBJECT_TYPE_STABLE, v::STATUS_DEPRECATED), What::Deprecated);
        assert_eq!(what_is(&RegistryObject::new(RimKind::RegistryPackage)), What::NoDocument);
    }
}
