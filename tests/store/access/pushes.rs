//! Pushes: no consent, but nobody changes what belongs to another organisation. Source: spec security §4.2 (D2).

use knoop::{
    model::{Finding, ResponseStatus, XdsErrorCode, vocabulary as v},
    store::Store,
};
use libtest_mimic::Trial;

use super::{
    rim::{Document, Submission},
    world::{A, B, LAB, PATIENT, World, physician},
};
use crate::{
    sample::{oid, uuid},
    stores::on_every_store,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        c_09_a_result_is_pushed_without_consent,
        c_10_nobody_replaces_what_belongs_to_another_organisation,
        d_2_nobody_adds_to_a_folder_of_another_organisation,
        d_2_a_document_that_can_be_seen_can_be_a_member,
        acceptance_6_a_hidden_unique_id_reveals_nothing,
    ]
}

async fn c_09_a_result_is_pushed_without_consent(store: Store) {
    let world = World::new(store).await;
    let result = Document::letter();
    let id = result.unique_id.clone();
    world.submit(LAB, &Submission::of(PATIENT, vec![result])).await;
    assert_eq!(world.finds(&mut world.ctx(LAB, None), PATIENT).await, [id]);
}

/// What a finding says, with the identifiers of this submission taken out.
fn told(findings: &[Finding], it: &Submission, target: &str) -> Vec<(XdsErrorCode, String)> {
    let mut associations = it.request.objects.iter().filter_map(|object| object.id.as_deref()).collect::<Vec<_>>();
    associations.push(target);
    let plain = |finding: &Finding| {
        let text = associations.iter().fold(finding.context.to_string(), |text, id| text.replace(id, "ID"));
        (finding.code, text)
    };
    findings.iter().map(plain).collect()
}

async fn c_10_nobody_replaces_what_belongs_to_another_organisation(store: Store) {
    let world = World::new(store).await;
    let letter = Document::letter();
    let (id, unique_id) = (letter.entry_uuid.clone(), letter.unique_id.clone());
    world.submit(A, &Submission::of(PATIENT, vec![letter])).await;
    // Also when it may be seen.
    world.permit_letters(PATIENT).await;
    let kinds = [v::ASSOCIATION_RPLC, v::ASSOCIATION_APND, v::ASSOCIATION_XFRM, v::ASSOCIATION_XFRM_RPLC];
    for kind in kinds {
        let mut answers = Vec::new();
        for target in [id.clone(), uuid().to_string()] {
            let document = Document::letter();
            let source = document.entry_uuid.clone();
            let submission = Submission::of(PATIENT, vec![document]).relate(kind, &source, &target);
            let response = world.provide(&mut world.ctx(B, None), &submission).await;
            assert_eq!(response.status, ResponseStatus::Failure);
            answers.push(told(&response.findings, &submission, &target));
        }
        assert_eq!(answers[0], answers[1], "{kind}: told otherwise than what is not there");
        assert_eq!(answers[0][0].0, XdsErrorCode::UnresolvedReference);
    }
    assert_eq!(world.finds(&mut world.ctx(A, None), PATIENT).await, [unique_id]);
    let told = world.audited("110132", 8).await;
    assert!(told.len() == kinds.len() && told.iter().all(|event| event.contains("CON-OWNER")), "{told:?}");
    // The owner does.
    let document = Document::letter();
    let (source, new) = (document.entry_uuid.clone(), document.unique_id.clone());
    let submission = Submission::of(PATIENT, vec![document]).relate(v::ASSOCIATION_RPLC, &source, &id);
    world.submit(A, &submission).await;
    assert_eq!(world.finds(&mut world.ctx(A, None), PATIENT).await, [new]);
}

async fn d_2_nobody_adds_to_a_folder_of_another_organisation(store: Store) {
    let world = World::new(store).await;
    let letter = Document::letter();
    let member = letter.entry_uuid.clone();
    let theirs = Submission::of(PATIENT, vec![letter]).in_folder(PATIENT, &[&member]);
    world.submit(A, &theirs).await;
    world.permit_letters(PATIENT).await;
    for folder in [theirs.folder_uuid.clone(), uuid().to_string()] {
        let document = Document::letter();
        let source = document.entry_uuid.clone();
        let submission = Submission::of(PATIENT, vec![document]).member(&folder, &source);
        let response = world.provide(&mut world.ctx(B, None), &submission).await;
        let codes: Vec<XdsErrorCode> = response.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [XdsErrorCode::UnresolvedReference], "{:?}", response.findings);
    }
}

async fn d_2_a_document_that_can_be_seen_can_be_a_member(store: Store) {
    let world = World::new(store).await;
    let letter = Document::letter();
    let (member, unique_id) = (letter.entry_uuid.clone(), letter.unique_id.clone());
    world.submit(A, &Submission::of(PATIENT, vec![letter])).await;
    let refer = || {
        let mut submission = Submission::of(PATIENT, vec![Document::letter()]);
        let set = submission.set_uuid.clone();
        let reference = super::rim::association(v::ASSOCIATION_HAS_MEMBER, &set, &member, Some("Reference"));
        submission.request.objects.push(reference);
        submission
    };
    let with_person = || world.ctx(B, Some(physician()));
    let response = world.provide(&mut with_person(), &refer()).await;
    let codes: Vec<XdsErrorCode> = response.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [XdsErrorCode::UnresolvedReference]);
    world.permit_letters(PATIENT).await;
    let response = world.provide(&mut with_person(), &refer()).await;
    assert_eq!(response.status, ResponseStatus::Success, "{:?}", response.findings);
    assert_eq!(world.finds(&mut world.ctx(A, None), PATIENT).await, [unique_id]);
}

/// Of issue 4, acceptance 6: an ITI-42 and an ITI-41 that use the uniqueId of a hidden document again.
async fn acceptance_6_a_hidden_unique_id_reveals_nothing(store: Store) {
    let world = World::new(store).await;
    let hidden = Document { bytes: b"a secret of 20 bytes".to_vec(), ..Document::letter() };
    world.submit(A, &Submission::of(PATIENT, vec![hidden.clone()])).await;
    let other_patient = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";
    let hash = openssl::sha::sha1(&hidden.bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let guess = "0123456789012345678901234567890123456789";
    let mut answers = Vec::new();
    // A wrong hash with the right size and with another one: the answers are the same.
    for size in ["20", "21"] {
        let document = Document { unique_id: hidden.unique_id.clone(), ..Document::letter() };
        let request = Submission::of(other_patient, vec![document]).registered(guess, size);
        let response = world.register(&mut world.ctx(B, None), request).await;
        assert_eq!(response.status, ResponseStatus::Failure);
        for finding in &response.findings {
            let text = format!("{finding:?}");
            for secret in ["999900006", "2.999.10", "organisation 10", hash.as_str(), "20"] {
                let said = text.replace(&hidden.unique_id, "");
                assert!(!said.contains(secret), "{secret} in {said}");
            }
        }
        answers.push(response);
    }
    assert_eq!(answers[0], answers[1]);
    let codes: Vec<XdsErrorCode> = answers[0].findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [XdsErrorCode::NonIdenticalHash]);
    // By ITI-41 too.
    let bytes = [b"x".repeat(20), b"x".repeat(21)];
    let mut answers = Vec::new();
    for bytes in bytes {
        let document = Document { unique_id: hidden.unique_id.clone(), bytes, ..Document::letter() };
        let response = world.provide(&mut world.ctx(B, None), &Submission::of(other_patient, vec![document])).await;
        answers.push(response);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].status, ResponseStatus::Failure);
    assert!(answers[0].findings.iter().all(|finding| finding.code == XdsErrorCode::NonIdenticalHash));
    // Nor does a uniqueId of a set.
    let set = Submission::of(PATIENT, vec![Document { unique_id: oid(), ..Document::letter() }]);
    world.submit(A, &set).await;
    let again =
        Submission::of(other_patient, vec![Document { unique_id: set.set_unique_id.clone(), ..Document::letter() }]);
    let response = world.provide(&mut world.ctx(B, None), &again).await;
    assert!(response.findings.iter().all(|finding| !finding.context.contains("999900006")), "{:?}", response.findings);
    assert_eq!(response.status, ResponseStatus::Failure);
}
