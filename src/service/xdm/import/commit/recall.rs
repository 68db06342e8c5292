//! What an attempt before this one, or an earlier decision, took of the same package: later sets speak of it as of what was
//! just taken.
//!
//! Source: spec xdm R-32-33, R-32-57, R-32-58.

use std::{collections::HashMap, sync::Arc};

use super::{ImportError, Importer, Running};
use crate::{
    model::{EntryUuid, RequestContext, rim::SubmitObjectsRequest, vocabulary as v},
    service::xdm::import::submission::entries,
    store::{DocumentRow, DocumentState, StoreError},
};

impl Importer {
    /// Recalls a set that is not taken this time.
    pub(super) async fn recall_unchosen(
        &self,
        ctx: &RequestContext,
        running: &mut Running<'_>,
        index: usize,
    ) -> Result<(), ImportError> {
        if self.came_ms.is_none() {
            return Ok(());
        }
        let (examined, settings) = (Arc::clone(&running.examined), Arc::clone(&self.settings));
        let read = running.desk.run(move || examined.metadata(index, &settings)).await?;
        if let Ok((mut submit, _)) = read {
            self.recall(ctx, running, &mut submit).await?;
        }
        Ok(())
    }

    /// Recalls the documents of a set that its caller brought since the package came, and the folders that they came with: what
    /// was here before did not come with this package, and to replace it takes `xdm.replace`.
    pub(super) async fn recall(
        &self,
        ctx: &RequestContext,
        running: &mut Running<'_>,
        submit: &mut SubmitObjectsRequest,
    ) -> Result<(), StoreError> {
        let Some(came_ms) = self.came_ms else { return Ok(()) };
        let sent: Vec<(EntryUuid, Box<str>)> = entries(submit)
            .filter_map(|it| Some((it.id.as_deref()?.parse().ok()?, it.external_identifier(v::DE_UNIQUE_ID)?.into())))
            .collect();
        let unique_ids: Vec<&str> = sent.iter().map(|(_, unique_id)| &**unique_id).collect();
        let rows = self.store.read().await?.find_documents(&unique_ids).await?;
        let is_brought = |row: &DocumentRow| {
            let since = row.state == DocumentState::Confirmed && row.created_ms >= came_ms;
            since && row.source_node_key == ctx.caller.node_key()
        };
        let brought: HashMap<EntryUuid, DocumentRow> =
            sent.iter().zip(rows).filter_map(|((sent, _), row)| Some((*sent, row.filter(is_brought)?))).collect();
        let registered: Vec<EntryUuid> = brought.values().filter_map(|row| row.entry_uuid).collect();
        // An entry may have been removed since.
        let registered = self.store.read().await?.resolve(&registered).await?;
        for (sent, row) in &brought {
            if let Some(entry_uuid) = row.entry_uuid.filter(|it| registered.contains_key(it)) {
                running.taken.insert(*sent);
                running.minted.insert(*sent, entry_uuid);
            }
        }
        if let Some(patient) = brought.values().find_map(|row| row.patient.as_ref()) {
            running.minted.extend(self.join_folders(submit, patient).await?);
        }
        Ok(())
    }
}
