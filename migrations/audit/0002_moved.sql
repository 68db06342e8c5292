-- How far each journal of a process was moved into this file; see docs/adr/0007.
CREATE TABLE audit_moved (
    journal TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
