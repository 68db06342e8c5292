-- What happens later: one durable queue for everything.

-- One row, changed by whoever takes jobs, so that two takers never count the same room twice.
CREATE TABLE job_turn (
    turn_key INTEGER NOT NULL PRIMARY KEY,
    turns INTEGER NOT NULL
) STRICT;
INSERT INTO job_turn (turn_key, turns) VALUES (1, 0);

-- Where jobs of a kind go. in_flight counts the running ones; no job of a destination is taken before closed_until_ms.
CREATE TABLE job_destination (
    kind TEXT NOT NULL,
    destination TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    closed_until_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, destination)
) STRICT, WITHOUT ROWID;

-- state 1 waiting, 2 running, 3 failed, 4 done, 5 withdrawn. place_ms is the place in the queue: the time of creation, plus
-- what the priority costs, so that a job of low priority ages past younger ones. takes counts how often it was taken and
-- tells a holder whose lease has passed from the one after it. problem is the reason of the last failure.
CREATE TABLE job (
    job_id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    destination TEXT NOT NULL,
    idempotency_key TEXT,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    takes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    place_ms INTEGER NOT NULL,
    run_at_ms INTEGER NOT NULL,
    lease_until_ms INTEGER,
    ended_ms INTEGER,
    problem TEXT,
    owner_org_key INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_idempotency ON job (kind, idempotency_key);
CREATE INDEX job_waiting ON job (kind, destination, place_ms, job_id) WHERE state = 1;
CREATE INDEX job_due ON job (kind, run_at_ms) WHERE state = 1;
CREATE INDEX job_running ON job (kind, destination) WHERE state = 2;
CREATE INDEX job_ended ON job (ended_ms) WHERE state > 2;
