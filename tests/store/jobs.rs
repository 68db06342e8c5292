//! The durable queue on both databases: acceptance 12 of the core.

use std::{
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use knoop::{
    service::jobs::{Clock, Handler, Jobs, Outcome, Policy},
    store::{JobLease, JobState, NewJob, Priority, Store, StoreError, TakenJob},
};

use tokio::sync::Notify;

use crate::stores::on_every_store;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const KIND: &str = "send";

/// All trials of this file.
pub fn trials() -> Vec<libtest_mimic::Trial> {
    on_every_store![
        a_job_lives_and_dies_with_the_transaction_that_enqueues_it,
        the_same_idempotency_key_is_the_same_job,
        a_job_is_done_once,
        priority_goes_first_and_age_overtakes_it,
        no_more_than_the_limit_of_a_destination_is_in_flight,
        takers_at_the_same_time_never_share_a_job_nor_pass_the_limit,
        a_job_waits_for_its_time_and_for_a_closed_destination,
        a_failing_job_backs_off_and_is_given_up_with_its_reason,
        a_failed_job_can_be_revived,
        a_lease_that_passed_gives_the_job_to_another_and_nothing_to_the_first,
        a_heartbeat_keeps_the_lease,
        a_process_that_keeps_dying_does_not_try_for_ever,
        a_withdrawn_job_is_not_run_and_a_running_one_is_cut_off,
        a_waiting_job_can_be_moved_ahead,
        postponing_costs_no_attempt,
        a_handler_that_panics_is_a_failed_attempt,
        stopping_lets_running_jobs_end,
        stopping_at_once_gives_back_what_runs,
        ended_jobs_are_forgotten_in_time,
    ]
}

fn job(destination: &str, payload: &str) -> NewJob {
    NewJob {
        kind: KIND,
        destination: destination.to_owned(),
        idempotency_key: None,
        payload: payload.to_owned(),
        priority: Priority::Normal,
        run_at_ms: 0,
        owner_org_key: 1,
    }
}

async fn enqueue(store: &Store, job: NewJob, now_ms: i64) -> i64 {
    let added = store.write(move |tx| {
        let job = job.clone();
        async move { tx.enqueue(&job, now_ms).await }.boxed()
    });
    added.await.unwrap()
}

async fn take(store: &Store, now_ms: i64, room: usize, in_flight: i64) -> Vec<TakenJob> {
    let lease_until_ms = now_ms + MINUTE;
    let taken =
        store.write(move |tx| async move { tx.take_jobs(KIND, now_ms, lease_until_ms, room, in_flight).await }.boxed());
    taken.await.unwrap()
}

fn payloads(taken: &[TakenJob]) -> Vec<&str> {
    taken.iter().map(|job| job.payload.as_str()).collect()
}

async fn finish(store: &Store, lease: JobLease, now_ms: i64) -> bool {
    store.write(move |tx| async move { tx.finish_job(lease, now_ms).await }.boxed()).await.unwrap()
}

async fn state(store: &Store, job_id: i64) -> (JobState, i64, Option<String>) {
    let row = store.read().await.unwrap().find_job(job_id).await.unwrap().expect("the job is there");
    (row.state, row.attempts, row.problem)
}

async fn a_job_lives_and_dies_with_the_transaction_that_enqueues_it(store: Store) {
    let refused: Result<(), StoreError> = store
        .write(|tx| {
            async move {
                tx.enqueue(&job("a", "lost"), 1).await?;
                Err(StoreError::Panicked)
            }
            .boxed()
        })
        .await;
    assert!(refused.is_err());
    assert!(take(&store, 1, 10, 10).await.is_empty());
    enqueue(&store, job("a", "kept"), 1).await;
    assert_eq!(payloads(&take(&store, 1, 10, 10).await), ["kept"]);
}

async fn the_same_idempotency_key_is_the_same_job(store: Store) {
    let keyed = |payload| NewJob { idempotency_key: Some("reply 1".to_owned()), ..job("a", payload) };
    let first = enqueue(&store, keyed("first"), 1).await;
    assert_eq!(enqueue(&store, keyed("second"), 2).await, first);
    let taken = take(&store, 3, 10, 10).await;
    assert_eq!(payloads(&taken), ["first"]);
    assert!(finish(&store, taken[0].lease, 4).await);
    assert_eq!(enqueue(&store, keyed("third"), 5).await, first, "also when it is done");
    let another = NewJob { kind: "import", ..keyed("of another kind") };
    assert_ne!(enqueue(&store, another, 6).await, first);
}

async fn a_job_is_done_once(store: Store) {
    let id = enqueue(&store, job("a", "x"), 1).await;
    let taken = take(&store, 2, 10, 10).await;
    assert!(take(&store, 2, 10, 10).await.is_empty());
    assert_eq!(state(&store, id).await.0, JobState::Running);
    assert!(finish(&store, taken[0].lease, 3).await);
    assert!(!finish(&store, taken[0].lease, 3).await, "a lease ends with its job");
    assert_eq!(state(&store, id).await.0, JobState::Done);
    assert!(take(&store, 9 * HOUR, 10, 10).await.is_empty());
}

async fn priority_goes_first_and_age_overtakes_it(store: Store) {
    let of = |priority, payload| NewJob { priority, ..job("a", payload) };
    enqueue(&store, of(Priority::Background, "background of yesterday"), 0).await;
    enqueue(&store, of(Priority::Normal, "normal"), 25 * HOUR).await;
    enqueue(&store, of(Priority::High, "high"), 26 * HOUR).await;
    enqueue(&store, of(Priority::High, "later high"), 28 * HOUR).await;
    let order = payloads(&take(&store, 28 * HOUR, 10, 10).await).join(", ");
    assert_eq!(order, "background of yesterday, high, normal, later high");
}

async fn no_more_than_the_limit_of_a_destination_is_in_flight(store: Store) {
    for number in 0..5 {
        enqueue(&store, job("slow", &format!("slow {number}")), number).await;
    }
    enqueue(&store, job("quick", "quick"), 10).await;
    let taken = take(&store, 20, 10, 2).await;
    assert_eq!(payloads(&taken), ["slow 0", "slow 1", "quick"]);
    assert!(take(&store, 20, 10, 2).await.is_empty());
    finish(&store, taken[0].lease, 21).await;
    assert_eq!(payloads(&take(&store, 22, 10, 2).await), ["slow 2"]);
}

async fn takers_at_the_same_time_never_share_a_job_nor_pass_the_limit(store: Store) {
    for number in 0..40 {
        enqueue(&store, job(if number % 2 == 0 { "even" } else { "odd" }, &number.to_string()), 0).await;
    }
    let takers = (0..8).map(|_| take(&store, 1, 10, 7));
    let taken: Vec<TakenJob> = futures_util::future::join_all(takers).await.into_iter().flatten().collect();
    let mut numbers: Vec<&str> = payloads(&taken);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 14, "seven of each destination, each once");
    assert_eq!(taken.len(), 14);
}

async fn a_job_waits_for_its_time_and_for_a_closed_destination(store: Store) {
    enqueue(&store, NewJob { run_at_ms: 10 * MINUTE, ..job("a", "later") }, 0).await;
    enqueue(&store, job("closed", "unreachable"), 0).await;
    let close = store.write(|tx| async move { tx.close_destination(KIND, "closed", 20 * MINUTE).await }.boxed());
    close.await.unwrap();
    assert!(take(&store, 9 * MINUTE, 10, 10).await.is_empty());
    assert_eq!(store.read().await.unwrap().next_due_ms(KIND, 9 * MINUTE).await.unwrap(), Some(10 * MINUTE));
    assert_eq!(payloads(&take(&store, 10 * MINUTE, 10, 10).await), ["later"]);
    assert_eq!(payloads(&take(&store, 20 * MINUTE, 10, 10).await), ["unreachable"]);
}

/// A clock that stands still until it is moved.
#[derive(Clone, Default)]
struct Watch(Arc<AtomicI64>);

impl Watch {
    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Arc::new(move || now.load(Ordering::SeqCst))
    }

    fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

fn handler(outcome: impl Fn(TakenJob) -> Outcome + Send + Sync + 'static) -> Handler {
    let outcome = Arc::new(outcome);
    Arc::new(move |job| {
        let outcome = Arc::clone(&outcome);
        async move { outcome(job) }.boxed()
    })
}

async fn a_failing_job_backs_off_and_is_given_up_with_its_reason(store: Store) {
    let watch = Watch::default();
    let tries = Arc::new(Mutex::new(Vec::new()));
    let (clock, seen) = (watch.clock(), Arc::clone(&tries));
    let policy = Policy { attempts: 4, ..Policy::default() };
    let worker = Jobs::new(store.clone(), watch.clock()).with(
        KIND,
        policy,
        handler(move |_| {
            seen.lock().unwrap().push(clock());
            Outcome::Again("no answer from the registry".to_owned())
        }),
    );
    let id = enqueue(&store, job("a", "x"), 0).await;
    for _ in 0..600 {
        worker.run_due().await.unwrap();
        watch.advance(1000);
    }
    let tries = tries.lock().unwrap().clone();
    assert_eq!(tries.len(), 4);
    for (pause, expected) in tries.windows(2).map(|pair| pair[1] - pair[0]).zip([30_000, 60_000, 120_000]) {
        let range = expected * 8 / 10..=expected * 12 / 10 + 1000;
        assert!(range.contains(&pause), "a pause of {pause} ms where about {expected} ms were expected");
    }
    assert_eq!(state(&store, id).await, (JobState::Failed, 4, Some("no answer from the registry".to_owned())));
}

async fn a_failed_job_can_be_revived(store: Store) {
    let watch = Watch::default();
    let mend = Arc::new(AtomicUsize::new(0));
    let mended = Arc::clone(&mend);
    let worker = Jobs::new(store.clone(), watch.clock()).with(
        KIND,
        Policy::default(),
        handler(move |_| match mended.load(Ordering::SeqCst) {
            0 => Outcome::Failed("refused".to_owned()),
            _ => Outcome::Done,
        }),
    );
    let id = enqueue(&store, job("a", "x"), 0).await;
    worker.run_due().await.unwrap();
    assert_eq!(state(&store, id).await, (JobState::Failed, 1, Some("refused".to_owned())));
    mend.store(1, Ordering::SeqCst);
    worker.run_due().await.unwrap();
    assert_eq!(state(&store, id).await.0, JobState::Failed, "nobody asked for it");
    let revived = store.write(move |tx| async move { tx.revive_job(id, 5).await }.boxed()).await.unwrap();
    watch.advance(5);
    worker.run_due().await.unwrap();
    assert!(revived);
    assert_eq!(state(&store, id).await.0, JobState::Done);
}

async fn reclaim(store: &Store, now_ms: i64, attempts: i64) -> usize {
    store.write(move |tx| async move { tx.reclaim_jobs(KIND, now_ms, attempts).await }.boxed()).await.unwrap()
}

async fn a_lease_that_passed_gives_the_job_to_another_and_nothing_to_the_first(store: Store) {
    let id = enqueue(&store, job("a", "x"), 0).await;
    let first = take(&store, 0, 10, 1).await;
    assert_eq!(reclaim(&store, MINUTE, 12).await, 0, "the lease holds until its last millisecond");
    assert_eq!(reclaim(&store, MINUTE + 1, 12).await, 1);
    let second = take(&store, MINUTE + 1, 10, 1).await;
    assert_eq!(second[0].attempts, 2);
    assert!(!finish(&store, first[0].lease, MINUTE + 2).await);
    assert_eq!(state(&store, id).await.0, JobState::Running);
    assert!(finish(&store, second[0].lease, MINUTE + 3).await);
    assert_eq!(state(&store, id).await.0, JobState::Done);
}

async fn a_heartbeat_keeps_the_lease(store: Store) {
    enqueue(&store, job("a", "x"), 0).await;
    let lease = take(&store, 0, 10, 1).await[0].lease;
    let beat = |until| store.write(move |tx| async move { tx.heartbeat(lease, until).await }.boxed());
    assert!(beat(3 * MINUTE).await.unwrap());
    assert_eq!(reclaim(&store, 2 * MINUTE, 12).await, 0);
    assert_eq!(reclaim(&store, 4 * MINUTE, 12).await, 1);
    assert!(!beat(9 * MINUTE).await.unwrap());
}

async fn a_process_that_keeps_dying_does_not_try_for_ever(store: Store) {
    let id = enqueue(&store, job("a", "x"), 0).await;
    let mut now_ms = 0;
    for _ in 0..3 {
        assert_eq!(take(&store, now_ms, 10, 1).await.len(), 1);
        now_ms += 2 * MINUTE;
        assert_eq!(reclaim(&store, now_ms, 3).await, 1);
    }
    assert!(take(&store, now_ms, 10, 1).await.is_empty());
    let (state, attempts, problem) = state(&store, id).await;
    assert_eq!((state, attempts), (JobState::Failed, 3));
    assert!(problem.unwrap().contains("went away"));
    enqueue(&store, job("a", "next"), now_ms).await;
    assert_eq!(payloads(&take(&store, now_ms, 10, 1).await), ["next"], "the destination is free again");
}

async fn withdraw(store: &Store, id: i64) -> bool {
    store.write(move |tx| async move { tx.withdraw_job(id, 7).await }.boxed()).await.unwrap()
}

async fn a_withdrawn_job_is_not_run_and_a_running_one_is_cut_off(store: Store) {
    let waiting = enqueue(&store, job("a", "waiting"), 1).await;
    assert!(withdraw(&store, waiting).await);
    assert!(!withdraw(&store, waiting).await);
    let running = enqueue(&store, job("a", "running"), 2).await;
    let taken = take(&store, 3, 10, 1).await;
    assert_eq!(payloads(&taken), ["running"]);
    assert!(withdraw(&store, running).await);
    assert!(!finish(&store, taken[0].lease, 8).await);
    assert_eq!(state(&store, running).await.0, JobState::Withdrawn);
    enqueue(&store, job("a", "next"), 9).await;
    assert_eq!(payloads(&take(&store, 10, 10, 1).await), ["next"], "its place in flight is free");
}

async fn a_waiting_job_can_be_moved_ahead(store: Store) {
    enqueue(&store, job("a", "first"), 1).await;
    let id = enqueue(&store, job("a", "second"), 2).await;
    let moved = store.write(move |tx| async move { tx.prioritise_job(id, Priority::High).await }.boxed());
    assert!(moved.await.unwrap());
    assert_eq!(payloads(&take(&store, 3, 10, 10).await), ["second", "first"]);
}

async fn postponing_costs_no_attempt(store: Store) {
    let watch = Watch::default();
    let worker = Jobs::new(store.clone(), watch.clock()).with(
        KIND,
        Policy { attempts: 1, ..Policy::default() },
        handler(|_| Outcome::Later(MINUTE, "the destination is closed".to_owned())),
    );
    let id = enqueue(&store, job("a", "x"), 0).await;
    for _ in 0..5 {
        worker.run_due().await.unwrap();
        watch.advance(MINUTE);
    }
    assert_eq!(state(&store, id).await, (JobState::Waiting, 0, Some("the destination is closed".to_owned())));
}

async fn a_handler_that_panics_is_a_failed_attempt(store: Store) {
    let watch = Watch::default();
    let worker = Jobs::new(store.clone(), watch.clock()).with(
        KIND,
        Policy::default(),
        handler(
            |job| if job.payload == "bad" { resume_unwind(Box::new("a mistake in a handler")) } else { Outcome::Done },
        ),
    );
    let bad = enqueue(&store, job("a", "bad"), 0).await;
    let good = enqueue(&store, job("a", "good"), 0).await;
    worker.run_due().await.unwrap();
    assert_eq!(state(&store, bad).await.0, JobState::Waiting);
    assert!(state(&store, bad).await.2.unwrap().contains("panic"));
    assert_eq!(state(&store, good).await.0, JobState::Done);
}

/// Runs one job whose handler never ends by itself, and stops the worker as soon as it has begun.
async fn stop_while_running(store: &Store, let_end: bool, grace: Duration) -> i64 {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (signal, ends) = (Arc::clone(&begun), Arc::clone(&end));
    let handle: Handler = Arc::new(move |_| {
        let (signal, ends) = (Arc::clone(&signal), Arc::clone(&ends));
        async move {
            signal.notify_one();
            ends.notified().await;
            Outcome::Done
        }
        .boxed()
    });
    let id = enqueue(store, job("a", "x"), 0).await;
    let worker = Jobs::new(store.clone(), Watch::default().clock()).with(KIND, Policy::default(), handle);
    let stop = async move {
        begun.notified().await;
        if let_end {
            end.notify_one();
        }
    };
    worker.run(stop, grace).await;
    id
}

async fn stopping_lets_running_jobs_end(store: Store) {
    let id = stop_while_running(&store, true, Duration::from_secs(3600)).await;
    assert_eq!(state(&store, id).await.0, JobState::Done);
}

async fn stopping_at_once_gives_back_what_runs(store: Store) {
    let id = stop_while_running(&store, false, Duration::ZERO).await;
    let (state, attempts, _) = state(&store, id).await;
    assert_eq!((state, attempts), (JobState::Waiting, 0), "it waits again and loses no attempt");
    assert_eq!(payloads(&take(&store, 1, 10, 1).await), ["x"]);
}

async fn ended_jobs_are_forgotten_in_time(store: Store) {
    let old = enqueue(&store, job("a", "old"), 0).await;
    finish(&store, take(&store, 0, 1, 10).await[0].lease, 10).await;
    let new = enqueue(&store, job("a", "new"), 20).await;
    finish(&store, take(&store, 20, 1, 10).await[0].lease, 30).await;
    let waiting = enqueue(&store, job("a", "waiting"), 0).await;
    let forgotten = store.write(|tx| async move { tx.forget_jobs(15).await }.boxed()).await.unwrap();
    assert_eq!(forgotten, 1);
    let mut tx = store.read().await.unwrap();
    assert!(tx.find_job(old).await.unwrap().is_none());
    assert!(tx.find_job(new).await.unwrap().is_some());
    assert!(tx.find_job(waiting).await.unwrap().is_some());
    let counts = tx.count_jobs().await.unwrap();
    assert_eq!(counts, [(KIND.to_owned(), JobState::Waiting, 1), (KIND.to_owned(), JobState::Done, 1)]);
}
