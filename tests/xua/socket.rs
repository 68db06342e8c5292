//! Over a socket, through the listener with mutual TLS: faults, their HTTP status and addressing, order and pace, audit.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use knoop::{
    model::{AuditEvent, XuaMode},
    store::AuditSearch,
};
use libtest_mimic::Trial as Test;

use crate::{
    keys::{self, attacker},
    kit::{self, DS, SAML2, SOAP12, Sample, WSA, WSSE, WSU, at, attribute, audience, security},
    server::{Server, today},
    trials,
};

pub fn trials() -> Vec<Test> {
    trials![
        a_query_with_an_assertion_is_answered,
        faults_have_their_code_text_status_and_addressing,
        x_15_an_assertion_that_ends_while_its_message_comes_is_refused,
        s_xua_03_required_optional_and_off,
        s_xua_03_a_node_has_modes_of_its_own,
        s_xua_30_every_refusal_is_in_the_audit_trail,
        x_19_holder_of_key_is_the_client_of_the_connection,
        s_xua_31_no_refusal_is_quick,
        s_xua_32_a_node_that_is_refused_often_waits,
        nothing_of_an_assertion_is_logged,
    ]
}

const PATIENT: &str = "'P-1^^^&amp;2.999.5&amp;ISO'";

fn query_envelope(message_id: &str, blocks: &str) -> String {
    let slot = |name: &str, value: &str| {
        format!("<rim:Slot name=\"{name}\"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>")
    };
    let body = format!(
        "<query:AdhocQueryRequest xmlns:query=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\" \
         xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"><query:ResponseOption \
         returnComposedObjects=\"true\" returnType=\"ObjectRef\"/><rim:AdhocQuery \
         id=\"urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d\">{}{}</rim:AdhocQuery></query:AdhocQueryRequest>",
        slot("$XDSDocumentEntryPatientId", PATIENT),
        slot("$XDSDocumentEntryStatus", "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"),
    );
    kit::envelope(message_id, blocks, &body)
}

impl Server {
    /// A query that brings these header blocks.
    fn query(&self, message_id: &str, blocks: &str) -> (u16, String) {
        self.send(&query_envelope(message_id, blocks))
    }
}

fn server() -> Server {
    Server::start(XuaMode::Required, None)
}

fn a_query_with_an_assertion_is_answered() {
    let server = server();
    let (status, body) = server.query("urn:uuid:1", &security(&Sample::new(today()).signed()));
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("ResponseStatusType:Success"), "{body}");
}

/// The fault that this header is answered with.
#[track_caller]
fn expect_fault(server: &Server, message_id: &str, blocks: &str, code: &str, text: &str) {
    let (status, body) = server.query(message_id, blocks);
    assert_eq!(status, 400, "{body}");
    let document = roxmltree::Document::parse(&body).unwrap();
    let find = |ns: &str, name: &str| document.descendants().find(|n| n.has_tag_name((ns, name)));
    let value = |parent: &str| {
        let parent = find(SOAP12, parent).unwrap_or_else(|| panic!("no {parent} in {body}"));
        parent.children().find(|n| n.has_tag_name((SOAP12, "Value"))).unwrap()
    };
    let code_value = value("Code");
    assert_eq!(code_value.text(), Some("soap12:Sender"));
    let subcode = value("Subcode");
    let (prefix, local) = subcode.text().unwrap().split_once(':').unwrap();
    let namespace = if code == "MessageExpired" { WSU } else { WSSE };
    assert_eq!((subcode.lookup_namespace_uri(Some(prefix)), local), (Some(namespace), code));
    let reason = find(SOAP12, "Text").unwrap();
    assert_eq!(reason.text(), Some(text));
    assert_eq!(reason.attribute(("http://www.w3.org/XML/1998/namespace", "lang")), Some("en"));
    assert!(find(SOAP12, "Detail").is_none());
    assert_eq!(find(WSA, "Action").unwrap().text(), Some("http://www.w3.org/2005/08/addressing/soap/fault"));
    assert_eq!(find(WSA, "RelatesTo").unwrap().text(), Some(message_id));
}

fn faults_have_their_code_text_status_and_addressing() {
    let server = server();
    let genuine = || Sample::new(today()).signed();
    let changed = |change: fn(&mut Sample)| {
        let mut sample = Sample::new(today());
        change(&mut sample);
        sample.signed()
    };
    let invalid_security = "An error was discovered processing the security header";
    let invalid_token = "An invalid security token was provided";
    let refusals = std::cell::Cell::new(0);
    let check = |number: &str, blocks: &str, code: &str, text: &str| {
        refusals.set(refusals.get() + 1);
        expect_fault(&server, &format!("urn:uuid:{number}"), blocks, code, text);
    };
    check("none", "", "InvalidSecurity", invalid_security);
    check("x-1", &security(&genuine().replace("01.015", "01.016")), "FailedCheck", "The signature was invalid");
    let attacked = attacker().sign(&Sample::new(today()).unsigned());
    check("x-2", &security(&attacked), "FailedCheck", "The signature was invalid");
    check("x-6", &security(&genuine().repeat(2)), "InvalidSecurity", invalid_security);
    let sample = Sample::new(today());
    let twice = format!("<v:x xmlns:v=\"urn:v\" Id=\"{}\"/>{}", sample.id, security(&sample.signed()));
    check("x-7", &twice, "InvalidSecurityToken", invalid_token);
    let sha1 = changed(|s| s.signature.method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1".to_owned());
    check("x-12", &security(&sha1), "UnsupportedAlgorithm", "An unsupported signature algorithm was used");
    let expired = changed(|s| {
        (s.issued, s.not_before) = (at(today(), -600), at(today(), -600));
        s.not_on_or_after = at(today(), -61);
    });
    check("x-15", &security(&expired), "MessageExpired", "The message has expired");
    let early = changed(|s| s.not_before = at(today(), 90));
    check("early", &security(&early), "InvalidSecurityToken", invalid_token);
    let for_others = changed(|s| s.conditions += &audience(&["https://other.example"]));
    check("x-16", &security(&for_others), "InvalidSecurityToken", invalid_token);
    let failed = "The security token could not be authenticated or authorized";
    let stranger = changed(|s| s.issuer = "https://stranger.example".to_owned());
    check("issuer", &security(&stranger), "FailedAuthentication", failed);
    let other_patient = changed(|s| {
        let name = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";
        s.attributes += &attribute(name, &["P-2^^^&amp;2.999.5&amp;ISO"]);
    });
    check("patient", &security(&other_patient), "FailedAuthentication", failed);
    let encrypted = format!("<saml2:EncryptedAssertion xmlns:saml2=\"{SAML2}\"/>");
    check("token", &security(&encrypted), "UnsupportedSecurityToken", "An unsupported token was provided");
    let reference = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:KeyInfo>\
        <wsse:SecurityTokenReference><wsse:Reference URI=\"https://evil.example\"/></wsse:SecurityTokenReference>\
        </ds:KeyInfo></ds:Signature>";
    let text = "Referenced security token could not be retrieved";
    check("reference", &security(&(genuine() + reference)), "SecurityTokenUnavailable", text);
    //
    let blocks = security(&genuine());
    assert_eq!(server.query("urn:uuid:x-17", &blocks).0, 200);
    check("x-17", &blocks, "InvalidSecurityToken", invalid_token);
    assert_eq!(server.query("urn:uuid:x-17-other", &blocks).0, 200);
    // whatever the body holds.
    let body_envelope = query_envelope("urn:uuid:x-8", &security(&genuine()));
    let wrapped = body_envelope.replace("</rim:AdhocQuery>", &format!("{}</rim:AdhocQuery>", genuine()));
    let (status, body) = server.send(&wrapped);
    assert!(status == 400 && body.contains("wsse:InvalidSecurity<"), "{body}");
    // S-XUA-30: each is in the trail.
    let refused = AuditSearch { event: Some("110122".to_owned()), ..AuditSearch::default() };
    assert_eq!(server.audit(&refused).len(), refusals.get() + 1);
    // a fault of XML, before anything else.
    let doctype = format!("<!DOCTYPE x>{}", query_envelope("urn:uuid:x-13", &security(&genuine())));
    let (status, body) = server.send(&doctype);
    assert!(status == 400 && body.contains("document type declaration") && !body.contains("wsse:"), "{body}");
}

fn x_15_an_assertion_that_ends_while_its_message_comes_is_refused() {
    let server = server();
    // 60 seconds are forgiven: it is good for a moment yet.
    let (begun, mut sample) = (today(), Sample::new(today()));
    (sample.issued, sample.not_before, sample.not_on_or_after) = (at(begun, -600), at(begun, -600), at(begun, -58));
    let last = begun + Duration::from_secs(3);
    let (status, body) = server.send_until(&query_envelope("urn:uuid:slow", &security(&sample.signed())), last);
    assert!(status == 400 && body.contains("MessageExpired"), "{body}");
}

fn answers(server: &Server) -> [u16; 3] {
    let broken = security(&Sample::new(today()).signed().replace("01.015", "01.016"));
    let genuine = security(&Sample::new(today()).signed());
    let ask = |message_id, blocks: &str| server.query(message_id, blocks).0;
    [ask("urn:uuid:1", ""), ask("urn:uuid:2", &genuine), ask("urn:uuid:3", &broken)]
}

fn s_xua_03_required_optional_and_off() {
    assert_eq!(answers(&Server::start(XuaMode::Required, None)), [400, 200, 400]);
    assert_eq!(answers(&Server::start(XuaMode::Optional, None)), [200, 200, 400]);
    assert_eq!(answers(&Server::start(XuaMode::Off, None)), [200, 200, 200]);
}

fn s_xua_03_a_node_has_modes_of_its_own() {
    assert_eq!(answers(&Server::start(XuaMode::Required, Some(XuaMode::Off))), [200, 200, 200]);
    assert_eq!(answers(&Server::start(XuaMode::Off, Some(XuaMode::Required))), [400, 200, 400]);
}

fn s_xua_30_every_refusal_is_in_the_audit_trail() {
    let server = server();
    let genuine = Sample::new(today()).signed();
    for (message_id, blocks) in [
        ("urn:uuid:none", String::new()),
        ("urn:uuid:x-1", security(&genuine.replace("01.015", "01.016"))),
        ("urn:uuid:x-6", security(&genuine.repeat(2))),
    ] {
        assert_eq!(server.query(message_id, &blocks).0, 400);
    }
    let refused = AuditSearch { event: Some("110122".to_owned()), ..AuditSearch::default() };
    let mut events: Vec<AuditEvent> = server.audit(&refused);
    events.sort_by_key(|event| event.occurred_ms);
    let told: Vec<(u8, &str, &str)> = events
        .iter()
        .map(|event| {
            let code = event.reason.strip_prefix("knoop:").and_then(|reason| reason.split(' ').next());
            (event.outcome.number(), code.unwrap_or_default(), &*event.participants[0].user_id)
        })
        .collect();
    let claimed = format!("<{}@{}>", kit::NAME_ID, kit::ISSUER);
    assert_eq!(told[0], (4, "XUA-MISSING", "CN=client,O=Invented"), "{told:?}");
    assert_eq!(told[1], (8, "XUA-SIG", &*claimed));
    assert_eq!((told[2].0, told[2].1), (8, "XUA-STRUCT"));
    assert!(events[1].reason.contains("not verified"), "{}", events[1].reason);
    assert_eq!(events[1].participants[1].user_id, "CN=client,O=Invented");
    // The transaction has its row as well.
    let of_query = AuditSearch { event: Some("ITI-18".to_owned()), ..AuditSearch::default() };
    assert_eq!(server.audit(&of_query).len(), 3);
}

fn x_19_holder_of_key_is_the_client_of_the_connection() {
    let server = server();
    let holding = |certificate: &str| {
        let mut sample = Sample::new(today());
        sample.confirmation = format!(
            "<saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:holder-of-key\">\
             <saml2:SubjectConfirmationData><ds:KeyInfo xmlns:ds=\"{DS}\"><ds:X509Data><ds:X509Certificate>{certificate}\
             </ds:X509Certificate></ds:X509Data></ds:KeyInfo></saml2:SubjectConfirmationData></saml2:SubjectConfirmation>"
        );
        security(&sample.signed())
    };
    let (status, body) = server.query("urn:uuid:own", &holding(&keys::text_of(&server.client_certificate)));
    assert_eq!(status, 200, "{body}");
    let failed = "The security token could not be authenticated or authorized";
    let other = holding(&attacker().certificate_text());
    expect_fault(&server, "urn:uuid:other", &other, "FailedAuthentication", failed);
}

fn s_xua_31_no_refusal_is_quick() {
    let server = server();
    let unknown = Sample { issuer: "https://stranger.example".to_owned(), ..Sample::new(today()) }.signed();
    let broken = Sample::new(today()).signed().replace("01.015", "01.016");
    for blocks in [String::new(), security(&unknown), security(&broken)] {
        let started = Instant::now();
        assert_eq!(server.query("urn:uuid:1", &blocks).0, 400);
        assert!(started.elapsed() >= Duration::from_millis(30), "a refusal tells by its time what failed");
    }
}

fn s_xua_32_a_node_that_is_refused_often_waits() {
    let server = server();
    for _ in 0..20 {
        assert_eq!(server.query("urn:uuid:1", "").0, 400);
    }
    let started = Instant::now();
    assert_eq!(server.query("urn:uuid:1", "").0, 400);
    assert!(started.elapsed() >= Duration::from_secs(1), "the twenty-first refusal of a minute waits");
    assert_eq!(server.query("urn:uuid:2", &security(&Sample::new(today()).signed())).0, 200, "and may go on");
}

/// What was logged in this process.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn nothing_of_an_assertion_is_logged() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test logs");
    let server = server();
    let mut sample = Sample::new(today());
    sample.name_id = "Zq7NameId".to_owned();
    sample.attributes = sample.attributes.replace("A. Janssen", "Zq7Janssen");
    let signed = sample.signed();
    let value = signed.split("SignatureValue>").nth(1).unwrap()[..40].trim().to_owned();
    assert_eq!(server.query("urn:uuid:1", &security(&signed)).0, 200);
    for broken in
        [signed.replace("01.015", "01.016"), signed.replace(kit::ISSUER, "https://Zq7Issuer"), signed.repeat(2)]
    {
        assert_eq!(server.query("urn:uuid:2", &security(&broken)).0, 400);
    }
    drop(server);
    let log = String::from_utf8_lossy(&captured.0.lock().unwrap()).into_owned();
    assert!(log.contains("refused a user assertion") && log.contains("XUA-SIG"), "the log was captured");
    for secret in ["Zq7", "Assertion>", "ajanssen", "01.015", &value] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
