//! The delivery of the audit trail, as the configuration wants it.

use std::{path::Path, sync::Arc, time::Duration};

use super::{Tls, peer_settings};
use crate::{
    cli::{Failure, clock},
    client::{SyslogConnector, SyslogDestination, SyslogTransport},
    config::{Config, DatabaseLocation},
    http::{Metrics, Remarks},
    service::{
        Auditor,
        audit_delivery::{AuditDelivery, BacklogLevel, Backlogs, DeliverySettings},
    },
    store::Store,
    wire::atna::{AuditSource, SyslogSender},
};

/// A process that does not say that it lives for so long has lost its turn.
const LEASE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The worker, if there are audit repositories.
///
/// # Errors
/// When there is one to be called by TLS, and nothing says whom to trust.
pub(super) fn worker(
    config: &Config,
    store: &Store,
    auditor: &Auditor,
    tls: &Tls,
) -> Result<Option<AuditDelivery>, Failure> {
    let audit = &config.audit_delivery;
    if audit.destinations.is_empty() {
        return Ok(None);
    }
    if tls.client.is_none() && audit.destinations.iter().any(|destination| !destination.udp) {
        let text =
            "audit.destinations by tls:// need a section [client.trust.NAME] with the authority of the repository";
        return Err(Failure::wrong_use(text));
    }
    let process_id = std::process::id().to_string();
    let host_name = audit.host_name.clone().unwrap_or_else(host_name);
    let settings = DeliverySettings {
        destinations: destinations(config).collect(),
        source: AuditSource {
            enterprise_site_id: config.audit.site_id.clone(),
            source_id: auditor.settings().source_id.to_string(),
        },
        sender: SyslogSender::new(&host_name, "knoop", &process_id),
        settle: audit.settle,
        first_pause: FIRST_PAUSE,
        longest_pause: LONGEST_PAUSE,
        lease: LEASE,
        udp_max: usize::try_from(audit.udp_max_bytes).unwrap_or(usize::MAX),
        trace: audit.trace,
    };
    // Only one process at a time has a SQLite database: what another one left is taken over at once.
    let owner = match config.database.location {
        DatabaseLocation::Sqlite(_) => "this".to_owned(),
        DatabaseLocation::Postgres(_) => format!("{host_name}/{process_id}"),
    };
    // What is not acknowledged within half of the time of settling ends the connection before it counts.
    let connector = SyslogConnector::new(&peer_settings(config, tls.client.clone()), audit.settle / 2);
    let clock = Arc::new(|| clock::now().as_millisecond());
    Ok(Some(AuditDelivery::new(store.clone(), clock, auditor.clone(), connector, settings, &owner)))
}

/// The audit repositories that are configured.
pub(in crate::cli) fn destinations(config: &Config) -> impl Iterator<Item = SyslogDestination> {
    config.audit_delivery.destinations.iter().map(|destination| SyslogDestination {
        transport: if destination.udp { SyslogTransport::Udp } else { SyslogTransport::Tls },
        host: destination.host.clone(),
        port: destination.port,
    })
}

fn host_name() -> String {
    let name = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
    name.trim().to_owned()
}

/// How far repositories are behind, as gauges.
pub(super) fn gauges(metrics: &Metrics, backlogs: &Arc<Backlogs>) {
    let (entries, ages) = (Arc::clone(backlogs), Arc::clone(backlogs));
    metrics.gauges("audit_backlog_entries", "Audit entries not delivered yet", "destination", move || {
        let number = |entries| i64::try_from(entries).unwrap_or(i64::MAX);
        entries.all().into_iter().map(|backlog| (backlog.destination, number(backlog.entries))).collect()
    });
    metrics.gauges("audit_backlog_age_seconds", "Age of the oldest of them", "destination", move || {
        ages.all().into_iter().map(|backlog| (backlog.destination, backlog.age_ms / 1000)).collect()
    });
}

/// What `/health/ready` says of repositories that are far behind (S-AUD-53).
pub(super) fn remarks(backlogs: Arc<Backlogs>) -> Remarks {
    Box::new(move || {
        let behind = backlogs.all().into_iter().filter_map(|backlog| {
            let level = match backlog.level() {
                BacklogLevel::Normal => return None,
                BacklogLevel::Warning => "warning",
                BacklogLevel::Alarm => "alarm",
            };
            let (destination, entries, age_s) = (backlog.destination, backlog.entries, backlog.age_ms / 1000);
            Some(format!("audit {level}: {destination} is {entries} entries and {age_s} s behind"))
        });
        behind.collect()
    })
}
