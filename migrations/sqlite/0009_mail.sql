-- Packages that addressees fetch, and packages that go out by mail. Times are milliseconds since 1970.

-- A package for whoever has the link and the code. The code is kept as a slow hash with a salt of its own; session_hash is the
-- SHA-256 of what a browser holds after the right code. file_gone_ms: when its file was deleted.
CREATE TABLE pickup (
    pickup_id TEXT NOT NULL PRIMARY KEY,
    octets INTEGER NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    code_salt BLOB NOT NULL,
    code_hash BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    session_hash BLOB,
    session_until_ms INTEGER,
    created_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER,
    withdrawn_ms INTEGER,
    file_gone_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Who came for it. kind 1 right code, 2 wrong code, 3 closed (locked, used, expired or withdrawn), 4 download begun.
CREATE TABLE pickup_visit (
    visit_key INTEGER NOT NULL PRIMARY KEY,
    pickup_id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    address TEXT NOT NULL,
    visited_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX pickup_visit_pickup ON pickup_visit (pickup_id);

-- A mail that goes out. state 1 waiting, 2 being handed over, 3 sent, 4 perhaps sent, 5 given up, 6 confirmed by the
-- addressee's system, 7 refused by it. notice: what it says, sets: patient and uniqueId of each submission set, both JSON.
-- pickup_id: where it carries a link instead of the package.
CREATE TABLE mail_sent (
    mail_id TEXT NOT NULL PRIMARY KEY,
    message_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    notice TEXT NOT NULL,
    sets TEXT NOT NULL,
    octets INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    pickup_id TEXT,
    state INTEGER NOT NULL,
    problem TEXT,
    created_ms INTEGER NOT NULL,
    sent_ms INTEGER,
    receipt_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mail_sent_message ON mail_sent (message_id);
