//! Assertions, envelopes, and one verification as the server does it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use knoop::{
    model::{AttributeProfile, Node, User},
    security::assertion::{
        AssertionSettings, AssertionVerifier, FaultCode, Issuer, Presentation, Reason, Received, Refusal,
        XmlSecVerifier, claims, verify,
    },
    wire::{
        guard::{XmlLimits, XmlReader},
        soap::{HeaderRules, read_header},
    },
};

use super::keys::sts;

pub const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub const SAML2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub const ISSUER: &str = "https://sts.example.org";
pub const AUDIENCE: &str = "https://xds.example.org";
pub const RECIPIENT: &str = "https://xds.example.org:8443/xds/registry";
pub const NAME_ID: &str = "janssen@zkh.example";

/// The instant of every test that does not use a socket.
pub fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

/// An instant so many seconds from `from`, as SAML writes it.
pub fn at(from: Timestamp, seconds: i64) -> String {
    (from + jiff::SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The signature template of an assertion.
#[derive(Clone)]
pub struct Template {
    pub canonicalization: String,
    pub method: String,
    pub digest: String,
    pub uri: String,
    pub transforms: String,
    pub key_info: String,
}

impl Template {
    pub fn new(id: &str) -> Self {
        Self {
            canonicalization: EXCLUSIVE.to_owned(),
            method: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".to_owned(),
            digest: "http://www.w3.org/2001/04/xmlenc#sha256".to_owned(),
            uri: format!("#{id}"),
            transforms: format!("<ds:Transform Algorithm=\"{ENVELOPED}\"/><ds:Transform Algorithm=\"{EXCLUSIVE}\"/>"),
            key_info: "<ds:KeyInfo><ds:X509Data/></ds:KeyInfo>".to_owned(),
        }
    }

    pub fn xml(&self) -> String {
        let Self { canonicalization, method, digest, uri, transforms, key_info } = self;
        format!(
            "<ds:Signature xmlns:ds=\"{DS}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{canonicalization}\"/>\
             <ds:SignatureMethod Algorithm=\"{method}\"/><ds:Reference URI=\"{uri}\"><ds:Transforms>{transforms}\
             </ds:Transforms><ds:DigestMethod Algorithm=\"{digest}\"/><ds:DigestValue></ds:DigestValue></ds:Reference>\
             </ds:SignedInfo><ds:SignatureValue></ds:SignatureValue>{key_info}</ds:Signature>"
        )
    }
}

/// An assertion to be signed. Every part can be replaced.
#[derive(Clone)]
pub struct Sample {
    pub id: String,
    pub version: &'static str,
    pub issuer: String,
    pub issued: String,
    pub name_id: String,
    pub confirmation: String,
    pub not_before: String,
    pub not_on_or_after: String,
    /// Children of Conditions.
    pub conditions: String,
    pub authn: String,
    pub attributes: String,
    /// Further children, at the end.
    pub more: String,
    pub signature: Template,
}

static IDS: AtomicUsize = AtomicUsize::new(0);

impl Sample {
    /// A good one of `from`.
    pub fn new(from: Timestamp) -> Self {
        let id = format!("_a{}-{}", std::process::id(), IDS.fetch_add(1, Ordering::Relaxed));
        Self {
            version: "2.0",
            issuer: ISSUER.to_owned(),
            issued: at(from, 0),
            name_id: NAME_ID.to_owned(),
            confirmation: "<saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"/>".to_owned(),
            not_before: at(from, 0),
            not_on_or_after: at(from, 600),
            conditions: audience(&[AUDIENCE]),
            authn: format!(
                "<saml2:AuthnStatement AuthnInstant=\"{}\"><saml2:AuthnContext><saml2:AuthnContextClassRef>\
                 urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI</saml2:AuthnContextClassRef></saml2:AuthnContext>\
                 </saml2:AuthnStatement>",
                at(from, -30)
            ),
            attributes: ihe_attributes(),
            more: String::new(),
            signature: Template::new(&id),
            id,
        }
    }

    /// The assertion with its empty signature.
    pub fn unsigned(&self) -> String {
        let Self { id, version, issuer, issued, name_id, confirmation, not_before, not_on_or_after, .. } = self;
        let Self { conditions, authn, attributes, more, .. } = self;
        let signature = self.signature.xml();
        format!(
            "<saml2:Assertion xmlns:saml2=\"{SAML2}\" ID=\"{id}\" IssueInstant=\"{issued}\" Version=\"{version}\">\
             <saml2:Issuer>{issuer}</saml2:Issuer>{signature}<saml2:Subject><saml2:NameID SPProvidedID=\"ajanssen\">\
             {name_id}</saml2:NameID>{confirmation}</saml2:Subject><saml2:Conditions NotBefore=\"{not_before}\" \
             NotOnOrAfter=\"{not_on_or_after}\">{conditions}</saml2:Conditions>{authn}<saml2:AttributeStatement>\
             {attributes}</saml2:AttributeStatement>{more}</saml2:Assertion>"
        )
    }

    /// Signed by the usual token service.
    pub fn signed(&self) -> String {
        sts().sign(&self.unsigned())
    }
}

/// saml2:AudienceRestriction.
pub fn audience(audiences: &[&str]) -> String {
    let audiences: String = audiences.iter().map(|a| format!("<saml2:Audience>{a}</saml2:Audience>")).collect();
    format!("<saml2:AudienceRestriction>{audiences}</saml2:AudienceRestriction>")
}

/// saml2:Attribute with these values.
pub fn attribute(name: &str, values: &[&str]) -> String {
    let values: String = values.iter().map(|v| format!("<saml2:AttributeValue>{v}</saml2:AttributeValue>")).collect();
    format!("<saml2:Attribute Name=\"{name}\">{values}</saml2:Attribute>")
}

/// The attributes that IHE asks for.
pub fn ihe_attributes() -> String {
    let role = "<Role xmlns=\"urn:hl7-org:v3\" code=\"01.015\" codeSystem=\"2.16.840.1.113883.2.4.15.111\" \
                codeSystemName=\"UZI\" displayName=\"Huisarts\"/>";
    let purpose = "<h:PurposeOfUse xmlns:h=\"urn:hl7-org:v3\" code=\"TREAT\" codeSystem=\"2.16.840.1.113883.5.8\"/>";
    [
        attribute("urn:oasis:names:tc:xspa:1.0:subject:subject-id", &["A. Janssen"]),
        attribute("urn:oasis:names:tc:xspa:1.0:subject:organization", &["Ziekenhuis"]),
        attribute("urn:oasis:names:tc:xspa:1.0:subject:organization-id", &["urn:oid:2.999.7"]),
        attribute("urn:oasis:names:tc:xacml:2.0:subject:role", &[role]),
        attribute("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", &[purpose]),
    ]
    .concat()
}

/// wsse:Security around this.
pub fn security(content: &str) -> String {
    format!("<wsse:Security xmlns:wsse=\"{WSSE}\" soap:mustUnderstand=\"1\">{content}</wsse:Security>")
}

/// An envelope with these header blocks beside addressing.
pub fn envelope(message_id: &str, blocks: &str, body: &str) -> String {
    format!(
        "<soap:Envelope xmlns:soap=\"{SOAP12}\" xmlns:wsa=\"{WSA}\"><soap:Header><wsa:Action>urn:ihe:iti:2007:\
         RegistryStoredQuery</wsa:Action><wsa:MessageID>{message_id}</wsa:MessageID>{blocks}</soap:Header>\
         <soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

/// An envelope whose Security holds this.
pub fn around(content: &str) -> String {
    envelope("urn:uuid:1", &security(content), "<x xmlns='urn:x'/>")
}

/// What the server's reader makes of an envelope.
pub fn receive(envelope: &str) -> Result<Option<Received>, String> {
    let mut reader = XmlReader::new(envelope, &XmlLimits::default());
    let rules = HeaderRules { security_understood: true, ..HeaderRules::default() };
    let header = read_header(&mut reader, rules).map_err(|rejected| rejected.fault.to_string())?;
    // The rest of the body, and of the message.
    while !matches!(reader.next().map_err(|error| error.to_string())?, knoop::wire::guard::Event::Eof) {}
    Ok(header.security.zip(reader.take_watch()).map(|(header, watch)| Received {
        header,
        assertions: watch.elements(),
        id_uses: watch.uses(),
    }))
}

/// A node of the hospital 2.999.7 that may bring the usual issuer's assertions.
pub fn node() -> Node {
    let mut node = Node::loopback();
    node.key = 7;
    node.name = "zkh".into();
    node.roles = vec![knoop::model::NodeRole::Consumer];
    let mut organisation = (*node.organisation).clone();
    organisation.id = "2.999.7".into();
    node.organisation = Arc::new(organisation);
    node.issuers = vec![ISSUER.into()];
    node
}

/// Settings with the usual token service.
pub fn settings() -> AssertionSettings {
    AssertionSettings {
        issuers: vec![Issuer { entity_id: ISSUER.into(), keys: sts().trusted(), authority: None }],
        audiences: [AUDIENCE.into()].into(),
        recipients: [RECIPIENT.into()].into(),
        skew: Duration::from_secs(60),
        ..AssertionSettings::default()
    }
}

/// How a verification of the tests differs from the usual one.
pub struct Trial<'a> {
    pub settings: AssertionSettings,
    pub node: Node,
    pub now: Timestamp,
    pub address: Option<std::net::IpAddr>,
    pub client_key: Option<&'a [u8]>,
    pub profile: AttributeProfile,
    pub transaction: &'a str,
    pub verifier: Arc<dyn AssertionVerifier>,
}

impl Default for Trial<'_> {
    fn default() -> Self {
        Self {
            settings: settings(),
            node: node(),
            now: now(),
            address: None,
            client_key: None,
            profile: AttributeProfile::Ihe,
            transaction: "ITI-18",
            verifier: Arc::new(XmlSecVerifier::new().unwrap()),
        }
    }
}

impl Trial<'_> {
    /// Steps 1 to 11, 13 and 15 on an envelope.
    pub fn judge(&self, envelope: &str) -> Result<User, Refusal> {
        let missing = Refusal::new(Reason::Missing, "no Security header");
        let received = receive(envelope).expect("the envelope is readable").ok_or(missing)?;
        let presentation = Presentation {
            now: self.now,
            node: &self.node,
            transaction: self.transaction,
            address: self.address,
            client_key: self.client_key,
            profile: self.profile,
        };
        let verified = verify(&received, &presentation, &self.settings, &*self.verifier)?;
        claims(&verified, &presentation, &self.settings)
    }
}

/// The usual verification.
pub fn judge(envelope: &str) -> Result<User, Refusal> {
    Trial::default().judge(envelope)
}

#[track_caller]
pub fn refused(envelope: &str, reason: Reason, fault: FaultCode) {
    let Err(Refusal { reason: found, fault: told, detail }) = judge(envelope) else { panic!("accepted") };
    assert_eq!((found, told), (reason, fault), "{detail}");
}

pub fn without_signature(sample: &Sample) -> String {
    sample.unsigned().replace(&sample.signature.xml(), "")
}

pub fn with_template(change: impl FnOnce(&mut Template)) -> String {
    let mut sample = Sample::new(now());
    change(&mut sample.signature);
    sample.signed()
}
