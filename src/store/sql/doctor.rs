//! What `knoop doctor` asks of a database: its settings, its statements, and whether its rows fit together.

use super::{Store, args, dialect::Dialect, statement, statements};
use crate::store::StoreError;

statements! {
    CLAIMS_WITHOUT_ROW = "SELECT COUNT(*) FROM claim c WHERE c.space = 1 \
        AND NOT EXISTS (SELECT 1 FROM document_entry d WHERE c.kind = 1 AND d.row_id = c.row_id \
        AND d.entry_uuid = c.value AND d.patient_key = c.patient_key) \
        AND NOT EXISTS (SELECT 1 FROM submission_set s WHERE c.kind = 2 AND s.row_id = c.row_id \
        AND s.entry_uuid = c.value AND s.patient_key = c.patient_key) \
        AND NOT EXISTS (SELECT 1 FROM folder f WHERE c.kind = 3 AND f.row_id = c.row_id \
        AND f.entry_uuid = c.value AND f.patient_key = c.patient_key) \
        AND NOT EXISTS (SELECT 1 FROM association a WHERE c.kind = 4 AND a.row_id = c.row_id \
        AND a.entry_uuid = c.value AND a.patient_key = c.patient_key)";
    ENTRIES_WITHOUT_CLAIM = "SELECT COUNT(*) FROM document_entry d WHERE NOT EXISTS \
        (SELECT 1 FROM claim c WHERE c.space = 1 AND c.kind = 1 AND c.value = d.entry_uuid AND c.row_id = d.row_id)";
    SETS_WITHOUT_CLAIM = "SELECT COUNT(*) FROM submission_set s WHERE NOT EXISTS \
        (SELECT 1 FROM claim c WHERE c.space = 1 AND c.kind = 2 AND c.value = s.entry_uuid AND c.row_id = s.row_id)";
    FOLDERS_WITHOUT_CLAIM = "SELECT COUNT(*) FROM folder f WHERE NOT EXISTS \
        (SELECT 1 FROM claim c WHERE c.space = 1 AND c.kind = 3 AND c.value = f.entry_uuid AND c.row_id = f.row_id)";
    ASSOCIATIONS_WITHOUT_CLAIM = "SELECT COUNT(*) FROM association a WHERE NOT EXISTS \
        (SELECT 1 FROM claim c WHERE c.space = 1 AND c.kind = 4 AND c.value = a.entry_uuid AND c.row_id = a.row_id)";
    ASSOCIATIONS_WITHOUT_END = "SELECT COUNT(*) FROM association a WHERE NOT EXISTS \
        (SELECT 1 FROM claim c WHERE c.space = 1 AND c.value = a.source_uuid AND c.row_id = a.source_row) \
        OR NOT EXISTS \
        (SELECT 1 FROM claim c WHERE c.space = 1 AND c.value = a.target_uuid AND c.row_id = a.target_row)";
    ENTRIES_WITHOUT_SET = "SELECT COUNT(*) FROM document_entry d WHERE NOT EXISTS \
        (SELECT 1 FROM association a JOIN submission_set s ON s.row_id = a.source_row \
        WHERE a.target_row = d.row_id AND a.association_type = 1)";
    ENTRIES_WITHOUT_CONFIDENTIALITY = "SELECT COUNT(*) FROM document_entry d WHERE NOT EXISTS \
        (SELECT 1 FROM entry_value v WHERE v.patient_key = d.patient_key AND v.row_id = d.row_id AND v.kind = 1)";
    VALUES_WITHOUT_ENTRY = "SELECT COUNT(*) FROM entry_value v WHERE NOT EXISTS \
        (SELECT 1 FROM document_entry d WHERE d.row_id = v.row_id AND d.patient_key = v.patient_key)";
    ENTRIES_WITHOUT_PATIENT = "SELECT COUNT(*) FROM document_entry d WHERE NOT EXISTS \
        (SELECT 1 FROM patient p WHERE p.patient_key = d.patient_key)";
    PATIENTS_WITHOUT_SURVIVOR = "SELECT COUNT(*) FROM patient p WHERE NOT EXISTS \
        (SELECT 1 FROM patient s WHERE s.patient_key = p.survivor_key AND s.survivor_key = s.patient_key)";
    // The lower 35 bits; those above are the patient's.
    ROW_IDS_NOT_RESERVED = "SELECT COUNT(*) FROM claim c WHERE c.row_id % 34359738368 >= \
        (SELECT b.next_row_id FROM row_id_block b WHERE b.block_key = 1)";
}

/// The counts that must be nought, with what they count.
static PROBLEMS: [(&statement::Statement, &str); 12] = [
    (&CLAIMS_WITHOUT_ROW, "claimed entryUUIDs without an object"),
    (&ENTRIES_WITHOUT_CLAIM, "DocumentEntries whose entryUUID is not claimed"),
    (&SETS_WITHOUT_CLAIM, "SubmissionSets whose entryUUID is not claimed"),
    (&FOLDERS_WITHOUT_CLAIM, "Folders whose entryUUID is not claimed"),
    (&ASSOCIATIONS_WITHOUT_CLAIM, "Associations whose id is not claimed"),
    (&ASSOCIATIONS_WITHOUT_END, "Associations that lack an end"),
    (&ENTRIES_WITHOUT_SET, "DocumentEntries without a SubmissionSet"),
    (&ENTRIES_WITHOUT_CONFIDENTIALITY, "DocumentEntries without a confidentialityCode"),
    (&VALUES_WITHOUT_ENTRY, "values of DocumentEntries that do not exist"),
    (&ENTRIES_WITHOUT_PATIENT, "DocumentEntries without a patient"),
    (&PATIENTS_WITHOUT_SURVIVOR, "patients whose surviving identity does not survive"),
    (&ROW_IDS_NOT_RESERVED, "rows with an id that was not reserved"),
];

/// Name, statement, safe values.
type SettingCheck = (&'static str, &'static str, &'static [&'static str]);

/// FULL is 2, EXTRA is 3.
static SQLITE_SETTINGS: [SettingCheck; 2] = [
    ("journal_mode", "SELECT journal_mode FROM pragma_journal_mode", &["wal"]),
    ("synchronous", "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous", &["2", "3"]),
];
static POSTGRES_SETTINGS: [SettingCheck; 3] = [
    ("fsync", "SELECT current_setting('fsync')", &["on"]),
    ("full_page_writes", "SELECT current_setting('full_page_writes')", &["on"]),
    (
        "synchronous_commit",
        "SELECT current_setting('synchronous_commit')",
        &["on", "local", "remote_write", "remote_apply"],
    ),
];

/// Whether the database lets anybody change the audit: the triggers that refuse it, or the rights of this account.
const SQLITE_AUDIT: &str = "SELECT CASE WHEN COUNT(*) = 6 THEN 'refused' ELSE 'possible' END FROM sqlite_master \
    WHERE type = 'trigger' AND (name LIKE 'audit%not_changed' OR name LIKE 'audit%not_removed')";
const POSTGRES_AUDIT: &str = "SELECT CASE WHEN bool_or(has_table_privilege(t.name, r.name)) THEN 'possible' \
    ELSE 'refused' END FROM (VALUES ('audit'), ('audit_value'), ('audit_seal')) AS t (name), \
    (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS r (name)";

/// A setting of the database on which durability hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurabilitySetting {
    /// As the database calls it.
    pub name: &'static str,
    /// As it stands.
    pub value: String,
    /// Whether what was acknowledged survives a loss of power with it.
    pub is_safe: bool,
}

/// Rows that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In words.
    pub what: String,
    /// How many.
    pub count: u64,
}

impl Store {
    /// The settings on which durability hangs, as the connections that write have them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn durability_settings(&self) -> Result<Vec<DurabilitySetting>, StoreError> {
        let checks: &[SettingCheck] = match self.inner.db.dialect() {
            Dialect::Sqlite => &SQLITE_SETTINGS,
            Dialect::Postgres => &POSTGRES_SETTINGS,
        };
        let mut settings = Vec::with_capacity(checks.len());
        for (name, sql, safe) in checks {
            let value = self.inner.db.writer_setting(name, sql).await?;
            settings.push(DurabilitySetting { name, is_safe: safe.contains(&value.as_str()), value });
        }
        Ok(settings)
    }

    /// Whether the database refuses to change the audit: by its triggers (SQLite), or for want of rights (PostgreSQL).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn audit_is_guarded(&self) -> Result<bool, StoreError> {
        let sql = match self.inner.db.dialect() {
            Dialect::Sqlite => SQLITE_AUDIT,
            Dialect::Postgres => POSTGRES_AUDIT,
        };
        Ok(self.inner.db.writer_setting("audit", sql).await? == "refused")
    }

    /// Prepares every statement of the program, which fails when the schema is not the one it was written for.
    ///
    /// # Errors
    /// Names the statement.
    pub async fn check_statements(&self) -> Result<(), StoreError> {
        let mut tx = self.read().await?;
        let dialect = tx.dialect();
        for statement in statement::all() {
            for sql in statement.texts(dialect) {
                tx.prepare(statement.name(), sql).await?;
            }
        }
        Ok(())
    }

    /// Reads the whole registry and tells what does not fit together, if anything (`doctor --deep`).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn integrity_problems(&self) -> Result<Vec<Problem>, StoreError> {
        let mut problems = self.inner.db.file_problems().await?;
        let mut tx = self.read_at_leisure().await?;
        for (statement, what) in PROBLEMS {
            let (count,): (i64,) = tx.fetch_one(statement, args![]).await?;
            let count = u64::try_from(count).unwrap_or_default();
            if count > 0 {
                problems.push(Problem { what: what.to_owned(), count });
            }
        }
        Ok(problems)
    }
}
