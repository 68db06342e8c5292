-- XDM packages that a running server makes or takes over (ITI-32): one row for each order, beside the job that does the work.
-- The package itself lies in the data directory, as `file` says.

-- direction 1 export, 2 import. state 1 is that of the job; 3 failed, 4 done, 5 withdrawn, 6 inspected, 7 held for a person.
-- delivery 1 package (fetched or brought by the node), 2 mail, 3 reference, 4 watched folder. runs counts the jobs of the
-- package. order_json is what was ordered, report_json what came out, receipt what is known of its arrival: they may tell of
-- a patient. problem begins with a code and tells of none. sha256 is that of a package that came in.
CREATE TABLE xdm_package (
    package_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    direction BIGINT NOT NULL,
    state BIGINT NOT NULL,
    owner_org_key BIGINT NOT NULL,
    node_key BIGINT NOT NULL,
    delivery BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    urgency TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C",
    job_id BIGINT,
    runs BIGINT NOT NULL,
    order_json TEXT COLLATE "C" NOT NULL,
    report_json TEXT COLLATE "C",
    problem TEXT COLLATE "C",
    file TEXT COLLATE "C",
    octets BIGINT,
    sha256 TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    expires_ms BIGINT,
    receipt TEXT COLLATE "C"
);
CREATE UNIQUE INDEX xdm_package_idempotency ON xdm_package (node_key, direction, idempotency_key);
CREATE INDEX xdm_package_owner ON xdm_package (owner_org_key, created_ms);
CREATE INDEX xdm_package_expiry ON xdm_package (expires_ms);
CREATE INDEX xdm_package_open ON xdm_package (job_id) WHERE state = 1;
