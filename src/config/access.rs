//! `[access]`: who may see what.

use std::path::PathBuf;

use lettre::Address;

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
    /// Who is told by mail that somebody broke the glass (S-CON-22).
    pub privacy_officer: Option<Address>,
}

impl AccessConfig {
    /// `relay` says whether there is one for mail.
    pub(super) fn read(s: &mut Settings, production: bool, relay: bool) -> Self {
        let enforce = s.with("access.enforce", |text| match text {
            "true" => Ok(true),
            "false" if production => Err("not false with production = true".to_owned()),
            "false" => Ok(false),
            _ => Err("true or false".to_owned()),
        });
        let privacy_officer = s.optional("access.privacy_officer");
        if privacy_officer.is_some() && !relay {
            s.contradiction("access.privacy_officer", "the word goes by mail: email.relay is missing");
        }
        Self {
            enforce: enforce.unwrap_or(true),
            policy: s.optional("access.policy"),
            next_policy: s.optional("access.next_policy"),
            consent_url: s.with("access.consent_url", |text| {
                address::service(text, production, "https://consent.example.org/decide")
            }),
            privacy_officer,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn s_con_22_the_privacy_officer_is_told_by_a_relay() {
        let officer = "[access]\nprivacy_officer = \"fg@ziekenhuis.example\"\n";
        let error = Config::from_text("knoop.toml", officer).expect_err("must be refused").to_string();
        assert!(error.contains("access.privacy_officer: the word goes by mail"), "{error}");
        let relay = "[email]\nrelay = \"smtp.ziekenhuis.example:25\"\nfrom = \"knoop@ziekenhuis.example\"\n";
        let config = Config::from_text("knoop.toml", &format!("{officer}{relay}")).expect("in order");
        assert_eq!(config.access.privacy_officer.map(|it| it.to_string()).as_deref(), Some("fg@ziekenhuis.example"));
        assert!(Config::default().access.privacy_officer.is_none());
    }
}
