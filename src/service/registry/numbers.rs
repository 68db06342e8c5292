//! Under which numbers a patient is known here, for whoever must keep some of them back.

use super::Registry;
use crate::{
    model::{
        PatientId, StoredObject,
        stored_query::{EntryFilter, ReturnType, StoredQuery},
    },
    store::{Sight, StoreError},
};

/// Entries of one patient that are read for the numbers in them.
const MOST_ENTRIES: usize = 5_000;

/// The numbers of a patient.
pub(in crate::service) struct PatientNumbers {
    /// Authority and id of the patient and of all identities merged into it.
    pub(in crate::service) identities: Vec<(String, String)>,
    /// Entries of the patient, whatever their status; what numbers they name is for the caller to read.
    pub(in crate::service) entries: Vec<StoredObject>,
    /// There are more entries than were read.
    pub(in crate::service) is_cut: bool,
}

impl Registry {
    /// The numbers of a patient, whoever may see the entries that name them: nobody is shown any.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(in crate::service) async fn numbers_of(&self, patient: &PatientId) -> Result<PatientNumbers, StoreError> {
        let identities = self.store.read().await?.identities_of(patient).await?;
        let query = StoredQuery::FindDocuments { patient_id: patient.clone(), filter: EntryFilter::default() };
        let mut entries = self.store.answer(&query, ReturnType::LeafClass, MOST_ENTRIES, &Sight::All).await?;
        let is_cut = entries.len() > MOST_ENTRIES;
        entries.truncate(MOST_ENTRIES);
        Ok(PatientNumbers { identities, entries, is_cut })
    }
}
