//! The few checks that a repository makes itself; all others are the registry's, so that their codes stay its own.
//!
//! Source: ITI TF-2 §3.41.4.1.3 (R-41-08).

use super::{
    report::{Report, shortened},
    submission::{is_marked, refuse_repeated, unique_id},
};
use crate::model::{
    DocumentUniqueId, Finding, MediaType, ObjectId, XdsErrorCode,
    rim::{RegistryObject, RimKind, SubmitObjectsRequest},
    vocabulary as v,
};

/// Checks what the repository needs of a submission before it keeps documents: one SubmissionSet, and of each DocumentEntry
/// an id, a uniqueId and a mimeType; no uniqueId twice.
pub fn repository(request: &SubmitObjectsRequest) -> Vec<Finding> {
    let mut report = Report::new(XdsErrorCode::RepositoryMetadataError);
    let is_package = |object: &&RegistryObject| object.kind == RimKind::RegistryPackage;
    let sets = request
        .objects
        .iter()
        .filter(is_package)
        .filter(|package| is_marked(package, &request.classifications, v::SUBMISSION_SET_NODE))
        .count();
    if sets != 1 {
        report.metadata("R-41-08", format!("The submission has {sets} SubmissionSets, exactly one is required"));
    }
    let labels: Vec<String> =
        request.objects.iter().map(|object| shortened(object.id.as_deref().unwrap_or("(no id)"))).collect();
    for (object, label) in request.objects.iter().zip(&labels) {
        if let RimKind::ExtrinsicObject { mime_type } = &object.kind {
            check_entry(object, mime_type.as_deref(), label, &mut report);
        }
    }
    let unique_ids =
        request.objects.iter().zip(&labels).filter_map(|(object, label)| Some((&**label, unique_id(object)?)));
    refuse_repeated(unique_ids, XdsErrorCode::RepositoryDuplicateUniqueIdInMessage, "R-41-08", &mut report);
    report.end_stage().err().unwrap_or_default()
}

fn check_entry(entry: &RegistryObject, mime_type: Option<&str>, label: &str, report: &mut Report) {
    let id = entry.id.as_deref().unwrap_or_default();
    let unique_id = entry.external_identifier(v::DE_UNIQUE_ID).unwrap_or_default();
    let mime_type = mime_type.unwrap_or_default();
    for (attribute, value, problem) in [
        ("entryUUID (the attribute id)", id, id.parse::<ObjectId>().err().map(|e| e.to_string())),
        ("uniqueId", unique_id, unique_id.parse::<DocumentUniqueId>().err().map(|e| e.to_string())),
        ("mimeType", mime_type, mime_type.parse::<MediaType>().err().map(|e| e.to_string())),
    ] {
        if value.is_empty() {
            report.metadata("R-41-08", format!("{label}: missing {attribute}"));
        } else if let Some(problem) = problem {
            report.metadata("R-41-08", format!("{label}: {attribute} '{}' is refused: {problem}", shortened(value)));
        }
    }
}
