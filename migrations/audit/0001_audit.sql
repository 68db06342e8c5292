-- The audit of reads, a SQLite file a month beside the database. Tables as in migrations/sqlite/0005_audit.sql; which rows
-- are sealed stands in the database.
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

CREATE TABLE audit_value (
    kind INTEGER NOT NULL,
    value TEXT NOT NULL,
    audit_key INTEGER NOT NULL,
    PRIMARY KEY (kind, value, audit_key)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_inserted AFTER INSERT ON audit BEGIN
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
