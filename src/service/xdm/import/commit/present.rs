//! What of a set was taken before.
//!
//! A sender that brings its documents every week brings the old ones each time: those are not registered again. What was
//! replaced here meanwhile would be in force again otherwise.
//!
//! Source: spec xdm R-32-56, R-32-57.

use std::collections::HashMap;

use tokio::task::spawn_blocking;

use super::{ImportError, Importer, Running};
use crate::{
    model::{
        AvailabilityStatus, DocumentUniqueId, EntryUuid, PatientId, RequestContext, rim::SubmitObjectsRequest,
        xdm::SetReport,
    },
    service::xdm::import::{
        documents::StatedDocument,
        submission::{entries, is_entry},
        verify::{judge, measure},
    },
    store::{DocumentRow, DocumentState, ObjectKind, StoreError},
};

/// Documents of a set that are here, by their place in it.
pub(super) type Present = HashMap<usize, DocumentRow>;

/// The entry of a document that is here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registered {
    pub entry_uuid: EntryUuid,
    /// Whether the set may refer to it: it is in force, and of the organisation that imports the set. Whether that may see
    /// what others own is not asked here.
    pub is_in_reach: bool,
}

/// Entries of documents that are here, by the entryUUID of the package; none where the entry is gone.
pub(super) type Here = HashMap<EntryUuid, Option<Registered>>;

impl Importer {
    /// The documents of the set that are here already, for this patient and with these octets (R-32-56). They are read and
    /// verified all the same.
    pub(super) async fn present(
        &self,
        running: &Running<'_>,
        documents: &[StatedDocument],
        set: &mut SetReport,
        patient: &PatientId,
    ) -> Result<Present, ImportError> {
        let mut numbers = Vec::new();
        let mut ids = Vec::new();
        for (number, report) in set.documents.iter().enumerate() {
            if report.unique_id.parse::<DocumentUniqueId>().is_ok() {
                numbers.push(number);
                ids.push(report.unique_id.as_str());
            }
        }
        if ids.is_empty() {
            return Ok(Present::new());
        }
        let rows = self.store.read().await?.find_documents(&ids).await?;
        let mut present = Present::new();
        for (number, row) in numbers.into_iter().zip(rows) {
            let Some(row) = row.filter(|row| is_here(row.state, row.patient.as_ref(), patient)) else { continue };
            let (Some(document), Some(report)) = (documents.get(number), set.documents.get_mut(number)) else {
                continue;
            };
            let Some(entry) = document.entry else { continue };
            let (medium, stated) = (running.examined.medium.clone(), document.clone());
            let measured = spawn_blocking(move || measure(&medium, entry, &stated)).await?;
            // One with other octets is refused when it is registered.
            let Some(measured) = measured.ok().filter(|it| it.kept == (row.sha1, row.size_bytes)) else { continue };
            set.findings.extend(judge(&running.examined.medium, entry, document, &measured, report));
            report.already_present = true;
            present.insert(number, row);
        }
        self.decide(running.choice, set);
        Ok(present)
    }

    /// Takes the entries of documents that are here out of a submission; what they are registered as.
    pub(super) async fn take_out(
        &self,
        ctx: &RequestContext,
        submit: &mut SubmitObjectsRequest,
        present: Present,
    ) -> Result<Here, StoreError> {
        if present.is_empty() {
            return Ok(Here::new());
        }
        let uuids: Vec<EntryUuid> = present.values().filter_map(|row| row.entry_uuid).collect();
        // An entry may have been removed since.
        let known = self.store.read().await?.resolve(&uuids).await?;
        let registered = |row: &DocumentRow| {
            let entry_uuid = row.entry_uuid?;
            let object = known.get(&entry_uuid).filter(|it| it.kind == ObjectKind::DocumentEntry)?;
            let is_ours = object.owner_org_key == ctx.caller.organisation_key();
            Some(Registered { entry_uuid, is_in_reach: is_ours && object.status == AvailabilityStatus::Approved })
        };
        let ids: HashMap<Box<str>, Option<Registered>> = entries(submit)
            .enumerate()
            .filter_map(|(number, entry)| Some((entry.id.clone()?, registered(present.get(&number)?))))
            .collect();
        let is_out = |id: Option<&Box<str>>| id.is_some_and(|id| ids.contains_key(id));
        submit.objects.retain(|object| !(is_entry(object) && is_out(object.id.as_ref())));
        submit.classifications.retain(|it| !is_out(it.classified_object.as_ref()));
        Ok(ids.iter().filter_map(|(id, registered)| Some((id.parse().ok()?, *registered))).collect())
    }
}

/// Whether a document that is kept is registered, and for this patient.
fn is_here(state: DocumentState, known_for: Option<&PatientId>, patient: &PatientId) -> bool {
    state == DocumentState::Confirmed && known_for == Some(patient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_56_what_is_not_registered_for_the_patient_is_not_present() {
        let [one, other] = ["1^^^&2.999.7.1&ISO", "2^^^&2.999.7.1&ISO"].map(|id| id.parse::<PatientId>().unwrap());
        assert!(is_here(DocumentState::Confirmed, Some(&one), &one));
        assert!(!is_here(DocumentState::Unconfirmed, Some(&one), &one));
        assert!(!is_here(DocumentState::Confirmed, Some(&other), &one));
        assert!(!is_here(DocumentState::Confirmed, None, &one));
    }
}
