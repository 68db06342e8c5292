//! The store, tried on SQLite and on PostgreSQL through what the rest of the program sees of it.

#![expect(clippy::unwrap_used, reason = "clippy does not see that functions of libtest-mimic are tests")]

mod access;
mod audit;
mod audit_delivery;
mod backup;
mod doctor;
mod documents;
mod jobs;
mod limits;
mod nodes;
mod packages;
mod patients;
mod queries;
mod rsyslog;
mod sample;
mod schema;
mod stores;
mod unconfirmed;
mod writes;

#[path = "../it/harness/audit_receiver.rs"]
mod audit_receiver;
#[path = "../it/atna/blocks.rs"]
mod blocks;
#[expect(dead_code, reason = "more of it is used by the tests over sockets")]
#[path = "../it/harness/certificates.rs"]
mod certificates;
#[path = "../it/atna/other_events.rs"]
mod other_events;
#[path = "../it/harness/pki.rs"]
mod pki;
#[path = "../it/harness/postgres.rs"]
mod postgres;
#[path = "../it/atna/rows.rs"]
mod rows;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let trials = [
        access::trials(),
        audit_delivery::trials(),
        audit::trials(),
        backup::trials(),
        doctor::trials(),
        documents::trials(),
        jobs::trials(),
        limits::trials(),
        nodes::trials(),
        packages::trials(),
        patients::trials(),
        queries::trials(),
        rsyslog::trials(),
        schema::trials(),
        unconfirmed::trials(),
        writes::trials(),
    ];
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.into_iter().flatten().collect());
    postgres::stop();
    if conclusion.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}
