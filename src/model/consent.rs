//! Consent of patients: who may see which documents of whom, as it was answered, acknowledged or agreed.
//!
//! Source: Wabvpz art. 15a, ITI TF-1 §19 (BPPC); spec security §4.1 (S-CON-02).

use std::{fmt, str::FromStr};

use super::{HomeCommunityId, Organisation, OrganisationKey};

/// Most characters of a category.
const CATEGORY_LENGTH: usize = 40;

/// Why a text is no scope, category or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// Not a word.
    #[error("a category is a word of at most 40 lower-case letters, digits and hyphens")]
    Category,
    /// Neither of the two forms.
    #[error("a scope is category:WORD or organisation:ID")]
    Scope,
    /// Another word.
    #[error("an answer is permit, deny or no-answer")]
    Answer,
    /// Consent is specific (S-CON-02).
    #[error("a permit names its category of data; only a refusal may cover all of them")]
    PermitForAll,
    /// The period ends before it begins.
    #[error("the period ends before it begins")]
    Period,
}

fn word(text: &str) -> Result<Box<str>, ConsentError> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = !text.is_empty() && text.len() <= CATEGORY_LENGTH && text.bytes().all(fits);
    if good { Ok(text.into()) } else { Err(ConsentError::Category) }
}

/// A category of data, derived from the codes of a DocumentEntry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataCategory(Box<str>);

impl DataCategory {
    /// What no row of the table sorted; no consent covers it unless it says so.
    pub fn other() -> Self {
        Self("other".into())
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DataCategory {
    type Err = ConsentError;

    fn from_str(text: &str) -> Result<Self, ConsentError> {
        word(text).map(Self)
    }
}

impl fmt::Display for DataCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Organisations that an answer is about: all of a category, or one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of this category, `category:ziekenhuis`.
    Category(Box<str>),
    /// One, by its id, `organisation:2.999.2`.
    Organisation(Box<str>),
}

impl Scope {
    /// Whether the organisation is one of these.
    pub fn covers(&self, organisation: &Organisation) -> bool {
        match self {
            Self::Category(category) => *category == organisation.category,
            Self::Organisation(id) => *id == organisation.id,
        }
    }

    /// Whether it names one organisation.
    pub fn is_named(&self) -> bool {
        matches!(self, Self::Organisation(_))
    }
}

impl FromStr for Scope {
    type Err = ConsentError;

    fn from_str(text: &str) -> Result<Self, ConsentError> {
        match text.split_once(':') {
            Some(("category", category)) => word(category).map(Self::Category),
            Some(("organisation", id)) if !id.is_empty() && !id.contains(char::is_whitespace) => {
                Ok(Self::Organisation(id.into()))
            }
            _ => Err(ConsentError::Scope),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Category(category) => write!(f, "category:{category}"),
            Self::Organisation(id) => write!(f, "organisation:{id}"),
        }
    }
}

/// The categories of data that an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DataScope {
    /// All of them, `*`; of refusals only.
    All,
    /// One.
    One(DataCategory),
}

impl DataScope {
    /// Whether the category is one of these.
    pub fn covers(&self, category: &DataCategory) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == category,
        }
    }
}

impl FromStr for DataScope {
    type Err = ConsentError;

    fn from_str(text: &str) -> Result<Self, ConsentError> {
        if text == "*" { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

impl fmt::Display for DataScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::One(category) => category.fmt(f),
        }
    }
}

/// What the patient said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Yes.
    Permit,
    /// No.
    Deny,
    /// Neither; takes back what was said before.
    NoAnswer,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Permit, Self::Deny, Self::NoAnswer];

    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
            Self::NoAnswer => "no-answer",
        }
    }
}

impl FromStr for Answer {
    type Err = ConsentError;

    fn from_str(text: &str) -> Result<Self, ConsentError> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == text).ok_or(ConsentError::Answer)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// From when until when something holds, milliseconds since 1970; the end is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// From.
    pub from_ms: i64,
    /// Until, if there is an end.
    pub until_ms: Option<i64>,
}

impl Period {
    /// Whether the time is part of it.
    pub fn holds(&self, now_ms: i64) -> bool {
        self.from_ms <= now_ms && self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

/// An answer of a patient: may organisations of `requester` see data of this category that organisations of `source` hold?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentAnswer {
    /// Who holds the data.
    pub source: Scope,
    /// Which data.
    pub data: DataScope,
    /// Who asks for them.
    pub requester: Scope,
    /// Yes or no.
    pub answer: Answer,
    /// When it holds.
    pub period: Period,
}

impl ConsentAnswer {
    /// Refuses what no answer can say.
    ///
    /// # Errors
    /// A permit for all categories of data; a period that ends before it begins.
    pub fn check(self) -> Result<Self, ConsentError> {
        if self.answer == Answer::Permit && self.data == DataScope::All {
            return Err(ConsentError::PermitForAll);
        }
        if self.period.until_ms.is_some_and(|until_ms| until_ms <= self.period.from_ms) {
            return Err(ConsentError::Period);
        }
        Ok(self)
    }
}

/// An answer as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRecord {
    /// Its key in the store.
    pub key: i64,
    /// What was answered.
    pub answer: ConsentAnswer,
    /// Where it came from: `operator`, `import` …; answers of one origin follow one another.
    pub origin: Box<str>,
    /// Who recorded it.
    pub recorded_by: Box<str>,
    /// When it was recorded.
    pub recorded_ms: i64,
    /// When it was withdrawn.
    pub withdrawn_ms: Option<i64>,
}

/// A privacy policy that a patient acknowledged in a document (BPPC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcknowledgedPolicy {
    /// The policy: an eventCodeList value as `code^^scheme`.
    pub policy: Box<str>,
    /// serviceStartTime to serviceStopTime.
    pub period: Period,
    /// The region of the organisation whose document it is.
    pub region: Option<HomeCommunityId>,
}

/// Two regions agreed to exchange documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementRecord {
    /// Its key in the store.
    pub key: i64,
    /// The two regions, in either order.
    pub regions: [HomeCommunityId; 2],
    /// When it holds.
    pub period: Period,
    /// Who recorded it.
    pub recorded_by: Box<str>,
    /// When it was recorded.
    pub recorded_ms: i64,
}

impl AgreementRecord {
    /// Whether it is between these two.
    pub fn joins(&self, one: &HomeCommunityId, other: &HomeCommunityId) -> bool {
        let [a, b] = &self.regions;
        (a == one && b == other) || (a == other && b == one)
    }
}

/// What access to a registry object depends on beside its owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// Category of data.
    pub data_category: DataCategory,
    /// The most restrictive confidentialityCode as the policy writes it; empty where there is none.
    pub confidentiality: Box<str>,
}

impl Default for Label {
    /// What nobody sorted, treated as the most restrictive there is.
    fn default() -> Self {
        Self { data_category: DataCategory::other(), confidentiality: "".into() }
    }
}

/// An access in an emergency, to be reviewed by the privacy officer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlassGrant {
    /// Its key in the store.
    pub key: i64,
    /// The person: issuer and NameID.
    pub person: Box<str>,
    /// The organisation that asked.
    pub organisation: OrganisationKey,
    /// The organisations whose documents were opened.
    pub sources: Vec<OrganisationKey>,
    /// From when until when.
    pub period: Period,
    /// When it was put on the list of the privacy officer.
    pub notified_ms: Option<i64>,
    /// When a reviewer closed it.
    pub closed_ms: Option<i64>,
    /// Who closed it.
    pub closed_by: Option<Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in ["category:ziekenhuis", "organisation:2.16.528.1.1007.3.3.12345678"] {
            assert_eq!(text.parse::<Scope>().map(|scope| scope.to_string()), Ok(text.to_owned()));
        }
        for text in ["*", "letters"] {
            assert_eq!(text.parse::<DataScope>().map(|scope| scope.to_string()), Ok(text.to_owned()));
        }
        for answer in Answer::ALL {
            assert_eq!(answer.to_string().parse(), Ok(answer));
        }
        for text in ["", "ziekenhuis", "category:", "category:Ziekenhuis", "category:a b", "organisation:", "name:x"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
        assert!("Letters".parse::<DataScope>().is_err());
        assert!("yes".parse::<Answer>().is_err());
    }

    #[test]
    fn s_con_02_a_permit_names_its_data() {
        let answer = |answer, data: &str, until_ms| ConsentAnswer {
            source: Scope::Category("ziekenhuis".into()),
            data: data.parse().unwrap(),
            requester: Scope::Category("ziekenhuis".into()),
            answer,
            period: Period { from_ms: 10, until_ms },
        };
        assert_eq!(answer(Answer::Permit, "*", None).check(), Err(ConsentError::PermitForAll));
        assert_eq!(answer(Answer::Permit, "letters", Some(10)).check(), Err(ConsentError::Period));
        assert!(answer(Answer::Deny, "*", Some(11)).check().is_ok());
        assert!(answer(Answer::Permit, "letters", None).check().is_ok());
    }

    #[test]
    fn the_end_of_a_period_is_no_part_of_it() {
        let period = Period { from_ms: 10, until_ms: Some(20) };
        assert_eq!([9, 10, 19, 20].map(|now_ms| period.holds(now_ms)), [false, true, true, false]);
    }
}
