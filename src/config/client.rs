//! `[client]`: outgoing calls.

use std::{path::PathBuf, time::Duration};

use super::{TrustConfig, settings::Settings};

/// How peers are called.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Whom we believe to be the server we call.
    pub trust: TrustConfig,
    /// Whether the certificate of a server must name its host; without, only pinned certificates are taken (S-TLS-10).
    pub check_host: bool,
    /// Our certificate chain, PEM.
    pub certificate_file: Option<PathBuf>,
    /// Our private key, PEM.
    pub key_file: Option<PathBuf>,
    /// Time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Time to the beginning of the answer, counted from the end of the request.
    pub answer_timeout: Duration,
    /// Longest pause while bytes flow.
    pub idle_timeout: Duration,
}

impl ClientConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        Self {
            trust: TrustConfig::read(s, "client"),
            check_host: s.parsed("client.check_host", true),
            certificate_file: s.optional("client.certificate_file"),
            key_file: s.optional("client.key_file"),
            connect_timeout: s.duration("client.connect_timeout", Duration::from_secs(10)),
            answer_timeout: s.duration("client.answer_timeout", Duration::from_secs(60)),
            idle_timeout: s.duration("client.idle_timeout", Duration::from_secs(30)),
        }
    }
}
