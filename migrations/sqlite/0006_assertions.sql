-- Which user assertions were used, by whom and for which message, so that nothing is used again.
--
-- On SQLite `serve` keeps these tables in a file of their own beside the database, made with this same text: such a row is
-- written for every request with an assertion, and must not wait for the commits of the registry. Those of the main file
-- stay empty.

-- First use. assertion is the SHA-256 of issuer and ID, digest that of what was signed.
CREATE TABLE IF NOT EXISTS assertion_use (
    assertion BLOB NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    node TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS assertion_use_expiry ON assertion_use (expires_ms);

-- Each use. message is the SHA-256 of the assertion's key and wsa:MessageID.
CREATE TABLE IF NOT EXISTS assertion_message (
    message BLOB NOT NULL PRIMARY KEY,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS assertion_message_expiry ON assertion_message (expires_ms);

-- One row. boot names the start of the machine since which the file was written; empty after a clean end. Assertions made
-- before floor_ms are refused: what was used of them may have been lost with the machine's power.
CREATE TABLE IF NOT EXISTS assertion_ledger (
    ledger_key INTEGER NOT NULL PRIMARY KEY,
    boot TEXT NOT NULL,
    floor_ms INTEGER NOT NULL
) STRICT;
