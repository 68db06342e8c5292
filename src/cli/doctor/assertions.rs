//! Issuers of user assertions, and the dates of their keys.

use jiff::{SignedDuration, Timestamp};

use super::{Checks, certificates};
use crate::{
    cli::{
        assembly::{assertion_settings, issuer_anchors},
        clock,
    },
    config::Config,
    model::XuaMode,
    security::{
        assertion::TrustedKey,
        tls::{TlsSettings, Trust, TrustSettings},
    },
};

const NAME: &str = "assertions";
/// A person is told this long before a certificate ends (S-TLS-12).
const NOTICE: SignedDuration = SignedDuration::from_hours(60 * 24);

pub(super) fn check(config: &Config, checks: &mut Checks) {
    let settings = match assertion_settings(config) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            let required: Vec<&str> = config
                .xua
                .modes
                .iter()
                .filter(|(_, mode)| *mode == XuaMode::Required)
                .map(|(transaction, _)| *transaction)
                .collect();
            if !required.is_empty() {
                let text = format!(
                    "no issuer is configured, so nodes cannot use {}; name a file of issuers in xua.issuers, or set these to \
                     optional or off",
                    required.join(", ")
                );
                checks.note(NAME, text);
            }
            return;
        }
        Err(error) => {
            checks.bad(NAME, format!("{error}; look at xua.issuers"));
            return;
        }
    };
    if settings.audiences.is_empty() {
        checks.bad(NAME, "no audience means this system, so every assertion is refused; set xua.audiences");
    }
    authorities(config, checks);
    let now = clock::now();
    for issuer in &settings.issuers {
        let of_authority = issuer.authority.iter().flat_map(|authority| authority.certificates());
        let mut ends = Vec::new();
        for key in issuer.keys.iter().chain(of_authority) {
            match problem(key, now) {
                Some(Problem::Ended(text)) => checks.bad(NAME, format!("{}: {text}", issuer.entity_id)),
                Some(Problem::Soon(text)) => checks.note(NAME, format!("{}: {text}", issuer.entity_id)),
                None => ends.extend(key.validity.map(|(_, until)| until)),
            }
        }
        let until = ends.iter().min().map(|until| format!(", the first ends on {}", day(*until))).unwrap_or_default();
        let keys = issuer.keys.len();
        let authority = if issuer.authority.is_some() { " and a CA" } else { "" };
        checks.good(NAME, format!("{}: {keys} keys{authority}{until}", issuer.entity_id));
    }
}

/// The CAs of token services: their dates, and whether what they revoked is known. Source: S-TLS-13.
fn authorities(config: &Config, checks: &mut Checks) {
    let anchors = issuer_anchors(config).unwrap_or_default();
    let trust = TrustSettings { anchors, ..TrustSettings::default() };
    let settings = TlsSettings { trust, production: config.production, ..TlsSettings::default() };
    // What cannot be loaded was told with the issuers.
    if let Ok(trust) = Trust::load(&settings) {
        trust.anchors.iter().for_each(|anchor| certificates::authority(anchor, &settings, checks));
    }
}

enum Problem {
    Ended(String),
    Soon(String),
}

fn problem(key: &TrustedKey, now: Timestamp) -> Option<Problem> {
    let (from, until) = key.validity?;
    let renew = "; ask the token service for its next certificate and add it to the issuer's keys";
    if now > until {
        return Some(Problem::Ended(format!("a certificate ended on {}{renew}", day(until))));
    }
    if now < from {
        return Some(Problem::Soon(format!("a certificate begins on {}", day(from))));
    }
    (until.duration_since(now) < NOTICE).then(|| Problem::Soon(format!("a certificate ends on {}{renew}", day(until))))
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}
