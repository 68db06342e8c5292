//! A policy as its file says it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    Assurance, BreakGlass, CategoryRow, Effect, LocalCode, Policy, PolicyChange, PolicyError, PrivacyPolicy, Purpose,
    PurposeRow, RoleRow,
};
use crate::{
    model::{CodeValue, consent::DataScope},
    security::access::Level,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    version: String,
    change: Option<ChangeSection>,
    #[serde(default)]
    roles: BTreeMap<Box<str>, RoleSection>,
    #[serde(default)]
    purposes: BTreeMap<Purpose, PurposeSection>,
    #[serde(default)]
    assurance: BTreeMap<Assurance, Vec<Box<str>>>,
    #[serde(default)]
    category: Vec<CategorySection>,
    #[serde(default)]
    confidentiality: Vec<ConfidentialitySection>,
    #[serde(default)]
    privacy_policy: Vec<PrivacyPolicySection>,
    #[serde(default = "yes")]
    unknown_denies: bool,
    #[serde(default)]
    break_glass: BreakGlassSection,
    #[serde(default)]
    patient: PatientSection,
    without_user: Option<WithoutUserSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeSection {
    proposed_by: String,
    approved_by: String,
    effective_from: String,
}

impl ChangeSection {
    fn read(self) -> Result<PolicyChange, PolicyError> {
        let wrong = |text: &str| PolicyError::Value { place: "change".to_owned(), text: text.to_owned() };
        let effective_from = self.effective_from.parse();
        let effective_from =
            effective_from.map_err(|_| wrong("effective_from is a time such as 2027-01-01T00:00:00Z"))?;
        let (proposed_by, approved_by) = (self.proposed_by.trim(), self.approved_by.trim());
        if proposed_by.is_empty() || approved_by.is_empty() || proposed_by.to_lowercase() == approved_by.to_lowercase()
        {
            return Err(wrong("proposed_by and approved_by are two people"));
        }
        Ok(PolicyChange { proposed_by: proposed_by.into(), approved_by: approved_by.into(), effective_from })
    }
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleSection {
    #[serde(default)]
    treating: bool,
    codes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurposeSection {
    codes: Vec<String>,
    roles: BTreeSet<Box<str>>,
    assurance: Assurance,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategorySection {
    class_code: Option<String>,
    type_code: Option<String>,
    practice_setting_code: Option<String>,
    format_code: Option<String>,
    category: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfidentialitySection {
    code: String,
    level: Level,
    #[serde(default)]
    withheld_from_patient: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivacyPolicySection {
    code: String,
    effect: Effect,
    source: Option<String>,
    #[serde(default)]
    data: Vec<String>,
    requester: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BreakGlassSection {
    allowed: bool,
    override_deny: bool,
    very_restricted: bool,
    hours: u32,
}

impl Default for BreakGlassSection {
    fn default() -> Self {
        Self { allowed: true, override_deny: false, very_restricted: false, hours: 4 }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PatientSection {
    issuers: BTreeSet<Box<str>>,
    very_restricted: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithoutUserSection {
    role: Box<str>,
    purpose: Purpose,
}

fn read<T: std::str::FromStr<Err: std::fmt::Display>>(place: &str, text: &str) -> Result<T, PolicyError> {
    text.parse().map_err(|error: T::Err| PolicyError::Value {
        place: place.to_owned(),
        text: format!("'{}': {error}", text.chars().take(80).collect::<String>()),
    })
}

fn read_all<T: std::str::FromStr<Err: std::fmt::Display>>(
    place: &str,
    texts: &[String],
) -> Result<Vec<T>, PolicyError> {
    texts.iter().map(|text| read(place, text)).collect()
}

impl Policy {
    /// From its TOML.
    ///
    /// # Errors
    /// With the place of the first fault.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let file: File = toml::from_str(text)?;
        let mut policy = Self {
            version: format!("{}/{}", file.id, file.version).into(),
            text: text.into(),
            change: file.change.map(ChangeSection::read).transpose()?,
            roles: BTreeMap::new(),
            purposes: BTreeMap::new(),
            assurance: BTreeMap::new(),
            categories: Vec::new(),
            confidentiality: BTreeMap::new(),
            privacy_policies: BTreeMap::new(),
            unknown_denies: file.unknown_denies,
            break_glass: BreakGlass {
                allowed: file.break_glass.allowed,
                override_deny: file.break_glass.override_deny,
                very_restricted: file.break_glass.very_restricted,
                lasts_ms: i64::from(file.break_glass.hours) * 3_600_000,
            },
            patient_issuers: file.patient.issuers,
            patient_sees_very_restricted: file.patient.very_restricted,
            without_user: file.without_user.map(|it| (it.role, it.purpose)),
        };
        for (name, role) in file.roles {
            let codes = read_all(&format!("roles.{name}"), &role.codes)?;
            policy.roles.insert(name, RoleRow { treating: role.treating, codes });
        }
        for (purpose, row) in file.purposes {
            let place = format!("purposes.{purpose:?}");
            if let Some(role) = row.roles.iter().find(|role| !policy.roles.contains_key(*role)) {
                return Err(PolicyError::Value { place, text: format!("there is no role {role}") });
            }
            let row = PurposeRow { codes: read_all(&place, &row.codes)?, roles: row.roles, assurance: row.assurance };
            policy.purposes.insert(purpose, row);
        }
        for (level, classes) in file.assurance {
            policy.assurance.extend(classes.into_iter().map(|class| (class, level)));
        }
        for row in file.category {
            let code = |text: Option<String>| text.map(|text| read("category", &text)).transpose();
            let codes =
                [code(row.class_code)?, code(row.type_code)?, code(row.practice_setting_code)?, code(row.format_code)?];
            if codes.iter().all(Option::is_none) {
                return Err(PolicyError::Value { place: "category".into(), text: "a row names no code".into() });
            }
            policy.categories.push(CategoryRow { codes, category: read("category", &row.category)? });
        }
        for row in file.confidentiality {
            let local = LocalCode { level: row.level, withheld: row.withheld_from_patient };
            policy.confidentiality.insert(read("confidentiality", &row.code)?, local);
        }
        for row in file.privacy_policy {
            let place = format!("privacy_policy {}", row.code);
            let data: Vec<DataScope> = read_all(&place, &row.data)?;
            let specific = !data.is_empty() && !data.contains(&DataScope::All) && row.requester.is_some();
            if row.effect == Effect::Permit && !specific {
                let text = "a policy that permits names its data and its requester".to_owned();
                return Err(PolicyError::Value { place, text });
            }
            let scope = |text: Option<String>| text.map(|text| read(&place, &text)).transpose();
            let privacy_policy = PrivacyPolicy {
                effect: row.effect,
                source: scope(row.source)?,
                data,
                requester: scope(row.requester)?,
            };
            let code: CodeValue = read(&place, &row.code)?;
            policy.privacy_policies.insert(code.to_string().into(), privacy_policy);
        }
        Ok(policy)
    }
}
