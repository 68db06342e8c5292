//! What the importer may be told by configuration.

use crate::{
    model::{
        Code, CodeValue, LanguageTag, Oid,
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
    /// Assigning authorities whose numbers are of this house; all if empty (R-32-38).
    pub patient_domains: Vec<Oid>,
    /// Whether a patient must be known here before anything is registered for them.
    pub known_patients_only: bool,
    /// Whether a replacement in a package deprecates what it replaces here (R-32-58).
    pub replace: bool,
    /// What becomes of a relationship to a document that is nowhere (R-32-58).
    pub unresolved: Unresolved,
    /// Whether a set keeps its identity (R-32-56).
    pub identity: Identity,
    /// Whether a person may take a set in spite of wrong hashes or sizes (R-32-36).
    pub may_override: bool,
    /// Whether homeCommunityId is registered as it was sent (R-32-16).
    pub keep_home: bool,
    /// Whether headers of CDA and DICOM documents are read, to compare the patient and to fill what metadata lack (R-32-39, R-32-55,
    /// R-32-59).
    pub look_inside: bool,
    /// confidentialityCodes of senders and those of this house, the first that fits (R-32-40).
    pub confidentiality: Vec<CodeReplacement>,
    /// Codes for metadata that lack them, the first that fits (R-32-59).
    pub defaults: Vec<CodeDefaults>,
}

/// What becomes of a relationship to a document that is neither in the package nor here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unresolved {
    /// It is left out, with a warning.
    #[default]
    LeftOut,
    /// Its set fails.
    Refused,
}

/// Under which identity a submission set is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Under its own.
    #[default]
    Preserved,
    /// Under a new one, of the source with this OID; its comments tell the old one.
    Minted(Oid),
}

/// A code that is replaced by one of this house (R-32-40).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeReplacement {
    /// SubmissionSet.sourceId that it is for; all if absent.
    pub source_id: Option<Oid>,
    /// What the sender writes.
    pub from: CodeValue,
    /// What is registered.
    pub to: Code,
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
