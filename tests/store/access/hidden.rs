//! What is hidden is not there: all fourteen queries, both return types, associations, limits. Source: S-CON-04.

use knoop::{
    model::{ResponseStatus, rim::AdhocQueryRequest, vocabulary as v},
    service::RegistrySettings,
    store::Store,
};
use libtest_mimic::Trial;

use super::{
    rim::{Document, Submission, fourteen_queries, query},
    world::{A, B, LAB, PATIENT, World, physician},
};
use crate::{
    sample::{oid, uuid},
    stores::on_every_store,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        acceptance_6_hidden_is_told_as_absent_by_all_fourteen_queries,
        c_16_hidden_documents_and_their_associations_are_absent,
        s_con_04_a_folder_does_not_tell_of_its_hidden_members,
        s_con_04_hidden_objects_count_towards_no_limit,
        s_con_04_hidden_objects_are_no_second_patient,
        s_con_04_where_others_own_nothing_everything_shows,
        s_con_35_a_parameter_filters_what_may_be_seen,
    ]
}

const RETURN_TYPES: [&str; 2] = ["LeafClass", "ObjectRef"];

/// Two documents in a folder, the second replaced by a third.
fn letters(patient: &str) -> Submission {
    let documents = vec![Document::letter(), Document::letter()];
    let members: Vec<String> = documents.iter().map(|document| document.entry_uuid.clone()).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    Submission::of(patient, documents).in_folder(patient, &members)
}

async fn submit_with_replacement(world: &World, patient: &str) -> Submission {
    let old = Submission::of(patient, vec![Document::letter()]);
    world.submit(A, &old).await;
    let mut new = letters(patient);
    let (source, target) = (new.documents[0].entry_uuid.clone(), old.documents[0].entry_uuid.clone());
    new = new.relate(v::ASSOCIATION_RPLC, &source, &target);
    world.submit(A, &new).await;
    new
}

/// The same submission, were it never made: other identifiers.
fn never_made() -> Submission {
    Submission {
        set_uuid: uuid().to_string(),
        set_unique_id: oid(),
        folder_uuid: uuid().to_string(),
        folder_unique_id: oid(),
        documents: vec![Document::letter(), Document::letter()],
        request: knoop::model::rim::SubmitObjectsRequest::default(),
    }
}

/// Of issue 4, acceptance 6.
async fn acceptance_6_hidden_is_told_as_absent_by_all_fourteen_queries(store: Store) {
    let world = World::new(store).await;
    let hidden = submit_with_replacement(&world, PATIENT).await;
    let empty = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";
    // A known patient without documents.
    world.permit_letters(empty).await;
    let unknown = "999900031^^^&2.16.840.1.113883.2.4.6.3&ISO";
    let asked = fourteen_queries(PATIENT, &hidden);
    assert_eq!(asked.len(), 14);
    let absent = fourteen_queries(empty, &never_made());
    let of_nobody = fourteen_queries(unknown, &never_made());
    let denied = [Some(physician()), None];
    for (index, (name, request)) in asked.iter().enumerate() {
        for return_type in RETURN_TYPES {
            // The owner finds something, or the test would prove nothing.
            let seen = world.ask(&mut world.ctx(A, None), request, return_type).await;
            assert!(seen.contains("urn:uuid:"), "{name} finds nothing at all: {seen}");
            for user in denied.clone() {
                let ask = async |request: &AdhocQueryRequest| {
                    world.ask(&mut world.ctx(B, user.clone()), request, return_type).await
                };
                let told = ask(request).await;
                assert_eq!(told, ask(&absent[index].1).await, "{name} {return_type}");
                assert_eq!(told, ask(&of_nobody[index].1).await, "{name} {return_type}");
                assert!(told.contains("Success") && !told.contains("urn:uuid:"), "{name}: {told}");
            }
        }
    }
    // And ITI-43.
    let ctx = &mut world.ctx(B, Some(physician()));
    let told = world.retrieves(ctx, &[&hidden.documents[0].unique_id]).await;
    assert_eq!(told, world.retrieves(ctx, &[&oid()]).await);
    assert_eq!(told.0, ResponseStatus::Failure);
}

async fn c_16_hidden_documents_and_their_associations_are_absent(store: Store) {
    let world = World::new(store).await;
    // D1 shows, D3 is very restricted; D3 comes first, so that queries about one document are about it.
    let (d3, d1) = (Document::letter().confidential("V"), Document::letter());
    let (hidden, shown) = (d3.entry_uuid.clone(), d1.entry_uuid.clone());
    let submission = Submission::of(PATIENT, vec![d3, d1]).in_folder(PATIENT, &[&hidden, &shown]);
    world.submit(A, &submission).await;
    world.permit_letters(PATIENT).await;
    for (name, request) in fourteen_queries(PATIENT, &submission) {
        for return_type in RETURN_TYPES {
            let everything = world.ask(&mut world.ctx(A, None), &request, return_type).await;
            let told = world.ask(&mut world.ctx(B, Some(physician())), &request, return_type).await;
            assert!(!told.contains(&hidden), "{name} {return_type} tells of a hidden document");
            assert!(!told.contains(&submission.documents[0].unique_id), "{name} {return_type}");
            let count = |text: &str, what: &str| text.matches(what).count();
            let what = if return_type == "LeafClass" { "<rim:Association " } else { "<rim:ObjectRef " };
            let about_hidden =
                matches!(name, "GetDocumentsAndAssociations" | "GetFoldersForDocument" | "GetRelatedDocuments");
            if about_hidden {
                assert_eq!(count(&told, "urn:uuid:"), 0, "{name} {return_type}: {told}");
            } else if name == "GetSubmissionSetAndContents" {
                // Set, D1, folder; their memberships, but not those of D3.
                assert!(told.contains(&shown) && told.contains(&submission.folder_uuid));
                let expected = if return_type == "LeafClass" { 4 } else { 3 + 4 };
                assert_eq!(count(&told, what), expected, "{told}");
                assert_eq!(count(&everything, what), if return_type == "LeafClass" { 7 } else { 4 + 7 });
            } else {
                let (all, some) = (count(&everything, "urn:uuid:"), count(&told, "urn:uuid:"));
                assert!(some > 0 && some <= all, "{name} {return_type}");
            }
        }
    }
    let ids = [hidden, uuid().to_string()].map(|id| format!("('{id}')"));
    let mut told = Vec::new();
    for id in ids {
        let request = query(v::QUERY_GET_DOCUMENTS, &[("$XDSDocumentEntryEntryUUID", id)]);
        told.push(world.ask(&mut world.ctx(B, Some(physician())), &request, "LeafClass").await);
    }
    assert_eq!(told[0], told[1]);
}

/// A folder shows when one member does; asking which folders hold a hidden document finds none.
async fn s_con_04_a_folder_does_not_tell_of_its_hidden_members(store: Store) {
    let world = World::new(store).await;
    let (shown, hidden) = (Document::letter(), Document::letter().confidential("V"));
    let all_hidden = Document::letter().confidential("V");
    let ids = [&shown, &hidden, &all_hidden].map(|document| document.entry_uuid.clone());
    let mixed = Submission::of(PATIENT, vec![shown, hidden]).in_folder(PATIENT, &[&ids[0], &ids[1]]);
    let dark = Submission::of(PATIENT, vec![all_hidden]).in_folder(PATIENT, &[&ids[2]]);
    world.submit(A, &mixed).await;
    world.submit(A, &dark).await;
    world.permit_letters(PATIENT).await;
    let asked =
        |id: &str| query(v::QUERY_GET_FOLDERS_FOR_DOCUMENT, &[("$XDSDocumentEntryEntryUUID", format!("'{id}'"))]);
    let ctx = &mut world.ctx(B, Some(physician()));
    assert!(world.ask(ctx, &asked(&ids[0]), "ObjectRef").await.contains(&mixed.folder_uuid));
    assert!(!world.ask(ctx, &asked(&ids[1]), "ObjectRef").await.contains("urn:uuid:"));
    for return_type in RETURN_TYPES {
        for (name, request) in fourteen_queries(PATIENT, &dark) {
            let told = world.ask(ctx, &request, return_type).await;
            for id in [&dark.set_uuid, &dark.folder_uuid, &ids[2]] {
                assert!(!told.contains(id.as_str()), "{name} {return_type}");
            }
        }
    }
}

async fn s_con_04_hidden_objects_count_towards_no_limit(store: Store) {
    let settings = RegistrySettings { leaf_class_limit: 2, object_ref_limit: 2, ..RegistrySettings::default() };
    let world = World::limited(store, settings, |_| {}).await;
    let hidden = (0..5).map(|_| Document::letter().confidential("V"));
    // Hidden ones were registered before and after.
    world.submit(A, &Submission::of(PATIENT, hidden.clone().collect())).await;
    world.submit(A, &Submission::of(PATIENT, vec![Document::letter(), Document::letter()])).await;
    world.submit(A, &Submission::of(PATIENT, hidden.collect())).await;
    world.permit_letters(PATIENT).await;
    assert_eq!(world.finds(&mut world.ctx(B, Some(physician())), PATIENT).await.len(), 2);
    let approved = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')".to_owned();
    let parameters = [("$XDSDocumentEntryPatientId", format!("'{PATIENT}'")), ("$XDSDocumentEntryStatus", approved)];
    let request = query(v::QUERY_FIND_DOCUMENTS, &parameters);
    for return_type in RETURN_TYPES {
        let told = world.ask(&mut world.ctx(A, None), &request, return_type).await;
        assert!(told.contains("XDSTooManyResults"), "{told}");
    }
}

/// R-18-22 looks at what shows.
async fn s_con_04_hidden_objects_are_no_second_patient(store: Store) {
    let world = World::new(store).await;
    let other = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO";
    let (one, two) = (Document::letter(), Document::letter());
    let ids = format!("('{}','{}')", one.entry_uuid, two.entry_uuid);
    let shown = one.entry_uuid.clone();
    world.submit(A, &Submission::of(PATIENT, vec![one])).await;
    world.submit(A, &Submission::of(other, vec![two])).await;
    world.permit_letters(PATIENT).await;
    let request = query(v::QUERY_GET_DOCUMENTS, &[("$XDSDocumentEntryEntryUUID", ids)]);
    let told = world.ask(&mut world.ctx(B, Some(physician())), &request, "LeafClass").await;
    assert!(told.contains("Success") && told.contains(&shown), "{told}");
    let told = world.ask(&mut world.ctx(A, None), &request, "LeafClass").await;
    assert!(told.contains("XDSResultNotSinglePatient"), "{told}");
}

/// The short way of a requester whose organisation owns all there is; and the long one gives the same answers.
async fn s_con_04_where_others_own_nothing_everything_shows(store: Store) {
    let world = World::new(store.clone()).await;
    let theirs = submit_with_replacement(&world, PATIENT).await;
    let mut before = Vec::new();
    for (_, request) in fourteen_queries(PATIENT, &theirs) {
        for return_type in RETURN_TYPES {
            before.push(world.ask(&mut world.ctx(A, None), &request, return_type).await);
        }
    }
    assert!(before.iter().all(|answer| answer.contains("urn:uuid:")));
    let lab = Submission::of(PATIENT, vec![Document::letter()]);
    world.submit(LAB, &lab).await;
    // A process that has just started, and one that has not looked for a while.
    for world in [&world, &World::new(store).await] {
        let mut after = Vec::new();
        for (_, request) in fourteen_queries(PATIENT, &theirs) {
            for return_type in RETURN_TYPES {
                after.push(world.ask(&mut world.ctx(A, None), &request, return_type).await);
            }
        }
        assert_eq!(before, after);
        let found = world.finds(&mut world.ctx(LAB, None), PATIENT).await;
        assert_eq!(found, std::slice::from_ref(&lab.documents[0].unique_id));
    }
}

/// S-CON-35: a document needs one of the codes asked for, and to be seen.
async fn s_con_35_a_parameter_filters_what_may_be_seen(store: Store) {
    let world = World::new(store).await;
    let restricted = Document::letter().confidential("R");
    let id = restricted.entry_uuid.clone();
    world.submit(A, &Submission::of(PATIENT, vec![Document::letter(), restricted])).await;
    world.permit_letters(PATIENT).await;
    let ask = async |code: &str| {
        let approved = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')".to_owned();
        let parameters = [
            ("$XDSDocumentEntryPatientId", format!("'{PATIENT}'")),
            ("$XDSDocumentEntryStatus", approved),
            ("$XDSDocumentEntryConfidentialityCode", format!("('{code}^^2.16.840.1.113883.5.25')")),
        ];
        let request = query(v::QUERY_FIND_DOCUMENTS, &parameters);
        world.ask(&mut world.ctx(B, Some(physician())), &request, "ObjectRef").await
    };
    let told = ask("R").await;
    assert!(told.contains(&id) && told.matches("<rim:ObjectRef ").count() == 1, "{told}");
    assert_eq!(ask("V").await.matches("<rim:ObjectRef ").count(), 0);
}
