//! A new store for every test, once on each database.

use std::{future::Future, pin::Pin};

use knoop::store::{PostgresSettings, SqliteSettings, Store, StoreSettings};
use libtest_mimic::{Completion, Failed, Trial};

use crate::postgres;

/// What a test does with its database.
pub type Test = fn(StoreSettings) -> Pin<Box<dyn Future<Output = ()>>>;

/// The trials of a test on both databases.
pub fn trials_of(module: &'static str, name: &'static str, test: Test) -> [Trial; 2] {
    let module = module.rsplit("::").next().unwrap_or(module);
    [
        Trial::test(format!("{module}::{name}::sqlite"), move || -> Result<(), Failed> {
            let folder = tempfile::tempdir()?;
            run(StoreSettings::Sqlite(SqliteSettings::new(folder.path().join("knoop.db"))), test);
            Ok(())
        }),
        Trial::ignorable_test(format!("{module}::{name}::postgres"), move || -> Result<Completion, Failed> {
            if let Err(reason) = postgres::available() {
                return Ok(Completion::ignored_with(reason));
            }
            run(StoreSettings::Postgres(PostgresSettings::new(postgres::new_database()?.into())), test);
            Ok(Completion::Completed)
        }),
    ]
}

/// `on_every_database![f, g]`: the trials of these functions of settings, on both databases.
macro_rules! on_every_database {
    ($($test:expr),* $(,)?) => {
        [$($crate::stores::trials_of(module_path!(), stringify!($test), |settings| Box::pin($test(settings)))),*]
            .into_iter()
            .flatten()
            .collect::<Vec<libtest_mimic::Trial>>()
    };
}
pub(crate) use on_every_database;

/// `on_every_store![f, g]`: the trials of these functions of a store that is ready, on both databases.
macro_rules! on_every_store {
    ($($test:ident),* $(,)?) => {
        [$($crate::stores::trials_of(module_path!(), stringify!($test), |settings| {
            Box::pin($crate::stores::with_store(settings, $test))
        })),*]
            .into_iter()
            .flatten()
            .collect::<Vec<libtest_mimic::Trial>>()
    };
}
pub(crate) use on_every_store;

/// A store that is ready.
pub async fn open(settings: &StoreSettings) -> Store {
    let store = Store::open(settings).await.expect("the database opens");
    store.migrate().await.expect("the schema is made");
    store
}

/// Runs a test with a store that is ready.
pub async fn with_store<F: Future<Output = ()>>(settings: StoreSettings, test: fn(Store) -> F) {
    let store = open(&settings).await;
    test(store.clone()).await;
    store.close().await;
}

fn run(settings: StoreSettings, test: Test) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(test(settings));
}
