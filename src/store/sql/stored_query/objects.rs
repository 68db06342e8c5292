//! Rows of registry objects, and how they become what answers are written from.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    model::{
        AssociationType, AvailabilityStatus, Body, DocumentAvailability, DocumentEntryType, EntryUuid, Oid, PatientId,
        StoredAssociation, StoredEntry, StoredFolder, StoredObject, StoredSubmissionSet, stored_query::ReturnType,
    },
    store::StoreError,
};

/// The order of an answer inside a kind of objects: registration time, then row id (R-18-50).
type Place = (i64, i64);

/// row_id, registered_ms, patient_key, entry_uuid, status, object_type, home, repository_unique_id, availability,
/// logical_id, version, body.
pub(super) type EntryRow = (
    i64,
    i64,
    i64,
    EntryUuid,
    AvailabilityStatus,
    DocumentEntryType,
    Option<String>,
    String,
    Option<DocumentAvailability>,
    EntryUuid,
    i64,
    Option<Vec<u8>>,
);
/// row_id, registered_ms, patient_key, entry_uuid, home, body.
pub(super) type SetRow = (i64, i64, i64, EntryUuid, Option<String>, Option<Vec<u8>>);
/// row_id, registered_ms, patient_key, entry_uuid, status, home, last_update_time, logical_id, version, body.
pub(super) type FolderRow =
    (i64, i64, i64, EntryUuid, AvailabilityStatus, Option<String>, String, EntryUuid, i64, Option<Vec<u8>>);
/// row_id, registered_ms, entry_uuid, association_type, source_uuid, target_uuid, source_row, target_row, body.
pub(super) type AssociationRow =
    (i64, i64, EntryUuid, AssociationType, EntryUuid, EntryUuid, i64, i64, Option<Vec<u8>>);

const ENTRY_COLUMNS: &str = "SELECT d.row_id, d.registered_ms, d.patient_key, d.entry_uuid, d.status, d.object_type, \
    d.home, d.repository_unique_id, d.availability, d.logical_id, d.version, ";
const SET_COLUMNS: &str = "SELECT s.row_id, s.registered_ms, s.patient_key, s.entry_uuid, s.home, ";
const FOLDER_COLUMNS: &str = "SELECT f.row_id, f.registered_ms, f.patient_key, f.entry_uuid, f.status, f.home, \
    f.last_update_time, f.logical_id, f.version, ";
const ASSOCIATION_COLUMNS: &str = "SELECT a.row_id, a.registered_ms, a.entry_uuid, a.association_type, \
    a.source_uuid, a.target_uuid, a.source_row, a.target_row, ";

/// A kind of registry object: its table and the columns that answers need.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Entry,
    Set,
    Folder,
    Association,
}

impl Kind {
    /// `SELECT … FROM table alias WHERE `; references are answered without reading bodies.
    pub(super) fn select(self, return_type: ReturnType) -> String {
        let (columns, body, table) = match self {
            Self::Entry => (ENTRY_COLUMNS, "d.body", "document_entry d"),
            Self::Set => (SET_COLUMNS, "s.body", "submission_set s"),
            Self::Folder => (FOLDER_COLUMNS, "f.body", "folder f"),
            Self::Association => (ASSOCIATION_COLUMNS, "a.body", "association a"),
        };
        let body = match return_type {
            ReturnType::LeafClass => body,
            ReturnType::ObjectRef => "NULL",
        };
        format!("{columns}{body} FROM {table} WHERE ")
    }
}

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
        self.sets.extend(rows.into_iter().map(|row| ((row.1, row.0), row)));
    }

    pub(super) fn add_entries(&mut self, rows: Vec<EntryRow>) {
        self.entries.extend(rows.into_iter().map(|row| ((row.1, row.0), row)));
    }

    pub(super) fn add_folders(&mut self, rows: Vec<FolderRow>) {
        self.folders.extend(rows.into_iter().map(|row| ((row.1, row.0), row)));
    }

    pub(super) fn add_associations(&mut self, rows: Vec<AssociationRow>) {
        self.associations.extend(rows.into_iter().map(|row| ((row.1, row.0), row)));
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
        let mut ends: Vec<i64> = self.associations.values().flat_map(|row| [row.6, row.7]).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// The row ids of the sources of the associations found.
    pub(super) fn sources(&self) -> Vec<i64> {
        let mut sources: Vec<i64> = self.associations.values().map(|row| row.6).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    /// The keys of all patients of what was found.
    pub(super) fn patient_keys(&self) -> Vec<i64> {
        let sets = self.sets.values().map(|row| row.2);
        let entries = self.entries.values().map(|row| row.2);
        let mut keys: Vec<i64> = sets.chain(entries).chain(self.folders.values().map(|row| row.2)).collect();
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
                patient_id: patients.name(&one, row.2)?,
                entry_uuid: row.3,
                home: home(row.4.as_deref())?,
                body: body(row.5),
            }));
        }
        for row in self.entries.into_values() {
            objects.push(StoredObject::DocumentEntry(StoredEntry {
                patient_id: patients.name(&one, row.2)?,
                entry_uuid: row.3,
                status: row.4,
                object_type: row.5,
                home: home(row.6.as_deref())?,
                repository_unique_id: oid(&row.7)?,
                availability: row.8,
                logical_id: row.9,
                version: version(row.10)?,
                body: body(row.11),
            }));
        }
        for row in self.folders.into_values() {
            objects.push(StoredObject::Folder(StoredFolder {
                patient_id: patients.name(&one, row.2)?,
                entry_uuid: row.3,
                status: row.4,
                home: home(row.5.as_deref())?,
                last_update_time: row.6.into(),
                logical_id: row.7,
                version: version(row.8)?,
                body: body(row.9),
            }));
        }
        objects.extend(self.associations.into_values().map(|row| {
            StoredObject::Association(StoredAssociation {
                entry_uuid: row.2,
                association_type: row.3,
                source: row.4,
                target: row.5,
                home: None,
                body: body(row.8),
            })
        }));
        Ok(objects)
    }
}

fn body(octets: Option<Vec<u8>>) -> Body {
    octets.map(Body::from_bytes).unwrap_or_default()
}

fn home(text: Option<&str>) -> Result<Option<crate::model::HomeCommunityId>, StoreError> {
    text.map(|text| text.parse().map_err(|_| StoreError::Corrupt { what: "home" })).transpose()
}

fn oid(text: &str) -> Result<Oid, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what: "repository_unique_id" })
}

fn version(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt { what: "version" })
}
