//! What a write promises: all or nothing, neighbours unharmed, one holder of an identifier.

use futures_util::{FutureExt as _, future::join_all};
use knoop::{
    model::{AssociationType, AvailabilityStatus, EntryUuid},
    store::{ClaimKind, NewClaim, ObjectKind, Store, StoreError, UnknownPatients, Weight},
};
use libtest_mimic::Trial;

use crate::{
    sample::{
        approved, association, entry, find_documents, folder, ids, oid, patient, register, relate, submission, uuid,
    },
    stores::on_every_store,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_42_37_one_of_many_at_a_time_gets_the_unique_id,
        r_42_37_what_fails_leaves_nothing_and_neighbours_stay,
        a_panic_is_caught_and_undone,
        a_write_goes_on_when_its_caller_goes_away,
        s_in_26_a_heavy_write_shares_no_commit_and_hundreds_wait_their_turn,
        r_42_31_a_document_unique_id_tells_hash_and_size_of_its_holder,
        row_ids_are_never_given_twice,
        resolving_tells_what_the_registry_knows,
        r_asc_20_to_25_effects_of_a_replacement,
    ]
}

async fn r_42_37_one_of_many_at_a_time_gets_the_unique_id(store: Store) {
    let p = patient("race");
    let shared = oid();
    let tries = (0..24).map(|_| {
        let mut it = submission(&p, vec![entry(&p)], vec![]);
        it.submission_set.unique_id = shared.parse().unwrap();
        register(&store, it)
    });
    let results = join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(ids(&store, &find_documents(&p, approved())).await.len(), 1);
    assert_eq!(store.integrity_problems().await.unwrap(), []);
}

async fn r_42_37_what_fails_leaves_nothing_and_neighbours_stay(store: Store) {
    let p = patient("neighbours");
    let taken = entry(&p);
    let uuid = taken.entry_uuid;
    register(&store, submission(&p, vec![taken], vec![])).await.unwrap();
    let tries = (0..40).map(|n| {
        let mut last = entry(&p);
        if n % 2 == 0 {
            last.entry_uuid = uuid;
        }
        register(&store, submission(&p, vec![entry(&p), last], vec![]))
    });
    let results = join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 20);
    assert_eq!(ids(&store, &find_documents(&p, approved())).await.len(), 1 + 20 * 2);
    assert_eq!(store.integrity_problems().await.unwrap(), []);
}

async fn a_panic_is_caught_and_undone(store: Store) {
    let result: Result<(), StoreError> = store
        .write(|tx| {
            async move {
                tx.create_patient(&patient("panic"), 1, "test").await?;
                panic!("a programming error, on purpose");
            }
            .boxed()
        })
        .await;
    assert_eq!(result, Err(StoreError::Panicked));
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.find_patient(&patient("panic")).await.unwrap(), None);
    drop(tx);
    register(&store, submission(&patient("after"), vec![], vec![])).await.unwrap();
}

async fn a_write_goes_on_when_its_caller_goes_away(store: Store) {
    let (began, has_begun) = tokio::sync::mpsc::unbounded_channel::<()>();
    let (go_on, may_go_on) = tokio::sync::watch::channel(false);
    let write = store.write(move |tx| {
        let (began, mut may_go_on) = (began.clone(), may_go_on.clone());
        async move {
            began.send(()).expect("the test listens");
            may_go_on.wait_for(|go| *go).await.expect("the test goes on");
            tx.create_patient(&patient("left alone"), 1, "test").await
        }
        .boxed()
    });
    let mut has_begun = has_begun;
    let mut write = Box::pin(write);
    tokio::select! {
        result = &mut write => panic!("ended early: {result:?}"),
        _ = has_begun.recv() => {}
    }
    drop(write);
    go_on.send(true).unwrap();
    // The sender lives in the closure: the channel ends when the write is over and gone.
    while has_begun.recv().await.is_some() {}
    // A write that is queued behind it is committed after it.
    let _: () =
        store.write(|tx| async move { tx.create_patient(&patient("next"), 1, "test").await }.boxed()).await.unwrap();
    let mut tx = store.read().await.unwrap();
    assert!(tx.find_patient(&patient("left alone")).await.unwrap().is_some());
}

async fn s_in_26_a_heavy_write_shares_no_commit_and_hundreds_wait_their_turn(store: Store) {
    let heavy = Weight { objects: 501, bytes: 9 << 20 };
    let writes = (0..400).map(|n| {
        let weight = if n % 7 == 0 { heavy } else { Weight::default() };
        store.write_weighing(weight, move |tx| {
            async move { tx.create_patient(&patient(&format!("many{n}")), 1, "test").await }.boxed()
        })
    });
    let results: Vec<Result<(), StoreError>> = join_all(writes).await;
    assert!(results.iter().all(Result::is_ok));
    let mut tx = store.read().await.unwrap();
    for n in 0..400 {
        assert!(tx.find_patient(&patient(&format!("many{n}"))).await.unwrap().is_some(), "{n}");
    }
}

async fn r_42_31_a_document_unique_id_tells_hash_and_size_of_its_holder(store: Store) {
    let p = patient("unique");
    let it = entry(&p);
    let (unique_id, hash) = (it.unique_id.clone(), it.hash.unwrap());
    let set = submission(&p, vec![it], vec![folder(&p)]);
    let folder_id = set.folders[0].unique_id.clone();
    register(&store, set).await.unwrap();
    let held = store.write(move |tx| {
        let (unique_id, folder_id) = (unique_id.clone(), folder_id.clone());
        async move {
            let fresh = oid();
            let claims = [
                NewClaim::unique_id(ClaimKind::SubmissionSet, &fresh, 1, -1),
                NewClaim::unique_id(ClaimKind::DocumentEntry, unique_id.as_str(), 1, -2),
                NewClaim::entry_uuid(ObjectKind::Folder, &uuid(), 1, -3),
                NewClaim::unique_id(ClaimKind::SubmissionSet, folder_id.as_str(), 1, -4),
            ];
            tx.claim(&claims).await
        }
        .boxed()
    });
    let held: Vec<_> = Result::<_, StoreError>::unwrap(held.await);
    assert_eq!(
        held.iter().map(|claim| (claim.index, claim.kind)).collect::<Vec<_>>(),
        [(1, ClaimKind::DocumentEntry), (3, ClaimKind::Folder)]
    );
    assert_eq!((held[0].hash.as_deref(), held[0].size_bytes), (Some(hash.to_string().as_str()), Some(0)));
}

async fn row_ids_are_never_given_twice(store: Store) {
    let blocks = join_all((0..200).map(|n| {
        let store = store.clone();
        async move { (store.row_ids(n + 30).await.unwrap(), n as i64 + 30) }
    }));
    let mut blocks = blocks.await;
    blocks.sort_unstable();
    assert!(blocks.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
    assert!(store.row_ids(10_000).await.unwrap() > 0);
}

async fn resolving_tells_what_the_registry_knows(store: Store) {
    let p = patient("resolve");
    let set = submission(&p, vec![entry(&p)], vec![folder(&p)]);
    let asked: Vec<EntryUuid> = vec![
        set.submission_set.entry_uuid,
        set.document_entries[0].entry_uuid,
        set.folders[0].entry_uuid,
        set.associations[0].entry_uuid,
        uuid(),
    ];
    register(&store, set).await.unwrap();
    let known = store.read().await.unwrap().resolve(&asked).await.unwrap();
    let kinds: Vec<_> = asked.iter().map(|uuid| known.get(uuid).map(|object| object.kind)).collect();
    assert_eq!(
        kinds,
        [
            Some(ObjectKind::SubmissionSet),
            Some(ObjectKind::DocumentEntry),
            Some(ObjectKind::Folder),
            Some(ObjectKind::Association),
            None
        ]
    );
    assert!(known.values().all(|object| object.status == AvailabilityStatus::Approved));
}

async fn r_asc_20_to_25_effects_of_a_replacement(store: Store) {
    let p = patient("replace");
    let (old, addendum) = (entry(&p), entry(&p));
    let (old_id, addendum_id) = (old.entry_uuid, addendum.entry_uuid);
    let mut first = submission(&p, vec![old, addendum], vec![folder(&p)]);
    let folder_id = first.folders[0].entry_uuid;
    relate(&mut first, AssociationType::Append, addendum_id, old_id);
    relate(&mut first, AssociationType::Transform, addendum_id, old_id);
    relate(&mut first, AssociationType::HasMember, folder_id, old_id);
    register(&store, first).await.unwrap();

    let new = entry(&p);
    let new_id = new.entry_uuid;
    let mut second = submission(&p, vec![new], vec![]);
    relate(&mut second, AssociationType::Replace, new_id, old_id);
    let first_row_id = store.row_ids(knoop::store::RowKeys::count(&second)).await.unwrap();
    let sources: Result<_, StoreError> = store
        .write(move |tx| {
            let (p, second) = (patient("replace"), second.clone());
            async move {
                let row = tx.lock_patients(std::slice::from_ref(&p), UnknownPatients::Refuse, 1).await?[0].unwrap();
                let keys = knoop::store::RowKeys {
                    first_row_id,
                    patients: [(p, row.patient_key)].into(),
                    owner_org_key: 1,
                    source_node_key: 1,
                    registered_ms: 99,
                    last_update_time: "20250101000000".to_owned(),
                    labels: knoop::store::Labels::default(),
                };
                assert!(tx.claim(&keys.claims(&second)?).await?.is_empty());
                tx.insert_submission(&second, &keys).await?;
                let sources = tx.association_sources(&[old_id], &[AssociationType::Append]).await?;
                assert!(tx.is_transformation(&[addendum_id, old_id]).await?.contains(&addendum_id));
                let folders = tx.folders_holding(&old_id).await?;
                assert_eq!(folders.iter().map(|f| f.entry_uuid).collect::<Vec<_>>(), [folder_id]);
                assert!(tx.memberships(&[folder_id], &[old_id, new_id]).await?.contains(&(folder_id, old_id)));
                tx.deprecate(&[old_id, sources[0].source]).await?;
                tx.touch_folders(&[folder_id], &keys.last_update_time).await?;
                let member = association(AssociationType::HasMember, folder_id, new_id);
                let set = association(AssociationType::HasMember, second.submission_set.entry_uuid, member.entry_uuid);
                tx.insert_generated(&[member, set], &second, &keys).await?;
                assert!(tx.memberships(&[folder_id], &[new_id]).await?.contains(&(folder_id, new_id)));
                Ok(sources.len())
            }
            .boxed()
        })
        .await;
    assert_eq!(sources, Ok(1));
    assert_eq!(ids(&store, &find_documents(&p, approved())).await, [new_id]);
    let known = store.read().await.unwrap().resolve(&[addendum_id, old_id, new_id]).await.unwrap();
    assert_eq!(known[&addendum_id].status, AvailabilityStatus::Deprecated);
    assert_eq!(known[&new_id].status, AvailabilityStatus::Approved);
    assert_eq!(store.integrity_problems().await.unwrap(), []);
}
