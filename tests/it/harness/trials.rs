//! From functions to trials of libtest-mimic.

use std::cell::RefCell;

use libtest_mimic::{Completion, Failed, Trial};

use super::servers::{self, Store, TestServer};

thread_local! {
    static CURRENT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The name of the test that this thread runs.
pub fn current() -> String {
    CURRENT.with(|c| c.borrow().clone())
}

/// A trial that needs no server, or starts its own.
pub fn alone(module: &str, name: &'static str, test: fn()) -> Trial {
    let name = label(module, name, None);
    Trial::test(name.clone(), move || {
        CURRENT.with(|c| *c.borrow_mut() = name);
        test();
        Ok(())
    })
}

/// A trial that may find out that it cannot run here.
pub fn fallible(module: &str, name: &'static str, test: fn() -> Result<Completion, Failed>) -> Trial {
    let name = label(module, name, None);
    Trial::ignorable_test(name.clone(), move || {
        CURRENT.with(|c| *c.borrow_mut() = name);
        test()
    })
}

/// Trials against the servers that all tests share, one for each store. A store that cannot be had is told as the reason.
pub fn stores(module: &str, name: &'static str, test: fn(&TestServer)) -> Vec<Trial> {
    Store::ALL
        .into_iter()
        .map(|store| on(store, label(module, name, Some(store)), move |_| servers::shared(store), move |s| test(&s)))
        .collect()
}

/// Trials that start a server of their own on each store.
pub fn own(module: &str, name: &'static str, test: fn(Store)) -> Vec<Trial> {
    Store::ALL
        .into_iter()
        .map(|store| on(store, label(module, name, Some(store)), servers::available, move |()| test(store)))
        .collect()
}

fn on<T: 'static>(
    store: Store,
    name: String,
    get: impl FnOnce(Store) -> Result<T, String> + Send + 'static,
    test: impl FnOnce(T) + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name.clone(), move || -> Result<Completion, Failed> {
        CURRENT.with(|c| *c.borrow_mut() = name);
        match get(store) {
            Ok(given) => {
                test(given);
                Ok(Completion::Completed)
            }
            Err(reason) if store.may_be_absent() => Ok(Completion::ignored_with(reason)),
            Err(reason) => Err(reason.into()),
        }
    })
}

fn label(module: &str, name: &str, store: Option<Store>) -> String {
    let module = module.split_once("::").map_or(module, |(_, within)| within);
    match store {
        Some(store) => format!("{module}::{name}::{}", store.name()),
        None => format!("{module}::{name}"),
    }
}

/// `on_every_store![f, g]`: the trials of these functions on each store.
macro_rules! on_every_store {
    ($($test:path),* $(,)?) => {
        [$($crate::harness::trials::stores(module_path!(), stringify!($test), $test)),*].into_iter().flatten()
    };
}
pub(crate) use on_every_store;

/// `plain![f, g]`: the trials of functions that need no shared server.
macro_rules! plain {
    ($($test:path),* $(,)?) => {
        [$($crate::harness::trials::alone(module_path!(), stringify!($test), $test)),*]
    };
}
pub(crate) use plain;
