//! Each query with each of its parameters.

use super::*;

#[test]
fn r_18_30_every_parameter_of_find_documents() {
    let filter = find_documents(&[
        ("$XDSDocumentEntryClassCode", &["('class^^1')"]),
        ("$XDSDocumentEntryTypeCode", &["('type^^1')"]),
        ("$XDSDocumentEntryPracticeSettingCode", &["('practice^^1')"]),
        ("$XDSDocumentEntryHealthcareFacilityTypeCode", &["('facility^^1')"]),
        ("$XDSDocumentEntryEventCodeList", &["('event^^1')"]),
        ("$XDSDocumentEntryConfidentialityCode", &["('N^^1')"]),
        ("$XDSDocumentEntryFormatCode", &["('format^^1')"]),
        ("$XDSDocumentEntryAuthorPerson", &["('%^Hofer^%','O''Brien')"]),
        ("$XDSDocumentEntryCreationTimeFrom", &["2024"]),
        ("$XDSDocumentEntryCreationTimeTo", &["2025"]),
        ("$XDSDocumentEntryServiceStartTimeFrom", &["202401"]),
        ("$XDSDocumentEntryServiceStartTimeTo", &["202402"]),
        ("$XDSDocumentEntryServiceStopTimeFrom", &["20240101"]),
        ("$XDSDocumentEntryServiceStopTimeTo", &["20240102"]),
        ("$XDSDocumentEntryDocumentAvailability", &["('urn:ihe:iti:2010:DocumentAvailability:Offline')"]),
        ("$MetadataLevel", &["1"]),
    ]);
    let expected = EntryFilter {
        class_codes: codes(&["class^^1"]),
        type_codes: codes(&["type^^1"]),
        practice_setting_codes: codes(&["practice^^1"]),
        healthcare_facility_type_codes: codes(&["facility^^1"]),
        event_codes: vec![codes(&["event^^1"])],
        confidentiality_codes: vec![codes(&["N^^1"])],
        format_codes: codes(&["format^^1"]),
        author_persons: vec![LikePattern("%^Hofer^%".into()), LikePattern("O'Brien".into())],
        creation_time: range("2024", "2025"),
        service_start_time: range("202401", "202402"),
        service_stop_time: range("20240101", "20240102"),
        availability: vec![DocumentAvailability::Offline],
        ..approved()
    };
    assert_eq!(filter, expected);
    assert_eq!(find_documents(&[]), approved());
}

#[test]
fn r_18_31_reference_ids_are_patterns_and_conditions() {
    let mut parameters = REQUIRED[1].1.to_vec();
    parameters.push(("$XDSDocumentEntryReferenceIdList", &["('b','c')"]));
    let StoredQuery::FindDocuments { filter, .. } = accepted(v::QUERY_FIND_DOCUMENTS_BY_REFERENCE_ID, &parameters)
    else {
        panic!()
    };
    let pattern = |text: &str| LikePattern(text.into());
    assert_eq!(filter.reference_ids, [vec![pattern("a%")], vec![pattern("b"), pattern("c")]]);
}

#[test]
fn r_18_32_every_parameter_of_find_submission_sets() {
    let mut parameters = REQUIRED[2].1.to_vec();
    parameters.extend_from_slice(&[
        ("$XDSSubmissionSetSourceId", &["('1.2','1.3')"]),
        ("$XDSSubmissionSetSubmissionTimeFrom", &["2024"]),
        ("$XDSSubmissionSetSubmissionTimeTo", &["2025"]),
        ("$XDSSubmissionSetAuthorPerson", &["'%Hofer%'"]),
        ("$XDSSubmissionSetContentType", &["('DISCH^^1')"]),
        ("$XDSSubmissionSetContentTypeCode", &["('other^^1')"]),
    ]);
    let expected = StoredQuery::FindSubmissionSets {
        patient_id: patient(),
        status: vec![AvailabilityStatus::Approved],
        source_ids: vec!["1.2".into(), "1.3".into()],
        submission_time: range("2024", "2025"),
        author_person: Some(LikePattern("%Hofer%".into())),
        content_type_codes: codes(&["DISCH^^1"]),
    };
    assert_eq!(accepted(v::QUERY_FIND_SUBMISSION_SETS, &parameters), expected);
}

#[test]
fn r_18_33_every_parameter_of_find_folders() {
    let mut parameters = vec![REQUIRED[3].1[0], ("$XDSFolderStatus", &[BOTH][..])];
    parameters.extend_from_slice(&[
        ("$XDSFolderLastUpdateTimeFrom", &["2024"]),
        ("$XDSFolderLastUpdateTimeTo", &["2025"]),
        ("$XDSFolderCodeList", &["('a^^1')"]),
        ("$XDSFolderCodeList", &["('b^^1')"]),
    ]);
    let expected = StoredQuery::FindFolders {
        patient_id: patient(),
        status: vec![AvailabilityStatus::Approved, AvailabilityStatus::Deprecated],
        last_update_time: range("2024", "2025"),
        codes: vec![codes(&["a^^1"]), codes(&["b^^1"])],
    };
    assert_eq!(accepted(v::QUERY_FIND_FOLDERS, &parameters), expected);
}

const FILTERS: [Given<'_>; 3] = [
    ("$XDSDocumentEntryFormatCode", &["('f^^1')"]),
    ("$XDSDocumentEntryConfidentialityCode", &["('N^^1')"]),
    ("$XDSDocumentEntryType", &["('urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248')"]),
];

fn filtered() -> EntryFilter {
    EntryFilter {
        format_codes: codes(&["f^^1"]),
        confidentiality_codes: vec![codes(&["N^^1"])],
        object_types: vec![DocumentEntryType::OnDemand],
        ..EntryFilter::default()
    }
}

#[test]
fn r_18_34_every_parameter_of_get_all() {
    let mut parameters = vec![
        REQUIRED[4].1[0],
        ("$XDSDocumentEntryStatus", &[DEPRECATED][..]),
        ("$XDSSubmissionSetStatus", &[APPROVED][..]),
        ("$XDSFolderStatus", &[BOTH][..]),
    ];
    parameters.extend_from_slice(&FILTERS);
    let expected = |associations| StoredQuery::GetAll {
        patient_id: patient(),
        entries: EntryFilter { status: vec![AvailabilityStatus::Deprecated], ..filtered() },
        submission_set_status: vec![AvailabilityStatus::Approved],
        folder_status: vec![AvailabilityStatus::Approved, AvailabilityStatus::Deprecated],
        associations,
    };
    assert_eq!(accepted(v::QUERY_GET_ALL, &parameters), expected(true));
    parameters.push(("$XDSAssociationStatus", &[DEPRECATED]));
    assert_eq!(accepted(v::QUERY_GET_ALL, &parameters), expected(false));
}

#[test]
fn r_18_35_to_39_queries_by_id() {
    let uuids = ["('urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211')"];
    let unique_ids = ["('1.2','1.3^x')"];
    for (id, uuid_name, unique_name, query) in [
        (
            v::QUERY_GET_DOCUMENTS,
            "$XDSDocumentEntryEntryUUID",
            "$XDSDocumentEntryUniqueId",
            StoredQuery::GetDocuments as fn(Selector) -> StoredQuery,
        ),
        (v::QUERY_GET_FOLDERS, "$XDSFolderEntryUUID", "$XDSFolderUniqueId", StoredQuery::GetFolders),
        (
            v::QUERY_GET_DOCUMENTS_AND_ASSOCIATIONS,
            "$XDSDocumentEntryEntryUUID",
            "$XDSDocumentEntryUniqueId",
            StoredQuery::GetDocumentsAndAssociations,
        ),
    ] {
        assert_eq!(accepted(id, &[(uuid_name, &uuids)]), query(by_uuid()));
        assert_eq!(accepted(id, &[(unique_name, &unique_ids)]), query(by_unique_id(&["1.2", "1.3^x"])));
    }
    let two =
        ["('urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211')", "('urn:uuid:22222222-3333-4444-8555-666666666666')"];
    let both = vec![uuid(UUID), uuid(OTHER_UUID)];
    assert_eq!(accepted(v::QUERY_GET_ASSOCIATIONS, &[("$uuid", &two)]), StoredQuery::GetAssociations(both.clone()));
    assert_eq!(accepted(v::QUERY_GET_SUBMISSION_SETS, &[("$uuid", &two)]), StoredQuery::GetSubmissionSets(both));
}

#[test]
fn r_18_40_to_43_queries_by_one_id() {
    let one = ["'urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211'"];
    for (id, uuid_name, unique_name) in [
        (v::QUERY_GET_SUBMISSION_SET_AND_CONTENTS, "$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId"),
        (v::QUERY_GET_FOLDER_AND_CONTENTS, "$XDSFolderEntryUUID", "$XDSFolderUniqueId"),
    ] {
        let query = |selector, entries| match id {
            v::QUERY_GET_FOLDER_AND_CONTENTS => StoredQuery::GetFolderAndContents { selector, entries },
            _ => StoredQuery::GetSubmissionSetAndContents { selector, entries },
        };
        let mut parameters: Vec<Given<'_>> = vec![(uuid_name, &one)];
        assert_eq!(accepted(id, &parameters), query(by_uuid(), stable()));
        parameters.extend_from_slice(&FILTERS);
        assert_eq!(accepted(id, &parameters), query(by_uuid(), filtered()));
        assert_eq!(accepted(id, &[(unique_name, &["'1.2'"])]), query(by_unique_id(&["1.2"]), stable()));
    }
    let id = v::QUERY_GET_FOLDERS_FOR_DOCUMENT;
    let folders = StoredQuery::GetFoldersForDocument;
    assert_eq!(accepted(id, &[("$XDSDocumentEntryEntryUUID", &one)]), folders(by_uuid()));
    assert_eq!(accepted(id, &[("$XDSDocumentEntryUniqueId", &["'1.2'"])]), folders(by_unique_id(&["1.2"])));

    let id = v::QUERY_GET_RELATED_DOCUMENTS;
    let types = ["('urn:ihe:iti:2007:AssociationType:RPLC','XFRM_RPLC','urn:ihe:iti:2007:AssociationType:unknown')"];
    let parameters: [Given<'_>; 3] = [("$XDSDocumentEntryEntryUUID", &one), ("$AssociationTypes", &types), FILTERS[2]];
    let expected = StoredQuery::GetRelatedDocuments {
        selector: by_uuid(),
        association_types: vec![AssociationType::Replace, AssociationType::TransformReplace],
        entries: EntryFilter { object_types: vec![DocumentEntryType::OnDemand], ..EntryFilter::default() },
    };
    assert_eq!(accepted(id, &parameters), expected);
    assert!(read(id, &parameters).unwrap().tolerated.contains(&Tolerance::ShortAssociationType));
    let strict = QueryRules { short_association_types: false, ..QueryRules::default() };
    let StoredQuery::GetRelatedDocuments { association_types, .. } =
        stored_query(&request(id, &parameters), &strict).unwrap().query
    else {
        panic!()
    };
    assert_eq!(association_types, [AssociationType::Replace]);
}

#[test]
fn r_18_60_and_61_metadata_level_and_logical_id() {
    for (id, parameters) in REQUIRED.into_iter().filter(|(id, _)| *id != v::QUERY_FIND_SUBMISSION_SETS) {
        for level in ["1", "2"] {
            let values = [level];
            let mut parameters = parameters.to_vec();
            parameters.push(("$MetadataLevel", &values));
            accepted(id, &parameters);
        }
        let mut parameters = parameters.to_vec();
        parameters.push(("$MetadataLevel", &["3"]));
        let expected = (
            XdsErrorCode::RegistryError,
            "R-18-60".to_owned(),
            "$MetadataLevel '3' is refused: it is 1 or 2".to_owned(),
        );
        assert_eq!(refused(id, &parameters), [expected]);
    }
    let uuids = ["('urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211')"];
    for (id, name, query) in [
        (v::QUERY_GET_DOCUMENTS, "$XDSDocumentEntryLogicalID", StoredQuery::GetDocuments(by_uuid())),
        (v::QUERY_GET_FOLDERS, "$XDSFolderLogicalID", StoredQuery::GetFolders(by_uuid())),
    ] {
        assert_eq!(accepted(id, &[(name, &uuids), ("$MetadataLevel", &["2"])]), query);
        for (level, found) in [(None, "there is none"), (Some("1"), "it is 1")] {
            let values: Vec<&str> = level.into_iter().collect();
            let mut parameters: Vec<Given<'_>> = vec![(name, &uuids)];
            if level.is_some() {
                parameters.push(("$MetadataLevel", &values));
            }
            let context = format!("{name} is allowed with $MetadataLevel 2 only; {found}");
            assert_eq!(refused(id, &parameters), [(XdsErrorCode::RegistryError, "R-18-61".to_owned(), context)]);
        }
    }
}

#[test]
fn r_18_62_no_association_of_the_core_is_deprecated() {
    let uuids = ["('urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211')"];
    let id = ["'1.2'"];
    let cases: [(&str, Vec<Given<'_>>, StoredQuery); 5] = [
        (v::QUERY_GET_ASSOCIATIONS, vec![("$uuid", &uuids)], StoredQuery::GetAssociations(Vec::new())),
        (
            v::QUERY_GET_DOCUMENTS_AND_ASSOCIATIONS,
            vec![("$XDSDocumentEntryEntryUUID", &uuids)],
            StoredQuery::GetDocuments(by_uuid()),
        ),
        (
            v::QUERY_GET_FOLDER_AND_CONTENTS,
            vec![("$XDSFolderUniqueId", &id)],
            StoredQuery::GetFolders(by_unique_id(&["1.2"])),
        ),
        (
            v::QUERY_GET_FOLDERS_FOR_DOCUMENT,
            vec![("$XDSDocumentEntryUniqueId", &id)],
            StoredQuery::GetFoldersForDocument(Selector::EntryUuid(Vec::new())),
        ),
        (
            v::QUERY_GET_RELATED_DOCUMENTS,
            REQUIRED[13].1.to_vec(),
            StoredQuery::GetRelatedDocuments {
                selector: by_unique_id(&["1.2"]),
                association_types: Vec::new(),
                entries: stable(),
            },
        ),
    ];
    for (id, mut parameters, none) in cases {
        let plain = accepted(id, &parameters);
        assert_ne!(plain, none);
        parameters.push(("$XDSAssociationStatus", &[BOTH]));
        assert_eq!(accepted(id, &parameters), plain);
        parameters.pop();
        parameters.push(("$XDSAssociationStatus", &[DEPRECATED]));
        assert_eq!(accepted(id, &parameters), none);
    }
}
