//! Packages that wait on the pick-up page.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{now_ms, until};
use crate::{
    cli::clock,
    config::Config,
    http::PickupPage,
    service::{
        Auditor,
        pickup::{Pickup, PickupSettings},
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

/// The page over them.
pub(super) fn page(config: &Config, pickup: Pickup) -> Arc<PickupPage> {
    let rate = NonZeroU32::new(config.pickup.requests_per_minute).unwrap_or(NonZeroU32::MIN);
    Arc::new(PickupPage::new(pickup, rate, clock::now))
}

/// Deletes the files of packages that ended, until the server stops.
pub(super) async fn clear_now_and_then(pickup: Pickup, stopped: watch::Receiver<bool>) {
    loop {
        let cleared = async {
            pickup.clear(now_ms()).await?;
            pickup.clear_broken(now_ms()).await
        };
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
