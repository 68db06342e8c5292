//! The job table: what happens later, in the order of its priority and age.
//!
//! A job is enqueued in the transaction of what caused it. It is taken under a lease and belongs to its taker until the
//! lease has passed; every later change names the lease, so that a taker who lost it changes nothing. Times come in.

use sqlx::FromRow;

use super::{Statement, Tx, args, statements};
use crate::{model::OrganisationKey, store::StoreError};

statements! {
    JOB_ENQUEUE = "INSERT INTO job (kind, destination, idempotency_key, payload, priority, state, attempts, takes, \
        created_ms, place_ms, run_at_ms, owner_org_key) VALUES ($1, $2, $3, $4, $5, 1, 0, 0, $6, $7, $8, $9) \
        ON CONFLICT (kind, idempotency_key) DO NOTHING RETURNING job_id";
    JOB_OF_KEY = "SELECT job_id FROM job WHERE kind = $1 AND idempotency_key = $2";
    DESTINATION_ADD = "INSERT INTO job_destination (kind, destination, in_flight, closed_until_ms) \
        VALUES ($1, $2, 0, 0) ON CONFLICT (kind, destination) DO NOTHING";
    DESTINATION_ENTER = "UPDATE job_destination SET in_flight = in_flight + 1 WHERE kind = $1 AND destination = $2";
    DESTINATION_LEAVE = "UPDATE job_destination SET in_flight = in_flight - 1 WHERE kind = $1 AND destination = $2";
    DESTINATION_CLOSE = "UPDATE job_destination SET closed_until_ms = $3 WHERE kind = $1 AND destination = $2";
    JOB_TURN = "UPDATE job_turn SET turns = turns + 1 WHERE turn_key = 1";
    JOB_TAKE = "UPDATE job SET state = 2, attempts = attempts + 1, takes = takes + 1, lease_until_ms = $4 \
        WHERE state = 1 AND job_id = (SELECT j.job_id FROM job_destination d JOIN job j ON j.job_id = \
            (SELECT w.job_id FROM job w WHERE w.kind = d.kind AND w.destination = d.destination AND w.state = 1 \
                AND w.run_at_ms <= $2 ORDER BY w.place_ms, w.job_id LIMIT 1) \
            WHERE d.kind = $1 AND d.in_flight < $3 AND d.closed_until_ms <= $2 \
            ORDER BY j.place_ms, j.job_id LIMIT 1) \
        RETURNING job_id, takes, kind, destination, payload, attempts, created_ms, owner_org_key";
    JOB_HEARTBEAT = "UPDATE job SET lease_until_ms = $3 WHERE job_id = $1 AND takes = $2 AND state = 2";
    JOB_END = "UPDATE job SET state = $3, ended_ms = $4, problem = $5, lease_until_ms = NULL \
        WHERE job_id = $1 AND takes = $2 AND state = 2 RETURNING kind, destination";
    JOB_AGAIN = "UPDATE job SET state = 1, run_at_ms = $3, problem = $4, attempts = attempts - $5, \
        lease_until_ms = NULL WHERE job_id = $1 AND takes = $2 AND state = 2 RETURNING kind, destination";
    JOB_RECLAIM = "UPDATE job SET state = CASE WHEN attempts >= $3 THEN 3 ELSE 1 END, \
        ended_ms = CASE WHEN attempts >= $3 THEN $2 ELSE ended_ms END, run_at_ms = $2, problem = $4, \
        lease_until_ms = NULL WHERE kind = $1 AND state = 2 AND lease_until_ms < $2 RETURNING kind, destination";
    JOB_ABANDON = "UPDATE job SET state = CASE WHEN attempts >= $3 THEN 3 ELSE 1 END, \
        ended_ms = CASE WHEN attempts >= $3 THEN $2 ELSE ended_ms END, run_at_ms = $2, problem = $4, \
        lease_until_ms = NULL WHERE kind = $1 AND state = 2 RETURNING kind, destination";
    JOB_WITHDRAW_RUNNING = "UPDATE job SET state = 5, ended_ms = $2, lease_until_ms = NULL \
        WHERE job_id = $1 AND state = 2 RETURNING kind, destination";
    JOB_WITHDRAW = "UPDATE job SET state = 5, ended_ms = $2 WHERE job_id = $1 AND (state = 1 OR state = 3)";
    JOB_REVIVE = "UPDATE job SET state = 1, attempts = 0, run_at_ms = $2, ended_ms = NULL \
        WHERE job_id = $1 AND (state = 3 OR state = 5)";
    JOB_PRIORITISE = "UPDATE job SET priority = $2, place_ms = created_ms + $3 WHERE job_id = $1 AND state = 1";
    JOB_FORGET = "DELETE FROM job WHERE job_id IN \
        (SELECT job_id FROM job WHERE state > 2 AND ended_ms < $1 ORDER BY ended_ms LIMIT 500)";
    JOB_FIND = "SELECT job_id, kind, destination, payload, priority, state, attempts, created_ms, run_at_ms, ended_ms, \
        problem, owner_org_key FROM job WHERE job_id = $1";
    JOB_ANY = "SELECT COUNT(*) FROM (SELECT job_id FROM job WHERE kind = $1 AND state = 1 AND run_at_ms <= $2 \
        UNION ALL SELECT job_id FROM job WHERE kind = $1 AND state = 2 AND lease_until_ms < $2 LIMIT 1) AS due";
    JOB_NEXT_DUE = "SELECT MIN(run_at_ms) FROM job WHERE kind = $1 AND state = 1 AND run_at_ms > $2";
    DESTINATIONS_RENAME = "INSERT INTO job_destination (kind, destination, in_flight, closed_until_ms) \
        SELECT $2, destination, 0, closed_until_ms FROM job_destination WHERE kind = $1 \
        ON CONFLICT (kind, destination) DO NOTHING";
    JOB_RENAME = "UPDATE job SET kind = $3 WHERE job_id = $1 AND kind = $2 AND state = 1";
    JOB_COUNT = "SELECT kind, state, COUNT(*) FROM job GROUP BY kind, state ORDER BY kind, state";
}

/// A place in the queue. It says nothing about medical urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Before others.
    High,
    /// As it comes; two hours of age are worth the difference to high.
    Normal,
    /// When there is room; a day of age is worth the difference to high.
    Background,
}

impl Priority {
    pub(super) const fn to_store(self) -> i64 {
        match self {
            Self::High => 1,
            Self::Normal => 2,
            Self::Background => 3,
        }
    }

    pub(super) const fn from_store(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::High),
            2 => Some(Self::Normal),
            3 => Some(Self::Background),
            _ => None,
        }
    }

    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Background => "background",
        }
    }

    /// From that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::High, Self::Normal, Self::Background].into_iter().find(|priority| priority.as_str() == word)
    }

    /// How much younger a job of high priority may be and still go first.
    const fn cost_ms(self) -> i64 {
        const HOUR_MS: i64 = 3_600_000;
        match self {
            Self::High => 0,
            Self::Normal => 2 * HOUR_MS,
            Self::Background => 24 * HOUR_MS,
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Not begun, or to be tried again.
    Waiting,
    /// Somebody works on it.
    Running,
    /// Given up; the reason is kept.
    Failed,
    /// Succeeded.
    Done,
    /// A person took it back.
    Withdrawn,
}

impl JobState {
    const fn to_store(self) -> i64 {
        match self {
            Self::Waiting => 1,
            Self::Running => 2,
            Self::Failed => 3,
            Self::Done => 4,
            Self::Withdrawn => 5,
        }
    }

    fn from_store(number: i64) -> Result<Self, StoreError> {
        [Self::Waiting, Self::Running, Self::Failed, Self::Done, Self::Withdrawn]
            .into_iter()
            .find(|state| state.to_store() == number)
            .ok_or(StoreError::Corrupt { what: "job.state" })
    }
}

/// A job to be done later.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Which handler does it.
    pub kind: &'static str,
    /// Where it goes; so many jobs of a destination run at a time.
    pub destination: String,
    /// A second job of the kind with the same key is the first one.
    pub idempotency_key: Option<String>,
    /// What the handler needs, as JSON.
    pub payload: String,
    /// Place in the queue.
    pub priority: Priority,
    /// Not before.
    pub run_at_ms: i64,
    /// Whose it is.
    pub owner_org_key: OrganisationKey,
}

/// The right to work on a job until its time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobLease {
    job_id: i64,
    takes: i64,
}

/// A job that was taken.
#[derive(Clone)]
pub struct TakenJob {
    /// Its number.
    pub job_id: i64,
    /// The right to work on it.
    pub lease: JobLease,
    /// Where it goes.
    pub destination: String,
    /// What the handler needs.
    pub payload: String,
    /// This attempt's number, from 1.
    pub attempts: i64,
    /// When it was made.
    pub created_ms: i64,
    /// Whose it is.
    pub owner_org_key: OrganisationKey,
}

impl std::fmt::Debug for TakenJob {
    /// Without the payload, which may tell of a patient.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TakenJob")
            .field("job_id", &self.job_id)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// A job as people see it.
#[derive(Clone)]
pub struct JobRow {
    /// Its number.
    pub job_id: i64,
    /// Which handler does it.
    pub kind: String,
    /// Where it goes.
    pub destination: String,
    /// What the handler needs.
    pub payload: String,
    /// Place in the queue.
    pub priority: Priority,
    /// Where it stands.
    pub state: JobState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was made.
    pub created_ms: i64,
    /// Not before.
    pub run_at_ms: i64,
    /// When it was done, failed or withdrawn.
    pub ended_ms: Option<i64>,
    /// Why the last attempt failed.
    pub problem: Option<String>,
    /// Whose it is.
    pub owner_org_key: OrganisationKey,
}

#[derive(FromRow)]
struct RawTaken {
    job_id: i64,
    takes: i64,
    kind: String,
    destination: String,
    payload: String,
    attempts: i64,
    created_ms: i64,
    owner_org_key: i64,
}

#[derive(FromRow)]
struct RawJob {
    job_id: i64,
    kind: String,
    destination: String,
    payload: String,
    priority: i64,
    state: i64,
    attempts: i64,
    created_ms: i64,
    run_at_ms: i64,
    ended_ms: Option<i64>,
    problem: Option<String>,
    owner_org_key: i64,
}

type Whither = (String, String);

/// The kind of jobs that the worker of one data directory alone does.
pub fn kind_at(kind: &str, instance: &str) -> String {
    format!("{kind}@{instance}")
}

impl Tx {
    /// Adds a job, durable with this transaction; returns its number. A job of the kind with the same idempotency key,
    /// whatever its state, is not added again: its number is returned.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enqueue(&mut self, job: &NewJob, now_ms: i64) -> Result<i64, StoreError> {
        self.enqueue_as(job.kind, job, now_ms).await
    }

    /// The same, for the worker of one data directory alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enqueue_at(&mut self, instance: &str, job: &NewJob, now_ms: i64) -> Result<i64, StoreError> {
        self.enqueue_as(&kind_at(job.kind, instance), job, now_ms).await
    }

    async fn enqueue_as(&mut self, kind: &str, job: &NewJob, now_ms: i64) -> Result<i64, StoreError> {
        self.execute(&DESTINATION_ADD, args![kind, job.destination.as_str()]).await?;
        let values = args![
            kind,
            job.destination.as_str(),
            job.idempotency_key.as_deref(),
            job.payload.as_str(),
            job.priority.to_store(),
            now_ms,
            now_ms + job.priority.cost_ms(),
            job.run_at_ms,
            job.owner_org_key,
        ];
        if let Some((job_id,)) = self.fetch_optional::<(i64,)>(&JOB_ENQUEUE, values).await? {
            return Ok(job_id);
        }
        let (job_id,) = self.fetch_one(&JOB_OF_KEY, args![kind, job.idempotency_key.as_deref()]).await?;
        Ok(job_id)
    }

    /// Takes up to `room` jobs of a kind that are due, first things first, never more than `in_flight` of a destination
    /// at a time. Each belongs to the caller until `lease_until_ms`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_jobs(
        &mut self,
        kind: &str,
        now_ms: i64,
        lease_until_ms: i64,
        room: usize,
        in_flight: i64,
    ) -> Result<Vec<TakenJob>, StoreError> {
        let mut taken = Vec::new();
        self.wait_for_turn().await?;
        while taken.len() < room {
            let values = args![kind, now_ms, in_flight, lease_until_ms];
            let Some(raw) = self.fetch_optional::<RawTaken>(&JOB_TAKE, values).await? else { break };
            self.execute(&DESTINATION_ENTER, args![raw.kind, raw.destination.as_str()]).await?;
            taken.push(TakenJob {
                job_id: raw.job_id,
                lease: JobLease { job_id: raw.job_id, takes: raw.takes },
                destination: raw.destination,
                payload: raw.payload,
                attempts: raw.attempts,
                created_ms: raw.created_ms,
                owner_org_key: raw.owner_org_key,
            });
        }
        Ok(taken)
    }

    /// Waits until nobody else counts what there is room for; so it stays until this transaction has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn wait_for_turn(&mut self) -> Result<(), StoreError> {
        self.execute(&JOB_TURN, args![]).await.map(drop)
    }

    /// Gives jobs that wait to the handler of another kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rename_jobs(&mut self, job_ids: &[i64], from: &str, to: &str) -> Result<(), StoreError> {
        self.execute(&DESTINATIONS_RENAME, args![from, to]).await?;
        for job_id in job_ids {
            self.execute(&JOB_RENAME, args![*job_id, from, to]).await?;
        }
        Ok(())
    }

    /// Holds a job longer; false when it is the caller's no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn heartbeat(&mut self, lease: JobLease, lease_until_ms: i64) -> Result<bool, StoreError> {
        Ok(self.execute(&JOB_HEARTBEAT, args![lease.job_id, lease.takes, lease_until_ms]).await? == 1)
    }

    /// The job is done; false when it is the caller's no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_job(&mut self, lease: JobLease, now_ms: i64) -> Result<bool, StoreError> {
        self.end_job(lease, JobState::Done, now_ms, None).await
    }

    /// The job will not be tried again, and why; false when it is the caller's no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fail_job(&mut self, lease: JobLease, now_ms: i64, problem: &str) -> Result<bool, StoreError> {
        self.end_job(lease, JobState::Failed, now_ms, Some(problem)).await
    }

    async fn end_job(
        &mut self,
        lease: JobLease,
        state: JobState,
        now_ms: i64,
        problem: Option<&str>,
    ) -> Result<bool, StoreError> {
        let values = args![lease.job_id, lease.takes, state.to_store(), now_ms, problem];
        let whither = self.fetch_all(&JOB_END, values).await?;
        self.leave(whither).await
    }

    /// The job is to be tried again at `run_at_ms`, and why; false when it is the caller's no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry_job(&mut self, lease: JobLease, run_at_ms: i64, problem: &str) -> Result<bool, StoreError> {
        let whither = self.fetch_all(&JOB_AGAIN, args![lease.job_id, lease.takes, run_at_ms, problem, 0]).await?;
        self.leave(whither).await
    }

    /// The job waits until `run_at_ms` as if this attempt had not been made; false when it is the caller's no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn postpone_job(&mut self, lease: JobLease, run_at_ms: i64, problem: &str) -> Result<bool, StoreError> {
        let whither = self.fetch_all(&JOB_AGAIN, args![lease.job_id, lease.takes, run_at_ms, problem, 1]).await?;
        self.leave(whither).await
    }

    /// Gives back the jobs of a kind whose lease has passed: they wait again, or have failed when they were tried
    /// `attempts` times. Tells how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reclaim_jobs(&mut self, kind: &str, now_ms: i64, attempts: i64) -> Result<usize, StoreError> {
        self.give_back(&JOB_RECLAIM, kind, now_ms, attempts).await
    }

    /// The same for all that run, whatever their lease: for a kind that one process alone works on, when that process
    /// starts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reclaim_all_jobs(&mut self, kind: &str, now_ms: i64, attempts: i64) -> Result<usize, StoreError> {
        self.give_back(&JOB_ABANDON, kind, now_ms, attempts).await
    }

    async fn give_back(
        &mut self,
        statement: &'static Statement,
        kind: &str,
        now_ms: i64,
        attempts: i64,
    ) -> Result<usize, StoreError> {
        let problem = "the process that worked on it went away";
        let whither: Vec<Whither> = self.fetch_all(statement, args![kind, now_ms, attempts, problem]).await?;
        let count = whither.len();
        self.leave(whither).await?;
        Ok(count)
    }

    async fn leave(&mut self, jobs: Vec<Whither>) -> Result<bool, StoreError> {
        let any = !jobs.is_empty();
        for (kind, destination) in jobs {
            self.execute(&DESTINATION_LEAVE, args![kind, destination]).await?;
        }
        Ok(any)
    }

    /// Takes a job back; one that runs loses its lease. False when it has ended already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdraw_job(&mut self, job_id: i64, now_ms: i64) -> Result<bool, StoreError> {
        let running = self.fetch_all(&JOB_WITHDRAW_RUNNING, args![job_id, now_ms]).await?;
        Ok(self.leave(running).await? || self.execute(&JOB_WITHDRAW, args![job_id, now_ms]).await? == 1)
    }

    /// Lets a failed or withdrawn job begin again; false when it is neither.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revive_job(&mut self, job_id: i64, now_ms: i64) -> Result<bool, StoreError> {
        Ok(self.execute(&JOB_REVIVE, args![job_id, now_ms]).await? == 1)
    }

    /// Gives a waiting job another priority; false when it does not wait.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prioritise_job(&mut self, job_id: i64, priority: Priority) -> Result<bool, StoreError> {
        Ok(self.execute(&JOB_PRIORITISE, args![job_id, priority.to_store(), priority.cost_ms()]).await? == 1)
    }

    /// Lets no job of a destination be taken before `until_ms`; waiting costs them no attempts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close_destination(&mut self, kind: &str, destination: &str, until_ms: i64) -> Result<(), StoreError> {
        self.execute(&DESTINATION_CLOSE, args![kind, destination, until_ms]).await.map(|_| ())
    }

    /// Removes up to 500 jobs that ended before; tells how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_jobs(&mut self, ended_before_ms: i64) -> Result<u64, StoreError> {
        self.execute(&JOB_FORGET, args![ended_before_ms]).await
    }

    /// One job.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_job(&mut self, job_id: i64) -> Result<Option<JobRow>, StoreError> {
        self.fetch_optional::<RawJob>(&JOB_FIND, args![job_id]).await?.map(JobRow::try_from).transpose()
    }

    /// Whether [`Tx::reclaim_jobs`] or [`Tx::take_jobs`] may find something.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_jobs_to_take(&mut self, kind: &str, now_ms: i64) -> Result<bool, StoreError> {
        let (count,): (i64,) = self.fetch_one(&JOB_ANY, args![kind, now_ms]).await?;
        Ok(count > 0)
    }

    /// When the next waiting job of a kind becomes due, of those that are not due yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_due_ms(&mut self, kind: &str, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let (due,): (Option<i64>,) = self.fetch_one(&JOB_NEXT_DUE, args![kind, now_ms]).await?;
        Ok(due)
    }

    /// How many jobs there are of each kind and state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_jobs(&mut self) -> Result<Vec<(String, JobState, i64)>, StoreError> {
        let rows: Vec<(String, i64, i64)> = self.fetch_all(&JOB_COUNT, args![]).await?;
        rows.into_iter().map(|(kind, state, count)| Ok((kind, JobState::from_store(state)?, count))).collect()
    }
}

impl TryFrom<RawJob> for JobRow {
    type Error = StoreError;

    fn try_from(raw: RawJob) -> Result<Self, StoreError> {
        Ok(Self {
            job_id: raw.job_id,
            kind: raw.kind,
            destination: raw.destination,
            payload: raw.payload,
            priority: Priority::from_store(raw.priority).ok_or(StoreError::Corrupt { what: "job.priority" })?,
            state: JobState::from_store(raw.state)?,
            attempts: raw.attempts,
            created_ms: raw.created_ms,
            run_at_ms: raw.run_at_ms,
            ended_ms: raw.ended_ms,
            problem: raw.problem,
            owner_org_key: raw.owner_org_key,
        })
    }
}
