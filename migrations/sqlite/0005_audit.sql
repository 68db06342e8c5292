-- The audit trail: what was done, by whom, to whose data. Only added to; triggers refuse the rest. Reads are recorded in
-- files of their own, one a month (migrations/audit), so that they wait for no write; everything else is recorded here, in
-- the transaction of what it tells of. One chain of seals covers both.
--
-- `body` is the event as canonical JSON, `hash` its SHA-256; the other columns are taken from it, for searching.
-- persons and documents are JSON lists, spread over audit_value when a row comes in. Keys here count from 1; those of a
-- month's file begin at YYYYMM * 10^12 + 5 * 10^11.
CREATE TABLE audit (
    audit_key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    occurred_ms INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome INTEGER NOT NULL,
    emergency INTEGER NOT NULL,
    patient TEXT,
    persons TEXT,
    documents TEXT,
    organisation TEXT NOT NULL,
    node TEXT NOT NULL,
    hash BLOB NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX audit_time ON audit (occurred_ms);
CREATE INDEX audit_patient ON audit (patient, occurred_ms);

-- kind 1: documents that an event names, 2: persons who took part.
CREATE TABLE audit_value (
    kind INTEGER NOT NULL,
    value TEXT NOT NULL,
    audit_key INTEGER NOT NULL,
    PRIMARY KEY (kind, value, audit_key)
) STRICT, WITHOUT ROWID;

-- Rows that are committed and in no seal yet.
CREATE TABLE audit_unsealed (
    audit_key INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL
) STRICT;

-- The chain. `entries` is audit_key (8 octets, big endian) and hash (32 octets) of each row; `hash` covers seq, previous,
-- sealed_ms and entries. The order of seals, and of entries within one, is the order of delivery.
CREATE TABLE audit_seal (
    seq INTEGER NOT NULL PRIMARY KEY,
    previous BLOB NOT NULL,
    sealed_ms INTEGER NOT NULL,
    entries BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- One row, changed by whoever seals, so that the chain has no fork.
CREATE TABLE audit_head (
    head_key INTEGER NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO audit_head (head_key, seq, hash) VALUES (1, 0, zeroblob(32));

-- How far the files of reads are sealed: a file has one writer, so its keys are committed in their order.
CREATE TABLE audit_file (
    month INTEGER NOT NULL PRIMARY KEY,
    sealed_key INTEGER NOT NULL
) STRICT;

-- Months whose rows were removed after their time; the seals stay.
CREATE TABLE audit_pruned (
    month INTEGER NOT NULL PRIMARY KEY,
    pruned_ms INTEGER NOT NULL,
    entries INTEGER NOT NULL
) STRICT;

-- How far an audit repository has everything: all seals before `seq`, and the first `entries` of that one. Whoever sends
-- holds the lease.
CREATE TABLE audit_delivery (
    destination TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    confirmed_ms INTEGER NOT NULL,
    holder TEXT,
    lease_until_ms INTEGER
) STRICT;

CREATE TRIGGER audit_inserted AFTER INSERT ON audit BEGIN
    INSERT INTO audit_unsealed (audit_key, hash) VALUES (NEW.audit_key, NEW.hash);
    INSERT OR IGNORE INTO audit_value (kind, value, audit_key)
        SELECT 1, d.value, NEW.audit_key FROM json_each(NEW.documents) d;
    INSERT OR IGNORE INTO audit_value (kind, value, audit_key)
        SELECT 2, p.value, NEW.audit_key FROM json_each(NEW.persons) p;
END;
CREATE TRIGGER audit_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only added to');
END;
CREATE TRIGGER audit_not_removed BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only added to');
END;
CREATE TRIGGER audit_value_not_changed BEFORE UPDATE ON audit_value BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only added to');
END;
CREATE TRIGGER audit_value_not_removed BEFORE DELETE ON audit_value BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only added to');
END;
CREATE TRIGGER audit_seal_not_changed BEFORE UPDATE ON audit_seal BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only added to');
END;
CREATE TRIGGER audit_seal_not_removed BEFORE DELETE ON audit_seal BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only added to');
END;
