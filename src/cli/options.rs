//! Options that several commands share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::Failure;
use crate::config::{Config, DEFAULT_FILE};

/// Which configuration.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file [default: knoop.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ConfigArgs {
    /// The configuration of file and environment.
    ///
    /// # Errors
    /// [`Failure::WrongUse`] with every problem.
    pub fn load(&self) -> Result<Config, Failure> {
        let default = Path::new(DEFAULT_FILE);
        let file = self.config.as_deref().or_else(|| default.exists().then_some(default));
        let environment = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Config::load(file, environment)
            .map_err(|error| Failure::wrong_use(format!("the configuration is wrong\n{error}")))
    }
}

/// Which configuration, and which data directory instead of the configured one.
#[derive(Clone, Debug, Default, Args)]
pub struct DataArgs {
    /// The directory of everything that knoop keeps [default: data in the configuration, ./knoop-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it as help")]
    pub config: ConfigArgs,
}

impl DataArgs {
    /// The configuration, with the data directory of the command line.
    ///
    /// # Errors
    /// As [`ConfigArgs::load`].
    pub fn load(&self) -> Result<Config, Failure> {
        let mut config = self.config.load()?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }
}

/// `--listen none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListenNone {
    /// No listener but those named on the command line.
    None,
}

/// How a peer is called.
#[derive(Clone, Debug, Args)]
pub struct PeerArgs {
    /// Certificates of the authority to trust, PEM; an https address needs it
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub ca: Option<PathBuf>,
    /// Own certificate chain for mutual TLS, PEM
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Connection")]
    pub cert: Option<PathBuf>,
    /// Own private key for mutual TLS, PEM
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Connection")]
    pub key: Option<PathBuf>,
    /// User assertion (signed SAML 2.0, XML), sent as it is in the WS-Security header
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub assertion: Option<PathBuf>,
    /// Seconds to wait for the beginning of an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 60, help_heading = "Connection")]
    pub timeout: u64,
}
