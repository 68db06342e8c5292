//! A new store for every test, once on each database.

use std::{future::Future, pin::Pin};

use knoop::store::{PostgresSettings, SqliteSettings, Store, StoreSettings};
use libtest_mimic::{Completion, Failed, Trial};

use crate::postgres;

/// What a test does with its store.
pub type Test = fn(Store) -> Pin<Box<dyn Future<Output = ()>>>;

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

/// `on_every_store![f, g]`: the trials of these functions on both databases.
macro_rules! on_every_store {
    ($($test:ident),* $(,)?) => {
        [$($crate::stores::trials_of(module_path!(), stringify!($test), |store| Box::pin($test(store)))),*]
            .into_iter()
            .flatten()
            .collect()
    };
}
pub(crate) use on_every_store;

fn run(settings: StoreSettings, test: Test) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let store = Store::open(&settings).await.expect("the database opens");
        store.migrate().await.expect("the schema is made");
        test(store.clone()).await;
        store.close().await;
    });
}
