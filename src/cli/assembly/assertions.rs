//! User assertions: their issuers, who judges them, the ledger of those that were used.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use jiff::SignedDuration;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{now_ms, policy_in_force, until};
use crate::{
    cli::{Failure, clock},
    config::{Config, DatabaseLocation, IssuerConfig, IssuerRevocation},
    security::{
        assertion::{AssertionSettings, Authority, Issuer, Remembered, TrustedKey, XmlSecVerifier},
        tls::{AnchorSettings, RevocationSettings, stamps},
    },
    service::{Auditor, assertions::Assertions},
    store::{AssertionLedger, Store},
};

/// How often uses of assertions that have ended are forgotten, and the rest counted.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// How often the files of issuers are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Who judges user assertions, and the ledger to be closed at the end; none when no issuer is configured.
pub(super) async fn judge(
    config: &Config,
    store: &Store,
    auditor: &Auditor,
) -> Result<Option<(AssertionLedger, Assertions)>, Failure> {
    let Some(settings) = assertion_settings(config)? else { return Ok(None) };
    let ledger = match &config.database.location {
        DatabaseLocation::Postgres(_) => AssertionLedger::shared(store),
        DatabaseLocation::Sqlite(path) => {
            let file = config.sqlite_path(path).with_extension("assertions");
            // Where the machine does not tell, each start counts as the same.
            let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            let boot = if boot.trim().is_empty() { "unknown" } else { boot.trim() };
            let opened = AssertionLedger::own(&file, boot, now_ms()).await;
            opened.context("the ledger of used assertions cannot be opened")?
        }
    };
    tell_ending(&settings);
    tell_without_meaning(config, &settings)?;
    let verifier = XmlSecVerifier::new().context("the verifier of assertions cannot be made")?;
    let verifier = Arc::new(Remembered::new(verifier));
    let assertions = Assertions::new(settings, verifier, ledger.clone(), store.clone(), auditor.clone());
    Ok(Some((ledger, assertions)))
}

/// Forgets uses of assertions that have ended.
pub(super) async fn purge_now_and_then(assertions: Assertions, stopped: watch::Receiver<bool>) {
    loop {
        match assertions.purge(now_ms()).await {
            Ok(gone) if gone > 0 => tracing::debug!(gone, "forgot uses of assertions that have ended"),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the purge of used assertions failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(PURGE_EVERY) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// Issuers and rules of assertions; none when no file of issuers is named.
pub(in crate::cli) fn assertion_settings(config: &Config) -> Result<Option<AssertionSettings>, Failure> {
    let Some(path) = &config.xua.issuers else { return Ok(None) };
    let folder = path.parent().unwrap_or(Path::new("."));
    let issuers = configured_issuers(path)?;
    let issuers =
        issuers.iter().map(|issuer| read_issuer(issuer, folder, config.production)).collect::<Result<_, _>>()?;
    let xua = &config.xua;
    let or = |configured: &[String], built_in: BTreeSet<Box<str>>| match configured {
        [] => built_in,
        values => values.iter().map(|value| value.as_str().into()).collect(),
    };
    let default = AssertionSettings::default();
    Ok(Some(AssertionSettings {
        issuers,
        audiences: or(&xua.audiences, default.audiences),
        recipients: or(&xua.recipients, default.recipients),
        skew: xua.skew,
        max_lifetime: xua.max_lifetime,
        gateway_lifetime: xua.gateway_lifetime,
        authn_contexts: or(&xua.authn_contexts, default.authn_contexts),
        role_systems: or(&xua.role_systems, default.role_systems),
        purpose_systems: or(&xua.purpose_systems, default.purpose_systems),
        require_resource_id: xua.require_resource_id,
        forwarders: xua.forwarders.iter().map(|name| name.as_str().into()).collect(),
    }))
}

/// What the file of issuers says.
fn configured_issuers(path: &Path) -> Result<Vec<IssuerConfig>, Failure> {
    let place = || format!("xua.issuers {}", path.display());
    let text = std::fs::read_to_string(path).with_context(place)?;
    Ok(IssuerConfig::all_from_text(&text).with_context(place)?)
}

/// Seconds after nextUpdate during which a CRL is still used.
const CRL_GRACE_S: i64 = 24 * 3600;

fn read_issuer(issuer: &IssuerConfig, folder: &Path, production: bool) -> Result<Issuer, Failure> {
    let place = |path: &Path| format!("key of issuer {}: {}", issuer.entity_id, path.display());
    let mut keys = Vec::new();
    for name in &issuer.keys {
        let path = folder.join(name);
        let pem = std::fs::read(&path).with_context(|| place(&path))?;
        keys.extend(TrustedKey::all_from_pem(&pem).with_context(|| place(&path))?);
    }
    let refuse = |text: &str| Err(Failure::wrong_use(format!("issuer {} {text}", issuer.entity_id)));
    if keys.len() > Issuer::KEYS {
        return refuse(&format!("has {} keys, {} at most are tried", keys.len(), Issuer::KEYS));
    }
    if production && keys.iter().any(|key| key.is_for_development) {
        return refuse("has a key of knoop init, which production = true refuses");
    }
    let authority = match (anchor(issuer, folder), &issuer.subject) {
        (Some(anchor), Some(subject)) => {
            let file = anchor.file.clone();
            Some(Authority::load(anchor, subject, production).with_context(|| place(&file))?)
        }
        _ => None,
    };
    Ok(Issuer { entity_id: issuer.entity_id.as_str().into(), keys, authority })
}

/// The CA of an issuer, if it has one, and where what it revoked is read.
fn anchor(issuer: &IssuerConfig, folder: &Path) -> Option<AnchorSettings> {
    let file = folder.join(issuer.ca.as_ref()?);
    let revocation = match issuer.revocation {
        IssuerRevocation::Crl => Some(RevocationSettings {
            files: issuer.crl_files.iter().map(|name| folder.join(name)).collect(),
            urls: Vec::new(),
            grace_s: CRL_GRACE_S,
            soft_fail: false,
        }),
        IssuerRevocation::None => None,
    };
    Some(AnchorSettings { name: issuer.entity_id.clone(), file, revocation })
}

/// The CAs of all issuers, for who looks at their dates and lists.
pub(in crate::cli) fn issuer_anchors(config: &Config) -> Result<Vec<AnchorSettings>, Failure> {
    let Some(path) = &config.xua.issuers else { return Ok(Vec::new()) };
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(configured_issuers(path)?.iter().filter_map(|issuer| anchor(issuer, folder)).collect())
}

/// Every file behind the issuers.
fn files(config: &Config) -> Vec<PathBuf> {
    let Some(path) = &config.xua.issuers else { return Vec::new() };
    let folder = path.parent().unwrap_or(Path::new("."));
    let issuers = std::fs::read_to_string(path).ok().and_then(|text| IssuerConfig::all_from_text(&text).ok());
    let named = issuers.iter().flatten().flat_map(|it| it.keys.iter().chain(&it.ca).chain(&it.crl_files));
    std::iter::once(path.clone()).chain(named.map(|name| folder.join(name))).collect()
}

/// Takes other issuers, keys and lists of revocation when their files change, or at SIGHUP. What cannot be read changes nothing.
pub(super) fn keep_fresh(
    config: Config,
    assertions: Assertions,
    stopped: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()>, Failure> {
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be listened to")?;
    let mut known = stamps(files(&config));
    Ok(async move {
        loop {
            let forced = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
                () = until(stopped.clone()) => return,
            };
            let found = stamps(files(&config));
            if !forced && found == known {
                continue;
            }
            known = found;
            match assertion_settings(&config) {
                Ok(Some(settings)) => {
                    tell_ending(&settings);
                    assertions.replace(settings);
                    tracing::info!("issuers of assertions were read again");
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "issuers of assertions cannot be read again; those read before stand");
                }
            }
        }
    })
}

/// S-CON-10: what is accepted and then means nothing would show nothing, and nobody would know why.
fn tell_without_meaning(config: &Config, settings: &AssertionSettings) -> Result<(), Failure> {
    let policy = policy_in_force(config)?;
    let without = policy.without_meaning(settings);
    if config.access.enforce && !without.is_empty() {
        let unknown = without.join(" ");
        tracing::warn!(
            unknown,
            "assertions may say what the access policy does not know; who says nothing else sees nothing"
        );
    }
    Ok(())
}

/// S-TLS-12
fn tell_ending(settings: &AssertionSettings) {
    let now = clock::now();
    for (issuer, ends) in settings.certificates() {
        if ends.duration_since(now) < SignedDuration::from_hours(30 * 24) {
            tracing::warn!(issuer, ends = %ends.strftime("%Y-%m-%d"), "a certificate of a token service ends soon or has ended");
        }
    }
}
