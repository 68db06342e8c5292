//! Registry actor: registers submissions and answers stored queries.
//!
//! Rules that need the registry's contents (uniqueIds in use, unknown patients, replaced entries) are checked here,
//! inside the write transaction; all others in `validate`.
//!
//! Source: ITI TF-1 §10, ITI TF-2 §3.18 and §3.42.

mod acknowledgements;
mod associations;
mod audited;
mod effects;
mod numbers;
mod patients;
mod register;
mod stored_query;
mod unique_ids;

use std::sync::Arc;

pub(in crate::service) use audited::Identified;
pub(in crate::service) use numbers::PatientNumbers;
pub(in crate::service) use register::withdrawn;
pub(in crate::service) use unique_ids::non_identical;

use crate::{
    model::BodyEncoder,
    service::{Access, Auditor, Habits},
    store::{Store, UnknownPatients},
    validate::{QueryRules, Rules},
};

/// What a registry may be told by configuration.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Rules for submitted metadata.
    pub rules: Rules,
    /// Rules for query parameters.
    pub query_rules: QueryRules,
    /// What to do with a patient nobody announced (R-42-26).
    pub unknown_patients: UnknownPatients,
    /// Most objects in a LeafClass answer (R-18-53).
    pub leaf_class_limit: usize,
    /// Most objects in an ObjectRef answer (R-18-53).
    pub object_ref_limit: usize,
    /// Accept an addendum to a transformation, as many registries do (R-ASC-12).
    pub allow_append_to_transformation: bool,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            query_rules: QueryRules::default(),
            unknown_patients: UnknownPatients::Create,
            leaf_class_limit: 1000,
            object_ref_limit: 100_000,
            allow_append_to_transformation: false,
        }
    }
}

/// The Document Registry.
#[derive(Clone)]
pub struct Registry {
    store: Store,
    settings: Arc<RegistrySettings>,
    encode: BodyEncoder,
    access: Access,
    habits: Arc<Habits>,
    auditor: Auditor,
}

impl Registry {
    /// A registry over this store, with this audit trail and these access rules.
    pub fn new(
        store: Store,
        settings: RegistrySettings,
        encode: BodyEncoder,
        auditor: Auditor,
        access: Access,
    ) -> Self {
        Self { store, settings: Arc::new(settings), encode, habits: Arc::default(), auditor, access }
    }

    /// What it was told by configuration.
    pub fn settings(&self) -> &RegistrySettings {
        &self.settings
    }
}
