//! `[access]`: who may see what.

use std::path::PathBuf;

use super::{address, settings::Settings};

/// Access rules and consent.
#[derive(Clone, Debug)]
pub struct AccessConfig {
    /// Decide at all. Always in production (S-CON-01).
    pub enforce: bool,
    /// A TOML file instead of the policy that is built in (S-CON-09).
    pub policy: Option<PathBuf>,
    /// A policy that takes over at the time that it names (S-CON-09).
    pub next_policy: Option<PathBuf>,
    /// A consent service that is asked instead of the answers recorded here (S-CON-03).
    pub consent_url: Option<http::Uri>,
}

impl AccessConfig {
    pub(super) fn read(s: &mut Settings, production: bool) -> Self {
        let enforce = s.with("access.enforce", |text| match text {
            "true" => Ok(true),
            "false" if production => Err("not false with production = true".to_owned()),
            "false" => Ok(false),
            _ => Err("true or false".to_owned()),
        });
        Self {
            enforce: enforce.unwrap_or(true),
            policy: s.optional("access.policy"),
            next_policy: s.optional("access.next_policy"),
            consent_url: s.with("access.consent_url", |text| {
                address::service(text, production, "https://consent.example.org/decide")
            }),
        }
    }
}
