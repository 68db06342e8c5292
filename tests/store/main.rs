//! The store, tried on SQLite and on PostgreSQL through what the rest of the program sees of it.

#![expect(clippy::unwrap_used, reason = "clippy does not see that functions of libtest-mimic are tests")]

mod backup;
mod doctor;
mod documents;
mod jobs;
mod patients;
mod queries;
mod sample;
mod schema;
mod stores;
mod writes;

#[path = "../it/harness/postgres.rs"]
mod postgres;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let trials = [
        backup::trials(),
        doctor::trials(),
        documents::trials(),
        jobs::trials(),
        patients::trials(),
        queries::trials(),
        schema::trials(),
        writes::trials(),
    ];
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.into_iter().flatten().collect());
    postgres::stop();
    if conclusion.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}
