//! The policy: which codes mean which role, purpose and category of data, and who may do what with them.
//!
//! Versioned data, not code (S-CON-09): a TOML file, or the one that is built in. What a policy does not say is refused.
//!
//! Source: spec security §4.1 to §4.5.

mod file;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Deserialize;

use super::confidentiality::Level;
use crate::{
    model::{
        CodeValue, Coded, User,
        consent::{DataCategory, DataScope, Label, Scope},
    },
    security::assertion::AssertionSettings,
};

/// The code that matches every one which begins with what stands before it.
const ANY_REST: char = '*';

/// Why somebody asks. Source: HL7 v3 ActReason (2.16.840.1.113883.5.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Purpose {
    /// Treatment.
    Treat,
    /// Emergency treatment.
    Etreat,
    /// Break the glass.
    Btg,
    /// The patient asks.
    Patrqt,
    /// Operations of the care provider.
    Hoperat,
    /// Payment.
    Hpaymt,
    /// Public health.
    Pubhlth,
    /// Research.
    Hresch,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 8] =
        [Self::Treat, Self::Etreat, Self::Btg, Self::Patrqt, Self::Hoperat, Self::Hpaymt, Self::Pubhlth, Self::Hresch];

    /// Whether the glass is broken with it.
    pub fn is_emergency(self) -> bool {
        matches!(self, Self::Etreat | Self::Btg)
    }
}

/// How sure it is that the person is who they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// Not known.
    #[default]
    None,
    /// Low.
    Low,
    /// Substantial.
    Substantial,
    /// High.
    High,
}

/// What an acknowledged privacy policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It permits what its scopes say.
    Permit,
    /// It forbids what its scopes say.
    Forbid,
}

/// A privacy policy that patients acknowledge (BPPC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivacyPolicy {
    /// What it does.
    pub effect: Effect,
    /// Whose data; anybody's where it does not say.
    pub source: Option<Scope>,
    /// Which data; a permit names them.
    pub data: Vec<DataScope>,
    /// Who asks; anybody where it does not say.
    pub requester: Option<Scope>,
}

#[derive(Clone, Debug, Default)]
struct RoleRow {
    treating: bool,
    codes: Vec<CodeValue>,
}

#[derive(Clone, Debug, Default)]
struct PurposeRow {
    codes: Vec<CodeValue>,
    roles: BTreeSet<Box<str>>,
    assurance: Assurance,
}

#[derive(Clone, Debug)]
struct CategoryRow {
    /// classCode, typeCode, practiceSettingCode, formatCode.
    codes: [Option<CodeValue>; 4],
    category: DataCategory,
}

#[derive(Clone, Copy, Debug)]
struct LocalCode {
    level: Level,
    withheld: bool,
}

/// Who changed a policy, and from when it decides (S-CON-09).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    /// Who proposed it.
    pub proposed_by: Box<str>,
    /// Somebody else, who approved it.
    pub approved_by: Box<str>,
    /// From when it decides.
    pub effective_from: Timestamp,
}

/// The rules of an installation.
#[derive(Clone, Debug)]
pub struct Policy {
    version: Arc<str>,
    change: Option<PolicyChange>,
    text: Arc<str>,
    roles: BTreeMap<Box<str>, RoleRow>,
    purposes: BTreeMap<Purpose, PurposeRow>,
    assurance: BTreeMap<Box<str>, Assurance>,
    categories: Vec<CategoryRow>,
    confidentiality: BTreeMap<CodeValue, LocalCode>,
    privacy_policies: BTreeMap<Box<str>, PrivacyPolicy>,
    /// An unknown policy in a document of the own region forbids (S-CON-33).
    pub unknown_denies: bool,
    /// What may be opened in an emergency.
    pub break_glass: BreakGlass,
    /// Issuers of assertions for patients.
    pub patient_issuers: BTreeSet<Box<str>>,
    /// Whether patients see what is very restricted.
    pub patient_sees_very_restricted: bool,
    without_user: Option<(Box<str>, Purpose)>,
}

/// What may be opened in an emergency (S-CON-20, S-CON-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakGlass {
    /// At all.
    pub allowed: bool,
    /// Also against what the patient said.
    pub override_deny: bool,
    /// Also what is very restricted.
    pub very_restricted: bool,
    /// For how long, milliseconds.
    pub lasts_ms: i64,
}

/// What a person, or a system without one, claims, in the terms of the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Roles that the policy knows.
    pub roles: BTreeSet<Box<str>>,
    /// Purposes; none where one of them is not known (S-CON-10).
    pub purposes: BTreeSet<Purpose>,
    /// How sure it is who asks.
    pub assurance: Assurance,
}

/// Why a text is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not the TOML of a policy.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A value that means nothing.
    #[error("{place}: {text}")]
    Value {
        /// Where it stands.
        place: String,
        /// What is wrong.
        text: String,
    },
}

impl Policy {
    /// The text of the policy that is built in.
    pub const DEFAULT: &str = include_str!("default.toml");

    /// Its id and version, `id/version`.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Who changed it and from when it decides, where it says so.
    pub fn change(&self) -> Option<&PolicyChange> {
        self.change.as_ref()
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The roles that it knows.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(|name| &**name)
    }

    /// What a person claims.
    pub fn claims(&self, user: &User) -> Claims {
        let mut purposes = BTreeSet::new();
        for coded in &user.purposes {
            let found = self.purposes.iter().find(|(_, row)| row.codes.iter().any(|code| matches(code, coded)));
            match found {
                Some((purpose, _)) => purposes.insert(*purpose),
                // One purpose that is not known, and nothing is known of what the others are worth.
                None => return Claims { assurance: self.assurance_of(user), ..Claims::default() },
            };
        }
        let known = |row: &RoleRow| user.roles.iter().any(|coded| row.codes.iter().any(|code| matches(code, coded)));
        let roles = self.roles.iter().filter(|(_, row)| known(row)).map(|(name, _)| name.clone()).collect();
        Claims { roles, purposes, assurance: self.assurance_of(user) }
    }

    fn assurance_of(&self, user: &User) -> Assurance {
        self.assurance.get(&user.assurance).copied().unwrap_or_default()
    }

    /// What assertions may say by these settings and this policy gives no meaning: classes of authentication, code systems of
    /// roles and purposes. Who comes with nothing else sees nothing of other organisations.
    pub fn without_meaning<'a>(&self, settings: &'a AssertionSettings) -> Vec<&'a str> {
        let classes = settings.authn_contexts.iter().filter(|class| !self.assurance.contains_key(*class));
        let (roles, purposes) = (self.role_systems(), self.purpose_systems());
        let role_systems = settings.role_systems.iter().filter(|system| !roles.contains(&***system));
        let purpose_systems = settings.purpose_systems.iter().filter(|system| !purposes.contains(&***system));
        classes.chain(role_systems).chain(purpose_systems).map(|text| &**text).collect()
    }

    fn role_systems(&self) -> BTreeSet<&str> {
        self.roles.values().flat_map(|row| &row.codes).map(CodeValue::coding_scheme).collect()
    }

    fn purpose_systems(&self) -> BTreeSet<&str> {
        self.purposes.values().flat_map(|row| &row.codes).map(CodeValue::coding_scheme).collect()
    }

    /// What a system claims for which nobody speaks; nothing unless the policy says so.
    pub fn claims_without_user(&self) -> Claims {
        match &self.without_user {
            Some((role, purpose)) => Claims {
                roles: [role.clone()].into(),
                purposes: [*purpose].into(),
                assurance: self.purposes.get(purpose).map(|row| row.assurance).unwrap_or_default(),
            },
            None => Claims::default(),
        }
    }

    /// Whether one of the roles may ask for each of the purposes, of which there is at least one.
    pub fn allows(&self, claims: &Claims) -> bool {
        let allowed = |purpose: &Purpose| {
            self.purposes
                .get(purpose)
                .is_some_and(|row| claims.assurance >= row.assurance && !row.roles.is_disjoint(&claims.roles))
        };
        !claims.purposes.is_empty() && claims.purposes.iter().all(allowed)
    }

    /// Whether one of the roles treats patients.
    pub fn is_treating(&self, claims: &Claims) -> bool {
        claims.roles.iter().any(|role| self.roles.get(role).is_some_and(|row| row.treating))
    }

    /// The acknowledged policy of this code, `code^^scheme`.
    pub fn privacy_policy(&self, code: &str) -> Option<&PrivacyPolicy> {
        self.privacy_policies.get(code)
    }

    /// The category of data of a document: the first row of the table that matches classCode, typeCode,
    /// practiceSettingCode and formatCode.
    pub fn data_category(&self, codes: [&CodeValue; 4]) -> DataCategory {
        let fits = |row: &&CategoryRow| {
            row.codes.iter().zip(codes).all(|(wanted, code)| wanted.as_ref().is_none_or(|wanted| wanted == code))
        };
        self.categories.iter().find(fits).map_or_else(DataCategory::other, |row| row.category.clone())
    }

    /// What access to a document depends on.
    pub fn label<'a>(&self, codes: [&CodeValue; 4], confidentiality: impl IntoIterator<Item = &'a CodeValue>) -> Label {
        Label { data_category: self.data_category(codes), confidentiality: self.most_restrictive(confidentiality) }
    }

    /// The most restrictive of several confidentiality codes, as it is kept: the code, and whether one of them withholds
    /// the document from the patient. Of equals the first one counts.
    pub fn most_restrictive<'a>(&self, codes: impl IntoIterator<Item = &'a CodeValue>) -> Box<str> {
        let mut most: Option<(Level, &CodeValue)> = None;
        let mut withheld = false;
        for code in codes {
            let local = self.local_code(code);
            withheld |= local.withheld;
            if most.is_none_or(|(level, _)| local.level > level) {
                most = Some((local.level, code));
            }
        }
        let code = most.map(|(_, code)| code.to_string()).unwrap_or_default();
        if withheld { format!("{code}{WITHHELD}").into() } else { code.into() }
    }

    /// Of what [`Policy::most_restrictive`] wrote: how confidential, and whether it is withheld from the patient. What
    /// is missing or not known is treated as very restricted.
    pub fn confidentiality(&self, kept: &str) -> (Level, bool) {
        let (code, withheld) = match kept.strip_suffix(WITHHELD) {
            Some(code) => (code, true),
            None => (kept, false),
        };
        code.parse().map_or((Level::VeryRestricted, withheld), |code: CodeValue| {
            let local = self.local_code(&code);
            (local.level, local.withheld || withheld)
        })
    }

    fn local_code(&self, code: &CodeValue) -> LocalCode {
        let unknown = || LocalCode { level: Level::of(code).unwrap_or(Level::VeryRestricted), withheld: false };
        self.confidentiality.get(code).copied().unwrap_or_else(unknown)
    }
}

/// Stands after a confidentiality code that is kept, of a document that its patient may not see; no OID ends so.
const WITHHELD: &str = " withheld";

fn matches(wanted: &CodeValue, coded: &Coded) -> bool {
    *coded.system == *wanted.coding_scheme()
        && match wanted.code().strip_suffix(ANY_REST) {
            Some(beginning) => coded.code.starts_with(beginning),
            None => *coded.code == *wanted.code(),
        }
}
