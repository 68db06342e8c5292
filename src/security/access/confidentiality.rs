//! How confidential a document is, and what a requester needs to see it.
//!
//! Source: HL7 Confidentiality (2.16.840.1.113883.5.25), spec security §4.3.

use serde::Deserialize;

use super::policy::{Claims, Policy, Purpose};
use crate::model::CodeValue;

const HL7_CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";

/// How confidential, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Level {
    /// U
    #[serde(rename = "U")]
    Unrestricted,
    /// L
    #[serde(rename = "L")]
    Low,
    /// M
    #[serde(rename = "M")]
    Moderate,
    /// N
    #[serde(rename = "N")]
    Normal,
    /// R
    #[serde(rename = "R")]
    Restricted,
    /// V, and what is not known
    #[serde(rename = "V")]
    VeryRestricted,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 6] =
        [Self::Unrestricted, Self::Low, Self::Moderate, Self::Normal, Self::Restricted, Self::VeryRestricted];

    /// The code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unrestricted => "U",
            Self::Low => "L",
            Self::Moderate => "M",
            Self::Normal => "N",
            Self::Restricted => "R",
            Self::VeryRestricted => "V",
        }
    }

    /// Of a code of HL7; none for others.
    pub(super) fn of(code: &CodeValue) -> Option<Self> {
        let of_hl7 = code.coding_scheme() == HL7_CONFIDENTIALITY;
        of_hl7.then(|| Self::ALL.into_iter().find(|level| level.as_str() == code.code())).flatten()
    }
}

/// What a requester needs to see a document of another organisation; later ones are harder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Nothing more than the purpose.
    Nothing,
    /// Consent, which always names the category of data.
    Consent,
    /// Consent that names the requesting organisation.
    NamedRequester,
    /// Cannot be had.
    Impossible,
}

/// The table of §4.3: what claims need for this level, the hardest of all purposes.
pub(super) fn need(policy: &Policy, claims: &Claims, level: Level) -> Need {
    let treating = policy.is_treating(claims);
    let for_purpose = |purpose: &Purpose| match (purpose, level) {
        (Purpose::Treat, Level::VeryRestricted) if treating => Need::NamedRequester,
        (Purpose::Treat, Level::VeryRestricted) => Need::Impossible,
        (Purpose::Treat, Level::Restricted) if treating => Need::Consent,
        (Purpose::Treat, Level::Restricted) => Need::Impossible,
        (Purpose::Treat, _) => Need::Consent,
        (Purpose::Etreat | Purpose::Btg, Level::VeryRestricted) if !policy.break_glass.very_restricted => {
            Need::Impossible
        }
        (Purpose::Etreat | Purpose::Btg, _) => Need::Nothing,
        (Purpose::Patrqt, Level::VeryRestricted) if !policy.patient_sees_very_restricted => Need::Impossible,
        (Purpose::Patrqt, _) => Need::Nothing,
        (Purpose::Hoperat | Purpose::Hpaymt | Purpose::Pubhlth | Purpose::Hresch, _) => Need::Impossible,
    };
    claims.purposes.iter().map(for_purpose).max().unwrap_or(Need::Impossible)
}
