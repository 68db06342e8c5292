//! From a signed assertion to a document: over HTTPS, for a user whose assertion the `xmlsec1` command signed, where access rules
//! are enforced. Policy, classes of authentication and code systems are those that are built in.
//!
//! Source: spec security §3.6 and §4.6, together.

use std::{fs, path::PathBuf};

use libtest_mimic::{Completion, Trial};
use serde_json::Value;

use crate::harness::{
    Answer, Found, Query, TestServer,
    calls::{include, provide_xml, queries, retrieve_xml},
    certificates::{Issued, Wanted},
    http::{self, Connection},
    sample::{
        self, Submission,
        names::{CONFIDENTIALITY_CODE, DE_UNIQUE_ID, PRACTICE_SETTING_CODE, SNOMED},
    },
    scratch,
    servers::{Store, until},
    soap::{self, Part, Transaction},
    tls::{Client, https},
    trail, trials,
};

#[expect(dead_code, clippy::unwrap_used, reason = "more of it is used by the tests of assertions, which unwrap")]
#[path = "../xua/keys.rs"]
mod keys;
#[expect(dead_code, clippy::unwrap_used, reason = "more of it is used by the tests of assertions, which unwrap")]
#[path = "../xua/kit.rs"]
mod kit;

/// A test with a store of its own.
type OnStore = fn(Store);

pub fn trials() -> Vec<Trial> {
    let tests: [(&'static str, OnStore); 5] = [
        ("c_01_nothing_is_seen_without_an_answer", c_01_nothing_is_seen_without_an_answer),
        ("c_02_a_permit_shows_what_it_names", c_02_a_permit_shows_what_it_names),
        ("c_06_an_emergency_shows_and_is_recorded_and_told", c_06_an_emergency_shows_and_is_recorded_and_told),
        ("c_16_hidden_documents_and_their_associations_are_absent", c_16_hidden_documents_are_absent),
        ("x_17_an_assertion_is_of_one_node_and_a_message_of_one_use", x_17_an_assertion_is_of_one_node),
    ];
    let commands = keys::available();
    let of = |(name, test): (&'static str, OnStore)| match &commands {
        Ok(()) => trials::own(module_path!(), name, test),
        Err(reason) => {
            let reason = reason.clone();
            let ignored = move || Ok(Completion::ignored_with(reason));
            vec![Trial::ignorable_test(format!("asserted::{name}"), ignored)]
        }
    };
    tests.into_iter().flat_map(of).collect()
}

/// Hospital A, which owns the documents.
const A: &str = "2.999.10";
/// Hospital B, which asks for them.
const B: &str = "2.999.20";
/// Hospital C.
const C: &str = "2.999.21";

#[expect(clippy::disallowed_methods, reason = "the server runs by the clock of the machine")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A server, the token service that it trusts, and three documents of hospital A: D1 (a letter), D2 (R, ggz), D3 (a letter, V).
struct Region {
    server: TestServer,
    authority: Issued,
    folder: PathBuf,
    /// The system of hospital A.
    client: Client,
    patient: String,
    /// uniqueIds of D1, D2 and D3.
    documents: [String; 3],
}

/// A hospital with its system.
struct Hospital<'a> {
    region: &'a Region,
    client: Client,
    organisation: &'static str,
}

impl Region {
    fn new(store: Store) -> Self {
        let folder = scratch::directory(&format!("asserted-{:x}", sample::number()));
        let authority = Issued::root("region", now().as_second());
        let file = |name: &str, content: &[u8]| {
            let file = folder.join(name);
            fs::write(&file, content).expect("written");
            file.display().to_string()
        };
        let key = keys::sts().path("cert.pem");
        let issuers = format!("[[issuer]]\nentity_id = \"{}\"\nkeys = [\"{}\"]\n", kit::ISSUER, key.display());
        let server = TestServer::prepare(store)
            .expect("there is a database")
            .with_tls()
            // As they are unless somebody says otherwise.
            .setting("xua.iti18", "required")
            .setting("xua.iti43", "required")
            .setting("xua.issuers", &file("issuers.toml", issuers.as_bytes()))
            .setting("xua.audiences", kit::AUDIENCE)
            .setting("tls.trust.region.file", &file("region.pem", &authority.pem()))
            .setting("tls.trust.region.revocation", "none")
            .start()
            .expect("the server starts");
        let patient = sample::patient();
        let letter = || sample::provided(&patient);
        let documents = [
            letter(),
            letter()
                .without_scheme(CONFIDENTIALITY_CODE)
                .code(CONFIDENTIALITY_CODE, "R", "2.16.840.1.113883.5.25")
                .without_scheme(PRACTICE_SETTING_CODE)
                .code(PRACTICE_SETTING_CODE, "394587001", SNOMED),
            letter().without_scheme(CONFIDENTIALITY_CODE).code(CONFIDENTIALITY_CODE, "V", "2.16.840.1.113883.5.25"),
        ];
        let ids = [0, 1, 2].map(|n| documents[n].unique_id());
        let mut region = Self { server, authority, folder, client: Client::anonymous(), patient, documents: ids };
        region.client = region.hospital("hospital-a", A).client;
        // A push needs no assertion.
        let submission = Submission::with(&region.patient, &[&documents[0], &documents[1], &documents[2]]);
        let elements: Vec<(String, String)> =
            documents.iter().map(|it| (it.id(), include(&format!("cid:{}@test.invalid", it.id())))).collect();
        let elements: Vec<(&str, String)> = elements.iter().map(|(id, xop)| (id.as_str(), xop.clone())).collect();
        let part = |it: &sample::Object| {
            Part::new(&format!("{}@test.invalid", it.id()), "application/octet-stream", it.unique_id().as_bytes())
        };
        let parts: Vec<Part> = documents.iter().map(part).collect();
        region.a().send(Transaction::Iti41, "", &provide_xml(&submission, &elements), Some(&parts)).expect_success();
        region
    }

    fn knoop(&self, arguments: &[&str]) -> String {
        let data = self.server.prepared.data.display().to_string();
        let output = self.server.prepared.command(arguments).args(["--data", &data]).output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Admits the system of a hospital, which may bring the assertions of the token service.
    fn hospital(&self, name: &str, organisation: &'static str) -> Hospital<'_> {
        let issued = self.authority.issue(&Wanted { common_name: name, ..Wanted::default() });
        let file = self.folder.join(format!("{name}.pem"));
        fs::write(&file, issued.pem()).expect("written");
        let certificate = file.display().to_string();
        let of = ["--organisation", organisation, "--organisation-name", name, "--category", "ziekenhuis"];
        let may = ["--role", "source,consumer", "--certificate", &certificate, "--issuer-of-assertions", kit::ISSUER];
        self.knoop(&[&["node", "add", name][..], &of, &may].concat());
        let client = Client::new(&issued, &[]);
        until(|| client.status(&self.server) == Ok(200));
        Hospital { region: self, client, organisation }
    }

    fn a(&self) -> Hospital<'_> {
        Hospital { region: self, client: self.client.clone(), organisation: A }
    }

    /// Where the documents are.
    fn repository(&self) -> String {
        self.a().own().1
    }

    /// Records that hospitals may see letters of hospitals.
    fn permit_letters(&self) {
        let whom =
            ["--patient", &self.patient, "--source", "category:ziekenhuis", "--requester", "category:ziekenhuis"];
        self.knoop(&[&["consent", "add"][..], &whom, &["--for", "letters", "--answer", "permit"]].concat());
    }

    fn find_documents(&self) -> Query {
        Query::find_documents(&self.patient)
    }

    /// Events of this code and outcome.
    fn events(&self, code: &str, outcome: &str) -> Vec<Value> {
        trail::events(&self.server, &["--event", code, "--outcome", outcome])
    }

    /// Both transactions were refused once, for this reason and to this person, and a restricted function was used twice.
    #[track_caller]
    fn expect_refusals(&self, reason: &str) {
        for (event, count) in [("ITI-18", 1), ("ITI-43", 1), ("110132", 2)] {
            let told = self.events(event, "8");
            assert_eq!(told.len(), count, "{event}: {told:?}");
            for event in told {
                assert!(trail::text(&event, "/reason").contains(reason), "{event}");
                assert!(event.to_string().contains(kit::NAME_ID), "{event}");
            }
        }
    }
}

impl Hospital<'_> {
    /// An assertion about a physician of this hospital.
    fn physician(&self, purpose: &str) -> String {
        let mut sample = kit::Sample::new(now());
        let own = format!("urn:oid:{}<", self.organisation);
        let purpose = format!("code=\"{purpose}\"");
        sample.attributes = sample.attributes.replace("urn:oid:2.999.7<", &own).replace("code=\"TREAT\"", &purpose);
        sample.signed()
    }

    /// Sends a body with this assertion, if any; with parts as MTOM.
    fn send(&self, transaction: Transaction, assertion: &str, body: &str, parts: Option<&[Part]>) -> Answer {
        self.send_as(&sample::uuid(), transaction, assertion, body, parts)
    }

    fn send_as(
        &self,
        message_id: &str,
        transaction: Transaction,
        assertion: &str,
        body: &str,
        parts: Option<&[Part]>,
    ) -> Answer {
        let security = if assertion.is_empty() { String::new() } else { kit::security(assertion) };
        let headers = format!(
            "<wsa:Action soap:mustUnderstand=\"1\">{}</wsa:Action><wsa:MessageID>{message_id}</wsa:MessageID>{security}",
            transaction.action()
        );
        let envelope = soap::envelope_with(&headers, body);
        let (content_type, octets) = match parts {
            None => (transaction.simple_content_type(), envelope.into_bytes()),
            Some(parts) => {
                let all = [&[Part::root(&envelope)], parts].concat();
                (soap::mtom_content_type(transaction.action()), soap::package(&all))
            }
        };
        let address = https(&self.region.server);
        let mut connection = Connection::over(self.client.connect(address).expect("connected"));
        let head = http::post_head(address, transaction.path(), &content_type, octets.len());
        connection.send(head.as_bytes()).expect("sent");
        connection.send(&octets).expect("sent");
        Answer::read(connection.receive().expect("an answer"))
    }

    fn query(&self, assertion: &str, query: &Query) -> Vec<Found> {
        self.send(Transaction::Iti18, assertion, &query.xml(), None).expect_success().objects()
    }

    /// uniqueIds of the patient's documents.
    fn finds(&self, assertion: &str) -> Vec<String> {
        let found = self.query(assertion, &self.region.find_documents());
        let mut ids: Vec<String> =
            found.iter().map(|it| it.identifier(DE_UNIQUE_ID).expect("a uniqueId").to_owned()).collect();
        ids.sort_unstable();
        ids
    }

    fn retrieve(&self, assertion: &str, repository: &str, unique_id: &str) -> Answer {
        self.send(Transaction::Iti43, assertion, &retrieve_xml(&[(None, repository, unique_id)]), Some(&[]))
    }

    /// The entryUUIDs of D1, D2 and D3, and the repository that has them, as this hospital sees its own.
    fn own(&self) -> ([String; 3], String) {
        let found = self.query(&self.physician("TREAT"), &self.region.find_documents());
        assert_eq!(found.len(), 3, "what is the hospital's own");
        let of = |unique_id: &String| {
            let is_it = |it: &&Found| it.identifier(DE_UNIQUE_ID) == Some(unique_id);
            found.iter().find(is_it).expect("it is there").id().to_owned()
        };
        let uuids = [0, 1, 2].map(|n| of(&self.region.documents[n]));
        (uuids, found[0].value("repositoryUniqueId").expect("a repository").to_owned())
    }
}

fn c_01_nothing_is_seen_without_an_answer(store: Store) {
    let region = Region::new(store);
    let (b, repository) = (region.hospital("hospital-b", B), region.repository());
    assert_eq!(b.finds(&b.physician("TREAT")), [""; 0]);
    let refused = b.retrieve(&b.physician("TREAT"), &repository, &region.documents[0]);
    refused.expect_codes(&["XDSDocumentUniqueIdError"]);
    region.expect_refusals("CON-NOANSWER");
    // Nobody asks without saying for whom.
    let missing = b.send(Transaction::Iti18, "", &region.find_documents().xml(), None);
    missing.expect_fault(400, "Sender", "InvalidSecurity");
}

fn c_02_a_permit_shows_what_it_names(store: Store) {
    let region = Region::new(store);
    let (b, repository) = (region.hospital("hospital-b", B), region.repository());
    region.permit_letters();
    let assertion = b.physician("TREAT");
    let [d1, d2, d3] = &region.documents;
    assert_eq!(b.finds(&assertion), std::slice::from_ref(d1));
    let given = b.retrieve(&assertion, &repository, d1).expect_success();
    assert_eq!(given.documents(), [(d1.clone(), "text/plain".to_owned(), d1.clone().into_bytes())]);
    for hidden in [d2, d3] {
        b.retrieve(&assertion, &repository, hidden).expect_codes(&["XDSDocumentUniqueIdError"]);
    }
    // Research is refused, whatever was permitted (C-17).
    assert_eq!(b.finds(&b.physician("HRESCH")), [""; 0]);
}

fn c_06_an_emergency_shows_and_is_recorded_and_told(store: Store) {
    let region = Region::new(store);
    let (b, repository) = (region.hospital("hospital-b", B), region.repository());
    let assertion = b.physician("ETREAT");
    let [d1, d2, d3] = &region.documents;
    let mut shown = [d1.clone(), d2.clone()];
    shown.sort_unstable();
    assert_eq!(b.finds(&assertion), shown);
    for given in [d1, d2] {
        b.retrieve(&assertion, &repository, given).expect_success();
    }
    b.retrieve(&assertion, &repository, d3).expect_codes(&["XDSDocumentUniqueIdError"]);
    let begun = region.events("110127", "0");
    assert_eq!(begun.len(), 1, "{begun:?}");
    let told = begun[0].to_string();
    assert!(told.contains(kit::NAME_ID) && told.contains(&region.patient), "{told}");
    // On the list of the privacy officer, until somebody closes it.
    let listed = || {
        let text = region.knoop(&["consent", "emergencies", "--json"]);
        let listed: Value = serde_json::from_str(&text).expect("JSON");
        let all = listed["emergencies"].as_array().expect("a list");
        all.iter().filter(|it| it["patient"] == region.patient.as_str()).cloned().collect::<Vec<Value>>()
    };
    until(|| listed().len() == 1 && listed()[0]["notified"].is_string());
    assert_eq!(listed()[0]["person"], format!("{}|{}", kit::ISSUER, kit::NAME_ID));
}

fn c_16_hidden_documents_are_absent(store: Store) {
    let region = Region::new(store);
    let b = region.hospital("hospital-b", B);
    region.permit_letters();
    let (uuids, _) = region.a().own();
    let [d1, d2, d3] = &uuids;
    let assertion = b.physician("TREAT");
    let hidden = |found: &[Found]| {
        let names = |it: &Found, id: &String| {
            [it.id(), it.get("sourceObject").unwrap_or(""), it.get("targetObject").unwrap_or("")].contains(&id.as_str())
        };
        assert!(found.iter().any(|it| names(it, d1)) && !found.iter().any(|it| names(it, d2) || names(it, d3)));
    };
    assert_eq!(b.query(&assertion, &Query::get_documents(&[d3])).len(), 0);
    assert_eq!(b.query(&assertion, &Query::get_documents(&[d1, d3])).len(), 1);
    let approved = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved";
    let all = Query::new(queries::GET_ALL)
        .text("$patientId", &region.patient)
        .list("$XDSDocumentEntryStatus", &[approved])
        .list("$XDSSubmissionSetStatus", &[approved])
        .list("$XDSFolderStatus", &[approved]);
    let found = b.query(&assertion, &all);
    // The set, D1 and the one association between them.
    assert_eq!(found.len(), 3);
    hidden(&found);
    let set = found.iter().find(|it| it.element == "RegistryPackage").expect("the set").id().to_owned();
    let contents = Query::new(queries::GET_SUBMISSION_SET_AND_CONTENTS).text("$XDSSubmissionSetEntryUUID", &set);
    let found = b.query(&assertion, &contents);
    assert_eq!(found.len(), 3);
    hidden(&found);
}

fn x_17_an_assertion_is_of_one_node(store: Store) {
    let region = Region::new(store);
    let (b, c) = (region.hospital("hospital-b", B), region.hospital("hospital-c", C));
    let assertion = b.physician("TREAT");
    let query = region.find_documents().xml();
    let ask = |hospital: &Hospital<'_>, message_id: &str| {
        hospital.send_as(message_id, Transaction::Iti18, &assertion, &query, None)
    };
    let (first, second) = (sample::uuid(), sample::uuid());
    ask(&b, &first).expect_success();
    ask(&b, &first).expect_fault(400, "Sender", "InvalidSecurityToken");
    ask(&b, &second).expect_success();
    assert_eq!(region.events("110132", "8").len(), 2, "both queries found nothing that may be seen");
    ask(&c, &sample::uuid()).expect_fault(400, "Sender", "InvalidSecurityToken");
    let refused = region.events("110122", "8");
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|event| trail::text(event, "/reason").contains("XUA-REPLAY")), "{refused:?}");
    // S-XUA-21: that another node has it is an alert.
    let alerts = region.events("110132", "8");
    let alert = alerts.last().expect("an alert");
    assert_eq!(alerts.len(), 3);
    assert!(
        trail::text(alert, "/reason").contains("XUA-REPLAY") && alert.to_string().contains("hospital-c"),
        "{alert}"
    );
}
