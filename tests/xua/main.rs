//! User assertions, signed by the `xmlsec1` command with keys that `openssl` makes at run time: nothing here, and nothing
//! in the program, can sign. Attack tests carry their numbers of spec security §3.6.

#![expect(clippy::unwrap_used, reason = "clippy does not see that functions of libtest-mimic are tests")]

mod attacks;
mod bergshamra;
mod claims;
mod differential;
mod keys;
mod kit;
mod ledger;
mod rules;
mod server;
mod socket;

#[expect(dead_code, reason = "more of it is used by other tests")]
#[path = "../it/harness/certificates.rs"]
mod certificates;
#[expect(dead_code, reason = "more of it is used by other tests")]
#[path = "../it/harness/pki.rs"]
mod pki;
#[path = "../it/harness/postgres.rs"]
mod postgres;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// A test that needs the two commands; where they are missing it says so.
fn trial(module: &'static str, name: &'static str, test: fn()) -> Trial {
    let module = module.rsplit("::").next().unwrap_or(module);
    Trial::ignorable_test(format!("{module}::{name}"), move || -> Result<Completion, Failed> {
        if let Err(reason) = keys::available() {
            return Ok(Completion::ignored_with(reason));
        }
        test();
        Ok(Completion::Completed)
    })
}

/// `trials![f, g]`: these functions as trials.
macro_rules! trials {
    ($($test:ident),* $(,)?) => { vec![$($crate::trial(module_path!(), stringify!($test), $test)),*] };
}
pub(crate) use trials;

fn main() -> ExitCode {
    if ledger::second_process() {
        return ExitCode::SUCCESS;
    }
    let trials = [
        attacks::trials(),
        rules::trials(),
        claims::trials(),
        differential::trials(),
        ledger::trials(),
        socket::trials(),
    ];
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.into_iter().flatten().collect());
    postgres::stop();
    if conclusion.has_failed() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}
