//! The error codes of the Document Sharing profiles.

/// How bad an entry of a RegistryErrorList is. Source: ITI TF-3 §4.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Done, with a remark.
    Warning,
    /// Refused.
    Error,
}

impl Severity {
    /// The URN on the wire.
    pub const fn as_urn(self) -> &'static str {
        match self {
            Self::Warning => "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning",
            Self::Error => "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Codes that knoop emits. Source: ITI TF-3 §4.2.4, table of error codes (spec §7).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum XdsErrorCode { $($(#[$doc])* $variant,)* }

        impl XdsErrorCode {
            /// Every code that knoop emits.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The spelling on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The code with this spelling.
            pub fn from_wire(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    /// Content contradicts metadata.
    InvalidDocumentContent = "InvalidDocumentContent",
    /// A reference leads nowhere.
    UnresolvedReference = "UnresolvedReferenceException",
    /// The document is not available here.
    DocumentUniqueIdError = "XDSDocumentUniqueIdError",
    /// A uniqueId of a SubmissionSet or Folder is taken.
    DuplicateUniqueIdInRegistry = "XDSDuplicateUniqueIdInRegistry",
    /// Extra metadata were dropped.
    ExtraMetadataNotSaved = "XDSExtraMetadataNotSaved",
    /// Metadata without document.
    MissingDocument = "XDSMissingDocument",
    /// Document without metadata.
    MissingDocumentMetadata = "XDSMissingDocumentMetadata",
    /// Same uniqueId, other hash.
    NonIdenticalHash = "XDSNonIdenticalHash",
    /// Same uniqueId, other size.
    NonIdenticalSize = "XDSNonIdenticalSize",
    /// Patient ids that must be equal differ.
    PatientIdDoesNotMatch = "XDSPatientIdDoesNotMatch",
    /// Try later.
    RegistryBusy = "XDSRegistryBusy",
    /// Try later.
    RepositoryBusy = "XDSRepositoryBusy",
    /// A new association to a deprecated document.
    RegistryDeprecatedDocument = "XDSRegistryDeprecatedDocumentError",
    /// A uniqueId twice in one submission, found by the registry.
    RegistryDuplicateUniqueIdInMessage = "XDSRegistryDuplicateUniqueIdInMessage",
    /// A uniqueId twice in one submission, found by the repository.
    RepositoryDuplicateUniqueIdInMessage = "XDSRepositoryDuplicateUniqueIdInMessage",
    /// Anything else in the registry.
    RegistryError = "XDSRegistryError",
    /// Anything else in the repository.
    RepositoryError = "XDSRepositoryError",
    /// Metadata fault found by the registry.
    RegistryMetadataError = "XDSRegistryMetadataError",
    /// Metadata fault found by the repository.
    RepositoryMetadataError = "XDSRepositoryMetadataError",
    /// The repository could not reach the registry.
    RegistryNotAvailable = "XDSRegistryNotAvailable",
    /// Disk or quota.
    RegistryOutOfResources = "XDSRegistryOutOfResources",
    /// Disk or quota.
    RepositoryOutOfResources = "XDSRepositoryOutOfResources",
    /// The answer would hold several patients.
    ResultNotSinglePatient = "XDSResultNotSinglePatient",
    /// A required query parameter is missing.
    StoredQueryMissingParam = "XDSStoredQueryMissingParam",
    /// Several values for a single-valued query parameter.
    StoredQueryParamNumber = "XDSStoredQueryParamNumber",
    /// Too many results.
    TooManyResults = "XDSTooManyResults",
    /// homeCommunityId not recognised.
    UnknownCommunity = "XDSUnknownCommunity",
    /// Patient not known.
    UnknownPatientId = "XDSUnknownPatientId",
    /// repositoryUniqueId not served here.
    UnknownRepositoryId = "XDSUnknownRepositoryId",
    /// Query id not recognised.
    UnknownStoredQuery = "XDSUnknownStoredQuery",
}
