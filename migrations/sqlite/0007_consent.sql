-- Consent: what patients answered and acknowledged, what regions agreed, what was opened in an emergency.
-- Scopes are `category:WORD` or `organisation:ID`; data is a category or `*`. Times are milliseconds since 1970.

-- answer 1 permit, 2 deny, 3 no-answer. Nothing is deleted: an answer is withdrawn.
CREATE TABLE consent_answer (
    consent_key INTEGER NOT NULL PRIMARY KEY,
    patient_key INTEGER NOT NULL,
    source TEXT NOT NULL,
    data TEXT NOT NULL,
    requester TEXT NOT NULL,
    answer INTEGER NOT NULL,
    origin TEXT NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_until_ms INTEGER,
    recorded_by TEXT NOT NULL,
    recorded_ms INTEGER NOT NULL,
    withdrawn_by TEXT,
    withdrawn_ms INTEGER
) STRICT;
CREATE INDEX consent_answer_patient ON consent_answer (patient_key);

-- Policies acknowledged in BPPC documents; they hold while their entry (row_id) is Approved.
CREATE TABLE consent_policy (
    patient_key INTEGER NOT NULL,
    row_id INTEGER NOT NULL,
    policy TEXT NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_until_ms INTEGER,
    PRIMARY KEY (patient_key, row_id, policy)
) STRICT, WITHOUT ROWID;

CREATE TABLE consent_agreement (
    agreement_key INTEGER NOT NULL PRIMARY KEY,
    region_a TEXT NOT NULL,
    region_b TEXT NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_until_ms INTEGER,
    recorded_by TEXT NOT NULL,
    recorded_ms INTEGER NOT NULL
) STRICT;

-- One row for each time that a person broke the glass for a patient. sources: keys of the organisations whose documents
-- were opened, as a JSON list. notified_ms: when it reached the list of the privacy officer; closed_ms: reviewed.
CREATE TABLE break_glass (
    grant_key INTEGER NOT NULL PRIMARY KEY,
    patient_key INTEGER NOT NULL,
    person TEXT NOT NULL,
    organisation_key INTEGER NOT NULL,
    sources TEXT NOT NULL,
    begun_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    notified_ms INTEGER,
    closed_by TEXT,
    closed_ms INTEGER
) STRICT;
CREATE INDEX break_glass_patient ON break_glass (patient_key);

-- Every policy that ever decided here, whole.
CREATE TABLE access_policy (
    policy_key INTEGER NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    content TEXT NOT NULL,
    first_used_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX access_policy_sha256 ON access_policy (sha256);

-- The organisations that own anything: where there is only one, it sees all there is.
CREATE TABLE registry_owner (
    owner_org_key INTEGER NOT NULL PRIMARY KEY
) STRICT;
INSERT INTO registry_owner (owner_org_key)
    SELECT owner_org_key FROM submission_set UNION SELECT owner_org_key FROM repository_document;
