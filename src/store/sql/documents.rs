//! The repository's rows: blobs and the uniqueIds that they belong to.
//!
//! A blob is committed as pending before its bytes get their final name, and becomes kept in the transaction that maps a
//! uniqueId to it; so whatever happens in between, bytes without a document are known and can be swept.

use std::collections::HashMap;

use sqlx::FromRow;
use unicode_normalization::UnicodeNormalization;

use super::{Args, Tx, Value, args, statements};
use crate::{
    model::{DocumentUniqueId, EntryUuid, MediaType, NodeKey, OrganisationKey, PatientId, Sha1Hash, consent::Label},
    store::{StoreError, documents::BlobId},
};

const PENDING: i64 = 1;
const KEPT: i64 = 2;
const REMOVING: i64 = 3;

statements! {
    BLOB_PEND = "INSERT INTO blob (blob_id, state, lease_until_ms) VALUES {rows 3}";
    BLOB_KEEP = "UPDATE blob SET state = 2, lease_until_ms = 0 WHERE blob_id {in_bytes $1} AND state = 1";
    BLOB_LET_GO = "UPDATE blob SET state = 1, lease_until_ms = $2 WHERE blob_id {in_bytes $1} AND state = 2";
    BLOB_EXPIRE = "UPDATE blob SET state = 3 WHERE blob_id IN \
        (SELECT blob_id FROM blob WHERE state <> 2 AND lease_until_ms < $1 LIMIT 500) RETURNING blob_id";
    BLOB_REMOVE = "DELETE FROM blob WHERE blob_id {in_bytes $1} AND state = 3";
    BLOB_SHARD = "SELECT blob_id, state FROM blob WHERE blob_id >= $1 AND blob_id <= $2";
    /// With the identity that stands for the patient.
    DOCUMENT_FIND = "SELECT d.unique_id, d.blob_id, d.size_bytes, d.sha1, d.sha256, d.crc32, d.mime_type, d.patient_key, \
        d.entry_uuid, d.state, d.owner_org_key, d.source_node_key, d.data_category, d.confidentiality, d.created_ms, \
        s.authority AS patient_authority, s.id AS patient_id FROM repository_document d \
        LEFT JOIN patient p ON p.patient_key = d.patient_key LEFT JOIN patient s ON s.patient_key = p.survivor_key \
        WHERE d.unique_id {in_texts $1}";
    DOCUMENT_PAGE = "SELECT unique_id, blob_id, size_bytes, sha1, sha256, crc32, mime_type, patient_key, entry_uuid, \
        state, owner_org_key, source_node_key, data_category, confidentiality, created_ms \
        FROM repository_document WHERE unique_id > $1 ORDER BY unique_id LIMIT $2";
    DOCUMENT_KEEP = "INSERT INTO repository_document (unique_id, blob_id, size_bytes, sha1, sha256, crc32, mime_type, \
        patient_key, entry_uuid, state, owner_org_key, source_node_key, data_category, confidentiality, created_ms, \
        holders) VALUES {rows 16} ON CONFLICT (unique_id) DO NOTHING";
    DOCUMENT_HOLD = "UPDATE repository_document SET holders = holders + 1 WHERE unique_id {in_texts $1} AND state = 2";
    DOCUMENT_CONFIRM = "UPDATE repository_document SET state = 1, holders = 0 WHERE unique_id {in_texts $1}";
    DOCUMENT_RELEASE = "UPDATE repository_document SET holders = holders - 1 \
        WHERE unique_id {in_texts $1} AND state = 2";
    DOCUMENT_DROP_RELEASED = "DELETE FROM repository_document \
        WHERE unique_id {in_texts $1} AND state = 2 AND holders <= 0 RETURNING blob_id";
    DOCUMENT_REMOVE = "DELETE FROM repository_document WHERE unique_id {in_texts $1} RETURNING blob_id";
    ENTRY_WITHOUT_DOCUMENT = "SELECT e.entry_uuid FROM document_entry e \
        LEFT JOIN repository_document d ON d.unique_id = e.unique_id \
        WHERE e.repository_unique_id = $1 AND e.object_type = 1 AND d.unique_id IS NULL ORDER BY e.row_id LIMIT $2";
    BLOB_WITHOUT_DOCUMENT = "SELECT b.blob_id FROM blob b \
        LEFT JOIN repository_document d ON d.blob_id = b.blob_id WHERE b.state = 2 AND d.blob_id IS NULL LIMIT $1";
    DOCUMENT_WITHOUT_BLOB = "SELECT d.blob_id FROM repository_document d \
        LEFT JOIN blob b ON b.blob_id = d.blob_id WHERE b.blob_id IS NULL OR b.state <> 2 LIMIT $1";
    HOLDS_NOTHING = "SELECT (SELECT COUNT(*) FROM patient) + (SELECT COUNT(*) FROM repository_document)";
    DOCUMENT_TOTALS = "SELECT COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM repository_document";
}

/// Whether the registry has confirmed what the repository keeps (R-41-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentState {
    /// Registered.
    Confirmed,
    /// The registry has not answered yet, or nobody knows what it answered. Can be retrieved.
    Unconfirmed,
}

impl DocumentState {
    const fn to_store(self) -> i64 {
        match self {
            Self::Confirmed => 1,
            Self::Unconfirmed => 2,
        }
    }
}

/// A document to keep.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// DocumentEntry.uniqueId.
    pub unique_id: DocumentUniqueId,
    /// Where the bytes are.
    pub blob_id: BlobId,
    /// Octets.
    pub size_bytes: u64,
    /// SHA-1.
    pub sha1: Sha1Hash,
    /// SHA-256.
    pub sha256: [u8; 32],
    /// CRC-32.
    pub crc32: u32,
    /// DocumentEntry.mimeType.
    pub mime_type: MediaType,
    /// The patient that it was submitted for.
    pub patient_key: i64,
    /// The entry that it was submitted with, where its UUID is known.
    pub entry_uuid: Option<EntryUuid>,
    /// The organisation that owns it.
    pub owner_org_key: OrganisationKey,
    /// The node that submitted it.
    pub source_node_key: NodeKey,
    /// What access to it depends on beside its owner.
    pub label: Label,
}

/// A document of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    /// DocumentEntry.uniqueId, in NFC.
    pub unique_id: Box<str>,
    /// Where the bytes are.
    pub blob_id: BlobId,
    /// Octets.
    pub size_bytes: u64,
    /// SHA-1.
    pub sha1: Sha1Hash,
    /// SHA-256.
    pub sha256: [u8; 32],
    /// CRC-32.
    pub crc32: u32,
    /// DocumentEntry.mimeType as first submitted.
    pub mime_type: Box<str>,
    /// The patient that it was submitted for.
    pub patient_key: i64,
    /// The identity that stands for that patient, where it was asked for and the registry is here.
    pub patient: Option<PatientId>,
    /// The entry that it was submitted with.
    pub entry_uuid: Option<EntryUuid>,
    /// Whether the registry has it.
    pub state: DocumentState,
    /// The organisation that owns it.
    pub owner_org_key: OrganisationKey,
    /// The node that submitted it.
    pub source_node_key: NodeKey,
    /// Category of data, for consent.
    pub data_category: Box<str>,
    /// The most restrictive confidentialityCode.
    pub confidentiality: Box<str>,
    /// When it was kept.
    pub created_ms: i64,
}

/// What became of bytes that are not part of the repository, or should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobState {
    /// Waits to be kept or swept.
    Pending,
    /// Part of the repository.
    Kept,
    /// A sweep is removing it.
    Removing,
}

#[derive(FromRow)]
struct RawDocument {
    unique_id: String,
    blob_id: Vec<u8>,
    size_bytes: i64,
    sha1: String,
    sha256: String,
    crc32: i64,
    mime_type: String,
    patient_key: i64,
    entry_uuid: Option<EntryUuid>,
    state: i64,
    owner_org_key: i64,
    source_node_key: i64,
    data_category: String,
    confidentiality: String,
    created_ms: i64,
    #[sqlx(default)]
    patient_authority: Option<String>,
    #[sqlx(default)]
    patient_id: Option<String>,
}

impl Tx {
    /// Notes bytes that are about to get their final name. They are swept when `lease_until_ms` passes before
    /// [`Tx::keep_documents`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pend_blobs(&mut self, blobs: &[BlobId], lease_until_ms: i64) -> Result<(), StoreError> {
        let mut values = Args::with_capacity(3 * blobs.len());
        for blob in blobs {
            values.push(&blob.as_bytes()[..]);
            values.push(PENDING);
            values.push(lease_until_ms);
        }
        self.insert_rows(&BLOB_PEND, 3, values).await.map(|_| ())
    }

    /// The documents with these uniqueIds, in the order asked (R-43-11).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_documents(&mut self, unique_ids: &[&str]) -> Result<Vec<Option<DocumentRow>>, StoreError> {
        let keys = nfc_keys(unique_ids.iter().copied());
        let rows: Vec<RawDocument> = self.fetch_all(&DOCUMENT_FIND, args![keys.clone()]).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let row = DocumentRow::try_from(row)?;
            found.insert(row.unique_id.clone(), row);
        }
        Ok(keys.iter().map(|key| found.get(key.as_str()).cloned()).collect())
    }

    /// Makes pending bytes part of the repository. Returns, in the order given, the document that held a uniqueId before:
    /// then nothing was stored for it, its bytes are left to the sweep, and it is for the caller to compare hash and size
    /// (R-41-09).
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Busy`] when the lease of the bytes has passed.
    pub async fn keep_documents(
        &mut self,
        documents: &[NewDocument],
        state: DocumentState,
        now_ms: i64,
    ) -> Result<Vec<Option<DocumentRow>>, StoreError> {
        let ids: Vec<&str> = documents.iter().map(|document| document.unique_id.as_str()).collect();
        let mut fresh: Vec<(String, &NewDocument)> = nfc_keys(ids.iter().copied()).into_iter().zip(documents).collect();
        // In the order of the key, so that two transactions never wait for each other.
        fresh.sort_by(|a, b| a.0.cmp(&b.0));
        let mut values = Args::with_capacity(16 * fresh.len());
        for (key, document) in &fresh {
            document.push(key, state, now_ms, &mut values);
        }
        let inserted = self.insert_rows(&DOCUMENT_KEEP, 16, values).await?;
        let mut held = if inserted == fresh.len() as u64 {
            vec![None; documents.len()]
        } else {
            self.find_documents(&ids).await?
        };
        let mut ours = Vec::with_capacity(documents.len());
        for (row, document) in held.iter_mut().zip(documents) {
            if row.as_ref().is_none_or(|row| row.blob_id == document.blob_id) {
                ours.push(document.blob_id);
                *row = None;
            }
        }
        let expected = ours.len() as u64;
        if expected > 0 && self.execute(&BLOB_KEEP, args![blobs(ours)]).await? != expected {
            return Err(StoreError::Busy { statement: "BLOB_KEEP", code: "lease has passed".to_owned() });
        }
        if state == DocumentState::Unconfirmed {
            let others: Vec<String> = held.iter().flatten().map(|row| row.unique_id.to_string()).collect();
            if !others.is_empty() {
                self.execute(&DOCUMENT_HOLD, args![others]).await?;
            }
        }
        Ok(held)
    }

    /// The registry has these documents (R-41-13).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn confirm_documents(&mut self, unique_ids: &[&str]) -> Result<(), StoreError> {
        self.execute(&DOCUMENT_CONFIRM, args![nfc_keys(unique_ids.iter().copied())]).await.map(|_| ())
    }

    /// The registry refused the request that kept these documents as unconfirmed: each goes unless another request relies
    /// on it (R-41-13). Their bytes are swept after `lease_until_ms`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_documents(&mut self, unique_ids: &[&str], lease_until_ms: i64) -> Result<(), StoreError> {
        let keys = nfc_keys(unique_ids.iter().copied());
        self.execute(&DOCUMENT_RELEASE, args![keys.clone()]).await?;
        let gone: Vec<(Vec<u8>,)> = self.fetch_all(&DOCUMENT_DROP_RELEASED, args![keys]).await?;
        self.let_go(gone, lease_until_ms).await.map(|_| ())
    }

    /// Takes documents out of the repository, whatever their state; tells how many there were. Their bytes are swept
    /// after `lease_until_ms`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_documents(&mut self, unique_ids: &[&str], lease_until_ms: i64) -> Result<u64, StoreError> {
        let keys = nfc_keys(unique_ids.iter().copied());
        let gone: Vec<(Vec<u8>,)> = self.fetch_all(&DOCUMENT_REMOVE, args![keys]).await?;
        self.let_go(gone, lease_until_ms).await
    }

    async fn let_go(&mut self, gone: Vec<(Vec<u8>,)>, lease_until_ms: i64) -> Result<u64, StoreError> {
        let gone = gone.into_iter().map(|(raw,)| blob(raw)).collect::<Result<Vec<_>, _>>()?;
        if gone.is_empty() {
            return Ok(0);
        }
        self.execute(&BLOB_LET_GO, args![blobs(gone), lease_until_ms]).await
    }

    /// Marks up to 500 bytes whose lease has passed as being removed: from here on they cannot be kept any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expire_blobs(&mut self, now_ms: i64) -> Result<Vec<BlobId>, StoreError> {
        let rows: Vec<(Vec<u8>,)> = self.fetch_all(&BLOB_EXPIRE, args![now_ms]).await?;
        rows.into_iter().map(|(raw,)| blob(raw)).collect()
    }

    /// Forgets bytes that were marked by [`Tx::expire_blobs`] and are gone now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_blobs(&mut self, gone: Vec<BlobId>) -> Result<(), StoreError> {
        self.execute(&BLOB_REMOVE, args![blobs(gone)]).await.map(|_| ())
    }

    /// All bytes with an id between these, both included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn blobs_between(&mut self, from: BlobId, to: BlobId) -> Result<HashMap<BlobId, BlobState>, StoreError> {
        let range = args![&from.as_bytes()[..], &to.as_bytes()[..]];
        let rows: Vec<(Vec<u8>, i64)> = self.fetch_all(&BLOB_SHARD, range).await?;
        rows.into_iter()
            .map(|(raw, state)| {
                let state = match state {
                    PENDING => BlobState::Pending,
                    KEPT => BlobState::Kept,
                    REMOVING => BlobState::Removing,
                    _ => return Err(StoreError::Corrupt { what: "blob.state" }),
                };
                Ok((blob(raw)?, state))
            })
            .collect()
    }

    /// Up to `limit` documents in the order of their uniqueIds, beginning after this one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents_after(&mut self, unique_id: &str, limit: i64) -> Result<Vec<DocumentRow>, StoreError> {
        let rows: Vec<RawDocument> = self.fetch_all(&DOCUMENT_PAGE, args![unique_id, limit]).await?;
        rows.into_iter().map(DocumentRow::try_from).collect()
    }

    /// How many documents there are, and their octets.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn document_totals(&mut self) -> Result<(u64, u64), StoreError> {
        let (count, bytes): (i64, i64) = self.fetch_one(&DOCUMENT_TOTALS, args![]).await?;
        Ok((count.unsigned_abs(), bytes.unsigned_abs()))
    }

    /// Whether there is neither a patient nor a document.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn holds_nothing(&mut self) -> Result<bool, StoreError> {
        let (count,): (i64,) = self.fetch_one(&HOLDS_NOTHING, args![]).await?;
        Ok(count == 0)
    }

    /// Kept bytes that no document points to, and documents whose bytes are not kept: neither should exist.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mismatched_blobs(&mut self, limit: i64) -> Result<(Vec<BlobId>, Vec<BlobId>), StoreError> {
        let orphans: Vec<(Vec<u8>,)> = self.fetch_all(&BLOB_WITHOUT_DOCUMENT, args![limit]).await?;
        let loose: Vec<(Vec<u8>,)> = self.fetch_all(&DOCUMENT_WITHOUT_BLOB, args![limit]).await?;
        let read = |rows: Vec<(Vec<u8>,)>| rows.into_iter().map(|(raw,)| blob(raw)).collect::<Result<_, _>>();
        Ok((read(orphans)?, read(loose)?))
    }

    /// Stable entries that name this repository and have no document in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entries_without_document(
        &mut self,
        repository_unique_id: &str,
        limit: i64,
    ) -> Result<Vec<EntryUuid>, StoreError> {
        let rows: Vec<(EntryUuid,)> =
            self.fetch_all(&ENTRY_WITHOUT_DOCUMENT, args![repository_unique_id, limit]).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

impl NewDocument {
    fn push(&self, key: &str, state: DocumentState, now_ms: i64, values: &mut Args) {
        let holders = i64::from(state == DocumentState::Unconfirmed);
        values.push(key);
        values.push(&self.blob_id.as_bytes()[..]);
        values.push(i64::try_from(self.size_bytes).unwrap_or(i64::MAX));
        values.push(self.sha1.to_string());
        values.push(hex(&self.sha256));
        values.push(i64::from(self.crc32));
        values.push(self.mime_type.as_str());
        values.push(self.patient_key);
        values.push(self.entry_uuid);
        values.push(state.to_store());
        values.push(self.owner_org_key);
        values.push(self.source_node_key);
        values.push(self.label.data_category.as_str());
        values.push(&*self.label.confidentiality);
        values.push(now_ms);
        values.push(holders);
    }
}

impl TryFrom<RawDocument> for DocumentRow {
    type Error = StoreError;

    fn try_from(raw: RawDocument) -> Result<Self, StoreError> {
        let corrupt = |what| move || StoreError::Corrupt { what };
        Ok(Self {
            unique_id: raw.unique_id.into(),
            blob_id: blob(raw.blob_id)?,
            size_bytes: raw.size_bytes.try_into().ok().ok_or_else(corrupt("repository_document.size_bytes"))?,
            sha1: raw.sha1.parse().ok().ok_or_else(corrupt("repository_document.sha1"))?,
            sha256: unhex(&raw.sha256).ok_or_else(corrupt("repository_document.sha256"))?,
            crc32: raw.crc32.try_into().ok().ok_or_else(corrupt("repository_document.crc32"))?,
            mime_type: raw.mime_type.into(),
            patient_key: raw.patient_key,
            patient: raw
                .patient_authority
                .zip(raw.patient_id)
                .and_then(|(authority, id)| PatientId::new(&id, authority.parse().ok()?).ok()),
            entry_uuid: raw.entry_uuid,
            state: match raw.state {
                1 => DocumentState::Confirmed,
                2 => DocumentState::Unconfirmed,
                _ => return Err(StoreError::Corrupt { what: "repository_document.state" }),
            },
            owner_org_key: raw.owner_org_key,
            source_node_key: raw.source_node_key,
            data_category: raw.data_category.into(),
            confidentiality: raw.confidentiality.into(),
            created_ms: raw.created_ms,
        })
    }
}

/// The form in which uniqueIds are compared, the same as in the registry.
fn nfc_keys<'a>(unique_ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    unique_ids.map(|id| id.nfc().collect()).collect()
}

fn blob(raw: Vec<u8>) -> Result<BlobId, StoreError> {
    raw.try_into().map(BlobId::from_bytes).map_err(|_| StoreError::Corrupt { what: "blob_id" })
}

/// Blob ids as a list.
fn blobs(ids: Vec<BlobId>) -> Value {
    Value::BytesList(ids.into_iter().map(|id| id.as_bytes().to_vec()).collect())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (octet, at) in out.iter_mut().zip((0..64).step_by(2)) {
        *octet = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(out)
}
