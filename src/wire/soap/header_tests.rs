use super::{Address, Fault, Header, HeaderRules, Rejected, read_body, read_end, read_header};
use crate::wire::{
    guard::{Event, XmlLimits, XmlReader},
    soap::{ReplyError, ReplyHeader, read_reply, write_envelope, write_fault},
};

const NS: &str = r#"xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing""#;
const GOOD: &str = "<a:Action> urn:x\n</a:Action><a:MessageID>urn:uuid:76A2C3D9</a:MessageID>";

fn envelope(headers: &str) -> String {
    format!("<s:Envelope {NS}><s:Header>{headers}</s:Header><s:Body><q/></s:Body></s:Envelope>")
}

fn read(text: &str, rules: HeaderRules) -> Result<Header, Rejected> {
    let limits = XmlLimits::default();
    let mut reader = XmlReader::new(text, &limits);
    let header = read_header(&mut reader, rules)?;
    let reject = |fault| Rejected { fault, relates_to: None, action: None };
    read_body(&mut reader).map_err(reject)?;
    reader.skip_element().expect("readable");
    read_end(&mut reader).map_err(reject)?;
    Ok(header)
}

fn strict(headers: &str) -> Result<Header, Rejected> {
    read(&envelope(headers), HeaderRules::default())
}

fn fault(headers: &str) -> Fault {
    strict(headers).expect_err("refused").fault
}

#[test]
fn pitfall_11_and_12_order_and_blanks_do_not_matter() {
    let header = strict(&format!(
        "<a:From><a:Address>x</a:Address></a:From><a:To/><!-- c --><a:ReplyTo><a:Address>
         http://www.w3.org/2005/08/addressing/anonymous </a:Address></a:ReplyTo>{GOOD}"
    ))
    .expect("legal");
    assert_eq!(header.action.as_deref(), Some("urn:x"));
    assert_eq!(header.message_id.as_deref(), Some("urn:uuid:76A2C3D9"));
    assert_eq!(header.reply_to, Address::Anonymous);
}

#[test]
fn r_soap_09_s_in_15_repeated_headers_are_refused() {
    let endpoint = |name: &str| format!("<a:{name}><a:Address>x:y</a:Address></a:{name}>");
    for (twice, name) in [
        ("<a:Action>urn:x</a:Action>".to_owned(), "Action"),
        ("<a:MessageID>m</a:MessageID>".to_owned(), "MessageID"),
        ("<a:To>t</a:To><a:To>t</a:To>".to_owned(), "To"),
        (endpoint("ReplyTo").repeat(2), "ReplyTo"),
        (endpoint("FaultTo").repeat(2), "FaultTo"),
    ] {
        let rejected = strict(&format!("{GOOD}{twice}")).expect_err("refused");
        assert_eq!(rejected.fault, Fault::InvalidCardinality(name));
        assert!(rejected.relates_to.is_some(), "the fault names the message");
    }
}

#[test]
fn r_soap_12_action_and_message_id_are_required() {
    assert_eq!(fault("<a:MessageID>m</a:MessageID>"), Fault::HeaderRequired("Action"));
    assert_eq!(fault("<a:Action>x</a:Action><a:MessageID> </a:MessageID>"), Fault::HeaderRequired("MessageID"));
    let lenient = HeaderRules { lenient_addressing: true, ..HeaderRules::default() };
    let header = read(&envelope(""), lenient).expect("tolerated");
    assert_eq!((header.action, header.message_id), (None, None));
    let text = format!("<s:Envelope {NS}><s:Body><q/></s:Body></s:Envelope>");
    assert!(read(&text, lenient).is_ok());
    assert_eq!(read(&text, HeaderRules::default()).map_err(|r| r.fault), Err(Fault::HeaderRequired("Action")));
}

#[test]
fn r_soap_13_mandatory_headers_must_be_understood() {
    let security = r#"<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" s:mustUnderstand="true"><w:X/></w:Security>"#;
    let Fault::MustUnderstand(names) = fault(&format!("{GOOD}{security}<v:Own xmlns:v='urn:v' s:mustUnderstand='1'/>"))
    else {
        panic!("not understood");
    };
    assert_eq!(names.iter().map(|n| &*n.local).collect::<Vec<_>>(), ["Security", "Own"]);
    let understood = HeaderRules { security_understood: true, ..HeaderRules::default() };
    assert!(read(&envelope(&format!("{GOOD}{security}")), understood).is_ok());
    for harmless in [
        "<v:Own xmlns:v='urn:v' s:mustUnderstand='0'/>",
        "<v:Own xmlns:v='urn:v'/>",
        "<v:Own xmlns:v='urn:v' s:mustUnderstand='1' s:role='urn:somebody:else'/>",
    ] {
        assert!(strict(&format!("{GOOD}{harmless}")).is_ok(), "{harmless}");
    }
    for role in ["next", "ultimateReceiver"] {
        let role = format!("s:role='http://www.w3.org/2003/05/soap-envelope/role/{role}'");
        let block = format!("{GOOD}<v:Own xmlns:v='urn:v' s:mustUnderstand='1' {role}/>");
        assert!(matches!(fault(&block), Fault::MustUnderstand(_)));
    }
}

#[test]
fn r_soap_14_s_in_21_other_reply_addresses_are_refused() {
    let reply = |name: &str, address: &str| format!("{GOOD}<a:{name}><a:Address>{address}</a:Address></a:{name}>");
    for address in ["http://169.254.169.254/latest", "https://partner.example/reply", "file:///etc/passwd"] {
        assert_eq!(fault(&reply("ReplyTo", address)), Fault::OnlyAnonymousAddressSupported("ReplyTo"));
        assert_eq!(fault(&reply("FaultTo", address)), Fault::OnlyAnonymousAddressSupported("FaultTo"));
    }
    let header = strict(&reply("ReplyTo", " http://www.w3.org/2005/08/addressing/none ")).expect("R-SOAP-15");
    assert_eq!(header.reply_to, Address::None);
}

#[test]
fn soap_1_1_is_recognised() {
    let text = "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body/></e:Envelope>";
    assert_eq!(read(text, HeaderRules::default()).map_err(|r| r.fault), Err(Fault::VersionMismatch));
    let mut out = Vec::new();
    let header = ReplyHeader { action: "", message_id: "urn:uuid:1", relates_to: None, reference_parameters: "" };
    write_fault(&mut out, &Fault::VersionMismatch, &header);
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.contains("<soap12:Upgrade><soap12:SupportedEnvelope qname=\"soap12:Envelope\"/></soap12:Upgrade>"));
}

#[test]
fn odd_envelopes_are_faults() {
    for text in [
        "<q/>".to_owned(),
        format!("<s:Envelope {NS}/>"),
        format!("<s:Envelope {NS}><s:Header>{GOOD}</s:Header></s:Envelope>"),
        format!("<s:Envelope {NS}><s:Header>{GOOD}</s:Header><s:Body/></s:Envelope>"),
        format!("<s:Envelope {NS}><s:Header>{GOOD}</s:Header><s:Body>text</s:Body></s:Envelope>"),
        format!("<s:Envelope {NS}><s:Header>{GOOD}</s:Header><s:Body><q/><q/></s:Body></s:Envelope>"),
        format!("<s:Envelope {NS}><s:Header>{GOOD}</s:Header><s:Body><q/></s:Body><q/></s:Envelope>"),
        format!("<s:Envelope {NS}><s:Body><q/></s:Body><s:Header>{GOOD}</s:Header></s:Envelope>"),
    ] {
        let lenient = HeaderRules { lenient_addressing: true, ..HeaderRules::default() };
        let fault = read(&text, lenient).expect_err("refused").fault;
        assert!(matches!(fault, Fault::Envelope(_)), "{text}: {fault}");
    }
}

#[test]
fn reference_parameters_are_echoed() {
    let header = strict(&format!(
        "{GOOD}<a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address>
         <a:ReferenceParameters><v:Id xmlns:v='urn:v' k='1 &lt; 2'>s &amp; t</v:Id></a:ReferenceParameters></a:ReplyTo>"
    ))
    .expect("legal");
    let mut out = Vec::new();
    let reply = ReplyHeader {
        action: "urn:xResponse",
        message_id: "urn:uuid:2",
        relates_to: header.message_id.as_deref(),
        reference_parameters: &header.reference_parameters,
    };
    write_envelope(&mut out, &reply, |out| out.extend_from_slice(b"<q/>"));
    let text = String::from_utf8(out).expect("UTF-8");
    let tree = roxmltree::Document::parse(&text).expect("well-formed");
    let id = tree.descendants().find(|n| n.has_tag_name(("urn:v", "Id"))).expect("echoed");
    assert_eq!((id.text(), id.attribute("k")), (Some("s & t"), Some("1 < 2")));
    assert_eq!(id.attribute(("http://www.w3.org/2005/08/addressing", "IsReferenceParameter")), Some("true"));
}

#[test]
fn r_soap_17_faults_are_read_by_our_own_client() {
    let header = ReplyHeader { action: "", message_id: "m", relates_to: Some("a&b"), reference_parameters: "" };
    let faults = [
        (Fault::ActionNotSupported { action: "urn:<odd>".into(), taken: "urn:x".into() }, "ActionNotSupported"),
        (Fault::OnlyAnonymousAddressSupported("ReplyTo"), "OnlyAnonymousAddressSupported"),
        (Fault::MustUnderstand(vec![]), "MustUnderstand"),
        (Fault::NotAllowed { transaction: "ITI-42" }, "FailedAuthentication"),
        (Fault::Envelope("x"), "Sender"),
        (Fault::Internal("i-1".into()), "Receiver"),
    ];
    for (fault, expected) in faults {
        let mut out = Vec::new();
        write_fault(&mut out, &fault, &header);
        let text = String::from_utf8(out).expect("UTF-8");
        let limits = XmlLimits::default();
        match read_reply(&mut XmlReader::new(&text, &limits)) {
            Err(ReplyError::Fault { code, reason }) => {
                assert_eq!((&*code, &*reason), (expected, fault.to_string().as_str()));
            }
            other => panic!("{other:?}"),
        }
        assert!(text.contains(fault.action()) && text.contains("<wsa:RelatesTo>a&amp;b</wsa:RelatesTo>"));
    }
}

#[test]
fn s_tls_17_a_transaction_without_role_is_a_fault_of_ws_security() {
    let fault = Fault::NotAllowed { transaction: "ITI-42" };
    let mut out = Vec::new();
    let header = ReplyHeader { action: "", message_id: "m", relates_to: None, reference_parameters: "" };
    write_fault(&mut out, &fault, &header);
    let text = String::from_utf8(out).expect("UTF-8");
    let tree = roxmltree::Document::parse(&text).expect("well-formed");
    let subcode = tree.descendants().find(|n| n.tag_name().name() == "Subcode").expect("a subcode");
    let value = subcode.first_element_child().expect("a value");
    let (prefix, local) = value.text().and_then(|text| text.split_once(':')).expect("a name");
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    assert_eq!((value.lookup_namespace_uri(Some(prefix)), local), (Some(wsse), "FailedAuthentication"));
    assert_eq!((fault.http_status(), fault.code()), (400, "Sender"));
    assert_eq!(fault.action(), "http://www.w3.org/2005/08/addressing/soap/fault");
}

#[test]
fn an_answer_is_read_up_to_its_body() {
    let mut out = Vec::new();
    let header = ReplyHeader { action: "urn:r", message_id: "m2", relates_to: Some("m1"), reference_parameters: "" };
    write_envelope(&mut out, &header, |out| out.extend_from_slice(b"<q x='1'/>"));
    let text = String::from_utf8(out).expect("UTF-8");
    let limits = XmlLimits::default();
    let mut reader = XmlReader::new(&text, &limits);
    let reply = read_reply(&mut reader).expect("an answer");
    assert_eq!((&*reply.action, reply.relates_to.as_deref()), ("urn:r", Some("m1")));
    assert_eq!(reply.body.attribute("x"), Some("1"));
    assert!(matches!(reader.next(), Ok(Event::End)));
}
