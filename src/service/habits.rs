//! Habits of partners that were tolerated, told once for each partner.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{model::Caller, validate::Tolerance};

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Habits(Mutex<HashSet<(Arc<str>, Tolerance)>>);

impl Habits {
    /// Logs each habit that this partner shows for the first time since the start.
    pub(super) fn note(&self, caller: &Caller, tolerated: &BTreeSet<Tolerance>) {
        if tolerated.is_empty() {
            return;
        }
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for habit in tolerated {
            if told.insert((Arc::clone(caller.name()), *habit)) {
                tracing::warn!(node = %caller.name(), habit = habit.as_str(), "tolerated a habit of a partner");
            }
        }
    }
}
