//! The one durable queue: takes jobs when they are due and gives them to the handler of their kind.
//!
//! At least once: a handler whose process dies runs again, so it must bear that. A job that fails waits longer each time
//! and is given up after so many attempts, with the reason kept. Time comes in with the clock.
//!
//! Knows no kind of job: `cli` hands in the handlers where the parts are put together.

use std::{
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::Notify, task::JoinSet};
use tracing::{error, warn};

use crate::store::{JobLease, Store, StoreError, TakenJob};

/// Gives the time in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
/// Does the jobs of a kind.
pub type Handler = Arc<dyn Fn(TakenJob) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// How often the table is looked at when nobody wakes the worker: other processes may have added jobs.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What became of an attempt. Reasons are kept and shown to people; they name no patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// The handler has finished the job in a transaction of its own.
    Settled,
    /// It may succeed another time.
    Again(String),
    /// It could not even be tried; it waits so many milliseconds and no attempt is counted.
    Later(i64, String),
    /// It will never succeed.
    Failed(String),
}

/// How the jobs of a kind are treated.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// At most so many at a time in this process.
    pub at_a_time: usize,
    /// At most so many at a time for one destination, over all processes.
    pub in_flight: i64,
    /// Attempts before a job is given up.
    pub attempts: i64,
    /// Pause after the first failure; it doubles each time.
    pub first_pause_ms: i64,
    /// The pause does not grow beyond this.
    pub longest_pause_ms: i64,
    /// How long a job belongs to a process that does not say that it lives.
    pub lease_ms: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            at_a_time: 8,
            in_flight: 2,
            attempts: 12,
            first_pause_ms: 30_000,
            longest_pause_ms: 30 * 60_000,
            lease_ms: 60_000,
        }
    }
}

impl Policy {
    /// The pause after this many attempts, give or take a fifth: `chance` is any number.
    pub fn pause_ms(&self, attempts: i64, chance: u32) -> i64 {
        let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(30);
        let pause = self.first_pause_ms.saturating_mul(1 << doublings).min(self.longest_pause_ms);
        let fifth = pause / 5;
        pause - fifth + i64::from(chance) % (2 * fifth + 1)
    }
}

struct Kind {
    name: Arc<str>,
    policy: Policy,
    handler: Handler,
}

/// Runs jobs. One is enough for a process; any number of processes may share a database.
pub struct Jobs {
    shared: Shared,
    kinds: Vec<Arc<Kind>>,
    bell: Arc<Notify>,
}

/// What every running job needs.
#[derive(Clone)]
struct Shared {
    store: Store,
    clock: Clock,
    /// The jobs that run here.
    running: Running,
}

type Running = Arc<Mutex<HashMap<JobLease, Arc<str>>>>;

impl Jobs {
    /// A worker without handlers.
    pub fn new(store: Store, clock: Clock) -> Self {
        let shared = Shared { store, clock, running: Arc::default() };
        Self { shared, kinds: Vec::new(), bell: Arc::default() }
    }

    /// Adds the handler of a kind. Jobs of other kinds are left alone.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, policy: Policy, handler: Handler) -> Self {
        self.kinds.push(Arc::new(Kind { name: name.into(), policy, handler }));
        self
    }

    /// Lets this bell wake it, besides its own looks at the table.
    #[must_use]
    pub fn ringing(self, bell: Arc<Notify>) -> Self {
        Self { bell, ..self }
    }

    /// Rung when a job was added, it saves the wait until the next look at the table.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Works until `stop` is ready, then lets what runs come to its end for at most `grace`. What has not ended then waits
    /// again at once, for this or another process, and loses no attempt.
    pub async fn run(self, stop: impl Future<Output = ()>, grace: Duration) {
        let mut tasks = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let pause = match self.take(&mut tasks).await {
                Ok(()) => self.pause().await,
                Err(problem) => {
                    warn!(%problem, "jobs could not be taken");
                    LOOK_AGAIN
                }
            };
            tokio::select! {
                () = &mut stop => break,
                () = self.bell.notified() => {}
                Some(_) = tasks.join_next() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_err() {
            tasks.shutdown().await;
            self.give_back().await;
        }
    }

    /// Does everything that is due now, and what becomes due meanwhile, then returns.
    ///
    /// # Errors
    /// When jobs cannot be taken.
    pub async fn run_due(&self) -> Result<(), StoreError> {
        let mut tasks = JoinSet::new();
        loop {
            self.take(&mut tasks).await?;
            if tasks.join_next().await.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes jobs of every kind that has room, and begins them.
    async fn take(&self, tasks: &mut JoinSet<()>) -> Result<(), StoreError> {
        for kind in &self.kinds {
            let (name, policy) = (Arc::clone(&kind.name), kind.policy);
            let busy = lock(&self.shared.running).values().filter(|running| **running == name).count();
            let room = policy.at_a_time.saturating_sub(busy);
            if room == 0 {
                continue;
            }
            let now_ms = (self.shared.clock)();
            // A look costs no flush of the disk.
            if !self.shared.store.read().await?.has_jobs_to_take(&name, now_ms).await? {
                continue;
            }
            let (returned, taken) = self
                .shared
                .store
                .write(move |tx| {
                    let name = Arc::clone(&name);
                    Box::pin(async move {
                        let returned = tx.reclaim_jobs(&name, now_ms, policy.attempts).await?;
                        let lease_until_ms = now_ms + policy.lease_ms;
                        let taken = tx.take_jobs(&name, now_ms, lease_until_ms, room, policy.in_flight).await?;
                        Ok::<_, StoreError>((returned, taken))
                    })
                })
                .await?;
            if returned > 0 {
                warn!(kind = &*kind.name, jobs = returned, "took back {returned} jobs of a process that went away");
            }
            for job in taken {
                lock(&self.shared.running).insert(job.lease, Arc::clone(&kind.name));
                tasks.spawn(self.shared.clone().work_on(Arc::clone(kind), job));
            }
        }
        Ok(())
    }

    /// How long nothing is due, as far as the table knows.
    async fn pause(&self) -> Duration {
        let now_ms = (self.shared.clock)();
        let mut pause = LOOK_AGAIN;
        if let Ok(mut tx) = self.shared.store.read().await {
            for kind in &self.kinds {
                if let Ok(Some(due_ms)) = tx.next_due_ms(&kind.name, now_ms).await {
                    pause = pause.min(Duration::from_millis((due_ms - now_ms).unsigned_abs()));
                }
            }
        }
        pause
    }

    /// Returns the jobs that were cut off, so that nobody waits for their leases.
    async fn give_back(&self) {
        let now_ms = (self.shared.clock)();
        let leases: Vec<JobLease> = lock(&self.shared.running).drain().map(|(lease, _)| lease).collect();
        let count = leases.len();
        match self
            .shared
            .store
            .write(move |tx| {
                let leases = leases.clone();
                Box::pin(async move {
                    for lease in leases {
                        tx.postpone_job(lease, now_ms, "the server was stopped").await?;
                    }
                    Ok::<(), StoreError>(())
                })
            })
            .await
        {
            Ok(()) => warn!(jobs = count, "stopped while {count} jobs were running; they wait again"),
            Err(problem) => error!(%problem, jobs = count, "stopped while {count} jobs were running"),
        }
    }
}

fn lock(running: &Running) -> MutexGuard<'_, HashMap<JobLease, Arc<str>>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Does one job, saying meanwhile that it lives, and writes down what became of it.
    async fn work_on(self, kind: Arc<Kind>, job: TakenJob) {
        let (job_id, lease, attempts) = (job.job_id, job.lease, job.attempts);
        let work = AssertUnwindSafe(async { (kind.handler)(job).await }).catch_unwind();
        let outcome = tokio::select! {
            done = work => done.unwrap_or_else(|_| Outcome::Again("the handler stopped with a panic".to_owned())),
            () = self.hold(&kind.policy, lease) => {
                warn!(kind = &*kind.name, job_id, "a job was withdrawn or taken over while it ran");
                Outcome::Settled
            }
        };
        if let Err(problem) = self.settle(kind.policy, lease, attempts, outcome).await {
            // Its lease will pass, and it will run again.
            error!(kind = &*kind.name, job_id, %problem, "what became of a job could not be written down");
        }
        lock(&self.running).remove(&lease);
    }

    /// Renews a lease for as long as it is ours.
    async fn hold(&self, policy: &Policy, lease: JobLease) {
        let beat = Duration::from_millis(policy.lease_ms.unsigned_abs() / 3);
        loop {
            tokio::time::sleep(beat).await;
            let lease_until_ms = (self.clock)() + policy.lease_ms;
            match self.store.write(move |tx| Box::pin(async move { tx.heartbeat(lease, lease_until_ms).await })).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(problem) => warn!(%problem, "the lease of a job could not be renewed"),
            }
        }
    }

    async fn settle(&self, policy: Policy, lease: JobLease, attempts: i64, outcome: Outcome) -> Result<(), StoreError> {
        if outcome == Outcome::Settled {
            return Ok(());
        }
        let now_ms = (self.clock)();
        let mut chance = [0_u8; 4];
        // Without random octets the pauses are merely not spread.
        let _ = getrandom::fill(&mut chance);
        let pause_ms = policy.pause_ms(attempts, u32::from_ne_bytes(chance));
        self.store
            .write(move |tx| {
                let outcome = outcome.clone();
                Box::pin(async move {
                    match outcome {
                        Outcome::Settled => Ok(true),
                        Outcome::Done => tx.finish_job(lease, now_ms).await,
                        Outcome::Later(wait_ms, reason) => tx.postpone_job(lease, now_ms + wait_ms, &reason).await,
                        Outcome::Again(reason) if attempts < policy.attempts => {
                            tx.retry_job(lease, now_ms + pause_ms, &reason).await
                        }
                        Outcome::Again(reason) | Outcome::Failed(reason) => tx.fail_job(lease, now_ms, &reason).await,
                    }
                })
            })
            .await
            .map(|_| ())
    }
}
