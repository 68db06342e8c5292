//! The domain: identifiers, registry objects, stored queries and their answers.
//!
//! Uses std and small value crates only. Knows no bytes on the wire, no SQL, no HTTP. Objects come in two shapes: as
//! they were sent ([`rim`], everything still text, so that every fault can be reported at once) and as the registry
//! keeps them ([`DocumentEntry`], [`SubmissionSet`], [`Folder`], [`Association`]), which only `validate` makes.
//!
//! Source: ITI TF-3 §4.1–4.2.

mod association;
mod author;
mod availability;
mod body;
mod code;
mod context;
mod document_entry;
mod document_unique_id;
mod dtm;
mod entry_uuid;
mod error_code;
mod folder;
mod hl7;
mod home_community_id;
mod language_tag;
mod media_type;
mod nfc;
mod oid;
mod patient_id;
mod recipient;
mod reference_id;
mod response;
pub mod rim;
mod sha1_hash;
mod source_patient_info;
mod stored;
pub mod stored_query;
mod submission;
mod submission_set;
#[cfg(test)]
mod tests;
pub mod vocabulary;
mod xcn;
mod xon;
mod xtn;

pub use association::{Association, AssociationType, SubmissionSetStatus};
pub use author::{Author, AuthorError};
pub use availability::{AvailabilityStatus, DocumentAvailability, DocumentEntryType};
pub use body::{Body, BodyEncoder};
pub use code::{Code, CodeError, CodeValue};
pub use context::{Caller, Ids, NodeKey, OrganisationKey, RequestContext};
pub use document_entry::DocumentEntry;
pub use document_unique_id::{DocumentUniqueId, DocumentUniqueIdError};
pub use dtm::{Dtm, DtmError};
pub use entry_uuid::{EntryUuid, EntryUuidError, ObjectId};
pub use error_code::{Severity, XdsErrorCode};
pub use folder::Folder;
pub use hl7::{escape_component, unescape_component};
pub use home_community_id::{HomeCommunityId, HomeCommunityIdError};
pub use language_tag::{LanguageTag, LanguageTagError};
pub use media_type::{MediaType, MediaTypeError};
pub use nfc::nfc;
pub use oid::{Oid, OidError};
pub use patient_id::{PatientId, PatientIdError};
pub use recipient::{IntendedRecipient, IntendedRecipientError};
pub use reference_id::{ReferenceId, ReferenceIdError};
pub use response::{Finding, RegistryResponse, ResponseStatus};
pub use sha1_hash::{Sha1Hash, Sha1HashError};
pub use source_patient_info::{SourcePatientInfo, SourcePatientInfoError};
pub use stored::{QueryAnswer, StoredAssociation, StoredEntry, StoredFolder, StoredObject, StoredSubmissionSet};
pub use submission::Submission;
pub use submission_set::SubmissionSet;
pub use xcn::{Xcn, XcnError};
pub use xon::{Xon, XonError};
pub use xtn::{Xtn, XtnError};
