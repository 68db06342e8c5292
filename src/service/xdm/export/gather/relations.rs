//! What holds the documents of a package together: folders, and relations both ends of which are in it.
//!
//! Source: R-32-49; ITI TF-3 §4.2.2.2 (what a submission may relate).

use std::collections::{HashMap, HashSet};

use super::{
    BATCH, Planner,
    objects::{Ends, ends_of, uuid_of},
};
use crate::{
    client::Query,
    model::{AssociationType, EntryUuid, RequestContext, rim::RegistryObject, vocabulary as v},
    service::xdm::export::{
        Detail, ExportError, Origin, Selection,
        draft::Draft,
        metadata::{mark, off_line},
    },
};

impl Planner<'_> {
    /// Folders of the documents and relations between them; `selected` are the ids that the selection named.
    pub(super) async fn relations(
        &mut self,
        ctx: &mut RequestContext,
        origin: &Origin,
        selected: &[String],
    ) -> Result<(), ExportError> {
        let uuids: Vec<Vec<String>> =
            self.plan.drafts.iter().map(|draft| draft.entry_uuids().map(|uuid| uuid.to_string()).collect()).collect();
        let mut memberships = Vec::new();
        let (mut seen, mut dropped) = (HashSet::new(), 0_usize);
        // Where a document is replaced, and relations from a later set, which may come after that.
        let mut replaced_in: HashMap<EntryUuid, usize> = HashMap::new();
        let mut later: Vec<(usize, EntryUuid, RegistryObject)> = Vec::new();
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
                    // Sets are registered in their order, and none can replace what it brings along.
                    (kind, (Some(one), Some(other))) if other < one && !kind.replaces() => {
                        later.push((one, target, association));
                    }
                    (kind, (Some(one), Some(other))) if other < one || other == one && !kind.replaces() => {
                        if kind.replaces() {
                            replaced_in.insert(target, one);
                        }
                        dropped += usize::from(!self.keep(one, association)?);
                    }
                    _ => dropped += 1,
                }
            }
        }
        for (one, target, association) in later {
            // A registry takes none to a document that is deprecated by then (R-ASC-09).
            let is_late = replaced_in.get(&target).is_some_and(|place| *place < one);
            dropped += usize::from(is_late || !self.keep(one, association)?);
        }
        dropped += self.folders(ctx, origin, selected, memberships).await?;
        if dropped > 0 {
            let text = format!("{dropped} relations to documents or folders that are not in the package are left out");
            self.plan.warnings.push(text);
        }
        Ok(())
    }

    /// Puts a relation into a set; false when that has no room for it.
    fn keep(&mut self, place: usize, mut association: RegistryObject) -> Result<bool, ExportError> {
        let limits = self.request.set_limits;
        let Some(draft) = self.plan.drafts.get_mut(place).filter(|draft| draft.has_room(&limits)) else {
            return Ok(false);
        };
        off_line(&mut association, &self.request.homes);
        draft.object(&association).map(|()| true)
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
        let (mut dropped, limits) = (0, self.request.set_limits);
        for (source, mut association) in memberships {
            // What is no folder is a submission set.
            let Some(folder) = folders.get(&source) else { continue };
            let member = ends_of(&association).and_then(|ends| self.places.get(&ends.target).copied());
            let Some(place) = member else { continue };
            let home = *self.places.entry(source).or_insert(place);
            let fits = |draft: &&mut Draft| home <= place && draft.has_room(&limits);
            let Some(draft) = self.plan.drafts.get_mut(place).filter(fits) else {
                dropped += 1;
                continue;
            };
            if asked.remove(&source) {
                let mut folder = folder.clone();
                off_line(&mut folder, &self.request.homes);
                if let Some(pseudonyms) = &self.pseudonyms {
                    pseudonyms.folder(&mut folder);
                }
                if self.request.detail == Detail::Limited {
                    mark(ctx, &mut folder, v::FD_LIMITED_METADATA);
                }
                draft.member(&folder)?;
            }
            off_line(&mut association, &self.request.homes);
            draft.member(&association)?;
        }
        Ok(dropped)
    }
}
