-- Who may take part: organisations, their systems, and how these are recognised. Keys are never given twice, for documents
-- keep the keys of their organisation and source; so a node that goes stays as a row. standing 1 active, 2 suspended,
-- 3 removed. Key 1 is the fixed node of the insecure loopback listener.

CREATE TABLE organisation (
    organisation_key INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    region TEXT,
    standing INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX organisation_id ON organisation (id);
INSERT INTO organisation (organisation_key, id, name, category, region, standing)
    VALUES (1, '2.999.1', 'loopback', 'ziekenhuis', NULL, 1);

CREATE TABLE node (
    node_key INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    organisation_key INTEGER NOT NULL,
    standing INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX node_name ON node (name) WHERE standing <> 3;
INSERT INTO node (node_key, name, organisation_key, standing, created_ms, changed_ms) VALUES (1, 'loopback', 1, 1, 0, 0);

-- What a node has several of. kind 1 role, 2 home community, 3 issuer of assertions, 4 range of addresses.
CREATE TABLE node_value (
    node_key INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (node_key, kind, value)
) STRICT, WITHOUT ROWID;

-- kind 1 fingerprint (issuer is empty), 2 issuer and serial number, 3 issuer and subjectAltName. No two nodes share one.
CREATE TABLE node_certificate (
    kind INTEGER NOT NULL,
    issuer TEXT NOT NULL,
    value TEXT NOT NULL,
    node_key INTEGER NOT NULL,
    PRIMARY KEY (kind, issuer, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX node_certificate_node ON node_certificate (node_key);

-- Settings of a node, for one transaction or, where that is empty, for all. xua 1 required, 2 optional, 3 off. What is
-- NULL is as in the configuration.
CREATE TABLE node_setting (
    node_key INTEGER NOT NULL,
    transaction_number TEXT NOT NULL,
    xua INTEGER,
    rate INTEGER,
    burst INTEGER,
    in_flight INTEGER,
    PRIMARY KEY (node_key, transaction_number)
) STRICT, WITHOUT ROWID;

-- Counts the changes of all of this, so that every process sees when to read it again.
CREATE TABLE directory_generation (
    generation_key INTEGER NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO directory_generation (generation_key, generation) VALUES (1, 1);
