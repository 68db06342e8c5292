//! Typed configuration: defaults, then `knoop.toml`, then `KNOOP_…` variables, then the command line.
//!
//! Uses `model` for identifiers. Every key is asked for in one place, the `read` function of its section, with its default
//! beside it; a key that nobody asks for is refused by name with the nearest known one. A variable names its key in upper
//! case with two underscores for the dot: `KNOOP_REGISTRY__PATIENTS=known` is `patients` in `[registry]`.
//!
//! Source: design section 2.

mod access;
mod address;
mod audit;
mod audit_delivery;
mod client;
mod clock;
mod database;
mod documents;
mod email;
mod limits;
mod listeners;
mod logging;
mod pickup;
mod registry;
mod repository;
mod settings;
mod tls;
mod trust;
mod units;
mod xdm;
mod xua;

pub use access::AccessConfig;
pub use audit::AuditConfig;
pub use audit_delivery::{AuditDeliveryConfig, AuditDestination};
pub use client::ClientConfig;
pub use clock::{ClockConfig, TimeServer};
pub use database::{DatabaseConfig, DatabaseLocation};
pub use documents::{DocumentsConfig, S3Config};
pub use email::{EmailConfig, RelayTls};
pub use limits::LimitsConfig;
pub use listeners::ListenersConfig;
pub use logging::{LogFormat, LoggingConfig};
pub use pickup::PickupConfig;
pub use registry::{Patients, RegistryConfig};
pub use repository::RepositoryConfig;
pub use settings::{ConfigError, Problem};
pub use tls::{TlsConfig, TlsMinimum, TlsProfile};
pub use trust::{AnchorConfig, RevocationConfig, TrustConfig};
pub use xdm::{XdmConfig, XdmDefaults, XdmReplacement, XdmWatch};
pub use xua::{IssuerConfig, IssuerRevocation, IssuersError, XuaConfig};

use std::path::{Path, PathBuf};

use settings::Settings;

/// Where the configuration is looked for when the command line names no file.
pub const DEFAULT_FILE: &str = "knoop.toml";

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory of everything that knoop keeps.
    pub data: PathBuf,
    /// Refuses what is meant for tests only, such as the insecure listener.
    pub production: bool,
    /// Serve the registry (ITI-18, ITI-42).
    pub registry_role: bool,
    /// Serve the repository (ITI-41, ITI-43).
    pub repository_role: bool,
    /// Ports.
    pub listeners: ListenersConfig,
    /// Certificates and trust of the SOAP listener, and the profile of all TLS.
    pub tls: TlsConfig,
    /// Fault instead of mirroring when SIMPLE SOAP and MTOM are mixed up (R-SOAP-06).
    pub strict_encoding: bool,
    /// Accept messages without wsa:Action or wsa:MessageID (R-SOAP-07, R-SOAP-12).
    pub lenient_addressing: bool,
    /// The registry actor.
    pub registry: RegistryConfig,
    /// The repository actor.
    pub repository: RepositoryConfig,
    /// Where metadata are kept.
    pub database: DatabaseConfig,
    /// Where documents are kept.
    pub documents: DocumentsConfig,
    /// What is too much.
    pub limits: LimitsConfig,
    /// Who may see what.
    pub access: AccessConfig,
    /// The audit trail.
    pub audit: AuditConfig,
    /// Packages on media.
    pub xdm: XdmConfig,
    /// Packages by mail.
    pub email: EmailConfig,
    /// The page from which packages are fetched.
    pub pickup: PickupConfig,
    /// Outgoing calls.
    pub client: ClientConfig,
    /// Audit repositories.
    pub audit_delivery: AuditDeliveryConfig,
    /// User assertions.
    pub xua: XuaConfig,
    /// Who tells the time.
    pub clock: ClockConfig,
    /// The log.
    pub logging: LoggingConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self::read(&mut Settings::default())
    }
}

impl Config {
    /// The text that `knoop init` writes: every key with its default and a word about it.
    pub const fn example() -> &'static str {
        include_str!("config/example.toml")
    }

    /// From a file, if one is given, and the variables of the environment.
    ///
    /// # Errors
    /// With every problem found, each with its file and line, or the name of its variable.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut settings = Settings::default();
        if let Some(path) = file {
            let name = path.display().to_string();
            match std::fs::read_to_string(path) {
                Ok(text) => settings.add_toml(&name, &text),
                Err(error) => settings.add_problem(Problem::of_file(&name, format!("cannot be read: {error}"))),
            }
        }
        settings.add_environment(environment);
        Self::finish(settings)
    }

    /// From the text of a file; `name` stands in messages.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_text(name: &str, text: &str) -> Result<Self, ConfigError> {
        let mut settings = Settings::default();
        settings.add_toml(name, text);
        Self::finish(settings)
    }

    fn finish(mut settings: Settings) -> Result<Self, ConfigError> {
        let config = Self::read(&mut settings);
        settings.into_result().map(|()| config)
    }

    fn read(s: &mut Settings) -> Self {
        let production = s.parsed("production", false);
        let limits = LimitsConfig::read(s);
        let xdm = XdmConfig::read(s, &limits);
        let email = EmailConfig::read(s);
        Self {
            data: s.parsed("data", PathBuf::from("./knoop-data")),
            production,
            registry_role: s.parsed("roles.registry", true),
            repository_role: s.parsed("roles.repository", true),
            listeners: ListenersConfig::read(s, production),
            tls: TlsConfig::read(s),
            strict_encoding: s.parsed("soap.strict_encoding", false),
            lenient_addressing: s.parsed("soap.lenient_addressing", false),
            registry: RegistryConfig::read(s),
            repository: RepositoryConfig::read(s, production),
            database: DatabaseConfig::read(s),
            documents: DocumentsConfig::read(s, production),
            limits,
            xdm,
            pickup: PickupConfig::read(s),
            access: AccessConfig::read(s, production, email.relay.is_some()),
            email,
            audit: AuditConfig::read(s, production),
            client: ClientConfig::read(s),
            audit_delivery: AuditDeliveryConfig::read(s, production),
            xua: XuaConfig::read(s),
            clock: ClockConfig::read(s),
            logging: LoggingConfig::read(s),
        }
    }

    /// The SQLite file: as configured, relative to the data directory.
    pub fn sqlite_path(&self, configured: &Path) -> PathBuf {
        self.data.join(configured)
    }

    /// The file of the audit's heads: as configured, relative to the data directory.
    pub fn audit_heads_path(&self) -> PathBuf {
        self.data.join(&self.audit.heads_file)
    }

    /// The directory of packages.
    pub fn xdm_path(&self) -> PathBuf {
        self.data.join("xdm")
    }

    /// The directory of documents: as configured, relative to the data directory.
    pub fn documents_path(&self) -> PathBuf {
        self.data.join(&self.documents.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::from_text("knoop.toml", text).expect_err("must be refused").to_string()
    }

    #[test]
    fn the_example_holds_exactly_the_defaults() {
        let example = Config::from_text("example", Config::example()).expect("the example is in order");
        assert_eq!(format!("{example:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn the_example_names_every_key() {
        let mut settings = Settings::default();
        Config::read(&mut settings);
        let (mut section, mut named) = (String::new(), std::collections::BTreeSet::new());
        for line in Config::example().lines() {
            let line = line.trim_start_matches("# ").trim();
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((key, _)) = line.split_once(" = ") {
                named.insert(format!("{section}{key}"));
            }
        }
        let missing: Vec<_> = settings.known().filter(|key| !named.contains(*key)).collect();
        assert!(missing.is_empty(), "not in the example: {missing:?}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_key() {
        let text = refused("production = false\n[registry]\npatiens = \"known\"\n");
        assert_eq!(text, "knoop.toml:3: registry.patiens: unknown key; did you mean registry.patients?");
    }

    #[test]
    fn a_key_where_a_section_is_wanted_says_so() {
        assert_eq!(
            refused("registry = 1"),
            "knoop.toml:1: registry: this is a section; write [registry] above its keys"
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = refused("nonsense = 1\n[registry]\npatients = \"knwon\"\n[limits]\ndocument = \"9 GiB\"\n");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("knoop.toml:3: registry.patients: 'knwon' is none of any, known; did you mean known?"));
        assert!(text.contains("knoop.toml:5: limits.document: at most 4 GiB"), "{text}");
    }

    #[test]
    fn broken_toml_is_told_with_its_line() {
        let text = refused("data = \"x\"\n[registry\n");
        assert!(text.starts_with("knoop.toml:2: "), "{text}");
    }

    #[test]
    fn variables_win_over_the_file() {
        let environment = [("KNOOP_REGISTRY__PATIENTS".to_owned(), "known".to_owned()), ("PATH".into(), "x".into())];
        let config = Config::load(None, environment).expect("in order");
        assert_eq!(config.registry.patients, Patients::Known);
    }

    #[test]
    fn an_unknown_variable_is_refused_by_its_name() {
        let environment = [("KNOOP_REGISTRY__PATIENT".to_owned(), "known".to_owned())];
        let text = Config::load(None, environment).expect_err("must be refused").to_string();
        assert_eq!(text, "KNOOP_REGISTRY__PATIENT: unknown key; did you mean registry.patients?");
    }

    #[test]
    fn variables_of_the_test_suite_are_left_alone() {
        Config::load(None, [("KNOOP_TEST_POSTGRES".to_owned(), "1".to_owned())]).expect("in order");
    }

    #[test]
    fn a_missing_file_is_named() {
        let text = Config::load(Some(Path::new("no/such.toml")), []).expect_err("must be refused").to_string();
        assert!(text.starts_with("no/such.toml: cannot be read"), "{text}");
    }

    #[test]
    fn production_has_no_insecure_listener() {
        let text = refused("production = true\n[listeners]\ninsecure_loopback = \"8089\"\n");
        assert!(text.contains("listeners.insecure_loopback: not with production = true"), "{text}");
    }

    #[test]
    fn s_con_01_production_has_access_rules() {
        let text = refused("production = true\n[access]\nenforce = false\n");
        assert!(text.contains("access.enforce: not false with production = true"), "{text}");
        assert!(Config::from_text("x", "production = true").expect("in order").access.enforce);
    }

    #[test]
    fn s_aud_50_production_records_and_keeps_for_five_years() {
        let text = refused("production = true\n[audit]\nrecord = false\nretention_years = 4\n");
        assert!(text.contains("audit.record: not false with production = true"), "{text}");
        assert!(text.contains("audit.retention_years: at least 5"), "{text}");
        assert!(!Config::from_text("knoop.toml", "[audit]\nrecord = false\n").expect("in order").audit.record);
    }

    #[test]
    fn a_password_is_never_printed() {
        let text = "[database]\nurl = \"postgres://knoop@db/knoop\"\npassword = \"geheim\"\n";
        let config = Config::from_text("knoop.toml", text).expect("in order");
        assert!(!format!("{config:?}").contains("geheim"));
    }
}
