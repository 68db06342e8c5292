//! References of a set: fresh ids for those that are in use, and no relationship that leads nowhere.
//!
//! Source: spec xdm R-32-57, R-32-58.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Importer, Running};
use crate::{
    model::{
        AssociationType, EntryUuid, PatientId, RequestContext, XdsErrorCode,
        rim::{Classification, RegistryObject, RimKind, SubmitObjectsRequest},
        vocabulary as v,
        xdm::{PackageFinding, SetReport, XdmCode},
    },
    service::xdm::import::{settings::Unresolved, submission::is_package},
    store::StoreError,
};

const UNRESOLVED: &str = "a relationship leads to a document that is neither in the package nor here";

impl Importer {
    /// Folders that are here already, fresh ids for those that are in use, and no relationship that leads nowhere (R-32-57,
    /// R-32-58). The entryUUIDs that stand for others of this set; they hold once it is taken.
    pub(super) async fn settle_references(
        &self,
        ctx: &mut RequestContext,
        running: &Running<'_>,
        submit: &mut SubmitObjectsRequest,
        set: &mut SetReport,
        patient: &PatientId,
    ) -> Result<HashMap<EntryUuid, EntryUuid>, StoreError> {
        let mut minted = self.join_folders(submit, patient).await?;
        let own: Vec<EntryUuid> = submit.objects.iter().filter_map(|it| it.id.as_deref()?.parse().ok()).collect();
        let targets = submit.objects.iter().filter_map(|object| match &object.kind {
            RimKind::Association { target_object, .. } => target_object.parse::<EntryUuid>().ok(),
            _ => None,
        });
        let asked: Vec<EntryUuid> = own.iter().copied().chain(targets).collect();
        let known = self.store.read().await?.resolve(&asked).await?;
        for uuid in own.iter().filter(|uuid| known.contains_key(uuid)) {
            minted.insert(*uuid, ctx.fresh_uuid());
        }
        let here: BTreeSet<EntryUuid> = own.into_iter().collect();
        let file = set.folder.clone();
        let mut dropped: HashSet<Box<str>> = HashSet::new();
        submit.objects.retain(|object| {
            let RimKind::Association { association_type, target_object, .. } = &object.kind else { return true };
            let Ok(target) = target_object.parse::<EntryUuid>() else { return true };
            let kind = AssociationType::from_urn(association_type);
            if here.contains(&target) || kind.is_none() {
                return true;
            }
            // Sets of one package may speak of those before them.
            let taken = running.taken.contains(&target);
            let there = taken || known.contains_key(&target);
            let replaces = kind.is_some_and(AssociationType::replaces);
            let text = match (there, replaces) {
                (true, true) if !self.settings.replace && !taken => {
                    "a replacement of a document that is here was left out"
                }
                (true, _) => return true,
                (false, _) => "a relationship to a document that is neither in the package nor here was left out",
            };
            let finding = match self.settings.unresolved {
                Unresolved::Refused if !there => {
                    PackageFinding::error(XdsErrorCode::UnresolvedReference, &*file, UNRESOLVED)
                }
                _ => PackageFinding::warning(XdmCode::PartialRelationship, &*file, text),
            };
            set.findings.push(finding.at(target.to_string()));
            dropped.extend(object.id.clone());
            false
        });
        set.settle();
        // What is left out is no member of the set either.
        submit.objects.retain(|object| !member(object).is_some_and(|target| dropped.contains(target)));
        // What the set brings itself is not that of a set before it.
        let before = |uuid: &EntryUuid| running.minted.get(uuid).filter(|_| !here.contains(uuid));
        let fresh = |uuid: &EntryUuid| minted.get(uuid).or_else(|| before(uuid)).copied();
        if !(minted.is_empty() && running.minted.is_empty()) {
            submit.objects.iter_mut().for_each(|object| rename(object, &fresh));
            let beside = submit.classifications.iter_mut();
            beside.for_each(|it| replace(it.classified_object.as_mut(), &fresh));
        }
        Ok(minted)
    }

    /// Takes out the folders whose uniqueId is registered for this patient: their members come into those that are here
    /// (R-42-30).
    pub(super) async fn join_folders(
        &self,
        submit: &mut SubmitObjectsRequest,
        patient: &PatientId,
    ) -> Result<HashMap<EntryUuid, EntryUuid>, StoreError> {
        let brought: Vec<(Box<str>, Box<str>)> = submit
            .objects
            .iter()
            .filter(|object| is_package(object, submit, v::FOLDER_NODE))
            .filter_map(|folder| Some((folder.id.clone()?, folder.external_identifier(v::FD_UNIQUE_ID)?.into())))
            .collect();
        if brought.is_empty() {
            return Ok(HashMap::new());
        }
        let mut tx = self.store.read().await?;
        let Some(row) = tx.find_patient(patient).await? else { return Ok(HashMap::new()) };
        let unique_ids: Vec<&str> = brought.iter().map(|(_, unique_id)| &**unique_id).collect();
        let here: HashMap<Box<str>, EntryUuid> = tx
            .folders_named(row.survivor_key, &unique_ids)
            .await?
            .into_iter()
            .filter_map(|(place, uuid)| Some((brought.get(place)?.0.clone(), uuid)))
            .collect();
        submit.objects.retain(|object| {
            let is_joined = object.id.as_ref().is_some_and(|id| here.contains_key(id));
            !is_joined && !member(object).is_some_and(|target| here.contains_key(target))
        });
        let is_beside = |it: &Classification| it.classified_object.as_ref().is_some_and(|id| here.contains_key(id));
        submit.classifications.retain(|it| !is_beside(it));
        for object in &mut submit.objects {
            if let RimKind::Association { source_object, .. } = &mut object.kind
                && let Some(uuid) = here.get(source_object)
            {
                *source_object = uuid.to_string().into();
            }
        }
        Ok(here.iter().filter_map(|(id, uuid)| Some((id.parse().ok()?, *uuid))).collect())
    }
}

/// What an association of membership has as member.
fn member(object: &RegistryObject) -> Option<&str> {
    match &object.kind {
        RimKind::Association { association_type, target_object, .. } => {
            let kind = AssociationType::from_urn(association_type);
            (kind == Some(AssociationType::HasMember)).then_some(&**target_object)
        }
        _ => None,
    }
}

fn rename(object: &mut RegistryObject, fresh: &dyn Fn(&EntryUuid) -> Option<EntryUuid>) {
    replace(object.id.as_mut(), fresh);
    if let RimKind::Association { source_object, target_object, .. } = &mut object.kind {
        replace(Some(source_object), fresh);
        replace(Some(target_object), fresh);
    }
    object.classifications.iter_mut().for_each(|it| replace(it.classified_object.as_mut(), fresh));
    object.external_identifiers.iter_mut().for_each(|it| replace(it.registry_object.as_mut(), fresh));
}

fn replace(id: Option<&mut Box<str>>, fresh: &dyn Fn(&EntryUuid) -> Option<EntryUuid>) {
    if let Some(id) = id
        && let Some(fresh) = id.parse().ok().and_then(|uuid| fresh(&uuid))
    {
        *id = fresh.to_string().into();
    }
}
