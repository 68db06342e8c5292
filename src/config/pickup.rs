//! `[pickup]`: the page from which an addressee fetches a package. Source: S-TLS-30 to S-TLS-34.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::settings::Settings;

/// The page for people who have a link and a code.
#[derive(Clone, Debug)]
pub struct PickupConfig {
    /// Where it listens; `None` opens nothing.
    pub listen: Option<SocketAddr>,
    /// The address that people reach it at, without a slash at its end; links begin with it.
    pub url: Option<String>,
    /// Its certificate chain, PEM; that of `[tls]` where none is named.
    pub certificate_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
    /// How long a package is there.
    pub expires: Duration,
    /// How long a right code opens the package.
    pub session: Duration,
    /// Requests of one address in a minute.
    pub requests_per_minute: u32,
}

impl PickupConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        let pickup = Self {
            listen: s.with("pickup.listen", listen).flatten(),
            url: s.with("pickup.url", url),
            certificate_file: s.optional("pickup.certificate_file"),
            key_file: s.optional("pickup.key_file"),
            expires: s.duration_within("pickup.expires", Duration::from_secs(14 * 86_400), "90 d"),
            session: s.duration_within("pickup.session", Duration::from_secs(2 * 3_600), "24 h"),
            requests_per_minute: u32::try_from(s.number("pickup.requests_per_minute", 60, 1, 100_000)).unwrap_or(60),
        };
        if pickup.certificate_file.is_some() != pickup.key_file.is_some() {
            s.contradiction("pickup", "certificate_file and key_file belong together");
        }
        pickup
    }
}

fn listen(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "none" => Ok(None),
        address => address.parse().map(Some).map_err(|_| "an address such as 127.0.0.1:8444, or none".to_owned()),
    }
}

fn url(text: &str) -> Result<String, String> {
    let wrong = || "an address such as https://pickup.example.org, without a path".to_owned();
    let uri: http::Uri = text.parse().map_err(|_| wrong())?;
    let fits = uri.scheme_str() == Some("https") && uri.host().is_some() && matches!(uri.path(), "" | "/");
    if !fits || uri.query().is_some() || text.contains('@') {
        return Err(wrong());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
