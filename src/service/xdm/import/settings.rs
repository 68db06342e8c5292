//! What the importer may be told by configuration.

use crate::{
    model::{
        Code, LanguageTag, Oid,
        xdm::{PackageLimits, PackageTolerances},
    },
    validate::Rules,
};

/// What the importer may be told by configuration.
#[derive(Clone, Debug, Default)]
pub struct ImportSettings {
    /// What is too much.
    pub limits: PackageLimits,
    /// Habits that are taken.
    pub tolerances: PackageTolerances,
    /// The registry's rules of metadata.
    pub rules: Rules,
    /// Assigning authorities whose numbers are of this house, the one that is liked best first; all if empty (R-32-38).
    pub patient_domains: Vec<Oid>,
    /// Whether a patient must be known here before anything is registered for them.
    pub known_patients_only: bool,
    /// Whether a replacement in a package deprecates what it replaces here (R-32-58).
    pub replace: bool,
    /// Codes for metadata that lack them, the first that fits (R-32-59).
    pub defaults: Vec<CodeDefaults>,
}

/// Codes for the documents of one kind of source (R-32-59). What is absent matches, or fills, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeDefaults {
    /// SubmissionSet.sourceId that it is for.
    pub source_id: Option<Oid>,
    /// mimeType that it is for.
    pub mime_type: Option<Box<str>>,
    /// formatCode that it is for.
    pub format_code: Option<Box<str>>,
    /// classCode.
    pub class_code: Option<Code>,
    /// typeCode.
    pub type_code: Option<Code>,
    /// formatCode.
    pub default_format_code: Option<Code>,
    /// healthcareFacilityTypeCode.
    pub facility_code: Option<Code>,
    /// practiceSettingCode.
    pub practice_setting_code: Option<Code>,
    /// confidentialityCode.
    pub confidentiality_code: Option<Code>,
    /// contentTypeCode of the SubmissionSet.
    pub content_type_code: Option<Code>,
    /// languageCode.
    pub language_code: Option<LanguageTag>,
}
