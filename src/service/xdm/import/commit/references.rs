//! References of a set: fresh ids for those that are in use, and no relationship that leads nowhere.
//!
//! Source: spec xdm R-32-57, R-32-58.

use std::collections::{BTreeSet, HashMap};

use super::{Importer, Running};
use crate::{
    model::{
        AssociationType, EntryUuid, RequestContext, XdsErrorCode,
        rim::{RegistryObject, RimKind, SubmitObjectsRequest},
        xdm::{PackageFinding, SetReport, XdmCode},
    },
    service::xdm::import::settings::Unresolved,
    store::StoreError,
};

const UNRESOLVED: &str = "a relationship leads to a document that is neither in the package nor here";

impl Importer {
    /// Fresh ids for those that are in use, and no relationship that leads nowhere (R-32-57, R-32-58).
    pub(super) async fn settle_references(
        &self,
        ctx: &mut RequestContext,
        running: &mut Running<'_>,
        submit: &mut SubmitObjectsRequest,
        set: &mut SetReport,
    ) -> Result<(), StoreError> {
        let own: Vec<EntryUuid> = submit.objects.iter().filter_map(|it| it.id.as_deref()?.parse().ok()).collect();
        let targets = submit.objects.iter().filter_map(|object| match &object.kind {
            RimKind::Association { target_object, .. } => target_object.parse::<EntryUuid>().ok(),
            _ => None,
        });
        let asked: Vec<EntryUuid> = own.iter().copied().chain(targets).collect();
        let known = self.store.read().await?.resolve(&asked).await?;
        for uuid in own.iter().filter(|uuid| known.contains_key(uuid)) {
            running.minted.insert(*uuid, ctx.fresh_uuid());
        }
        let here: BTreeSet<EntryUuid> = own.into_iter().collect();
        let file = set.folder.clone();
        submit.objects.retain(|object| {
            let RimKind::Association { association_type, target_object, .. } = &object.kind else { return true };
            let Ok(target) = target_object.parse::<EntryUuid>() else { return true };
            let kind = AssociationType::from_urn(association_type);
            if here.contains(&target) || kind.is_none_or(|kind| kind == AssociationType::HasMember) {
                return true;
            }
            // Sets of one package may speak of those before them.
            let taken = running.taken.contains(&target);
            let there = taken || known.contains_key(&target) || running.minted.contains_key(&target);
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
            false
        });
        set.settle();
        if !running.minted.is_empty() {
            submit.objects.iter_mut().for_each(|object| rename(object, &running.minted));
            let beside = submit.classifications.iter_mut();
            beside.for_each(|it| replace(it.classified_object.as_mut(), &running.minted));
        }
        Ok(())
    }
}

fn rename(object: &mut RegistryObject, minted: &HashMap<EntryUuid, EntryUuid>) {
    replace(object.id.as_mut(), minted);
    if let RimKind::Association { source_object, target_object, .. } = &mut object.kind {
        replace(Some(source_object), minted);
        replace(Some(target_object), minted);
    }
    object.classifications.iter_mut().for_each(|it| replace(it.classified_object.as_mut(), minted));
    object.external_identifiers.iter_mut().for_each(|it| replace(it.registry_object.as_mut(), minted));
}

fn replace(id: Option<&mut Box<str>>, minted: &HashMap<EntryUuid, EntryUuid>) {
    if let Some(id) = id
        && let Some(fresh) = id.parse().ok().and_then(|uuid: EntryUuid| minted.get(&uuid))
    {
        *id = fresh.to_string().into();
    }
}
