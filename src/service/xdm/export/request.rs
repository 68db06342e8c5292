//! What is to be put into a package.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::BoxFuture;

use crate::{
    model::{Code, HomeCommunityId, IntendedRecipient, Oid, PatientId, Xcn, Xon, xdm::SetLimits},
    store::StoreError,
    wire::xdm::index_page::Language,
};

/// Which documents.
#[derive(Clone, Debug)]
pub enum Selection {
    /// All of a patient.
    Patient(PatientId),
    /// These, by uniqueId or entryUUID.
    Documents(Vec<String>),
    /// Those of a submission set, by uniqueId or entryUUID.
    SubmissionSet(String),
    /// Those in a folder, by uniqueId or entryUUID.
    Folder(String),
    /// All that the origin has: a folder of files.
    Everything,
}

/// Under which submission sets they go. Source: R-32-48.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sets {
    /// A new one for each patient.
    #[default]
    New,
    /// Those with which they were submitted.
    AsSubmitted,
}

/// How much is said of each document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// All that is known.
    #[default]
    Full,
    /// What must be said, the patient, time, type and title; marked as limitedMetadata.
    Limited,
}

/// What becomes of homeCommunityId (R-32-16).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Homes {
    /// It has no meaning off line and is left out.
    #[default]
    LeftOut,
    /// It stays, that of this community where the documents are its own.
    Kept(Option<HomeCommunityId>),
}

/// Who makes the package.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The institution.
    pub institution: Option<Xon>,
    /// The person.
    pub person: Option<Xcn>,
    /// How the institution is reached.
    pub contact: String,
    /// sourceId: the OID of this installation.
    pub source_id: Oid,
    /// contentTypeCode of new submission sets.
    pub content_type: Code,
}

/// For whom the package is, and why.
#[derive(Clone, Debug, Default)]
pub struct Addressing {
    /// intendedRecipient.
    pub recipients: Vec<IntendedRecipient>,
    /// A line to the receiver; comments of new submission sets.
    pub comment: String,
    /// The ground of the push, such as a referral.
    pub reason: String,
    /// Place in the queue of whoever handles it.
    pub priority: String,
    /// Medical urgency.
    pub urgency: String,
}

/// Where the package goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A zip file, which must not exist.
    Zip(PathBuf),
    /// A directory that holds no package.
    Tree(PathBuf),
}

impl Target {
    /// The file or directory.
    pub fn path(&self) -> &Path {
        match self {
            Self::Zip(path) | Self::Tree(path) => path,
        }
    }
}

/// For a receiver that may not have the BSN. Source: K-32.
#[derive(Clone, Debug)]
pub struct WithoutBsn {
    /// The own number of the patient, where entries have none.
    pub number: Option<PatientId>,
    /// uniqueIds of documents that a person has looked at and lets go.
    pub confirmed: Vec<String>,
    /// The file that leads from own numbers back to BSNs; lines of JSON are added.
    pub table: PathBuf,
}

/// What is to be put into a package.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// Which documents.
    pub selection: Selection,
    /// Deprecated ones too (R-32-50).
    pub with_deprecated: bool,
    /// Under which submission sets.
    pub sets: Sets,
    /// How much is said of them.
    pub detail: Detail,
    /// What becomes of their communities.
    pub homes: Homes,
    /// Who makes it.
    pub sender: Sender,
    /// For whom it is.
    pub addressing: Addressing,
    /// Whether the BSN is left out; not with the sets as submitted.
    pub without_bsn: Option<WithoutBsn>,
    /// Language of INDEX.HTM.
    pub language: Language,
    /// Where it goes.
    pub target: Target,
    /// What one submission set may come to: a larger one is divided.
    pub set_limits: SetLimits,
    /// Keeps room for it; none where the disk is the limit.
    pub room: Option<Room>,
}

/// Keeps room for a package once it is known how many octets its documents have, and says whether there is that much.
#[derive(Clone)]
pub struct Room(Arc<KeepsRoom>);

type KeepsRoom = dyn Fn(u64) -> BoxFuture<'static, Result<bool, StoreError>> + Send + Sync;

impl Room {
    /// One that asks this.
    pub fn new(keep: impl Fn(u64) -> BoxFuture<'static, Result<bool, StoreError>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(keep))
    }

    pub(super) async fn keep(&self, octets: u64) -> Result<bool, StoreError> {
        (self.0)(octets).await
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Room")
    }
}
