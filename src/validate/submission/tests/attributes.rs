//! Stage 3: attributes.

use super::{accepted, accepted_with, each_is_refused, refused_with};
use crate::{
    model::{CodeValue, XdsErrorCode, rim::RimKind, vocabulary as v},
    validate::{
        Rules, Tolerance,
        sample::{PATIENT, classification, identifier, object, set, set_author, slot, text, unset},
    },
};

fn drop_classification(r: &mut crate::model::rim::SubmitObjectsRequest, id: &str, scheme: &str) {
    object(r, id).classifications.retain(|c| c.classification_scheme.as_deref() != Some(scheme));
}

fn put_identifier(r: &mut crate::model::rim::SubmitObjectsRequest, id: &str, scheme: &str, value: &str) {
    let object = object(r, id);
    object.external_identifiers.retain(|x| &*x.identification_scheme != scheme);
    object.external_identifiers.push(identifier(id, scheme, value));
}

#[test]
fn r_42_15_every_required_attribute_is_missed() {
    each_is_refused(&[
        ("R-42-15", "Doc01: missing creationTime", |r| unset(r, "Doc01", "creationTime")),
        ("R-42-15", "Doc01: missing creationTime", |r| set(r, "Doc01", "creationTime", &[])),
        ("R-42-15", "Doc01: missing hash", |r| set(r, "Doc01", "hash", &[""])),
        ("R-42-15", "Doc01: missing languageCode", |r| unset(r, "Doc01", "languageCode")),
        ("R-42-15", "Doc01: missing repositoryUniqueId", |r| unset(r, "Doc01", "repositoryUniqueId")),
        ("R-42-15", "Doc01: missing size", |r| unset(r, "Doc01", "size")),
        ("R-42-15", "Doc01: missing sourcePatientId", |r| unset(r, "Doc01", "sourcePatientId")),
        ("R-42-15", "Doc01: missing mimeType", |r| {
            object(r, "Doc01").kind = RimKind::ExtrinsicObject { mime_type: None };
        }),
        ("R-42-15", "Doc01: missing patientId", |r| {
            object(r, "Doc01").external_identifiers.remove(0);
        }),
        ("R-42-15", "Doc01: missing uniqueId", |r| put_identifier(r, "Doc01", v::DE_UNIQUE_ID, "")),
        ("R-42-15", "Doc01: missing classCode", |r| drop_classification(r, "Doc01", v::DE_CLASS_CODE)),
        ("R-42-15", "Doc01: missing confidentialityCode", |r| {
            drop_classification(r, "Doc01", v::DE_CONFIDENTIALITY_CODE);
        }),
        ("R-42-15", "Doc01: missing formatCode", |r| drop_classification(r, "Doc01", v::DE_FORMAT_CODE)),
        ("R-42-15", "Doc01: missing healthcareFacilityTypeCode", |r| {
            drop_classification(r, "Doc01", v::DE_HEALTHCARE_FACILITY_TYPE_CODE);
        }),
        ("R-42-15", "Doc01: missing practiceSettingCode", |r| {
            drop_classification(r, "Doc01", v::DE_PRACTICE_SETTING_CODE);
        }),
        ("R-42-15", "Doc01: missing typeCode", |r| drop_classification(r, "Doc01", v::DE_TYPE_CODE)),
        ("R-42-15", "SS01: missing submissionTime", |r| unset(r, "SS01", "submissionTime")),
        ("R-42-15", "SS01: missing contentTypeCode", |r| drop_classification(r, "SS01", v::SS_CONTENT_TYPE_CODE)),
        ("R-42-15", "SS01: missing patientId", |r| put_identifier(r, "SS01", v::SS_PATIENT_ID, "")),
        ("R-42-15", "SS01: missing sourceId", |r| put_identifier(r, "SS01", v::SS_SOURCE_ID, "")),
        ("R-42-15", "SS01: missing uniqueId", |r| put_identifier(r, "SS01", v::SS_UNIQUE_ID, "")),
        ("R-42-15", "FD01: missing codeList", |r| drop_classification(r, "FD01", v::FD_CODE_LIST)),
        ("R-42-15", "FD01: missing title (Name)", |r| object(r, "FD01").name.clear()),
        ("R-42-15", "FD01: missing patientId", |r| put_identifier(r, "FD01", v::FD_PATIENT_ID, "")),
        ("R-42-15", "FD01: missing uniqueId", |r| put_identifier(r, "FD01", v::FD_UNIQUE_ID, "")),
    ]);
}

#[test]
fn optional_attributes_may_be_absent_or_empty() {
    let entry = accepted(|r| {
        for name in ["serviceStartTime", "serviceStopTime", "sourcePatientInfo", "legalAuthenticator"] {
            set(r, "Doc01", name, &[""]);
        }
        unset(r, "Doc01", v::SLOT_REFERENCE_ID_LIST);
        drop_classification(r, "Doc01", v::DE_AUTHOR);
        drop_classification(r, "Doc01", v::DE_EVENT_CODE_LIST);
        drop_classification(r, "SS01", v::SS_AUTHOR);
        unset(r, "SS01", "intendedRecipient");
        object(r, "Doc01").name.clear();
        object(r, "Doc01").home = Some("".into());
    })
    .submission
    .document_entries
    .remove(0);
    assert_eq!((entry.service_start_time, entry.title, entry.home), (None, None, None));
    assert!(entry.author_persons.is_empty() && entry.event_codes.is_empty());
}

#[test]
fn formats_of_slots() {
    each_is_refused(&[
        ("R-META-10", "Doc01: creationTime has 2 values, one is allowed", |r| {
            set(r, "Doc01", "creationTime", &["2024", "2025"]);
        }),
        (
            "R-META-12",
            "Doc01: creationTime '2024-03-05' is refused: a time is digits only, UTC, without offset or fraction",
            |r| set(r, "Doc01", "creationTime", &["2024-03-05"]),
        ),
        ("R-META-12", "Doc01: serviceStartTime '20230229' is refused: no such date or time of day", |r| {
            set(r, "Doc01", "serviceStartTime", &["20230229"]);
        }),
        (
            "R-META-12",
            "SS01: submissionTime '20240' is refused: a time has 4, 6, 8, 10, 12 or 14 digits (YYYY[MM[DD[hh[mm[ss]]]]])",
            |r| set(r, "SS01", "submissionTime", &["20240"]),
        ),
        (
            "R-META-13",
            "Doc01: repositoryUniqueId 'urn:oid:1.2' is refused: an OID is digits and dots, without empty arcs or leading zeros",
            |r| {
                set(r, "Doc01", "repositoryUniqueId", &["urn:oid:1.2"]);
            },
        ),
        ("R-META-14", "Doc01: home '1.2.3' is refused: a homeCommunityId begins with urn:oid:", |r| {
            object(r, "Doc01").home = Some("1.2.3".into());
        }),
        (
            "R-META-15",
            "Doc01: sourcePatientId 'jd12323^^^wsh' is refused: component 4 must be &oid&ISO; write id^^^&oid&ISO",
            |r| set(r, "Doc01", "sourcePatientId", &["jd12323^^^wsh"]),
        ),
        (
            "R-META-16",
            "Doc01: referenceIdList 'A-17' is refused: component 5 (the kind of identifier) is empty, a URN or a local \
             value is required",
            |r| set(r, "Doc01", v::SLOT_REFERENCE_ID_LIST, &["A-17"]),
        ),
        (
            "R-META-16",
            "Doc01: referenceIdList 'A-17^^^^ward-list' is refused: component 4 (the assigning authority) is empty, one \
             is required unless component 1 is an OID or a URI",
            |r| set(r, "Doc01", v::SLOT_REFERENCE_ID_LIST, &["A-17^^^^ward-list"]),
        ),
        (
            "R-META-17",
            "Doc01: legalAuthenticator '^^Anna' is refused: component 1 (identifier) or 2 (family name) must be present",
            |r| set(r, "Doc01", "legalAuthenticator", &["^^Anna"]),
        ),
        ("R-META-20", "SS01: intendedRecipient '||' is refused: all parts are empty", |r| {
            set(r, "SS01", "intendedRecipient", &["||"]);
        }),
        (
            "R-META-23",
            "Doc01: hash 'ZXhhbXBsZSBleGFtcGxlIGV4YW0=' is refused: this looks like base64; XDS wants 40 hexadecimal digits",
            |r| set(r, "Doc01", "hash", &["ZXhhbXBsZSBleGFtcGxlIGV4YW0="]),
        ),
        ("R-META-23", "Doc01: size '43.0' is refused: a size is a number of octets, digits only", |r| {
            set(r, "Doc01", "size", &["43.0"]);
        }),
        (
            "R-META-23",
            "Doc01: size '99999999999999999999' is refused: a size is a number of octets, digits only",
            |r| {
                set(r, "Doc01", "size", &["99999999999999999999"]);
            },
        ),
        ("R-META-24", "Doc01: languageCode 'de_AT' is refused: a languageCode is an RFC 5646 tag such as nl-NL", |r| {
            set(r, "Doc01", "languageCode", &["de_AT"]);
        }),
        ("R-META-25", "Doc01: mimeType 'pdf' is refused: a mimeType is type/subtype such as application/pdf", |r| {
            object(r, "Doc01").kind = RimKind::ExtrinsicObject { mime_type: Some("pdf".into()) };
        }),
        (
            "R-META-26",
            "Doc01: URI '1|http://example.org/' is refused: numbered parts (1|…) are obsolete; write the whole URI as \
             one value",
            |r| set(r, "Doc01", "URI", &["1|http://example.org/", "2|doc"]),
        ),
        ("R-META-10", "Doc01: URI has 2 values, one is allowed", |r| set(r, "Doc01", "URI", &["a", "b"])),
        (
            "R-META-29",
            "Doc01: sourcePatientInfo 'OBX-3|x' is refused: a value of sourcePatientInfo is PID-n|data, n from 1 to 39",
            |r| set(r, "Doc01", "sourcePatientInfo", &["OBX-3|x"]),
        ),
        ("R-META-29", "Doc01: sourcePatientInfo has PID-7 twice, once is allowed", |r| {
            set(r, "Doc01", "sourcePatientInfo", &["PID-7|1971", "PID-7|1972"]);
        }),
        ("R-META-29", "Doc01: sourcePatientInfo has PID-8 twice, once is allowed", |r| {
            set(r, "Doc01", "sourcePatientInfo", &["PID-8|F~M"]);
        }),
        (
            "R-META-36",
            "Doc01: documentAvailability 'Online' is refused: it is urn:ihe:iti:2010:DocumentAvailability:Online or …:Offline",
            |r| set(r, "Doc01", "documentAvailability", &["Online"]),
        ),
        ("R-42-17", "Doc01: serviceStartTime '20240306' is after serviceStopTime '202403051200'", |r| {
            set(r, "Doc01", "serviceStartTime", &["20240306"]);
        }),
    ]);
    // R-42-17: compared at the lower precision.
    accepted(|r| {
        set(r, "Doc01", "serviceStartTime", &["202403051300"]);
        set(r, "Doc01", "serviceStopTime", &["20240305"]);
    });
    // R-42-19: size 0 with the hash of nothing.
    let entry = accepted(|r| {
        set(r, "Doc01", "size", &["0"]);
        set(r, "Doc01", "hash", &["DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"]);
        set(r, "Doc01", "URI", &["document.txt"]);
        set(r, "Doc01", "documentAvailability", &[v::DOCUMENT_OFFLINE]);
        set(r, "Doc01", "sourcePatientInfo", &["PID-5|", "PID-5|Muster^Erika", "PID-13|"]);
        object(r, "Doc01").kind = RimKind::ExtrinsicObject { mime_type: Some("text/xml; charset=utf-8".into()) };
        object(r, "Doc01").home = Some("urn:oid:2.999.9".into());
    })
    .submission
    .document_entries
    .remove(0);
    assert_eq!(entry.size_bytes, Some(0));
    assert!(entry.availability.is_some() && entry.home.is_some());
}

#[test]
fn r_meta_10_nothing_is_longer_than_256_characters() {
    accepted(|r| set(r, "Doc01", "urn:example.org:ward", &[&"é".repeat(256)]));
    let found = refused_with(&Rules::default(), |r| {
        set(r, "Doc01", "urn:example.org:ward", &[&"é".repeat(257)]);
        set_author(r, "authorRole", &[&"x".repeat(257)]);
        object(r, "Doc01").classifications[1].node_representation = Some("c".repeat(257).into());
        put_identifier(r, "FD01", v::FD_UNIQUE_ID, &"1".repeat(257));
    });
    let rules: Vec<_> = found.iter().map(|(_, rule, _)| &**rule).collect();
    assert_eq!(rules, ["R-META-10", "R-META-10", "R-META-10", "R-META-10", "R-META-13"]);
    assert_eq!(
        found[0].2,
        format!(
            "Doc01: urn:example.org:ward '{}…' is refused: 257 characters, at most 256 are allowed",
            "é".repeat(80)
        )
    );
}

#[test]
fn r_meta_26_a_uri_has_at_most_256_characters() {
    accepted(|r| set(r, "Doc01", "URI", &[&"u".repeat(256)]));
    let found = refused_with(&Rules::default(), |r| set(r, "Doc01", "URI", &[&"u".repeat(257)]));
    let [(_, rule, context)] = &found[..] else { panic!("{found:?}") };
    let expected = format!("Doc01: URI '{}…' is refused: 257 characters, at most 256 are allowed", "u".repeat(80));
    assert_eq!((&**rule, context), ("R-META-10", &expected));
}

#[test]
fn r_meta_31_a_unique_id_has_1_to_256_characters() {
    accepted(|r| put_identifier(r, "Doc01", v::DE_UNIQUE_ID, &"9".repeat(256)));
    each_is_refused(&[
        ("R-42-15", "Doc01: missing uniqueId", |r| put_identifier(r, "Doc01", v::DE_UNIQUE_ID, "")),
        ("R-META-31", "Doc01: uniqueId 'a\u{fffd}b' is refused: a uniqueId has no control characters", |r| {
            put_identifier(r, "Doc01", v::DE_UNIQUE_ID, "a\u{7}b");
        }),
    ]);
    let found = refused_with(&Rules::default(), |r| put_identifier(r, "Doc01", v::DE_UNIQUE_ID, &"9".repeat(257)));
    let [(_, rule, context)] = &found[..] else { panic!("{found:?}") };
    let expected = format!("Doc01: uniqueId '{}…' is refused: a uniqueId has at most 256 characters", "9".repeat(80));
    assert_eq!((&**rule, context), ("R-META-31", &expected));
}

#[test]
fn r_meta_15_patient_ids() {
    let cases: [(&str, super::Change); 5] = [
        ("component 4 must be &oid&ISO; write id^^^&oid&ISO", |r| {
            put_identifier(r, "Doc01", v::DE_PATIENT_ID, "P1^^^&1.2.3")
        }),
        ("component 4 must not hold a namespace id before its first &; write id^^^&oid&ISO", |r| {
            put_identifier(r, "Doc01", v::DE_PATIENT_ID, "P1^^^HIS&1.2.3&ISO");
        }),
        ("components 2, 3 and those after 4 must be empty; write id^^^&oid&ISO", |r| {
            put_identifier(r, "Doc01", v::DE_PATIENT_ID, "P1^^^&1.2.3&ISO^PI");
        }),
        ("the value holds the text &amp;, it was escaped twice", |r| {
            put_identifier(r, "Doc01", v::DE_PATIENT_ID, "P1^^^&amp;1.2.3&amp;ISO");
        }),
        ("component 1 (the identifier) is empty; write id^^^&oid&ISO", |r| {
            put_identifier(r, "Doc01", v::DE_PATIENT_ID, "^^^&1.2.3&ISO");
        }),
    ];
    for (problem, change) in cases {
        let [(code, rule, context)] = &refused_with(&Rules::default(), change)[..] else { panic!("{problem}") };
        assert_eq!((*code, &**rule), (XdsErrorCode::RegistryMetadataError, "R-META-15"));
        assert!(context.starts_with("Doc01: patientId '") && context.ends_with(problem), "{context}");
    }
    let checked = accepted(|r| put_identifier(r, "Doc01", v::DE_PATIENT_ID, "P100^^^&2.999.1.1&ISO^^^"));
    assert!(checked.tolerated.contains(&Tolerance::TrailingComponents));
    assert_eq!(checked.submission.document_entries[0].patient_id, PATIENT.parse().unwrap());
}

#[test]
fn r_meta_22_codes() {
    each_is_refused(&[
        ("R-META-22", "Doc01: classCode has no nodeRepresentation (the code)", |r| {
            classification(r, "Doc01", v::DE_CLASS_CODE).node_representation = None;
        }),
        ("R-META-22", "Doc01: classCode '18842-5' needs one slot codingScheme with one value", |r| {
            classification(r, "Doc01", v::DE_CLASS_CODE).slots = vec![slot("codingScheme", &["1.2", "1.3"])];
        }),
        ("R-META-22", "Doc01: classCode '18842-5' needs one slot codingScheme with one value", |r| {
            classification(r, "Doc01", v::DE_CLASS_CODE).slots.push(slot("codingScheme", &["1.2"]));
        }),
        ("R-META-22", "Doc01: classCode '18842-5' has no Name (the displayName)", |r| {
            classification(r, "Doc01", v::DE_CLASS_CODE).name.clear();
        }),
        (
            "R-META-22",
            "Doc01: the Classification of scheme 'urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a' must not have a \
             classificationNode",
            |r| classification(r, "Doc01", v::DE_CLASS_CODE).classification_node = Some("x".into()),
        ),
    ]);
}

#[test]
fn r_42_18_value_sets_and_media_types_are_held() {
    let value: CodeValue = "18842-5^^2.999.30.1".parse().unwrap();
    let rules = |codes: &[CodeValue], media: &str| Rules {
        value_sets: [("classCode".into(), codes.iter().cloned().collect())].into(),
        media_types: [media.into()].into(),
        ..Rules::default()
    };
    accepted_with(&rules(&[value], "text/plain"), |_| {});
    let others = ["NOTES^^2.999.30.1", "18842-5^^2.999.30.2"].map(|code| code.parse().unwrap());
    let found = refused_with(&rules(&others, "application/pdf"), |_| {});
    let contexts: Vec<_> = found.iter().map(|(_, rule, context)| (&**rule, &**context)).collect();
    assert_eq!(
        contexts,
        [
            (
                "R-42-18",
                "Doc01: mimeType 'text/plain' is refused: not in the list of this registry; allowed is 'application/pdf'"
            ),
            (
                "R-42-18",
                "Doc01: classCode '18842-5^^2.999.30.1' is refused: not in the value set of this registry; allowed is \
                 '18842-5^^2.999.30.2', 'NOTES^^2.999.30.1'"
            ),
        ]
    );
}

#[test]
fn r_meta_27_titles() {
    accepted(|r| {
        object(r, "Doc01").name = vec![text(&"t".repeat(128)), text("in another language")];
        object(r, "SS01").name = vec![text(&"t".repeat(255))];
        object(r, "FD01").name = vec![text(&"t".repeat(256))];
    });
    let found = refused_with(&Rules::default(), |r| {
        object(r, "Doc01").name = vec![text(&"t".repeat(129))];
        object(r, "SS01").name = vec![text(&"t".repeat(256))];
        object(r, "FD01").name = vec![text(&"t".repeat(257))];
        object(r, "FD01").name_elements = 2;
    });
    let found: Vec<_> = found.iter().map(|(_, rule, context)| (&**rule, &**context)).collect();
    let shown = "t".repeat(80);
    let too_long = |object: &str, found: u32, most: u32| {
        format!("{object}: title '{shown}…' is refused: {found} characters, at most {most} are allowed")
    };
    assert_eq!(
        found,
        [
            ("R-META-27", &*too_long("Doc01", 129, 128)),
            ("R-META-27", &*too_long("SS01", 256, 255)),
            ("R-META-27", "FD01: title has 2 Name elements, one is allowed"),
            ("R-META-27", &*too_long("FD01", 257, 256)),
        ]
    );
    // R-META-28: comments have no limit.
    accepted(|r| object(r, "Doc01").description = vec![text(&"t".repeat(5000))]);
}

#[test]
fn r_meta_30_authors() {
    each_is_refused(&[
        (
            "R-META-30",
            "Doc01: authorPerson has several values; write one author (Classification) for each person",
            |r| {
                set_author(r, "authorPerson", &["^Hofer^Anna", "^Berger^Max"]);
            },
        ),
        (
            "R-META-30",
            "Doc01: author names nobody: authorPerson, authorInstitution or authorTelecommunication must be there",
            |r| {
                for name in ["authorPerson", "authorInstitution", "authorTelecommunication"] {
                    set_author(r, name, &[""]);
                }
            },
        ),
        ("R-META-30", "Doc01: nodeRepresentation of author 'x' is refused: it must be present and empty", |r| {
            classification(r, "Doc01", v::DE_AUTHOR).node_representation = Some("x".into());
        }),
        ("R-META-17", "Doc01: authorPerson '1^Hofer^^^^^^^2.999' is refused: component 9 must be &oid&ISO", |r| {
            set_author(r, "authorPerson", &["1^Hofer^^^^^^^2.999"]);
        }),
        (
            "R-META-18",
            "Doc01: authorInstitution 'Clinic^^^^^^^^^45' is refused: component 6 must be &oid&ISO when component 10 is \
             not an OID",
            |r| set_author(r, "authorInstitution", &["Clinic^^^^^^^^^45"]),
        ),
        (
            "R-META-19",
            "Doc01: authorTelecommunication '^^Internet' is refused: component 4 (the mail address) is empty",
            |r| set_author(r, "authorTelecommunication", &["^^Internet"]),
        ),
        ("R-META-21", "Doc01: authorRole 'PRF^x' is refused: write plain text, or code^^^&oid&ISO", |r| {
            set_author(r, "authorRole", &["PRF^x"]);
        }),
    ]);
    accepted(|r| classification(r, "Doc01", v::DE_AUTHOR).node_representation = None);
    let it = accepted(|r| {
        let second = classification(r, "Doc01", v::DE_AUTHOR).clone();
        object(r, "Doc01").classifications.push(second);
    });
    assert_eq!(it.submission.document_entries[0].author_persons.len(), 2);
}

#[test]
fn habits_have_a_switch_each() {
    // R-META-19: a telephone number in component 1 or 12.
    let old_number: super::Change = |r| {
        set_author(r, "authorTelecommunication", &["(020)5551234^PRN^PH"]);
        set(r, "SS01", "intendedRecipient", &["||^PRN^PH^^^^^^^^^020 5551234"]);
    };
    assert!(accepted(old_number).tolerated.contains(&Tolerance::LegacyTelephone));
    let strict = Rules { legacy_telephone: false, ..Rules::default() };
    assert_eq!(refused_with(&strict, old_number).len(), 2);

    // R-META-26: URI in parts.
    let in_parts: super::Change = |r| set(r, "Doc01", "URI", &["1|http://example.org/", "2|doc"]);
    let lenient = Rules { numbered_uri: true, ..Rules::default() };
    assert!(accepted_with(&lenient, in_parts).tolerated.contains(&Tolerance::NumberedUri));

    // R-META-29: PID-3 is a CX in strict mode only; PID-4 is noted.
    let unusual: super::Change = |r| set(r, "Doc01", "sourcePatientInfo", &["PID-3|123", "PID-4|x"]);
    assert!(accepted(unusual).tolerated.contains(&Tolerance::UnusualSourcePatientInfo));
    let strict = Rules { strict_source_patient_info: true, ..Rules::default() };
    assert_eq!(refused_with(&strict, unusual)[0].1, "R-META-15");
}

#[test]
fn r_meta_33_what_is_compared_is_in_nfc_but_a_unique_id_is_opaque() {
    let entry = accepted(|r| {
        put_identifier(r, "Doc01", v::DE_UNIQUE_ID, "re\u{301}f");
        set_author(r, "authorPerson", &["^Ho\u{308}fer"]);
        classification(r, "Doc01", v::DE_CLASS_CODE).node_representation = Some("re\u{301}".into());
    })
    .submission
    .document_entries
    .remove(0);
    assert_eq!(entry.unique_id.as_str(), "re\u{301}f");
    assert_eq!(&*entry.author_persons[0], "^Höfer");
    assert_eq!(entry.class_code.value.code(), "ré");
}
