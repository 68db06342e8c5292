//! Stage 3 for the SubmissionSet and for Folders.
//!
//! Source: ITI TF-3 §4.2.3.3, §4.2.3.4 (spec §2.2, column 42).

use super::{attributes::Attributes, author, structure::Draft};
use crate::{
    model::{Body, Dtm, EntryUuid, Folder, SubmissionSet, vocabulary as v},
    validate::{Rules, report::Report},
};

/// Longest title of a SubmissionSet: shorter than 256 (R-META-27).
const LONGEST_SUBMISSION_SET_TITLE: usize = 255;
/// Longest title of a Folder (R-META-27).
const LONGEST_FOLDER_TITLE: usize = 256;

/// Reads a set; `None` when something required is missing or wrong, which is in the report then.
pub(super) fn read_submission_set(
    draft: &Draft,
    uuid: EntryUuid,
    rules: &Rules,
    report: &mut Report,
) -> Option<SubmissionSet> {
    let mut it = Attributes::new(draft, rules, report);
    let unique_id = it.identifier(v::SS_UNIQUE_ID, "uniqueId");
    let unique_id = unique_id.and_then(|id| it.parse("R-META-13", "uniqueId", id));
    let source_id = it.identifier(v::SS_SOURCE_ID, "sourceId");
    let source_id = source_id.and_then(|id| it.parse("R-META-13", "sourceId", id));
    let patient_id = it.identifier(v::SS_PATIENT_ID, "patientId");
    let patient_id = patient_id.and_then(|id| it.patient_id("patientId", id));
    let submission_time = it.required(v::SLOT_SUBMISSION_TIME);
    let submission_time = submission_time.and_then(|time| it.parse::<Dtm>("R-META-12", v::SLOT_SUBMISSION_TIME, time));
    let content_type_code = it.required_code(v::SS_CONTENT_TYPE_CODE, "contentTypeCode");
    let author_persons = it.authors(v::SS_AUTHOR);
    author::check_recipients(&mut it);
    it.title(LONGEST_SUBMISSION_SET_TITLE);
    let home = it.home();
    Some(SubmissionSet {
        entry_uuid: uuid,
        submitted_id: draft.label.clone(),
        unique_id: unique_id?,
        source_id: source_id?,
        patient_id: patient_id?,
        submission_time: submission_time?,
        content_type_code: content_type_code?,
        author_persons,
        home,
        body: Body::default(),
    })
}

/// Reads a folder; `None` when something required is missing or wrong, which is in the report then.
pub(super) fn read_folder(draft: &Draft, uuid: EntryUuid, rules: &Rules, report: &mut Report) -> Option<Folder> {
    let mut it = Attributes::new(draft, rules, report);
    let unique_id = it.identifier(v::FD_UNIQUE_ID, "uniqueId");
    let unique_id = unique_id.and_then(|id| it.parse("R-META-13", "uniqueId", id));
    let patient_id = it.identifier(v::FD_PATIENT_ID, "patientId");
    let patient_id = patient_id.and_then(|id| it.patient_id("patientId", id));
    let codes = it.required_codes(v::FD_CODE_LIST, "codeList");
    it.required_title(LONGEST_FOLDER_TITLE);
    let home = it.home();
    Some(Folder {
        entry_uuid: uuid,
        submitted_id: draft.label.clone(),
        unique_id: unique_id?,
        patient_id: patient_id?,
        codes,
        home,
        body: Body::default(),
    })
}
