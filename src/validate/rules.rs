//! What a deployment may set about the rules, and the habits of partners that were met on the way.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::CodeValue;

/// Rules of registration that a deployment may set. `Default` is what the specification gives.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Keep slots whose names are URNs of others; otherwise they are dropped, with a warning each (R-42-06).
    pub save_extra_metadata: bool,
    /// Further slot names that are neither known nor extra metadata: national extensions, old senders (R-42-05).
    pub allowed_slots: BTreeSet<Box<str>>,
    /// Codes allowed for a coded attribute (`classCode`, `codeList`, …); any code where there is no entry (R-42-18).
    pub value_sets: BTreeMap<Box<str>, HashSet<CodeValue>>,
    /// Allowed mimeTypes, lower case and without parameters; any if empty (R-42-18).
    pub media_types: BTreeSet<Box<str>>,
    /// Take a telephone number in component 1 or 12 of an XTN, as before HL7 2.5 (R-META-19).
    pub legacy_telephone: bool,
    /// Take a URI in numbered parts, as before 2010 (R-META-26).
    pub numbered_uri: bool,
    /// Demand the CX rule of PID-3 within sourcePatientInfo (R-META-29).
    pub strict_source_patient_info: bool,
    /// Take a document membership without SubmissionSetStatus as Original (spec §8, 23).
    pub assume_original: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            save_extra_metadata: true,
            allowed_slots: BTreeSet::new(),
            value_sets: BTreeMap::new(),
            media_types: BTreeSet::new(),
            legacy_telephone: true,
            numbered_uri: false,
            strict_source_patient_info: false,
            assume_original: false,
        }
    }
}

/// Rules of stored queries that a deployment may set. `Default` is what the specification gives.
#[derive(Clone, Debug)]
pub struct QueryRules {
    /// Read values that are not quoted or bracketed as they should be, where no doubt is possible (R-18-09).
    pub lenient_values: bool,
    /// Take an absent returnType as LeafClass (R-18-02).
    pub assume_leaf_class: bool,
    /// Take `Approved` and `Deprecated` for their URNs (spec §8, 31).
    pub short_status: bool,
    /// Take `RPLC` for its URN (R-18-43).
    pub short_association_types: bool,
    /// Take a query id without `urn:uuid:` (spec §8, 35).
    pub bare_query_id: bool,
    /// Most values in the list of one parameter (S-IN-27).
    pub values_per_parameter: usize,
    /// Most slots in one query (S-IN-27).
    pub slots: usize,
}

impl Default for QueryRules {
    fn default() -> Self {
        Self {
            lenient_values: true,
            assume_leaf_class: false,
            short_status: false,
            short_association_types: true,
            bare_query_id: true,
            values_per_parameter: 1000,
            slots: 100,
        }
    }
}

/// A known habit of senders that was tolerated. The caller logs each once for each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tolerance {
    /// CX with empty components after the fourth.
    TrailingComponents,
    /// A telephone number in component 1 or 12 of an XTN.
    LegacyTelephone,
    /// A URI in numbered parts.
    NumberedUri,
    /// A document membership without SubmissionSetStatus.
    AssumedOriginal,
    /// sourcePatientInfo with a field that should not be there.
    UnusualSourcePatientInfo,
    /// A list parameter without parentheses.
    MissingParentheses,
    /// A single-valued parameter in parentheses.
    SuperfluousParentheses,
    /// A time in quotes.
    QuotedNumber,
    /// Text without quotes.
    UnquotedText,
    /// Double quotes.
    DoubleQuotes,
    /// No returnType.
    AssumedLeafClass,
    /// A status without its URN.
    ShortStatus,
    /// An association type without its URN.
    ShortAssociationType,
    /// A query id without `urn:uuid:`.
    BareQueryId,
}

impl Tolerance {
    /// What the sender did, for the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrailingComponents => "patient id with empty components after the fourth (R-META-15)",
            Self::LegacyTelephone => "telephone number in component 1 or 12 (R-META-19)",
            Self::NumberedUri => "URI in numbered parts (R-META-26)",
            Self::AssumedOriginal => "document membership without SubmissionSetStatus (R-ASC-02)",
            Self::UnusualSourcePatientInfo => "sourcePatientInfo with PID-2, PID-4, PID-12 or PID-19 (R-META-29)",
            Self::MissingParentheses => "list parameter without parentheses (R-18-09)",
            Self::SuperfluousParentheses => "single value in parentheses (R-18-09)",
            Self::QuotedNumber => "time in quotes (R-18-09)",
            Self::UnquotedText => "text without quotes (R-18-09)",
            Self::DoubleQuotes => "double quotes instead of single ones (R-18-09)",
            Self::AssumedLeafClass => "no returnType (R-18-02)",
            Self::ShortStatus => "status without its URN (R-18-17)",
            Self::ShortAssociationType => "association type without its URN (R-18-43)",
            Self::BareQueryId => "query id without urn:uuid: (R-18-01)",
        }
    }
}
