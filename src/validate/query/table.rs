//! The stored queries and their parameters: which are required, what each may hold, where its value goes.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3.7 (spec §6.4, §6.6: R-18-30 to R-18-43, R-18-60 to R-18-62).

use super::draft::Draft;
use crate::model::{
    AvailabilityStatus, CodeValue, Dtm, EntryUuid,
    stored_query::{AllOf, LikePattern, StoredQuery},
    vocabulary as v,
};

/// Whether a parameter must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Required,
    Optional,
    /// Exactly one of those marked so (X1).
    OneOf,
}
use Use::{OneOf, Optional, Required};

/// A place for a value in the draft.
pub(super) type Place<T> = fn(&mut Draft) -> &mut T;

/// What a parameter holds and where it goes.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// One CX.
    Patient,
    /// Status URNs; those not understood are ignored.
    Status(Place<Vec<AvailabilityStatus>>),
    /// objectType URNs; those not understood are ignored.
    ObjectTypes,
    /// Codes, one of them.
    Codes(Place<Vec<CodeValue>>),
    /// Codes; a repeated slot is a further condition.
    AllCodes(Place<AllOf<CodeValue>>),
    /// Patterns, one of them.
    Patterns(Place<Vec<LikePattern>>),
    /// One pattern.
    Pattern,
    /// Patterns; a repeated slot is a further condition.
    AllPatterns(Place<AllOf<LikePattern>>),
    /// One time.
    Time(Place<Option<Dtm>>),
    /// Exact texts.
    Texts(Place<Vec<Box<str>>>),
    /// UUIDs; what is none matches nothing.
    Uuids(Place<Option<Vec<EntryUuid>>>),
    /// The same, but only one.
    OneUuid(Place<Option<Vec<EntryUuid>>>),
    /// uniqueIds.
    UniqueIds,
    /// One uniqueId.
    OneUniqueId,
    /// Association types; those not understood are ignored.
    AssociationTypes,
    /// Status of associations.
    AssociationStatus,
    /// documentAvailability.
    Availability,
    /// 1 or 2.
    MetadataLevel,
}

impl Target {
    /// Whether the parameter takes a list.
    pub(super) const fn takes_list(self) -> bool {
        match self {
            Self::Patient
            | Self::Pattern
            | Self::Time(_)
            | Self::OneUuid(_)
            | Self::OneUniqueId
            | Self::MetadataLevel => false,
            Self::Status(_)
            | Self::ObjectTypes
            | Self::Codes(_)
            | Self::AllCodes(_)
            | Self::Patterns(_)
            | Self::AllPatterns(_)
            | Self::Texts(_)
            | Self::Uuids(_)
            | Self::UniqueIds
            | Self::AssociationTypes
            | Self::AssociationStatus
            | Self::Availability => true,
        }
    }

    /// Whether the slot may be repeated (R-18-07).
    pub(super) const fn may_repeat(self) -> bool {
        matches!(self, Self::AllCodes(_) | Self::AllPatterns(_))
    }

    /// Whether the value is a number, written without quotes.
    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Time(_) | Self::MetadataLevel)
    }
}

/// One parameter of one query.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) usage: Use,
    pub(super) target: Target,
}

const fn parameter(name: &'static str, usage: Use, target: Target) -> Parameter {
    Parameter { name, usage, target }
}

/// One stored query.
pub(super) struct Definition {
    pub(super) id: &'static str,
    pub(super) parameters: &'static [&'static [Parameter]],
    /// Makes the query; `None` when something required is missing, which was reported then.
    pub(super) build: fn(Draft) -> Option<StoredQuery>,
}

impl Definition {
    /// All parameters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static Parameter> {
        self.parameters.iter().flat_map(|group| group.iter())
    }

    /// The query with this id, digits in any case (R-18-01).
    pub(super) fn find(id: &str) -> Option<&'static Self> {
        QUERIES.iter().find(|query| query.id.eq_ignore_ascii_case(id))
    }
}

const LEVEL: &[Parameter] = &[parameter("$MetadataLevel", Optional, Target::MetadataLevel)];
const ASSOCIATION_STATUS: &[Parameter] = &[parameter("$XDSAssociationStatus", Optional, Target::AssociationStatus)];
const ENTRY_STATUS: &[Parameter] =
    &[parameter("$XDSDocumentEntryStatus", Required, Target::Status(|d| &mut d.entries.status))];
const ENTRY_TYPE: &[Parameter] = &[parameter("$XDSDocumentEntryType", Optional, Target::ObjectTypes)];

const FORMAT_AND_CONFIDENTIALITY: &[Parameter] = &[
    parameter("$XDSDocumentEntryFormatCode", Optional, Target::Codes(|d| &mut d.entries.format_codes)),
    parameter(
        "$XDSDocumentEntryConfidentialityCode",
        Optional,
        Target::AllCodes(|d| &mut d.entries.confidentiality_codes),
    ),
];

const ENTRY_FILTERS: &[Parameter] = &[
    parameter("$XDSDocumentEntryPatientId", Required, Target::Patient),
    parameter("$XDSDocumentEntryClassCode", Optional, Target::Codes(|d| &mut d.entries.class_codes)),
    parameter("$XDSDocumentEntryTypeCode", Optional, Target::Codes(|d| &mut d.entries.type_codes)),
    parameter(
        "$XDSDocumentEntryPracticeSettingCode",
        Optional,
        Target::Codes(|d| &mut d.entries.practice_setting_codes),
    ),
    parameter(
        "$XDSDocumentEntryHealthcareFacilityTypeCode",
        Optional,
        Target::Codes(|d| &mut d.entries.healthcare_facility_type_codes),
    ),
    parameter("$XDSDocumentEntryEventCodeList", Optional, Target::AllCodes(|d| &mut d.entries.event_codes)),
    parameter("$XDSDocumentEntryAuthorPerson", Optional, Target::Patterns(|d| &mut d.entries.author_persons)),
    parameter("$XDSDocumentEntryCreationTimeFrom", Optional, Target::Time(|d| &mut d.entries.creation_time.from)),
    parameter("$XDSDocumentEntryCreationTimeTo", Optional, Target::Time(|d| &mut d.entries.creation_time.to)),
    parameter(
        "$XDSDocumentEntryServiceStartTimeFrom",
        Optional,
        Target::Time(|d| &mut d.entries.service_start_time.from),
    ),
    parameter("$XDSDocumentEntryServiceStartTimeTo", Optional, Target::Time(|d| &mut d.entries.service_start_time.to)),
    parameter(
        "$XDSDocumentEntryServiceStopTimeFrom",
        Optional,
        Target::Time(|d| &mut d.entries.service_stop_time.from),
    ),
    parameter("$XDSDocumentEntryServiceStopTimeTo", Optional, Target::Time(|d| &mut d.entries.service_stop_time.to)),
    parameter("$XDSDocumentEntryDocumentAvailability", Optional, Target::Availability),
];

const REFERENCE_IDS: &[Parameter] =
    &[parameter("$XDSDocumentEntryReferenceIdList", Required, Target::AllPatterns(|d| &mut d.entries.reference_ids))];

const ENTRIES: &[Parameter] = &[
    parameter("$XDSDocumentEntryEntryUUID", OneOf, Target::Uuids(|d| &mut d.entry_uuids)),
    parameter("$XDSDocumentEntryUniqueId", OneOf, Target::UniqueIds),
];
const ONE_ENTRY: &[Parameter] = &[
    parameter("$XDSDocumentEntryEntryUUID", OneOf, Target::OneUuid(|d| &mut d.entry_uuids)),
    parameter("$XDSDocumentEntryUniqueId", OneOf, Target::OneUniqueId),
];
const ENTRY_LOGICAL_ID: &[Parameter] =
    &[parameter("$XDSDocumentEntryLogicalID", OneOf, Target::Uuids(|d| &mut d.logical_ids))];
const FOLDERS: &[Parameter] = &[
    parameter("$XDSFolderEntryUUID", OneOf, Target::Uuids(|d| &mut d.entry_uuids)),
    parameter("$XDSFolderUniqueId", OneOf, Target::UniqueIds),
    parameter("$XDSFolderLogicalID", OneOf, Target::Uuids(|d| &mut d.logical_ids)),
];
const ONE_FOLDER: &[Parameter] = &[
    parameter("$XDSFolderEntryUUID", OneOf, Target::OneUuid(|d| &mut d.entry_uuids)),
    parameter("$XDSFolderUniqueId", OneOf, Target::OneUniqueId),
];
const ONE_SUBMISSION_SET: &[Parameter] = &[
    parameter("$XDSSubmissionSetEntryUUID", OneOf, Target::OneUuid(|d| &mut d.entry_uuids)),
    parameter("$XDSSubmissionSetUniqueId", OneOf, Target::OneUniqueId),
];
const UUIDS: &[Parameter] = &[parameter("$uuid", Required, Target::Uuids(|d| &mut d.entry_uuids))];

const SUBMISSION_SET_STATUS: &[Parameter] =
    &[parameter("$XDSSubmissionSetStatus", Required, Target::Status(|d| &mut d.submission_set_status))];
const FOLDER_STATUS: &[Parameter] =
    &[parameter("$XDSFolderStatus", Required, Target::Status(|d| &mut d.folder_status))];

const SUBMISSION_SET_FILTERS: &[Parameter] = &[
    parameter("$XDSSubmissionSetPatientId", Required, Target::Patient),
    parameter("$XDSSubmissionSetSourceId", Optional, Target::Texts(|d| &mut d.source_ids)),
    parameter("$XDSSubmissionSetSubmissionTimeFrom", Optional, Target::Time(|d| &mut d.time.from)),
    parameter("$XDSSubmissionSetSubmissionTimeTo", Optional, Target::Time(|d| &mut d.time.to)),
    parameter("$XDSSubmissionSetAuthorPerson", Optional, Target::Pattern),
    parameter("$XDSSubmissionSetContentType", Optional, Target::Codes(|d| &mut d.content_type_codes)),
];
const FOLDER_FILTERS: &[Parameter] = &[
    parameter("$XDSFolderPatientId", Required, Target::Patient),
    parameter("$XDSFolderLastUpdateTimeFrom", Optional, Target::Time(|d| &mut d.time.from)),
    parameter("$XDSFolderLastUpdateTimeTo", Optional, Target::Time(|d| &mut d.time.to)),
    parameter("$XDSFolderCodeList", Optional, Target::AllCodes(|d| &mut d.folder_codes)),
];
const ANY_PATIENT: &[Parameter] = &[parameter("$patientId", Required, Target::Patient)];
const ASSOCIATION_TYPES: &[Parameter] = &[parameter("$AssociationTypes", Required, Target::AssociationTypes)];

/// The fourteen stored queries.
pub(super) const QUERIES: [Definition; 14] = [
    Definition {
        id: v::QUERY_FIND_DOCUMENTS,
        parameters: &[ENTRY_FILTERS, ENTRY_STATUS, FORMAT_AND_CONFIDENTIALITY, ENTRY_TYPE, LEVEL],
        build: Draft::find_documents,
    },
    Definition {
        id: v::QUERY_FIND_DOCUMENTS_BY_REFERENCE_ID,
        parameters: &[ENTRY_FILTERS, ENTRY_STATUS, FORMAT_AND_CONFIDENTIALITY, ENTRY_TYPE, REFERENCE_IDS, LEVEL],
        build: Draft::find_documents,
    },
    Definition {
        id: v::QUERY_FIND_SUBMISSION_SETS,
        parameters: &[SUBMISSION_SET_FILTERS, SUBMISSION_SET_STATUS],
        build: Draft::find_submission_sets,
    },
    Definition {
        id: v::QUERY_FIND_FOLDERS,
        parameters: &[FOLDER_FILTERS, FOLDER_STATUS, LEVEL],
        build: Draft::find_folders,
    },
    Definition {
        id: v::QUERY_GET_ALL,
        parameters: &[
            ANY_PATIENT,
            ENTRY_STATUS,
            SUBMISSION_SET_STATUS,
            FOLDER_STATUS,
            FORMAT_AND_CONFIDENTIALITY,
            ENTRY_TYPE,
            ASSOCIATION_STATUS,
            LEVEL,
        ],
        build: Draft::get_all,
    },
    Definition {
        id: v::QUERY_GET_DOCUMENTS,
        parameters: &[ENTRIES, ENTRY_LOGICAL_ID, LEVEL],
        build: Draft::get_documents,
    },
    Definition { id: v::QUERY_GET_FOLDERS, parameters: &[FOLDERS, LEVEL], build: Draft::get_folders },
    Definition {
        id: v::QUERY_GET_ASSOCIATIONS,
        parameters: &[UUIDS, ASSOCIATION_STATUS, LEVEL],
        build: Draft::get_associations,
    },
    Definition {
        id: v::QUERY_GET_DOCUMENTS_AND_ASSOCIATIONS,
        parameters: &[ENTRIES, ASSOCIATION_STATUS, LEVEL],
        build: Draft::get_documents_and_associations,
    },
    Definition { id: v::QUERY_GET_SUBMISSION_SETS, parameters: &[UUIDS, LEVEL], build: Draft::get_submission_sets },
    Definition {
        id: v::QUERY_GET_SUBMISSION_SET_AND_CONTENTS,
        parameters: &[ONE_SUBMISSION_SET, FORMAT_AND_CONFIDENTIALITY, ENTRY_TYPE, LEVEL],
        build: Draft::get_submission_set_and_contents,
    },
    Definition {
        id: v::QUERY_GET_FOLDER_AND_CONTENTS,
        parameters: &[ONE_FOLDER, FORMAT_AND_CONFIDENTIALITY, ENTRY_TYPE, ASSOCIATION_STATUS, LEVEL],
        build: Draft::get_folder_and_contents,
    },
    Definition {
        id: v::QUERY_GET_FOLDERS_FOR_DOCUMENT,
        parameters: &[ONE_ENTRY, ASSOCIATION_STATUS, LEVEL],
        build: Draft::get_folders_for_document,
    },
    Definition {
        id: v::QUERY_GET_RELATED_DOCUMENTS,
        parameters: &[ONE_ENTRY, ASSOCIATION_TYPES, ENTRY_TYPE, ASSOCIATION_STATUS, LEVEL],
        build: Draft::get_related_documents,
    },
];
