//! Codes of findings. Source: spec xdm §11 to §13.

use serde::Serialize;

use crate::model::XdsErrorCode;

macro_rules! xdm_codes {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        /// Codes of faults and warnings about packages; those of the Document Sharing profiles are [`XdsErrorCode`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum XdmCode { $($(#[$doc])* $variant,)* }

        impl XdmCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The spelling in reports and on the wire: `Xdm` and the name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => concat!("Xdm", stringify!($variant)),)* }
            }
        }
    };
}

xdm_codes! {
    /// No end record (H-01).
    NotAZip,
    /// Octets before the first local header, or that belong to nothing (H-01).
    PrefixData,
    /// The archive ends too early (H-02).
    Truncated,
    /// More than one end record, or data after it (H-03).
    AmbiguousEnd,
    /// `..` in a name (H-04).
    PathTraversal,
    /// A name with a root, a drive or a host (H-05).
    AbsolutePath,
    /// A URI that leaves the medium or is none that may be used (H-06, R-32-14).
    UriEscapesRoot,
    /// A URI that names a control file (H-07).
    UriNotADocument,
    /// A symbolic link, device or pipe, or a file on another file system (H-08, R-32-54).
    SpecialFile,
    /// Compressed beyond belief (H-09).
    Bomb,
    /// Entries that share octets (H-10).
    Overlap,
    /// More octets than declared (H-12).
    SizeLie,
    /// Local header and directory contradict each other (H-13).
    HeaderMismatch,
    /// A name that is there twice (H-14).
    DuplicateName,
    /// Several names that differ in case only (H-15).
    AmbiguousName,
    /// A name with characters that deceive the eye, or that cannot be read (H-16, H-18).
    UnsafeName,
    /// Backslashes as separators (H-17).
    Backslash,
    /// A name that some systems cannot hold (H-19).
    OddName,
    /// Encrypted (H-20).
    Encrypted,
    /// A method of compression other than Stored and Deflate (H-21).
    Method,
    /// The octets are damaged (H-22).
    CrcMismatch,
    /// SHA-1 is not that of the metadata (H-23).
    HashMismatch,
    /// Size is not that of the metadata (H-23).
    SizeMismatch,
    /// No directory IHE_XDM (H-26).
    NoIheXdm,
    /// A submission set without METADATA.XML (H-26).
    NoMetadata,
    /// Two documents in one file (H-27).
    SharedFile,
    /// METADATA.XML cannot be read (H-29).
    MetadataMalformed,
    /// METADATA.XML of ebRIM 2.1 (H-29).
    MetadataVersion,
    /// Zip64 fields that cannot be (H-30).
    Zip64Invalid,
    /// More entries than are read (H-32).
    TooManyEntries,
    /// The content is not of the declared mimeType (H-33).
    MimeMismatch,
    /// Larger than is taken (section 10).
    TooLarge,
    /// A name that ISO 9660 Level 1 does not allow (R-32-10).
    NameNotIso9660,
    /// INDEX.HTM is missing (R-32-23).
    MissingIndexHtm,
    /// README.TXT is missing (R-32-23).
    MissingReadmeTxt,
    /// The tree lies within one folder (section 13).
    Wrapped,
    /// A name or URI was found in another case (H-15, section 13).
    CaseFolded,
    /// No hash or no size in the metadata (R-32-37).
    HashMissing,
    /// SHA-256 in place of SHA-1 (section 13).
    HashIsSha256,
    /// No URI in the metadata (R-32-37).
    UriMissing,
    /// The URI stood in an attribute (R-32-37).
    UriAttribute,
    /// A slot without a value was taken for absent (section 13).
    EmptySlot,
    /// Ids that are no URN of a UUID were replaced (R-32-18).
    SymbolicId,
    /// An empty document (section 13).
    EmptyDocument,
    /// A document of several parts that cannot be put together, or taken apart (R-32-52).
    MultipartUnsupported,
    /// A document of several parts, of which the start part was verified (R-32-52).
    MultipartUnverified,
    /// A DICOMDIR that cannot be read, or whose records do not hang together (R-32-46).
    DicomdirMalformed,
    /// A record of a DICOMDIR that leads out of the medium (R-32-46).
    DicomdirEscape,
    /// A record of a DICOMDIR whose file is not there (R-32-46).
    DicomdirUnresolved,
    /// A record of a DICOMDIR that tells of its file what that is not (R-32-46).
    DicomdirDiffers,
    /// A record of a DICOMDIR whose file has another name, or one that no DICOMDIR may have (R-32-09, R-32-46).
    DicomdirName,
    /// DICOM objects that the DICOMDIR lists and no DocumentEntry names (R-32-47).
    ImagesLeftAlone,
    /// submissionTime is that of another set (R-32-06).
    SubmissionTimeRepeated,
    /// The document names another patient than its metadata (R-32-39).
    PatientDiffersInside,
    /// Metadata are incomplete; it waits for a person (R-32-59).
    IncompleteMetadata,
    /// It waits for somebody to say who the patient is (R-32-38).
    DocumentQueued,
    /// A relationship to a document that is nowhere was left out (R-32-58).
    PartialRelationship,
    /// On-demand entries have no document (R-32-17).
    OnDemandEntry,
}

/// A code of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PackageCode {
    /// Of packages.
    Xdm(XdmCode),
    /// Of Document Sharing.
    Xds(XdsErrorCode),
}

impl PackageCode {
    /// The spelling in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xdm(XdmCode::DocumentQueued) => "DocumentQueued",
            Self::Xdm(XdmCode::PartialRelationship) => "PartialRelationshipContentNotProcessed",
            Self::Xdm(code) => code.as_str(),
            Self::Xds(code) => code.as_str(),
        }
    }
}

impl From<XdmCode> for PackageCode {
    fn from(code: XdmCode) -> Self {
        Self::Xdm(code)
    }
}

impl From<XdsErrorCode> for PackageCode {
    fn from(code: XdsErrorCode) -> Self {
        Self::Xds(code)
    }
}

impl Serialize for PackageCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
