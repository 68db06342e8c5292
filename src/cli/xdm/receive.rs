//! `knoop xdm receive`: a mail that came, from a file or from the relay's pipe.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use crate::{
    cli::{
        DataArgs, Failure,
        assembly::{import_settings, smime_settings},
        clock, directory,
    },
    config::Config,
    security::smime::SmimeKeys,
    service::mail::{Received, ReceivedPackage, is_package, open},
    wire::mail::{Disposition, MailLimits, Outcome},
};

/// What `xdm receive` may be told.
#[derive(Debug, Args)]
#[command(
    after_help = "What is not signed by the sender in From is refused, unless email.allow_unsigned = true. A receipt for a mail of \
    ours is noted (knoop xdm mails).\n\nExamples:\n  knoop xdm receive mail.eml --out incoming && knoop xdm import incoming/XDM-1.ZIP\n  \
    in the relay's aliases:  packages: \"|knoop xdm receive - --out /var/spool/knoop-mail --config /etc/knoop/knoop.toml\""
)]
pub(in crate::cli) struct ReceiveArgs {
    /// The mail as it came, or - for standard input
    #[arg(value_name = "MAIL")]
    mail: PathBuf,
    /// Directory for the packages in it; nothing is written over
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &ReceiveArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let octets = read(&args.mail, config.email.max_bytes)?;
    let keys = SmimeKeys::load(&smime_settings(&config))?;
    let received = open(&octets, &keys, config.email.allow_unsigned, &MailLimits::default(), clock::now());
    match received.map_err(|error| Failure::Refused(format!("the mail is refused: {error}")))? {
        Received::Receipt { from, disposition, .. } => note(args, from, disposition),
        Received::Packages(package) => write(args, &config, &package),
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let source: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(fs::File::open(path).with_context(|| path.display().to_string())?),
    };
    source.take(most + 1).read_to_end(&mut octets).context("the mail cannot be read")?;
    match octets.len() as u64 > most {
        true => Err(Failure::Refused("the mail is longer than email.max_bytes".to_owned())),
        false => Ok(octets),
    }
}

/// Notes a receipt. It counts when it names a mail of ours and comes from the addressee of that mail.
fn note(args: &ReceiveArgs, from: String, disposition: Disposition) -> Result<(), Failure> {
    let refused = match disposition.outcome {
        Outcome::Success => None,
        Outcome::Failure(why) => Some(why),
    };
    let Some(message_id) = disposition.original_message_id else {
        return Err(Failure::Refused("the receipt does not say what it is about".to_owned()));
    };
    let noted = directory::on_store(&args.data, move |_, store| {
        Box::pin(async move {
            let now_ms = clock::now().as_millisecond();
            let noted = store.write(move |tx| {
                let (message_id, from, refused) = (message_id.clone(), from.clone(), refused.clone());
                Box::pin(async move { tx.receive_receipt(&message_id, &from, refused.as_deref(), now_ms).await })
            });
            Ok(noted.await?)
        })
    })?;
    let id =
        noted.ok_or_else(|| Failure::Refused("the receipt is about no mail of ours, or it came before".to_owned()))?;
    match args.json {
        true => println!("{}", json!({ "receipt": id })),
        false => println!("receipt for mail {id}"),
    }
    Ok(())
}

fn write(args: &ReceiveArgs, config: &Config, package: &ReceivedPackage) -> Result<(), Failure> {
    let rules = import_settings(config)?;
    fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let mut files = Vec::new();
    for attachment in &package.attachments {
        let mut file = tempfile::tempfile_in(&args.out).context("the package cannot be written")?;
        file.write_all(&attachment.octets).context("the package cannot be written")?;
        if is_package(file, &rules).context("an attachment cannot be read")? {
            files.push(keep(&args.out, &attachment.octets)?);
        }
    }
    if files.is_empty() {
        return Err(Failure::Refused("there is no package in the mail".to_owned()));
    }
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    if args.json {
        let ReceivedPackage { from, message_id, signer, encrypted, says_package, .. } = package;
        let whole = json!({
            "from": from, "messageId": message_id, "signer": signer, "encrypted": encrypted,
            "subjectSaysPackage": says_package, "packages": names,
        });
        println!("{whole}");
        return Ok(());
    }
    if !package.says_package {
        eprintln!("warning: the subject does not hold XDM/1.0/DDM");
    }
    println!("from {}, signed by {}", package.from, package.signer.as_deref().unwrap_or("nobody"));
    names.iter().for_each(|name| println!("{name}"));
    Ok(())
}

/// Under the first free name of ours: what the sender calls it may be the name of a patient.
fn keep(folder: &Path, octets: &[u8]) -> Result<PathBuf, Failure> {
    for number in 1..1_000_000 {
        let path = folder.join(format!("XDM-{number}.ZIP"));
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                file.write_all(octets).and_then(|()| file.sync_all()).context("the package cannot be written")?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(anyhow::Error::new(error).context(path.display().to_string()).into()),
        }
    }
    Err(Failure::Fault(anyhow::anyhow!("the directory is full of packages")))
}
