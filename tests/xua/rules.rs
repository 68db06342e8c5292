//! The rules of spec security §3.1, §3.3 and §6.3 that are no attacks.

use jiff::SignedDuration;
use knoop::security::{
    assertion::{Authority, FaultCode, Reason},
    tls::{AnchorSettings, RevocationSettings},
};
use libtest_mimic::Trial as Test;

use crate::{
    certificates::{Issued, Wanted},
    keys::{KeyPair, Kind, sts},
    kit::{
        DS, ENVELOPED, EXCLUSIVE, RECIPIENT, SAML2, Sample, Trial, WSU, around, at, envelope, judge, now, receive,
        refused, security, with_template, without_signature,
    },
    server::today,
    trials,
};

pub fn trials() -> Vec<Test> {
    trials![
        s_xua_01_other_tokens_are_not_supported,
        s_xua_02_references_to_tokens,
        s_xua_04_a_timestamp_is_held,
        s_sig_03_every_algorithm_of_the_list_and_no_other,
        s_sig_04_four_keys_and_no_expired_certificate,
        a_ca_vouches_for_certificates_with_the_right_subject,
        s_tls_13_a_revoked_token_service_is_refused,
        an_unsigned_assertion_is_refused,
        times_issuer_authentication_and_confirmation,
    ]
}

const ULTIMATE: &str = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver";

fn s_xua_01_other_tokens_are_not_supported() {
    let saml1 = "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:1.0:assertion\" AssertionID=\"x\"/>";
    let encrypted = format!("<saml2:EncryptedAssertion xmlns:saml2=\"{SAML2}\"/>");
    let genuine = Sample::new(now()).signed();
    for token in [saml1, &encrypted, "<wsse:UsernameToken/>"] {
        refused(&around(token), Reason::Structure, FaultCode::UnsupportedSecurityToken);
        refused(&around(&format!("{genuine}{token}")), Reason::Structure, FaultCode::UnsupportedSecurityToken);
    }
    refused(&around(""), Reason::Structure, FaultCode::InvalidSecurity);
    let twice = envelope("urn:uuid:1", &security(&genuine).repeat(2), "<x/>");
    refused(&twice, Reason::Structure, FaultCode::InvalidSecurity);
    let for_us = security(&genuine).replace("<wsse:Security", &format!("<wsse:Security soap:role=\"{}\"", ULTIMATE));
    assert!(judge(&envelope("urn:uuid:1", &for_us, "<x/>")).is_ok());
    let for_others = security(&genuine).replace("<wsse:Security", "<wsse:Security soap:role=\"urn:other\"");
    assert_eq!(receive(&envelope("urn:uuid:1", &for_others, "<x/>")), Ok(None), "not for us");
}

fn s_xua_02_references_to_tokens() {
    let sample = Sample::new(now());
    let (signed, id) = (sample.signed(), &sample.id);
    let identifier = |id: &str| {
        format!(
            "<wsse:SecurityTokenReference><wsse:KeyIdentifier ValueType=\"http://docs.oasis-open.org/wss/\
             oasis-wss-saml-token-profile-1.1#SAMLID\">{id}</wsse:KeyIdentifier></wsse:SecurityTokenReference>"
        )
    };
    let in_signature = |reference: &str| {
        format!("<ds:Signature xmlns:ds=\"{DS}\"><ds:SignedInfo/><ds:KeyInfo>{reference}</ds:KeyInfo></ds:Signature>")
    };
    let external =
        "<wsse:SecurityTokenReference><wsse:Reference URI=\"https://evil.example/\"/></wsse:SecurityTokenReference>";
    assert!(judge(&around(&format!("{signed}{}", in_signature(&identifier(id))))).is_ok());
    let bare = format!("{signed}{}", identifier(id));
    refused(&around(&bare), Reason::Structure, FaultCode::InvalidSecurity);
    for reference in [identifier("_other"), external.to_owned()] {
        let message = format!("{signed}{}", in_signature(&reference));
        refused(&around(&message), Reason::Structure, FaultCode::SecurityTokenUnavailable);
    }
}

fn s_xua_04_a_timestamp_is_held() {
    let signed = Sample::new(now()).signed();
    let timestamp = |created: &str, expires: &str| {
        let times = format!("<wsu:Created>{created}</wsu:Created><wsu:Expires>{expires}</wsu:Expires>");
        around(&format!("<wsu:Timestamp xmlns:wsu=\"{WSU}\">{times}</wsu:Timestamp>{signed}"))
    };
    assert!(judge(&timestamp(&at(now(), 59), &at(now(), 1))).is_ok());
    for (created, expires) in [
        (at(now(), 61), at(now(), 300)),
        (at(now(), -300), at(now(), 0)),
        ("yesterday".to_owned(), at(now(), 300)),
        (at(now(), 0), "2026-03-02T10:05:00".to_owned()),
    ] {
        refused(&timestamp(&created, &expires), Reason::Time, FaultCode::MessageExpired);
    }
}

fn s_sig_03_every_algorithm_of_the_list_and_no_other() {
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let enc = "http://www.w3.org/2001/04/xmlenc#";
    for method in ["rsa-sha256", "rsa-sha384", "rsa-sha512"] {
        for digest in [format!("{enc}sha256"), format!("{more}sha384"), format!("{enc}sha512")] {
            let signed = with_template(|t| {
                t.method = format!("{more}{method}");
                t.digest = digest;
            });
            assert!(judge(&around(&signed)).is_ok(), "{method}");
        }
    }
    let ec = KeyPair::new(Kind::P256, "/CN=STS EC");
    let mut trial = Trial::default();
    trial.settings.issuers[0].keys = ec.trusted();
    for (method, good) in [("ecdsa-sha256", true), ("ecdsa-sha384", true), ("ecdsa-sha512", false)] {
        let mut sample = Sample::new(now());
        sample.signature.method = format!("{more}{method}");
        let judged = trial.judge(&around(&ec.sign(&sample.unsigned())));
        assert_eq!(judged.is_ok(), good, "{method}");
    }
    for method in ["rsa-sha224", "rsa-ripemd160"] {
        let mut sample = Sample::new(now());
        sample.signature.method = format!("{more}{method}");
        refused(&around(&sample.unsigned()), Reason::Algorithm, FaultCode::UnsupportedAlgorithm);
    }
    let prefixes = with_template(|t| {
        t.transforms = format!(
            "<ds:Transform Algorithm=\"{ENVELOPED}\"/><ds:Transform Algorithm=\"{EXCLUSIVE}\">\
             <ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"xs\"/></ds:Transform>"
        );
    });
    assert!(judge(&around(&prefixes)).is_ok(), "InclusiveNamespaces is allowed");
    for child in [
        format!("<ds:Manifest xmlns:ds=\"{DS}\"/>"),
        format!("<ds:Object xmlns:ds=\"{DS}\"/>"),
        format!("<ds:SignedInfo xmlns:ds=\"{DS}\"/>"),
    ] {
        let signed = Sample::new(now()).signed().replace("</ds:Signature>", &format!("{child}</ds:Signature>"));
        refused(&around(&signed), Reason::Algorithm, FaultCode::UnsupportedAlgorithm);
    }
}

fn s_sig_04_four_keys_and_no_expired_certificate() {
    let envelope = around(&Sample::new(now()).signed());
    let mut trial = Trial::default();
    let mut keys: Vec<_> = (0..3).map(|n| KeyPair::new(Kind::P256, &format!("/CN={n}")).trusted().remove(0)).collect();
    keys.push(sts().trusted().remove(0));
    trial.settings.issuers[0].keys = keys;
    for key in &mut trial.settings.issuers[0].keys {
        key.validity = Some((now() - SignedDuration::from_hours(1), now() + SignedDuration::from_hours(1)));
    }
    assert!(trial.judge(&envelope).is_ok(), "the fourth key is tried as well");
    for key in &mut trial.settings.issuers[0].keys {
        key.validity = Some((now() - SignedDuration::from_hours(2), now() - SignedDuration::from_secs(1)));
    }
    assert_eq!(trial.judge(&envelope).map_err(|refusal| refusal.reason), Err(Reason::Signature));
    trial.settings.issuers[0].keys = sts().trusted();
    assert!(trial.judge(&envelope).is_ok(), "a bare public key has no dates");
    let dated = knoop::security::assertion::TrustedKey::all_from_pem(&sts().certificate()).unwrap();
    assert!(dated[0].validity.is_some() && dated[0].id == sts().trusted()[0].id);
}

fn a_ca_vouches_for_certificates_with_the_right_subject() {
    let ca = KeyPair::new(Kind::P256, "/C=NL/CN=STS CA");
    let issue = |subject: &str, by: &KeyPair| {
        let pair = KeyPair::new(Kind::Rsa, subject);
        let run = |arguments: &[&str]| {
            assert!(std::process::Command::new("openssl").args(arguments).output().unwrap().status.success());
        };
        let path = |pair: &KeyPair, name: &str| pair.path(name).display().to_string();
        run(&["req", "-new", "-key", &path(&pair, "key.pem"), "-subj", subject, "-out", &path(&pair, "request.pem")]);
        run(&[
            "x509",
            "-req",
            "-days",
            "30",
            "-in",
            &path(&pair, "request.pem"),
            "-CA",
            &path(by, "cert.pem"),
            "-CAkey",
            &path(by, "key.pem"),
            "-CAcreateserial",
            "-out",
            &path(&pair, "cert.pem"),
        ]);
        pair
    };
    // These certificates are of today, so the assertions are too.
    let good = issue("/C=NL/CN=STS 1", &ca);
    let today = today();
    let mut trial = Trial { now: today, ..Trial::default() };
    let anchor = AnchorSettings { name: "STS CA".to_owned(), file: ca.path("cert.pem"), revocation: None };
    let authority = Authority::load(anchor, "C=NL, CN=STS *", true).unwrap();
    trial.settings.issuers[0].keys = Vec::new();
    trial.settings.issuers[0].authority = Some(authority);
    let judged = |trial: &Trial<'_>, signer: &KeyPair| {
        trial.judge(&around(&signer.sign(&Sample::new(today).unsigned()))).map(drop).map_err(|refusal| refusal.reason)
    };
    assert_eq!(judged(&trial, &good), Ok(()));
    let other_subject = issue("/C=NL/CN=web server", &ca);
    let other_ca = issue("/C=NL/CN=STS 1", &KeyPair::new(Kind::P256, "/C=NL/CN=STS CA"));
    trial.now = today + SignedDuration::from_secs(60);
    assert_eq!(judged(&trial, &good), Ok(()));
    assert_eq!(judged(&trial, &other_subject), Err(Reason::Signature), "another subject");
    assert_eq!(judged(&trial, &other_ca), Err(Reason::Signature), "another CA of that name");
    trial.now = today + SignedDuration::from_hours(24 * 40);
    let later = Sample::new(trial.now);
    assert!(trial.judge(&around(&good.sign(&later.unsigned()))).is_err(), "the certificate has ended");
}

fn s_tls_13_a_revoked_token_service_is_refused() {
    let today = today();
    let folder = tempfile::tempdir().unwrap();
    let (ca_file, crl_file) = (folder.path().join("ca.pem"), folder.path().join("crl.pem"));
    let ca = Issued::root("STS CA", today.as_second());
    std::fs::write(&ca_file, ca.pem()).unwrap();
    let service = ca.issue(&Wanted { common_name: "STS 1", ..Wanted::default() });
    let signer = KeyPair::of(&service.key, &service.certificate);
    let mut sample = Sample::new(today);
    sample.signature.method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256".to_owned();
    let envelope = around(&signer.sign(&sample.unsigned()));
    for (revoked, hours, judged) in [
        (vec![], (-1, 24), Ok(())),
        (vec![&service.certificate], (-1, 24), Err(Reason::Signature)),
        // Nobody knows any more.
        (vec![], (-100, -50), Err(Reason::Signature)),
    ] {
        let crl = ca.crl(&revoked, hours);
        std::fs::write(&crl_file, crl.to_pem().unwrap()).unwrap();
        let asked = RevocationSettings { files: vec![crl_file.clone()], urls: vec![], grace_s: 3600, soft_fail: false };
        let anchor = AnchorSettings { name: "STS CA".to_owned(), file: ca_file.clone(), revocation: Some(asked) };
        let mut trial = Trial { now: today, ..Trial::default() };
        trial.settings.issuers[0].keys = Vec::new();
        trial.settings.issuers[0].authority = Some(Authority::load(anchor, "*CN=STS *", true).unwrap());
        assert_eq!(trial.judge(&envelope).map(drop).map_err(|refusal| refusal.reason), judged, "{hours:?}");
    }
}

fn an_unsigned_assertion_is_refused() {
    let bare = without_signature(&Sample::new(now()));
    refused(&around(&bare), Reason::SignaturePlace, FaultCode::InvalidSecurityToken);
    refused(&around(&Sample::new(now()).unsigned()), Reason::Signature, FaultCode::FailedCheck);
}

fn times_issuer_authentication_and_confirmation() {
    type Change = fn(&mut Sample);
    let cases: [(Change, Reason, FaultCode); 14] = [
        (|s| s.issuer = "https://other.example".to_owned(), Reason::Issuer, FaultCode::FailedAuthentication),
        (|s| s.not_before = at(now(), 61), Reason::Time, FaultCode::InvalidSecurityToken),
        (|s| s.issued = at(now(), 61), Reason::Time, FaultCode::InvalidSecurityToken),
        (|s| s.not_on_or_after = at(now(), 3601), Reason::Time, FaultCode::InvalidSecurityToken),
        (|s| s.not_on_or_after = "never".to_owned(), Reason::Wrapped, FaultCode::InvalidSecurityToken),
        (|s| s.authn = String::new(), Reason::Authentication, FaultCode::FailedAuthentication),
        (
            |s| s.authn = s.authn.replace("SmartcardPKI", "Password"),
            Reason::Authentication,
            FaultCode::FailedAuthentication,
        ),
        (
            |s| s.authn = s.authn.replace(&at(now(), -30), &at(now(), 61)),
            Reason::Authentication,
            FaultCode::FailedAuthentication,
        ),
        (
            |s| {
                let end = format!("AuthnStatement SessionNotOnOrAfter=\"{}\"", at(now(), -60));
                s.authn = s.authn.replacen("AuthnStatement", &end, 1);
            },
            Reason::Authentication,
            FaultCode::FailedAuthentication,
        ),
        (|s| s.confirmation = String::new(), Reason::Confirmation, FaultCode::FailedAuthentication),
        (
            |s| s.confirmation = s.confirmation.replace("bearer", "sender-vouches"),
            Reason::Confirmation,
            FaultCode::FailedAuthentication,
        ),
        (|s| data(s, "Recipient=\"https://other\""), Reason::Confirmation, FaultCode::FailedAuthentication),
        (|s| data(s, "Address=\"192.0.2.9\""), Reason::Confirmation, FaultCode::FailedAuthentication),
        (|s| s.conditions.push_str("<saml2:Condition/>"), Reason::Wrapped, FaultCode::InvalidSecurityToken),
    ];
    for (number, (change, reason, fault)) in cases.into_iter().enumerate() {
        let mut sample = Sample::new(now());
        change(&mut sample);
        let Err(refusal) = judge(&around(&sample.signed())) else { panic!("case {number} is accepted") };
        assert_eq!((refusal.reason, refusal.fault), (reason, fault), "case {number}: {}", refusal.detail);
    }
    // What is named and fits.
    let mut sample = Sample::new(now());
    let trial = Trial { address: Some("192.0.2.8".parse().unwrap()), ..Trial::default() };
    data(&mut sample, &format!("Recipient=\"{}\" Address=\"192.0.2.8\" NotOnOrAfter=\"{}\"", RECIPIENT, at(now(), 9)));
    assert!(trial.judge(&around(&sample.signed())).is_ok());
    // One of two confirmations suffices; an issuer that the node may not bring does not.
    sample.confirmation.push_str("<saml2:SubjectConfirmation Method=\"urn:x\"/>");
    assert!(trial.judge(&around(&sample.signed())).is_ok());
    let mut trial = trial;
    trial.node.issuers.clear();
    assert_eq!(trial.judge(&around(&sample.signed())).map_err(|r| r.reason), Err(Reason::Issuer));
    // A gateway's assertions live ten minutes at most.
    let mut trial = Trial::default();
    trial.node.roles.push(knoop::model::NodeRole::InitiatingGateway);
    let mut sample = Sample::new(now());
    assert!(trial.judge(&around(&sample.signed())).is_ok());
    sample.not_on_or_after = at(now(), 601);
    assert_eq!(trial.judge(&around(&sample.signed())).map_err(|r| r.reason), Err(Reason::Time));
}

/// SubjectConfirmationData with these attributes in the one confirmation.
fn data(sample: &mut Sample, attributes: &str) {
    sample.confirmation = format!(
        "<saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><saml2:SubjectConfirmationData \
         {attributes}/></saml2:SubjectConfirmation>"
    );
}
