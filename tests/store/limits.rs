//! What a single request may cost the database, and what the database may do to a request.

use std::{process::Command, time::Duration};

use knoop::{
    model::stored_query::{LikePattern, ReturnType},
    store::{Store, StoreError, StoreSettings},
};
use libtest_mimic::Trial;
use secrecy::ExposeSecret as _;

use crate::{
    sample::{approved, entry, find_documents, ids, patient, register, submission},
    stores::{on_every_database, open},
};

pub fn trials() -> Vec<Trial> {
    on_every_database![s_in_26_a_statement_that_takes_too_long_is_ended, connections_that_were_ended_are_not_met_again]
}

/// One reading connection, so that the query after is on the same.
fn limited(settings: StoreSettings, timeout: Duration) -> StoreSettings {
    match settings {
        StoreSettings::Sqlite(mut it) => {
            (it.readers, it.statement_timeout) = (1, timeout);
            StoreSettings::Sqlite(it)
        }
        StoreSettings::Postgres(mut it) => {
            (it.readers, it.statement_timeout) = (1, timeout);
            StoreSettings::Postgres(it)
        }
    }
}

async fn s_in_26_a_statement_that_takes_too_long_is_ended(settings: StoreSettings) {
    let store: Store = open(&limited(settings, Duration::from_millis(250))).await;
    let (busy, quiet) = (patient("busy"), patient("quiet"));
    let references: Vec<_> =
        (0..100).map(|n| format!("{n}^^^&2.999.4&ISO^urn:ihe:iti:xds:2013:accession").parse().unwrap()).collect();
    let entries = (0..50).map(|_| {
        let mut it = entry(&busy);
        it.reference_ids = references.clone();
        it
    });
    register(&store, submission(&busy, entries.collect(), vec![])).await.unwrap();
    register(&store, submission(&quiet, vec![entry(&quiet)], vec![])).await.unwrap();

    // 50 entries, 20 conditions on each, 100 values for each, 100 patterns of which only the last one is like only the last
    // value: ten million comparisons.
    let mut patterns: Vec<_> = (0..99).map(|n| LikePattern(format!("%{n}%nobody").into())).collect();
    patterns.push(LikePattern("99^%".into()));
    let mut filter = approved();
    filter.reference_ids = vec![patterns; 20];
    let slow = find_documents(&busy, filter);
    for _ in 0..2 {
        let answered = store.answer(&slow, ReturnType::LeafClass, 100, &knoop::store::Sight::All).await;
        assert!(matches!(answered, Err(StoreError::Busy { statement: "FIND_DOCUMENTS", .. })), "{answered:?}");
    }
    assert_eq!(ids(&store, &find_documents(&quiet, approved())).await.len(), 1);
    store.close().await;
}

/// A database server that was restarted has ended all connections; whoever asks next must not pay for it.
async fn connections_that_were_ended_are_not_met_again(settings: StoreSettings) {
    let store = open(&settings).await;
    let p = patient("restart");
    let query = find_documents(&p, approved());
    for round in 1..4 {
        if let StoreSettings::Postgres(settings) = &settings {
            end_all_connections(settings.url.expose_secret());
        }
        assert_eq!(ids(&store, &query).await.len(), round - 1, "a query by itself");
        register(&store, submission(&p, vec![entry(&p)], vec![])).await.unwrap();
        if let StoreSettings::Postgres(settings) = &settings {
            end_all_connections(settings.url.expose_secret());
        }
        assert!(store.audit_head().await.is_ok(), "a transaction that reads");
    }
    store.close().await;
}

fn end_all_connections(url: &str) {
    let all = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let psql = Command::new("psql").args([url, "-qAtc", all]).output().expect("psql comes with PostgreSQL");
    assert!(psql.status.success(), "{}", String::from_utf8_lossy(&psql.stderr));
}
