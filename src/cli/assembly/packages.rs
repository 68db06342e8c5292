//! Packages that the server makes and takes over for nodes (ITI-32).

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::sync::watch;

use super::{mail::pickup_url, now_ms, settings::import_settings, until};
use crate::{
    cli::{Failure, metadata::CodeLists},
    config::{Config, XdmWatch},
    model::{XuaMode, rim::AdhocQueryRequest, xdm::Delivery},
    service::{
        Auditor, Registry,
        mail::MailService,
        xdm::{
            Importer,
            export::{Here, Homes},
            jobs::{ExportSettings, Mailing, PackageFiles, PackageSettings, Packages, Upkeep, Watch, WatchSettings},
        },
    },
    store::Store,
    wire::xds::iti18,
};

/// How often packages whose time is over are looked for.
const UPKEEP_EVERY: Duration = Duration::from_secs(300);

/// The packages of this server.
///
/// # Errors
/// When their folder cannot be made.
pub(in crate::cli) fn of(
    config: &Config,
    registry: Option<&Registry>,
    importer: Option<Importer>,
    store: &Store,
    auditor: &Auditor,
    mail: Option<MailService>,
) -> Result<Packages, Failure> {
    let files = PackageFiles::open(&config.xdm_path()).context("the folder of packages cannot be made")?;
    let repository = importer.as_ref().map(Importer::repository).cloned();
    let origin = registry.cloned().zip(repository);
    let origin = origin.map(|(registry, repository)| Here { registry, repository, written: query_element });
    let required = config.xua.modes.iter().filter(|(_, mode)| *mode == XuaMode::Required);
    let settings = PackageSettings {
        retention: config.xdm.retention,
        node_bytes: config.xdm.node_bytes,
        package_bytes: config.xdm.limits.package_bytes,
        deliveries: deliveries(config, mail.is_some()),
        assertions: required.map(|(transaction, _)| *transaction).collect(),
        export: ExportSettings {
            source_id: config.xdm.source_id.clone(),
            contact: config.xdm.contact.clone(),
            content_type: CodeLists::built_in().first("content").context("the built-in code lists")?,
            numbers: config.xdm_path().join("numbers.jsonl"),
            homes: match config.xdm.keep_home {
                true => Homes::Kept(config.registry.home_community_id.clone()),
                false => Homes::LeftOut,
            },
            set_limits: config.xdm.limits.of_sets_made(),
        },
    };
    let clock = Arc::new(now_ms);
    let mailing = match mail {
        Some(service) => Some(Mailing { service, rules: import_settings(config)? }),
        None => None,
    };
    Ok(Packages::new(store.clone(), auditor.clone(), files, settings, (origin, importer), mailing, clock))
}

/// How packages may leave: a reference needs mail and a page.
fn deliveries(config: &Config, sends: bool) -> Vec<Delivery> {
    let mut all = vec![Delivery::Package];
    all.extend(sends.then_some(Delivery::Mail));
    all.extend((sends && pickup_url(config).is_some()).then_some(Delivery::Reference));
    all
}

/// The request element of a query, for the audit trail.
pub(in crate::cli) fn query_element(query: &AdhocQueryRequest) -> String {
    let mut out = Vec::new();
    iti18::write_request(&mut out, query);
    String::from_utf8_lossy(&out).into_owned()
}

/// Takes up what a process before this one left.
///
/// # Errors
/// When database or files cannot be used.
pub(super) async fn start(packages: &Packages) -> Result<(), Failure> {
    let found = packages.start().await.context("packages of an earlier run cannot be put in order")?;
    tell(found);
    Ok(())
}

fn tell(found: Upkeep) {
    if found != Upkeep::default() {
        let Upkeep { returned, orphans, missing, lost, expired } = found;
        tracing::info!(returned, orphans, missing, lost, expired, "put packages in order");
    }
}

/// What watches the folder of the configuration, if it names one.
///
/// # Errors
/// When the folder cannot be made.
pub(super) fn watch(config: &Config, packages: &Packages) -> Result<Option<Watch>, Failure> {
    let Some(watch) = config.xdm.watch.clone() else { return Ok(None) };
    let XdmWatch { folder, auto_commit, node, quiet } = watch;
    let settings = WatchSettings { folder, auto_commit, node, quiet };
    Ok(Some(Watch::new(packages.clone(), settings).context("the watched folder cannot be used")?))
}

/// Looks into the watched folder until the server stops.
pub(super) async fn keep_watching(mut watch: Watch, stopped: watch::Receiver<bool>) {
    loop {
        watch.look().await;
        tokio::select! {
            () = tokio::time::sleep(watch.interval()) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// Removes packages whose time is over, now and then.
pub(super) async fn keep_in_order(packages: Packages, stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(UPKEEP_EVERY) => {}
            () = until(stopped.clone()) => return,
        }
        match packages.upkeep().await {
            Ok(found) => tell(found),
            Err(error) => tracing::error!(%error, "packages could not be put in order"),
        }
    }
}
