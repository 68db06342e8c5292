//! Which documents go into a package, and what holds them together.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3.7 (the queries), R-32-17, R-32-48 to R-32-50.

pub(super) mod objects;
mod parts;
mod relations;

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;

use objects::{What, original_sets, patient_of, uuid_of, what_is};
use parts::Patient;

use super::{
    ExportError, ExportRequest, Origin, Selection, Sets,
    divided::{Divided, PartsFile},
    draft::{Draft, NewDocument, Plan, Wanted, media_type},
    generations::Generations,
    submission_set::distinct_times,
    without_bsn::Pseudonyms,
};
use crate::{
    client::Query,
    model::{AvailabilityStatus, EntryUuid, RequestContext, rim::RegistryObject, vocabulary as v},
    wire::xdm::{
        index_page::IndexPage,
        multipart::is_multipart,
        names::{DICOM_MEDIA_TYPE, bare_media_type},
    },
};

/// Objects that are asked for at a time: far below what a registry answers at once.
pub(super) const BATCH: usize = 50;

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
        generations: Generations::default(),
        given: HashSet::new(),
        pseudonyms: request.without_bsn.as_ref().map(Pseudonyms::new),
        patients: HashSet::new(),
        parts: PartsFile::new(request.room.clone()),
    };
    if let Origin::Files(files) = origin {
        for number in 0..files.paths.len() {
            let entry = (files.describe)(ctx, number).await?;
            planner.add(ctx, origin, entry, Some(number), None).await?;
        }
    } else {
        planner.registered(ctx, origin).await?;
    }
    planner.refuse_incomplete()?;
    planner.finish(ctx)
}

struct Planner<'a> {
    request: &'a ExportRequest,
    page: IndexPage,
    plan: Plan,
    /// The last draft by its patient, or by the entryUUID of the set that it rebuilds.
    by_key: HashMap<String, usize>,
    /// Where each entry and folder is: the number of its draft.
    places: HashMap<EntryUuid, usize>,
    on_demand: usize,
    deprecated: usize,
    generations: Generations,
    /// uniqueIds and entryUUIDs of the documents that the origin showed, where they were asked for by id.
    given: HashSet<String>,
    pseudonyms: Option<Pseudonyms<'a>>,
    /// Patients whose other numbers are known, where there may be no BSN.
    patients: HashSet<String>,
    parts: PartsFile,
}

/// A query for these ids, by entryUUID or uniqueId.
fn by_id(query: &str, id: &str, entry_uuid: &str, unique_id: &str) -> Query {
    match id.parse::<EntryUuid>() {
        Ok(uuid) => Query::new(query).one(entry_uuid, &uuid.to_string()),
        Err(_) => Query::new(query).one(unique_id, id),
    }
}

/// An id in the form in which it is compared (R-META-33).
fn compared(id: &str) -> String {
    match id.parse::<EntryUuid>() {
        Ok(uuid) => uuid.to_string(),
        Err(_) => id.nfc().collect(),
    }
}

fn get_documents(uuids: &[String]) -> Query {
    Query::new(v::QUERY_GET_DOCUMENTS).list("$XDSDocumentEntryEntryUUID", uuids.iter().cloned())
}

/// A registry answers in an order of its own: this is the one in which entryUUIDs were asked for.
fn in_order_of(asked: &[String], objects: &mut [RegistryObject]) {
    let places: HashMap<EntryUuid, usize> =
        (0..).zip(asked).filter_map(|(n, id)| Some((id.parse().ok()?, n))).collect();
    objects.sort_by_key(|object| uuid_of(object).and_then(|uuid| places.get(&uuid).copied()));
}

impl Planner<'_> {
    async fn registered(&mut self, ctx: &mut RequestContext, origin: &Origin) -> Result<(), ExportError> {
        let mut ids = match &self.request.selection {
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
                if self.request.with_deprecated || self.may_be_divided(ids.len()) {
                    [uuids, self.uuids(ctx, origin, &unique).await?].concat()
                } else {
                    self.fetch(ctx, origin, &unique, Query::get_documents).await?;
                    uuids
                }
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
        if self.request.with_deprecated || self.may_be_divided(ids.len()) {
            self.generations = Generations::among(ctx, origin, &ids).await?;
            self.generations.former_first(&mut ids);
        }
        self.fetch(ctx, origin, &ids, get_documents).await?;
        self.relations(ctx, origin, &ids).await
    }

    /// Fails for documents that were asked for by id and not given, and for those that were confirmed and are not here.
    fn refuse_incomplete(&self) -> Result<(), ExportError> {
        if let Selection::Documents(ids) = &self.request.selection {
            let lost: Vec<String> = ids.iter().filter(|id| !self.given.contains(&compared(id))).cloned().collect();
            if !lost.is_empty() {
                return Err(ExportError::NotFound(lost));
            }
        }
        let confirmed = self.request.without_bsn.iter().flat_map(|order| &order.confirmed);
        let documents = self.plan.drafts.iter().flat_map(|draft| &draft.documents);
        let known: HashSet<&str> = documents.map(|document| &*document.wanted.unique_id).collect();
        let unknown: Vec<String> = confirmed.filter(|id| !known.contains(id.as_str())).cloned().collect();
        if unknown.is_empty() { Ok(()) } else { Err(ExportError::NotConfirmable(unknown)) }
    }

    /// entryUUIDs of documents.
    async fn uuids(
        &self,
        ctx: &mut RequestContext,
        origin: &Origin,
        unique: &[String],
    ) -> Result<Vec<String>, ExportError> {
        let mut uuids = Vec::new();
        for batch in unique.chunks(BATCH) {
            match origin.ids(ctx, &Query::get_documents(batch).object_refs().build()).await {
                Ok(found) => uuids.extend(found),
                Err(error) if batch.len() > 1 && error.is_about_several_patients() => {
                    for id in batch.chunks(1) {
                        uuids.extend(origin.ids(ctx, &Query::get_documents(id).object_refs().build()).await?);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(uuids)
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
                Ok(mut objects) => {
                    // Whole sets that were submitted stay in the order of their registration: folders lie in the first one.
                    if self.request.sets == Sets::New || self.may_be_divided(ids.len()) {
                        in_order_of(batch, &mut objects);
                    }
                    self.add_all(ctx, origin, objects).await?;
                }
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
        if matches!(self.request.selection, Selection::Documents(_)) {
            let ids = |object: &RegistryObject| {
                let unique_id = object.external_identifier(v::DE_UNIQUE_ID).map(compared);
                unique_id.into_iter().chain(object.id.as_deref().map(compared))
            };
            self.given.extend(objects.iter().flat_map(ids).collect::<Vec<_>>());
        }
        let entries: Vec<RegistryObject> = objects.into_iter().filter(|object| self.is_wanted(object)).collect();
        let sets = match self.request.sets {
            Sets::AsSubmitted if !entries.is_empty() => {
                original_sets(ctx, origin, &entries, &self.request.homes).await?
            }
            Sets::New | Sets::AsSubmitted => HashMap::new(),
        };
        for entry in entries {
            let set = entry.id.as_deref().and_then(|id| sets.get(id)).cloned();
            self.add(ctx, origin, entry, None, set).await?;
        }
        Ok(())
    }

    /// Entries of stable documents, each once, deprecated ones only on request.
    fn is_wanted(&mut self, object: &RegistryObject) -> bool {
        if uuid_of(object).is_some_and(|uuid| self.places.contains_key(&uuid)) {
            return false;
        }
        match what_is(object) {
            What::OnDemand => self.on_demand += 1,
            What::Deprecated if !self.request.with_deprecated => self.deprecated += 1,
            What::Deprecated | What::Stable => return true,
            What::NoDocument => {}
        }
        false
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
            if let Some(patient) = &known_as
                && self.patients.insert(patient.clone())
                && let Some(numbers) = origin.numbers_of(patient).await?
            {
                pseudonyms.patient(&numbers)?;
            }
            let bare = bare_media_type(media_type(&entry));
            let changed = pseudonyms.entry(ctx, origin, &mut entry, &wanted, bare == DICOM_MEDIA_TYPE).await?;
            rewritten = changed.rewritten;
        }
        let kind = media_type(&entry).to_owned();
        let divided = match is_multipart(&kind) {
            true => Some(self.parts.divide(ctx, origin, &wanted, &entry, &kind).await?),
            false => None,
        };
        if self.pseudonyms.is_some() && divided.as_ref().is_some_and(Divided::has_dicom) {
            return Err(ExportError::DicomPart(wanted.unique_id.to_string()));
        }
        let patient = patient_of(&entry);
        let key = match (&set, &known_as) {
            (Some(set), _) => set.id.as_deref().unwrap_or_default().to_owned(),
            (None, Some(patient)) => format!("{patient} {}", self.generations.of(uuid_of(&entry))),
            (None, None) => String::new(),
        };
        let place = self.place_of(ctx, key, set, Patient { in_package: patient, known_as }, &wanted.unique_id)?;
        if let Some(uuid) = uuid_of(&entry) {
            self.places.insert(uuid, place);
        }
        let unique_id = wanted.unique_id.clone();
        let content = NewDocument { wanted, rewritten, divided };
        let Some(draft) = self.plan.drafts.get_mut(place) else { return Ok(()) };
        let renamed = draft.add(ctx, entry, content, self.request, &self.page)?;
        if renamed > 0 {
            let text = format!(
                "document {unique_id}: {renamed} of its parts have a name of ours, what refers to them does not find them"
            );
            self.plan.warnings.push(text);
        }
        Ok(())
    }

    fn finish(mut self, ctx: &mut RequestContext) -> Result<Plan, ExportError> {
        if self.plan.drafts.is_empty() {
            return Err(ExportError::Nothing);
        }
        self.tell_of_parts();
        // Sets that were submitted give way to no part of another.
        let (firsts, others): (Vec<&mut Draft>, _) =
            self.plan.drafts.iter_mut().partition(|draft| draft.part.number == 1);
        distinct_times(firsts.into_iter().chain(others).map(|draft| &mut draft.set), ctx.now);
        for draft in &mut self.plan.drafts {
            draft.close(ctx)?;
        }
        if let Some(pseudonyms) = &self.pseudonyms {
            let sets: Vec<String> = self.plan.drafts.iter().map(|draft| draft.unique_id().to_owned()).collect();
            self.plan.scanner = Some(pseudonyms.scanner());
            self.plan.table = pseudonyms.lines(&ctx.now.to_string(), &sets);
            self.plan.warnings.extend(pseudonyms.warning().map(str::to_owned));
        }
        for (count, what) in [(self.on_demand, "on-demand"), (self.deprecated, "deprecated")] {
            if count > 0 {
                self.plan.warnings.push(format!("{count} {what} documents are left out"));
            }
        }
        Ok(self.plan)
    }
}
