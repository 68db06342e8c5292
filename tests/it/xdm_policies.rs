//! ITI-32, Portable Media Importer: what a house may decide otherwise than by default. Settings of `[xdm]`.

use std::{fs, path::Path};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::{
    harness::{
        Found, Query, TestServer, plain, queries,
        sample::{
            self, Object,
            names::{self, APND, CONFIDENTIALITY_CODE, DE_UNIQUE_ID, SS_SOURCE_ID, SS_UNIQUE_ID},
        },
        scratch,
        servers::{Prepared, Store},
    },
    xdm_import::{codes, document, entries, import, kept, media_events, prepared, set_of, tree, zipped},
    xdm_pack::{
        dicom,
        package::{Opened, pack},
    },
};

pub fn trials() -> Vec<Trial> {
    plain![
        r_32_16_the_community_stays_where_it_is_wanted,
        r_32_36_a_wrong_hash_is_taken_with_the_right_to_it_only,
        r_32_39_a_document_of_another_patient_waits_for_a_look,
        r_32_39_the_patient_who_is_named_is_compared_too,
        r_32_40_confidentiality_codes_of_this_house,
        r_32_55_r_32_59_what_is_missing_is_taken_from_the_document,
        r_32_56_a_set_gets_an_identity_of_this_house,
        r_32_58_strict_refuses_what_leads_nowhere,
    ]
    .into()
}

fn own() -> Prepared {
    prepared(Store::Sqlite)
}

/// The submission set of a document.
fn submission_set(server: &TestServer, document: &Object) -> Found {
    let query = Query::new(queries::GET_SUBMISSION_SETS).list("$uuid", &[&server.entry_uuid(&document.unique_id())]);
    let found = server.query(&query).objects().into_iter().filter(|it| it.element == "RegistryPackage");
    let [set] = found.collect::<Vec<_>>().try_into().expect("one submission set");
    set
}

/// homeCommunityId of each object of a set that may have one.
fn homes(package: &Path) -> Vec<String> {
    let package = Opened::zip(package);
    let set = package.set("SUBSET01");
    let objects = [set.entries(), set.folders(), vec![set.submission_set()]].concat();
    objects.iter().map(|object| object.attribute("home").to_owned()).collect()
}

fn r_32_16_the_community_stays_where_it_is_wanted() {
    let own = own().setting("registry.home_community_id", "urn:oid:2.999.7.1");
    let patient = sample::patient();
    let good = document(&patient, "A.TXT", b"good");
    let folder = sample::folder(&patient).with_id(&sample::uuid());
    let submission = set_of(&patient, &[&good]).folder(&folder).member(&folder.id(), &good.id());
    let theirs = submission.set(|set| set.set("home", "urn:oid:2.999.9")).xml();
    let theirs = theirs.replacen("<rim:ExtrinsicObject ", "<rim:ExtrinsicObject home=\"urn:oid:2.999.9\" ", 1);
    let top = tree(&[(&set_of(&patient, &[&good]), &[("A.TXT", b"good")])]);
    fs::write(top.join("IHE_XDM/SUBSET01/METADATA.XML"), theirs).expect("room");
    import(0, &own, &zipped(&top), &[]);
    let server = own.clone().start().expect("it starts");
    let packed = |server: &TestServer, more: &[&str]| {
        let (package, _) = pack(server, &[&["--patient", &*patient, "--as-submitted"], more].concat());
        homes(&package)
    };
    assert_eq!(packed(&server, &[]), ["", "", ""], "it has no meaning off line");
    assert_eq!(packed(&server, &["--keep-home"]), ["urn:oid:2.999.7.1"; 3], "ours, as a query answers");
    drop(server);

    for (settings, option, kept) in
        [("false", None, ""), ("false", Some("--keep-home"), "urn:oid:2.999.9"), ("true", None, "urn:oid:2.999.9")]
    {
        let prepared = prepared(Store::Sqlite).setting("xdm.keep_home", settings);
        import(0, &prepared, &zipped(&top), option.as_slice());
        let server = prepared.start().expect("it starts");
        let entries = entries(&server, &patient);
        assert_eq!(entries[0].get("home").unwrap_or_default(), kept, "{settings} {option:?}");
        assert_eq!(submission_set(&server, &good).get("home").unwrap_or_default(), kept);
        let repository = entries[0].value("repositoryUniqueId").expect("set by the repository");
        assert_eq!(server.retrieve(&[(None, repository, &good.unique_id())]).documents()[0].2, b"good");
        if settings == "true" {
            assert_eq!(packed(&server, &[]), [kept, "", kept], "the setting holds for both ways");
        }
    }
}

fn r_32_36_a_wrong_hash_is_taken_with_the_right_to_it_only() {
    let prepared = own();
    let patient = sample::patient();
    let [one, two] = [document(&patient, "A.TXT", b"stated"), document(&patient, "B.TXT", b"stated too")];
    let submission = set_of(&patient, &[&one, &two]);
    let package = zipped(&tree(&[(&submission, &[("A.TXT", b"differ"), ("B.TXT", b"other size")])]));
    let mut found = codes(&import(1, &prepared, &package, &[]));
    found.sort_unstable();
    assert_eq!(found, ["XdmHashMismatch", "XdmHashMismatch"]);
    let (data, name) = (prepared.data.display().to_string(), package.display().to_string());
    let arguments = ["xdm", "import", &name, "--override", "1", "--data", &data];
    let refused = prepared.command(&arguments).output().expect("it runs");
    assert_eq!(refused.status.code(), Some(2), "nobody has the right");
    let prepared = prepared.setting("xdm.override", "true");
    assert_eq!(import(1, &prepared, &package, &[])["outcome"], "none", "nobody asked for it");
    assert_eq!(kept(&prepared), 0);
    let taken = import(0, &prepared, &package, &["--override", "1"]);
    assert_eq!((&taken["outcome"], &taken["sets"][0]["documents"][0]["verified"]), (&"all".into(), &false.into()));
    let detail = media_events(&prepared)
        .iter()
        .filter(|event| event["outcome"] == "Success")
        .map(Value::to_string)
        .collect::<String>();
    assert!(detail.contains("in spite of a wrong hash"), "the audit tells of it: {detail}");
    let server = prepared.start().expect("it starts");
    let hash: String = openssl::sha::sha1(b"differ").iter().map(|octet| format!("{octet:02x}")).collect();
    let entries = entries(&server, &patient);
    let entry = entries.iter().find(|it| it.identifier(DE_UNIQUE_ID) == Some(&one.unique_id())).expect("is there");
    assert_eq!(entry.value("hash"), Some(hash.as_str()), "computed anew");
    let comments = submission_set(&server, &one).description.unwrap_or_default();
    assert!(comments.contains("in spite of a wrong hash"), "{comments}");
}

fn cda(id: &str, family: &str, born: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\"><code code=\"34133-9\" \
         codeSystem=\"2.16.840.1.113883.6.1\" displayName=\"Summary\"/><effectiveTime value=\"20260314091500+0100\"/>\
         <confidentialityCode code=\"R\" codeSystem=\"2.16.840.1.113883.5.25\"/><languageCode code=\"nl-NL\"/>\
         <recordTarget><patientRole><id root=\"2.999.7.1\" extension=\"{id}\"/><patient><name><family>{family}</family>\
         </name><birthTime value=\"{born}\"/></patient></patientRole></recordTarget><component/></ClinicalDocument>"
    )
}

/// The number of a sample patient.
fn number(patient: &str) -> &str {
    patient.split('^').next().unwrap_or_default()
}

fn clinical(patient: &str, text: &str) -> Object {
    let info = ["PID-5|Voorbeeld^Ada", "PID-7|19700101"];
    document(patient, "A.XML", text.as_bytes()).set("mimeType", "text/xml").slot("sourcePatientInfo", &info)
}

fn r_32_39_a_document_of_another_patient_waits_for_a_look() {
    let prepared = own();
    let patient = sample::patient();
    let ours = number(&patient).to_owned();
    for (text, is_other) in [
        (cda(&ours, "Anders", "19800101"), false),
        (cda("Q-77", "Voorbeeld", "19700101"), true),
        (cda("", "VOORBEELD", "19700101"), false),
        (cda("", "Anders", "19700101"), true),
        (cda("", "Voorbeeld", "19800101"), true),
    ] {
        let other = clinical(&patient, &text);
        let package = zipped(&tree(&[(&set_of(&patient, &[&other]), &[("A.XML", text.as_bytes())])]));
        let found = import(i32::from(is_other), &prepared, &package, &["--dry-run"]);
        let expected = if is_other { vec!["XdmPatientDiffersInside".to_owned()] } else { Vec::new() };
        assert_eq!((codes(&found), found["sets"][0]["state"] == "held"), (expected, is_other), "{found}");
        let message = found["sets"][0]["findings"].to_string();
        assert!(!message.contains("Anders") && !message.contains("Q-77"), "no patient in a text of ours");
        if is_other {
            assert_eq!(import(0, &prepared, &package, &["--looked-at"])["outcome"], "all");
            let prepared = prepared.clone().setting("xdm.look_inside", "false");
            assert_eq!(codes(&import(0, &prepared, &package, &["--dry-run"])), Vec::<String>::new());
        }
    }
    let Some(samples) = dicom::samples() else { return };
    let octets = fs::read(samples.join("ct/IM0001.dcm")).expect("a sample");
    let image = document(&patient, "IM1", &octets).set("mimeType", "application/dicom");
    let image = image.slot("sourcePatientInfo", &["PID-5|Anders^Ada", "PID-7|19000101"]);
    let package = zipped(&tree(&[(&set_of(&patient, &[&image]), &[("IM1", &octets)])]));
    assert_eq!(codes(&import(1, &prepared, &package, &[])), ["XdmPatientDiffersInside"]);
}

fn r_32_39_the_patient_who_is_named_is_compared_too() {
    let prepared = own();
    let (ours, other) = (sample::patient(), sample::patient());
    let theirs = "F-1^^^&2.999.99.1&ISO";
    let text = cda(number(&ours), "Voorbeeld", "19700101");
    let letter = clinical(theirs, &text).slot("sourcePatientId", &[theirs]);
    let package = zipped(&tree(&[(&set_of(theirs, &[&letter]), &[("A.XML", text.as_bytes())])]));
    let held = import(1, &prepared, &package, &["--patient", &other]);
    assert_eq!((codes(&held), &held["sets"][0]["state"]), (vec!["XdmPatientDiffersInside".to_owned()], &"held".into()));
    assert_eq!(kept(&prepared), 0);
    assert_eq!(import(0, &prepared, &package, &["--patient", &other, "--looked-at", "--dry-run"])["outcome"], "all");
    assert_eq!(import(0, &prepared, &package, &["--patient", &ours])["outcome"], "all");
}

fn r_32_40_confidentiality_codes_of_this_house() {
    let config = scratch::directory("xdm-policies").join(format!("{}.toml", sample::number()));
    let rule =
        "[xdm.confidentiality.clinic]\nfrom = \"VIP^2.999.20.5\"\nto = \"R^restricted^2.16.840.1.113883.5.25\"\n";
    fs::write(&config, rule).expect("room");
    let prepared = own();
    let patient = sample::patient();
    let [vip, plain] = ["A.TXT", "B.TXT"].map(|name| document(&patient, name, name.as_bytes()));
    let vip = vip.code(CONFIDENTIALITY_CODE, "VIP", "2.999.20.5");
    let package = zipped(&tree(&[(&set_of(&patient, &[&vip, &plain]), &[("A.TXT", b"A.TXT"), ("B.TXT", b"B.TXT")])]));
    import(0, &prepared, &package, &["--config", &config.display().to_string()]);
    let server = prepared.start().expect("it starts");
    let found = entries(&server, &patient);
    for (document, code) in [(&vip, "R"), (&plain, "N")] {
        let entry =
            found.iter().find(|it| it.identifier(DE_UNIQUE_ID) == Some(&document.unique_id())).expect("is there");
        assert_eq!(entry.codes(CONFIDENTIALITY_CODE), [code]);
    }
}

fn r_32_55_r_32_59_what_is_missing_is_taken_from_the_document() {
    let prepared = own();
    let patient = sample::patient();
    let text = cda(number(&patient), "Voorbeeld", "19700101");
    let lacking = [names::TYPE_CODE, CONFIDENTIALITY_CODE]
        .iter()
        .fold(clinical(&patient, &text), |entry, scheme| entry.without_scheme(scheme))
        .without_slot("creationTime")
        .without_slot("languageCode")
        .without_slot("serviceStartTime")
        .without_slot("serviceStopTime");
    let package = zipped(&tree(&[(&set_of(&patient, &[&lacking]), &[("A.XML", text.as_bytes())])]));
    let without = prepared.clone().setting("xdm.look_inside", "false");
    assert_eq!(codes(&import(1, &without, &package, &[])), ["XdmIncompleteMetadata"]);
    assert_eq!(codes(&import(0, &prepared, &package, &[])), Vec::<String>::new());
    let server = prepared.start().expect("it starts");
    let found = entries(&server, &patient);
    assert_eq!(found[0].value("creationTime"), Some("20260314081500"), "as UTC");
    assert_eq!(found[0].value("languageCode"), Some("nl-NL"));
    for (scheme, code) in [(names::TYPE_CODE, "34133-9"), (CONFIDENTIALITY_CODE, "R")] {
        assert_eq!(found[0].codes(scheme), [code]);
    }
}

fn r_32_56_a_set_gets_an_identity_of_this_house() {
    let prepared = own().setting("xdm.identity", "mint").setting("xdm.source_id", "2.999.1.3");
    let patient = sample::patient();
    let good = document(&patient, "A.TXT", b"good");
    let submission = set_of(&patient, &[&good]);
    let package = zipped(&tree(&[(&submission, &[("A.TXT", b"good")])]));
    import(0, &prepared, &package, &[]);
    assert_eq!(import(0, &prepared, &package, &[])["outcome"], "already_present", "not a second time");
    let server = prepared.start().expect("it starts");
    let set = submission_set(&server, &good);
    let old = submission.set.identified(SS_UNIQUE_ID);
    assert_ne!(set.identifier(SS_UNIQUE_ID), Some(old.as_str()));
    assert_eq!(set.identifier(SS_SOURCE_ID), Some("2.999.1.3"));
    let comments = set.description.clone().unwrap_or_default();
    assert!(comments.contains(&old), "{comments}");
    assert_eq!(entries(&server, &patient)[0].identifier(DE_UNIQUE_ID), Some(good.unique_id().as_str()));
}

fn r_32_58_strict_refuses_what_leads_nowhere() {
    let prepared = own();
    let patient = sample::patient();
    let good = document(&patient, "A.TXT", b"good");
    let submission = set_of(&patient, &[&good]).relate(APND, &good.id(), &sample::uuid());
    let package = zipped(&tree(&[(&submission, &[("A.TXT", b"good")])]));
    let strict = prepared.clone().setting("xdm.unresolved", "strict");
    let refused = import(1, &strict, &package, &[]);
    assert_eq!(
        (codes(&refused), &refused["outcome"]),
        (vec!["UnresolvedReferenceException".to_owned()], &"none".into())
    );
    assert_eq!(kept(&prepared), 0);
    assert_eq!(codes(&import(0, &prepared, &package, &[])), ["PartialRelationshipContentNotProcessed"]);
}
