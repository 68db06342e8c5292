//! Too much, and anything at all.

use proptest::prelude::*;

use super::*;

#[test]
fn s_in_27_lists_and_slots_have_an_end() {
    let list = |n: usize| format!("({})", vec!["'a'"; n].join(","));
    let (fits, too_many) = (list(1000), list(1001));
    accepted(v::QUERY_GET_DOCUMENTS, &[("$XDSDocumentEntryUniqueId", &[&fits])]);
    let found = refused(v::QUERY_GET_DOCUMENTS, &[("$XDSDocumentEntryUniqueId", &[&too_many])]);
    let context = "$XDSDocumentEntryUniqueId has 1001 values, at most 1000 are taken";
    assert_eq!(found, [(XdsErrorCode::TooManyResults, "S-IN-27".to_owned(), context.to_owned())]);

    let slots: Vec<Given<'_>> = vec![("$unknown", &["'x'"]); 101];
    let found = refused(v::QUERY_GET_DOCUMENTS, &slots);
    assert_eq!((found.len(), found[0].0), (1, XdsErrorCode::TooManyResults));
}

proptest! {
    #[test]
    fn any_slots_give_an_answer_without_panic(
        query in 0..QUERIES.len(),
        slots in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec("[-('a-z0-9,^%) \"é)]{0,24}", 0..3)), 0..6),
    ) {
        let definition = &QUERIES[query];
        let names: Vec<_> = definition.parameters().map(|p| p.name).collect();
        let slots = slots.into_iter().map(|(index, values)| Slot {
            name: (*index.get(&names)).into(),
            values: values.into_iter().map(Into::into).collect(),
        });
        let request = AdhocQueryRequest {
            query_id: definition.id.into(),
            home: None,
            return_type: Some("ObjectRef".into()),
            slots: slots.collect(),
        };
        if let Err(findings) = stored_query(&request, &QueryRules::default()) {
            prop_assert!(!findings.is_empty());
        }
    }
}

#[test]
fn any_bytes_as_value_give_an_answer_without_panic() {
    bolero::check!().with_iterations(2000).for_each(|input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        if let Ok(value) = crate::validate::query::value::parse(&text) {
            assert!(!value.items.is_empty());
        }
        let values = [&*text];
        for (id, name) in [
            (v::QUERY_FIND_DOCUMENTS, "$XDSDocumentEntryPatientId"),
            (v::QUERY_FIND_DOCUMENTS, "$XDSDocumentEntryCreationTimeFrom"),
            (v::QUERY_FIND_DOCUMENTS, "$XDSDocumentEntryClassCode"),
            (v::QUERY_GET_RELATED_DOCUMENTS, "$AssociationTypes"),
        ] {
            if let Err(findings) = read(id, &[(name, &values)]) {
                assert!(!findings.is_empty());
            }
        }
    });
}
