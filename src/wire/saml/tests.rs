use super::*;
use crate::wire::{
    guard::{XmlLimits, decode_charset},
    soap::{HeaderRules, read_header},
};

const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const SAML2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

fn envelope(security: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:a='http://www.w3.org/2005/08/addressing'>\
         <s:Header\n xmlns:w='{WSSE}'><a:Action>urn:x</a:Action><a:MessageID>urn:m</a:MessageID>\
         <w:Security s:mustUnderstand='1'>{security}</w:Security></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// As the listener reads a message.
fn receive(text: &str) -> Option<Received> {
    let mut reader = XmlReader::new(text, &XmlLimits { depth: 40, nodes: 500, ..XmlLimits::default() });
    let rules = HeaderRules { security_understood: true, lenient_addressing: true };
    let header = read_header(&mut reader, rules).ok()?;
    while !matches!(reader.next().ok()?, Event::Eof) {}
    let watch = reader.take_watch()?;
    Some(Received { header: header.security?, assertions: watch.elements(), id_uses: watch.uses() })
}

const SIGNATURE: &str = "<d:Signature xmlns:d='http://www.w3.org/2000/09/xmldsig#'><d:SignedInfo><d:CanonicalizationMethod \
    Algorithm='c'/><d:SignatureMethod Algorithm='m'/><d:Reference URI='#_1'><d:Transforms><d:Transform Algorithm='t1'/>\
    <d:Transform Algorithm='t2'><e:InclusiveNamespaces xmlns:e='http://www.w3.org/2001/10/xml-exc-c14n#' PrefixList='x'/>\
    </d:Transform></d:Transforms><d:DigestMethod Algorithm='g'/><d:DigestValue>AA==</d:DigestValue></d:Reference>\
    </d:SignedInfo><d:SignatureValue>AA==</d:SignatureValue><d:KeyInfo><d:X509Data><d:X509Certificate>MII\
    </d:X509Certificate></d:X509Data></d:KeyInfo></d:Signature>";

fn assertion(signature: &str) -> String {
    format!(
        "<x:Assertion xmlns:x='{SAML2}' ID='_1' Version='2.0'><x:Issuer> sts </x:Issuer>{signature}<x:Subject>\
         <x:NameID>jan<!-- -->ssen</x:NameID></x:Subject></x:Assertion>"
    )
}

#[test]
fn s_sig_02_the_reduced_envelope_is_made_of_octets_as_received() {
    let assertion = assertion(SIGNATURE);
    let other = format!("<u:Timestamp xmlns:u='{WSU}'/>");
    let received = receive(&envelope(&format!("{other}{assertion}<w:X/>"), "<big xmlns='urn:b'/>")).unwrap();
    assert_eq!(
        &*received.header.reduced_envelope,
        format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
             xmlns:a='http://www.w3.org/2005/08/addressing'><s:Header\n xmlns:w='{WSSE}'>\
             <w:Security s:mustUnderstand='1'>{assertion}</w:Security></s:Header><s:Body/></s:Envelope>"
        )
    );
    let bare = envelope(&assertion, "").replace("<s:", "<").replace("</s:", "</").replace(" s:", " ");
    let bare = bare.replace("xmlns:s=", "xmlns=");
    assert!(bare.starts_with("<Envelope"));
    assert!(receive(&bare).is_some_and(|r| r.header.reduced_envelope.ends_with("</Header><Body/></Envelope>")));
}

#[test]
fn the_outline_of_an_assertion() {
    let received = receive(&envelope(&assertion(SIGNATURE), "<x id='_2'/>")).unwrap();
    assert_eq!((received.assertions, received.id_uses, received.header.blocks), (1, 1, 1));
    let outline = received.header.assertion.clone().unwrap();
    assert_eq!((&*outline.version, &*outline.id, outline.issuer.as_deref()), ("2.0", "_1", Some("sts")));
    assert_eq!((outline.signatures, &*outline.claimed_subject), (1, "janssen"));
    let signature = outline.signature.unwrap();
    assert_eq!((&*signature.canonicalization, &*signature.method, signature.foreign), ("c", "m", false));
    assert_eq!(signature.certificates, ["MII".into()]);
    let [reference] = &*signature.references else { panic!("one reference") };
    assert_eq!((reference.uri.as_deref(), &*reference.digest), (Some("#_1"), "g"));
    let transforms: Vec<_> = reference.transforms.iter().map(|t| (&*t.algorithm, t.inclusive_namespaces)).collect();
    assert_eq!(transforms, [("t1", false), ("t2", true)]);
    assert_eq!(
        format!("{:?} {:?}", received.header, received.header.assertion),
        "SecurityHeader Some(AssertionOutline)"
    );
}

#[test]
fn what_a_signature_need_not_have_is_foreign() {
    for (from, to) in [
        (
            "<d:SignatureMethod Algorithm='m'/>",
            "<d:SignatureMethod Algorithm='m'><d:HMACOutputLength>1</d:HMACOutputLength></d:SignatureMethod>",
        ),
        ("<d:DigestMethod Algorithm='g'/>", "<d:DigestMethod Algorithm='g'><y/></d:DigestMethod>"),
        ("</d:KeyInfo>", "</d:KeyInfo><d:Object/>"),
        ("<d:SignedInfo>", "<d:SignedInfo><d:Reference/>"),
        ("<d:SignatureValue>AA==", "<d:SignatureValue><y/>AA=="),
        ("<d:Transform Algorithm='t1'/>", "<d:Transform Algorithm='t1'><d:XPath>1</d:XPath></d:Transform>"),
        ("<d:Transforms>", "<d:Transforms><y/>"),
        ("<d:DigestValue>AA==</d:DigestValue>", ""),
        ("Algorithm='c'/>", "Algorithm='c'><y/></d:CanonicalizationMethod>"),
    ] {
        let changed = SIGNATURE.replacen(from, to, 1).replace("Algorithm='c'/></d:Can", "Algorithm='c'></d:Can");
        assert_ne!(changed, SIGNATURE);
        let received = receive(&envelope(&assertion(&changed), ""));
        let foreign = received.and_then(|r| r.header.assertion.clone()).and_then(|a| a.signature).map(|s| s.foreign);
        assert_eq!(foreign, Some(true), "{to}");
    }
}

#[test]
fn only_signed_octets_in_the_shape_of_an_assertion_are_read() {
    let read = |text: &str| Assertion::from_signed(text.as_bytes());
    let good = assertion("");
    assert_eq!(read(&good).map(|a| (a.id, a.name_id)), Ok(("_1".into(), "janssen".into())));
    for bad in [
        good.replace("2.0' ", "1.1' ").replace("Version='2.0'", "Version='1.1'"),
        good.replace(SAML2, "urn:x"),
        good.replace("</x:Issuer>", "</x:Issuer><x:Issuer>b</x:Issuer>"),
        good.replace("<x:NameID>", "<x:NameID><b/>"),
        good.replace("ID='_1'", "ID='_1' IssueInstant='now'"),
        good.replace("</x:Subject>", "</x:Subject><x:Conditions><x:Condition/></x:Conditions>"),
        good.replace(
            "</x:Subject>",
            "</x:Subject><x:AttributeStatement><x:EncryptedAttribute/></x:AttributeStatement>",
        ),
        format!("<y>{good}</y>"),
        String::new(),
    ] {
        assert!(read(&bad).is_err(), "{bad}");
    }
    assert!(Assertion::from_signed(b"\xff").is_err());
}

#[test]
fn any_security_header_and_any_assertion_are_read_without_panic() {
    // Most octets are no XML: pieces of headers in any order.
    const ALPHABET: [&str; 26] = [
        "<x:Assertion xmlns:x='urn:oasis:names:tc:SAML:2.0:assertion' ID='_1' Version='2.0'>",
        "</x:Assertion>",
        "<x:Issuer>",
        "</x:Issuer>",
        "<x:Subject>",
        "</x:Subject>",
        "<x:NameID>",
        "</x:NameID>",
        "<x:Conditions NotBefore='2026-01-01T00:00:00Z'>",
        "</x:Conditions>",
        "<x:AttributeStatement><x:Attribute Name='a'>",
        "</x:Attribute></x:AttributeStatement>",
        "<x:AttributeValue>",
        "</x:AttributeValue>",
        "<Role xmlns='urn:hl7-org:v3' code='1'/>",
        "<d:Signature xmlns:d='http://www.w3.org/2000/09/xmldsig#'>",
        "</d:Signature>",
        "<d:SignedInfo xmlns:d='http://www.w3.org/2000/09/xmldsig#'>",
        "</d:SignedInfo>",
        "<w:SecurityTokenReference>",
        "</w:SecurityTokenReference>",
        "<w:KeyIdentifier>",
        "</w:KeyIdentifier>",
        "text",
        "<!-- c -->",
        "&amp;",
    ];
    bolero::check!().with_iterations(3000).for_each(|bytes: &[u8]| {
        if let Ok(text) = decode_charset(bytes, None) {
            let _ = receive(&text);
            let _ = Assertion::from_signed(text.as_bytes());
        }
        let pieces: String = bytes.iter().map(|b| ALPHABET[usize::from(*b) % ALPHABET.len()]).collect();
        if let Some(received) = receive(&envelope(&pieces, "")) {
            let reduced = &received.header.reduced_envelope;
            // What is handed to the verifier can be read again, and is the same.
            if !reduced.is_empty() {
                let again = receive(reduced).map(|again| again.header.assertion.clone());
                assert_eq!(again, Some(received.header.assertion.clone()));
            }
        }
        let _ = Assertion::from_signed(pieces.as_bytes());
    });
}
