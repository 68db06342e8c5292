//! Merging patient identities and undoing it.

use futures_util::FutureExt as _;
use knoop::{
    model::{
        PatientId, StoredObject,
        stored_query::{ReturnType, Selector, StoredQuery},
    },
    store::{MergeError, Sight, Store, UnknownPatients},
};
use libtest_mimic::Trial;

use crate::{
    sample::{approved, entry, find_documents, ids, patient, register, submission},
    stores::on_every_store,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_18_16_a_surviving_identity_finds_what_was_merged_into_it,
        r_18_16_a_merge_of_merges_can_be_undone,
        a_merge_that_makes_no_sense_is_refused,
        unknown_patients_are_made_only_when_asked_for,
    ]
}

async fn merge(store: &Store, subsumed: &PatientId, surviving: &PatientId) -> Result<(), MergeError> {
    let (subsumed, surviving) = (subsumed.clone(), surviving.clone());
    store
        .write(move |tx| {
            let (subsumed, surviving) = (subsumed.clone(), surviving.clone());
            async move { tx.merge_patients(&subsumed, &surviving, 7, "MSG1").await }.boxed()
        })
        .await
}

async fn undo(store: &Store, subsumed: &PatientId) -> Result<(), MergeError> {
    let subsumed = subsumed.clone();
    store
        .write(move |tx| {
            let subsumed = subsumed.clone();
            async move { tx.undo_merge(&subsumed, 8).await }.boxed()
        })
        .await
}

async fn with_document(store: &Store, id: &str) -> (PatientId, knoop::model::EntryUuid) {
    let p = patient(id);
    let it = entry(&p);
    let uuid = it.entry_uuid;
    register(store, submission(&p, vec![it], vec![])).await.unwrap();
    (p, uuid)
}

async fn found(store: &Store, p: &PatientId) -> Vec<knoop::model::EntryUuid> {
    ids(store, &find_documents(p, approved())).await
}

async fn r_18_16_a_surviving_identity_finds_what_was_merged_into_it(store: Store) {
    let (a, in_a) = with_document(&store, "a").await;
    let (b, in_b) = with_document(&store, "b").await;
    merge(&store, &a, &b).await.unwrap();
    assert_eq!(found(&store, &b).await, [in_a, in_b]);
    assert_eq!(found(&store, &a).await, []);
    for query in [find_documents(&b, approved()), StoredQuery::GetDocuments(Selector::EntryUuid(vec![in_a, in_b]))] {
        for object in store.answer(&query, ReturnType::LeafClass, 10, &Sight::All).await.unwrap() {
            let StoredObject::DocumentEntry(it) = object else { panic!("an entry was expected") };
            assert_eq!(*it.patient_id, *b.to_string());
        }
    }
}

async fn r_18_16_a_merge_of_merges_can_be_undone(store: Store) {
    let (a, in_a) = with_document(&store, "a").await;
    let (b, in_b) = with_document(&store, "b").await;
    let (c, in_c) = with_document(&store, "c").await;
    merge(&store, &a, &b).await.unwrap();
    merge(&store, &b, &c).await.unwrap();
    assert_eq!(found(&store, &c).await, [in_a, in_b, in_c]);
    undo(&store, &b).await.unwrap();
    assert_eq!(found(&store, &b).await, [in_a, in_b]);
    assert_eq!(found(&store, &c).await, [in_c]);
    undo(&store, &a).await.unwrap();
    assert_eq!(found(&store, &a).await, [in_a]);
    assert_eq!(store.integrity_problems().await.unwrap(), []);
}

async fn a_merge_that_makes_no_sense_is_refused(store: Store) {
    let (a, in_a) = with_document(&store, "a").await;
    let (b, _) = with_document(&store, "b").await;
    assert_eq!(merge(&store, &a, &a).await, Err(MergeError::Same));
    assert_eq!(merge(&store, &patient("nobody"), &a).await, Err(MergeError::UnknownSubsumed));
    assert_eq!(undo(&store, &a).await, Err(MergeError::NotMerged));
    merge(&store, &b, &a).await.unwrap();
    assert_eq!(merge(&store, &b, &patient("c")).await, Err(MergeError::AlreadySubsumed));
    assert_eq!(merge(&store, &a, &b).await, Err(MergeError::AlreadySubsumed));
    assert!(found(&store, &a).await.contains(&in_a));
}

async fn unknown_patients_are_made_only_when_asked_for(store: Store) {
    let (known, _) = with_document(&store, "known").await;
    for (unknown, makes) in [(UnknownPatients::Refuse, false), (UnknownPatients::Create, true)] {
        let asked = [patient("new"), known.clone(), patient("new")];
        let rows = store.write(move |tx| {
            let asked = asked.clone();
            async move { tx.lock_patients(&asked, unknown, 1).await }.boxed()
        });
        let rows: Vec<_> = Result::<_, knoop::store::StoreError>::unwrap(rows.await);
        assert_eq!(rows[0].is_some(), makes);
        assert!(rows[1].is_some_and(|row| !row.subsumed));
        assert_eq!(rows[0], rows[2]);
    }
}
