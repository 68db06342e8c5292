use proptest::prelude::*;

use super::{
    iti43::*,
    registry_response::{read, write},
    *,
};
use crate::{
    model::{
        Finding, QueryAnswer, RegistryResponse, ResponseStatus, Severity, XdsErrorCode,
        rim::{AdhocQueryRequest, DocumentRequest, Slot, SubmitObjectsRequest},
    },
    wire::{
        ebrim::{
            DecodeError,
            body::{self, AnswerStyle},
            samples,
        },
        guard::{Element, Event, XmlError, XmlLimits, XmlReader},
    },
};

const NAMESPACES: &str = "xmlns:xds='urn:ihe:iti:xds-b:2007' xmlns:lcm='urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0' \
    xmlns:rim='urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0' xmlns:rs='urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0' \
    xmlns:query='urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0' xmlns:xop='http://www.w3.org/2004/08/xop/include'";

/// Reads the one element of a text and demands that the reader stopped at its end.
fn read_root<T>(
    text: &str,
    read: impl for<'a> FnOnce(&mut XmlReader<'a>, &Element<'a>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let limits = XmlLimits { value_bytes: 1 << 20, ..XmlLimits::default() };
    let mut reader = XmlReader::new(text, &limits);
    let Event::Start(root) = reader.next()? else { panic!("no root element") };
    let value = read(&mut reader, &root)?;
    assert!(matches!(reader.next()?, Event::Eof), "the reader stops after the end of its element");
    Ok(value)
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn finding() -> impl Strategy<Value = Finding> {
    let code = proptest::sample::select(XdsErrorCode::ALL);
    let severity = prop_oneof![Just(Severity::Error), Just(Severity::Warning)];
    (code, samples::text(), samples::text(), severity).prop_map(|(code, context, location, severity)| Finding {
        code,
        context: context.into(),
        location: location.into(),
        severity,
    })
}

fn response() -> impl Strategy<Value = RegistryResponse> {
    let status =
        prop_oneof![Just(ResponseStatus::Success), Just(ResponseStatus::PartialSuccess), Just(ResponseStatus::Failure)];
    (status, prop::collection::vec(finding(), 0..3))
        .prop_map(|(status, findings)| RegistryResponse { status, findings })
}

fn without_repetition(response: RegistryResponse) -> RegistryResponse {
    let mut findings = Vec::new();
    for finding in response.findings {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    RegistryResponse { findings, ..response }
}

fn document_request() -> impl Strategy<Value = DocumentRequest> {
    let home = prop::option::of("urn:oid:[0-9.]{3,9}".prop_map(Box::from));
    (home, samples::text(), samples::text()).prop_map(
        |(home_community_id, repository_unique_id, document_unique_id)| DocumentRequest {
            home_community_id,
            repository_unique_id,
            document_unique_id,
        },
    )
}

proptest! {
    #[test]
    fn iti_42_requests_are_read_as_written(request in samples::submission()) {
        let text = written(|out| iti42::write_request(out, &request));
        prop_assert_eq!(read_root(&text, |reader, _| iti42::read_request(reader)).unwrap(), request);
    }

    #[test]
    fn iti_41_requests_are_read_as_written(submit in samples::submission(), id in samples::text(), cid in "[ -~é]{1,20}") {
        let text = written(|out| iti41::write_request(out, &submit, &[(&id, &cid), ("b", "b@c.example")]));
        let request = read_root(&text, |reader, _| iti41::read_request(reader)).unwrap();
        prop_assert_eq!(request.submit, submit);
        prop_assert_eq!(request.documents[0].id.as_deref(), Some(&*id));
        let DocumentContent::Include(href) = &request.documents[0].content else { panic!("no Include") };
        let decoded = percent_encoding::percent_decode_str(href.strip_prefix("cid:").unwrap()).decode_utf8().unwrap();
        prop_assert_eq!(decoded, cid);
        prop_assert_eq!(&request.documents[1].content, &DocumentContent::Include("cid:b@c.example".into()));
    }

    #[test]
    fn iti_18_requests_are_read_as_written(
        query_id in samples::text(),
        home in prop::option::of("[a-z]{1,5}".prop_map(Box::from)),
        return_type in prop::option::of(samples::text()),
        values in prop::collection::vec(prop::collection::vec(samples::text(), 0..3), 0..3),
    ) {
        let slots = values.into_iter().map(|values| Slot { name: "$x".into(), values }).collect();
        let request = AdhocQueryRequest { query_id, home, return_type, slots };
        let text = written(|out| iti18::write_request(out, &request));
        prop_assert_eq!(read_root(&text, |reader, _| iti18::read_request(reader)).unwrap(), request);
    }

    #[test]
    fn registry_responses_are_read_as_written(response in response()) {
        let text = written(|out| write(out, &response));
        let read = read_root(&text, read).unwrap();
        prop_assert_eq!(read.into_response(XdsErrorCode::RegistryError), without_repetition(response));
    }

    #[test]
    fn iti_18_responses_are_read_as_written(response in response(), objects in prop::collection::vec(samples::registry_object(), 0..3)) {
        let stored: Vec<_> = objects.iter().map(|o| samples::stored(o, body::encode(o, &mut || samples::uuid(9)))).collect();
        let answer = QueryAnswer::LeafClass(stored.clone());
        let text = written(|out| iti18::write_response(out, &response, &answer, &AnswerStyle::default()).unwrap());
        let read = read_root(&text, iti18::read_response).unwrap();
        let expected: Vec<_> = stored.iter().map(|object| body::decode(object).unwrap()).collect();
        prop_assert_eq!(read.objects.objects, expected);
        prop_assert_eq!(read.response.into_response(XdsErrorCode::RegistryError), without_repetition(response));
    }

    #[test]
    fn iti_43_messages_are_read_as_written(
        response in response(),
        requests in prop::collection::vec(document_request(), 0..4),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let text = written(|out| write_request(out, &requests));
        prop_assert_eq!(&read_root(&text, |reader, _| read_request(reader)).unwrap(), &requests);

        let documents: Vec<_> = requests.iter().enumerate().map(|(number, request)| DocumentResponse {
            request: request.clone(),
            mime_type: "text/plain; charset=\"utf-8\"".into(),
            content: if number % 2 == 0 { ResponseContent::Base64Hole } else { ResponseContent::Cid(format!("{number}@x")) },
        }).collect();
        let mut out = Vec::new();
        let holes = write_response(&mut out, &response, &documents);
        let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &bytes);
        for hole in holes.iter().rev() {
            out.splice(hole..hole, base64.bytes());
        }
        let read = read_root(std::str::from_utf8(&out).unwrap(), |reader, _| read_response(reader)).unwrap();
        prop_assert_eq!(read.response.into_response(XdsErrorCode::RegistryError), without_repetition(response));
        let expected: Vec<_> = documents.iter().enumerate().map(|(number, document)| RetrievedDocument {
            request: document.request.clone(),
            mime_type: document.mime_type.clone(),
            content: Some(match document.content {
                ResponseContent::Base64Hole => DocumentContent::Inline(bytes.clone()),
                ResponseContent::Cid(_) => DocumentContent::Include(format!("cid:{number}@x").into()),
            }),
        }).collect();
        prop_assert_eq!(read.documents, expected);
    }
}

fn content_of(document: &str) -> DocumentContent {
    let text = format!(
        "<xds:ProvideAndRegisterDocumentSetRequest {NAMESPACES}><lcm:SubmitObjectsRequest/><xds:Document id=' Doc01 '>{document}</xds:Document></xds:ProvideAndRegisterDocumentSetRequest>"
    );
    let mut request = read_root(&text, |reader, _| iti41::read_request(reader)).unwrap();
    assert_eq!(request.documents[0].id.as_deref(), Some("Doc01"));
    request.documents.remove(0).content
}

#[test]
fn spec_8_8_includes_are_read_in_all_their_forms() {
    for include in [
        "<xop:Include href='cid:a%40b'/>",
        "\n  <xop:Include href=' cid:a%40b '></xop:Include>\n",
        "<Include xmlns='http://www.w3.org/2004/08/xop/include' href='cid:a%40b'><x xmlns=''/>text</Include>",
        "<y:Include xmlns:y='http://www.w3.org/2004/08/xop/include' href='cid:a%40b'/><!-- c -->",
    ] {
        assert_eq!(content_of(include), DocumentContent::Include("cid:a%40b".into()), "{include}");
    }
}

#[test]
fn r_soap_04_an_include_stands_alone() {
    for content in [
        "<xop:Include href='cid:a'/><xop:Include href='cid:a'/>",
        "<xop:Include href='cid:a'/>YQ==",
        "YQ==<xop:Include href='cid:a'/>",
        "<xop:Include/>",
        "<x/>",
        "<Include href='cid:a'/>",
        "<Include xmlns='http://www.w3.org/2003/12/xop/include' href='cid:a'/>",
    ] {
        assert!(matches!(content_of(content), DocumentContent::BadInclude(_)), "{content}");
    }
    let DocumentContent::BadInclude(why) =
        content_of("<Include xmlns='http://www.w3.org/2003/12/xop/include' href='cid:a'/>")
    else {
        panic!("not refused")
    };
    assert!(why.contains("2003/12"), "{why}");
}

#[test]
fn r_41_05_inline_base64() {
    assert_eq!(content_of("aGVs\r\n bG8\t=&#13;\n"), DocumentContent::Inline(b"hello".to_vec()));
    assert_eq!(content_of("<![CDATA[aGVsbG8=]]>"), DocumentContent::Inline(b"hello".to_vec()));
    assert_eq!(content_of(""), DocumentContent::Inline(Vec::new()));
    assert_eq!(content_of(" \n "), DocumentContent::Inline(Vec::new()));
    for bad in ["aGVsbG8", "aGVsbG9=", "a", "-_==", "aGVs=bG8="] {
        assert_eq!(content_of(bad), DocumentContent::BadBase64, "{bad}");
    }
}

#[test]
fn a_request_of_another_shape_says_where() {
    for (body, expected) in [
        (
            "<lcm:SubmitObjectsRequest/><lcm:SubmitObjectsRequest/>",
            "ProvideAndRegisterDocumentSetRequest: element SubmitObjectsRequest has no place here",
        ),
        ("<xds:Document id='a'/>", "ProvideAndRegisterDocumentSetRequest: element SubmitObjectsRequest is missing"),
        (
            "<lcm:SubmitObjectsRequest><rim:RegistryObjectList><rim:RegistryPackage><rim:Slot><x/></rim:Slot></rim:RegistryPackage></rim:RegistryObjectList></lcm:SubmitObjectsRequest>",
            "ProvideAndRegisterDocumentSetRequest/SubmitObjectsRequest/RegistryObjectList/RegistryPackage[1]/Slot: element x has no place here",
        ),
    ] {
        let text = format!(
            "<xds:ProvideAndRegisterDocumentSetRequest {NAMESPACES}>{body}</xds:ProvideAndRegisterDocumentSetRequest>"
        );
        let error = read_root(&text, |reader, _| iti41::read_request(reader)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let doctype = "<a><!DOCTYPE a></a>";
    assert_eq!(read_root(doctype, |reader, _| iti43::read_request(reader)), Err(DecodeError::Xml(XmlError::Doctype)));
}

#[test]
fn r_18_04_a_query_is_read_with_what_it_does_not_need() {
    let text = format!(
        "<query:AdhocQueryRequest {NAMESPACES} federated='false' maxResults='-1'><rs:RequestSlotList><rim:Slot name='a'/></rs:RequestSlotList>
           <query:ResponseOption returnType=' LeafClass '/><rim:AdhocQuery id=' urn:uuid:x ' home=''><rim:Name/>
           <rim:Slot name='$a'><rim:ValueList><rim:Value>('b')</rim:Value></rim:ValueList></rim:Slot></rim:AdhocQuery></query:AdhocQueryRequest>"
    );
    let request = read_root(&text, |reader, _| iti18::read_request(reader)).unwrap();
    let slots = vec![Slot { name: "$a".into(), values: vec!["('b')".into()] }];
    assert_eq!(
        request,
        AdhocQueryRequest { query_id: "urn:uuid:x".into(), home: None, return_type: Some("LeafClass".into()), slots }
    );
}

#[test]
fn r_43_01_missing_values_are_left_to_the_repository() {
    let text = format!(
        "<xds:RetrieveDocumentSetRequest {NAMESPACES}><xds:DocumentRequest><xds:HomeCommunityId/><xds:DocumentUniqueId> 1.2\n</xds:DocumentUniqueId></xds:DocumentRequest></xds:RetrieveDocumentSetRequest>"
    );
    let requests = read_root(&text, |reader, _| read_request(reader)).unwrap();
    assert_eq!(requests, [DocumentRequest { document_unique_id: "1.2".into(), ..DocumentRequest::default() }]);
}

#[test]
fn a_response_says_each_thing_once() {
    let response = RegistryResponse::failure(vec![
        Finding::warning(XdsErrorCode::ExtraMetadataNotSaved, "R-42-06", "slot a\nand \"b\""),
        Finding::error(XdsErrorCode::RegistryError, "", "x"),
        Finding::error(XdsErrorCode::RegistryError, "", "x"),
    ]);
    assert_eq!(
        written(|out| write(out, &response)),
        "<rs:RegistryResponse xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\" status=\"urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure\">\
         <rs:RegistryErrorList highestSeverity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error\">\
         <rs:RegistryError errorCode=\"XDSExtraMetadataNotSaved\" codeContext=\"slot a&#10;and &quot;b&quot;\" location=\"R-42-06\" severity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning\"/>\
         <rs:RegistryError errorCode=\"XDSRegistryError\" codeContext=\"x\" severity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error\"/>\
         </rs:RegistryErrorList></rs:RegistryResponse>"
    );
}

#[test]
fn r_41_12_codes_that_are_unknown_here_keep_their_name() {
    let text = format!(
        "<rs:RegistryResponse {NAMESPACES} status='urn:x'><rs:RegistryErrorList><rs:RegistryError errorCode='XDSNewError' codeContext='c'>text</rs:RegistryError></rs:RegistryErrorList></rs:RegistryResponse>"
    );
    let response = read_root(&text, read).unwrap().into_response(XdsErrorCode::RepositoryError);
    assert_eq!(response.status, ResponseStatus::Failure);
    assert_eq!(response.findings, [Finding::error(XdsErrorCode::RepositoryError, "", "XDSNewError: c")]);
}

#[test]
fn object_refs_carry_id_and_home() {
    let references =
        QueryAnswer::ObjectRef(vec![(samples::uuid(1), None), (samples::uuid(2), "urn:oid:1.2".parse().ok())]);
    let text = written(|out| {
        iti18::write_response(out, &RegistryResponse::success(), &references, &AnswerStyle::default()).unwrap();
    });
    assert!(text.ends_with(
        "<rim:RegistryObjectList><rim:ObjectRef id=\"urn:uuid:01010101-0101-0101-0101-010101010101\"/>\
         <rim:ObjectRef id=\"urn:uuid:02020202-0202-0202-0202-020202020202\" home=\"urn:oid:1.2\"/></rim:RegistryObjectList></query:AdhocQueryResponse>"
    ));
    let read = read_root(&text, iti18::read_response).unwrap();
    assert_eq!(read.object_refs.len(), 2);
    assert_eq!(read.objects, SubmitObjectsRequest::default());
}
