//! Privacy policies that patients acknowledge in documents (BPPC). Source: spec security §4.5.

use knoop::{
    model::{ResponseStatus, XdsErrorCode, consent::Answer, vocabulary as v},
    store::Store,
};
use libtest_mimic::Trial;

use super::{
    rim::{BPPC, Document, Submission},
    world::{A, B, PATIENT, World, physician},
};
use crate::{sample::oid, stores::on_every_store};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        c_15_a_consent_document_ends,
        s_con_32_a_replacement_takes_effect_at_once,
        s_con_33_an_unknown_policy_of_the_own_region_blocks,
        s_con_34_only_a_consent_source_files_consent_documents,
        s_con_34_metadata_and_document_must_agree,
    ]
}

/// A consent document of these policies, and when they hold; times of its metadata.
fn consent(policies: &[&str], start: &str, stop: &str) -> Document {
    let template = r#"<templateId root="1.3.6.1.4.1.19376.1.5.3.1.2.6"/>"#;
    let high = if stop.is_empty() { String::new() } else { format!(r#"<high value="{stop}"/>"#) };
    let time = format!(r#"<effectiveTime><low value="{start}"/>{high}</effectiveTime>"#);
    let events: String = policies
        .iter()
        .map(|policy| {
            let code = format!(r#"<code code="{policy}" codeSystem="2.999.6"/>"#);
            format!("<documentationOf><serviceEvent>{template}{code}{time}</serviceEvent></documentationOf>")
        })
        .collect();
    let bytes = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3">
        <templateId root="1.3.6.1.4.1.19376.1.5.3.1.1.7"/><code code="57016-8" codeSystem="2.16.840.1.113883.6.1"/>
        <recordTarget><patientRole><id root="2.16.840.1.113883.2.4.6.3" extension="999900006"/></patientRole></recordTarget>
        {events}<component><nonXMLBody/></component></ClinicalDocument>"#
    );
    Document {
        format: BPPC,
        type_code: ("57016-8", super::rim::LOINC),
        events: policies.iter().map(|policy| ((*policy).to_owned(), "2.999.6".to_owned())).collect(),
        service: (start.to_owned(), stop.to_owned()),
        bytes: bytes.into_bytes(),
        ..Document::letter()
    }
}

async fn file(world: &World, submission: &Submission) {
    let response = world.provide(&mut world.consent_source(A), submission).await;
    assert_eq!(response.status, ResponseStatus::Success, "{:?}", response.findings);
}

/// The letter that consent is about.
async fn letter(world: &World) -> String {
    let letter = Document::letter();
    let id = letter.unique_id.clone();
    world.submit(A, &Submission::of(PATIENT, vec![letter])).await;
    id
}

/// S-CON-32.
async fn c_15_a_consent_document_ends(store: Store) {
    let mut world = World::new(store).await;
    let id = letter(&world).await;
    file(&world, &Submission::of(PATIENT, vec![consent(&["share"], "20260101", "20260103100000")])).await;
    for (time, shows) in
        [("2026-01-03T09:59:59Z", true), ("2026-01-03T10:00:01Z", false), ("2025-12-31T23:59:59Z", false)]
    {
        world.now = time.parse().unwrap();
        let found = world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await;
        assert_eq!(found.contains(&id), shows, "{time}");
        let status = world.retrieves(&mut world.ctx(B, Some(physician())), &[&id]).await.0;
        assert_eq!(status == ResponseStatus::Success, shows, "{time}");
    }
}

async fn s_con_32_a_replacement_takes_effect_at_once(store: Store) {
    let world = World::new(store).await;
    let id = letter(&world).await;
    let first = consent(&["share"], "20260101", "");
    let target = first.entry_uuid.clone();
    file(&world, &Submission::of(PATIENT, vec![first])).await;
    let finds = async || world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await;
    assert_eq!(finds().await, std::slice::from_ref(&id));
    // The patient thinks otherwise.
    let second = consent(&["nobody"], "20260102", "");
    let source = second.entry_uuid.clone();
    let second = Submission::of(PATIENT, vec![second]).relate(v::ASSOCIATION_RPLC, &source, &target);
    file(&world, &second).await;
    assert!(finds().await.is_empty());
    // An answer does not count against the policy (D9).
    world.answer(PATIENT, "category:ziekenhuis", "letters", "organisation:2.999.20", Answer::Permit).await;
    assert!(finds().await.is_empty());
    let third = consent(&["share"], "20260102", "");
    let (source, target) = (third.entry_uuid.clone(), second.documents[0].entry_uuid.clone());
    file(&world, &Submission::of(PATIENT, vec![third]).relate(v::ASSOCIATION_RPLC, &source, &target)).await;
    assert_eq!(finds().await, [id]);
}

async fn s_con_33_an_unknown_policy_of_the_own_region_blocks(store: Store) {
    let world = World::new(store).await;
    let id = letter(&world).await;
    world.permit_letters(PATIENT).await;
    let finds = async || world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await;
    assert_eq!(finds().await, [id]);
    file(&world, &Submission::of(PATIENT, vec![consent(&["whatever"], "20260101", "")])).await;
    assert!(finds().await.is_empty());
}

async fn s_con_34_only_a_consent_source_files_consent_documents(store: Store) {
    let world = World::new(store).await;
    let submission = Submission::of(PATIENT, vec![consent(&["share"], "20260101", "")]);
    let response = world.provide(&mut world.ctx(A, None), &submission).await;
    let codes: Vec<XdsErrorCode> = response.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [XdsErrorCode::RegistryMetadataError]);
    // By ITI-42 too, also where the document is a scan.
    for format in [BPPC, ("urn:ihe:iti:bppc-sd:2007", BPPC.1)] {
        let document = Document { format, unique_id: oid(), ..consent(&["share"], "20260101", "") };
        let request = Submission::of(PATIENT, vec![document]);
        let request = request.registered("da39a3ee5e6b4b0d3255bfef95601890afd80709", "0");
        let response = world.register(&mut world.ctx(A, None), request.clone()).await;
        let codes: Vec<XdsErrorCode> = response.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [XdsErrorCode::RegistryMetadataError]);
        let response = world.register(&mut world.consent_source(A), request).await;
        assert_eq!(response.status, ResponseStatus::Success, "{:?}", response.findings);
    }
    // One without policies acknowledges nothing; policies without a beginning are refused.
    let shared = vec![("share".to_owned(), "2.999.6".to_owned())];
    for (events, start, refused) in [(Vec::new(), "20260101", false), (shared, "", true)] {
        let service = (start.to_owned(), String::new());
        let document = Document { events, service, ..consent(&["share"], "20260101", "") };
        let request = Submission::of(PATIENT, vec![document]);
        let request = request.registered("da39a3ee5e6b4b0d3255bfef95601890afd80709", "0");
        let response = world.register(&mut world.consent_source(A), request).await;
        let codes: Vec<XdsErrorCode> = response.findings.iter().map(|finding| finding.code).collect();
        let expected: &[XdsErrorCode] = if refused { &[XdsErrorCode::RegistryMetadataError] } else { &[] };
        assert_eq!(codes, expected, "{:?}", response.findings);
    }
}

async fn s_con_34_metadata_and_document_must_agree(store: Store) {
    let world = World::new(store).await;
    let good = || consent(&["share"], "20260101", "20270101");
    let text = || String::from_utf8(good().bytes).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text().contains(from));
        Document { bytes: text().replace(from, to).into_bytes(), ..good() }
    };
    let table = [
        ("another patient", changed("999900006", "999900018")),
        ("another policy", changed("\"share\"", "\"nobody\"")),
        ("another system", changed("codeSystem=\"2.999.6\"", "codeSystem=\"2.999.7\"")),
        ("another beginning", changed("low value=\"20260101\"", "low value=\"20260102\"")),
        ("another end", changed("high value=\"20270101\"", "high value=\"20280101\"")),
        ("no end", changed("<high value=\"20270101\"/>", "")),
        ("no template", changed("1.3.6.1.4.1.19376.1.5.3.1.1.7", "2.999.9")),
        ("another code", changed("57016-8", "57016-9")),
        ("a DOCTYPE", changed("<ClinicalDocument ", "<!DOCTYPE a []><ClinicalDocument ")),
        ("no XML", Document { bytes: b"%PDF-1.7".to_vec(), ..good() }),
        ("one policy more", Document { events: consent(&["share", "nobody"], "", "").events, ..good() }),
    ];
    for (what, document) in table {
        let submission = Submission::of(PATIENT, vec![document]);
        let response = world.provide(&mut world.consent_source(A), &submission).await;
        let codes: Vec<XdsErrorCode> = response.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [XdsErrorCode::RepositoryMetadataError], "{what}: {:?}", response.findings);
        assert!(!response.findings[0].context.contains("999900"), "{what}");
    }
    file(&world, &Submission::of(PATIENT, vec![good()])).await;
}
