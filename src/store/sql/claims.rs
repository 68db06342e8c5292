//! Identifiers that are unique over all patients: entryUUIDs and uniqueIds.
//!
//! A claim is inserted, never looked up first, so two submissions at the same time cannot both have it. SubmissionSet and
//! Folder uniqueIds and entryUUIDs belong to one object. A DocumentEntry's uniqueId may be shared by entries with the
//! same hash and size; the claim of the first one fixes them. Source: spec R-42-12, R-42-30 to R-42-32, R-42-37.

use std::collections::HashMap;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use super::{Args, Tx, Value, args, statements};
use crate::{
    model::{AvailabilityStatus, DocumentEntryType, EntryUuid, OrganisationKey, Sha1Hash, consent::Label},
    store::StoreError,
};

statements! {
    INSERT_CLAIMS = "INSERT INTO claim (space, value, kind, hash, size_bytes, patient_key, row_id) \
        VALUES {rows 7} ON CONFLICT (space, value) DO NOTHING";
    CLAIMS_HELD = "SELECT c.value, c.kind, c.hash, c.size_bytes, c.patient_key, c.row_id, \
        COALESCE(d.owner_org_key, 0) FROM claim c LEFT JOIN document_entry d ON d.row_id = c.row_id \
        WHERE c.space = $1 AND c.value {in_bytes $2}";
    ROWS_OF_UUIDS = "SELECT value, row_id FROM claim WHERE space = 1 AND value {in_bytes $1}";
    RESOLVE = "SELECT c.value, c.kind, c.row_id, c.patient_key, p.survivor_key, \
        COALESCE(d.status, f.status, 1), d.object_type, COALESCE(d.owner_org_key, f.owner_org_key, s.owner_org_key, 0), \
        COALESCE(d.data_category, ''), COALESCE(d.confidentiality, '') \
        FROM claim c JOIN patient p ON p.patient_key = c.patient_key \
        LEFT JOIN document_entry d ON c.kind = 1 AND d.row_id = c.row_id \
        LEFT JOIN folder f ON c.kind = 3 AND f.row_id = c.row_id \
        LEFT JOIN association a ON c.kind = 4 AND a.row_id = c.row_id \
        LEFT JOIN submission_set s ON s.row_id = CASE c.kind WHEN 2 THEN c.row_id WHEN 4 THEN a.submission_set_row END \
        WHERE c.space = 1 AND c.value {in_bytes $1}";
}

/// The kinds of registry objects that have an entryUUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A DocumentEntry.
    DocumentEntry,
    /// A SubmissionSet.
    SubmissionSet,
    /// A Folder.
    Folder,
    /// An Association.
    Association,
}

impl ObjectKind {
    const ALL: [Self; 4] = [Self::DocumentEntry, Self::SubmissionSet, Self::Folder, Self::Association];

    const fn to_store(self) -> i64 {
        self as i64 + 1
    }

    fn from_store(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_store() == number)
    }
}

/// What is claimed, and for what. The uniqueIds of all kinds of objects share one space; entryUUIDs have their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimKind {
    /// uniqueId of a SubmissionSet.
    SubmissionSet,
    /// uniqueId of a Folder.
    Folder,
    /// uniqueId of a stable DocumentEntry.
    DocumentEntry,
    /// uniqueId of an On-Demand DocumentEntry.
    OnDemandEntry,
    /// entryUUID of an object.
    EntryUuid(ObjectKind),
}

const SPACE_ENTRY_UUID: i64 = 1;
const SPACE_UNIQUE_ID: i64 = 2;

impl ClaimKind {
    const fn space(self) -> i64 {
        match self {
            Self::EntryUuid(_) => SPACE_ENTRY_UUID,
            _ => SPACE_UNIQUE_ID,
        }
    }

    const fn to_store(self) -> i64 {
        match self {
            Self::SubmissionSet => 1,
            Self::Folder => 2,
            Self::DocumentEntry => 3,
            Self::OnDemandEntry => 4,
            Self::EntryUuid(kind) => kind.to_store(),
        }
    }

    fn from_store(space: i64, number: i64) -> Option<Self> {
        match (space, number) {
            (SPACE_ENTRY_UUID, _) => ObjectKind::from_store(number).map(Self::EntryUuid),
            (_, 1) => Some(Self::SubmissionSet),
            (_, 2) => Some(Self::Folder),
            (_, 3) => Some(Self::DocumentEntry),
            (_, 4) => Some(Self::OnDemandEntry),
            _ => None,
        }
    }
}

/// An identifier that a new object wants.
#[derive(Clone, Debug)]
pub struct NewClaim {
    kind: ClaimKind,
    value: Vec<u8>,
    hash: Option<String>,
    size_bytes: Option<u64>,
    patient_key: i64,
    row_id: i64,
}

impl NewClaim {
    /// For an entryUUID.
    pub fn entry_uuid(kind: ObjectKind, uuid: &EntryUuid, patient_key: i64, row_id: i64) -> Self {
        let value = uuid.as_bytes().to_vec();
        Self { kind: ClaimKind::EntryUuid(kind), value, hash: None, size_bytes: None, patient_key, row_id }
    }

    /// For a uniqueId, which is compared in NFC (R-META-33).
    pub fn unique_id(kind: ClaimKind, unique_id: &str, patient_key: i64, row_id: i64) -> Self {
        let value = nfc(unique_id).into_bytes();
        Self { kind, value, hash: None, size_bytes: None, patient_key, row_id }
    }

    /// With the hash and size of the document that a uniqueId names.
    pub fn of_document(self, hash: Option<Sha1Hash>, size_bytes: Option<u64>) -> Self {
        Self { hash: hash.map(|hash| hash.to_string()), size_bytes, ..self }
    }

    /// The identifier, as it is told to people.
    pub fn identifier(&self) -> String {
        match (self.kind, <[u8; 16]>::try_from(self.value.as_slice())) {
            (ClaimKind::EntryUuid(_), Ok(bytes)) => EntryUuid::from_bytes(bytes).to_string(),
            _ => String::from_utf8_lossy(&self.value).into_owned(),
        }
    }

    /// Whether it is the claim of this uniqueId.
    pub fn names(&self, unique_id: &str) -> bool {
        nfc(unique_id).as_bytes() == self.value
    }

    /// What is claimed.
    pub fn kind(&self) -> ClaimKind {
        self.kind
    }
}

/// An identifier that was claimed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldClaim {
    /// Which of the claims asked for, counted from 0.
    pub index: usize,
    /// For what it was claimed.
    pub kind: ClaimKind,
    /// Of the document that the uniqueId names.
    pub hash: Option<String>,
    /// Of the document that the uniqueId names.
    pub size_bytes: Option<u64>,
    /// Whose object holds it.
    pub patient_key: i64,
    /// Which object holds it.
    pub row_id: i64,
    /// Who owns the DocumentEntry that holds it; 0 for other objects.
    pub owner_org_key: OrganisationKey,
}

/// A registry object that is pointed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedObject {
    /// Its row.
    pub row_id: i64,
    /// What it is.
    pub kind: ObjectKind,
    /// Under which identity it was registered.
    pub patient_key: i64,
    /// Whose it is after all merges.
    pub survivor_key: i64,
    /// availabilityStatus; SubmissionSets and Associations are always Approved.
    pub status: AvailabilityStatus,
    /// Of entries.
    pub object_type: Option<DocumentEntryType>,
    /// Who owns it; an Association belongs to the owner of its SubmissionSet.
    pub owner_org_key: OrganisationKey,
    /// What access depends on, of entries.
    pub label: Label,
}

type HeldRow = (Vec<u8>, i64, Option<String>, Option<i64>, i64, i64, i64);
type ResolvedRow = (EntryUuid, i64, i64, i64, i64, AvailabilityStatus, Option<DocumentEntryType>, i64, String, String);

impl Tx {
    /// Claims identifiers. Answers those that others hold already; the rest is ours if the transaction is committed.
    ///
    /// A DocumentEntry's uniqueId that is held by an entry with the same hash and size is no hindrance: that is for the
    /// caller to judge.
    pub async fn claim(&mut self, claims: &[NewClaim]) -> Result<Vec<HeldClaim>, StoreError> {
        let mut sorted: Vec<&NewClaim> = claims.iter().collect();
        sorted.sort_unstable_by(|a, b| (a.kind.space(), &a.value).cmp(&(b.kind.space(), &b.value)));
        let mut values = Args::with_capacity(claims.len() * 7);
        for claim in sorted {
            values.push(claim.kind.space());
            values.push(claim.value.clone());
            values.push(claim.kind.to_store());
            values.push(claim.hash.clone());
            values.push(size_to_store(claim.size_bytes));
            values.push(claim.patient_key);
            values.push(claim.row_id);
        }
        let inserted = self.insert_rows(&INSERT_CLAIMS, 7, values).await?;
        if usize::try_from(inserted).is_ok_and(|inserted| inserted == claims.len()) {
            return Ok(Vec::new());
        }
        let mut held = Vec::new();
        for space in [SPACE_ENTRY_UUID, SPACE_UNIQUE_ID] {
            held.extend(self.claims_held(space, claims).await?);
        }
        held.sort_unstable_by_key(|claim| claim.index);
        Ok(held)
    }

    async fn claims_held(&mut self, space: i64, claims: &[NewClaim]) -> Result<Vec<HeldClaim>, StoreError> {
        let asked: Vec<Vec<u8>> = claims.iter().filter(|c| c.kind.space() == space).map(|c| c.value.clone()).collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<HeldRow> = self.fetch_all(&CLAIMS_HELD, args![space, asked]).await?;
        let rows: HashMap<&[u8], &HeldRow> = rows.iter().map(|row| (row.0.as_slice(), row)).collect();
        let mut held = Vec::new();
        for (index, claim) in claims.iter().enumerate().filter(|(_, claim)| claim.kind.space() == space) {
            match rows.get(claim.value.as_slice()) {
                Some((_, _, _, _, _, row_id, _)) if *row_id == claim.row_id => {}
                Some((_, kind, hash, size, patient_key, row_id, owner)) => held.push(HeldClaim {
                    index,
                    kind: ClaimKind::from_store(space, *kind).ok_or(StoreError::Corrupt { what: "claim.kind" })?,
                    hash: hash.clone(),
                    size_bytes: size.and_then(|size| u64::try_from(size).ok()),
                    patient_key: *patient_key,
                    row_id: *row_id,
                    owner_org_key: *owner,
                }),
                None => return Err(StoreError::Corrupt { what: "claim" }),
            }
        }
        Ok(held)
    }

    /// What the registry knows under these entryUUIDs.
    ///
    /// The state of an object is certain only while its patient is locked: lock the patients of what is found
    /// ([`Tx::lock_patient_keys`]) and resolve again when they were not locked before.
    pub async fn resolve(&mut self, uuids: &[EntryUuid]) -> Result<HashMap<EntryUuid, ResolvedObject>, StoreError> {
        if uuids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<ResolvedRow> = self.fetch_all(&RESOLVE, args![uuids]).await?;
        rows.into_iter()
            .map(|(uuid, kind, row_id, patient_key, survivor_key, status, object_type, owner, category, code)| {
                let kind = ObjectKind::from_store(kind).ok_or(StoreError::Corrupt { what: "claim.kind" })?;
                let data_category = category.parse().unwrap_or_else(|_| Label::default().data_category);
                let label = Label { data_category, confidentiality: code.into() };
                let object = ResolvedObject {
                    row_id,
                    kind,
                    patient_key,
                    survivor_key,
                    status,
                    object_type,
                    owner_org_key: owner,
                    label,
                };
                Ok((uuid, object))
            })
            .collect()
    }

    /// The rows of these entryUUIDs, those that exist.
    pub(super) async fn rows_of_uuids(&mut self, uuids: &[EntryUuid]) -> Result<HashMap<EntryUuid, i64>, StoreError> {
        if uuids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(EntryUuid, i64)> = self.fetch_all(&ROWS_OF_UUIDS, args![uuids]).await?;
        Ok(rows.into_iter().collect())
    }
}

/// A size as the store keeps it. What does not fit is larger than any disk, and compares as such.
pub(super) fn size_to_store(size_bytes: Option<u64>) -> Value {
    Value::Int(size_bytes.map(|size| i64::try_from(size).unwrap_or(i64::MAX)))
}

/// The form in which texts are compared (R-META-33); most are in it already.
pub(super) fn nfc(text: &str) -> String {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes { text.to_owned() } else { text.nfc().collect() }
}
