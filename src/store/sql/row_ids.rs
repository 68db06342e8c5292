//! Row ids, handed out in blocks.

use std::sync::Mutex;

use futures_util::FutureExt as _;

use super::{Store, args, statements};
use crate::store::StoreError;

statements! {
    RESERVE_ROW_IDS = "UPDATE row_id_block SET next_row_id = next_row_id + $1 WHERE block_key = 1 RETURNING next_row_id";
}

/// How many ids are reserved in the database at a time; those not used when the program ends are lost, which is harmless.
const BLOCK: usize = 4096;

/// What is left of the block that this process reserved last.
#[derive(Default)]
pub(super) struct RowIds(Mutex<std::ops::Range<i64>>);

impl RowIds {
    /// The first of `count` ids in a row. Ids that one process hands out only grow.
    pub(super) async fn take(&self, store: &Store, count: usize) -> Result<i64, StoreError> {
        let wanted = i64::try_from(count).map_err(|_| StoreError::Corrupt { what: "row ids" })?;
        loop {
            if let Some(first) = self.take_from_block(wanted) {
                return Ok(first);
            }
            let size = i64::try_from(count.max(BLOCK)).map_err(|_| StoreError::Corrupt { what: "row ids" })?;
            let end: i64 = store
                .write(move |tx| {
                    async move {
                        let (end,) = tx.fetch_one::<(i64,)>(&RESERVE_ROW_IDS, args![size]).await?;
                        Ok::<_, StoreError>(end)
                    }
                    .boxed()
                })
                .await?;
            let mut block = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if end > block.end {
                *block = end - size..end;
            }
        }
    }

    fn take_from_block(&self, wanted: i64) -> Option<i64> {
        let mut block = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = block.start;
        if block.end - first < wanted {
            return None;
        }
        block.start += wanted;
        Some(first)
    }
}
