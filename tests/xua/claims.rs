//! What becomes of the attributes: spec security §3.2 and K-20.

use knoop::{
    model::{AttributeProfile, Coded, HomeCommunityId, InstanceIdentifier, NodeRole},
    security::assertion::{FaultCode, Reason},
};
use libtest_mimic::Trial as Test;

use crate::{
    kit::{Sample, Trial, around, attribute, ihe_attributes, judge, now},
    trials,
};

pub fn trials() -> Vec<Test> {
    trials![
        every_attribute_of_ihe_is_read,
        values_are_joined_over_statements_attributes_and_values,
        attributes_that_must_be_there,
        values_that_differ_are_refused,
        k_20_the_attributes_between_dutch_gateways,
        organisation_and_community_are_those_of_the_node,
        a_bsn_must_pass_its_test,
    ]
}

fn coded(code: &str, system: &str) -> Coded {
    Coded { code: code.into(), system: system.into(), ..Coded::default() }
}

fn every_attribute_of_ihe_is_read() {
    let mut sample = Sample::new(now());
    sample.attributes += &[
        attribute("urn:ihe:iti:bppc:2007:docid", &["urn:oid:2.999.3"]),
        attribute("urn:ihe:iti:xua:2012:acp", &["urn:oid:2.999.4"]),
        attribute("urn:oasis:names:tc:xspa:1.0:subject:npi", &["123"]),
        attribute("urn:oasis:names:tc:xacml:2.0:resource:resource-id", &["999900006^^^&amp;2.999.5&amp;ISO"]),
        attribute(
            "urn:ihe:iti:xua:2017:subject:provider-identifier",
            &["<id xmlns=\"urn:hl7-org:v3\" root=\"2.16.528.1.1007.3.1\" extension=\"900000001\"/>"],
        ),
        attribute("urn:example:unknown", &["is ignored"]),
    ]
    .concat();
    let user = judge(&around(&sample.signed())).unwrap();
    assert_eq!(&*user.issuer, "https://sts.example.org");
    assert_eq!((&*user.name, &*user.organisation_name), ("A. Janssen", "Ziekenhuis"));
    assert_eq!(user.organisation_id.as_deref(), Some("2.999.7"));
    assert_eq!(user.roles, [coded("01.015", "2.16.840.1.113883.2.4.15.111")]);
    assert_eq!((&*user.roles[0].system_name, &*user.roles[0].display), ("UZI", "Huisarts"));
    assert_eq!(user.purposes, [coded("TREAT", "2.16.840.1.113883.5.8")]);
    assert_eq!(user.consent_document.as_deref(), Some("urn:oid:2.999.3"));
    assert_eq!(user.consent_policy.as_deref(), Some("urn:oid:2.999.4"));
    assert_eq!(user.npi.as_deref(), Some("123"));
    assert_eq!(user.patient.map(|patient| patient.to_string()).as_deref(), Some("999900006^^^&2.999.5&ISO"));
    let provider = InstanceIdentifier { root: "2.16.528.1.1007.3.1".into(), extension: "900000001".into() };
    assert_eq!(user.provider, Some(provider));
    assert_eq!(&*user.assurance, "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI");
}

fn values_are_joined_over_statements_attributes_and_values() {
    let role = |code: &str| {
        format!("<q:Role xmlns:q=\"urn:hl7-org:v3\" code=\"{code}\" codeSystem=\"2.16.840.1.113883.2.4.15.111\"/>")
    };
    let name = "urn:oasis:names:tc:xacml:2.0:subject:role";
    let mut sample = Sample::new(now());
    sample.attributes += &attribute(name, &[&role("01.016"), &role("01.015")]);
    sample.more =
        format!("<saml2:AttributeStatement>{}</saml2:AttributeStatement>", attribute(name, &[&role("30.000")]));
    let user = judge(&around(&sample.signed())).unwrap();
    let codes: Vec<&str> = user.roles.iter().map(|role| &*role.code).collect();
    assert_eq!(codes, ["01.015", "01.016", "30.000"]);
}

fn attributes_that_must_be_there() {
    let all = ihe_attributes();
    for name in ["subject-id", "organization-id", "subject:role", "purposeofuse"] {
        let mut sample = Sample::new(now());
        sample.attributes = all.replace(&format!("{name}\""), "other\"");
        let refusal = judge(&around(&sample.signed())).unwrap_err();
        assert_eq!((refusal.reason, refusal.fault), (Reason::Attributes, FaultCode::InvalidSecurityToken), "{name}");
    }
    for (from, to) in [
        ("2.16.840.1.113883.2.4.15.111", "2.999.1.1"),
        ("2.16.840.1.113883.5.8", "2.999.1.2"),
        ("urn:hl7-org:v3", "urn:hl7-org:v2"),
        ("<Role", "<Rol"),
    ] {
        let mut sample = Sample::new(now());
        sample.attributes = all.replace(from, to);
        assert_eq!(judge(&around(&sample.signed())).map_err(|r| r.reason), Err(Reason::Attributes), "{to}");
    }
    let signed = around(&Sample::new(now()).signed());
    let mut trial = Trial::default();
    trial.settings.require_resource_id = true;
    assert_eq!(trial.judge(&signed).map_err(|r| r.reason), Err(Reason::Attributes), "no resource-id");
    trial.transaction = "ITI-42";
    assert!(trial.judge(&signed).is_ok(), "resource-id is for pulling");
    let xca = Trial { transaction: "ITI-38", ..Trial::default() };
    assert_eq!(xca.judge(&signed).map_err(|r| r.reason), Err(Reason::Attributes), "no homeCommunityId");
}

fn values_that_differ_are_refused() {
    let mut sample = Sample::new(now());
    let again = attribute("urn:oasis:names:tc:xspa:1.0:subject:organization-id", &["urn:oid:2.999.7"]);
    sample.attributes += &again;
    assert!(judge(&around(&sample.signed())).is_ok(), "the same value twice is one value");
    sample.attributes += &again.replace("2.999.7", "2.999.8");
    assert_eq!(judge(&around(&sample.signed())).map_err(|r| r.reason), Err(Reason::Attributes));
}

fn k_20_the_attributes_between_dutch_gateways() {
    let identifier = |root: &str, extension: &str| {
        format!("<hl7:id xmlns:hl7=\"urn:hl7-org:v3\" root=\"{root}\" extension=\"{extension}\"/>")
    };
    let code = |code: &str, system: &str| {
        format!("<hl7:code xmlns:hl7=\"urn:hl7-org:v3\" code=\"{code}\" codeSystem=\"{system}\"/>")
    };
    let (uzi, ura) = ("2.16.528.1.1007.3.1", "2.16.528.1.1007.3.3");
    let attributes = [
        attribute("urn:ihe:iti:xua:2017:subject:provider-identifier", &[&identifier(uzi, "900000001")]),
        attribute("urn:nl:otv:names:tc:1.0:subject:mandated", &[&identifier(uzi, "900000002")]),
        attribute("urn:oasis:names:tc:xacml:2.0:subject:role", &[&code("01.015", "2.16.840.1.113883.2.4.15.111")]),
        attribute("urn:nl:otv:names:tc:1.0:subject:provider-institution", &[&identifier(ura, "12345678")]),
        attribute(
            "urn:nl:otv:names:tc:1.0:subject:consulting-healthcare-facility-type-code",
            &[&code("Z3", "2.16.840.1.113883.2.4.15.1060")],
        ),
        attribute(
            "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
            &[&code("TREAT", "2.16.840.1.113883.1.11.20448")],
        ),
        attribute("urn:ihe:iti:appc:2016:document-entry:event-code", &[&code("a", "2.999.9"), &code("b", "2.999.9")]),
    ];
    let mut trial = Trial { profile: AttributeProfile::NlGateway, transaction: "ITI-38", ..Trial::default() };
    trial.node.roles = vec![NodeRole::InitiatingGateway];
    trial.node.homes = vec!["urn:oid:2.999.20".parse().unwrap()];
    let mut sample = Sample::new(now());
    sample.attributes = attributes.concat();
    let user = trial.judge(&around(&sample.signed())).unwrap();
    assert_eq!(user.organisation_id.as_deref(), Some("2.16.528.1.1007.3.3.12345678"));
    assert_eq!(user.provider.map(|id| id.extension).as_deref(), Some("900000001"));
    assert_eq!(user.mandated.map(|id| id.extension).as_deref(), Some("900000002"));
    assert_eq!(user.requesting_category, Some(coded("Z3", "2.16.840.1.113883.2.4.15.1060")));
    assert_eq!(user.data_categories, [coded("a", "2.999.9"), coded("b", "2.999.9")]);
    assert_eq!(user.purposes, [coded("TREAT", "2.16.840.1.113883.1.11.20448")]);
    // provider-identifier, role, provider-institution and purposeofuse must be there; the others may.
    for (index, must) in [true, false, true, true, false, true, false].into_iter().enumerate() {
        let mut fewer = attributes.to_vec();
        fewer.remove(index);
        sample.attributes = fewer.concat();
        assert_eq!(trial.judge(&around(&sample.signed())).is_err(), must, "without attribute {index}");
    }
    sample.attributes = attributes.concat().replace(ura, "2.999.30");
    assert_eq!(trial.judge(&around(&sample.signed())).map_err(|r| r.reason), Err(Reason::Attributes), "no URA");
}

fn organisation_and_community_are_those_of_the_node() {
    let mut sample = Sample::new(now());
    sample.attributes += &attribute("urn:ihe:iti:xca:2010:homeCommunityId", &["urn:oid:2.999.20"]);
    let signed = around(&sample.signed());
    let mut trial = Trial::default();
    let refusal = trial.judge(&signed).unwrap_err();
    assert_eq!((refusal.reason, refusal.fault), (Reason::Organisation, FaultCode::FailedAuthentication), "no home");
    trial.node.homes = vec!["urn:oid:2.999.20".parse::<HomeCommunityId>().unwrap()];
    assert!(trial.judge(&signed).is_ok());
    let mut organisation = (*trial.node.organisation).clone();
    organisation.id = "2.999.8".into();
    trial.node.organisation = organisation.into();
    assert_eq!(trial.judge(&signed).map_err(|r| r.reason), Err(Reason::Organisation), "another organisation");
    trial.node.roles = vec![NodeRole::InitiatingGateway];
    assert!(trial.judge(&signed).is_ok(), "a gateway speaks for the organisations of its community");
}

fn a_bsn_must_pass_its_test() {
    for (number, good) in [("999900006", true), ("999900007", false), ("99990006", false), ("000000000", false)] {
        let mut sample = Sample::new(now());
        let cx = format!("{number}^^^&amp;2.16.840.1.113883.2.4.6.3&amp;ISO");
        sample.attributes += &attribute("urn:oasis:names:tc:xacml:2.0:resource:resource-id", &[&cx]);
        assert_eq!(judge(&around(&sample.signed())).is_ok(), good, "{number}");
    }
}
