//! `[audit]`: what is recorded, and where.

use std::path::PathBuf;

use super::settings::Settings;

/// The audit trail.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// Record at all; off for measurements only.
    pub record: bool,
    /// AuditEnterpriseSiteID: OID or URA of the organisation that runs this server.
    pub site_id: String,
    /// AuditSourceID: name of this node.
    pub source_id: String,
    /// Record both sides where the repository registers in this process (S-AUD-03).
    pub internal_hops: bool,
    /// How long it is kept (S-AUD-64).
    pub retention_years: usize,
    /// The file that every seal's head goes to, relative to the data directory; best on another disk.
    pub heads_file: PathBuf,
}

impl AuditConfig {
    pub(super) fn read(s: &mut Settings, production: bool) -> Self {
        let name = |text: &str| match text.is_empty() || text.chars().any(char::is_control) {
            true => Err("a name of printable characters".to_owned()),
            false => Ok(text.to_owned()),
        };
        let record = s.with("audit.record", |text| match text {
            "true" => Ok(true),
            "false" if production => Err("not false with production = true".to_owned()),
            "false" => Ok(false),
            _ => Err("true or false".to_owned()),
        });
        Self {
            record: record.unwrap_or(true),
            site_id: s.with("audit.site_id", name).unwrap_or_else(|| "2.999.1".to_owned()),
            source_id: s.with("audit.source_id", name).unwrap_or_else(|| "knoop".to_owned()),
            internal_hops: s.parsed("audit.internal_hops", true),
            retention_years: s.number("audit.retention_years", 5, 5, 20),
            heads_file: s.parsed("audit.heads_file", PathBuf::from("audit-heads.log")),
        }
    }
}
