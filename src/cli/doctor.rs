//! `knoop doctor`: what is wrong, in words, and how to mend it.

mod assertions;
mod certificates;
mod database;
mod machine;
mod peers;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{DataArgs, Failure, peer::block_on};

/// What `doctor` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop doctor
  knoop doctor --data /var/lib/knoop --deep --json

May be run beside a running server. Exit status 3 when something must be mended.")]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Read every row and every document, and compare sizes and hashes
    #[arg(long)]
    deep: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    /// A person should know.
    Note,
    /// Must be mended.
    Bad,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    text: String,
}

/// All checks so far; bad ones say how to mend them.
#[derive(Debug, Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn good(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.push(Check { name, verdict: Verdict::Good, text: text.into() });
    }

    fn note(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.push(Check { name, verdict: Verdict::Note, text: text.into() });
    }

    fn bad(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.push(Check { name, verdict: Verdict::Bad, text: text.into() });
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|check| check.verdict == verdict).count()
    }
}

pub(super) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let mut checks = Checks::default();
    checks.good("configuration", "every key is known and in order");
    machine::check(&config, &mut checks);
    certificates::check(&config, &mut checks);
    assertions::check(&config, &mut checks);
    block_on(async {
        machine::clock(&config, &mut checks).await;
        database::check(&config, args.deep, &mut checks).await;
        peers::check(&config, &mut checks).await;
        Ok(())
    })?;
    if args.json {
        println!("{}", json!({ "checks": checks.0, "bad": checks.count(Verdict::Bad) }));
    } else {
        for check in &checks.0 {
            let mark = match check.verdict {
                Verdict::Good => "good",
                Verdict::Note => "note",
                Verdict::Bad => "BAD ",
            };
            println!("{mark}  {:14} {}", check.name, check.text);
        }
    }
    match checks.count(Verdict::Bad) {
        0 => Ok(()),
        1 => Err(Failure::Fault(anyhow::anyhow!("one thing must be mended"))),
        bad => Err(Failure::Fault(anyhow::anyhow!("{bad} things must be mended"))),
    }
}
