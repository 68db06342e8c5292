//! The audit trail of a server or a command: its sealer, and the events of start and stop.

use std::{os::unix::fs::MetadataExt, sync::Arc};

use anyhow::Context;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    cli::{Failure, clock},
    config::Config,
    model::AuditEvent,
    service::{
        Auditor,
        audit::{
            Heads, Sealer,
            events::{self, Actor, Parties},
        },
    },
    store::Store,
};

/// The sealer of these stores.
pub(in crate::cli) fn sealer(config: &Config, store: &Store) -> Sealer {
    Sealer::new(store.clone(), Heads::at(config.audit_heads_path()), Arc::new(|| clock::now().as_millisecond()))
}

/// Who runs this command: the account as the system knows it, not as the environment says.
pub(in crate::cli) fn operator() -> Actor {
    let uid = std::fs::metadata("/proc/self").map(|this| this.uid()).ok();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = uid.and_then(|uid| accounts.lines().find_map(|line| account(line, uid)));
    let user_id = name.map(str::to_owned).or_else(|| Some(format!("uid {}", uid?)));
    Actor { user_id: user_id.unwrap_or_else(|| "unknown".to_owned()) }
}

/// The name in a line of passwd(5), if it is that of this number.
fn account(line: &str, uid: u32) -> Option<&str> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    (fields.nth(1)?.parse::<u32>() == Ok(uid)).then_some(name)
}

/// Records what a command does, and seals it: no server may be running that would.
///
/// # Errors
/// When it cannot be recorded.
pub(in crate::cli) async fn record(
    config: &Config,
    store: &Store,
    event: impl FnOnce(&Parties<'_>, &Actor) -> AuditEvent,
) -> Result<(), Failure> {
    if !config.audit.record {
        return Ok(());
    }
    let ctx = clock::context();
    let event = event(&Parties::own(&ctx, &config.audit.source_id), &operator());
    store.record_audit(&[event]).await.context("the audit cannot be written")?;
    sealer(config, store).seal().await.context("the audit cannot be sealed")?;
    Ok(())
}

/// The audit trail while the server runs.
pub(super) struct Trail {
    auditor: Auditor,
    stopping: watch::Sender<bool>,
    sealer: JoinHandle<()>,
}

impl Trail {
    /// Records the start and begins to seal.
    ///
    /// # Errors
    /// When the start cannot be recorded: then nothing else could be.
    pub(super) async fn start(config: &Config, auditor: Auditor, store: &Store) -> Result<Self, Failure> {
        let sealer = sealer(config, store);
        tell(&auditor, events::application_started).await?;
        sealer.seal().await.context("the audit cannot be sealed")?;
        let (stopping, stopped) = watch::channel(false);
        let sealer = tokio::spawn(async move { sealer.run(super::until(stopped)).await });
        Ok(Self { auditor, stopping, sealer })
    }

    /// Records the stop and seals what is left.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        tell(&self.auditor, events::application_stopped).await?;
        let _ = self.stopping.send(true);
        Ok(self.sealer.await.context("the sealer of the audit stopped with a panic")?)
    }
}

async fn tell(auditor: &Auditor, event: fn(&Parties<'_>, &Actor) -> AuditEvent) -> Result<(), Failure> {
    let ctx = clock::context();
    let event = event(&Parties::own(&ctx, &auditor.settings().source_id), &operator());
    auditor.record(vec![event]).await.context("the audit cannot be written")?;
    Ok(())
}
