//! Packages that a server makes or takes over, each beside the job that works on it. Times come in.
//!
//! Where a package stands is what its job says for as long as that runs, and what stands in its own row afterwards; both
//! change in one transaction.

use sqlx::FromRow;

use super::{MailState, Priority, Tx, args, statements};
use crate::{
    model::{
        NodeKey, OrganisationKey,
        xdm::{Delivery, Direction, PackageId, PackageState},
    },
    store::StoreError,
};

/// The columns of [`XdmPackage`], from `xdm_package p` with its job `j` and its mail `m`; without order and report, which may be long, where
/// they are not named.
macro_rules! select {
    ($rest:literal) => {
        select!("'' AS order_json, CAST(NULL AS TEXT) AS report_json, ", $rest)
    };
    ($long:literal, $rest:literal) => {
        concat!(
            "SELECT p.package_id, p.direction, CASE WHEN p.state = 1 THEN COALESCE(j.state, 3) ELSE p.state END AS state, ",
            "p.owner_org_key, p.node_key, p.delivery, p.priority, p.urgency, p.job_id, p.runs, ",
            $long,
            "COALESCE(p.problem, CASE WHEN p.state = 1 THEN j.problem ELSE NULL END) AS problem, p.file, ",
            "p.octets, p.sha256, p.created_ms, p.ended_ms, p.expires_ms, p.receipt, p.instance, ",
            "m.state AS mail_state, m.problem AS mail_problem, m.pickup_id, m.sent_ms, m.receipt_ms ",
            "FROM xdm_package p LEFT JOIN job j ON j.job_id = p.job_id ",
            "LEFT JOIN mail_sent m ON m.mail_id = p.package_id ",
            $rest
        )
    };
}

statements! {
    PACKAGE_ADD = "INSERT INTO xdm_package (package_id, direction, state, owner_org_key, node_key, delivery, priority, \
        urgency, idempotency_key, job_id, runs, order_json, file, octets, sha256, created_ms, instance) \
        VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $13, $14, $15)";
    PACKAGE_OF_KEY = "SELECT package_id FROM xdm_package WHERE node_key = $1 AND direction = $2 AND idempotency_key = $3";
    PACKAGE_FIND = select!("p.order_json, p.report_json, ", "WHERE p.package_id = $1");
    PACKAGE_LIST = select!("WHERE ($1 = 0 OR p.owner_org_key = $1) AND ($2 = 0 OR p.direction = $2) \
        ORDER BY p.created_ms DESC, p.package_id LIMIT $3");
    PACKAGE_AGAIN = "UPDATE xdm_package SET state = 1, job_id = $2, runs = runs + 1, order_json = $3, problem = NULL, \
        ended_ms = NULL, expires_ms = NULL WHERE package_id = $1 AND runs = $4 AND file IS NOT NULL AND state <> 5 \
        AND (state <> 1 OR NOT EXISTS (SELECT 1 FROM job j WHERE j.job_id = xdm_package.job_id AND j.state <= 2))";
    PACKAGE_SETTLE = "UPDATE xdm_package SET state = $2, report_json = COALESCE($3, report_json), problem = $4, \
        file = $5, octets = $6, ended_ms = $7, expires_ms = $8, reserved = 0 WHERE package_id = $1 AND state = 1";
    PACKAGE_WITHDRAW = "UPDATE xdm_package SET state = 5, ended_ms = $2, expires_ms = $3, reserved = 0 \
        WHERE package_id = $1 AND state <> 5 RETURNING job_id";
    PACKAGE_TOLD = "UPDATE xdm_package SET report_json = $2 WHERE package_id = $1 AND job_id = $3 AND state = 5";
    PACKAGE_WANTED = "SELECT COUNT(*) FROM xdm_package p JOIN job j ON j.job_id = p.job_id \
        WHERE p.package_id = $1 AND p.job_id = $2 AND p.state = 1 AND j.state = 2";
    PACKAGE_HOLD = "UPDATE xdm_package SET runs = runs WHERE package_id = $1 AND job_id = $2 AND state = 1 \
        AND EXISTS (SELECT 1 FROM job j WHERE j.job_id = $2 AND j.state = 2)";
    PACKAGE_RESERVE = "UPDATE xdm_package SET reserved = $3 WHERE package_id = $1 AND job_id = $2 AND state = 1";
    PACKAGE_OPEN = "SELECT COUNT(*) FROM xdm_package p JOIN job j ON j.job_id = p.job_id \
        WHERE p.node_key = $1 AND p.direction = $2 AND p.state = 1 AND j.state <= 2";
    PACKAGE_RECEIPT = "UPDATE xdm_package SET receipt = $2 WHERE package_id = $1 AND receipt IS NULL";
    PACKAGE_FORGET_KEY = "UPDATE xdm_package SET idempotency_key = NULL WHERE package_id = $1";
    PACKAGE_FILES = "SELECT file FROM xdm_package WHERE file IS NOT NULL AND instance = $1";
    PACKAGE_LOAD = "SELECT COALESCE(CAST(SUM(CASE WHEN file IS NOT NULL THEN octets ELSE reserved END) AS BIGINT), 0) \
        FROM xdm_package WHERE node_key = $1 AND package_id <> $2 AND (file IS NOT NULL OR reserved > 0)";
    PACKAGE_OF_NOBODY = "SELECT package_id, file FROM xdm_package WHERE instance = '' ORDER BY package_id";
    PACKAGE_ADOPT = "UPDATE xdm_package SET instance = $2 WHERE package_id = $1 AND instance = ''";
    PACKAGE_LOST = select!("WHERE p.state = 1 AND COALESCE(j.state, 3) > 2 AND p.package_id > $1 \
        ORDER BY p.package_id LIMIT 100");
    PACKAGE_EXPIRED = select!("WHERE (p.expires_ms < $1 OR p.state = 5) AND p.file IS NOT NULL AND p.package_id > $2 \
        AND p.instance = $3 ORDER BY p.package_id LIMIT 100");
    PACKAGE_DROP_FILE = "UPDATE xdm_package SET file = NULL WHERE package_id = $1 AND state <> 1";
    PACKAGE_DROP_NAMED = "UPDATE xdm_package SET file = NULL WHERE file = $1 AND instance = $2 AND state <> 1";
    PACKAGE_DELETE = "DELETE FROM xdm_package WHERE expires_ms < $1 AND file IS NULL AND state <> 1";
}

/// A package to be made or taken over.
#[derive(Clone)]
pub struct NewXdmPackage {
    /// What it will be known by.
    pub package_id: PackageId,
    /// Which way it goes.
    pub direction: Direction,
    /// Whose it is.
    pub owner_org_key: OrganisationKey,
    /// The node that ordered it.
    pub node_key: NodeKey,
    /// How it leaves, or how it came.
    pub delivery: Delivery,
    /// Place in the queue.
    pub priority: Priority,
    /// Medical urgency, a code of the sender.
    pub urgency: String,
    /// A second order of the node with the same key is the first one.
    pub idempotency_key: Option<String>,
    /// The job that works on it.
    pub job_id: i64,
    /// What was ordered, JSON.
    pub order: String,
    /// Where it lies, below the folder of packages: of one that came in.
    pub file: Option<String>,
    /// Its octets.
    pub octets: Option<u64>,
    /// SHA-256 of its octets, hexadecimal.
    pub sha256: Option<String>,
    /// The data directory that it is in, or will be.
    pub instance: String,
}

/// A package as it stands.
#[derive(Clone)]
pub struct XdmPackage {
    /// What it is known by.
    pub package_id: PackageId,
    /// Which way it goes.
    pub direction: Direction,
    /// Where it stands.
    pub state: PackageState,
    /// Whose it is.
    pub owner_org_key: OrganisationKey,
    /// The node that ordered it.
    pub node_key: NodeKey,
    /// How it leaves, or how it came.
    pub delivery: Delivery,
    /// Place in the queue.
    pub priority: Priority,
    /// Medical urgency, a code of the sender.
    pub urgency: String,
    /// The job that works, or worked last, on it.
    pub job_id: Option<i64>,
    /// How many jobs there were.
    pub runs: i64,
    /// What was ordered, JSON; nothing in a list.
    pub order: String,
    /// What came out, JSON; none in a list.
    pub report: Option<String>,
    /// Why it failed: a code, a colon, words that name no patient.
    pub problem: Option<String>,
    /// Where it lies, below the folder of packages; none before it is made and after it was removed.
    pub file: Option<String>,
    /// Its octets.
    pub octets: Option<u64>,
    /// SHA-256 of its octets, hexadecimal, of one that came in.
    pub sha256: Option<String>,
    /// When it was ordered.
    pub created_ms: i64,
    /// When the last job of it ended.
    pub ended_ms: Option<i64>,
    /// When its file is removed.
    pub expires_ms: Option<i64>,
    /// What is known of its arrival, JSON.
    pub receipt: Option<String>,
    /// The data directory that it is in, or will be.
    pub instance: String,
    /// The mail in which it leaves.
    pub mail: Option<XdmMail>,
}

/// What became of the mail of a package.
#[derive(Clone)]
pub struct XdmMail {
    /// Where it stands.
    pub state: MailState,
    /// Why, where something is wrong.
    pub problem: Option<String>,
    /// Where it carries a link instead of the package.
    pub pickup_id: Option<String>,
    /// When the relay took it.
    pub sent_ms: Option<i64>,
    /// When the receipt came.
    pub receipt_ms: Option<i64>,
}

/// A job, and the package that it is to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageJob {
    /// The package.
    pub package_id: PackageId,
    /// The job.
    pub job_id: i64,
}

impl std::fmt::Debug for XdmPackage {
    /// Without order and report, which tell of a patient.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XdmPackage")
            .field("package_id", &self.package_id)
            .field("direction", &self.direction)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What became of a package when its job ended.
#[derive(Clone)]
pub struct Settlement {
    /// Where it stands now.
    pub state: PackageState,
    /// What came out, JSON; none leaves what stood there.
    pub report: Option<String>,
    /// Why it failed.
    pub problem: Option<String>,
    /// Where it lies.
    pub file: Option<String>,
    /// Its octets.
    pub octets: Option<u64>,
    /// When the job ended.
    pub ended_ms: i64,
    /// When the file is removed.
    pub expires_ms: i64,
}

#[derive(FromRow)]
struct Raw {
    package_id: String,
    direction: i64,
    state: i64,
    owner_org_key: i64,
    node_key: i64,
    delivery: i64,
    priority: i64,
    urgency: String,
    job_id: Option<i64>,
    runs: i64,
    order_json: String,
    report_json: Option<String>,
    problem: Option<String>,
    file: Option<String>,
    octets: Option<i64>,
    sha256: Option<String>,
    created_ms: i64,
    ended_ms: Option<i64>,
    expires_ms: Option<i64>,
    receipt: Option<String>,
    mail_state: Option<i64>,
    mail_problem: Option<String>,
    pickup_id: Option<String>,
    sent_ms: Option<i64>,
    receipt_ms: Option<i64>,
    instance: String,
}

fn octets_to_store(octets: Option<u64>) -> Option<i64> {
    octets.map(|octets| i64::try_from(octets).unwrap_or(i64::MAX))
}

impl Tx {
    /// Adds a package, whose job is enqueued in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] where the node has an order with this idempotency key.
    pub async fn add_xdm_package(&mut self, new: &NewXdmPackage, now_ms: i64) -> Result<(), StoreError> {
        let values = args![
            new.package_id.to_string(),
            new.direction.to_store(),
            new.owner_org_key,
            new.node_key,
            new.delivery.to_store(),
            new.priority.to_store(),
            new.urgency.as_str(),
            new.idempotency_key.as_deref(),
            new.job_id,
            new.order.as_str(),
            new.file.as_deref(),
            octets_to_store(new.octets),
            new.sha256.as_deref(),
            now_ms,
            new.instance.as_str(),
        ];
        self.execute(&PACKAGE_ADD, values).await.map(drop)
    }

    /// The package that a node ordered with this idempotency key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_xdm_package_of_key(
        &mut self,
        node_key: NodeKey,
        direction: Direction,
        key: &str,
    ) -> Result<Option<PackageId>, StoreError> {
        let row: Option<(String,)> =
            self.fetch_optional(&PACKAGE_OF_KEY, args![node_key, direction.to_store(), key]).await?;
        row.map(|(id,)| id.parse().map_err(|_| StoreError::Corrupt { what: "xdm_package.package_id" })).transpose()
    }

    /// A package.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_xdm_package(&mut self, id: PackageId) -> Result<Option<XdmPackage>, StoreError> {
        let row: Option<Raw> = self.fetch_optional(&PACKAGE_FIND, args![id.to_string()]).await?;
        row.map(XdmPackage::try_from).transpose()
    }

    /// Packages, of an organisation and a direction where they are named, the newest first; without orders and reports.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn xdm_packages(
        &mut self,
        owner: Option<OrganisationKey>,
        direction: Option<Direction>,
        most: i64,
    ) -> Result<Vec<XdmPackage>, StoreError> {
        let direction = direction.map_or(0, Direction::to_store);
        let rows: Vec<Raw> = self.fetch_all(&PACKAGE_LIST, args![owner.unwrap_or(0), direction, most]).await?;
        rows.into_iter().map(XdmPackage::try_from).collect()
    }

    /// Gives a package that had `runs` jobs to one more, with an order of its own; false when another was faster, a job
    /// works on it, it was withdrawn, or its file is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order_xdm_package_again(
        &mut self,
        id: PackageId,
        job_id: i64,
        order: &str,
        runs: i64,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(&PACKAGE_AGAIN, args![id.to_string(), job_id, order, runs]).await? == 1)
    }

    /// Writes down what became of a package whose job ends; false when it was withdrawn meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_xdm_package(&mut self, id: PackageId, settled: &Settlement) -> Result<bool, StoreError> {
        let values = args![
            id.to_string(),
            settled.state.to_store(),
            settled.report.as_deref(),
            settled.problem.as_deref(),
            settled.file.as_deref(),
            octets_to_store(settled.octets),
            settled.ended_ms,
            settled.expires_ms,
        ];
        Ok(self.execute(&PACKAGE_SETTLE, values).await? == 1)
    }

    /// Takes a package back, and the job that is to work on it; its file is to be removed then. False when that was done
    /// before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdraw_xdm_package(
        &mut self,
        id: PackageId,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<bool, StoreError> {
        let values = args![id.to_string(), now_ms, expires_ms];
        let Some((job_id,)) = self.fetch_optional::<(Option<i64>,)>(&PACKAGE_WITHDRAW, values).await? else {
            return Ok(false);
        };
        if let Some(job_id) = job_id {
            self.withdraw_job(job_id, now_ms).await?;
        }
        Ok(true)
    }

    /// Keeps what a job had done of a package when that was withdrawn; false when it was not, or has another job.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tell_of_withdrawn_xdm_package(&mut self, job: PackageJob, report: &str) -> Result<bool, StoreError> {
        Ok(self.execute(&PACKAGE_TOLD, args![job.package_id.to_string(), report, job.job_id]).await? == 1)
    }

    /// Whether a job still is to work on a package.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_xdm_package_wanted(&mut self, job: PackageJob) -> Result<bool, StoreError> {
        let (count,): (i64,) = self.fetch_one(&PACKAGE_WANTED, args![job.package_id.to_string(), job.job_id]).await?;
        Ok(count == 1)
    }

    /// The same, and so it stays until this transaction has ended: whoever withdraws the package waits for that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hold_xdm_package(&mut self, job: PackageJob) -> Result<bool, StoreError> {
        Ok(self.execute(&PACKAGE_HOLD, args![job.package_id.to_string(), job.job_id]).await? == 1)
    }

    /// Whether the package of a job, of so many octets, fits beside what the packages of its node take up: at most `share` octets in
    /// all. So it stays until this transaction has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_xdm_room(
        &mut self,
        job: PackageJob,
        node_key: NodeKey,
        octets: u64,
        share: u64,
    ) -> Result<bool, StoreError> {
        self.wait_for_turn().await?;
        Ok(self.xdm_load(node_key, Some(job.package_id)).await?.saturating_add(octets) <= share)
    }

    /// Keeps room for the package that a job makes, as [`Tx::has_xdm_room`] says; false when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reserve_xdm_room(
        &mut self,
        job: PackageJob,
        node_key: NodeKey,
        octets: u64,
        share: u64,
    ) -> Result<bool, StoreError> {
        if !self.has_xdm_room(job, node_key, octets, share).await? {
            return Ok(false);
        }
        let values = args![job.package_id.to_string(), job.job_id, octets_to_store(Some(octets))];
        self.execute(&PACKAGE_RESERVE, values).await.map(|_| true)
    }

    /// How many packages of a node and a direction wait for their job, or for its end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_xdm_packages(&mut self, node_key: NodeKey, direction: Direction) -> Result<u64, StoreError> {
        let (count,): (i64,) = self.fetch_one(&PACKAGE_OPEN, args![node_key, direction.to_store()]).await?;
        Ok(count.unsigned_abs())
    }

    /// Notes that a package has arrived; the first time counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_xdm_receipt(&mut self, id: PackageId, receipt: &str) -> Result<bool, StoreError> {
        Ok(self.execute(&PACKAGE_RECEIPT, args![id.to_string(), receipt]).await? == 1)
    }

    /// Lets the idempotency key of a package be used again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_xdm_key(&mut self, id: PackageId) -> Result<(), StoreError> {
        self.execute(&PACKAGE_FORGET_KEY, args![id.to_string()]).await.map(drop)
    }

    /// The files of all packages in a data directory.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn xdm_files(&mut self, instance: &str) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = self.fetch_all(&PACKAGE_FILES, args![instance]).await?;
        Ok(rows.into_iter().map(|(file,)| file).collect())
    }

    /// Packages from before data directories had names, and their files.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn xdm_packages_of_nobody(&mut self) -> Result<Vec<(PackageId, Option<String>)>, StoreError> {
        let rows: Vec<(String, Option<String>)> = self.fetch_all(&PACKAGE_OF_NOBODY, args![]).await?;
        let read = |(id, file): (String, Option<String>)| {
            id.parse().map(|id| (id, file)).map_err(|_| StoreError::Corrupt { what: "xdm_package.package_id" })
        };
        rows.into_iter().map(read).collect()
    }

    /// Says that such a package is in this data directory.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn adopt_xdm_package(&mut self, id: PackageId, instance: &str) -> Result<bool, StoreError> {
        Ok(self.execute(&PACKAGE_ADOPT, args![id.to_string(), instance]).await? == 1)
    }

    /// Octets that the packages of a node take up, or will, but for one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn xdm_load(&mut self, node_key: NodeKey, but_for: Option<PackageId>) -> Result<u64, StoreError> {
        let (octets,): (i64,) = self.fetch_one(&PACKAGE_LOAD, args![node_key, name_of(but_for)]).await?;
        Ok(octets.unsigned_abs())
    }

    /// The next packages, by id, whose job was given up or is gone, and that still say that it is to work on them. None at
    /// the end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lost_xdm_packages(&mut self, after: Option<PackageId>) -> Result<Vec<XdmPackage>, StoreError> {
        let rows: Vec<Raw> = self.fetch_all(&PACKAGE_LOST, args![name_of(after)]).await?;
        rows.into_iter().map(XdmPackage::try_from).collect()
    }

    /// The next packages in a data directory, by id, whose file is to be removed. None at the end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expired_xdm_packages(
        &mut self,
        now_ms: i64,
        after: Option<PackageId>,
        instance: &str,
    ) -> Result<Vec<XdmPackage>, StoreError> {
        let rows: Vec<Raw> = self.fetch_all(&PACKAGE_EXPIRED, args![now_ms, name_of(after), instance]).await?;
        rows.into_iter().map(XdmPackage::try_from).collect()
    }

    /// Notes that the file of a package is nobody's any more; false when a job works on it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drop_xdm_file(&mut self, id: PackageId) -> Result<bool, StoreError> {
        Ok(self.execute(&PACKAGE_DROP_FILE, args![id.to_string()]).await? == 1)
    }

    /// Notes that a file is not there any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drop_xdm_file_named(&mut self, file: &str, instance: &str) -> Result<bool, StoreError> {
        Ok(self.execute(&PACKAGE_DROP_NAMED, args![file, instance]).await? == 1)
    }

    /// Forgets packages without a file that expired before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_xdm_packages(&mut self, expired_before_ms: i64) -> Result<u64, StoreError> {
        self.execute(&PACKAGE_DELETE, args![expired_before_ms]).await
    }
}

/// What every later id is greater than.
fn name_of(after: Option<PackageId>) -> String {
    after.map(|id| id.to_string()).unwrap_or_default()
}

impl TryFrom<Raw> for XdmPackage {
    type Error = StoreError;

    fn try_from(raw: Raw) -> Result<Self, StoreError> {
        let corrupt = |what| StoreError::Corrupt { what };
        let mail = match raw.mail_state {
            None => None,
            Some(state) => Some(XdmMail {
                state: MailState::from_store(state)?,
                problem: raw.mail_problem,
                pickup_id: raw.pickup_id,
                sent_ms: raw.sent_ms,
                receipt_ms: raw.receipt_ms,
            }),
        };
        Ok(Self {
            package_id: raw.package_id.parse().map_err(|_| corrupt("xdm_package.package_id"))?,
            direction: Direction::from_store(raw.direction).ok_or(corrupt("xdm_package.direction"))?,
            state: PackageState::from_store(raw.state).ok_or(corrupt("xdm_package.state"))?,
            owner_org_key: raw.owner_org_key,
            node_key: raw.node_key,
            delivery: Delivery::from_store(raw.delivery).ok_or(corrupt("xdm_package.delivery"))?,
            priority: Priority::from_store(raw.priority).ok_or(corrupt("xdm_package.priority"))?,
            urgency: raw.urgency,
            job_id: raw.job_id,
            runs: raw.runs,
            order: raw.order_json,
            report: raw.report_json,
            problem: raw.problem,
            file: raw.file,
            octets: raw.octets.and_then(|octets| u64::try_from(octets).ok()),
            sha256: raw.sha256,
            created_ms: raw.created_ms,
            ended_ms: raw.ended_ms,
            expires_ms: raw.expires_ms,
            receipt: raw.receipt,
            mail,
            instance: raw.instance,
        })
    }
}
