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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::sample::{document_entry, identifier, member, node, object, submission, submission_set};

    type Change = fn(&mut SubmitObjectsRequest);

    fn found(change: Change) -> Vec<(XdsErrorCode, String)> {
        let mut request = submission();
        change(&mut request);
        repository(&request).into_iter().map(|f| (f.code, f.context)).collect()
    }

    #[test]
    fn r_41_08_what_the_repository_needs() {
        let cases: [(&str, Change); 8] = [
            ("The submission has 0 SubmissionSets, exactly one is required", |r| {
                r.objects.retain(|o| o.id.as_deref() != Some("SS01"));
            }),
            ("The submission has 2 SubmissionSets, exactly one is required", |r| {
                r.objects.push(submission_set("SS02", "2.999.40.1.9"));
            }),
            ("Doc01: missing uniqueId", |r| {
                object(r, "Doc01").external_identifiers.remove(1);
            }),
            ("Doc01: uniqueId 'a\u{fffd}b' is refused: a uniqueId has no control characters", |r| {
                object(r, "Doc01").external_identifiers[1] = identifier("Doc01", v::DE_UNIQUE_ID, "a\u{1}b");
            }),
            ("Doc01: missing mimeType", |r| {
                object(r, "Doc01").kind = RimKind::ExtrinsicObject { mime_type: None };
            }),
            ("Doc01: mimeType 'pdf' is refused: a mimeType is type/subtype such as application/pdf", |r| {
                object(r, "Doc01").kind = RimKind::ExtrinsicObject { mime_type: Some("pdf".into()) };
            }),
            ("(no id): missing entryUUID (the attribute id)", |r| object(r, "Doc01").id = None),
            (
                "urn:uuid:1: entryUUID (the attribute id) 'urn:uuid:1' is refused: an entryUUID is urn:uuid: and a UUID \
                 of 8-4-4-4-12 hexadecimal digits",
                |r| object(r, "Doc01").id = Some("urn:uuid:1".into()),
            ),
        ];
        for (context, change) in cases {
            assert_eq!(found(change), [(XdsErrorCode::RepositoryMetadataError, context.to_owned())]);
        }
    }

    #[test]
    fn r_41_08_a_unique_id_twice_in_one_message() {
        let found = found(|r| {
            r.objects.push(document_entry("Doc02", "2.999.20.1^DS-77"));
            r.objects.push(member("new", "SS01", "Doc02", Some("Original")));
        });
        let context = "uniqueId '2.999.20.1^DS-77' is used by Doc01 and by Doc02".to_owned();
        assert_eq!(found, [(XdsErrorCode::RepositoryDuplicateUniqueIdInMessage, context)]);
    }

    #[test]
    fn r_41_08_all_else_is_left_to_the_registry() {
        let found = found(|r| {
            let mark = object(r, "SS01").classifications.remove(0);
            assert_eq!(mark.classification_node, node("SS01", v::SUBMISSION_SET_NODE).classification_node);
            r.classifications.push(mark);
            object(r, "Doc01").slots.clear();
            object(r, "Doc01").classifications.clear();
            r.objects.retain(|o| !matches!(o.kind, RimKind::Association { .. }));
        });
        assert!(found.is_empty(), "{found:?}");
    }
}
