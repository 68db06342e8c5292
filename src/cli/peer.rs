//! Peers as commands call them.

use std::time::Duration;

use http::Uri;

use super::{Failure, PeerArgs};
use crate::{
    client::{ClientError, Peer, PeerActed, PeerSettings},
    config::ClientConfig,
    model::{ResponseStatus, Severity},
    wire::xds::registry_response::PeerResponse,
};

impl From<&ClientConfig> for PeerSettings {
    fn from(config: &ClientConfig) -> Self {
        Self {
            ca_file: config.ca_file.clone(),
            identity: config.certificate_file.clone().zip(config.key_file.clone()),
            connect_timeout: config.connect_timeout,
            answer_timeout: config.answer_timeout,
            idle_timeout: config.idle_timeout,
        }
    }
}

/// The peer at this address.
pub(super) fn peer(url: &Uri, args: &PeerArgs) -> Result<Peer, Failure> {
    let settings = PeerSettings {
        ca_file: args.ca.clone(),
        identity: args.cert.clone().zip(args.key.clone()),
        answer_timeout: Duration::from_secs(args.timeout.max(1)),
        ..PeerSettings::default()
    };
    Peer::new(url.clone(), &settings).map_err(|error| Failure::wrong_use(format!("{url}: {error}")))
}

/// Runs a command that calls peers.
pub(super) fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}

/// A failed call in words.
pub(super) fn failed(url: &Uri, error: ClientError) -> Failure {
    match error.peer_acted() {
        PeerActed::Refused => Failure::Refused(format!("{url}: {error}")),
        PeerActed::No | PeerActed::Perhaps => Failure::Fault(anyhow::anyhow!("{url}: {error}")),
    }
}

/// Errors and warnings of a response, one line each on standard error; a refusal when the status is Failure.
pub(super) fn judge(url: &Uri, response: &PeerResponse) -> Result<(), Failure> {
    for error in &response.errors {
        let severity = if error.severity == Severity::Warning { "warning" } else { "error" };
        let location = if error.location.is_empty() { String::new() } else { format!(" ({})", error.location) };
        eprintln!("{severity}: {}: {}{location}", error.code, error.context);
    }
    match response.known_status() {
        Some(ResponseStatus::Success | ResponseStatus::PartialSuccess) => Ok(()),
        Some(ResponseStatus::Failure) => Err(Failure::Refused(format!("{url} refused the request"))),
        None => Err(Failure::Refused(format!("{url} answered with the unknown status '{}'", response.status))),
    }
}
