//! Packages beside their jobs, on both databases.

use std::{fs, path::Path, sync::Arc, time::Duration};

use knoop::{
    model::{
        Code,
        xdm::{Delivery, Direction, PackageId, PackageLimits, PackageState},
    },
    service::{
        audit::{AuditSettings, Auditor},
        xdm::{
            export::Homes,
            jobs::{ExportSettings, PackageFiles, PackageSettings, Packages},
        },
    },
    store::{
        NewJob, NewXdmPackage, PackageJob, Priority, Settlement, Store, StoreError, TakenJob, XdmPackage, kind_at,
    },
};

use crate::stores::on_every_store;

const KIND: &str = "xdm-export";
const HERE: &str = "this data directory";
const DAY: i64 = 86_400_000;

/// All trials of this file.
pub fn trials() -> Vec<libtest_mimic::Trial> {
    on_every_store![
        r_32_60_a_package_stands_where_its_job_does_until_that_has_ended,
        r_32_60_an_order_with_the_same_key_is_refused_and_leaves_no_job,
        r_32_60_a_withdrawn_package_is_not_settled_by_a_job_that_ends_late,
        r_32_60_a_package_that_expired_loses_its_file_and_is_forgotten_later,
        r_32_61_a_held_package_is_ordered_again,
        r_32_61_of_two_decisions_at_once_one_counts,
        r_32_60_a_withdrawn_package_takes_its_present_job_with_it,
        r_32_60_a_list_carries_neither_orders_nor_reports,
        r_32_60_open_orders_of_a_node_are_counted,
        all_expired_packages_are_found_a_hundred_at_a_time,
        a_package_whose_job_was_given_up_is_found,
        what_a_process_left_running_is_given_back_at_once,
        r_32_34_a_package_that_was_withdrawn_is_not_held,
        r_32_60_of_two_exports_at_once_one_gets_the_room,
        jobs_of_a_data_directory_are_its_own,
        packages_from_before_directories_had_names_are_adopted,
        r_32_60_a_package_that_was_made_and_never_left_is_removed,
    ]
}

fn id(number: u128) -> PackageId {
    PackageId::from_bits(number)
}

/// A job on a package.
fn on(number: u128, job_id: i64) -> PackageJob {
    PackageJob { package_id: id(number), job_id }
}

fn package(number: u128, direction: Direction, key: Option<&str>) -> NewXdmPackage {
    NewXdmPackage {
        package_id: id(number),
        direction,
        owner_org_key: 7,
        node_key: 8,
        delivery: Delivery::Package,
        priority: Priority::High,
        urgency: "2".to_owned(),
        idempotency_key: key.map(str::to_owned),
        job_id: 0,
        order: "{}".to_owned(),
        file: (direction == Direction::Import).then(|| format!("incoming/{}.zip", id(number))),
        octets: (direction == Direction::Import).then_some(100),
        sha256: None,
        instance: HERE.to_owned(),
    }
}

async fn add(store: &Store, new: NewXdmPackage, now_ms: i64) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            let mut new = new.clone();
            Box::pin(async move {
                new.job_id = tx.enqueue(&job(new.package_id, 1), now_ms).await?;
                tx.add_xdm_package(&new, now_ms).await
            })
        })
        .await
}

fn job(package: PackageId, run: i64) -> NewJob {
    NewJob {
        kind: KIND,
        destination: "node:8".to_owned(),
        idempotency_key: Some(format!("{package}-{run}")),
        payload: package.to_string(),
        priority: Priority::High,
        run_at_ms: 0,
        owner_org_key: 7,
    }
}

async fn take(store: &Store, now_ms: i64) -> TakenJob {
    let taken = store.write(move |tx| Box::pin(async move { tx.take_jobs(KIND, now_ms, now_ms + 1000, 1, 9).await }));
    let taken: Result<Vec<TakenJob>, StoreError> = taken.await;
    taken.unwrap().remove(0)
}

fn settlement(state: PackageState, ended_ms: i64) -> Settlement {
    Settlement {
        state,
        report: Some("{\"documents\":1}".to_owned()),
        problem: None,
        file: Some("outgoing/x.zip".to_owned()),
        octets: Some(5 << 32),
        ended_ms,
        expires_ms: ended_ms + DAY,
    }
}

async fn settle(store: &Store, number: u128, settled: Settlement) -> bool {
    let settled = store.write(move |tx| {
        let settled = settled.clone();
        Box::pin(async move { tx.settle_xdm_package(id(number), &settled).await })
    });
    let settled: Result<bool, StoreError> = settled.await;
    settled.unwrap()
}

async fn found(store: &Store, number: u128) -> XdmPackage {
    store.read().await.unwrap().find_xdm_package(id(number)).await.unwrap().expect("it is there")
}

async fn r_32_60_a_package_stands_where_its_job_does_until_that_has_ended(store: Store) {
    add(&store, package(1, Direction::Export, None), 10).await.unwrap();
    let waiting = found(&store, 1).await;
    assert_eq!((waiting.state, waiting.runs, waiting.priority), (PackageState::Waiting, 1, Priority::High));
    let taken = take(&store, 10).await;
    assert_eq!(found(&store, 1).await.state, PackageState::Running);
    let finished = store.write(move |tx| {
        Box::pin(async move {
            tx.finish_job(taken.lease, 20).await?;
            tx.settle_xdm_package(id(1), &settlement(PackageState::Done, 20)).await
        })
    });
    let finished: Result<bool, StoreError> = finished.await;
    assert!(finished.unwrap());
    let done = found(&store, 1).await;
    assert_eq!((done.state, done.octets, done.ended_ms), (PackageState::Done, Some(5 << 32), Some(20)));
    assert_eq!((done.urgency.as_str(), done.report.as_deref()), ("2", Some("{\"documents\":1}")));
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.xdm_load(8, None).await.unwrap(), 5 << 32);
    assert_eq!(tx.xdm_load(8, Some(id(1))).await.unwrap(), 0);
    assert_eq!(tx.xdm_packages(Some(7), Some(Direction::Export), 10).await.unwrap().len(), 1);
    for (owner, direction) in [(Some(9), None), (None, Some(Direction::Import))] {
        assert!(tx.xdm_packages(owner, direction, 10).await.unwrap().is_empty());
    }
    assert_eq!(tx.xdm_files(HERE).await.unwrap(), ["outgoing/x.zip"]);
}

async fn r_32_60_an_order_with_the_same_key_is_refused_and_leaves_no_job(store: Store) {
    add(&store, package(1, Direction::Export, Some("k")), 10).await.unwrap();
    let again = add(&store, package(2, Direction::Export, Some("k")), 11).await;
    assert!(matches!(again, Err(StoreError::Constraint { .. })), "{again:?}");
    add(&store, package(3, Direction::Import, Some("k")), 12).await.expect("another direction");
    add(&store, package(4, Direction::Export, None), 13).await.expect("no key");
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.find_xdm_package_of_key(8, Direction::Export, "k").await.unwrap(), Some(id(1)));
    assert!(tx.find_xdm_package_of_key(9, Direction::Export, "k").await.unwrap().is_none());
    assert!(tx.find_xdm_package(id(2)).await.unwrap().is_none());
    let jobs: i64 = tx.count_jobs().await.unwrap().iter().map(|(_, _, count)| count).sum();
    assert_eq!(jobs, 3);
}

async fn r_32_60_a_withdrawn_package_is_not_settled_by_a_job_that_ends_late(store: Store) {
    add(&store, package(1, Direction::Export, None), 10).await.unwrap();
    let taken = take(&store, 10).await;
    let withdrawn = store.write(move |tx| Box::pin(async move { tx.withdraw_xdm_package(id(1), 15, DAY).await }));
    let withdrawn: Result<bool, StoreError> = withdrawn.await;
    assert!(withdrawn.unwrap());
    let finished = store.write(move |tx| Box::pin(async move { tx.finish_job(taken.lease, 20).await }));
    let finished: Result<bool, StoreError> = finished.await;
    assert!(!finished.unwrap(), "the job is nobody's any more");
    assert!(!settle(&store, 1, settlement(PackageState::Done, 20)).await);
    let package = found(&store, 1).await;
    assert_eq!((package.state, package.file, package.ended_ms), (PackageState::Withdrawn, None, Some(15)));
}

async fn r_32_60_a_package_that_expired_loses_its_file_and_is_forgotten_later(store: Store) {
    add(&store, package(1, Direction::Export, None), 10).await.unwrap();
    assert!(
        store.read().await.unwrap().expired_xdm_packages(9 * DAY, None, HERE).await.unwrap().is_empty(),
        "a job is to work on it"
    );
    settle(&store, 1, settlement(PackageState::Done, 20)).await;
    let expired = |now_ms| {
        let store = store.clone();
        async move { store.read().await.unwrap().expired_xdm_packages(now_ms, None, HERE).await.unwrap().len() }
    };
    assert_eq!((expired(20 + DAY).await, expired(21 + DAY).await), (0, 1));
    let forget = |before_ms| {
        let store = store.clone();
        async move {
            let gone = store.write(move |tx| Box::pin(async move { tx.delete_xdm_packages(before_ms).await }));
            let gone: Result<u64, StoreError> = gone.await;
            gone.unwrap()
        }
    };
    assert_eq!(forget(9 * DAY).await, 0, "its file is there");
    let dropped = store.write(|tx| Box::pin(async move { tx.drop_xdm_file(id(1)).await }));
    let dropped: Result<bool, StoreError> = dropped.await;
    assert!(dropped.unwrap());
    assert_eq!((expired(9 * DAY).await, found(&store, 1).await.file), (0, None));
    assert_eq!((forget(20 + DAY).await, forget(21 + DAY).await), (0, 1));
}

async fn r_32_61_a_held_package_is_ordered_again(store: Store) {
    add(&store, package(1, Direction::Import, None), 10).await.unwrap();
    settle(&store, 1, settlement(PackageState::Held, 20)).await;
    let again = store.write(|tx| {
        Box::pin(async move {
            let job_id = tx.enqueue(&job(id(1), 2), 30).await?;
            tx.order_xdm_package_again(id(1), job_id, "{\"sets\":[1]}", 1).await
        })
    });
    let again: Result<bool, StoreError> = again.await;
    assert!(again.unwrap());
    let package = found(&store, 1).await;
    assert_eq!((package.state, package.runs, package.ended_ms), (PackageState::Waiting, 2, None));
    assert_eq!((package.order.as_str(), package.report.is_some()), ("{\"sets\":[1]}", true));
}

async fn a_package_whose_job_was_given_up_is_found(store: Store) {
    add(&store, package(1, Direction::Export, None), 10).await.unwrap();
    let taken = take(&store, 10).await;
    assert!(store.read().await.unwrap().lost_xdm_packages(None).await.unwrap().is_empty());
    let failed = store.write(move |tx| Box::pin(async move { tx.fail_job(taken.lease, 20, "XdmIo: trouble").await }));
    let failed: Result<bool, StoreError> = failed.await;
    assert!(failed.unwrap());
    let lost = store.read().await.unwrap().lost_xdm_packages(None).await.unwrap();
    assert!(store.read().await.unwrap().lost_xdm_packages(Some(id(1))).await.unwrap().is_empty(), "no more after it");
    assert_eq!((lost.len(), lost[0].state), (1, PackageState::Failed));
    assert_eq!(lost[0].problem.as_deref(), Some("XdmIo: trouble"));
}

async fn what_a_process_left_running_is_given_back_at_once(store: Store) {
    for number in 1..=2 {
        add(&store, package(number, Direction::Export, None), 10).await.unwrap();
    }
    take(&store, 10).await;
    let given_back = |attempts| {
        let store = store.clone();
        async move {
            let back = store.write(move |tx| Box::pin(async move { tx.reclaim_all_jobs(KIND, 20, attempts).await }));
            let back: Result<usize, StoreError> = back.await;
            back.unwrap()
        }
    };
    assert_eq!(given_back(9).await, 1, "its lease has not passed");
    assert_eq!(found(&store, 1).await.state, PackageState::Waiting);
    take(&store, 20).await;
    assert_eq!(given_back(2).await, 1);
    assert_eq!(found(&store, 1).await.state, PackageState::Failed, "a package that kills its process is given up");
    take(&store, 20).await;
}

async fn again(store: &Store, number: u128, order: &'static str, runs: i64) -> bool {
    let again = store.write(move |tx| {
        Box::pin(async move {
            let job_id = tx.enqueue(&job(id(number), runs + 1), 30).await?;
            tx.order_xdm_package_again(id(number), job_id, order, runs).await
        })
    });
    let again: Result<bool, StoreError> = again.await;
    again.unwrap()
}

async fn withdraw(store: &Store, number: u128, now_ms: i64) -> bool {
    let withdrawn =
        store.write(move |tx| Box::pin(async move { tx.withdraw_xdm_package(id(number), now_ms, now_ms + DAY).await }));
    let withdrawn: Result<bool, StoreError> = withdrawn.await;
    withdrawn.unwrap()
}

async fn r_32_61_of_two_decisions_at_once_one_counts(store: Store) {
    add(&store, package(1, Direction::Import, None), 10).await.unwrap();
    assert!(!again(&store, 1, "{}", 1).await, "a job works on it");
    settle(&store, 1, settlement(PackageState::Inspected, 20)).await;
    let both = tokio::join!(again(&store, 1, "{\"sets\":[1]}", 1), again(&store, 1, "{\"sets\":[2]}", 1));
    assert!(both.0 != both.1, "{both:?}");
    let package = found(&store, 1).await;
    let first = if both.0 { "{\"sets\":[1]}" } else { "{\"sets\":[2]}" };
    assert_eq!((package.runs, package.order.as_str()), (2, first));
    // A file that is gone cannot be taken over.
    settle(&store, 1, Settlement { file: None, ..settlement(PackageState::Inspected, 40) }).await;
    assert!(!again(&store, 1, "{}", 2).await);
}

async fn r_32_60_a_withdrawn_package_takes_its_present_job_with_it(store: Store) {
    add(&store, package(1, Direction::Import, None), 10).await.unwrap();
    let first = take(&store, 10).await;
    settle(&store, 1, settlement(PackageState::Inspected, 20)).await;
    let ended = store.write(move |tx| Box::pin(async move { tx.finish_job(first.lease, 20).await }));
    let ended: Result<bool, StoreError> = ended.await;
    assert!(ended.unwrap() && again(&store, 1, "{}", 1).await);
    let second = take(&store, 31).await;
    let wanted = |job_id| {
        let store = store.clone();
        async move { store.read().await.unwrap().is_xdm_package_wanted(on(1, job_id)).await.unwrap() }
    };
    assert!(wanted(second.job_id).await && !wanted(first.job_id).await);
    assert!(withdraw(&store, 1, 40).await && !withdraw(&store, 1, 41).await);
    assert!(!wanted(second.job_id).await, "an import that runs stops");
    let tell = |job_id| {
        let store = store.clone();
        async move {
            let told = store.write(move |tx| {
                Box::pin(async move { tx.tell_of_withdrawn_xdm_package(on(1, job_id), "{\"taken\":1}").await })
            });
            let told: Result<bool, StoreError> = told.await;
            told.unwrap()
        }
    };
    assert!(!tell(first.job_id).await, "a job before");
    assert!(tell(second.job_id).await);
    assert_eq!(found(&store, 1).await.report.as_deref(), Some("{\"taken\":1}"));
    let ended = store.write(move |tx| Box::pin(async move { tx.finish_job(second.lease, 50).await }));
    let ended: Result<bool, StoreError> = ended.await;
    assert!(!ended.unwrap(), "its job is nobody's any more");
    let removable = store.read().await.unwrap().expired_xdm_packages(41, None, HERE).await.unwrap();
    assert_eq!(removable.len(), 1, "its file goes at once, and is tried again until it is gone");
}

async fn r_32_60_a_list_carries_neither_orders_nor_reports(store: Store) {
    add(&store, package(1, Direction::Export, None), 10).await.unwrap();
    settle(&store, 1, settlement(PackageState::Done, 20)).await;
    let mut tx = store.read().await.unwrap();
    let listed = tx.xdm_packages(None, None, 10).await.unwrap();
    let expired = tx.expired_xdm_packages(9 * DAY, None, HERE).await.unwrap();
    for package in listed.iter().chain(&expired) {
        assert_eq!((package.order.as_str(), package.report.as_deref(), package.octets), ("", None, Some(5 << 32)));
    }
    assert_eq!((listed.len(), expired.len()), (1, 1));
    assert!(tx.find_xdm_package(id(1)).await.unwrap().expect("it is there").report.is_some());
}

async fn r_32_60_open_orders_of_a_node_are_counted(store: Store) {
    for number in 1..=3 {
        add(&store, package(number, Direction::Export, None), 10).await.unwrap();
    }
    add(&store, package(4, Direction::Import, None), 10).await.unwrap();
    assert!(withdraw(&store, 1, 20).await);
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.open_xdm_packages(8, Direction::Export).await.unwrap(), 2);
    assert_eq!(tx.open_xdm_packages(9, Direction::Export).await.unwrap(), 0);
}

async fn all_expired_packages_are_found_a_hundred_at_a_time(store: Store) {
    for number in 1..=150 {
        add(&store, package(number, Direction::Export, None), 10).await.unwrap();
        settle(&store, number, settlement(PackageState::Done, 20)).await;
    }
    let (mut after, mut found) = (None, 0);
    loop {
        let next = store.read().await.unwrap().expired_xdm_packages(9 * DAY, after, HERE).await.unwrap();
        let Some(last) = next.last() else { break };
        (after, found) = (Some(last.package_id), found + next.len());
    }
    assert_eq!(found, 150);
}

async fn r_32_34_a_package_that_was_withdrawn_is_not_held(store: Store) {
    add(&store, package(1, Direction::Import, None), 10).await.unwrap();
    let held = async |job_id: i64| {
        let held = store.write(move |tx| Box::pin(async move { tx.hold_xdm_package(on(1, job_id)).await }));
        let held: Result<bool, StoreError> = held.await;
        held.unwrap()
    };
    let waiting = found(&store, 1).await.job_id.unwrap();
    assert!(!held(waiting).await, "nobody works on it");
    let taken = take(&store, 10).await;
    assert!(held(taken.job_id).await);
    assert!(!held(taken.job_id + 1).await, "another job");
    let withdrawn = store.write(|tx| Box::pin(async move { tx.withdraw_xdm_package(id(1), 20, DAY).await }));
    let withdrawn: Result<bool, StoreError> = withdrawn.await;
    assert!(withdrawn.unwrap());
    assert!(!held(taken.job_id).await);
}

async fn reserve(store: &Store, number: u128, octets: u64) -> bool {
    let job_id = found(store, number).await.job_id.unwrap();
    let kept =
        store.write(move |tx| Box::pin(async move { tx.reserve_xdm_room(on(number, job_id), 8, octets, 100).await }));
    let kept: Result<bool, StoreError> = kept.await;
    kept.unwrap()
}

async fn r_32_60_of_two_exports_at_once_one_gets_the_room(store: Store) {
    for number in [1, 2] {
        add(&store, package(number, Direction::Export, None), 10).await.unwrap();
    }
    let both = tokio::join!(reserve(&store, 1, 60), reserve(&store, 2, 60));
    assert!(both.0 != both.1, "{both:?}");
    let (first, second) = if both.0 { (1, 2) } else { (2, 1) };
    assert!(reserve(&store, first, 100).await, "an attempt after another has the whole share");
    assert!(reserve(&store, first, 40).await);
    assert!(!reserve(&store, second, 61).await && reserve(&store, second, 60).await);
    // What became of it is what counts afterwards.
    assert!(settle(&store, first, Settlement { octets: Some(30), ..settlement(PackageState::Done, 20) }).await);
    assert_eq!(store.read().await.unwrap().xdm_load(8, None).await.unwrap(), 90);
    let failed = Settlement { file: None, octets: None, ..settlement(PackageState::Failed, 20) };
    assert!(settle(&store, second, failed).await);
    assert_eq!(store.read().await.unwrap().xdm_load(8, None).await.unwrap(), 30);
}

async fn jobs_of_a_data_directory_are_its_own(store: Store) {
    let added = store.write(|tx| {
        Box::pin(async move {
            let here = tx.enqueue_at("here", &job(id(1), 1), 10).await?;
            let there = tx.enqueue_at("there", &job(id(1), 1), 10).await?;
            assert_ne!(here, there, "the same key in two directories");
            let kinds = ["here", "there"].map(|instance| kind_at(KIND, instance));
            let taken = tx.take_jobs(&kinds[1], 10, 1010, 9, 9).await?;
            assert_eq!(taken.iter().map(|it| it.job_id).collect::<Vec<_>>(), [there]);
            assert_eq!(tx.reclaim_all_jobs(&kinds[0], 10, 3).await?, 0, "a start leaves those of others running");
            assert!(tx.take_jobs(KIND, 10, 1010, 9, 9).await?.is_empty());
            Ok::<_, StoreError>(())
        })
    });
    added.await.unwrap();
    for (number, instance) in [(1, HERE), (2, "there")] {
        let new = NewXdmPackage { instance: instance.to_owned(), ..package(number, Direction::Import, None) };
        add(&store, new, 10).await.unwrap();
        settle(&store, number, Settlement { file: Some(format!("{number}")), ..settlement(PackageState::Done, 20) })
            .await;
    }
    let mut tx = store.read().await.unwrap();
    assert_eq!(
        (tx.xdm_files(HERE).await.unwrap(), tx.xdm_files("there").await.unwrap()),
        (vec!["1".into()], vec!["2".into()])
    );
    let expired = tx.expired_xdm_packages(9 * DAY, None, "there").await.unwrap();
    assert_eq!(expired.iter().map(|package| package.package_id).collect::<Vec<_>>(), [id(2)]);
}

async fn packages_from_before_directories_had_names_are_adopted(store: Store) {
    for number in [1, 2] {
        add(&store, NewXdmPackage { instance: String::new(), ..package(number, Direction::Export, None) }, 10)
            .await
            .unwrap();
    }
    let of_nobody = store.read().await.unwrap().xdm_packages_of_nobody().await.unwrap();
    assert_eq!(of_nobody, [(id(1), None), (id(2), None)]);
    let job_id = found(&store, 1).await.job_id.unwrap();
    let adopted = store.write(move |tx| {
        Box::pin(async move {
            assert!(tx.adopt_xdm_package(id(1), "here").await?);
            assert!(!tx.adopt_xdm_package(id(1), "there").await?, "it is somebody's");
            tx.rename_jobs(&[job_id], KIND, &kind_at(KIND, "here")).await?;
            tx.take_jobs(&kind_at(KIND, "here"), 10, 1010, 9, 9).await
        })
    });
    let adopted: Result<Vec<TakenJob>, StoreError> = adopted.await;
    assert_eq!(adopted.unwrap().iter().map(|it| it.job_id).collect::<Vec<_>>(), [job_id]);
    assert_eq!(found(&store, 1).await.instance, "here");
    assert_eq!(store.read().await.unwrap().xdm_packages_of_nobody().await.unwrap(), [(id(2), None)]);
}

/// Packages that lie in a folder.
fn packages(store: &Store, folder: &Path) -> Packages {
    let export = ExportSettings {
        source_id: "2.999.1".parse().expect("an OID"),
        contact: String::new(),
        content_type: Code { value: "1^^2.999".parse().expect("a code"), display_name: "".into() },
        numbers: folder.join("numbers.jsonl"),
        homes: Homes::LeftOut,
        set_limits: PackageLimits::default().of_sets_made(),
    };
    let settings = PackageSettings {
        retention: Duration::from_hours(24),
        node_bytes: 1 << 30,
        package_bytes: 1 << 30,
        deliveries: Vec::new(),
        assertions: Vec::new(),
        export,
    };
    let files = PackageFiles::open(&folder.join("xdm")).expect("room");
    let auditor = Auditor::new(store.clone(), AuditSettings::default());
    Packages::new(store.clone(), auditor, files, settings, (None, None), None, Arc::new(|| 30))
}

async fn r_32_60_a_package_that_was_made_and_never_left_is_removed(store: Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let packages = packages(&store, folder.path());
    let path = |number| packages.files().path(Direction::Export, id(number));
    let here = |number| {
        let instance = packages.files().instance().to_owned();
        NewXdmPackage { instance, ..package(number, Direction::Export, None) }
    };
    // Its mail could not be noted, at the last attempt.
    add(&store, here(1), 10).await.expect("ordered");
    let taken = take(&store, 10).await;
    let failed = store.write(move |tx| Box::pin(async move { tx.fail_job(taken.lease, 20, "XdmIo: trouble").await }));
    let failed: Result<bool, StoreError> = failed.await;
    assert!(failed.expect("noted"));
    // Taken back at that moment.
    add(&store, here(2), 10).await.expect("ordered");
    assert!(withdraw(&store, 2, 20).await);
    // Still being made, and done.
    for number in [3, 4] {
        add(&store, here(number), 10).await.expect("ordered");
    }
    let file = PackageFiles::name(Direction::Export, id(4));
    assert!(settle(&store, 4, Settlement { file: Some(file), ..settlement(PackageState::Done, 20) }).await);
    for number in 1..=5 {
        fs::write(path(number), "a package").expect("room");
    }
    let brought = packages.files().path(Direction::Import, id(6));
    fs::write(&brought, "on its way in").expect("room");
    assert_eq!(packages.upkeep().await.expect("done").orphans, 3);
    assert_eq!([1, 2, 3, 4, 5].map(|number| path(number).exists()), [false, false, true, true, false]);
    assert!(brought.exists());
    assert_eq!(packages.upkeep().await.expect("done").orphans, 0);
}
