-- The document repository: which bytes exist, and which uniqueId they belong to.

-- state 1 pending: not part of the repository; swept when its lease has passed. 2 kept. 3 being removed by a sweep, can
-- never be kept again. A row is committed as pending before its bytes get their final name.
CREATE TABLE blob (
    blob_id BLOB NOT NULL PRIMARY KEY,
    state INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_lease ON blob (lease_until_ms) WHERE state <> 2;

-- state 1 confirmed by the registry, 2 unconfirmed: registration failed half-way or has not been answered; holders counts
-- the requests that rely on the row until then. unique_id is in NFC, hashes are lower-case hexadecimal digits.
CREATE TABLE repository_document (
    unique_id TEXT NOT NULL PRIMARY KEY,
    blob_id BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha1 TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    crc32 INTEGER NOT NULL,
    mime_type TEXT NOT NULL,
    patient_key INTEGER NOT NULL,
    entry_uuid BLOB,
    state INTEGER NOT NULL,
    holders INTEGER NOT NULL,
    owner_org_key INTEGER NOT NULL,
    source_node_key INTEGER NOT NULL,
    data_category TEXT NOT NULL,
    confidentiality TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX repository_document_blob ON repository_document (blob_id);
CREATE INDEX repository_document_patient ON repository_document (patient_key);
