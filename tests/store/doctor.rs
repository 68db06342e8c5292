//! `knoop doctor` on the database.

use knoop::store::Store;
use libtest_mimic::Trial;

use crate::{
    sample::{entry, folder, patient, register, submission},
    stores::on_every_store,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![every_statement_is_understood, settings_are_durable, a_registry_in_order_has_no_problems]
}

async fn every_statement_is_understood(store: Store) {
    store.check_statements().await.unwrap();
}

async fn settings_are_durable(store: Store) {
    let settings = store.durability_settings().await.unwrap();
    assert!(settings.len() > 1);
    for setting in settings {
        assert!(setting.is_safe, "{} is {}", setting.name, setting.value);
    }
}

async fn a_registry_in_order_has_no_problems(store: Store) {
    let p = patient("doctor");
    register(&store, submission(&p, vec![entry(&p), entry(&p)], vec![folder(&p)])).await.unwrap();
    assert_eq!(store.integrity_problems().await.unwrap(), []);
}
