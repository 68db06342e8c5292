//! The audit trail: only added to, sealed, searched, pruned, and whatever was tampered with is found.

use std::{collections::HashSet, future::Future, path::PathBuf, pin::Pin, sync::Arc};

use knoop::{
    model::{AuditEvent, AuditOutcome, Caller, Ids, RequestContext},
    service::audit::{
        Heads, Sealer,
        events::{self, Actor, AuditedDocument, Parties, Query, Submitted, Verdict},
        verify,
    },
    store::{
        AuditFault, AuditPosition, AuditReport, AuditSeal, AuditSearch, PostgresSettings, PruneError, SqliteSettings,
        Store, StoreError, StoreSettings, audit_kept_since,
    },
};
use libtest_mimic::{Completion, Failed, Trial};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::postgres;

pub fn trials() -> Vec<Trial> {
    [
        on("s_aud_61_rows_are_in_one_chain_and_go_out_in_its_order", |place| Box::pin(one_chain(place))),
        on("s_aud_50_what_many_record_at_once_is_there_once", |place| Box::pin(many_at_once(place))),
        on("s_aud_60_the_database_refuses_changes", |place| Box::pin(changes_are_refused(place))),
        on("s_aud_63_one_changed_byte_is_found", |place| Box::pin(a_changed_byte(place))),
        on("s_aud_63_a_changed_column_is_found", |place| Box::pin(a_changed_column(place))),
        on("s_aud_63_ten_removed_rows_are_found", |place| Box::pin(removed_rows(place))),
        on("s_aud_62_removed_seals_are_found", |place| Box::pin(removed_seals(place))),
        on("s_aud_63_an_inserted_row_is_found", |place| Box::pin(an_inserted_row(place))),
        on("s_aud_63_a_row_in_two_seals_is_found", |place| Box::pin(a_row_in_two_seals(place))),
        on("s_aud_64_old_months_are_pruned_and_the_chain_holds", |place| Box::pin(pruned(place))),
        on("s_aud_61_rows_of_a_wrong_clock_are_sealed_too", |place| Box::pin(of_a_wrong_clock(place))),
        on("s_aud_65_events_are_found_by_all_that_is_searched", |place| Box::pin(searched(place))),
        on("s_aud_46_each_destination_has_its_place", |place| Box::pin(deliveries(place))),
        on("s_aud_50_without_its_table_nothing_is_recorded", |place| Box::pin(without_table(place))),
    ]
    .into_iter()
    .flatten()
    .chain([Trial::ignorable_test("audit::s_aud_60_insert_and_select_are_enough::postgres", least_rights)])
    .collect()
}

/// 2026-11-21T08:00:00Z
const NOW_MS: i64 = 1_795_248_000_000;
const YEAR_MS: i64 = 31_557_600_000;

/// A store with its database at hand, to tamper with it.
struct Place {
    store: Store,
    folder: PathBuf,
    url: Option<String>,
}

type Test = fn(Place) -> Pin<Box<dyn Future<Output = ()>>>;

fn on(name: &'static str, test: Test) -> [Trial; 2] {
    [
        Trial::test(format!("audit::{name}::sqlite"), move || -> Result<(), Failed> {
            run(None, test);
            Ok(())
        }),
        Trial::ignorable_test(format!("audit::{name}::postgres"), move || -> Result<Completion, Failed> {
            if let Err(reason) = postgres::available() {
                return Ok(Completion::ignored_with(reason));
            }
            run(Some(postgres::new_database()?), test);
            Ok(Completion::Completed)
        }),
    ]
}

fn run(url: Option<String>, test: Test) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = match &url {
            None => StoreSettings::Sqlite(SqliteSettings::new(folder.path().join("knoop.db"))),
            Some(url) => StoreSettings::Postgres(PostgresSettings::new(url.clone().into())),
        };
        let store = Store::open(&settings).await.unwrap();
        store.migrate().await.unwrap();
        test(Place { store: store.clone(), folder: folder.path().to_owned(), url }).await;
        store.close().await;
    });
}

impl Place {
    fn heads(&self) -> Heads {
        Heads::at(self.folder.join("audit-heads.log"))
    }

    async fn seal(&self) {
        Sealer::new(self.store.clone(), self.heads(), Arc::new(|| NOW_MS)).seal().await.unwrap();
    }

    async fn verify(&self) -> AuditReport {
        // Later than the settled time of all rows.
        verify(&self.store, &self.heads(), NOW_MS + 60_000).await.unwrap()
    }

    async fn faults(&self) -> Vec<AuditFault> {
        self.verify().await.faults
    }

    /// Runs SQL where the audit of reads lies, as somebody who may do everything.
    async fn in_reads(&self, sql: &str) -> u64 {
        self.tamper(sql, "audit-2026-11.sqlite").await
    }

    /// Runs SQL in the database, as somebody who may do everything.
    async fn in_database(&self, sql: &str) -> u64 {
        self.tamper(sql, "knoop.db").await
    }

    async fn tamper(&self, sql: &str, file: &str) -> u64 {
        match &self.url {
            None => {
                let mut connection = self.sqlite(file).await;
                for table in ["audit", "audit_value", "audit_seal"] {
                    for trigger in ["not_changed", "not_removed"] {
                        let sql = format!("DROP TRIGGER IF EXISTS {table}_{trigger}");
                        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                    }
                }
                sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap().rows_affected()
            }
            Some(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query("SET session_replication_role = replica").execute(&mut connection).await.unwrap();
                sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap().rows_affected()
            }
        }
    }

    async fn sqlite(&self, file: &str) -> SqliteConnection {
        SqliteConnection::connect(&format!("sqlite://{}", self.folder.join(file).display())).await.unwrap()
    }
}

fn context(now_ms: i64, number: u64) -> RequestContext {
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap();
    RequestContext::new(Caller::loopback(), now, "".into(), Ids::Counted(number))
}

fn read(now_ms: i64, patient: &str, document: &str) -> AuditEvent {
    let ctx = context(now_ms, 1);
    let document =
        AuditedDocument { unique_id: document, repository_unique_id: "2.999.1.2.1", home: None, confidentiality: "N" };
    events::retrieve(&Parties::new(&ctx, "knoop"), Some(patient), [document], Verdict::success())
}

fn change(now_ms: i64, patient: &str) -> AuditEvent {
    let ctx = context(now_ms, 2);
    let submitted = Submitted { patient: Some(patient), submission_set: Some("2.999.3") };
    events::register(&Parties::new(&ctx, "knoop"), submitted, Verdict::success())
}

const PATIENT: &str = "P1^^^&2.999&ISO";

async fn insert(store: &Store, event: AuditEvent) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            let event = event.clone();
            Box::pin(async move { tx.insert_audit(&event).await })
        })
        .await
}

/// Twelve reads and three changes, sealed.
async fn filled(place: &Place) {
    for number in 0..12 {
        place.store.record_audit(&[read(NOW_MS + number, PATIENT, &format!("2.999.5.{number}"))]).await.unwrap();
    }
    for number in 0..3 {
        insert(&place.store, change(NOW_MS + number, PATIENT)).await.unwrap();
    }
    place.seal().await;
    assert_eq!(place.faults().await, []);
}

async fn one_chain(place: Place) {
    filled(&place).await;
    place.store.record_audit(&[read(NOW_MS + 99, PATIENT, "last")]).await.unwrap();
    place.seal().await;
    place.seal().await;
    let report = place.verify().await;
    assert_eq!((report.newest_seq, report.seals, report.rows, report.pruned), (2, 2, 16, 0));
    assert_eq!((report.faults, report.unsealed), (vec![], vec![]));
    let all = place.store.sealed_audit(AuditPosition::START, 100).await.unwrap().events;
    assert_eq!(all.len(), 16);
    assert!(all.is_sorted_by(|a, b| a.position < b.position));
    assert_eq!(all.iter().map(|event| event.audit_key).collect::<HashSet<_>>().len(), 16);
    assert!(all[15].body.contains("\"last\""));
    let rest = place.store.sealed_audit(all[9].position, 100).await.unwrap().events;
    assert!(rest == all[10..], "the rest begins after the tenth");
    let few = place.store.sealed_audit(all[9].position, 2).await.unwrap().events;
    assert!(few == all[10..12]);
    assert_eq!(place.heads().last_seq().unwrap(), 2);
}

async fn many_at_once(place: Place) {
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let store = place.store.clone();
            tokio::spawn(async move {
                let events: Vec<_> =
                    (0..number % 4).map(|n| read(NOW_MS + n, PATIENT, &format!("2.999.{number}.{n}"))).collect();
                store.record_audit(&events).await.unwrap();
                if number % 5 == 0 {
                    store.seal_audit(NOW_MS).await.unwrap();
                }
                events.len()
            })
        })
        .collect();
    let mut recorded = 0;
    for task in tasks {
        recorded += task.await.unwrap();
    }
    place.seal().await;
    let report = place.verify().await;
    assert_eq!((report.faults, report.rows), (vec![], recorded as u64));
}

async fn changes_are_refused(place: Place) {
    filled(&place).await;
    for sql in [
        "UPDATE audit SET outcome = 0",
        "DELETE FROM audit",
        "UPDATE audit_value SET value = 'x'",
        "DELETE FROM audit_value",
        "UPDATE audit_seal SET sealed_ms = 0",
        "DELETE FROM audit_seal",
    ] {
        for file in ["knoop.db", "audit-2026-11.sqlite"] {
            // The seals are in the database alone, and its own rows name no document that could be changed.
            let is_database = file == "knoop.db";
            if sql.contains("audit_seal") && !is_database || sql.contains("audit_value") && is_database {
                continue;
            }
            let refused = match &place.url {
                None => sqlx::query(sql).execute(&mut place.sqlite(file).await).await.unwrap_err().to_string(),
                Some(url) => {
                    let mut connection = PgConnection::connect(url).await.unwrap();
                    sqlx::query(sql).execute(&mut connection).await.unwrap_err().to_string()
                }
            };
            assert!(refused.contains("the audit trail is only added to"), "{sql}: {refused}");
        }
    }
    assert_eq!(place.faults().await, []);
}

/// The key of the row that names this document.
async fn key_of(place: &Place, document: &str) -> i64 {
    let search = AuditSearch { document: Some(document.to_owned()), ..AuditSearch::default() };
    place.store.search_audit(&search, 1).await.unwrap()[0].audit_key
}

async fn a_changed_byte(place: Place) {
    filled(&place).await;
    let audit_key = key_of(&place, "2.999.5.4").await;
    let sql = format!("UPDATE audit SET body = replace(body, '2.999.5.4', '2.999.5.5') WHERE audit_key = {audit_key}");
    assert_eq!(place.in_reads(&sql).await, 1);
    assert!(place.faults().await.contains(&AuditFault::RowChanged { seq: 1, audit_key }));
    // A row of the database, with its hash made to fit.
    let sql = "UPDATE audit SET body = replace(body, 'ITI-42', 'ITI-43'), hash = hash WHERE event_type = 'ITI-42'";
    assert_eq!(place.in_database(sql).await, 3);
    let changed = place.faults().await.into_iter().filter(|fault| matches!(fault, AuditFault::RowChanged { .. }));
    assert_eq!(changed.count(), 4);
}

async fn a_changed_column(place: Place) {
    filled(&place).await;
    let audit_key = key_of(&place, "2.999.5.7").await;
    let sql = format!("UPDATE audit SET patient = 'P2^^^&2.999&ISO' WHERE audit_key = {audit_key}");
    assert_eq!(place.in_reads(&sql).await, 1);
    assert_eq!(place.faults().await, [AuditFault::RowChanged { seq: 1, audit_key }]);
    let hidden = key_of(&place, "2.999.5.2").await;
    assert_eq!(place.in_reads("DELETE FROM audit_value WHERE value = '2.999.5.2'").await, 1);
    assert!(place.faults().await.contains(&AuditFault::RowHidden { audit_key: hidden }));
}

async fn removed_rows(place: Place) {
    filled(&place).await;
    let sql = "DELETE FROM audit WHERE audit_key IN \
        (SELECT audit_key FROM audit WHERE event_type = 'ITI-43' ORDER BY audit_key DESC LIMIT 10)";
    assert_eq!(place.in_reads(sql).await, 10);
    let faults = place.faults().await;
    assert_eq!(faults.len(), 10, "{faults:?}");
    assert!(faults.iter().all(|fault| matches!(fault, AuditFault::RowRemoved { seq: 1, .. })));
}

async fn removed_seals(place: Place) {
    filled(&place).await;
    place.store.record_audit(&[read(NOW_MS + 99, PATIENT, "last")]).await.unwrap();
    place.seal().await;
    // Everything that tells of the newest seal goes, in the database.
    assert_eq!(place.in_database("DELETE FROM audit_seal WHERE seq = 2").await, 1);
    assert!(place.faults().await.contains(&AuditFault::SealMissing { seq: 2 }));
    place.in_database("UPDATE audit_head SET seq = 1, hash = (SELECT hash FROM audit_seal WHERE seq = 1)").await;
    let key = key_of(&place, "last").await;
    assert_eq!(place.in_reads(&format!("DELETE FROM audit WHERE audit_key = {key}")).await, 1);
    assert_eq!(place.faults().await, [AuditFault::SealRemoved { seq: 2 }], "the file of heads knows better");
}

async fn an_inserted_row(place: Place) {
    filled(&place).await;
    let columns = "occurred_ms, event_id, event_type, action, outcome, emergency, patient, persons, documents, \
        organisation, node, hash, body";
    let copy = format!(
        "INSERT INTO audit (audit_key, {columns}) SELECT audit_key - 100, {columns} FROM audit \
         WHERE event_type = 'ITI-43' ORDER BY audit_key LIMIT 1"
    );
    assert_eq!(place.in_reads(&copy).await, 1);
    let faults = place.faults().await;
    assert!(faults.iter().any(|fault| matches!(fault, AuditFault::RowUnsealed { .. })), "{faults:?}");
}

async fn a_row_in_two_seals(place: Place) {
    filled(&place).await;
    let first = place.store.audit_seals(1, 1).await.unwrap().remove(0);
    let entries = vec![first.entries[3]];
    let mut second = AuditSeal { seq: 2, previous: first.hash, sealed_ms: NOW_MS, entries, hash: Vec::new() };
    second.hash = second.computed_hash().to_vec();
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let octets = |octets: &[u8]| match place.url {
        None => format!("X'{}'", hex(octets)),
        Some(_) => format!("decode('{}', 'hex')", hex(octets)),
    };
    let (audit_key, hash) = second.entries[0];
    let entry: Vec<u8> = audit_key.to_be_bytes().into_iter().chain(hash).collect();
    let (previous, entry, own) = (octets(&second.previous), octets(&entry), octets(&second.hash));
    let sql = format!("INSERT INTO audit_seal VALUES (2, {previous}, {NOW_MS}, {entry}, {own})");
    place.in_database(&sql).await;
    place.in_database(&format!("UPDATE audit_head SET seq = 2, hash = {own}")).await;
    assert_eq!(place.faults().await, [AuditFault::RowTwice { seq: 2, audit_key }]);
}

/// A machine that starts without its clock writes into the year 2000, whenever that happens.
async fn of_a_wrong_clock(place: Place) {
    let (wrong_ms, month_ms) = (946_684_800_000, 31 * 86_400_000);
    place.store.record_audit(&[read(wrong_ms, PATIENT, "first")]).await.unwrap();
    place.store.record_audit(&[read(NOW_MS - month_ms, PATIENT, "before")]).await.unwrap();
    filled(&place).await;
    place.store.record_audit(&[read(wrong_ms + 1, PATIENT, "second")]).await.unwrap();
    let mut sealed = 0;
    for _ in 0..64 {
        sealed += place.store.seal_audit(NOW_MS).await.unwrap();
    }
    assert_eq!(sealed, 1);
    let report = place.verify().await;
    assert_eq!((report.faults, report.unsealed), (vec![], vec![]));
}

async fn pruned(place: Place) {
    let old_ms = NOW_MS - 6 * YEAR_MS;
    let destination = "tls://audit.example:6514".to_owned();
    assert!(place.store.take_audit_delivery(&destination, "test", old_ms, old_ms + 1).await.unwrap().is_some());
    for number in 0..5 {
        place.store.record_audit(&[read(old_ms + number, PATIENT, "old")]).await.unwrap();
        insert(&place.store, change(old_ms + number, PATIENT)).await.unwrap();
    }
    Sealer::new(place.store.clone(), place.heads(), Arc::new(move || old_ms)).seal().await.unwrap();
    filled(&place).await;
    assert_eq!(place.store.prune_audit(7, NOW_MS, &[]).await.unwrap(), []);
    let waits = place.store.prune_audit(5, NOW_MS, &[destination]).await;
    assert_eq!(waits, Err(PruneError::Undelivered));
    // A repository that is no longer configured is waited for no longer.
    let months = place.store.prune_audit(5, NOW_MS, &[]).await.unwrap();
    assert_eq!(months.iter().map(|month| (month.month, month.entries)).collect::<Vec<_>>(), [(202_011, 10)]);
    let old = AuditSearch { document: Some("old".to_owned()), ..AuditSearch::default() };
    assert_eq!(place.store.search_audit(&old, 10).await.unwrap().len(), 0);
    let report = place.verify().await;
    assert_eq!((report.pruned, report.faults), (10, vec![]));
    let refused = match &place.url {
        None => sqlx::query("DELETE FROM audit").execute(&mut place.sqlite("knoop.db").await).await.is_err(),
        Some(url) => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::query("DELETE FROM audit").execute(&mut connection).await.is_err()
        }
    };
    assert!(refused, "the triggers are back");
    // S-AUD-51: whoever is more than a batch behind is led on to what is kept.
    let (mut place_in_line, mut batches, mut sent) = (AuditPosition::START, 0, 0);
    loop {
        let batch = place.store.sealed_audit(place_in_line, 4).await.unwrap();
        if batch.end == place_in_line {
            break;
        }
        (place_in_line, batches, sent) = (batch.end, batches + 1, sent + batch.events.len());
        assert!(batches <= 25, "it goes on for ever");
    }
    assert_eq!((batches, sent), (7, 15), "of 25 rows ten are gone");
    // The file of heads leaves out the seal of these, and the chain is proved by what is left.
    assert_eq!(place.heads().forget(audit_kept_since(5, NOW_MS)).unwrap(), 1);
    assert_eq!(place.faults().await, []);
    let seals = place.heads().read().unwrap().map(|(seq, _)| seq).collect::<Vec<_>>();
    assert_eq!(seals, [2]);
}

async fn searched(place: Place) {
    filled(&place).await;
    let other = "P2^^^&2.999&ISO";
    let ctx = context(NOW_MS + 50, 9);
    let parties = Parties::new(&ctx, "knoop");
    let reader = Actor { user_id: "privacy officer".to_owned() };
    let mut emergency = events::emergency_started(&parties, other, "unconscious");
    emergency.participants.insert(0, events::log_used(&parties, Some(&reader), "log", None).participants.remove(0));
    let query = Query { query_id: "urn:uuid:1", received: "<q/>", home: None };
    let denied = Verdict::failure(AuditOutcome::Serious, "CON-NOANSWER", "no consent");
    let denied = events::query(&parties, &query, Some(other), denied);
    place.store.record_audit(&[emergency, denied]).await.unwrap();
    let count = async |change: &dyn Fn(&mut AuditSearch)| {
        let mut search = AuditSearch::default();
        change(&mut search);
        place.store.search_audit(&search, 100).await.unwrap().len()
    };
    assert_eq!(count(&|_| ()).await, 17);
    assert_eq!(count(&|s| s.patient = Some(PATIENT.to_owned())).await, 15);
    assert_eq!(count(&|s| s.patient = Some(other.to_owned())).await, 2);
    assert_eq!(count(&|s| (s.from_ms, s.to_ms) = (Some(NOW_MS + 1), Some(NOW_MS + 3))).await, 4);
    assert_eq!(count(&|s| s.person = Some("privacy officer".to_owned())).await, 1);
    assert_eq!(count(&|s| s.person = Some("' OR '1' = '1".to_owned())).await, 0);
    assert_eq!(count(&|s| s.organisation = Some("2.999.1".to_owned())).await, 17);
    assert_eq!(count(&|s| s.event = Some("ITI-42".to_owned())).await, 3);
    assert_eq!(count(&|s| s.event = Some("110113".to_owned())).await, 1);
    assert_eq!(count(&|s| s.outcome = Some(8)).await, 1);
    assert_eq!(count(&|s| s.emergency = true).await, 1);
    assert_eq!(count(&|s| s.document = Some("2.999.5.3".to_owned())).await, 1);
    let page = place.store.search_audit(&AuditSearch::default(), 10).await.unwrap();
    assert!(page.is_sorted_by(|a, b| (a.occurred_ms, a.audit_key) > (b.occurred_ms, b.audit_key)));
    let last = &page[9];
    assert_eq!(count(&|s| s.after = Some((last.occurred_ms, last.audit_key))).await, 7);
}

async fn deliveries(place: Place) {
    filled(&place).await;
    let store = &place.store;
    let begin = store.take_audit_delivery("arr", "a", NOW_MS, NOW_MS + 1000).await.unwrap().unwrap();
    assert_eq!(begin, AuditPosition { seq: 2, entries: 0 }, "from now on");
    assert_eq!(store.take_audit_delivery("arr", "b", NOW_MS, NOW_MS + 1000).await.unwrap(), None, "a has it");
    for number in 0..3 {
        store.record_audit(&[read(NOW_MS + number, PATIENT, "sent")]).await.unwrap();
    }
    place.seal().await;
    let sent = store.sealed_audit(begin, 2).await.unwrap().events;
    assert!(store.confirm_audit_delivery("arr", "a", sent[1].position, NOW_MS).await.unwrap());
    assert!(!store.confirm_audit_delivery("arr", "b", begin, NOW_MS).await.unwrap(), "b has not got it");
    let after = store.take_audit_delivery("arr", "b", NOW_MS + 2000, NOW_MS + 3000).await.unwrap();
    assert_eq!(after, Some(sent[1].position), "b takes over where a stopped");
    store.let_go_audit_delivery("arr", "b").await.unwrap();
    assert!(store.take_audit_delivery("arr", "a", NOW_MS, NOW_MS + 1).await.unwrap().is_some());
    let state = store.audit_deliveries().await.unwrap();
    assert_eq!((state[0].waiting, state[0].oldest_ms), (1, Some(NOW_MS)));
    store.take_audit_delivery("second", "a", NOW_MS, NOW_MS + 1000).await.unwrap();
    assert_eq!(store.audit_deliveries().await.unwrap().len(), 2);
}

async fn without_table(place: Place) {
    filled(&place).await;
    place.in_reads("ALTER TABLE audit RENAME TO gone").await;
    // With SQLite the first is kept in the journal, and cannot be moved from there.
    let kept = place.store.record_audit(&[read(NOW_MS, PATIENT, "kept")]).await;
    assert_eq!(kept.is_ok(), place.url.is_none());
    assert_eq!(place.store.seal_audit(NOW_MS).await.is_err(), place.url.is_none());
    let refused = place.store.record_audit(&[read(NOW_MS, PATIENT, "refused")]).await;
    assert!(refused.is_err(), "it was not kept, and says so");
    place.in_reads("ALTER TABLE gone RENAME TO audit").await;
    place.seal().await;
    place.store.record_audit(&[read(NOW_MS, PATIENT, "after")]).await.unwrap();
    place.seal().await;
    let rows = place.verify().await.rows;
    assert_eq!(rows, 15 + u64::from(place.url.is_none()) + 1);
}

fn least_rights() -> Result<Completion, Failed> {
    if let Err(reason) = postgres::available() {
        return Ok(Completion::ignored_with(reason));
    }
    let url = postgres::new_database()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let owner = Store::open(&StoreSettings::Postgres(PostgresSettings::new(url.clone().into()))).await.unwrap();
        owner.migrate().await.unwrap();
        owner.close().await;
        let role = url.rsplit('/').next().unwrap().replace("knoop_", "server_");
        let grants = include_str!("../../docs/audit-grants.sql").replace(":server", &role);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE ROLE {role} LOGIN"))).execute(&mut connection).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut connection).await.unwrap();
        let url = url.replace("knoop@", &format!("{role}@"));
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreSettings::Postgres(PostgresSettings::new(url.clone().into()))).await.unwrap();
        let place = Place { store, folder: folder.path().to_owned(), url: Some(url.clone()) };
        place.store.make_audit_month(NOW_MS).await.unwrap();
        filled(&place).await;
        let mut server = PgConnection::connect(&url).await.unwrap();
        for sql in ["UPDATE audit SET outcome = 0", "DELETE FROM audit", "DELETE FROM audit_seal", "DROP TABLE audit"] {
            let refused = sqlx::query(sql).execute(&mut server).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{sql}: {refused}");
        }
        place.store.close().await;
    });
    Ok(Completion::Completed)
}
