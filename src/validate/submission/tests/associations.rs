//! Associations, as far as they need no registry.

use super::{accepted, accepted_with, each_is_refused, each_is_refused_with};
use crate::{
    model::{AssociationType, SubmissionSetStatus, XdsErrorCode, rim::RimKind, vocabulary as v},
    validate::{
        Rules, Tolerance,
        sample::{OLD_ENTRY, association, code, document_entry, folder, member, object, set, slot, unset},
    },
};

const OLD_FOLDER: &str = "urn:uuid:22222222-3333-4444-8555-666666666666";

fn put_ends(r: &mut crate::model::rim::SubmitObjectsRequest, id: &str, source: &str, target: &str) {
    if let RimKind::Association { source_object, target_object, .. } = &mut object(r, id).kind {
        *source_object = source.into();
        *target_object = target.into();
    }
}

#[test]
fn r_asc_02_the_status_of_a_document_in_a_set() {
    each_is_refused(&[
        ("R-ASC-02", "as-ss-de: missing SubmissionSetStatus, 'Original' is expected here", |r| {
            unset(r, "as-ss-de", "SubmissionSetStatus");
        }),
        ("R-ASC-02", "as-ss-de: SubmissionSetStatus 'original' is refused: it is Original or Reference", |r| {
            set(r, "as-ss-de", "SubmissionSetStatus", &["original"]);
        }),
        ("R-META-10", "as-ss-de: SubmissionSetStatus has 2 values, one is allowed", |r| {
            set(r, "as-ss-de", "SubmissionSetStatus", &["Original", "Original"]);
        }),
        (
            "R-ASC-02",
            "as-ss-de: SubmissionSetStatus 'Reference' on a document of this submission, which is Original",
            |r| set(r, "as-ss-de", "SubmissionSetStatus", &["Reference"]),
        ),
        ("R-ASC-02", "new: missing SubmissionSetStatus, 'Reference' is expected here", |r| {
            r.objects.push(member("new", "SS01", OLD_ENTRY, None));
        }),
    ]);
    let it = accepted(|r| r.objects.push(member("new", "SS01", OLD_ENTRY, Some("Reference")))).submission;
    let status: Vec<_> = it.associations.iter().map(|a| a.submission_set_status).collect();
    let [original, reference] = [Some(SubmissionSetStatus::Original), Some(SubmissionSetStatus::Reference)];
    assert_eq!(status, [original, None, None, None, None, reference]);
    // On another membership it is common, and kept.
    let it = accepted(|r| object(r, "as-ss-fd").slots.push(slot("SubmissionSetStatus", &["Original"]))).submission;
    assert_eq!(it.associations[1].submission_set_status, None);
    assert!(it.associations[1].body.as_bytes().ends_with(b"SubmissionSetStatus"));
}

#[test]
fn r_asc_02_a_missing_status_can_be_taken_as_original() {
    let rules = Rules { assume_original: true, ..Rules::default() };
    let checked = accepted_with(&rules, |r| unset(r, "as-ss-de", "SubmissionSetStatus"));
    assert!(checked.tolerated.contains(&Tolerance::AssumedOriginal));
    let association = &checked.submission.associations[0];
    assert_eq!(association.submission_set_status, Some(SubmissionSetStatus::Original));
    assert!(association.body.as_bytes().ends_with(b"SubmissionSetStatus"), "answers hold the status");
}

#[test]
fn r_asc_03_everything_is_a_member_of_the_set() {
    each_is_refused(&[
        ("R-ASC-03", "Doc01: the SubmissionSet has no HasMember association to it", |r| {
            r.objects.retain(|o| o.id.as_deref() != Some("as-ss-de"));
        }),
        ("R-ASC-03", "FD01: the SubmissionSet has no HasMember association to it", |r| {
            r.objects.retain(|o| o.id.as_deref() != Some("as-ss-fd"));
        }),
        ("R-ASC-03", "as-fd-de: the SubmissionSet has no HasMember association to it", |r| {
            r.objects.retain(|o| o.id.as_deref() != Some("as-ss-hm"));
        }),
        ("R-ASC-03", "new: the SubmissionSet has no HasMember association to it", |r| {
            r.objects.push(member("new", OLD_FOLDER, "Doc01", None));
        }),
    ]);
    // A relationship needs no membership, and may have one.
    accepted(|r| r.objects.push(member("new", "SS01", "as-rplc", None)));
    // A folder of the registry takes a document of the registry.
    accepted(|r| {
        r.objects.push(member("new", OLD_FOLDER, OLD_ENTRY, None));
        r.objects.push(member("new-hm", "SS01", "new", None));
    });
}

#[test]
fn r_asc_05_only_four_kinds_of_membership() {
    each_is_refused(&[
        (
            "R-ASC-05",
            "new: HasMember from a Folder to a Folder; SubmissionSet to document, Folder or folder membership, and \
             Folder to document are allowed",
            |r| {
                r.objects.push(folder("FD02", "2.999.40.1.8"));
                r.objects.push(member("fd02", "SS01", "FD02", None));
                r.objects.push(member("new", "FD01", "FD02", None));
                r.objects.push(member("new-hm", "SS01", "new", None));
            },
        ),
        (
            "R-ASC-05",
            "new: HasMember from a document to a Folder; SubmissionSet to document, Folder or folder membership, and \
             Folder to document are allowed",
            |r| r.objects.push(member("new", "Doc01", "FD01", None)),
        ),
        (
            "R-ASC-05",
            "new: HasMember from an object outside the submission to the SubmissionSet; SubmissionSet to document, \
             Folder or folder membership, and Folder to document are allowed",
            |r| {
                r.objects.push(member("new", OLD_FOLDER, "SS01", None));
                r.objects.push(member("new-hm", "SS01", "new", None));
            },
        ),
        ("R-ASC-05", "new: the SubmissionSet has as member an association that is no membership in a Folder", |r| {
            r.objects.push(member("new", "SS01", "as-ss-de", None))
        }),
    ]);
}

#[test]
fn r_asc_06_to_08_ends_that_lead_nowhere_wait_for_stage_7() {
    let cases: [(&str, &str, super::Change); 6] = [
        ("R-ASC-06", "as-rplc: targetObject 'Doc77' is not defined in the submission; others are named by UUID", |r| {
            put_ends(r, "as-rplc", "Doc01", "Doc77")
        }),
        ("R-ASC-06", "new: sourceObject 'FD77' is not defined in the submission; others are named by UUID", |r| {
            r.objects.push(member("new", "FD77", "Doc01", None))
        }),
        (
            "R-ASC-07",
            "as-rplc: sourceObject 'urn:uuid:22222222-3333-4444-8555-666666666666' is not a DocumentEntry of this \
             submission",
            |r| put_ends(r, "as-rplc", OLD_FOLDER, OLD_ENTRY),
        ),
        ("R-ASC-07", "as-rplc: sourceObject 'FD01' is not a DocumentEntry of this submission", |r| {
            put_ends(r, "as-rplc", "FD01", OLD_ENTRY);
        }),
        ("R-ASC-08", "as-rplc: targetObject 'Doc02' is in this submission, not in the registry", |r| {
            r.objects.push(document_entry("Doc02", "2.999.20.2"));
            r.objects.push(member("new", "SS01", "Doc02", Some("Original")));
            put_ends(r, "as-rplc", "Doc01", "Doc02");
        }),
        ("R-ASC-08", "new: targetObject 'FD01' is not a DocumentEntry", |r| {
            r.objects.push(association("new", AssociationType::Append, "Doc01", "FD01"));
        }),
    ];
    for (rule, context, change) in cases {
        let checked = accepted(change);
        let found: Vec<_> = checked.references.iter().map(|f| (f.code, &*f.location, &*f.context)).collect();
        assert_eq!(found, [(XdsErrorCode::UnresolvedReference, rule, context)]);
        let label = context.split(':').next().unwrap();
        let bodies: Vec<_> = checked.submission.associations.iter().map(|a| a.body.as_bytes()).collect();
        assert!(!bodies.iter().any(|body| body.starts_with(label.as_bytes())), "{label} is left out");
    }
    // Other relationships may point to a document of the submission.
    accepted(|r| {
        r.objects.push(document_entry("Doc02", "2.999.20.2"));
        r.objects.push(member("new", "SS01", "Doc02", Some("Original")));
        r.objects.push(association("xfrm", AssociationType::Transform, "Doc02", "Doc01"));
        r.objects.push(association("signs", AssociationType::Signs, "Doc02", "Doc01"));
    });
}

#[test]
fn r_asc_15_documentation_is_for_relationships() {
    each_is_refused_with(&[
        (&[("R-ASC-15", "as-ss-fd: documentation is for relationships of documents, not for HasMember")], |r| {
            object(r, "as-ss-fd").classifications.push(code("as-ss-fd", v::ASSOCIATION_DOCUMENTATION, "x"));
        }),
        (&[("R-42-08", "as-rplc: documentation is there twice, once is allowed")], |r| {
            object(r, "as-rplc").classifications.push(code("as-rplc", v::ASSOCIATION_DOCUMENTATION, "x"));
        }),
        (&[("R-META-22", "as-rplc: documentation 'CORR' needs one slot codingScheme with one value")], |r| {
            object(r, "as-rplc").classifications[0].slots.clear();
        }),
    ]);
}

#[test]
fn r_asc_16_and_17_no_association_twice_and_none_to_itself() {
    each_is_refused(&[
        ("R-ASC-16", "new: another association of the submission has the same type, source and target", |r| {
            r.objects.push(member("new", "SS01", "Doc01", Some("Original")));
        }),
        ("R-ASC-17", "new: sourceObject and targetObject are the same object", |r| {
            r.objects.push(association("new", AssociationType::Append, "Doc01", "Doc01"));
        }),
    ]);
}
