//! `[registry]`: the registry actor and what it tolerates.

use std::path::PathBuf;

use super::settings::Settings;
use crate::model::HomeCommunityId;

/// What becomes of a patient that the registry has not heard of. Source: R-42-26.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patients {
    /// The identity is made.
    Any,
    /// XDSUnknownPatientId; needs a feed.
    Known,
}

/// The registry actor.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Unknown patients.
    pub patients: Patients,
    /// Written into answers instead of what was submitted (R-META-34).
    pub home_community_id: Option<HomeCommunityId>,
    /// A `codes.xml` of allowed codes (R-42-18).
    pub value_sets: Option<PathBuf>,
    /// Allowed media types; empty allows all (R-META-25).
    pub media_types: Vec<String>,
    /// Further slot names that are taken (R-42-05).
    pub allowed_slots: Vec<String>,
    /// Keep Extra Metadata (R-42-06).
    pub save_extra_metadata: bool,
    /// Take an addendum to a transformation (R-ASC-12).
    pub allow_append_to_transformation: bool,
    /// Take a membership without SubmissionSetStatus as Original (spec section 8, 23).
    pub assume_original: bool,
    /// Take the numbered parts of the old URI attribute (R-META-26).
    pub lenient_uri: bool,
    /// Read harmless slips in query parameters (R-18-09).
    pub lenient_queries: bool,
    /// Read a bare `Approved` as its URN (spec section 8, 31).
    pub lenient_status: bool,
    /// Write lid and VersionInfo in answers (spec section 8, 36).
    pub write_versions: bool,
    /// Objects in a LeafClass answer (R-18-53).
    pub leaf_class_limit: usize,
    /// References in an ObjectRef answer (R-18-53).
    pub object_ref_limit: usize,
}

impl RegistryConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        let patients = [("any", Patients::Any), ("known", Patients::Known)];
        Self {
            patients: s.one_of("registry.patients", &patients, Patients::Any),
            home_community_id: s.optional("registry.home_community_id"),
            value_sets: s.optional("registry.value_sets"),
            media_types: s.list("registry.media_types"),
            allowed_slots: s.list("registry.allowed_slots"),
            save_extra_metadata: s.parsed("registry.save_extra_metadata", true),
            allow_append_to_transformation: s.parsed("registry.allow_append_to_transformation", false),
            assume_original: s.parsed("registry.assume_original", false),
            lenient_uri: s.parsed("registry.lenient_uri", false),
            lenient_queries: s.parsed("registry.lenient_queries", true),
            lenient_status: s.parsed("registry.lenient_status", false),
            write_versions: s.parsed("registry.write_versions", true),
            leaf_class_limit: s.number("registry.leaf_class_limit", 1_000, 1, 100_000),
            object_ref_limit: s.number("registry.object_ref_limit", 100_000, 1, 1_000_000),
        }
    }
}
