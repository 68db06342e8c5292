-- The document repository: which bytes exist, and which uniqueId they belong to.

-- state 1 pending: not part of the repository; swept when its lease has passed. 2 kept. 3 being removed by a sweep, can
-- never be kept again. A row is committed as pending before its bytes get their final name.
CREATE TABLE blob (
    blob_id BYTEA NOT NULL PRIMARY KEY,
    state BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL
);
CREATE INDEX blob_lease ON blob (lease_until_ms) WHERE state <> 2;

-- state 1 confirmed by the registry, 2 unconfirmed: registration failed half-way or has not been answered; holders counts
-- the requests that rely on the row until then. unique_id is in NFC, hashes are lower-case hexadecimal digits.
CREATE TABLE repository_document (
    unique_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    blob_id BYTEA NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha1 TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    crc32 BIGINT NOT NULL,
    mime_type TEXT COLLATE "C" NOT NULL,
    patient_key BIGINT NOT NULL,
    entry_uuid BYTEA,
    state BIGINT NOT NULL,
    holders BIGINT NOT NULL,
    owner_org_key BIGINT NOT NULL,
    source_node_key BIGINT NOT NULL,
    data_category TEXT COLLATE "C" NOT NULL,
    confidentiality TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX repository_document_blob ON repository_document (blob_id);
CREATE INDEX repository_document_patient ON repository_document (patient_key);
