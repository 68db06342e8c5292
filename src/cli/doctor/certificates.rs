//! Our own certificate and key, trust lists, and lists of revocations. Source: S-TLS-12, S-TLS-19.

use jiff::Timestamp;

use super::Checks;
use crate::{
    cli::{assembly::server_settings, clock},
    config::Config,
    security::{
        facts::Certificate,
        tls::{Anchor, Generation, Live, Side, TlsSettings},
    },
};

const NAME: &str = "certificates";
const TRUST: &str = "trust";
const DAY_S: i64 = 86_400;
/// Days before the end of a certificate from which a person should know.
const SOON_DAYS: i64 = 60;
/// Days before the end of a certificate from which it is pressing.
const PRESSING_DAYS: i64 = 7;
/// A node's certificate that is valid for longer is worth a word.
const LONG_DAYS: i64 = 2 * 366;

pub(super) fn check(config: &Config, checks: &mut Checks) {
    let Some(settings) = server_settings(config) else {
        let text = "none: partners cannot connect; knoop init makes one for development, [tls] names your own";
        return if config.production { checks.bad(NAME, text) } else { checks.note(NAME, text) };
    };
    let live = match Live::load(Side::Server, settings, Generation::default(), clock::now) {
        Ok(live) => live,
        Err(error) => return checks.bad(NAME, error.to_string()),
    };
    own(&live, checks);
    trust(&live, checks);
}

fn own(live: &Live, checks: &mut Checks) {
    let Some((certificate, key)) = &live.settings().identity else { return };
    let chain = live.own_chain();
    let Some(own) = chain.first().and_then(|own| Certificate::of(own).ok()) else {
        return checks.bad(NAME, format!("{} cannot be read", certificate.display()));
    };
    checks.good(NAME, format!("{}, issued by {}; {} belongs to it", own.subject, own.issuer_text(), key.display()));
    ending(NAME, "the certificate of this server", own.not_after, checks);
    let days = (own.not_after.as_second() - own.not_before.as_second()) / DAY_S;
    if days > LONG_DAYS {
        checks.note(NAME, format!("the certificate of this server is valid for {days} days; two years are enough"));
    }
    if own.is_for_development {
        checks.note(NAME, "it was made by knoop init; take one of an authority that your partners trust");
    }
    if own.sans.is_empty() {
        checks
            .bad(NAME, "it names no host in subjectAltName, so partners cannot check whom they call; have it reissued");
    }
    if !own.may_serve {
        checks.bad(NAME, "its extended key usage does not allow serverAuth; have it reissued");
    }
}

fn trust(live: &Live, checks: &mut Checks) {
    let trust = live.trust();
    if trust.anchors.is_empty() && trust.pins.is_empty() {
        checks.bad(TRUST, "nobody can connect: add [tls.trust.NAME] or pinned_files");
    }
    for anchor in &trust.anchors {
        authority(anchor, live.settings(), checks);
    }
    for pinned in trust.pinned().iter().filter_map(|pinned| Certificate::of(pinned).ok()) {
        ending(TRUST, &format!("the pinned certificate {}", pinned.subject), pinned.not_after, checks);
    }
}

/// An authority, its dates, and whether what it revoked is known.
pub(super) fn authority(anchor: &Anchor, settings: &TlsSettings, checks: &mut Checks) {
    let name = &anchor.name;
    for certificate in anchor.certificates.iter().filter_map(|found| Certificate::of(found).ok()) {
        ending(TRUST, &format!("authority {name}: {}", certificate.subject), certificate.not_after, checks);
    }
    let Some(revocation) = &anchor.revocation else {
        let text = format!("authority {name}: revocation = \"none\", so nobody asks whether a certificate was revoked");
        return if settings.production { checks.note(TRUST, text) } else { checks.good(TRUST, text) };
    };
    for missing in &revocation.missing {
        checks.bad(TRUST, format!("authority {name}: {missing}; without it its certificates are refused"));
    }
    for crl in &revocation.crls {
        let until = crl.next_update;
        if crl.is_too_old(revocation.grace_s, clock::now()) {
            let text =
                format!("authority {name}: its CRL was to be replaced at {until:.0}; its certificates are refused");
            checks.bad(TRUST, format!("{text}; get a newer one"));
        } else if crl.is_too_old(0, clock::now()) {
            checks.note(TRUST, format!("authority {name}: its CRL was to be replaced at {until:.0}; get a newer one"));
        } else {
            checks.good(TRUST, format!("authority {name}: its CRL is fresh until {until:.0}"));
        }
    }
}

/// How long something is still valid. Source: S-TLS-12.
pub(super) fn ending(name: &'static str, what: &str, until: Timestamp, checks: &mut Checks) {
    let days = (until.as_second() - clock::now().as_second()).div_euclid(DAY_S);
    if days < 0 {
        checks.bad(name, format!("{what} ended at {until:.0}; renew it"));
    } else if days <= PRESSING_DAYS {
        checks.bad(name, format!("{what} ends in {days} days; renew it now"));
    } else if days <= SOON_DAYS {
        checks.note(name, format!("{what} ends in {days} days; renew it"));
    } else {
        checks.good(name, format!("{what} ends in {days} days"));
    }
}
