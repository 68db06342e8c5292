//! What holds for all queries.

use super::*;

#[test]
fn r_18_01_the_query_is_chosen_by_its_id() {
    for (id, parameters) in REQUIRED {
        accepted(id, parameters);
        accepted(&format!(" {} ", id.to_uppercase()), parameters);
        let bare = read(id.trim_start_matches("urn:uuid:"), parameters).unwrap();
        assert!(bare.tolerated.contains(&Tolerance::BareQueryId));
    }
    let strict = QueryRules { bare_query_id: false, ..QueryRules::default() };
    let bare = request("14d4debf-8f97-4251-9a74-a90016b0af0d", REQUIRED[0].1);
    assert_eq!(stored_query(&bare, &strict).unwrap_err()[0].code, XdsErrorCode::UnknownStoredQuery);
    for id in ["", "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"] {
        let expected = (
            XdsErrorCode::UnknownStoredQuery,
            "R-18-01".to_owned(),
            format!("'{id}' is not the id of a stored query that is served here"),
        );
        assert_eq!(refused(id, &[]), [expected]);
    }
}

#[test]
fn r_18_02_two_return_types() {
    let (id, parameters) = REQUIRED[0];
    let with = |return_type: Option<&str>, rules: &QueryRules| {
        let request = AdhocQueryRequest { return_type: return_type.map(Into::into), ..request(id, parameters) };
        stored_query(&request, rules)
    };
    let rules = QueryRules::default();
    assert_eq!(with(Some("LeafClass"), &rules).unwrap().return_type, ReturnType::LeafClass);
    assert_eq!(with(Some("ObjectRef"), &rules).unwrap().return_type, ReturnType::ObjectRef);
    for (return_type, context) in [
        (Some("RegistryObject"), "returnType 'RegistryObject' is not served; it is LeafClass or ObjectRef"),
        (
            Some("LeafClassWithRepositoryItem"),
            "returnType 'LeafClassWithRepositoryItem' is not served; it is LeafClass or ObjectRef",
        ),
        (None, "returnType is absent; it is LeafClass or ObjectRef"),
    ] {
        let findings = with(return_type, &rules).unwrap_err();
        assert_eq!((findings[0].code, &*findings[0].context), (XdsErrorCode::RegistryError, context));
    }
    let lenient = QueryRules { assume_leaf_class: true, ..rules };
    let checked = with(None, &lenient).unwrap();
    assert_eq!(checked.return_type, ReturnType::LeafClass);
    assert!(checked.tolerated.contains(&Tolerance::AssumedLeafClass));
}

#[test]
fn r_18_03_and_04_unknown_parameters_and_home_are_ignored() {
    assert_eq!(
        find_documents(&[
            ("$XDSDocumentEntryPracticeSettingCodeScheme", &["not even a value"]),
            ("$xdsDocumentEntryClassCode", &["()"]),
            ("$uuid", &[]),
            ("$uuid", &[]),
        ]),
        approved()
    );
    let with_home = AdhocQueryRequest { home: Some("urn:oid:2.999".into()), ..request(REQUIRED[0].0, REQUIRED[0].1) };
    stored_query(&with_home, &QueryRules::default()).unwrap();
}

#[test]
fn r_18_06_and_07_values_are_one_list_and_slots_are_conditions() {
    let filter = find_documents(&[
        ("$XDSDocumentEntryClassCode", &["('a^^1','b^^1')", "('c^^2')"]),
        ("$XDSDocumentEntryEventCodeList", &["('a^^1','b^^1')"]),
        ("$XDSDocumentEntryEventCodeList", &["('c^^2')"]),
        ("$XDSDocumentEntryConfidentialityCode", &["('N^^1')"]),
        ("$XDSDocumentEntryConfidentialityCode", &["('R^^1')"]),
    ]);
    assert_eq!(filter.class_codes, codes(&["a^^1", "b^^1", "c^^2"]));
    assert_eq!(filter.event_codes, [codes(&["a^^1", "b^^1"]), codes(&["c^^2"])]);
    assert_eq!(filter.confidentiality_codes, [codes(&["N^^1"]), codes(&["R^^1"])]);
}

#[test]
fn r_18_07_only_multi_valued_attributes_may_be_repeated() {
    for query in &QUERIES {
        for parameter in
            query.parameters().filter(|p| !matches!(p.target, Target::AllCodes(_) | Target::AllPatterns(_)))
        {
            let twice: [Given<'_>; 2] = [(parameter.name, &["'1'"]), (parameter.name, &["'1'"])];
            let expected = format!("{} is there 2 times; it may not be repeated", parameter.name);
            let found = refused(query.id, &twice);
            assert!(
                found.contains(&(XdsErrorCode::StoredQueryParamNumber, "R-18-07".to_owned(), expected)),
                "{}: {found:?}",
                parameter.name
            );
        }
    }
}

#[test]
fn r_18_08_a_single_value_is_single() {
    for query in &QUERIES {
        for parameter in query.parameters().filter(|p| !p.target.takes_list()) {
            let expected = format!("{} has 2 values, one is allowed", parameter.name);
            for values in [&["('1','2')"][..], &["'1'", "'2'"]] {
                let found = refused(query.id, &[(parameter.name, values)]);
                assert!(
                    found.contains(&(XdsErrorCode::StoredQueryParamNumber, "R-18-08".to_owned(), expected.clone())),
                    "{}: {found:?}",
                    parameter.name
                );
            }
        }
    }
}

#[test]
fn r_18_09_harmless_habits_are_read_unless_strict() {
    let base: [Given<'_>; 2] = [("$XDSDocumentEntryPatientId", &[PATIENT]), ("$XDSDocumentEntryStatus", &[APPROVED])];
    let cases: [(&str, &str, Tolerance); 5] = [
        ("$XDSDocumentEntryClassCode", "'a^^1'", Tolerance::MissingParentheses),
        ("$XDSDocumentEntryCreationTimeFrom", "(2024)", Tolerance::SuperfluousParentheses),
        ("$XDSDocumentEntryCreationTimeFrom", "'2024'", Tolerance::QuotedNumber),
        ("$XDSDocumentEntryClassCode", "(\"a^^1\")", Tolerance::DoubleQuotes),
        ("$XDSDocumentEntryAuthorPerson", "Hofer", Tolerance::UnquotedText),
    ];
    let strict = QueryRules { lenient_values: false, ..QueryRules::default() };
    for (name, value, habit) in cases {
        let mut parameters = base.to_vec();
        let values = [value];
        parameters.push((name, &values));
        let request = request(v::QUERY_FIND_DOCUMENTS, &parameters);
        let checked = stored_query(&request, &QueryRules::default()).unwrap();
        assert!(checked.tolerated.contains(&habit), "{value}: {:?}", checked.tolerated);
        let findings = stored_query(&request, &strict).unwrap_err();
        assert_eq!((findings[0].code, &*findings[0].location), (XdsErrorCode::RegistryError, "R-18-05"), "{value}");
    }
    // TF's own sample: an unquoted patient id.
    let values = ["P100^^^&2.999.1.1&ISO"];
    accepted(v::QUERY_FIND_DOCUMENTS, &[("$XDSDocumentEntryPatientId", &values), base[1]]);
    stored_query(&request(v::QUERY_FIND_DOCUMENTS, &base), &strict).unwrap();
}

#[test]
fn r_18_09_what_cannot_be_read_names_parameter_and_value() {
    for (value, problem) in [
        ("('a^^1'", "a parenthesis is not closed"),
        ("('a^^1)", "a quote is not closed"),
        ("()", "an item is empty"),
        ("('a^^1' 'b^^1')", "a comma is missing, or text follows the end of the value"),
        ("", "the value is empty"),
    ] {
        let values = [value];
        let parameters = [REQUIRED[0].1[0], REQUIRED[0].1[1], ("$XDSDocumentEntryClassCode", &values[..])];
        let context = format!("$XDSDocumentEntryClassCode '{value}' is refused: {problem}");
        let expected = (XdsErrorCode::RegistryError, "R-18-05".to_owned(), context);
        assert_eq!(refused(v::QUERY_FIND_DOCUMENTS, &parameters), [expected]);
    }
    let parameters = [REQUIRED[0].1[0], REQUIRED[0].1[1], ("$XDSDocumentEntryClassCode", &[][..])];
    assert_eq!(refused(v::QUERY_FIND_DOCUMENTS, &parameters)[0].1, "R-18-09");
}

#[test]
fn r_18_10_codes_need_their_scheme() {
    let filter = find_documents(&[("$XDSDocumentEntryTypeCode", &["('a^b^^urn:oid:1.2')"])]);
    assert_eq!((filter.type_codes[0].code(), filter.type_codes[0].coding_scheme()), ("a^b", "urn:oid:1.2"));
    for value in ["('History and Physical')", "('a^b^c')", "('^^1.2')", "('a^^')"] {
        let values = [value];
        let parameters = [REQUIRED[0].1[0], REQUIRED[0].1[1], ("$XDSDocumentEntryClassCode", &values[..])];
        let found = refused(v::QUERY_FIND_DOCUMENTS, &parameters);
        assert_eq!((found.len(), found[0].0, &*found[0].1), (1, XdsErrorCode::RegistryError, "R-18-10"), "{value}");
    }
}

#[test]
fn r_18_11_times_are_digits() {
    let name = "$XDSDocumentEntryCreationTimeFrom";
    for (value, location) in
        [("20240101000000+0100", "R-18-11"), ("2024-01-01", "R-18-11"), ("20241301", "R-18-11"), ("202", "R-18-11")]
    {
        let values = [value];
        let found = refused(v::QUERY_FIND_DOCUMENTS, &[REQUIRED[0].1[0], REQUIRED[0].1[1], (name, &values)]);
        assert_eq!((found.len(), found[0].0, &*found[0].1), (1, XdsErrorCode::RegistryError, location), "{value}");
        assert!(found[0].2.starts_with(&format!("{name} '{value}' is refused: ")), "{}", found[0].2);
    }
}

#[test]
fn r_18_15_a_malformed_patient_id_is_refused() {
    let found = refused(v::QUERY_FIND_DOCUMENTS, &[("$XDSDocumentEntryPatientId", &["'P100'"]), REQUIRED[0].1[1]]);
    let context = "$XDSDocumentEntryPatientId 'P100' is refused: component 4 must be &oid&ISO";
    assert_eq!(found, [(XdsErrorCode::RegistryError, "R-18-15".to_owned(), context.to_owned())]);
}

#[test]
fn r_18_17_states_not_understood_are_ignored() {
    let with = |value: &str| {
        let values = [value];
        read(v::QUERY_FIND_DOCUMENTS, &[REQUIRED[0].1[0], ("$XDSDocumentEntryStatus", &values)])
    };
    let StoredQuery::FindDocuments { filter, .. } =
        with("('urn:x','urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated')").unwrap().query
    else {
        panic!()
    };
    assert_eq!(filter.status, [AvailabilityStatus::Deprecated]);
    for value in ["('urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Approved')", "('Approved')"] {
        let findings = with(value).unwrap_err();
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].code, &*findings[0].location), (XdsErrorCode::StoredQueryMissingParam, "R-18-17"));
    }
    // Spec §8, 31.
    let rules = QueryRules { short_status: true, ..QueryRules::default() };
    let short = request(v::QUERY_FIND_DOCUMENTS, &[REQUIRED[0].1[0], ("$XDSDocumentEntryStatus", &["('Approved')"])]);
    assert!(stored_query(&short, &rules).unwrap().tolerated.contains(&Tolerance::ShortStatus));
}

#[test]
fn r_18_18_entries_are_stable_unless_others_are_asked_for() {
    let name = "$XDSDocumentEntryType";
    let [stable, on_demand] = [DocumentEntryType::Stable, DocumentEntryType::OnDemand];
    for (value, types) in [
        ("('urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248')", vec![on_demand]),
        (
            "('urn:uuid:34268E47-FDF5-41A6-BA33-82133C465248','urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1')",
            vec![on_demand, stable],
        ),
        ("('urn:uuid:00000000-0000-4000-8000-000000000000')", vec![stable]),
    ] {
        assert_eq!(find_documents(&[(name, &[value])]).object_types, types, "{value}");
    }
    assert_eq!(find_documents(&[]).object_types, [stable]);
}

#[test]
fn r_18_20_every_missing_parameter_is_told() {
    for query in &QUERIES {
        let mut expected: Vec<_> = query
            .parameters()
            .filter(|p| p.usage == Use::Required)
            .map(|p| format!("Required parameter {} is missing", p.name))
            .collect();
        let alternatives: Vec<_> = query.parameters().filter(|p| p.usage == Use::OneOf).map(|p| p.name).collect();
        if !alternatives.is_empty() {
            expected.push(format!("One of the parameters {} is required", alternatives.join(", ")));
        }
        let found = refused(query.id, &[]);
        assert!(found.iter().all(|(code, ..)| *code == XdsErrorCode::StoredQueryMissingParam));
        assert_eq!(found.into_iter().map(|(.., context)| context).collect::<Vec<_>>(), expected);
    }
    // With other faults at once.
    let found = refused(v::QUERY_FIND_DOCUMENTS, &[("$XDSDocumentEntryClassCode", &["('x')"])]);
    let rules: Vec<_> = found.iter().map(|(_, rule, _)| &**rule).collect();
    assert_eq!(rules, ["R-18-20", "R-18-10", "R-18-20"]);
}

#[test]
fn r_18_21_only_one_of_two_ways_to_name_an_object() {
    for query in &QUERIES {
        let alternatives: Vec<_> = query.parameters().filter(|p| p.usage == Use::OneOf).map(|p| p.name).collect();
        let Some((first, second)) = alternatives.first().zip(alternatives.get(1)) else { continue };
        let found = refused(query.id, &[(first, &["'a'"]), (second, &["'b'"])]);
        let context = format!("Only one of the parameters {} is allowed", alternatives.join(", "));
        assert!(found.contains(&(XdsErrorCode::StoredQueryParamNumber, "R-18-21".to_owned(), context)), "{found:?}");
    }
}

#[test]
fn r_18_23_ids_that_are_none_match_nothing() {
    let uuids = ["('Doc01', 'urn:uuid:xyz', 'URN:UUID:0F1E2D3C-4B5A-4697-8877-665544332211')"];
    assert_eq!(
        accepted(v::QUERY_GET_ASSOCIATIONS, &[("$uuid", &uuids)]),
        StoredQuery::GetAssociations(vec![uuid(UUID)])
    );
    assert_eq!(
        accepted(v::QUERY_GET_DOCUMENTS, &[("$XDSDocumentEntryEntryUUID", &["('Doc01')"])]),
        StoredQuery::GetDocuments(Selector::EntryUuid(Vec::new()))
    );
}
