//! Peers that the configuration names.

use std::{pin::Pin, sync::Arc, time::Duration};

use http::Uri;
use tokio::{net::TcpStream, time::timeout};
use tokio_openssl::SslStream;

use super::{Checks, certificates::ending};
use crate::{
    cli::{
        assembly::{client_settings, peer_settings},
        clock,
    },
    client::Peer,
    config::Config,
    security::tls::{Generation, Live, Side},
};

const NAME: &str = "peers";
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config, checks: &mut Checks) {
    let tls = match client_settings(config) {
        None => None,
        Some(settings) => match Live::load(Side::Client, settings, Generation::default(), clock::now) {
            Ok(live) => Some(Arc::new(live)),
            Err(error) => return checks.bad(NAME, format!("[client]: {error}")),
        },
    };
    let Some(url) = &config.repository.registry_url else { return };
    if let Err(error) = Peer::new(url.clone(), &peer_settings(config, tls.clone())) {
        checks.bad(NAME, format!("{url}: {error}; look at [client]"));
        return;
    }
    let stream = match connect(url).await {
        Ok(stream) => stream,
        Err(problem) => {
            checks.bad(NAME, format!("{url}: {problem}; is it running, and does a firewall let knoop through?"));
            return;
        }
    };
    match tls.filter(|_| url.scheme_str() == Some("https")) {
        None => checks.good(NAME, format!("{url} takes connections")),
        Some(tls) => shake_hands(url, &tls, config.client.check_host, stream, checks).await,
    }
}

async fn connect(url: &Uri) -> Result<TcpStream, String> {
    let host = url.host().ok_or("no host in the address")?;
    let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
    match timeout(CONNECT_TIMEOUT, TcpStream::connect((host.trim_matches(['[', ']']), port))).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer within 5 s".to_owned()),
    }
}

/// What certificate the peer shows, and whether we are let in.
async fn shake_hands(url: &Uri, tls: &Live, check_host: bool, stream: TcpStream, checks: &mut Checks) {
    let begun = stream.peer_addr().map_err(|error| error.to_string()).and_then(|address| {
        let (ssl, handshake) = tls.call(url.host().unwrap_or_default(), check_host).map_err(|e| e.to_string())?;
        Ok((SslStream::new(ssl, stream).map_err(|e| e.to_string())?, handshake, address))
    });
    let (mut stream, handshake, address) = match begun {
        Ok(begun) => begun,
        Err(problem) => return checks.bad(NAME, format!("{url}: {problem}")),
    };
    let shaken = timeout(CONNECT_TIMEOUT, Pin::new(&mut stream).connect()).await;
    if let Some(reason) = handshake.refused() {
        return checks.bad(NAME, format!("{url}: {reason}; {}", reason.how_to_mend()));
    }
    match shaken {
        Err(_) => checks.bad(NAME, format!("{url}: it takes the connection but no TLS handshake within 5 s")),
        Ok(Err(error)) => checks.bad(NAME, format!("{url}: no TLS with it ({error}); does it know our certificate?")),
        Ok(Ok(())) => match tls.admit(handshake, stream.ssl(), address) {
            Err(reason) => checks.bad(NAME, format!("{url}: {reason}; {}", reason.how_to_mend())),
            Ok(peer) => {
                checks.good(NAME, format!("{url} shows {}, issued by {}", peer.subject, peer.issuer_text()));
                ending(NAME, &format!("the certificate of {url}"), peer.not_after, checks);
            }
        },
    }
}
