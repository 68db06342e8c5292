//! The domain: identifiers, registry objects, stored queries and their answers.
//!
//! Uses std and small value crates only. Knows no bytes on the wire, no SQL, no HTTP. Objects come in two shapes: as
//! they were sent ([`rim`], everything still text, so that every fault can be reported at once) and as the registry
//! keeps them ([`DocumentEntry`], [`SubmissionSet`], [`Folder`], [`Association`]), which only `validate` makes.
//!
//! Source: ITI TF-3 §4.1–4.2.

mod address_range;
mod association;
mod audit;
mod author;
mod availability;
mod body;
pub mod bsn;
mod certificate;
mod code;
pub mod consent;
mod context;
mod distinguished_name;
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
mod node;
mod node_record;
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
mod user;
pub mod vocabulary;
mod xcn;
pub mod xdm;
mod xon;
mod xtn;

pub use address_range::{AddressRange, AddressRangeError};
pub use association::{Association, AssociationType, SubmissionSetStatus};
pub use audit::{
    AuditAction, AuditCode, AuditEvent, AuditLocal, AuditObject, AuditOutcome, AuditParticipant, NetworkAccessPoint,
};
pub use author::{Author, AuthorError};
pub use availability::{AvailabilityStatus, DocumentAvailability, DocumentEntryType};
pub use body::{Body, BodyEncoder};
pub use certificate::{
    CertificateError, CertificateFacts, CertificateMatch, Fingerprint, SerialNumber, SubjectAltName,
};
pub use code::{Code, CodeError, CodeValue};
pub use context::{Caller, Ids, RequestContext};
pub use distinguished_name::{DistinguishedName, DistinguishedNameError};
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
pub use node::{Node, NodeKey, NodeRole, NodeRoleError, Organisation, OrganisationKey, Standing};
pub use node_record::{NodeDescription, NodeLimits, NodeRecord, NodeSetting, XuaMode, XuaModeError};
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
pub use user::{AttributeProfile, Coded, InstanceIdentifier, User};
pub use xcn::{Xcn, XcnError};
pub use xon::{Xon, XonError};
pub use xtn::{Xtn, XtnError};
