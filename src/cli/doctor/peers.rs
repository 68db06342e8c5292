//! Peers that the configuration names.

use std::time::Duration;

use http::Uri;
use tokio::{net::TcpStream, time::timeout};

use super::Checks;
use crate::{
    client::{Peer, PeerSettings},
    config::Config,
};

const NAME: &str = "peers";
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config, checks: &mut Checks) {
    let Some(url) = &config.repository.registry_url else { return };
    if let Err(error) = Peer::new(url.clone(), &PeerSettings::from(&config.client)) {
        checks.bad(NAME, format!("{url}: {error}; look at [client]"));
        return;
    }
    match connect(url).await {
        Ok(()) => checks.good(NAME, format!("{url} takes connections")),
        Err(problem) => {
            checks.bad(NAME, format!("{url}: {problem}; is it running, and does a firewall let knoop through?"))
        }
    }
}

async fn connect(url: &Uri) -> Result<(), String> {
    let host = url.host().ok_or("no host in the address")?;
    let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
    match timeout(CONNECT_TIMEOUT, TcpStream::connect((host.trim_matches(['[', ']']), port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer within 5 s".to_owned()),
    }
}
