-- Which user assertions were used, by whom and for which message, so that nothing is used again.

-- First use. assertion is the SHA-256 of issuer and ID, digest that of what was signed.
CREATE TABLE IF NOT EXISTS assertion_use (
    assertion BYTEA NOT NULL PRIMARY KEY,
    digest BYTEA NOT NULL,
    node TEXT COLLATE "C" NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS assertion_use_expiry ON assertion_use (expires_ms);

-- Each use. message is the SHA-256 of the assertion's key and wsa:MessageID.
CREATE TABLE IF NOT EXISTS assertion_message (
    message BYTEA NOT NULL PRIMARY KEY,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS assertion_message_expiry ON assertion_message (expires_ms);

-- Used on SQLite only, where rows of use are not flushed one by one.
CREATE TABLE IF NOT EXISTS assertion_ledger (
    ledger_key BIGINT NOT NULL PRIMARY KEY,
    boot TEXT COLLATE "C" NOT NULL,
    floor_ms BIGINT NOT NULL
);
