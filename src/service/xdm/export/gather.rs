//! Which documents go into a package, and what holds them together.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3.7 (the queries), R-32-17, R-32-48 to R-32-50.

use std::collections::{HashMap, HashSet};

use super::{
    Detail, ExportError, ExportRequest, Origin, Selection, Sets,
    draft::{Draft, Plan, Wanted, media_type},
    metadata::{mark, off_line, slot},
    submission_set::{distinct_times, new_set},
    without_bsn::Pseudonyms,
};
use crate::{
    client::Query,
    model::{
        AssociationType, AvailabilityStatus, EntryUuid, RequestContext,
        rim::{RegistryObject, RimKind},
        vocabulary as v,
    },
    wire::xdm::{
        index_page::IndexPage,
        names::{DICOM_MEDIA_TYPE, bare_media_type},
    },
};

/// Objects that are asked for at a time: far below what a registry answers at once.
const BATCH: usize = 50;

/// Plans a package.
pub(super) async fn plan(
    ctx: &mut RequestContext,
    origin: &Origin,
    request: &ExportRequest,
) -> Result<Plan, ExportError> {
    let mut planner = Planner {
        request,
        page: IndexPage::new(request.language),
        plan: Plan::default(),
        by_key: HashMap::new(),
        places: HashMap::new(),
        on_demand: 0,
        deprecated: 0,
        pseudonyms: request.without_bsn.as_ref().map(Pseudonyms::new),
    };
    if let Origin::Files(files) = origin {
        for (number, document) in files.documents.iter().enumerate() {
            planner.add(ctx, origin, document.entry.clone(), Some(number), None).await?;
        }
    } else {
        planner.registered(ctx, origin).await?;
    }
    planner.finish(ctx)
}

struct Planner<'a> {
    request: &'a ExportRequest,
    page: IndexPage,
    plan: Plan,
    /// Number of a draft by its patient, or by the entryUUID of the set that it rebuilds.
    by_key: HashMap<String, usize>,
    /// Where each entry and folder is: the number of its draft.
    places: HashMap<EntryUuid, usize>,
    on_demand: usize,
    deprecated: usize,
    pseudonyms: Option<Pseudonyms<'a>>,
}

/// A query for these ids, by entryUUID or uniqueId.
fn by_id(query: &str, id: &str, entry_uuid: &str, unique_id: &str) -> Query {
    match id.parse::<EntryUuid>() {
        Ok(uuid) => Query::new(query).one(entry_uuid, &uuid.to_string()),
        Err(_) => Query::new(query).one(unique_id, id),
    }
}

fn get_documents(uuids: &[String]) -> Query {
    Query::new(v::QUERY_GET_DOCUMENTS).list("$XDSDocumentEntryEntryUUID", uuids.iter().cloned())
}

impl Planner<'_> {
    async fn registered(&mut self, ctx: &mut RequestContext, origin: &Origin) -> Result<(), ExportError> {
        let ids = match &self.request.selection {
            Selection::Patient(patient) => {
                let status: &[AvailabilityStatus] = match self.request.with_deprecated {
                    false => &[AvailabilityStatus::Approved],
                    true => &[AvailabilityStatus::Approved, AvailabilityStatus::Deprecated],
                };
                let kinds = [v::OBJECT_TYPE_STABLE, v::OBJECT_TYPE_ON_DEMAND].map(str::to_owned);
                let query = Query::find_documents(patient, status).list("$XDSDocumentEntryType", kinds);
                origin.ids(ctx, &query.object_refs().build()).await?
            }
            Selection::Documents(ids) => {
                let (uuids, unique): (Vec<String>, Vec<String>) =
                    ids.iter().cloned().partition(|id| id.parse::<EntryUuid>().is_ok());
                self.fetch(ctx, origin, &unique, Query::get_documents).await?;
                uuids
            }
            Selection::SubmissionSet(id) => {
                let names = ["$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId"];
                let query = by_id(v::QUERY_GET_SUBMISSION_SET_AND_CONTENTS, id, names[0], names[1]);
                origin.ids(ctx, &query.object_refs().build()).await?
            }
            Selection::Folder(id) => {
                let query = by_id(v::QUERY_GET_FOLDER_AND_CONTENTS, id, "$XDSFolderEntryUUID", "$XDSFolderUniqueId");
                origin.ids(ctx, &query.object_refs().build()).await?
            }
            Selection::Everything => Vec::new(),
        };
        self.fetch(ctx, origin, &ids, get_documents).await?;
        self.relations(ctx, origin, &ids).await
    }

    /// Adds the documents with these ids; one by one where a registry answers with one patient at a time (R-18-22).
    async fn fetch(
        &mut self,
        ctx: &mut RequestContext,
        origin: &Origin,
        ids: &[String],
        query: fn(&[String]) -> Query,
    ) -> Result<(), ExportError> {
        for batch in ids.chunks(BATCH) {
            match origin.objects(ctx, &query(batch).build()).await {
                Ok(objects) => self.add_all(ctx, origin, objects).await?,
                Err(error) if batch.len() > 1 && error.is_about_several_patients() => {
                    for id in batch.chunks(1) {
                        let objects = origin.objects(ctx, &query(id).build()).await?;
                        self.add_all(ctx, origin, objects).await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn add_all(
        &mut self,
        ctx: &mut RequestContext,
        origin: &Origin,
        objects: Vec<RegistryObject>,
    ) -> Result<(), ExportError> {
        let entries: Vec<RegistryObject> = objects.into_iter().filter(|object| self.is_wanted(object)).collect();
        let sets = match self.request.sets {
            Sets::New => HashMap::new(),
            Sets::AsSubmitted => original_sets(ctx, origin, &entries).await?,
        };
        for entry in entries {
            let set = entry.id.as_deref().and_then(|id| sets.get(id)).cloned();
            self.add(ctx, origin, entry, None, set).await?;
        }
        Ok(())
    }

    /// Entries of stable documents, each once, deprecated ones only on request.
    fn is_wanted(&mut self, object: &RegistryObject) -> bool {
        if !matches!(object.kind, RimKind::ExtrinsicObject { .. }) {
            return false;
        }
        let known = uuid_of(object).is_some_and(|uuid| self.places.contains_key(&uuid));
        let is_on_demand = object.object_type.as_deref() == Some(v::OBJECT_TYPE_ON_DEMAND);
        let is_deprecated = object.status.as_deref() == Some(v::STATUS_DEPRECATED) && !self.request.with_deprecated;
        self.on_demand += usize::from(is_on_demand && !known);
        self.deprecated += usize::from(is_deprecated && !known);
        !known && !is_on_demand && !is_deprecated
    }

    async fn add(
        &mut self,
        ctx: &mut RequestContext,
        origin: &Origin,
        mut entry: RegistryObject,
        file: Option<usize>,
        set: Option<RegistryObject>,
    ) -> Result<(), ExportError> {
        let (known_as, wanted) = (patient_of(&entry), Wanted::of(&entry, file));
        let mut rewritten = None;
        if let Some(pseudonyms) = &mut self.pseudonyms {
            let bare = bare_media_type(media_type(&entry));
            let changed = pseudonyms.entry(ctx, origin, &mut entry, &wanted, bare == DICOM_MEDIA_TYPE).await?;
            rewritten = changed.rewritten;
            if !is_text(&bare) {
                pseudonyms.cannot_be_read();
            }
        }
        let patient = patient_of(&entry);
        let key = match &set {
            Some(set) => set.id.as_deref().unwrap_or_default().to_owned(),
            None => known_as.clone().unwrap_or_default(),
        };
        let place = match self.by_key.get(&key) {
            Some(place) => *place,
            None => {
                let set = match set {
                    Some(set) => set,
                    None => new_set(ctx, self.request, patient.as_deref()),
                };
                let place = self.plan.drafts.len();
                self.plan.drafts.push(Draft::new(place + 1, set, patient, known_as)?);
                self.by_key.insert(key, place);
                place
            }
        };
        if let Some(uuid) = uuid_of(&entry) {
            self.places.insert(uuid, place);
        }
        match self.plan.drafts.get_mut(place) {
            Some(draft) => draft.add(ctx, entry, wanted, rewritten, self.request.detail, &self.page),
            None => Ok(()),
        }
    }

    /// Folders of the documents and relations between them; `selected` are the ids that the selection named.
    async fn relations(
        &mut self,
        ctx: &mut RequestContext,
        origin: &Origin,
        selected: &[String],
    ) -> Result<(), ExportError> {
        let uuids: Vec<Vec<String>> =
            self.plan.drafts.iter().map(|draft| draft.entry_uuids().map(|uuid| uuid.to_string()).collect()).collect();
        let mut memberships = Vec::new();
        let (mut seen, mut dropped) = (HashSet::new(), 0_usize);
        for batch in uuids.iter().flat_map(|of_draft| of_draft.chunks(BATCH)) {
            let query = Query::new(v::QUERY_GET_ASSOCIATIONS).list("$uuid", batch.iter().cloned());
            for association in origin.objects(ctx, &query.build()).await? {
                let Some(Ends { kind, source, target }) = ends_of(&association) else { continue };
                if !seen.insert(association.id.clone()) {
                    continue;
                }
                let places = (self.places.get(&source).copied(), self.places.get(&target).copied());
                match (kind, places) {
                    (AssociationType::HasMember, (None, Some(_))) => memberships.push((source, association)),
                    (AssociationType::HasMember, _) => {}
                    (_, (Some(one), Some(other))) if one == other => self.keep(one, association)?,
                    _ => dropped += 1,
                }
            }
        }
        dropped += self.folders(ctx, origin, selected, memberships).await?;
        if dropped > 0 {
            let text = format!("{dropped} relations to documents or folders that are not in the package are left out");
            self.plan.warnings.push(text);
        }
        Ok(())
    }

    fn keep(&mut self, place: usize, mut association: RegistryObject) -> Result<(), ExportError> {
        off_line(&mut association);
        match self.plan.drafts.get_mut(place) {
            Some(draft) => draft.object(&association),
            None => Ok(()),
        }
    }

    /// Adds the folders behind memberships; how many memberships could not be kept.
    async fn folders(
        &mut self,
        ctx: &mut RequestContext,
        origin: &Origin,
        selected: &[String],
        memberships: Vec<(EntryUuid, RegistryObject)>,
    ) -> Result<usize, ExportError> {
        let selected: HashSet<EntryUuid> = selected.iter().filter_map(|id| id.parse().ok()).collect();
        let may = |uuid: &EntryUuid| match self.request.selection {
            Selection::Patient(_) => true,
            Selection::SubmissionSet(_) | Selection::Folder(_) => selected.contains(uuid),
            Selection::Documents(_) | Selection::Everything => false,
        };
        let mut wanted: Vec<String> = Vec::new();
        let mut asked = HashSet::new();
        for (source, _) in &memberships {
            if may(source) && asked.insert(*source) {
                wanted.push(source.to_string());
            }
        }
        let mut folders: HashMap<EntryUuid, RegistryObject> = HashMap::new();
        for batch in wanted.chunks(BATCH) {
            let query = Query::new(v::QUERY_GET_FOLDERS).list("$XDSFolderEntryUUID", batch.iter().cloned());
            for folder in origin.objects(ctx, &query.build()).await? {
                if let Some(uuid) = uuid_of(&folder) {
                    folders.insert(uuid, folder);
                }
            }
        }
        let mut dropped = 0;
        for (source, mut association) in memberships {
            // What is no folder is a submission set.
            let Some(folder) = folders.get(&source) else { continue };
            let member = ends_of(&association).and_then(|ends| self.places.get(&ends.target).copied());
            let Some(place) = member else { continue };
            let home = *self.places.entry(source).or_insert(place);
            let Some(draft) = self.plan.drafts.get_mut(place).filter(|_| home == place) else {
                dropped += 1;
                continue;
            };
            if asked.remove(&source) {
                let mut folder = folder.clone();
                off_line(&mut folder);
                if let Some(pseudonyms) = &self.pseudonyms {
                    pseudonyms.folder(&mut folder);
                }
                if self.request.detail == Detail::Limited {
                    mark(ctx, &mut folder, v::FD_LIMITED_METADATA);
                }
                draft.member(&folder)?;
            }
            off_line(&mut association);
            draft.member(&association)?;
        }
        Ok(dropped)
    }

    fn finish(mut self, ctx: &mut RequestContext) -> Result<Plan, ExportError> {
        if self.plan.drafts.is_empty() {
            return Err(ExportError::Nothing);
        }
        distinct_times(self.plan.drafts.iter_mut().map(|draft| &mut draft.set), ctx.now);
        for draft in &mut self.plan.drafts {
            draft.close(ctx)?;
        }
        if let Some(pseudonyms) = &self.pseudonyms {
            let sets: Vec<String> = self.plan.drafts.iter().map(|draft| draft.unique_id().to_owned()).collect();
            self.plan.scanner = Some(pseudonyms.scanner());
            self.plan.table = pseudonyms.lines(&ctx.now.to_string(), &sets);
            self.plan.warnings.extend(pseudonyms.warnings());
        }
        for (count, what) in [(self.on_demand, "on-demand"), (self.deprecated, "deprecated")] {
            if count > 0 {
                self.plan.warnings.push(format!("{count} {what} documents are left out"));
            }
        }
        Ok(self.plan)
    }
}

fn patient_of(entry: &RegistryObject) -> Option<String> {
    entry.external_identifier(v::DE_PATIENT_ID).map(str::to_owned)
}

/// Whether the octets of this media type are text that can be searched.
fn is_text(bare: &str) -> bool {
    let known = ["application/xml", "application/json", "application/rtf"];
    bare.starts_with("text/") || bare.ends_with("+xml") || bare.ends_with("+json") || known.contains(&bare)
}

/// The set with which each entry was submitted.
async fn original_sets(
    ctx: &mut RequestContext,
    origin: &Origin,
    entries: &[RegistryObject],
) -> Result<HashMap<String, RegistryObject>, ExportError> {
    let uuids = entries.iter().filter_map(|entry| entry.id.as_deref().map(str::to_owned));
    let query = Query::new(v::QUERY_GET_SUBMISSION_SETS).list("$uuid", uuids);
    let objects = origin.objects(ctx, &query.build()).await?;
    let mut sets: HashMap<EntryUuid, RegistryObject> = HashMap::new();
    for object in objects.iter().filter(|object| matches!(object.kind, RimKind::RegistryPackage)) {
        let mut set = object.clone();
        off_line(&mut set);
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

struct Ends {
    kind: AssociationType,
    source: EntryUuid,
    target: EntryUuid,
}

fn ends_of(object: &RegistryObject) -> Option<Ends> {
    let RimKind::Association { association_type, source_object, target_object } = &object.kind else { return None };
    let kind = AssociationType::from_urn(association_type)?;
    Some(Ends { kind, source: source_object.parse().ok()?, target: target_object.parse().ok()? })
}

fn uuid_of(object: &RegistryObject) -> Option<EntryUuid> {
    object.id.as_deref()?.parse().ok()
}
