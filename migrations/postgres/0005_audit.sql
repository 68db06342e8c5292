-- The audit trail: what was done, by whom, to whose data. Only added to; triggers refuse the rest, and the account of the
-- server needs INSERT and SELECT only. Reads and writes are recorded in one table with a partition a month. One chain of
-- seals covers it.
--
-- `body` is the event as canonical JSON, `hash` its SHA-256; the other columns are taken from it, for searching.
-- persons and documents are JSON lists, spread over audit_value when a row comes in. Keys are YYYYMM * 10^12 and a number.
CREATE SEQUENCE audit_key_seq AS BIGINT;
CREATE TABLE audit (
    audit_key BIGINT NOT NULL
        DEFAULT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')::bigint * 1000000000000 + nextval('audit_key_seq'),
    occurred_ms BIGINT NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    event_type TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    outcome BIGINT NOT NULL,
    emergency BIGINT NOT NULL,
    patient TEXT COLLATE "C",
    persons TEXT COLLATE "C",
    documents TEXT COLLATE "C",
    organisation TEXT COLLATE "C" NOT NULL,
    node TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (audit_key)
) PARTITION BY RANGE (audit_key);
CREATE INDEX audit_time ON audit (occurred_ms);
CREATE INDEX audit_patient ON audit (patient, occurred_ms);
-- For what was brought in from SQLite, and for a month that nobody made a partition for.
CREATE TABLE audit_other PARTITION OF audit DEFAULT;

-- kind 1: documents that an event names, 2: persons who took part.
CREATE TABLE audit_value (
    kind BIGINT NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    audit_key BIGINT NOT NULL,
    PRIMARY KEY (kind, value, audit_key)
);

-- Rows that are committed and in no seal yet.
CREATE TABLE audit_unsealed (
    audit_key BIGINT NOT NULL PRIMARY KEY,
    hash BYTEA NOT NULL
);

-- The chain. `entries` is audit_key (8 octets, big endian) and hash (32 octets) of each row; `hash` covers seq, previous,
-- sealed_ms and entries. The order of seals, and of entries within one, is the order of delivery.
CREATE TABLE audit_seal (
    seq BIGINT NOT NULL PRIMARY KEY,
    previous BYTEA NOT NULL,
    sealed_ms BIGINT NOT NULL,
    entries BYTEA NOT NULL,
    hash BYTEA NOT NULL
);

-- One row, changed by whoever seals, so that the chain has no fork.
CREATE TABLE audit_head (
    head_key BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO audit_head (head_key, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- How far the files of reads are sealed; for SQLite, which has such files.
CREATE TABLE audit_file (
    month BIGINT NOT NULL PRIMARY KEY,
    sealed_key BIGINT NOT NULL
);

-- Months whose rows were removed after their time; the seals stay.
CREATE TABLE audit_pruned (
    month BIGINT NOT NULL PRIMARY KEY,
    pruned_ms BIGINT NOT NULL,
    entries BIGINT NOT NULL
);

-- How far an audit repository has everything: all seals before `seq`, and the first `entries` of that one. Whoever sends
-- holds the lease.
CREATE TABLE audit_delivery (
    destination TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    confirmed_ms BIGINT NOT NULL,
    holder TEXT COLLATE "C",
    lease_until_ms BIGINT
);

-- Makes the partition of a month, with the rights of the tables' owner; the server may do no more than that.
CREATE FUNCTION audit_make_month(month bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF month / 100 NOT BETWEEN 2000 AND 2999 OR month % 100 NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION 'not a month';
    END IF;
    IF to_regclass('audit_' || month) IS NULL THEN
        PERFORM pg_advisory_xact_lock(4719275150361427045);
        EXECUTE format('CREATE TABLE IF NOT EXISTS audit_%s PARTITION OF audit FOR VALUES FROM (%s) TO (%s)',
            month, month * 1000000000000, (month + 1) * 1000000000000);
    END IF;
EXCEPTION
    -- Rows of that month lie in the partition of what has none; they stay there.
    WHEN check_violation THEN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_make_month(bigint) FROM PUBLIC;

CREATE FUNCTION audit_spread() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (audit_key, hash) VALUES (NEW.audit_key, NEW.hash);
    IF NEW.documents IS NOT NULL THEN
        INSERT INTO audit_value (kind, value, audit_key)
            SELECT 1, d.value, NEW.audit_key FROM json_array_elements_text(NEW.documents::json) AS d (value)
            ON CONFLICT DO NOTHING;
    END IF;
    IF NEW.persons IS NOT NULL THEN
        INSERT INTO audit_value (kind, value, audit_key)
            SELECT 2, p.value, NEW.audit_key FROM json_array_elements_text(NEW.persons::json) AS p (value)
            ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_inserted AFTER INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_spread();

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only added to';
END
$$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_value_kept BEFORE UPDATE OR DELETE ON audit_value FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_value_not_emptied BEFORE TRUNCATE ON audit_value
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_seal_kept BEFORE UPDATE OR DELETE ON audit_seal FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_seal_not_emptied BEFORE TRUNCATE ON audit_seal FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
