-- Mails that come in by LMTP, and the receipts for them. Times are milliseconds since 1970.

-- A mail that came. state 1 to be opened, 2 its package is looked into or taken over, 3 done, 4 refused. digest: SHA-256 of its
-- octets, by which one that comes twice is known. return_path: the sender of the envelope, empty where there is none; recipient:
-- the first address of ours. sender, message_id: what it says once it was opened. receipt_to: who is to be told what becomes of
-- it; receipt_mail_id: how, in mail_sent. problem begins with a code and tells of no patient.
CREATE TABLE mail_received (
    mail_id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    octets INTEGER NOT NULL,
    return_path TEXT NOT NULL,
    recipient TEXT NOT NULL,
    state INTEGER NOT NULL,
    sender TEXT,
    message_id TEXT,
    receipt_to TEXT,
    package_id TEXT,
    receipt_mail_id TEXT,
    problem TEXT,
    received_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mail_received_digest ON mail_received (digest);
CREATE INDEX mail_received_message ON mail_received (message_id);
CREATE INDEX mail_received_open ON mail_received (received_ms) WHERE state < 3;

-- receipt: what a mail says that is a receipt for one that came, JSON. The mail of a package that was ordered over HTTP has the
-- id of that package: one mail for each.
ALTER TABLE mail_sent ADD COLUMN receipt TEXT;
