//! The rows of an answer, packed by the database into one value.
//!
//! Fetching twenty rows of twelve columns costs the driver far more than the database needs to find them, so every query
//! asks for one value that holds all rows one after the other: a line of fields with a blank between them, then UUIDs,
//! then the body, whose length is the last field.

use std::str::FromStr;

use super::objects::Place;
use crate::{
    model::{
        AssociationType, AvailabilityStatus, Body, DocumentAvailability, DocumentEntryType, EntryUuid, HomeCommunityId,
        Oid, stored_query::ReturnType,
    },
    store::{StoreError, sql::columns},
};

/// A kind of registry object: its table and how its rows are packed.
#[derive(Clone, Copy)]
pub(in crate::store::sql) enum Kind {
    Entry,
    Set,
    Folder,
    Association,
}

impl Kind {
    /// Everything up to the conditions on the table. References are answered without reading bodies.
    pub(super) fn select(self, return_type: ReturnType) -> String {
        let (table, fields, uuids) = match self {
            Self::Entry => (
                "document_entry d",
                "d.row_id, d.registered_ms, d.patient_key, d.status, d.object_type, d.availability, d.version, \
                 d.home, d.repository_unique_id",
                "d.entry_uuid || d.logical_id",
            ),
            Self::Set => ("submission_set s", "s.row_id, s.registered_ms, s.patient_key, s.home", "s.entry_uuid"),
            Self::Folder => (
                "folder f",
                "f.row_id, f.registered_ms, f.patient_key, f.status, f.version, f.home, f.last_update_time",
                "f.entry_uuid || f.logical_id",
            ),
            Self::Association => (
                "association a",
                "a.row_id, a.registered_ms, a.association_type, a.source_row, a.target_row",
                "a.entry_uuid || a.source_uuid || a.target_uuid",
            ),
        };
        let alias = &table[table.len() - 1..];
        let (length, body) = match return_type {
            ReturnType::LeafClass => (format!("length({alias}.body)"), format!(" || {alias}.body")),
            ReturnType::ObjectRef => ("0".to_owned(), String::new()),
        };
        let places = vec!["%s"; fields.split(',').count() + 1].join(" ");
        format!(
            "SELECT {{all_of x.packed}} FROM (SELECT {{octets format('{places}\n', {fields}, {length})}} \
             || {uuids}{body} AS packed FROM {table} WHERE "
        )
    }
}

/// A row of `document_entry`.
pub(super) struct EntryRow {
    pub place: Place,
    pub patient_key: i64,
    pub entry_uuid: EntryUuid,
    pub logical_id: EntryUuid,
    pub status: AvailabilityStatus,
    pub object_type: DocumentEntryType,
    pub availability: Option<DocumentAvailability>,
    pub version: u32,
    pub home: Option<HomeCommunityId>,
    pub repository_unique_id: Oid,
    pub body: Body,
}

/// A row of `submission_set`.
pub(super) struct SetRow {
    pub place: Place,
    pub patient_key: i64,
    pub entry_uuid: EntryUuid,
    pub home: Option<HomeCommunityId>,
    pub body: Body,
}

/// A row of `folder`.
pub(super) struct FolderRow {
    pub place: Place,
    pub patient_key: i64,
    pub entry_uuid: EntryUuid,
    pub logical_id: EntryUuid,
    pub status: AvailabilityStatus,
    pub version: u32,
    pub home: Option<HomeCommunityId>,
    pub last_update_time: Box<str>,
    pub body: Body,
}

/// A row of `association`.
pub(super) struct AssociationRow {
    pub place: Place,
    pub entry_uuid: EntryUuid,
    pub association_type: AssociationType,
    pub source: EntryUuid,
    pub target: EntryUuid,
    pub source_row: i64,
    pub target_row: i64,
    pub body: Body,
}

/// A row that can be unpacked.
pub(super) trait Unpack: Sized {
    /// Reads the fields in the order of [`Kind::select`].
    fn unpack(row: &mut Unpacking<'_>) -> Option<Self>;
}

/// All rows of an answer; none where the database found none.
pub(super) fn unpack_all<R: Unpack>(packed: Option<&[u8]>) -> Result<Vec<R>, StoreError> {
    let mut rows = Vec::new();
    let mut rest = packed.unwrap_or_default();
    while !rest.is_empty() {
        let row = Unpacking::new(rest).and_then(|mut row| {
            let unpacked = R::unpack(&mut row)?;
            rest = row.octets;
            Some(unpacked)
        });
        rows.push(row.ok_or(StoreError::Corrupt { what: "a registry object" })?);
    }
    Ok(rows)
}

/// What is left of a packed row.
pub(super) struct Unpacking<'a> {
    fields: std::str::Split<'a, char>,
    octets: &'a [u8],
}

impl<'a> Unpacking<'a> {
    fn new(packed: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', packed)?;
        let fields = std::str::from_utf8(&packed[..end]).ok()?.split(' ');
        Some(Self { fields, octets: &packed[end + 1..] })
    }

    fn field<T: FromStr>(&mut self) -> Option<T> {
        self.fields.next()?.parse().ok()
    }

    /// A field that is empty where the column is NULL.
    fn optional<T: FromStr>(&mut self) -> Option<Option<T>> {
        match self.fields.next()? {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }

    fn place(&mut self) -> Option<Place> {
        let row_id = self.field()?;
        Some((self.field()?, row_id))
    }

    fn uuid(&mut self) -> Option<EntryUuid> {
        let (uuid, rest) = self.octets.split_first_chunk::<16>()?;
        self.octets = rest;
        Some(EntryUuid::from_bytes(*uuid))
    }

    fn body(&mut self, length: usize) -> Option<Body> {
        let (body, rest) = self.octets.split_at_checked(length)?;
        self.octets = rest;
        Some(Body::from_bytes(body.to_vec()))
    }
}

impl Unpack for EntryRow {
    fn unpack(row: &mut Unpacking<'_>) -> Option<Self> {
        let place = row.place()?;
        let patient_key = row.field()?;
        let status = AvailabilityStatus::from_store(row.field()?)?;
        let object_type = DocumentEntryType::from_store(row.field()?)?;
        let availability = match row.optional()? {
            Some(number) => Some(columns::availability_from_store(number)?),
            None => None,
        };
        let version = row.field()?;
        let home = row.optional()?;
        let repository_unique_id = row.field()?;
        let length = row.field()?;
        let (entry_uuid, logical_id) = (row.uuid()?, row.uuid()?);
        let body = row.body(length)?;
        Some(Self {
            place,
            patient_key,
            entry_uuid,
            logical_id,
            status,
            object_type,
            availability,
            version,
            home,
            repository_unique_id,
            body,
        })
    }
}

impl Unpack for SetRow {
    fn unpack(row: &mut Unpacking<'_>) -> Option<Self> {
        let (place, patient_key, home) = (row.place()?, row.field()?, row.optional()?);
        let length = row.field()?;
        Some(Self { place, patient_key, home, entry_uuid: row.uuid()?, body: row.body(length)? })
    }
}

impl Unpack for FolderRow {
    fn unpack(row: &mut Unpacking<'_>) -> Option<Self> {
        let (place, patient_key) = (row.place()?, row.field()?);
        let status = AvailabilityStatus::from_store(row.field()?)?;
        let (version, home) = (row.field()?, row.optional()?);
        let last_update_time: String = row.field()?;
        let length = row.field()?;
        let (entry_uuid, logical_id) = (row.uuid()?, row.uuid()?);
        let last_update_time = last_update_time.into();
        let body = row.body(length)?;
        Some(Self { place, patient_key, entry_uuid, logical_id, status, version, home, last_update_time, body })
    }
}

impl Unpack for AssociationRow {
    fn unpack(row: &mut Unpacking<'_>) -> Option<Self> {
        let place = row.place()?;
        let association_type = AssociationType::from_store(row.field()?)?;
        let (source_row, target_row) = (row.field()?, row.field()?);
        let length = row.field()?;
        let (entry_uuid, source, target) = (row.uuid()?, row.uuid()?, row.uuid()?);
        let body = row.body(length)?;
        Some(Self { place, entry_uuid, association_type, source, target, source_row, target_row, body })
    }
}
