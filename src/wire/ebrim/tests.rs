mod nesting;

use proptest::prelude::*;

use super::{body, samples, *};
use crate::{
    model::{
        EntryUuid, StoredObject,
        rim::{
            Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot, SubmitObjectsRequest,
        },
        vocabulary as v,
    },
    wire::guard::{Event, XmlError, XmlLimits, XmlReader},
};

const RIM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";

fn read(list: &str) -> Result<SubmitObjectsRequest, DecodeError> {
    let text =
        format!("<l:RegistryObjectList xmlns:l='{RIM}' xmlns:rim='{RIM}' xmlns='{RIM}'>{list}</l:RegistryObjectList>");
    let limits = XmlLimits { value_bytes: 1 << 20, ..XmlLimits::default() };
    let mut reader = XmlReader::new(&text, &limits);
    assert!(matches!(reader.next()?, Event::Start(_)));
    let list = read_registry_object_list(&mut reader)?;
    assert!(matches!(reader.next()?, Event::Eof));
    Ok(list)
}

fn read_one(object: &str) -> RegistryObject {
    read(object).unwrap().objects.remove(0)
}

fn counter() -> impl FnMut() -> EntryUuid {
    let mut number = 0;
    move || {
        number += 1;
        samples::uuid(number)
    }
}

fn answer(object: &RegistryObject) -> String {
    let stored = samples::stored(object, body::encode(object, &mut counter()));
    let mut out = Vec::new();
    body::write_object(&mut out, &stored, &body::AnswerStyle::default()).unwrap();
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(object in samples::registry_object()) {
        let mut out = Vec::new();
        write_registry_object(&mut out, &object);
        let list = read(std::str::from_utf8(&out).unwrap()).unwrap();
        prop_assert_eq!(list.objects, [object]);
    }

    #[test]
    fn r_42_39_a_body_gives_back_what_was_received(object in samples::registry_object()) {
        let body = body::encode(&object, &mut counter());
        let stored = samples::stored(&object, body);
        let decoded = body::decode(&stored).unwrap();
        prop_assert_eq!(decoded, as_answered(object, &stored));
    }

    #[test]
    fn a_damaged_body_is_an_error_and_writes_nothing(
        object in samples::registry_object(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = body::encode(&object, &mut counter()).as_bytes().to_vec();
        for (place, octet) in places {
            let place = place.index(bytes.len());
            bytes[place] = octet;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let stored = samples::stored(&object, crate::model::Body::from_bytes(bytes));
        let mut out = b"before".to_vec();
        if body::write_object(&mut out, &stored, &body::AnswerStyle::default()).is_err() {
            prop_assert_eq!(out, b"before");
        }
        let _ = body::decode(&stored);
    }
}

/// What an answer holds of an object: the documented differences.
fn as_answered(mut object: RegistryObject, stored: &StoredObject) -> RegistryObject {
    let own_id: Box<str> = samples::uuid(0xA1).to_string().into();
    let mut fresh = counter();
    let mut fresh = || Some(Box::from(fresh().to_string()));
    object.id = Some(own_id.clone());
    (object.lid, object.version_name, object.home) = (None, None, None);
    object.name_elements = usize::from(!object.name.is_empty());
    let mut holes = Vec::new();
    let status = match stored {
        StoredObject::DocumentEntry(_) => {
            object.lid = Some(samples::uuid(0xB2).to_string().into());
            object.version_name = Some("3".into());
            object.home = Some("urn:oid:2.999.7".into());
            holes.push((v::SLOT_REPOSITORY_UNIQUE_ID, "2.999.10.1"));
            holes.push((v::SLOT_DOCUMENT_AVAILABILITY, v::DOCUMENT_OFFLINE));
            v::STATUS_DEPRECATED
        }
        StoredObject::Folder(_) => {
            object.lid = Some(samples::uuid(0xB2).to_string().into());
            object.version_name = Some("1".into());
            holes.push((v::SLOT_LAST_UPDATE_TIME, "20261121150000"));
            v::STATUS_APPROVED
        }
        StoredObject::SubmissionSet(_) => {
            if let Some(at) = object.slots.iter().position(|slot| &*slot.name == v::SLOT_LAST_UPDATE_TIME) {
                object.slots.remove(at);
            }
            v::STATUS_APPROVED
        }
        StoredObject::Association(_) => v::STATUS_APPROVED,
    };
    object.status = Some(status.into());
    for (name, value) in holes {
        let kept = Slot { name: name.into(), values: vec![value.into()] };
        match object.slots.iter_mut().find(|slot| &*slot.name == name) {
            Some(slot) => *slot = kept,
            None => object.slots.push(kept),
        }
    }
    match &mut object.kind {
        RimKind::ExtrinsicObject { .. } => {
            object.object_type.get_or_insert_with(|| v::OBJECT_TYPE_STABLE.into());
        }
        RimKind::RegistryPackage => object.object_type = Some(v::OBJECT_TYPE_REGISTRY_PACKAGE.into()),
        RimKind::Association { association_type, source_object, target_object } => {
            object.object_type = Some(v::OBJECT_TYPE_ASSOCIATION.into());
            *association_type = v::ASSOCIATION_RPLC.into();
            *source_object = samples::uuid(1).to_string().into();
            *target_object = samples::uuid(2).to_string().into();
        }
    }
    let mut nodes: Vec<Box<str>> = Vec::new();
    object.classifications.retain(|c| {
        let first = c.classification_node.as_ref().is_none_or(|node| !nodes.contains(node));
        nodes.extend(c.classification_node.clone());
        first
    });
    for classification in &mut object.classifications {
        classification.id = fresh();
        classification.classified_object = Some(own_id.clone());
        classification.object_type = Some(v::OBJECT_TYPE_CLASSIFICATION.into());
    }
    for identifier in &mut object.external_identifiers {
        identifier.id = fresh();
        identifier.registry_object = Some(own_id.clone());
        identifier.object_type = Some(v::OBJECT_TYPE_EXTERNAL_IDENTIFIER.into());
        let fixed_name = match &*identifier.identification_scheme {
            v::DE_UNIQUE_ID => "XDSDocumentEntry.uniqueId",
            v::SS_SOURCE_ID => "XDSSubmissionSet.sourceId",
            v::FD_UNIQUE_ID => "XDSFolder.uniqueId",
            v::DE_PATIENT_ID => {
                if !matches!(stored, StoredObject::Association(_)) {
                    identifier.value = samples::PATIENT_ID.into();
                }
                "XDSDocumentEntry.patientId"
            }
            _ => continue,
        };
        identifier.name = vec![LocalizedString { value: fixed_name.into(), ..LocalizedString::default() }];
    }
    object
}

#[test]
fn spec_8_17_children_stand_in_any_order() {
    let object = read_one(
        "<ExtrinsicObject id=' Doc01 ' mimeType='text/plain' isOpaque='false'>
           <ExternalIdentifier identificationScheme='urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab' value=' 1.2 '/>
           <ContentVersionInfo versionName='1'/>
           <Description/>
           <Name/><Name><LocalizedString value='b'/><LocalizedString xml:lang='nl' value='c'/></Name>
           <Classification nodeRepresentation=''/>
           <VersionInfo versionName='2'/>
           <Slot name='hash'><ValueList><Value>a</Value></ValueList></Slot>
         </ExtrinsicObject>",
    );
    assert_eq!(object.id.as_deref(), Some("Doc01"));
    assert_eq!(object.external_identifiers[0].value, "1.2".into());
    assert_eq!((object.name_elements, object.name.len(), object.description.len()), (2, 2, 0));
    assert_eq!(object.classifications[0].node_representation.as_deref(), Some(""));
    assert_eq!(object.version_name.as_deref(), Some("2"));
    assert_eq!(object.slot("hash").unwrap().values, ["a".into()]);
}

#[test]
fn spec_8_14_and_18_values_are_joined_and_trimmed() {
    let slot = read_one(
        "<RegistryPackage><Slot name='x'><ValueList><!-- c --><Value>\n  a<![CDATA[&b]]>&amp;<!-- c -->c\n</Value><Value/><Value> </Value></ValueList></Slot></RegistryPackage>",
    )
    .slots
    .remove(0);
    assert_eq!(slot.values, ["a&b&c".into(), "".into(), "".into()]);
}

#[test]
fn spec_8_25_empty_home_and_missing_ids_are_absent() {
    let object = read_one("<rim:Association home='' associationType=' urn:x ' sourceObject='a' targetObject='b'/>");
    assert_eq!((object.id, object.home), (None, None));
    assert!(matches!(object.kind, RimKind::Association { association_type, .. } if &*association_type == "urn:x"));
}

#[test]
fn r_42_01_foreign_elements_are_named_and_object_refs_ignored() {
    let list = read(
        "<ObjectRef id='urn:uuid:x'/><Organization id='o'><Address/></Organization><x:Odd xmlns:x='urn:x'/>
         <Classification classificationNode='n' classifiedObject='o'/><RegistryPackage id='p'/>",
    )
    .unwrap();
    assert_eq!(list.foreign_elements, ["Organization".into(), "Odd".into()]);
    assert_eq!((list.objects.len(), list.classifications.len()), (1, 1));
}

#[test]
fn an_element_in_the_wrong_place_is_named_with_its_path() {
    for (list, path, problem) in [
        (
            "<RegistryPackage/><ExtrinsicObject><Slot name='a'><ValueList><Item/></ValueList></Slot></ExtrinsicObject>",
            "ExtrinsicObject[2]/Slot",
            "element Item has no place here",
        ),
        (
            "<ExtrinsicObject><Slot name='a'><ValueList><Value>a<b/></Value></ValueList></Slot></ExtrinsicObject>",
            "ExtrinsicObject[1]/Slot/Value",
            "an element where only text stands",
        ),
        (
            "<Association><Classification><Name>text</Name></Classification></Association>",
            "Association[1]/Classification/Name",
            "text between elements",
        ),
        (
            "<RegistryPackage><ContentVersionInfo/></RegistryPackage>",
            "RegistryPackage[1]",
            "element ContentVersionInfo has no place here",
        ),
    ] {
        assert_eq!(read(list), Err(DecodeError::Content { path: path.into(), problem: problem.into() }));
    }
    assert!(matches!(read("<RegistryPackage>"), Err(DecodeError::Xml(XmlError::Malformed { .. }))));
}

/// Names in another namespace are other names (S-IN-13).
#[test]
fn s_in_13_another_namespace_is_not_ebrim() {
    let list = read("<x:ExtrinsicObject xmlns:x='urn:oasis:names:tc:ebxml-regrep:xsd:rim:2.1'/>").unwrap();
    assert!(list.objects.is_empty());
    assert_eq!(list.foreign_elements, ["ExtrinsicObject".into()]);
}

#[test]
fn r_18_50_an_answer_is_complete_and_in_order() {
    let object = RegistryObject {
        slots: vec![
            Slot { name: "creationTime".into(), values: vec!["2013".into()] },
            Slot { name: "repositoryUniqueId".into(), values: vec!["1.1".into()] },
            Slot { name: "urn:x:a\"b".into(), values: vec!["1&2".into(), "3".into()] },
            Slot { name: "urn:x:none".into(), values: vec![] },
        ],
        name: vec![LocalizedString { lang: Some("nl".into()), charset: Some("UTF-8".into()), value: "<a>".into() }],
        classifications: vec![Classification {
            classification_scheme: Some(v::DE_CLASS_CODE.to_uppercase().replace("URN:UUID", "urn:uuid").into()),
            node_representation: Some("REP".into()),
            slots: vec![Slot { name: "codingScheme".into(), values: vec!["1.2".into()] }],
            ..Classification::default()
        }],
        external_identifiers: vec![
            ExternalIdentifier { identification_scheme: v::DE_PATIENT_ID.into(), ..ExternalIdentifier::default() },
            ExternalIdentifier {
                identification_scheme: v::DE_UNIQUE_ID.into(),
                value: "1.2^x".into(),
                ..ExternalIdentifier::default()
            },
        ],
        ..RegistryObject::new(RimKind::ExtrinsicObject { mime_type: Some("text/plain".into()) })
    };
    let own = "urn:uuid:a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1";
    let expected = format!(
        r#"<rim:ExtrinsicObject id="{own}" home="urn:oid:2.999.7" lid="urn:uuid:b2b2b2b2-b2b2-b2b2-b2b2-b2b2b2b2b2b2" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1" status="urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated" mimeType="text/plain">"#
    ) + r#"<rim:Slot name="creationTime"><rim:ValueList><rim:Value>2013</rim:Value></rim:ValueList></rim:Slot>"#
        + r#"<rim:Slot name="repositoryUniqueId"><rim:ValueList><rim:Value>2.999.10.1</rim:Value></rim:ValueList></rim:Slot>"#
        + r#"<rim:Slot name="urn:x:a&quot;b"><rim:ValueList><rim:Value>1&amp;2</rim:Value><rim:Value>3</rim:Value></rim:ValueList></rim:Slot>"#
        + r#"<rim:Slot name="urn:x:none"><rim:ValueList/></rim:Slot>"#
        + r#"<rim:Slot name="documentAvailability"><rim:ValueList><rim:Value>urn:ihe:iti:2010:DocumentAvailability:Offline</rim:Value></rim:ValueList></rim:Slot>"#
        + r#"<rim:Name><rim:LocalizedString xml:lang="nl" charset="UTF-8" value="&lt;a&gt;"/></rim:Name>"#
        + r#"<rim:VersionInfo versionName="3"/>"#
        + &format!(
            r#"<rim:Classification id="urn:uuid:01010101-0101-0101-0101-010101010101" classifiedObject="{own}" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification" classificationScheme="urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a" nodeRepresentation="REP">"#
        )
        + r#"<rim:Slot name="codingScheme"><rim:ValueList><rim:Value>1.2</rim:Value></rim:ValueList></rim:Slot></rim:Classification>"#
        + &format!(
            r#"<rim:ExternalIdentifier id="urn:uuid:02020202-0202-0202-0202-020202020202" registryObject="{own}" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier" identificationScheme="urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" value="P&amp;9^^^&amp;2.999.1.1&amp;ISO"><rim:Name><rim:LocalizedString value="XDSDocumentEntry.patientId"/></rim:Name></rim:ExternalIdentifier>"#
        )
        + &format!(
            r#"<rim:ExternalIdentifier id="urn:uuid:03030303-0303-0303-0303-030303030303" registryObject="{own}" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier" identificationScheme="urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" value="1.2^x"><rim:Name><rim:LocalizedString value="XDSDocumentEntry.uniqueId"/></rim:Name></rim:ExternalIdentifier>"#
        )
        + "</rim:ExtrinsicObject>";
    assert_eq!(answer(&object), expected);
}

#[test]
fn spec_8_24_and_36_one_mark_and_no_versions_on_request() {
    let mark = |node: &str| Classification { classification_node: Some(node.into()), ..Classification::default() };
    let folder = RegistryObject {
        classifications: vec![mark(v::FOLDER_NODE), mark(v::FOLDER_NODE)],
        ..RegistryObject::new(RimKind::RegistryPackage)
    };
    let text = answer(&folder);
    assert_eq!(text.matches("classificationNode").count(), 1);
    assert!(text.contains("lastUpdateTime\"><rim:ValueList><rim:Value>20261121150000<"));
    assert!(text.contains(" lid=") && text.contains("VersionInfo"));

    let stored = samples::stored(&folder, body::encode(&folder, &mut counter()));
    let style = body::AnswerStyle { home: "urn:oid:2.999.8".parse().ok(), versions: false };
    let mut out = Vec::new();
    body::write_object(&mut out, &stored, &style).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains("lid=") && !text.contains("VersionInfo") && text.contains(r#" home="urn:oid:2.999.8""#));
}

#[test]
fn a_body_of_another_version_is_refused() {
    let object = RegistryObject::new(RimKind::RegistryPackage);
    for bytes in [vec![], vec![2, 0, 1, b'a']] {
        let stored = samples::stored(&object, crate::model::Body::from_bytes(bytes));
        assert_eq!(body::decode(&stored), Err(body::BodyError::Version));
    }
}

#[test]
fn any_ebrim_is_read_without_panic() {
    bolero::check!().with_iterations(3000).for_each(|bytes: &[u8]| {
        const ALPHABET: [&str; 24] = [
            "<ExtrinsicObject id='a'>",
            "</ExtrinsicObject>",
            "<RegistryPackage>",
            "</RegistryPackage>",
            "<Association/>",
            "<Slot name='a'>",
            "</Slot>",
            "<ValueList>",
            "</ValueList>",
            "<Value>",
            "</Value>",
            "<Value/>",
            "text",
            "<Name>",
            "</Name>",
            "<LocalizedString value='a'/>",
            "<Classification>",
            "</Classification>",
            "<ExternalIdentifier>",
            "</ExternalIdentifier>",
            "<Description/>",
            " ",
            "<VersionInfo/>",
            "<x:y xmlns:x='urn:x'/>",
        ];
        let text: String = bytes.iter().map(|b| ALPHABET[usize::from(*b) % ALPHABET.len()]).collect();
        let _ = read(&text);
    });
}
