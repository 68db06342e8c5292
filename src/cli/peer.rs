//! Peers as commands call them.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use http::Uri;

use super::{Failure, PeerArgs, clock};
use crate::{
    client::{ClientError, Peer, PeerActed, PeerSettings},
    model::{ResponseStatus, Severity},
    security::tls::{AnchorSettings, Generation, Live, Side, TlsError, TlsSettings, TrustSettings},
    wire::{
        guard::{Event, Ns, XmlLimits, XmlReader},
        xds::registry_response::PeerResponse,
    },
};

/// The peer at this address, trusting what the command line names.
pub(super) fn peer(url: &Uri, args: &PeerArgs) -> Result<Peer, Failure> {
    peer_with(url, args, PeerSettings::default())
}

/// The same with settings that the command line does not name.
pub(super) fn peer_with(url: &Uri, args: &PeerArgs, settings: PeerSettings) -> Result<Peer, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::wrong_use(format!("{url}: {error}"));
    let settings = PeerSettings {
        tls: match (&args.ca, url.scheme_str()) {
            (Some(ca), Some("https")) => Some(Arc::new(trusting(ca, args).map_err(|error| wrong(&error))?)),
            _ => None,
        },
        answer_timeout: Duration::from_secs(args.timeout.max(1)),
        ..settings
    };
    let peer = Peer::new(url.clone(), &settings).map_err(|error| wrong(&error))?;
    Ok(match &args.assertion {
        Some(path) => peer.asserting(assertion(path)?.into()),
        None => peer,
    })
}

fn trusting(ca: &Path, args: &PeerArgs) -> Result<Live, TlsError> {
    let anchor = AnchorSettings { name: "--ca".to_owned(), file: ca.to_owned(), revocation: None };
    let settings = TlsSettings {
        identity: args.cert.clone().zip(args.key.clone()),
        trust: TrustSettings { anchors: vec![anchor], ..TrustSettings::default() },
        ..TlsSettings::default()
    };
    Live::load(Side::Client, settings, Generation::default(), clock::now)
}

/// The assertion of a file, without XML declaration and nothing else changed.
fn assertion(path: &Path) -> Result<String, Failure> {
    let place = || format!("assertion {}", path.display());
    let text = std::fs::read_to_string(path).with_context(place)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let element = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or(rest, |(_, after)| after).trim_start(),
        None => text,
    };
    match XmlReader::new(element, &XmlLimits::default()).next() {
        Ok(Event::Start(root)) if root.is(Ns::Saml2, "Assertion") => Ok(element.to_owned()),
        _ => Err(Failure::wrong_use(format!("{}: this is no SAML 2.0 assertion", place()))),
    }
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
