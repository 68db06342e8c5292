//! What was found, each object once and in order, and how it becomes what answers are written from.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::packed::{AssociationRow, EntryRow, FolderRow, SetRow};
use crate::{
    model::{PatientId, StoredAssociation, StoredEntry, StoredFolder, StoredObject, StoredSubmissionSet},
    store::StoreError,
};

/// The order of an answer inside a kind of objects: registration time, then row id (R-18-50).
pub(super) type Place = (i64, i64);

/// What was found so far: each object once, in order.
#[derive(Default)]
pub(super) struct Found {
    sets: BTreeMap<Place, SetRow>,
    entries: BTreeMap<Place, EntryRow>,
    folders: BTreeMap<Place, FolderRow>,
    associations: BTreeMap<Place, AssociationRow>,
}

/// How patients of found objects are called.
pub(super) enum Patients<'a> {
    /// All are this one: the query named it, and it survives.
    One(&'a PatientId),
    /// Looked up.
    Many(HashMap<i64, Arc<str>>),
}

impl Patients<'_> {
    fn name(&self, one: &Arc<str>, key: i64) -> Result<Arc<str>, StoreError> {
        match self {
            Self::One(_) => Ok(Arc::clone(one)),
            Self::Many(names) => names.get(&key).cloned().ok_or(StoreError::Corrupt { what: "patient" }),
        }
    }
}

impl Found {
    pub(super) fn add_sets(&mut self, rows: Vec<SetRow>) {
        self.sets.extend(rows.into_iter().map(|row| (row.place, row)));
    }

    pub(super) fn add_entries(&mut self, rows: Vec<EntryRow>) {
        self.entries.extend(rows.into_iter().map(|row| (row.place, row)));
    }

    pub(super) fn add_folders(&mut self, rows: Vec<FolderRow>) {
        self.folders.extend(rows.into_iter().map(|row| (row.place, row)));
    }

    pub(super) fn add_associations(&mut self, rows: Vec<AssociationRow>) {
        self.associations.extend(rows.into_iter().map(|row| (row.place, row)));
    }

    pub(super) fn len(&self) -> usize {
        self.sets.len() + self.entries.len() + self.folders.len() + self.associations.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row ids of everything found.
    pub(super) fn rows(&self) -> Vec<i64> {
        let sets = self.sets.keys().chain(self.entries.keys());
        sets.chain(self.folders.keys()).chain(self.associations.keys()).map(|(_, row_id)| *row_id).collect()
    }

    /// The row ids of both ends of the associations found.
    pub(super) fn ends(&self) -> Vec<i64> {
        let mut ends: Vec<i64> = self.associations.values().flat_map(|row| [row.source_row, row.target_row]).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// The row ids of the sources of the associations found.
    pub(super) fn sources(&self) -> Vec<i64> {
        let mut sources: Vec<i64> = self.associations.values().map(|row| row.source_row).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    /// The keys of all patients of what was found.
    pub(super) fn patient_keys(&self) -> Vec<i64> {
        let sets = self.sets.values().map(|row| row.patient_key);
        let entries = self.entries.values().map(|row| row.patient_key);
        let mut keys: Vec<i64> = sets.chain(entries).chain(self.folders.values().map(|row| row.patient_key)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The objects in the order in which they are written.
    pub(super) fn into_objects(self, patients: &Patients<'_>) -> Result<Vec<StoredObject>, StoreError> {
        let one: Arc<str> = match patients {
            Patients::One(id) => id.to_string().into(),
            Patients::Many(_) => "".into(),
        };
        let mut objects = Vec::with_capacity(self.len());
        for row in self.sets.into_values() {
            objects.push(StoredObject::SubmissionSet(StoredSubmissionSet {
                patient_id: patients.name(&one, row.patient_key)?,
                entry_uuid: row.entry_uuid,
                home: row.home,
                body: row.body,
            }));
        }
        for row in self.entries.into_values() {
            objects.push(StoredObject::DocumentEntry(StoredEntry {
                patient_id: patients.name(&one, row.patient_key)?,
                entry_uuid: row.entry_uuid,
                status: row.status,
                object_type: row.object_type,
                home: row.home,
                repository_unique_id: row.repository_unique_id,
                availability: row.availability,
                logical_id: row.logical_id,
                version: row.version,
                body: row.body,
            }));
        }
        for row in self.folders.into_values() {
            objects.push(StoredObject::Folder(StoredFolder {
                patient_id: patients.name(&one, row.patient_key)?,
                entry_uuid: row.entry_uuid,
                status: row.status,
                home: row.home,
                last_update_time: row.last_update_time,
                logical_id: row.logical_id,
                version: row.version,
                body: row.body,
            }));
        }
        objects.extend(self.associations.into_values().map(|row| {
            StoredObject::Association(StoredAssociation {
                entry_uuid: row.entry_uuid,
                association_type: row.association_type,
                source: row.source,
                target: row.target,
                home: None,
                body: row.body,
            })
        }));
        Ok(objects)
    }
}
