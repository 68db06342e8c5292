//! Packages by mail, and those that wait on the pick-up page.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::sync::{Notify, watch};

use super::{now_ms, settings::import_settings, tls::trusting, until};
use crate::{
    cli::{Failure, clock},
    client::{SmtpRelay, SmtpTls},
    config::{Config, RelayTls},
    http::PickupPage,
    lmtp::LmtpListener,
    security::{smime::SmimeSettings, tls::Live},
    service::{
        Auditor,
        mail::{Inbox, InboxSettings, MailService, MailSettings},
        pickup::{Pickup, PickupSettings},
        xdm::jobs::Packages,
    },
    store::Store,
};

/// How often files of packages that ended are deleted.
const CLEAR_EVERY: Duration = Duration::from_secs(300);

/// Packages that wait.
pub(in crate::cli) fn pickup(config: &Config, store: &Store, auditor: &Auditor) -> Pickup {
    let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2);
    let settings = PickupSettings {
        expires_ms: milliseconds(config.pickup.expires),
        session_ms: milliseconds(config.pickup.session),
    };
    Pickup::new(store.clone(), auditor.clone(), config.data.join("xdm").join("pickup"), settings)
}

/// Keys and certificates of mail.
pub(in crate::cli) fn smime_settings(config: &Config) -> SmimeSettings {
    let email = &config.email;
    let identity = email.certificate_file.clone().zip(email.key_file.clone());
    SmimeSettings {
        trust: trusting(config, identity, &email.trust),
        partners: email.partners.clone(),
        former: email.former_files.clone(),
    }
}

/// What links to the pick-up page begin with, where there is one.
pub(in crate::cli) fn pickup_url(config: &Config) -> Option<String> {
    let pickup = &config.pickup;
    pickup.url.clone().or_else(|| pickup.listen.map(|address| format!("https://{address}")))
}

/// Packages by mail, where there is a relay.
pub(in crate::cli) fn mail(
    config: &Config,
    store: &Store,
    auditor: &Auditor,
    trust: Option<Arc<Live>>,
) -> Option<MailService> {
    let email = &config.email;
    let ((host, port), from) = email.relay.clone().zip(email.from.clone())?;
    let relay = SmtpRelay {
        host,
        port,
        tls: match email.relay_tls {
            RelayTls::StartTls => SmtpTls::StartTls,
            RelayTls::Tls => SmtpTls::Implicit,
            RelayTls::None => SmtpTls::None,
        },
        trust,
        check_host: config.client.check_host,
        login: email.user.clone().zip(email.password.clone()),
        hello: email.hello.clone(),
        connect_timeout: config.client.connect_timeout,
        send_timeout: email.send_timeout,
    };
    let settings = MailSettings {
        domain: email.hello.clone(),
        from,
        smime: smime_settings(config),
        send_unencrypted: email.send_unencrypted,
        notify: email.notify,
        max_bytes: email.max_bytes,
        link: pickup_url(config),
    };
    let folder = config.data.join("xdm").join("mail");
    let pickup = pickup(config, store, auditor);
    Some(MailService::new(store.clone(), auditor.clone(), pickup, relay, folder, settings))
}

/// Mails that come in, where there is a listener for them.
///
/// # Errors
/// When nothing takes their packages over here, or their folder cannot be used.
pub(super) async fn inbox(
    config: &Config,
    store: &Store,
    auditor: &Auditor,
    packages: Option<&Packages>,
    mail: Option<MailService>,
    bell: Arc<Notify>,
) -> Result<Option<Inbox>, Failure> {
    if config.email.lmtp.is_none() {
        return Ok(None);
    }
    let Some(packages) = packages.filter(|packages| packages.imports()) else {
        return Err(Failure::wrong_use("email.lmtp needs xdm.serve and the repository role: what comes is imported"));
    };
    let email = &config.email;
    let settings = InboxSettings {
        recipients: email.recipients.clone(),
        max_bytes: email.max_bytes,
        smime: smime_settings(config),
        allow_unsigned: email.allow_unsigned,
        rules: import_settings(config)?,
        auto_commit: email.auto_commit,
        node: email.node.clone(),
    };
    let folder = config.data.join("xdm").join("received");
    let inbox = Inbox::open(store.clone(), auditor.clone(), packages.clone(), mail, folder, settings, bell)
        .context("the folder of mails that come in cannot be used")?;
    let returned = inbox.start(now_ms()).await.context("mails of an earlier run cannot be put in order")?;
    if returned > 0 {
        tracing::info!(returned, "mails of an earlier run are opened");
    }
    Ok(Some(inbox))
}

/// The listener for them.
pub(super) fn lmtp(config: &Config, listener: std::net::TcpListener) -> LmtpListener {
    let email = &config.email;
    let (hello, connections, idle) = (email.hello.clone(), email.lmtp_connections, email.lmtp_timeout);
    LmtpListener { listener, hello, connections, idle }
}

/// The page over them.
pub(super) fn page(config: &Config, pickup: Pickup) -> Arc<PickupPage> {
    let rate = NonZeroU32::new(config.pickup.requests_per_minute).unwrap_or(NonZeroU32::MIN);
    Arc::new(PickupPage::new(pickup, rate, clock::now))
}

/// Deletes the files of packages that ended and forgets them in time, until the server stops.
pub(super) async fn clear_now_and_then(
    pickup: Pickup,
    mail: Option<MailService>,
    inbox: Option<Inbox>,
    retention: Duration,
    stopped: watch::Receiver<bool>,
) {
    let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    loop {
        let forget_ms = now_ms().saturating_sub(retention_ms);
        let cleared = async {
            pickup.clear(now_ms()).await?;
            pickup.forget(forget_ms).await?;
            pickup.clear_broken(now_ms()).await
        };
        if let Some(mail) = &mail
            && let Err(error) = mail.clear(now_ms(), forget_ms).await
        {
            tracing::warn!(%error, "mails that ended could not be cleared away");
        }
        if let Some(inbox) = &inbox
            && let Err(error) = inbox.clear(now_ms(), forget_ms).await
        {
            tracing::warn!(%error, "mails that came could not be cleared away");
        }
        match cleared.await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "deleted {files} files of offers that were broken off"),
            Err(error) => tracing::warn!(%error, "packages that ended could not be deleted"),
        }
        tokio::select! {
            () = tokio::time::sleep(CLEAR_EVERY) => {}
            () = until(stopped.clone()) => return,
        }
    }
}
