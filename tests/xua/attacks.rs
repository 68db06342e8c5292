//! attacks on the signature, on its place, on time and audience. X-17 stands in `ledger`; `socket` tries many of
//! them again on the wire.

use knoop::security::assertion::{FaultCode, Reason};
use libtest_mimic::Trial as Test;

use crate::{
    keys::{KeyPair, Kind, attacker, sts},
    kit::{
        AUDIENCE, DS, ENVELOPED, EXCLUSIVE, NAME_ID, SAML2, Sample, Trial, WSSE, WSU, around, at, audience, envelope,
        judge, now, receive, refused, security, with_template, without_signature,
    },
    trials,
};

pub fn trials() -> Vec<Test> {
    trials![
        a_genuine_assertion_gives_its_user,
        x_01_a_changed_value_fails_the_check,
        x_02_a_key_of_somebody_else_in_key_info_is_no_key,
        x_03_hmac_with_the_public_key_is_no_signature,
        x_04_a_forged_assertion_around_the_genuine_one,
        x_05_the_genuine_one_in_an_object_of_the_signature,
        x_06_a_forged_sibling,
        x_07_an_id_given_twice,
        x_08_the_genuine_one_in_the_body,
        x_09_the_genuine_one_in_another_header,
        x_10_a_comment_in_the_name_changes_nothing,
        x_11_an_xpath_transform_is_refused,
        x_12_sha_1_comments_and_inclusive_canonicalisation_are_refused,
        x_13_a_document_type_is_refused,
        x_14_prefixes_mean_nothing,
        x_15_an_end_within_the_skew,
        x_16_every_audience_restriction_counts,
        x_18_two_signatures_two_references_or_the_whole_document,
        x_19_holder_of_key_wants_the_key_of_the_connection,
    ]
}

fn a_genuine_assertion_gives_its_user() {
    let sample = Sample::new(now());
    let user = judge(&around(&sample.signed())).unwrap();
    assert_eq!((&*user.name_id, &*user.alias, &*user.name), (NAME_ID, "ajanssen", "A. Janssen"));
    assert_eq!(&*user.assertion_id, sample.id);
}

fn x_01_a_changed_value_fails_the_check() {
    let signed = Sample::new(now()).signed().replace("01.015", "01.016");
    refused(&around(&signed), Reason::Signature, FaultCode::FailedCheck);
}

fn x_02_a_key_of_somebody_else_in_key_info_is_no_key() {
    let signed = attacker().sign(&Sample::new(now()).unsigned());
    assert!(signed.contains("X509Certificate"), "the certificate is in KeyInfo");
    refused(&around(&signed), Reason::Signature, FaultCode::FailedCheck);
}

fn x_03_hmac_with_the_public_key_is_no_signature() {
    let mut sample = Sample::new(now());
    sample.signature.method = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256".to_owned();
    sample.signature.key_info = String::new();
    let secret = sts().path("pub.pem").display().to_string();
    let signed = sts().sign_with(&sample.unsigned(), &["--hmackey", &secret]);
    refused(&around(&signed), Reason::Algorithm, FaultCode::UnsupportedAlgorithm);
}

/// A forged assertion without signature, and a genuine one.
fn forged_and_genuine() -> (Sample, String) {
    let mut forged = Sample::new(now());
    forged.name_id = "mallory@evil.example".to_owned();
    (forged, Sample::new(now()).signed())
}

fn x_04_a_forged_assertion_around_the_genuine_one() {
    let (mut forged, genuine) = forged_and_genuine();
    forged.conditions.push_str("");
    let advice = format!("<saml2:Advice>{genuine}</saml2:Advice>");
    let forged = without_signature(&forged).replace("</saml2:Conditions>", &format!("</saml2:Conditions>{advice}"));
    refused(&around(&forged), Reason::Structure, FaultCode::InvalidSecurity);
}

fn x_05_the_genuine_one_in_an_object_of_the_signature() {
    let (forged, genuine) = forged_and_genuine();
    let start = genuine.find("<ds:Signature").unwrap();
    let end = genuine.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let (signature, bare) = (genuine[start..end].to_owned(), [&genuine[..start], &genuine[end..]].concat());
    let object = format!("<ds:Object>{bare}</ds:Object></ds:Signature>");
    let signature = signature.replace("</ds:Signature>", &object);
    let wrapped = forged.unsigned().replace(&forged.signature.xml(), &signature);
    refused(&around(&wrapped), Reason::Structure, FaultCode::InvalidSecurity);
}

fn x_06_a_forged_sibling() {
    let (forged, genuine) = forged_and_genuine();
    let forged = without_signature(&forged);
    refused(&around(&format!("{forged}{genuine}")), Reason::Structure, FaultCode::InvalidSecurity);
    refused(&around(&format!("{genuine}{forged}")), Reason::Structure, FaultCode::InvalidSecurity);
}

fn x_07_an_id_given_twice() {
    let sample = Sample::new(now());
    let (signed, id) = (sample.signed(), &sample.id);
    let wsu = format!("xmlns:wsu=\"{WSU}\"");
    for attribute in [
        format!("ID=\"{id}\""),
        format!("Id=\"{id}\""),
        format!("id=\"{id}\""),
        format!("AssertionID=\"{id}\""),
        format!("xml:id=\"{id}\""),
        format!("{wsu} wsu:Id=\"{id}\""),
        format!("xml:id=\" {id}\n\""),
    ] {
        let before =
            envelope("urn:uuid:1", &format!("<v:x xmlns:v=\"urn:v\" {attribute}/>{}", security(&signed)), "<x/>");
        let after =
            envelope("urn:uuid:1", &format!("{}<v:x xmlns:v=\"urn:v\" {attribute}/>", security(&signed)), "<x/>");
        let body = envelope("urn:uuid:1", &security(&signed), &format!("<x><y {attribute}/></x>"));
        for envelope in [before, after, body] {
            refused(&envelope, Reason::Id, FaultCode::InvalidSecurityToken);
        }
    }
    let other = envelope("urn:uuid:1", &security(&signed), "<x id='another'/>");
    assert!(judge(&other).is_ok(), "identifiers of the body are no harm");
    for id in ["1a", "a b", "ä", "", &"a".repeat(129)] {
        let mut sample = Sample::new(now());
        sample.id = (*id).to_owned();
        let bare = without_signature(&sample);
        refused(&around(&bare), Reason::Id, FaultCode::InvalidSecurityToken);
    }
    let mut sample = Sample::new(now());
    sample.version = "2.1";
    refused(&around(&sample.signed()), Reason::Id, FaultCode::InvalidSecurityToken);
}

fn x_08_the_genuine_one_in_the_body() {
    let (forged, genuine) = forged_and_genuine();
    let wrapped = envelope("urn:uuid:1", &security(&without_signature(&forged)), &format!("<x>{genuine}</x>"));
    refused(&wrapped, Reason::Structure, FaultCode::InvalidSecurity);
    // Also where the forged one has the signature and its reference.
    let start = genuine.find("<ds:Signature").unwrap();
    let end = genuine.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let bare = [&genuine[..start], &genuine[end..]].concat();
    let holder = forged.unsigned().replace(&forged.signature.xml(), &genuine[start..end]);
    let wrapped = envelope("urn:uuid:1", &security(&holder), &bare);
    refused(&wrapped, Reason::Structure, FaultCode::InvalidSecurity);
}

fn x_09_the_genuine_one_in_another_header() {
    let (forged, genuine) = forged_and_genuine();
    let start = genuine.find("<ds:Signature").unwrap();
    let end = genuine.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let bare = [&genuine[..start], &genuine[end..]].concat();
    let holder = forged.unsigned().replace(&forged.signature.xml(), &genuine[start..end]);
    for other in [
        format!("<v:Old xmlns:v=\"urn:v\">{bare}</v:Old>"),
        format!("<wsse:Security xmlns:wsse=\"{WSSE}\" soap:role=\"urn:other\">{bare}</wsse:Security>"),
        format!("<wsse:Security xmlns:wsse=\"{WSSE}\">{bare}</wsse:Security>"),
    ] {
        for blocks in [format!("{other}{}", security(&holder)), format!("{}{other}", security(&holder))] {
            refused(&envelope("urn:uuid:1", &blocks, "<x/>"), Reason::Structure, FaultCode::InvalidSecurity);
        }
    }
}

fn x_10_a_comment_in_the_name_changes_nothing() {
    let whole = "alice@zkh.example.evil.example";
    for name in [
        "alice@zkh.example<!-- x -->.evil.example",
        "alice@zkh.example<!----><![CDATA[.evil]]>.example",
        "alice@zkh.example<![CDATA[]]>.evil.example",
        "alice&#64;zkh.example.evil.example",
        "alice@zkh.example<?x y?>.evil.example",
    ] {
        let mut sample = Sample::new(now());
        sample.name_id = name.to_owned();
        let user = judge(&around(&sample.signed())).unwrap();
        assert_eq!(&*user.name_id, whole, "{name}");
        // A comment that is put in later does not break the signature, and does not change the name.
        sample.name_id = whole.to_owned();
        let cut = sample.signed().replace(whole, "alice@zkh.example<!-- x -->.evil.example");
        assert_eq!(&*judge(&around(&cut)).unwrap().name_id, whole);
    }
}

fn x_11_an_xpath_transform_is_refused() {
    let xpath = format!(
        "<ds:Transform Algorithm=\"{ENVELOPED}\"/>\
         <ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath xmlns:saml2=\"{SAML2}\">\
         not(ancestor-or-self::saml2:AttributeStatement)</ds:XPath></ds:Transform>\
         <ds:Transform Algorithm=\"{EXCLUSIVE}\"/>"
    );
    let mut sample = Sample::new(now());
    sample.signature.transforms = xpath;
    let signed = sample.signed().replace("01.015", "01.016");
    assert!(sts().command_verifies(&signed), "the command is deceived");
    refused(&around(&signed), Reason::Algorithm, FaultCode::UnsupportedAlgorithm);
}

fn x_12_sha_1_comments_and_inclusive_canonicalisation_are_refused() {
    let transforms =
        |second: &str| format!("<ds:Transform Algorithm=\"{ENVELOPED}\"/><ds:Transform Algorithm=\"{second}\"/>");
    let comments = format!("{EXCLUSIVE}WithComments");
    let inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
    for signed in [
        with_template(|t| t.method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1".to_owned()),
        with_template(|t| t.digest = "http://www.w3.org/2000/09/xmldsig#sha1".to_owned()),
        with_template(|t| t.canonicalization = comments.clone()),
        with_template(|t| t.canonicalization = inclusive.to_owned()),
        with_template(|t| t.transforms = transforms(&comments)),
        with_template(|t| t.transforms = transforms(inclusive)),
        with_template(|t| t.transforms = transforms("http://www.w3.org/2006/12/xml-c14n11")),
    ] {
        assert!(sts().command_verifies(&signed), "the command takes it");
        refused(&around(&signed), Reason::Algorithm, FaultCode::UnsupportedAlgorithm);
    }
}

fn x_13_a_document_type_is_refused() {
    let signed = around(&Sample::new(now()).signed());
    let entity = signed.replace("A. Janssen", "&name;");
    for (prolog, rest) in [("<!DOCTYPE x>", &signed), ("<!DOCTYPE x [<!ENTITY name 'A. Janssen'>]>", &entity)] {
        let refused = receive(&format!("{prolog}{rest}"));
        assert_eq!(refused, Err("a document type declaration is not allowed".to_owned()));
    }
}

fn x_14_prefixes_mean_nothing() {
    // Other prefixes, the default namespace, a prefix that means something else further in.
    let plain = Sample::new(now()).unsigned();
    for template in [
        plain.replace("saml2:", "s:").replace("xmlns:saml2", "xmlns:s"),
        plain.replace("<saml2:", "<").replace("</saml2:", "</").replace("xmlns:saml2", "xmlns"),
        plain.replace("ds:", "saml:").replace("xmlns:ds", "xmlns:saml"),
        plain.replace("<ds:", "<").replace("</ds:", "</").replace("xmlns:ds", "xmlns"),
    ] {
        assert!(judge(&around(&sts().sign(&template))).is_ok());
    }
    // The prefix saml2 rebound around the subject: another element, so there is no NameID.
    let mut sample = Sample::new(now());
    let rebound = sample.unsigned().replace("<saml2:NameID", "<saml2:NameID xmlns:saml2=\"urn:evil\"");
    refused(&around(&sts().sign(&rebound)), Reason::Attributes, FaultCode::InvalidSecurityToken);
    // An assertion by name only.
    sample.id.push('x');
    let evil = Sample::new(now()).signed().replace(SAML2, "urn:evil");
    refused(&around(&evil), Reason::Structure, FaultCode::InvalidSecurity);
    // ds rebound: no signature.
    let evil = Sample::new(now()).signed().replace(DS, "urn:evil");
    refused(&around(&evil), Reason::SignaturePlace, FaultCode::InvalidSecurityToken);
    // The namespaces of the envelope that are in scope do not matter to exclusive canonicalisation.
    let signed = Sample::new(now()).signed();
    let odd = around(&signed).replace("<soap:Envelope", "<soap:Envelope xmlns=\"urn:default\" xmlns:ds=\"urn:evil\"");
    assert!(judge(&odd).is_ok());
}

fn x_15_an_end_within_the_skew() {
    for (ago, good) in [(59, true), (60, false), (61, false)] {
        let mut sample = Sample::new(now());
        (sample.issued, sample.not_before) = (at(now(), -600), at(now(), -600));
        sample.not_on_or_after = at(now(), -ago);
        let envelope = around(&sample.signed());
        if good {
            assert!(judge(&envelope).is_ok(), "{ago}");
        } else {
            refused(&envelope, Reason::Time, FaultCode::MessageExpired);
        }
    }
}

fn x_16_every_audience_restriction_counts() {
    let both = audience(&[AUDIENCE]) + &audience(&["https://other.example.org"]);
    let nearly = audience(&["https://xds.example.org/"]);
    for conditions in [both, nearly, audience(&[]), String::new()] {
        let mut sample = Sample::new(now());
        sample.conditions = conditions;
        refused(&around(&sample.signed()), Reason::Audience, FaultCode::InvalidSecurityToken);
    }
    let mut sample = Sample::new(now());
    sample.conditions = audience(&["https://other.example.org", AUDIENCE]) + &audience(&[AUDIENCE]);
    assert!(judge(&around(&sample.signed())).is_ok(), "one audience of each restriction suffices");
}

fn x_18_two_signatures_two_references_or_the_whole_document() {
    let sample = Sample::new(now());
    let signed = sample.signed();
    let start = signed.find("<ds:Signature").unwrap();
    let end = signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = &signed[start..end];
    let twice = signed.replace(signature, &signature.repeat(2));
    refused(&around(&twice), Reason::SignaturePlace, FaultCode::InvalidSecurityToken);
    let nested = signed.replace("</saml2:Subject>", &format!("{signature}</saml2:Subject>"));
    refused(&around(&nested), Reason::SignaturePlace, FaultCode::InvalidSecurityToken);
    let late = signed.replace(signature, "").replace("</saml2:Subject>", &format!("</saml2:Subject>{signature}"));
    refused(&around(&late), Reason::SignaturePlace, FaultCode::InvalidSecurityToken);

    let reference = &sample.signature.xml();
    let (from, to) = (reference.find("<ds:Reference").unwrap(), reference.find("</ds:SignedInfo>").unwrap());
    let double = reference.replace(&reference[from..to], &reference[from..to].repeat(2));
    let references = sts().sign(&sample.unsigned().replace(reference, &double));
    assert!(sts().command_verifies(&references));
    refused(&around(&references), Reason::Algorithm, FaultCode::UnsupportedAlgorithm);

    for uri in ["", "#other", "#xpointer(/)", "cid:x"] {
        let signed = Sample::new(now()).signed();
        let id = signed.split("URI=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let changed = signed.replace(&format!("URI=\"{id}\""), &format!("URI=\"{uri}\""));
        refused(&around(&changed), Reason::Algorithm, FaultCode::UnsupportedAlgorithm);
    }
    let whole = with_template(|t| t.uri = String::new());
    refused(&around(&whole), Reason::Algorithm, FaultCode::UnsupportedAlgorithm);
}

fn x_19_holder_of_key_wants_the_key_of_the_connection() {
    let client = KeyPair::new(Kind::P256, "/CN=client");
    let mut sample = Sample::new(now());
    sample.confirmation = format!(
        "<saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:holder-of-key\">\
         <saml2:SubjectConfirmationData><ds:KeyInfo xmlns:ds=\"{DS}\"><ds:X509Data><ds:X509Certificate>{}\
         </ds:X509Certificate></ds:X509Data></ds:KeyInfo></saml2:SubjectConfirmationData></saml2:SubjectConfirmation>",
        client.certificate_text()
    );
    let envelope = around(&sample.signed());
    let key = client.trusted()[0].key.public_key_to_der().unwrap();
    let other = attacker().trusted()[0].key.public_key_to_der().unwrap();
    let with = |client_key: Option<&[u8]>| Trial { client_key, ..Trial::default() }.judge(&envelope);
    assert!(with(Some(&key)).is_ok());
    for client_key in [Some(&*other), None] {
        let refusal = with(client_key).unwrap_err();
        assert_eq!((refusal.reason, refusal.fault), (Reason::Confirmation, FaultCode::FailedAuthentication));
    }
}
