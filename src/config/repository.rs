//! `[repository]`: the repository actor.

use super::{address, settings::Settings};
use crate::model::Oid;

/// repositoryUniqueId of a fresh installation, from the arc for examples (ITU-T X.660, 2.999).
const EXAMPLE_REPOSITORY: &str = "2.999.1.2.1";

/// The repository actor.
#[derive(Clone, Debug)]
pub struct RepositoryConfig {
    /// Its repositoryUniqueId.
    pub repository_unique_id: Oid,
    /// Where ITI-42 goes when this server has no registry role.
    pub registry_url: Option<http::Uri>,
}

impl RepositoryConfig {
    pub(super) fn read(s: &mut Settings, production: bool) -> Self {
        let example = EXAMPLE_REPOSITORY.parse().expect("the example OID is well formed");
        Self {
            repository_unique_id: s.parsed("repository.repository_unique_id", example),
            registry_url: s.with("repository.registry_url", |text| {
                address::service(text, production, "https://registry.example.org:8443/xds/registry")
            }),
        }
    }
}
