//! Certificates and trust from configuration, and keeping them fresh while the server runs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{audit::operator, until};
use crate::{
    cli::{Failure, clock},
    client::fetch_crl,
    config::{Config, RevocationConfig, TlsMinimum, TlsProfile, TrustConfig},
    security::{
        facts::Certificate,
        tls::{
            AnchorSettings, Crl, Generation, Live, Minimum, Profile, RevocationSettings, Side, TlsSettings,
            TrustSettings,
        },
    },
    service::{
        Auditor,
        audit::{
            events::{self, Actor, Change, Parties},
            record_unchecked,
        },
    },
};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// TLS of both sides; they share one count of changes.
#[derive(Clone, Default)]
pub(in crate::cli) struct Tls {
    /// Those who call us; absent without a certificate.
    pub server: Option<Arc<Live>>,
    /// Those we call; absent where nobody is trusted.
    pub client: Option<Arc<Live>>,
    /// People's browsers on the page from which packages are fetched; absent where that is off.
    pub pickup: Option<Arc<Live>>,
    /// Counts changes of trust, CRLs and nodes.
    pub generation: Generation,
}

impl Tls {
    /// Reads all files.
    ///
    /// # Errors
    /// With a sentence for the operator.
    pub(in crate::cli) fn load(config: &Config) -> Result<Self, Failure> {
        let generation = Generation::default();
        let live = |side, settings: Option<TlsSettings>| {
            let settings = settings.map(|settings| Live::load(side, settings, generation.clone(), clock::now));
            Ok::<_, Failure>(settings.transpose()?.map(Arc::new))
        };
        let server = live(Side::Server, server_settings(config)).map_err(|error| in_section("[tls]", error))?;
        let client = live(Side::Client, client_settings(config)).map_err(|error| in_section("[client]", error))?;
        let pickup = live(Side::Page, pickup_settings(config)?).map_err(|error| in_section("[pickup]", error))?;
        Ok(Self { server, client, pickup, generation })
    }

    /// Each side with its section of the configuration.
    fn sides(&self) -> impl Iterator<Item = (&'static str, &Arc<Live>)> {
        self.server
            .iter()
            .map(|live| ("tls", live))
            .chain(self.client.iter().map(|live| ("client", live)))
            .chain(self.pickup.iter().map(|live| ("pickup", live)))
    }
}

fn in_section(section: &str, failure: Failure) -> Failure {
    Failure::wrong_use(format!("{section}: {failure}"))
}

/// TLS of those who call us, if there is a certificate.
pub(in crate::cli) fn server_settings(config: &Config) -> Option<TlsSettings> {
    let identity = config.tls.certificate_file.clone().zip(config.tls.key_file.clone())?;
    Some(trusting(config, Some(identity), &config.tls.trust))
}

/// TLS of the page from which packages are fetched, where it is on: nobody is asked for a certificate, so nobody is trusted
/// (S-TLS-30).
fn pickup_settings(config: &Config) -> Result<Option<TlsSettings>, Failure> {
    if config.pickup.listen.is_none() {
        return Ok(None);
    }
    let own = config.pickup.certificate_file.clone().zip(config.pickup.key_file.clone());
    let of_server = || config.tls.certificate_file.clone().zip(config.tls.key_file.clone());
    let identity = own.or_else(of_server).ok_or_else(|| {
        Failure::wrong_use("pickup.listen needs pickup.certificate_file and pickup.key_file, or those of [tls]")
    })?;
    Ok(Some(trusting(config, Some(identity), &TrustConfig::default())))
}

/// TLS of those we call, if anybody is trusted.
pub(in crate::cli) fn client_settings(config: &Config) -> Option<TlsSettings> {
    let trust = &config.client.trust;
    let anybody = !trust.anchors.is_empty() || !trust.pinned_files.is_empty() || !trust.pinned_fingerprints.is_empty();
    let identity = config.client.certificate_file.clone().zip(config.client.key_file.clone());
    anybody.then(|| trusting(config, identity, trust))
}

/// This identity and this trust, with the profile of all TLS.
pub(super) fn trusting(config: &Config, identity: Option<(PathBuf, PathBuf)>, trust: &TrustConfig) -> TlsSettings {
    let anchors = trust.anchors.iter().map(|anchor| AnchorSettings {
        name: anchor.name.clone(),
        file: anchor.file.clone(),
        revocation: anchor.revocation.as_ref().map(revocation),
    });
    TlsSettings {
        identity,
        profile: match config.tls.profile {
            TlsProfile::Ihe => Profile::Ihe,
            TlsProfile::Strict => Profile::Strict,
        },
        minimum: match config.tls.minimum {
            TlsMinimum::V1_2 => Minimum::V1_2,
            TlsMinimum::V1_3 => Minimum::V1_3,
        },
        trust: TrustSettings {
            anchors: anchors.collect(),
            pinned_files: trust.pinned_files.clone(),
            pinned_fingerprints: trust.pinned_fingerprints.clone(),
        },
        production: config.production,
        crl_cache: Some(config.data.join("crl")),
    }
}

fn revocation(config: &RevocationConfig) -> RevocationSettings {
    RevocationSettings {
        files: config.files.clone(),
        urls: config.urls.iter().map(ToString::to_string).collect(),
        grace_s: i64::try_from(config.grace.as_secs()).unwrap_or(i64::MAX),
        soft_fail: config.soft_fail,
    }
}

/// Reads everything again on SIGHUP and whenever a file has changed, until the server stops. A fault keeps what there was, a
/// success is audited (S-TLS-19). So are peers that were called though nobody knows whether their certificates were revoked
/// (S-TLS-13).
///
/// # Errors
/// When signals cannot be listened to.
pub(super) fn keep_fresh(
    tls: Tls,
    auditor: Auditor,
    stopped: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()>, Failure> {
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be listened to")?;
    Ok(async move {
        let mut told = clock::now();
        loop {
            let forced = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
                () = until(stopped.clone()) => return,
            };
            if clock::now().as_second() - told.as_second() >= DAY_S {
                told = clock::now();
                tls.sides().for_each(|(_, live)| tell(live));
            }
            for (_, live) in tls.sides() {
                record_unchecked(&auditor, live, clock::now()).await;
            }
            for (section, live) in tls.sides().filter(|(_, live)| forced || live.has_changed()) {
                let before = live.in_force();
                match live.reload() {
                    Ok(generation) => {
                        tracing::info!(generation, "certificates, trust and revocations were read again");
                        tell(live);
                        record(&auditor, section, forced, &live.in_force().changes_since(&before)).await;
                    }
                    Err(error) => tracing::error!(
                        error = %error,
                        "certificates and trust cannot be read again; everything stays as it was"
                    ),
                }
            }
            if forced {
                tracing::info!("SIGHUP was followed");
            }
        }
    })
}

/// 110129: what is taken of certificates was read again, by the operator's signal or because a file changed.
async fn record(auditor: &Auditor, section: &str, forced: bool, changes: &[String]) {
    let ctx = clock::context();
    let source_id = &auditor.settings().source_id;
    let actor = if forced { operator() } else { Actor { user_id: source_id.to_string() } };
    let changed = if changes.is_empty() { "nothing is different".to_owned() } else { changes.join(", ") };
    let description = format!("read again: {changed}");
    let (parties, object) = (Parties::own(&ctx, source_id), format!("urn:knoop:configuration:{section}"));
    let event = events::configuration_changed(&parties, Change::Security, &actor, &object, &description);
    if let Err(error) = auditor.record(vec![event]).await {
        tracing::error!(%error, "that certificates and trust were read again could not be recorded");
    }
}

/// What a person should know of certificates: ends that come near, and lists without which everybody under an authority is
/// refused. Source: S-TLS-12.
pub(super) fn tell(live: &Live) {
    if let Some(own) = live.own_chain().first().and_then(|own| Certificate::of(own).ok()) {
        tell_ending("the certificate of this side", &own);
        let days = (own.not_after.as_second() - own.not_before.as_second()) / DAY_S;
        if days > LONG_DAYS {
            tracing::warn!(days, "the certificate of this side is valid for longer than two years");
        }
    }
    let trust = live.trust();
    for anchor in &trust.anchors {
        for certificate in anchor.certificates.iter().filter_map(|found| Certificate::of(found).ok()) {
            tell_ending("a certificate of an authority", &certificate);
        }
        for missing in anchor.revocation.iter().flat_map(|revocation| &revocation.missing) {
            tracing::warn!(authority = &*anchor.name, "a revocation list is missing: {missing}");
        }
    }
    for pinned in trust.pinned().iter().filter_map(|pinned| Certificate::of(pinned).ok()) {
        tell_ending("a pinned certificate", &pinned);
    }
}

const DAY_S: i64 = 86_400;
const SOON_DAYS: i64 = 60;
const LONG_DAYS: i64 = 2 * 366;

fn tell_ending(what: &str, certificate: &Certificate) {
    let days = (certificate.not_after.as_second() - clock::now().as_second()).div_euclid(DAY_S);
    if days < SOON_DAYS {
        tracing::warn!(subject = &*certificate.subject, days, "{what} ends in {days} days; renew it");
    }
}

/// Fetches the lists of one address, now and every interval, until the server stops.
pub(super) fn fetch_crls(
    config: &Config,
    tls: &Tls,
    stopped: &watch::Receiver<bool>,
) -> Vec<impl Future<Output = ()> + use<>> {
    let mut fetching = Vec::new();
    let sides = [(&tls.server, &config.tls.trust), (&tls.client, &config.client.trust)];
    for (live, trust) in sides {
        let Some(live) = live else { continue };
        for anchor in &trust.anchors {
            let Some(revocation) = &anchor.revocation else { continue };
            for url in &revocation.urls {
                let fetch = Fetch { live: Arc::clone(live), anchor: anchor.name.clone(), url: url.clone() };
                fetching.push(fetch.every(revocation.interval, stopped.clone()));
            }
        }
    }
    fetching
}

struct Fetch {
    live: Arc<Live>,
    anchor: String,
    url: http::Uri,
}

/// A first fetch that fails is tried again this soon.
const RETRY_AFTER: Duration = Duration::from_secs(60);

impl Fetch {
    async fn every(self, interval: Duration, stopped: watch::Receiver<bool>) {
        loop {
            let pause = match self.once().await {
                Ok(()) => interval,
                Err(error) => {
                    tracing::warn!(url = %self.url, error = format!("{error:#}"), "a revocation list cannot be fetched");
                    RETRY_AFTER.min(interval)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = until(stopped.clone()) => return,
            }
        }
    }

    /// Fetches, checks, and puts the list where it is noticed as a file that changed.
    async fn once(&self) -> anyhow::Result<()> {
        let octets = fetch_crl(&self.url).await?;
        let trust = self.live.trust();
        let anchor = trust.anchors.iter().find(|anchor| *anchor.name == *self.anchor);
        let authorities = || anchor.iter().flat_map(|anchor| &anchor.certificates).map(|found| &**found);
        let fresh = Crl::parse(&octets, authorities()).map_err(anyhow::Error::msg)?;
        let path = self.live.settings().cached_crl(&self.url.to_string()).context("there is no place for it")?;
        if let Ok(old) = std::fs::read(&path) {
            let old = Crl::parse(&old, authorities());
            anyhow::ensure!(
                old.is_err() || old.is_ok_and(|old| old.this_update <= fresh.this_update),
                "it is older than the one that is here"
            );
        }
        let folder = path.parent().context("there is no place for it")?;
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, &octets)?;
        file.persist(&path)?;
        Ok(())
    }
}
