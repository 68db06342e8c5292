//! Why there is no package.

use std::{io, path::PathBuf};

use crate::{
    client::ClientError,
    model::{Finding, XdsErrorCode},
    store::{StoreError, documents::DocumentError},
    wire::xdm::{dicom_header::HeaderError, multipart::MultipartError, tree_write::TreeError, zip_write::ZipError},
};

/// Why there is no package. `Display` names documents by uniqueId and no patient.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A query or a retrieve was refused.
    #[error("refused: {}", told(.0))]
    Refused(Vec<Finding>),
    /// A peer cannot be asked.
    #[error(transparent)]
    Peer(#[from] ClientError),
    /// No document matches.
    #[error("no document is there to export")]
    Nothing,
    /// More than the names on a medium can count.
    #[error("XdmTooMany: a medium holds at most 99999 submission sets of 99999 documents each")]
    TooMany,
    /// More octets than there may be.
    #[error(
        "XdmFull: the documents have more octets than the packages of this node may take up beside those that are there"
    )]
    Full,
    /// What was said of a file is wrong, or it cannot be read.
    #[error("{0}")]
    File(String),
    /// An object that cannot be understood.
    #[error("an object of the registry cannot be read: {0}")]
    Object(String),
    /// A document that was not given.
    #[error("document {0} is not available")]
    Missing(String),
    /// A document that differs from what is said of it (R-32-51).
    #[error("XdmSourceCorrupt: document {0} differs from its hash or size in the metadata")]
    SourceCorrupt(String),
    /// A document beyond what the medium can hold.
    #[error("XdmDocumentTooLargeForMedium: document {0} has 4 GiB or more, which a directory tree cannot hold")]
    TooLarge(String),
    /// A document of several parts that cannot be taken apart (R-32-52).
    #[error("XdmMultipartUnsupported: document {0} is multipart/related and cannot be taken apart: {1}")]
    Multipart(String, MultipartError),
    /// No number that could stand for a BSN.
    #[error("XdmNoOwnNumber: document {0} names no number of the patient but the BSN; give one")]
    NoOwnNumber(String),
    /// One number would stand for two patients.
    #[error(
        "XdmNumberOfTwo: document {0} is of another patient, and one number cannot stand for two; export them apart"
    )]
    NumberOfTwo(String),
    /// Others may read the table of numbers.
    #[error("{} leads back to BSNs and others may read it: take their rights away", .0.display())]
    TableOpen(PathBuf),
    /// Documents that were confirmed and are not in the package.
    #[error("no such document is in the package, and it was confirmed: {}", .0.join(", "))]
    NotConfirmable(Vec<String>),
    /// Documents that were asked for by id and are not given.
    #[error("not found, or not shown: {}", .0.join(", "))]
    NotFound(Vec<String>),
    /// A DICOM object that cannot be given another patient number.
    #[error("XdmBsnUnreadable: document {0}: {1}")]
    BsnUnreadable(String, HeaderError),
    /// A DICOM object among the parts of a document.
    #[error(
        "XdmBsnUnreadable: a part of document {0} is a DICOM object, and keeps its patient number; take the document out"
    )]
    DicomPart(String),
    /// The final scan found something (K-32).
    #[error("XdmBsnLeft: {0} still holds a BSN or the name of its authority; take the document out, or confirm it")]
    BsnLeft(String),
    /// Documents that no program can search, and that nobody has looked at (K-32).
    #[error(
        "XdmBsnUnsearched: no program can search these documents for a BSN: {}; look at them, and take them out or confirm them",
        .0.join(", ")
    )]
    BsnUnsearched(Vec<String>),
    /// There is a file already.
    #[error("{} is there already", .0.display())]
    Occupied(PathBuf),
    /// The zip file.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file of ours.
    #[error("a file cannot be used: {0}")]
    Io(#[from] io::Error),
    /// A document of our own store.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Our own database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer stopped.
    #[error("the writing of the package was broken off")]
    Aborted,
}

fn told(findings: &[Finding]) -> String {
    let texts: Vec<String> = findings.iter().map(|it| format!("{}: {}", it.code.as_str(), it.context)).collect();
    texts.join("; ")
}

impl ExportError {
    /// Whether somebody refused, rather than something broke.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::Nothing
                | Self::Full
                | Self::Missing(_)
                | Self::NotFound(_)
                | Self::BsnLeft(_)
                | Self::BsnUnsearched(_)
                | Self::BsnUnreadable(..)
                | Self::DicomPart(_)
        )
    }

    /// Whether a registry would answer, if it were asked about one patient at a time.
    pub(super) fn is_about_several_patients(&self) -> bool {
        let code = XdsErrorCode::ResultNotSinglePatient;
        matches!(self, Self::Refused(findings) if findings.iter().any(|finding| finding.code == code))
    }

    /// Whether the command or request itself is wrong.
    pub fn is_wrong_use(&self) -> bool {
        matches!(
            self,
            Self::NoOwnNumber(_)
                | Self::NumberOfTwo(_)
                | Self::TableOpen(_)
                | Self::NotConfirmable(_)
                | Self::Occupied(_)
                | Self::Tree(TreeError::Occupied(_))
                | Self::TooLarge(_)
                | Self::Multipart(..)
                | Self::File(_)
        )
    }

    /// Whether it may go well another time: the trouble was ours, or a peer's.
    pub(in crate::service::xdm) fn may_pass(&self) -> bool {
        match self {
            Self::Peer(_) | Self::Zip(_) | Self::Io(_) | Self::Document(_) | Self::Store(_) | Self::Aborted => true,
            Self::Occupied(_) | Self::Tree(_) => true,
            Self::Refused(_)
            | Self::Nothing
            | Self::TooMany
            | Self::Full
            | Self::File(_)
            | Self::Object(_)
            | Self::Missing(_)
            | Self::SourceCorrupt(_)
            | Self::TooLarge(_)
            | Self::Multipart(..)
            | Self::NoOwnNumber(_)
            | Self::NumberOfTwo(_)
            | Self::TableOpen(_)
            | Self::NotConfirmable(_)
            | Self::NotFound(_)
            | Self::BsnUnreadable(..)
            | Self::DicomPart(_)
            | Self::BsnLeft(_)
            | Self::BsnUnsearched(_) => false,
        }
    }

    /// A code for the audit trail and for whoever ordered the package.
    pub(in crate::service::xdm) fn code(&self) -> &'static str {
        match self {
            Self::Refused(findings) => findings.first().map_or("XDSRegistryError", |it| it.code.as_str()),
            Self::Peer(_) => "XdmPeer",
            Self::Nothing => "XdmNothing",
            Self::TooMany => "XdmTooMany",
            Self::Full => "XdmFull",
            Self::File(_) => "XdmFile",
            Self::Object(_) => "XdmObject",
            Self::Missing(_) | Self::NotFound(_) => "XDSDocumentUniqueIdError",
            Self::SourceCorrupt(_) => "XdmSourceCorrupt",
            Self::TooLarge(_) => "XdmDocumentTooLargeForMedium",
            Self::Multipart(..) => "XdmMultipartUnsupported",
            Self::NoOwnNumber(_) => "XdmNoOwnNumber",
            Self::NumberOfTwo(_) => "XdmNumberOfTwo",
            Self::TableOpen(_) => "XdmNumberTable",
            Self::NotConfirmable(_) => "XdmNotConfirmable",
            Self::BsnUnreadable(..) | Self::DicomPart(_) => "XdmBsnUnreadable",
            Self::BsnLeft(_) => "XdmBsnLeft",
            Self::BsnUnsearched(_) => "XdmBsnUnsearched",
            Self::Occupied(_) | Self::Tree(TreeError::Occupied(_)) => "XdmOccupied",
            Self::Zip(_) | Self::Tree(_) | Self::Io(_) | Self::Document(_) | Self::Aborted => "XdmIo",
            Self::Store(_) => "XDSRegistryError",
        }
    }
}
