//! What a submission asks of the registry while it holds its patients, and what it changes there.
//!
//! Source: ITI TF-2 §3.42.4.1.3, ITI TF-3 §4.1.6 (spec R-ASC-01 to R-ASC-25).

mod insert;

use std::collections::{HashMap, HashSet};

use super::{Tx, args, claims::nfc, statements};
use crate::{
    model::{AssociationType, AvailabilityStatus, EntryUuid},
    store::StoreError,
};

pub(super) use insert::{ALL as INSERTS, AUTHOR_PERSON, CONFIDENTIALITY_CODE, EVENT_CODE, REFERENCE_ID};
pub use insert::{Labels, RowKeys};

statements! {
    ASSOCIATIONS_TO = "SELECT a.entry_uuid, a.association_type, a.source_uuid, a.target_uuid FROM association a \
        WHERE a.target_row IN (SELECT row_id FROM claim WHERE space = 1 AND value {in_bytes $1}) \
        AND a.association_type {in_ints $2}";
    SOURCES_OF_TYPE = "SELECT DISTINCT a.source_uuid FROM association a \
        WHERE a.source_row IN (SELECT row_id FROM claim WHERE space = 1 AND value {in_bytes $1}) \
        AND a.association_type = $2";
    FOLDERS_HOLDING = "SELECT DISTINCT f.entry_uuid, f.row_id, f.patient_key, p.survivor_key, f.status \
        FROM association a JOIN folder f ON f.row_id = a.source_row \
        JOIN patient p ON p.patient_key = f.patient_key \
        WHERE a.target_row = (SELECT row_id FROM claim WHERE space = 1 AND value = $1) \
        AND a.association_type = $2 AND f.status = $3 ORDER BY f.row_id";
    FOLDERS_NAMED = "SELECT c.value, f.entry_uuid FROM claim c JOIN folder f ON f.row_id = c.row_id \
        JOIN patient p ON p.patient_key = f.patient_key \
        WHERE c.space = 2 AND c.kind = 2 AND c.value {in_bytes $1} AND p.survivor_key = $2 AND f.status = $3";
    MEMBERSHIPS = "SELECT DISTINCT a.source_uuid, a.target_uuid FROM association a \
        WHERE a.source_row IN (SELECT row_id FROM claim WHERE space = 1 AND value {in_bytes $1}) \
        AND a.target_row IN (SELECT row_id FROM claim WHERE space = 1 AND value {in_bytes $2}) \
        AND a.association_type = $3";
    DEPRECATE = "UPDATE document_entry SET status = $2 \
        WHERE row_id IN (SELECT row_id FROM claim WHERE space = 1 AND kind = 1 AND value {in_bytes $1})";
    TOUCH_FOLDERS = "UPDATE folder SET last_update_time = $2 \
        WHERE row_id IN (SELECT row_id FROM claim WHERE space = 1 AND kind = 3 AND value {in_bytes $1})";
}

/// A registered association, without what only answers need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AssociationRow {
    /// Its own identifier.
    pub entry_uuid: EntryUuid,
    /// What it says.
    pub association_type: AssociationType,
    /// From.
    pub source: EntryUuid,
    /// To.
    pub target: EntryUuid,
}

/// A registered folder, as far as memberships are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderRow {
    /// Its identifier.
    pub entry_uuid: EntryUuid,
    /// Its row.
    pub row_id: i64,
    /// Under which identity it was registered.
    pub patient_key: i64,
    /// Whose it is after all merges.
    pub survivor_key: i64,
    /// availabilityStatus.
    pub status: AvailabilityStatus,
}

impl Tx {
    /// Associations of these types that point to one of `targets`.
    pub async fn association_sources(
        &mut self,
        targets: &[EntryUuid],
        types: &[AssociationType],
    ) -> Result<Vec<AssociationRow>, StoreError> {
        let types: Vec<i64> = types.iter().map(|kind| kind.to_store()).collect();
        let rows: Vec<(EntryUuid, AssociationType, EntryUuid, EntryUuid)> =
            self.fetch_all(&ASSOCIATIONS_TO, args![targets, types]).await?;
        let row = |(entry_uuid, association_type, source, target)| AssociationRow {
            entry_uuid,
            association_type,
            source,
            target,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Those of `entries` that are the source of an XFRM (R-ASC-12).
    pub async fn is_transformation(&mut self, entries: &[EntryUuid]) -> Result<HashSet<EntryUuid>, StoreError> {
        let values = args![entries, AssociationType::Transform];
        let rows: Vec<(EntryUuid,)> = self.fetch_all(&SOURCES_OF_TYPE, values).await?;
        Ok(rows.into_iter().map(|(uuid,)| uuid).collect())
    }

    /// The Approved folders that have this entry as a member (R-ASC-22), each once.
    pub async fn folders_holding(&mut self, entry: &EntryUuid) -> Result<Vec<FolderRow>, StoreError> {
        let values = args![*entry, AssociationType::HasMember, AvailabilityStatus::Approved];
        let rows: Vec<(EntryUuid, i64, i64, i64, AvailabilityStatus)> =
            self.fetch_all(&FOLDERS_HOLDING, values).await?;
        let row = |(entry_uuid, row_id, patient_key, survivor_key, status)| FolderRow {
            entry_uuid,
            row_id,
            patient_key,
            survivor_key,
            status,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// The Approved folders of a patient with these uniqueIds, each with the place of its uniqueId among those asked for.
    pub async fn folders_named(
        &mut self,
        survivor_key: i64,
        unique_ids: &[&str],
    ) -> Result<HashMap<usize, EntryUuid>, StoreError> {
        if unique_ids.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<Vec<u8>> = unique_ids.iter().map(|id| nfc(id).into_bytes()).collect();
        let values = args![keys.clone(), survivor_key, AvailabilityStatus::Approved];
        let rows: Vec<(Vec<u8>, EntryUuid)> = self.fetch_all(&FOLDERS_NAMED, values).await?;
        let found: HashMap<Vec<u8>, EntryUuid> = rows.into_iter().collect();
        Ok(keys.iter().enumerate().filter_map(|(place, key)| Some((place, *found.get(key)?))).collect())
    }

    /// The registered memberships among these folders and entries, as (folder, entry).
    pub async fn memberships(
        &mut self,
        folders: &[EntryUuid],
        entries: &[EntryUuid],
    ) -> Result<HashSet<(EntryUuid, EntryUuid)>, StoreError> {
        let values = args![folders, entries, AssociationType::HasMember];
        Ok(self.fetch_all::<(EntryUuid, EntryUuid)>(&MEMBERSHIPS, values).await?.into_iter().collect())
    }

    /// Makes entries Deprecated (R-ASC-20, R-ASC-21).
    pub async fn deprecate(&mut self, entries: &[EntryUuid]) -> Result<(), StoreError> {
        self.execute(&DEPRECATE, args![entries, AvailabilityStatus::Deprecated]).await.map(drop)
    }

    /// Sets lastUpdateTime, 14 digits, of registered folders (R-ASC-25).
    pub async fn touch_folders(&mut self, folders: &[EntryUuid], last_update_time: &str) -> Result<(), StoreError> {
        self.execute(&TOUCH_FOLDERS, args![folders, last_update_time]).await.map(drop)
    }
}
