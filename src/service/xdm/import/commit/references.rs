//! References of a set: fresh ids for those that are in use, and no relationship that leads nowhere.
//!
//! Source: spec xdm R-32-57, R-32-58.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Importer, Running, present::Here};
use crate::{
    model::{
        AssociationType, EntryUuid, PatientId, RequestContext, XdsErrorCode,
        rim::{Classification, RegistryObject, RimKind, Slot, SubmitObjectsRequest},
        vocabulary as v,
        xdm::{PackageFinding, SetReport, XdmCode},
    },
    service::xdm::import::{
        settings::Unresolved,
        submission::{is_package, submission_set},
    },
    store::{AssociationRow, ResolvedObject, StoreError},
};

/// What a relationship is left out for, and how much that is worth a word.
enum LeftOut {
    /// It is registered already.
    Registered,
    /// The registry takes none such, or not from this house.
    Refused(&'static str),
    /// One of its ends is neither in the package nor here (R-32-58).
    Nowhere(&'static str),
}

/// SubmissionSetStatus of a document that was registered before.
const REFERENCE: &str = "Reference";

const NO_TARGET: &str = "a relationship to a document that is neither in the package nor here was left out";
const NO_SOURCE: &str = "a relationship of a document that is neither in the package nor here was left out";
const OF_ANOTHER_SET: &str = "a relationship of a document that the set does not bring was left out";
const OUT_OF_REACH: &str = "a relationship to a document that is here, and that the set cannot refer to, was left out";
const NO_RIGHT: &str = "a replacement of a document that is here was left out";

/// A relationship between two objects, its ends as they are, or would be, registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Link {
    kind: AssociationType,
    source: EntryUuid,
    target: EntryUuid,
}

/// What is known of the ends of the relationships of a set.
struct Ends<'a> {
    running: &'a Running<'a>,
    /// What the set brings.
    own: BTreeSet<EntryUuid>,
    /// Its documents that are here already.
    here: &'a Here,
    /// Objects of the registry.
    known: HashMap<EntryUuid, ResolvedObject>,
    /// Relationships of documents that are here, and memberships of folders that are here.
    registered: HashSet<Link>,
    replace: bool,
}

impl Ends<'_> {
    /// Under which entryUUID an end is registered that the set does not bring.
    fn outside(&self, end: EntryUuid) -> EntryUuid {
        match self.here.get(&end) {
            Some(registered) => registered.map_or(end, |it| it.entry_uuid),
            // Sets of one package may speak of those before them.
            None => self.running.minted.get(&end).copied().unwrap_or(end),
        }
    }

    fn is_there(&self, end: EntryUuid) -> bool {
        self.here.contains_key(&end) || self.running.taken.contains(&end) || self.known.contains_key(&self.outside(end))
    }

    /// Why a relationship is not registered, if it is not.
    fn left_out(&self, kind: AssociationType, source: EntryUuid, target: EntryUuid) -> Option<LeftOut> {
        let is_own = |end| self.own.contains(&end);
        let is_membership = kind == AssociationType::HasMember;
        let link = Link { kind, source: self.outside(source), target: self.outside(target) };
        if !is_own(source) && !is_own(target) && self.registered.contains(&link) {
            return Some(LeftOut::Registered);
        }
        if !is_own(source) && !self.is_there(source) {
            return Some(LeftOut::Nowhere(NO_SOURCE));
        }
        if !is_own(source) && !is_membership {
            return Some(LeftOut::Refused(OF_ANOTHER_SET));
        }
        if is_own(target) {
            return None;
        }
        if !self.is_there(target) {
            return Some(LeftOut::Nowhere(NO_TARGET));
        }
        if let Some(registered) = self.here.get(&target)
            && !registered.is_some_and(|it| it.is_in_reach)
        {
            return Some(LeftOut::Refused(OUT_OF_REACH));
        }
        let may_replace = self.replace || self.running.taken.contains(&target);
        (kind.replaces() && !may_replace).then_some(LeftOut::Refused(NO_RIGHT))
    }
}

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
        here: &Here,
    ) -> Result<HashMap<EntryUuid, EntryUuid>, StoreError> {
        let mut minted = self.join_folders(submit, patient).await?;
        minted.extend(here.iter().filter_map(|(sent, registered)| Some((*sent, (*registered)?.entry_uuid))));
        let own: BTreeSet<EntryUuid> = submit.objects.iter().filter_map(|it| it.id.as_deref()?.parse().ok()).collect();
        let ends = self.ends(running, submit, own, here).await?;
        for uuid in ends.own.iter().filter(|uuid| ends.known.contains_key(uuid)) {
            minted.insert(*uuid, ctx.fresh_uuid());
        }
        let set_id = submission_set(submit).and_then(|it| it.id.as_deref()?.parse::<EntryUuid>().ok());
        let mut dropped: HashSet<Box<str>> = HashSet::new();
        let mut referred: HashSet<(EntryUuid, EntryUuid)> = HashSet::new();
        submit.objects.retain_mut(|object| {
            let Some((kind, source, target)) = link(object) else { return true };
            let left_out = ends.left_out(kind, source, target);
            let is_member_outside = kind == AssociationType::HasMember && !ends.own.contains(&target);
            // Two entries of the set may be one here.
            let is_twice = is_member_outside && left_out.is_none() && !referred.insert((source, ends.outside(target)));
            let left_out = if is_twice { Some(LeftOut::Registered) } else { left_out };
            if is_member_outside && Some(source) == set_id && here.contains_key(&target) {
                object.slots.retain(|slot| &*slot.name != v::SLOT_SUBMISSION_SET_STATUS);
                let values = vec![REFERENCE.into()];
                object.slots.push(Slot { name: v::SLOT_SUBMISSION_SET_STATUS.into(), values });
                // That it is here already is told of the document.
                return left_out.is_none();
            }
            let finding = match left_out {
                None => return true,
                Some(LeftOut::Registered) => None,
                Some(LeftOut::Nowhere(text)) if self.settings.unresolved == Unresolved::Refused => {
                    Some(PackageFinding::error(XdsErrorCode::UnresolvedReference, &*set.folder, text))
                }
                Some(LeftOut::Nowhere(text) | LeftOut::Refused(text)) => {
                    Some(PackageFinding::warning(XdmCode::PartialRelationship, &*set.folder, text))
                }
            };
            set.findings.extend(finding.map(|it| it.at(target.to_string())));
            dropped.extend(object.id.clone());
            false
        });
        set.settle();
        // What is left out is no member of the set either.
        submit.objects.retain(|object| !member(object).is_some_and(|target| dropped.contains(target)));
        // What the set brings itself is not that of a set before it.
        let before = |uuid: &EntryUuid| running.minted.get(uuid).filter(|_| !ends.own.contains(uuid));
        let fresh = |uuid: &EntryUuid| minted.get(uuid).or_else(|| before(uuid)).copied();
        if !(minted.is_empty() && running.minted.is_empty()) {
            submit.objects.iter_mut().for_each(|object| rename(object, &fresh));
            let beside = submit.classifications.iter_mut();
            beside.for_each(|it| replace(it.classified_object.as_mut(), &fresh));
        }
        Ok(minted)
    }

    /// Asks the registry for the ends of the relationships of a set.
    async fn ends<'a>(
        &self,
        running: &'a Running<'_>,
        submit: &SubmitObjectsRequest,
        own: BTreeSet<EntryUuid>,
        here: &'a Here,
    ) -> Result<Ends<'a>, StoreError> {
        let replace = self.settings.replace;
        let mut ends = Ends { running, own, here, known: HashMap::new(), registered: HashSet::new(), replace };
        let links: Vec<(AssociationType, EntryUuid, EntryUuid)> = submit.objects.iter().filter_map(link).collect();
        let outside = |end: &EntryUuid| !ends.own.contains(end);
        let named = links.iter().flat_map(|(_, source, target)| [*source, *target]).filter(outside);
        let asked: BTreeSet<EntryUuid> = ends.own.iter().copied().chain(named.map(|end| ends.outside(end))).collect();
        let asked: Vec<EntryUuid> = asked.into_iter().collect();
        let mut tx = self.store.read().await?;
        let between = |it: &&(AssociationType, EntryUuid, EntryUuid)| outside(&it.1) && outside(&it.2);
        let (kinds, targets): (Vec<AssociationType>, Vec<EntryUuid>) =
            links.iter().filter(between).map(|(kind, _, target)| (*kind, ends.outside(*target))).unzip();
        if !targets.is_empty() {
            let rows = tx.association_sources(&targets, &kinds).await?.into_iter();
            let row = |it: AssociationRow| Link { kind: it.association_type, source: it.source, target: it.target };
            ends.registered = rows.map(row).collect();
        }
        ends.known = tx.resolve(&asked).await?;
        Ok(ends)
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

/// Kind and ends of an association that a registry knows.
fn link(object: &RegistryObject) -> Option<(AssociationType, EntryUuid, EntryUuid)> {
    match &object.kind {
        RimKind::Association { association_type, source_object, target_object } => {
            let kind = AssociationType::from_urn(association_type)?;
            Some((kind, source_object.parse().ok()?, target_object.parse().ok()?))
        }
        _ => None,
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
