//! What a partner can see of knoop, tried over real sockets against the real program, on SQLite and on PostgreSQL.
//!
//! `harness/` starts servers and speaks HTTP, MIME and SOAP by itself, so that a mistake in `src` cannot hide in its own
//! mirror. Every answer of every test is kept and held against the schemas at the end, and so are all logs and metrics
//! against the patients that the tests invented.

mod asserted;
mod atna;
mod audit;
mod audit_heads;
mod audit_mixed;
mod bad_input;
mod cli;
mod clock;
mod consent;
mod demo;
mod durability;
mod harness;
mod hostile;
mod http;
mod iti18_find;
mod iti18_get;
mod iti18_request;
mod iti41;
mod iti42_associations;
mod iti42_attributes;
mod iti42_registry;
mod iti42_structure;
mod iti43;
mod iti43_lost;
mod iti81;
mod layers;
mod mail;
mod mime;
mod nodes;
mod nodes_tls;
mod panics;
mod pickup;
mod pitfalls;
mod pitfalls_queries;
mod slow;
mod soap;
mod soap_switches;
mod tls;
mod xdm_imaging;
mod xdm_import;
mod xdm_jobs;
mod xdm_killed;
mod xdm_pack;
mod xdm_parts;
mod xdm_policies;
mod xdm_round_trip;

use std::process::ExitCode;

use harness::{privacy, schemas, servers};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if std::env::var_os(panics::VARIABLE).is_some() {
        return panics::serve();
    }
    let arguments = Arguments::from_args();
    let trials: Vec<Trial> = [
        layers::trials(),
        iti42_structure::trials(),
        iti42_attributes::trials(),
        iti42_registry::trials(),
        iti42_associations::trials(),
        iti18_request::trials(),
        iti18_find::trials(),
        iti18_get::trials(),
        iti41::trials(),
        iti43::trials(),
        iti81::trials(),
        iti43_lost::trials(),
        soap::trials(),
        soap_switches::trials(),
        http::trials(),
        mime::trials(),
        panics::trials(),
        hostile::trials(),
        pitfalls::trials(),
        pitfalls_queries::trials(),
        slow::trials(),
        bad_input::trials(),
        durability::trials(),
        asserted::trials(),
        atna::trials(),
        audit::trials(),
        audit_heads::trials(),
        audit_mixed::trials(),
        cli::trials(),
        clock::trials(),
        consent::trials(),
        demo::trials(),
        nodes::trials(),
        nodes_tls::trials(),
        tls::trials(),
        mail::trials(),
        pickup::trials(),
        xdm_imaging::trials(),
        xdm_import::trials(),
        xdm_jobs::trials(),
        xdm_killed::trials(),
        xdm_policies::trials(),
        xdm_pack::trials(),
        xdm_parts::trials(),
        xdm_round_trip::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let first = libtest_mimic::run(&arguments, trials);
    // Servers stop before their logs are judged.
    let faults = if arguments.list { Vec::new() } else { servers::stop_all() };
    let closing = [servers::trials(faults), schemas::trials(), privacy::trials()].into_iter().flatten().collect();
    let last = libtest_mimic::run(&arguments, closing);
    let failed = first.has_failed() || last.has_failed();
    harness::scratch::close(failed);
    if failed { ExitCode::from(101) } else { ExitCode::SUCCESS }
}
