//! What is known about a document.

use super::{
    Body, Code, DocumentAvailability, DocumentEntryType, DocumentUniqueId, Dtm, EntryUuid, HomeCommunityId, MediaType,
    Oid, PatientId, ReferenceId, Sha1Hash, stored::debug_without_values,
};

debug_without_values!(DocumentEntry);

/// A DocumentEntry that passed all rules which need no registry. Holds what is compared and queried; the whole object is
/// in [`DocumentEntry::body`]. Source: ITI TF-3 §4.2.3.2.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentEntry {
    /// Its permanent identifier.
    pub entry_uuid: EntryUuid,
    /// What it was called in the submission, for messages (`Doc01`).
    pub submitted_id: Box<str>,
    /// The identifier of the document.
    pub unique_id: DocumentUniqueId,
    /// The patient, in the affinity domain.
    pub patient_id: PatientId,
    /// Stable or On-Demand.
    pub object_type: DocumentEntryType,
    /// Of stored bytes only.
    pub creation_time: Option<Dtm>,
    /// Beginning of the service.
    pub service_start_time: Option<Dtm>,
    /// End of the service.
    pub service_stop_time: Option<Dtm>,
    /// classCode.
    pub class_code: Code,
    /// typeCode.
    pub type_code: Code,
    /// formatCode.
    pub format_code: Code,
    /// healthcareFacilityTypeCode.
    pub healthcare_facility_type_code: Code,
    /// practiceSettingCode.
    pub practice_setting_code: Code,
    /// confidentialityCode, at least one.
    pub confidentiality_codes: Vec<Code>,
    /// eventCodeList.
    pub event_codes: Vec<Code>,
    /// The authorPerson values of all authors.
    pub author_persons: Vec<Box<str>>,
    /// referenceIdList.
    pub reference_ids: Vec<ReferenceId>,
    /// SHA-1, absent for On-Demand.
    pub hash: Option<Sha1Hash>,
    /// Octets, absent for On-Demand.
    pub size_bytes: Option<u64>,
    /// mimeType.
    pub mime_type: MediaType,
    /// Where the bytes are.
    pub repository_unique_id: Oid,
    /// homeCommunityId as submitted.
    pub home: Option<HomeCommunityId>,
    /// Absent means online.
    pub availability: Option<DocumentAvailability>,
    /// The title, for the views of later issues; first language.
    pub title: Option<Box<str>>,
    /// All the rest, for answers.
    pub body: Body,
}
