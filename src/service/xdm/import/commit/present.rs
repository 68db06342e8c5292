//! Whether a set was taken before.
//!
//! Source: spec xdm R-32-56.

use tokio::task::spawn_blocking;

use super::{ImportError, Importer, Running};
use crate::{
    model::{
        DocumentUniqueId, PatientId,
        xdm::{SetReport, SetState},
    },
    service::xdm::import::{
        documents::StatedDocument,
        verify::{judge, measure},
    },
    store::DocumentState,
};

impl Importer {
    /// Whether every document of the set is here already, for this patient and with these octets (R-32-56).
    pub(super) async fn already_present(
        &self,
        running: &Running<'_>,
        documents: &[StatedDocument],
        set: &mut SetReport,
        patient: &PatientId,
    ) -> Result<bool, ImportError> {
        let ids: Vec<String> = set.documents.iter().map(|document| document.unique_id.clone()).collect();
        if ids.is_empty() || ids.iter().any(|id| id.parse::<DocumentUniqueId>().is_err()) {
            return Ok(false);
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let rows = self.store.read().await?.find_documents(&ids).await?;
        let known = rows.iter().flatten().filter(|row| is_here(row.state, row.patient.as_ref(), patient)).count();
        if known != ids.len() {
            return Ok(false);
        }
        let mut same = true;
        for (number, (document, row)) in documents.iter().zip(rows.iter().flatten()).enumerate() {
            let Some(entry) = document.entry else { return Ok(false) };
            let Some(report) = set.documents.get_mut(number) else { return Ok(false) };
            let (medium, stated) = (running.examined.medium.clone(), document.clone());
            let measured = spawn_blocking(move || measure(&medium, entry, &stated)).await?;
            match measured {
                Ok(measured) => {
                    same &= measured.kept == (row.sha1, row.size_bytes);
                    let found = judge(&running.examined.medium, entry, document, &measured, report);
                    set.findings.extend(found);
                }
                Err(unread) => set.findings.push(unread.finding()),
            }
        }
        self.decide(running.choice, set);
        Ok(same && set.state != SetState::Failed)
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
