-- The document registry: patients, claimed identifiers, registry objects and their relations.
-- Every registry table carries patient_key, so that the same schema can be partitioned by it. Times are 14 digits,
-- codes `code^^scheme`, texts that are compared are in NFC. `body` is written by wire::ebrim::body.

-- Row ids are handed out in blocks, so that a submission knows the ids of its rows before it inserts them.
CREATE TABLE row_id_block (
    block_key INTEGER NOT NULL PRIMARY KEY,
    next_row_id INTEGER NOT NULL
) STRICT;
INSERT INTO row_id_block (block_key, next_row_id) VALUES (1, 1);

-- survivor_key is the identity that stands for this one after all merges: its own key where there was none.
CREATE TABLE patient (
    patient_key INTEGER NOT NULL PRIMARY KEY,
    authority TEXT NOT NULL,
    id TEXT NOT NULL,
    survivor_key INTEGER NOT NULL,
    write_seq INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    source TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX patient_identity ON patient (authority, id);
CREATE INDEX patient_survivor ON patient (survivor_key);

-- What the identity feed said. A merge is undone by its undone_ms; survivor_key is then computed again.
CREATE TABLE patient_merge (
    merge_key INTEGER NOT NULL PRIMARY KEY,
    subsumed_key INTEGER NOT NULL,
    surviving_key INTEGER NOT NULL,
    merged_ms INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    undone_ms INTEGER
) STRICT;
CREATE INDEX patient_merge_subsumed ON patient_merge (subsumed_key);
CREATE INDEX patient_merge_surviving ON patient_merge (surviving_key);

-- Identifiers that are unique over all patients. space 1: entryUUIDs (16 octets), space 2: uniqueIds (UTF-8, NFC).
-- A DocumentEntry's uniqueId fixes hash and size and may be shared by many entries; it is claimed by the first.
CREATE TABLE claim (
    space INTEGER NOT NULL,
    value BLOB NOT NULL,
    kind INTEGER NOT NULL,
    hash TEXT,
    size_bytes INTEGER,
    patient_key INTEGER NOT NULL,
    row_id INTEGER NOT NULL,
    PRIMARY KEY (space, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE document_entry (
    row_id INTEGER NOT NULL PRIMARY KEY,
    patient_key INTEGER NOT NULL,
    registered_ms INTEGER NOT NULL,
    status INTEGER NOT NULL,
    object_type INTEGER NOT NULL,
    entry_uuid BLOB NOT NULL,
    logical_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    unique_id TEXT NOT NULL,
    class_code TEXT NOT NULL,
    type_code TEXT NOT NULL,
    format_code TEXT NOT NULL,
    practice_setting_code TEXT NOT NULL,
    healthcare_facility_type_code TEXT NOT NULL,
    creation_time TEXT,
    service_start_time TEXT,
    service_stop_time TEXT,
    availability INTEGER,
    repository_unique_id TEXT NOT NULL,
    home TEXT,
    hash TEXT,
    size_bytes INTEGER,
    mime_type TEXT NOT NULL,
    title TEXT,
    owner_org_key INTEGER NOT NULL,
    source_node_key INTEGER NOT NULL,
    data_category TEXT NOT NULL,
    confidentiality TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX document_entry_patient ON document_entry (patient_key, status, object_type);
CREATE INDEX document_entry_unique_id ON document_entry (unique_id);

-- Attributes with several values. kind 1: confidentialityCode, 2: eventCode, 3: authorPerson, 4: referenceId.
CREATE TABLE entry_value (
    patient_key INTEGER NOT NULL,
    row_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (patient_key, row_id, kind, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE submission_set (
    row_id INTEGER NOT NULL PRIMARY KEY,
    patient_key INTEGER NOT NULL,
    registered_ms INTEGER NOT NULL,
    entry_uuid BLOB NOT NULL,
    unique_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    submission_time TEXT NOT NULL,
    content_type_code TEXT NOT NULL,
    home TEXT,
    owner_org_key INTEGER NOT NULL,
    source_node_key INTEGER NOT NULL,
    data_category TEXT NOT NULL,
    confidentiality TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX submission_set_patient ON submission_set (patient_key);

-- authorPerson of all authors.
CREATE TABLE submission_set_author (
    patient_key INTEGER NOT NULL,
    row_id INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (patient_key, row_id, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE folder (
    row_id INTEGER NOT NULL PRIMARY KEY,
    patient_key INTEGER NOT NULL,
    registered_ms INTEGER NOT NULL,
    status INTEGER NOT NULL,
    last_update_time TEXT NOT NULL,
    entry_uuid BLOB NOT NULL,
    logical_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    unique_id TEXT NOT NULL,
    home TEXT,
    owner_org_key INTEGER NOT NULL,
    source_node_key INTEGER NOT NULL,
    data_category TEXT NOT NULL,
    confidentiality TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX folder_patient ON folder (patient_key, status);

-- codeList.
CREATE TABLE folder_code (
    patient_key INTEGER NOT NULL,
    row_id INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (patient_key, row_id, value)
) STRICT, WITHOUT ROWID;

-- The ends are kept as row ids, which the indexes like, and as UUIDs, which answers show.
CREATE TABLE association (
    row_id INTEGER NOT NULL PRIMARY KEY,
    patient_key INTEGER NOT NULL,
    registered_ms INTEGER NOT NULL,
    association_type INTEGER NOT NULL,
    source_row INTEGER NOT NULL,
    target_row INTEGER NOT NULL,
    submission_set_row INTEGER NOT NULL,
    entry_uuid BLOB NOT NULL,
    source_uuid BLOB NOT NULL,
    target_uuid BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX association_source ON association (source_row);
CREATE INDEX association_target ON association (target_row);
