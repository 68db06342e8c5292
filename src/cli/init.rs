//! `knoop init`: writes a configuration to begin with.

use std::{fs::OpenOptions, io::Write, path::PathBuf};

use anyhow::Context;
use clap::Args;

use super::Failure;
use crate::config::{Config, DEFAULT_FILE};

/// What `init` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  knoop init && knoop doctor && knoop serve")]
pub(super) struct InitArgs {
    /// The file to write
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &InitArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = match options.open(&args.file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::wrong_use(format!("{shown} is there already; --force writes over it")));
        }
        other => other.with_context(|| format!("{shown} cannot be written"))?,
    };
    file.write_all(Config::example().as_bytes()).with_context(|| format!("{shown} cannot be written"))?;
    println!("wrote {shown}; read it, then start with: knoop serve --config {shown}");
    println!("no certificates were made: this version listens on loopback only (--insecure-loopback PORT)");
    Ok(())
}
