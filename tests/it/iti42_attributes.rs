//! ITI-42, stage 3: required attributes and the format of every value.

use libtest_mimic::Trial;

use crate::harness::{
    Answer, TestServer, on_every_store,
    sample::{self, Object, Submission, names::*},
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_42_15_required_attributes_of_a_document_entry,
        r_42_15_required_attributes_of_a_submission_set,
        r_42_15_required_attributes_of_a_folder,
        r_42_15_optional_attributes_may_be_absent,
        r_42_16_a_submitted_status_is_ignored,
        r_42_17_a_service_that_stops_before_it_starts_is_refused,
        r_42_17_times_compare_at_the_lower_precision,
        r_42_19_the_empty_document_is_legal,
        r_42_39_what_was_received_comes_back,
        r_meta_10_values_have_at_most_256_characters,
        r_meta_12_times,
        r_meta_13_oids,
        r_meta_15_patient_ids,
        r_meta_16_reference_ids,
        r_meta_17_persons,
        r_meta_18_organisations,
        r_meta_19_telecommunication,
        r_meta_20_intended_recipients,
        r_meta_22_codes,
        r_meta_23_hash_and_size,
        r_meta_24_language,
        r_meta_25_media_type,
        r_meta_26_uri,
        r_meta_27_titles,
        r_meta_28_comments_are_unbounded,
        r_meta_29_source_patient_info,
        r_meta_30_authors,
        r_meta_31_unique_ids_are_opaque,
        pitfall_21_source_patient_info_of_the_field,
    ]
    .collect()
}

const BAD: &str = "XDSRegistryMetadataError";

fn entry(server: &TestServer, change: impl FnOnce(Object) -> Object) -> Answer {
    let patient = sample::patient();
    server.register(&Submission::with(&patient, &[&change(sample::document(&patient))]))
}

fn set(server: &TestServer, change: impl FnOnce(Object) -> Object) -> Answer {
    let patient = sample::patient();
    server.register(&Submission::with(&patient, &[&sample::document(&patient)]).set(change))
}

fn folder(server: &TestServer, change: impl FnOnce(Object) -> Object) -> Answer {
    let patient = sample::patient();
    server.register(&Submission::of(&patient).folder(&change(sample::folder(&patient))))
}

/// A slot of a DocumentEntry: these values are taken, those refused with the attribute and the value in the context.
fn slot_values(server: &TestServer, slot: &str, good: &[&str], bad: &[&str]) {
    for value in good {
        let answer = entry(server, |d| d.slot(slot, &[value]));
        assert_eq!(answer.status(), "Success", "{slot} {value:?}: {:?}", answer.errors());
    }
    for value in bad {
        let answer = entry(server, |d| d.slot(slot, &[value]));
        assert_eq!(answer.status(), "Failure", "{slot} {value:?} was taken");
        let shown: String = value.chars().take(40).collect();
        answer.expect_refused(BAD, &[slot.rsplit(':').next().unwrap_or(slot), &shown]);
    }
}

fn r_42_15_required_attributes_of_a_document_entry(server: &TestServer) {
    for slot in ["creationTime", "languageCode", "sourcePatientId", "hash", "size", "repositoryUniqueId"] {
        entry(server, |d| d.without_slot(slot)).expect_refused(BAD, &["missing", slot]);
        entry(server, |d| d.slot(slot, &[])).expect_refused(BAD, &[slot]);
        entry(server, |d| d.slot(slot, &[""])).expect_refused(BAD, &[slot]);
    }
    for (scheme, attribute) in [
        (CLASS_CODE, "classCode"),
        (CONFIDENTIALITY_CODE, "confidentialityCode"),
        (FORMAT_CODE, "formatCode"),
        (FACILITY_TYPE_CODE, "healthcareFacilityTypeCode"),
        (PRACTICE_SETTING_CODE, "practiceSettingCode"),
        (TYPE_CODE, "typeCode"),
    ] {
        entry(server, |d| d.without_scheme(scheme)).expect_refused(BAD, &["missing", attribute]);
    }
    entry(server, |d| d.without_identifier(DE_PATIENT_ID)).expect_refused(BAD, &["missing", "patientId"]);
    entry(server, |d| d.without_identifier(DE_UNIQUE_ID)).expect_refused(BAD, &["missing", "uniqueId"]);
    entry(server, |d| d.unset("mimeType")).expect_refused(BAD, &["missing", "mimeType"]);
}

fn r_42_15_required_attributes_of_a_submission_set(server: &TestServer) {
    set(server, |s| s.without_slot("submissionTime")).expect_refused(BAD, &["missing", "submissionTime"]);
    set(server, |s| s.without_scheme(CONTENT_TYPE_CODE)).expect_refused(BAD, &["missing", "contentTypeCode"]);
    for (scheme, attribute) in [(SS_PATIENT_ID, "patientId"), (SS_SOURCE_ID, "sourceId"), (SS_UNIQUE_ID, "uniqueId")] {
        set(server, |s| s.without_identifier(scheme)).expect_refused(BAD, &["missing", attribute]);
    }
}

fn r_42_15_required_attributes_of_a_folder(server: &TestServer) {
    folder(server, |f| f.without_scheme(CODE_LIST)).expect_refused(BAD, &["missing", "codeList"]);
    folder(server, |f| f.named(None)).expect_refused(BAD, &["missing", "title"]);
    for (scheme, attribute) in [(FD_PATIENT_ID, "patientId"), (FD_UNIQUE_ID, "uniqueId")] {
        folder(server, |f| f.without_identifier(scheme)).expect_refused(BAD, &["missing", attribute]);
    }
}

fn r_42_15_optional_attributes_may_be_absent(server: &TestServer) {
    entry(server, |d| {
        d.without_slot("serviceStartTime")
            .without_slot("serviceStopTime")
            .without_slot("legalAuthenticator")
            .without_slot("sourcePatientInfo")
            .without_scheme(DE_AUTHOR)
            .named(None)
    })
    .expect_success();
    set(server, |s| s.without_scheme(SS_AUTHOR).named(None)).expect_success();
    // R-META-10: an empty optional slot is an absent one.
    entry(server, |d| d.slot("serviceStartTime", &[""]).slot("legalAuthenticator", &[])).expect_success();
}

fn r_42_16_a_submitted_status_is_ignored(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::document(&patient).set("status", DEPRECATED);
    let ids = server.registered(&Submission::with(&patient, &[&document]));
    assert_eq!(server.entry(&ids[0]).status(), "Approved");
}

fn r_42_17_a_service_that_stops_before_it_starts_is_refused(server: &TestServer) {
    let answer =
        entry(server, |d| d.slot("serviceStartTime", &["20240302"]).slot("serviceStopTime", &["20240301235959"]));
    answer.expect_refused(BAD, &["serviceStopTime"]);
}

fn r_42_17_times_compare_at_the_lower_precision(server: &TestServer) {
    entry(server, |d| d.slot("serviceStartTime", &["20240301120000"]).slot("serviceStopTime", &["202403"]))
        .expect_success();
}

fn r_42_19_the_empty_document_is_legal(server: &TestServer) {
    let hash = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    entry(server, |d| d.slot("size", &["0"]).slot("hash", &[hash])).expect_success();
}

fn r_42_39_what_was_received_comes_back(server: &TestServer) {
    let patient = sample::patient();
    let document = sample::document(&patient)
        .slot("urn:example:last", &["b", "a", " inner  blanks ", "é & < > \" '"])
        .slot("hash", &["ABCDEF0123456789abcdef0123456789ABCDEF01"])
        .slot(REFERENCE_IDS, &["A-17^^^&2.999.7.9&ISO^urn:ihe:iti:xds:2013:accession"])
        .set("mimeType", "text/xml; charset=utf-8")
        .another_code(CONFIDENTIALITY_CODE, "R", "2.16.840.1.113883.5.25")
        .another_code(EVENT_CODE_LIST, "zz", "1.2.3")
        .another_code(EVENT_CODE_LIST, "aa", "1.2.3")
        .author(DE_AUTHOR, &[("authorInstitution", &["Second", "First"])]);
    let ids = server.registered(&Submission::with(&patient, &[&document]));
    let found = server.entry(&ids[0]);
    let trimmed = |values: &Vec<String>| values.iter().map(|v| v.trim().to_owned()).collect::<Vec<_>>();
    for (name, values) in &document.slots {
        assert_eq!(found.slot(name), Some(trimmed(values).as_slice()), "slot {name}");
    }
    assert_eq!(found.get("mimeType"), Some("text/xml; charset=utf-8"));
    assert_eq!(
        (found.name.as_ref(), found.description.as_ref()),
        (document.name.as_ref(), document.description.as_ref())
    );
    let sent: Vec<_> = document.classifications.iter().map(|c| (&c.attributes, &c.slots, &c.name)).collect();
    assert_eq!(found.classifications.len(), sent.len());
    for (back, (attributes, slots, name)) in found.classifications.iter().zip(sent) {
        for (attribute, value) in attributes {
            assert_eq!(back.get(attribute), Some(value.as_str()));
        }
        assert_eq!((&back.slots, &back.name), (slots, name));
    }
    assert_eq!(found.identifier(DE_UNIQUE_ID), Some(document.unique_id().as_str()));
    assert_eq!(found.identifier(DE_PATIENT_ID), Some(patient.as_str()));
    assert_eq!((found.get("lid"), found.version.as_deref()), (Some(ids[0].as_str()), Some("1")), "R-META-36");
}

fn r_meta_10_values_have_at_most_256_characters(server: &TestServer) {
    let most = "é".repeat(256);
    entry(server, |d| d.slot("urn:example:long", &[&most])).expect_success();
    entry(server, |d| d.slot("urn:example:long", &[&format!("{most}é")]))
        .expect_refused(BAD, &["urn:example:long", "256"]);
}

fn r_meta_12_times(server: &TestServer) {
    let good = ["2024", "202402", "20240229", "2024022923", "202402292359", "20240229235959"];
    let bad = ["20230229", "202413", "2024022924", "202402292360", "20240229235960", "24", "20240101000000+0100"];
    slot_values(server, "creationTime", &good, &bad);
    set(server, |s| s.slot("submissionTime", &["2024-03-05"])).expect_refused(BAD, &["submissionTime", "2024-03-05"]);
}

fn r_meta_13_oids(server: &TestServer) {
    let longest = format!("1.{}", "2".repeat(62));
    let too_long = format!("1.{}", "2".repeat(63));
    let bad = ["1.02.3", "3.1", "1", "1..2", ".1.2", "urn:oid:1.2.3", "1.2.a", &too_long];
    slot_values(server, "repositoryUniqueId", &["1.2", "2.999.0.1", &longest], &bad);
    set(server, |s| s.identifier(SS_SOURCE_ID, "x")).expect_refused(BAD, &["sourceId"]);
    set(server, |s| s.identifier(SS_UNIQUE_ID, "1.2.03")).expect_refused(BAD, &["uniqueId"]);
    folder(server, |f| f.identifier(FD_UNIQUE_ID, "1.2.03")).expect_refused(BAD, &["uniqueId"]);
}

fn r_meta_15_patient_ids(server: &TestServer) {
    let good = ["x^^^&1.2.3&ISO", "a\\T\\b^^^&1.2.3&ISO", "x^^^&1.2.3&ISO^^^"];
    let bad = [
        "jd12323^^^wsh",
        "x",
        "^^^&1.2.3&ISO",
        "x^^^ns&1.2.3&ISO",
        "x^^^&1.2.3",
        "x^^^&1.2.3&DNS",
        "x^^^&1.2.03&ISO",
        "x^1^^&1.2.3&ISO",
        "x^^^&1.2.3&ISO^PI",
        "x^^^&amp;1.2.3&amp;ISO",
    ];
    slot_values(server, "sourcePatientId", &good, &bad);
    // The patientId itself: told for each object that carries it.
    let bad = "x^^^wsh";
    entry(server, |d| d.identifier(DE_PATIENT_ID, bad)).expect_refused(BAD, &["patientId", bad]);
}

fn r_meta_16_reference_ids(server: &TestServer) {
    let good = [
        "1.2.3^^^^urn:ihe:iti:xds:2016:studyInstanceUID",
        "A1^^^&2.999.1&ISO^urn:ihe:iti:xds:2013:accession",
        "A1^^^NS^urn:ihe:iti:xds:2013:order",
        "1.2.3^^^^urn:ihe:iti:xdw:2013:workflowInstanceId",
        "ext^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:uniqueId",
        "urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211^^^^local",
        "A1^^^&2.999.1&ISO^urn:ihe:iti:xds:2013:accession^urn:oid:2.999.2",
    ];
    let bad = [
        "A1",
        "^^^&2.999.1&ISO^urn:ihe:iti:xds:2013:accession",
        "A1^^^&2.999.1&ISO",
        "A1^x^^&2.999.1&ISO^urn:ihe:iti:xds:2013:accession",
        "A1^^^^urn:ihe:iti:xds:2013:referral",
        "A1^^^^local",
        "1.2.3^^^&2.999.1&ISO^urn:ihe:iti:xds:2016:studyInstanceUID",
        "x^^^^urn:ihe:iti:xdw:2013:workflowInstanceId",
    ];
    slot_values(server, REFERENCE_IDS, &good, &bad);
}

fn r_meta_17_persons(server: &TestServer) {
    let good = ["4711", "^Only", "4711^F^G^^^^^^&1.2.3&ISO", "4711^F^G^M^Jr^Dr^^^&1.2.3&ISO^^^^^^"];
    let bad = ["^^Given", "4711^F^G^^^^^^NS&1.2.3&ISO", "4711^F^G^^^^^^&1.2.03&ISO", "4711^F^^^^^^^&1.2.3&DNS"];
    slot_values(server, "legalAuthenticator", &good, &bad);
}

fn author(server: &TestServer, slot: &str, values: &[&str]) -> Answer {
    let person: (&str, &[&str]) = ("authorPerson", &["^Somebody"]);
    entry(server, |d| match slot {
        "authorPerson" => d.author(DE_AUTHOR, &[(slot, values)]),
        _ => d.author(DE_AUTHOR, &[person, (slot, values)]),
    })
}

fn r_meta_18_organisations(server: &TestServer) {
    for good in ["Clinic", "Clinic^^^^^^^^^2.999.7.3", "Clinic^^^^^&2.999.1&ISO^^^^00900001"] {
        let answer = author(server, "authorInstitution", &[good]);
        assert_eq!(answer.status(), "Success", "{good}: {:?}", answer.errors());
    }
    for bad in ["^^^^^^^^^2.999.7.3", "Clinic^^^^^^^^^00900001", "Clinic^L", "Clinic^^^^^&2.999.1&DNS^^^^00900001"] {
        author(server, "authorInstitution", &[bad]).expect_refused(BAD, &["authorInstitution", bad]);
    }
}

fn r_meta_19_telecommunication(server: &TestServer) {
    for good in ["^^Internet^a@b.invalid", "^NET^Internet^a@b.invalid", "^^PH^^^^1234567", "^WPN^PH^^31^20^1234567^89"]
    {
        let answer = author(server, "authorTelecommunication", &[good]);
        assert_eq!(answer.status(), "Success", "{good}: {:?}", answer.errors());
    }
    for bad in ["^^Internet", "^PRN^Internet^a@b.invalid", "^^PH^^31^20"] {
        author(server, "authorTelecommunication", &[bad]).expect_refused(BAD, &["authorTelecommunication", bad]);
    }
}

fn r_meta_20_intended_recipients(server: &TestServer) {
    for good in ["Clinic", "|^Berger^Max", "||^^Internet^m@c.invalid", "Clinic|^Berger|^^Internet^m@c.invalid"] {
        let answer = set(server, |s| s.slot("intendedRecipient", &[good]));
        assert_eq!(answer.status(), "Success", "{good}: {:?}", answer.errors());
    }
    for bad in ["|", "||", "Clinic|^Berger|^^Internet^m@c.invalid|more"] {
        set(server, |s| s.slot("intendedRecipient", &[bad])).expect_refused(BAD, &["intendedRecipient", bad]);
    }
}

fn r_meta_22_codes(server: &TestServer) {
    type Change = fn(&mut sample::Classification);
    let changes: [(&str, Change); 7] = [
        ("no nodeRepresentation", |c| c.attributes.retain(|(n, _)| n != "nodeRepresentation")),
        ("empty nodeRepresentation", |c| c.attributes[1].1.clear()),
        ("no codingScheme", |c| c.slots.clear()),
        ("empty codingScheme", |c| c.slots[0].1 = vec![String::new()]),
        ("two codingSchemes", |c| c.slots[0].1.push("1.2".to_owned())),
        ("no displayName", |c| c.name = None),
        ("empty displayName", |c| c.name = Some(String::new())),
    ];
    for (what, change) in changes {
        let answer = entry(server, |d| d.change_scheme(CLASS_CODE, change));
        assert_eq!(answer.status(), "Failure", "{what} was taken");
        answer.expect_refused(BAD, &["classCode"]);
    }
    // Any text is a coding scheme.
    entry(server, |d| d.code(CLASS_CODE, "a^b c", "urn:oid:1.2.3")).expect_success();
}

fn r_meta_23_hash_and_size(server: &TestServer) {
    let hash = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    slot_values(server, "hash", &[hash, &hash.to_uppercase()], &[&hash[1..], sha256, "2jmj7l5rSw0yVb/vlWAYkK/YBwk="]);
    slot_values(server, "size", &["0", "9223372036854775807", "007"], &["43.0", "-1", "1,000", "43 bytes"]);
}

fn r_meta_24_language(server: &TestServer) {
    slot_values(
        server,
        "languageCode",
        &["nl", "nl-NL", "en-us", "zh-Hant-TW"],
        &["nl_NL", "nl-", "nederlands1", "n l"],
    );
}

fn r_meta_25_media_type(server: &TestServer) {
    for good in ["application/dicom", "text/xml; charset=utf-8", "Application/PDF"] {
        let answer = entry(server, |d| d.set("mimeType", good));
        assert_eq!(answer.status(), "Success", "{good}: {:?}", answer.errors());
    }
    for bad in ["pdf", "text/", "/plain", "text/plain plain"] {
        entry(server, |d| d.set("mimeType", bad)).expect_refused(BAD, &["mimeType", bad]);
    }
}

fn r_meta_26_uri(server: &TestServer) {
    slot_values(server, "URI", &["DIR/DOC1.PDF", "http://host.invalid/a?b=c"], &[]);
    let parts = ["1|http://host.invalid/", "2|a"];
    entry(server, |d| d.slot("URI", &parts)).expect_refused(BAD, &["URI", parts[0], "numbered parts", "one value"]);
    entry(server, |d| d.slot("URI", &["a", "b"])).expect_refused(BAD, &["URI", "2 values", "one"]);
    entry(server, |d| d.slot("URI", &[&"u".repeat(256)])).expect_success();
    entry(server, |d| d.slot("URI", &[&"u".repeat(257)])).expect_refused(BAD, &["URI", "'uuu", "257", "256"]);
}

fn r_meta_27_titles(server: &TestServer) {
    let title = |n: usize| "t".repeat(n);
    entry(server, |d| d.named(Some(&title(128)))).expect_success();
    entry(server, |d| d.named(Some(&title(129)))).expect_refused(BAD, &["title", "'ttt", "129", "128"]);
    set(server, |s| s.named(Some(&title(255)))).expect_success();
    set(server, |s| s.named(Some(&title(256)))).expect_refused(BAD, &["title", "'ttt", "256", "255"]);
    folder(server, |f| f.named(Some(&title(256)))).expect_success();
    folder(server, |f| f.named(Some(&title(257)))).expect_refused(BAD, &["title", "'ttt", "257", "256"]);
    let second = "<rim:Name><rim:LocalizedString value=\"another\"/></rim:Name>";
    entry(server, |d| d.raw(second)).expect_refused(BAD, &["title", "2 Name elements", "one"]);
}

fn r_meta_28_comments_are_unbounded(server: &TestServer) {
    entry(server, |d| d.described(&"c".repeat(4000))).expect_success();
}

fn r_meta_29_source_patient_info(server: &TestServer) {
    for bad in ["Somebody", "PID|x", "OBX-5|x", "PID-x|1", "5|x"] {
        entry(server, |d| d.slot("sourcePatientInfo", &[bad])).expect_refused(BAD, &["sourcePatientInfo"]);
    }
    let twice = ["PID-7|1970", "PID-7|1971"];
    entry(server, |d| d.slot("sourcePatientInfo", &twice)).expect_refused(BAD, &["sourcePatientInfo", "PID-7"]);
}

fn pitfall_21_source_patient_info_of_the_field(server: &TestServer) {
    entry(server, |d| d.slot("sourcePatientInfo", &["PID-5|", "PID-5|A~B", "PID-13|^PRN^PH^^^^1"])).expect_success();
}

fn r_meta_30_authors(server: &TestServer) {
    author(server, "authorPerson", &["^A", "^B"]).expect_refused(BAD, &["authorPerson"]);
    entry(server, |d| d.author(DE_AUTHOR, &[("authorRole", &["Radiologist"])])).expect_refused(BAD, &["author"]);
    entry(server, |d| d.author(DE_AUTHOR, &[("authorTelecommunication", &["^^Internet^a@b.invalid"])]))
        .expect_success();
    // nodeRepresentation may be absent (pitfall 22).
    entry(server, |d| d.change_scheme(DE_AUTHOR, |c| c.attributes.retain(|(n, _)| n != "nodeRepresentation")))
        .expect_success();
    for bad in ["x^y", "PRF^^^&2.16.03&ISO"] {
        author(server, "authorRole", &[bad]).expect_refused(BAD, &["authorRole", bad]);
    }
}

fn r_meta_31_unique_ids_are_opaque(server: &TestServer) {
    for id in [format!("{}^ext-1", sample::oid()), sample::uuid(), format!("http://h.invalid/{}", sample::oid())] {
        entry(server, |d| d.identifier(DE_UNIQUE_ID, &id)).expect_success();
    }
    let longest: String = (0..256).map(|_| char::from(b'a' + (sample::number() % 26) as u8)).collect();
    entry(server, |d| d.identifier(DE_UNIQUE_ID, &longest)).expect_success();
    entry(server, |d| d.identifier(DE_UNIQUE_ID, "")).expect_refused(BAD, &["missing uniqueId"]);
    entry(server, |d| d.identifier(DE_UNIQUE_ID, &"9".repeat(257))).expect_refused(BAD, &["uniqueId", "'999", "256"]);
}
