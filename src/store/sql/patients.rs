//! Patient identities: locking them for a write, merging them and undoing that.
//!
//! Source: ITI TF-2 §3.8.4.2 (merge), spec R-18-16 and R-42-25 to R-42-27.

use std::collections::HashMap;

use super::{Tx, args, statements};
use crate::{model::PatientId, store::StoreError};

statements! {
    /// Locks and counts in one statement, the usual case of one known patient.
    TOUCH_PATIENT_BY_ID = "UPDATE patient SET write_seq = write_seq + 1 WHERE authority = $1 AND id = $2 \
        RETURNING patient_key, survivor_key";
    TOUCH_PATIENT = "UPDATE patient SET write_seq = write_seq + 1 WHERE patient_key = $1 \
        RETURNING patient_key, survivor_key";
    PATIENT_BY_ID = "SELECT patient_key, survivor_key FROM patient WHERE authority = $1 AND id = $2";
    /// The identity and all that were merged into it; none where it was merged away itself.
    IDENTITIES_OF = "SELECT k.authority, k.id FROM patient p JOIN patient k ON k.survivor_key = p.patient_key \
        WHERE p.survivor_key = p.patient_key AND p.authority = $1 AND p.id = $2 ORDER BY k.patient_key";
    INSERT_PATIENT = "INSERT INTO patient (authority, id, survivor_key, write_seq, created_ms, source) \
        VALUES ($1, $2, 0, 0, $3, $4) ON CONFLICT (authority, id) DO NOTHING";
    NEW_PATIENT_SURVIVES = "UPDATE patient SET survivor_key = patient_key \
        WHERE authority = $1 AND id = $2 AND survivor_key = 0";
    /// Everybody who pointed to the subsumed identity points to the surviving one, so that no query follows a chain.
    POINT_TO_SURVIVOR = "UPDATE patient SET survivor_key = $2, write_seq = write_seq + 1 WHERE survivor_key = $1";
    INSERT_MERGE = "INSERT INTO patient_merge (subsumed_key, surviving_key, merged_ms, message_id) \
        VALUES ($1, $2, $3, $4)";
    STANDING_MERGE = "SELECT merge_key FROM patient_merge \
        WHERE subsumed_key = $1 AND undone_ms IS NULL";
    UNDO_MERGE = "UPDATE patient_merge SET undone_ms = $2 WHERE merge_key = $1";
    /// The identity and all that were merged into it, directly or not, by merges that still stand.
    SURVIVE_AGAIN = "WITH RECURSIVE below (patient_key) AS (SELECT CAST($1 AS BIGINT) UNION \
        SELECT m.subsumed_key FROM patient_merge m JOIN below b ON m.surviving_key = b.patient_key \
        WHERE m.undone_ms IS NULL) \
        UPDATE patient SET survivor_key = $1, write_seq = write_seq + 1 \
        WHERE patient_key IN (SELECT patient_key FROM below)";
}

/// What to do with a patient that the registry does not know (design 6, `registry.patients`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownPatients {
    /// Make the identity.
    Create,
    /// Leave it unknown.
    Refuse,
}

/// A known patient identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatientRow {
    /// Its key.
    pub patient_key: i64,
    /// The key of the identity that stands for it.
    pub survivor_key: i64,
    /// Whether it was merged into another one: to partners it is unknown then (R-18-16, R-42-26).
    pub subsumed: bool,
}

impl From<(i64, i64)> for PatientRow {
    fn from((patient_key, survivor_key): (i64, i64)) -> Self {
        Self { patient_key, survivor_key, subsumed: patient_key != survivor_key }
    }
}

/// Why a merge or its undoing was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The identity to be merged away is not known.
    #[error("the subsumed patient identity is not known")]
    UnknownSubsumed,
    /// Both are one.
    #[error("a patient identity cannot be merged into itself")]
    Same,
    /// The identity was merged away before.
    #[error("the patient identity was merged into another one before")]
    AlreadySubsumed,
    /// Nothing to undo.
    #[error("the patient identity was not merged")]
    NotMerged,
}

impl Tx {
    /// Finds patients and holds them until the end of the transaction, so that nobody else changes their documents.
    ///
    /// Answers in the order asked. All patients of a write are asked for in one call: they are locked in the order of
    /// their keys, so writers cannot wait for one another in a circle.
    pub async fn lock_patients(
        &mut self,
        ids: &[PatientId],
        unknown: UnknownPatients,
        now_ms: i64,
    ) -> Result<Vec<Option<PatientRow>>, StoreError> {
        if let [id] = ids {
            return Ok(vec![self.lock_patient(id, unknown, now_ms).await?]);
        }
        let mut sorted: Vec<&PatientId> = ids.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut found = HashMap::new();
        for id in sorted {
            let mut row = self.find_patient(id).await?;
            if row.is_none() && unknown == UnknownPatients::Create {
                self.create_patient(id, now_ms, "submission").await?;
                row = self.find_patient(id).await?;
            }
            if let Some(row) = row {
                found.insert(id, row.patient_key);
            }
        }
        let locked = self.lock_patient_keys(found.values().copied()).await?;
        Ok(ids.iter().map(|id| found.get(id).and_then(|key| locked.get(key)).copied()).collect())
    }

    async fn lock_patient(
        &mut self,
        id: &PatientId,
        unknown: UnknownPatients,
        now_ms: i64,
    ) -> Result<Option<PatientRow>, StoreError> {
        let touch = |id: &PatientId| args![id.authority().as_str(), id.id()];
        if let Some(row) = self.fetch_optional::<(i64, i64)>(&TOUCH_PATIENT_BY_ID, touch(id)).await? {
            return Ok(Some(row.into()));
        }
        if unknown == UnknownPatients::Refuse {
            return Ok(None);
        }
        self.create_patient(id, now_ms, "submission").await?;
        Ok(Some(self.fetch_one::<(i64, i64)>(&TOUCH_PATIENT_BY_ID, touch(id)).await?.into()))
    }

    /// Holds more patients, by key: those of objects that a submission points to. In the order of their keys.
    pub async fn lock_patient_keys(
        &mut self,
        keys: impl IntoIterator<Item = i64>,
    ) -> Result<HashMap<i64, PatientRow>, StoreError> {
        let mut keys: Vec<i64> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut locked = HashMap::with_capacity(keys.len());
        for key in keys {
            if let Some(row) = self.fetch_optional::<(i64, i64)>(&TOUCH_PATIENT, args![key]).await? {
                locked.insert(key, row.into());
            }
        }
        Ok(locked)
    }

    /// Finds a patient without holding it.
    pub async fn find_patient(&mut self, id: &PatientId) -> Result<Option<PatientRow>, StoreError> {
        let values = args![id.authority().as_str(), id.id()];
        Ok(self.fetch_optional::<(i64, i64)>(&PATIENT_BY_ID, values).await?.map(PatientRow::from))
    }

    /// Authority and id of a surviving identity and of all that were merged into it.
    pub async fn identities_of(&mut self, id: &PatientId) -> Result<Vec<(String, String)>, StoreError> {
        self.fetch_all(&IDENTITIES_OF, args![id.authority().as_str(), id.id()]).await
    }

    /// Makes an identity unless it is there. `source` says who told of it: `submission`, or the feed.
    pub async fn create_patient(&mut self, id: &PatientId, now_ms: i64, source: &str) -> Result<(), StoreError> {
        let (authority, text) = (id.authority().as_str(), id.id());
        self.execute(&INSERT_PATIENT, args![authority, text, now_ms, source]).await?;
        self.execute(&NEW_PATIENT_SURVIVES, args![authority, text]).await?;
        Ok(())
    }

    /// Merges `subsumed` into `surviving`, which is made if it is not known. No document moves: from now on the
    /// surviving identity finds them all, and the subsumed one is unknown to partners.
    ///
    /// # Errors
    /// [`MergeError`]; nothing is changed then.
    pub async fn merge_patients(
        &mut self,
        subsumed: &PatientId,
        surviving: &PatientId,
        now_ms: i64,
        message_id: &str,
    ) -> Result<(), MergeError> {
        if subsumed == surviving {
            return Err(MergeError::Same);
        }
        let gone = self.find_patient(subsumed).await?.ok_or(MergeError::UnknownSubsumed)?;
        self.create_patient(surviving, now_ms, "merge").await?;
        let stays = self.find_patient(surviving).await?.ok_or(StoreError::Corrupt { what: "patient" })?;
        let locked = self.lock_patient_keys([gone.patient_key, stays.patient_key]).await?;
        let is_subsumed = |key: i64| locked.get(&key).is_none_or(|row| row.subsumed);
        if is_subsumed(gone.patient_key) || is_subsumed(stays.patient_key) {
            return Err(MergeError::AlreadySubsumed);
        }
        let merge = args![gone.patient_key, stays.patient_key, now_ms, message_id];
        self.execute(&INSERT_MERGE, merge).await?;
        self.execute(&POINT_TO_SURVIVOR, args![gone.patient_key, stays.patient_key]).await?;
        Ok(())
    }

    /// Undoes the merge of `subsumed`: it stands for itself again, and for those merged into it before.
    ///
    /// # Errors
    /// [`MergeError`]; nothing is changed then.
    pub async fn undo_merge(&mut self, subsumed: &PatientId, now_ms: i64) -> Result<(), MergeError> {
        let row = self.find_patient(subsumed).await?.ok_or(MergeError::UnknownSubsumed)?;
        self.lock_patient_keys([row.patient_key, row.survivor_key]).await?;
        let standing: Option<(i64,)> = self.fetch_optional(&STANDING_MERGE, args![row.patient_key]).await?;
        let (merge_key,) = standing.ok_or(MergeError::NotMerged)?;
        self.execute(&UNDO_MERGE, args![merge_key, now_ms]).await?;
        self.execute(&SURVIVE_AGAIN, args![row.patient_key]).await?;
        Ok(())
    }
}
