//! `knoop xdm pack`: documents become a package.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use anyhow::Context;
use clap::{Args, ValueEnum};
use http::Uri;
use indicatif::HumanBytes;
use serde_json::json;

use super::{on_the_way::OnTheWay, sheet};
use crate::{
    cli::{
        DataArgs, Failure, PeerArgs,
        assembly::{audit, offline::Offline, query_element},
        clock,
        metadata::CodeLists,
        peer,
        progress::Progress,
    },
    config::Config,
    model::{IntendedRecipient, Oid, PatientId, Xcn, Xon, bsn::BSN_AUTHORITY, escape_component, xdm::SetLimits},
    service::xdm::export::{
        self, Addressing, Detail, ExportError, ExportRequest, Exported, Here, Homes, Origin, Peers, Record, Selection,
        Sender, Sets, Target, Watcher, WithoutBsn,
    },
    wire::xdm::index_page::Language,
};

const EXAMPLES: &str = "\
Examples:
  knoop xdm pack --data /var/lib/knoop --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO' package.zip
  knoop xdm pack --data /var/lib/knoop --document 2.25.1234 --document 2.25.1235 --tree /media/stick
  knoop xdm pack --from https://xds.example.org/xds --ca ca.pem --patient CX --to 'Example Hospital' package.zip
  knoop xdm pack --data /var/lib/knoop --patient CX --without-bsn numbers.jsonl --number 'A0012345^^^&2.999.1.1&ISO' abroad.zip
  knoop xdm pack --files scans --metadata scans.toml --language en package.zip

A file of metadata says of the documents of a directory what the options of knoop submit say:
  [all]
  patient = \"999900006^^^&2.16.840.1.113883.2.4.6.3&ISO\"
  type = \"18748-4\"
  [[document]]        # without any, every file of the directory is taken
  file = \"letter.pdf\"
  title = \"Letter\"";

/// What `xdm pack` may be told.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct PackArgs {
    /// The zip file to make, or with --tree the directory; nothing is written over
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Write a directory tree, for a USB stick
    #[arg(long)]
    tree: bool,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    origin: OriginArgs,
    #[command(flatten)]
    sender: SenderArgs,
    #[command(flatten)]
    addressing: AddressingArgs,
    #[command(flatten)]
    foreign: ForeignArgs,
    /// Keep the submission sets with which the documents were submitted, instead of a new one for each patient
    #[arg(long, conflicts_with_all = ["to", "to_person", "comment"])]
    as_submitted: bool,
    /// Deprecated documents too
    #[arg(long)]
    deprecated: bool,
    /// Say only what must be said of each document, and mark it as limited metadata
    #[arg(long)]
    limited: bool,
    /// Keep homeCommunityId, which has no meaning off line, as xdm.keep_home does
    #[arg(long)]
    keep_home: bool,
    /// Language of INDEX.HTM
    #[arg(long, value_enum, default_value = "nl")]
    language: PageLanguage,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    peer: PeerArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SelectionArgs {
    /// All documents of this patient, as CX
    #[arg(long, value_name = "CX")]
    patient: Option<PatientId>,
    /// A document by uniqueId or entryUUID, may be repeated
    #[arg(long, value_name = "ID")]
    document: Vec<String>,
    /// The documents of a submission set, by uniqueId or entryUUID
    #[arg(long, value_name = "ID")]
    submission_set: Option<String>,
    /// The documents in a folder, by uniqueId or entryUUID
    #[arg(long, value_name = "ID")]
    folder: Option<String>,
    /// The files of this directory, with --metadata
    #[arg(long, value_name = "DIR", requires = "metadata", conflicts_with = "from")]
    files: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct OriginArgs {
    /// What to say of the files, TOML
    #[arg(long, value_name = "FILE", requires = "files")]
    metadata: Option<PathBuf>,
    /// Address of a registry, instead of the own data directory
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    from: Option<Uri>,
    /// Address of the repository [default: --from]
    #[arg(long, value_name = "URL", requires = "from", help_heading = "Connection")]
    repository: Option<Uri>,
    /// Ask as this node, for access; else as the operator of this installation
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "files"])]
    node: Option<String>,
}

#[derive(Debug, Args)]
struct SenderArgs {
    /// The institution that makes the package: a name, or an XON
    #[arg(long, value_name = "XON", help_heading = "Sender")]
    institution: Option<Xon>,
    /// Who makes the package, as XCN
    #[arg(long, value_name = "XCN", help_heading = "Sender")]
    author: Option<Xcn>,
    /// How the institution is reached, for README.TXT and INDEX.HTM
    #[arg(long, value_name = "TEXT", default_value = "", help_heading = "Sender")]
    contact: String,
    /// sourceId, the OID of this installation
    #[arg(long, value_name = "OID", default_value = "2.999.1.3", help_heading = "Sender")]
    source_id: Oid,
    /// contentTypeCode [default: the first of the code lists]
    #[arg(long, value_name = "CODE", help_heading = "Sender")]
    content: Option<String>,
}

#[derive(Debug, Args)]
struct AddressingArgs {
    /// The institution for which the package is: a name, or an XON
    #[arg(long, value_name = "XON", help_heading = "Receiver")]
    to: Option<Xon>,
    /// Department of that institution
    #[arg(long, value_name = "NAME", requires = "to", help_heading = "Receiver")]
    to_department: Option<String>,
    /// The person for whom it is, as XCN
    #[arg(long, value_name = "XCN", help_heading = "Receiver")]
    to_person: Option<Xcn>,
    /// A line to the receiver
    #[arg(long, value_name = "TEXT", default_value = "", help_heading = "Receiver")]
    comment: String,
    /// Why it is sent, such as a referral
    #[arg(long, value_name = "TEXT", default_value = "", help_heading = "Receiver")]
    reason: String,
    /// Place in the queue of whoever handles it
    #[arg(long, value_name = "TEXT", default_value = "", help_heading = "Receiver")]
    priority: String,
    /// Medical urgency
    #[arg(long, value_name = "TEXT", default_value = "", help_heading = "Receiver")]
    urgency: String,
}

#[derive(Debug, Args)]
struct ForeignArgs {
    /// Leave the BSN out of metadata and DICOM headers; FILE gets the lines that lead back to it
    #[arg(long, value_name = "FILE", conflicts_with = "as_submitted", help_heading = "Foreign receivers")]
    without_bsn: Option<PathBuf>,
    /// Number of the patient in place of the BSN, as CX [default: the one that the documents name]
    #[arg(long, value_name = "CX", requires = "without_bsn", help_heading = "Foreign receivers")]
    number: Option<PatientId>,
    /// A document that somebody has looked at and lets go, by uniqueId; may be repeated. Its body is not searched for a BSN
    #[arg(long, value_name = "ID", requires = "without_bsn", help_heading = "Foreign receivers")]
    confirmed: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PageLanguage {
    Nl,
    En,
}

pub(super) fn run(args: PackArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let request = request(&args, config.xdm.limits.of_sets_made())?;
    peer::block_on(pack(args, config, request))
}

async fn pack(args: PackArgs, config: Config, mut request: ExportRequest) -> Result<(), Failure> {
    let is_here = args.origin.from.is_none() && args.selection.files.is_none();
    if args.keep_home || config.xdm.keep_home {
        request.homes = Homes::Kept(config.registry.home_community_id.clone().filter(|_| is_here));
    }
    // Documents of others are told of too, where there is a trail to tell.
    let offline = match is_here || Offline::is_there(&config) {
        true => Some(Offline::open(&config).await?),
        false => {
            eprintln!("warning: there is no data directory: this export is in no audit trail (see --data)");
            None
        }
    };
    let record =
        |offline: &Offline| Record { auditor: offline.auditor.clone(), actor: Some(audit::operator()), name: None };
    let record = offline.as_ref().map(record);
    let made = match (&args.origin.from, &args.selection.files, &args.origin.metadata, &offline) {
        (Some(url), _, _, _) => {
            let registry = peer::peer(url, &args.peer)?;
            let repository = peer::peer(args.origin.repository.as_ref().unwrap_or(url), &args.peer)?;
            let folder = OnTheWay::new().context("a directory for documents on their way cannot be made")?;
            let origin = Origin::Peers(Peers { registry, repository, folder: folder.path().to_owned() });
            export(&mut clock::context(), &origin, &request, record.as_ref()).await
        }
        (None, Some(files), Some(metadata), _) => {
            let origin = Origin::Files(sheet::read(files, metadata)?);
            export(&mut clock::context(), &origin, &request, record.as_ref()).await
        }
        (.., Some(offline)) => {
            let mut ctx = offline.context(args.origin.node.as_deref()).await?;
            let (registry, repository) = (offline.registry.clone(), offline.repository.clone());
            let origin = Origin::Here(Here { registry, repository, written: query_element });
            export(&mut ctx, &origin, &request, record.as_ref()).await
        }
        (.., None) => return Err(Failure::wrong_use("--files needs --metadata")),
    };
    if let Some(offline) = offline {
        offline.close(&config).await?;
    }
    report(&args, &made.map_err(failure)?);
    Ok(())
}

async fn export(
    ctx: &mut crate::model::RequestContext,
    origin: &Origin,
    request: &ExportRequest,
    record: Option<&Record>,
) -> Result<Exported, ExportError> {
    export::export(ctx, origin, request, record, watcher()).await
}

fn failure(error: ExportError) -> Failure {
    if error.is_refusal() {
        Failure::Refused(error.to_string())
    } else if error.is_wrong_use() {
        Failure::wrong_use(error.to_string())
    } else {
        Failure::from(error)
    }
}

/// Shows how far it is.
fn watcher() -> Watcher {
    let shown: OnceLock<(Progress, crate::client::Progress)> = OnceLock::new();
    Arc::new(move |progress| match progress {
        export::Progress::Planned { bytes } => {
            shown.get_or_init(|| {
                let bar = Progress::new("packed", bytes);
                let watcher = bar.watcher();
                (bar, watcher)
            });
        }
        export::Progress::Written { bytes } => {
            if let Some((_, watcher)) = shown.get() {
                watcher(bytes);
            }
        }
    })
}

fn request(args: &PackArgs, set_limits: SetLimits) -> Result<ExportRequest, Failure> {
    let lists = CodeLists::built_in();
    let content = match &args.sender.content {
        Some(code) => lists.find("content", code),
        None => lists.first("content"),
    };
    let SelectionArgs { patient, document, submission_set, folder, .. } = &args.selection;
    let selection = match (patient, submission_set, folder) {
        (Some(patient), _, _) => Selection::Patient(patient.clone()),
        (_, Some(id), _) => Selection::SubmissionSet(id.clone()),
        (_, _, Some(id)) => Selection::Folder(id.clone()),
        _ if !document.is_empty() => Selection::Documents(document.clone()),
        _ => Selection::Everything,
    };
    let (addressing, foreign) = (&args.addressing, &args.foreign);
    if foreign.number.as_ref().is_some_and(|number| number.authority().as_str() == BSN_AUTHORITY) {
        return Err(Failure::wrong_use("--number is a BSN"));
    }
    Ok(ExportRequest {
        selection,
        with_deprecated: args.deprecated,
        sets: if args.as_submitted { Sets::AsSubmitted } else { Sets::New },
        detail: if args.limited { Detail::Limited } else { Detail::Full },
        homes: Homes::LeftOut,
        sender: Sender {
            institution: args.sender.institution.clone(),
            person: args.sender.author.clone(),
            contact: args.sender.contact.clone(),
            source_id: args.sender.source_id.clone(),
            content_type: content.map_err(|error| Failure::wrong_use(error.to_string()))?,
        },
        addressing: Addressing {
            recipients: recipient(addressing)?.into_iter().collect(),
            comment: addressing.comment.clone(),
            reason: addressing.reason.clone(),
            priority: addressing.priority.clone(),
            urgency: addressing.urgency.clone(),
        },
        without_bsn: foreign.without_bsn.clone().map(|table| WithoutBsn {
            number: foreign.number.clone(),
            confirmed: foreign.confirmed.clone(),
            table,
        }),
        language: match args.language {
            PageLanguage::Nl => Language::Dutch,
            PageLanguage::En => Language::English,
        },
        target: if args.tree { Target::Tree(args.out.clone()) } else { Target::Zip(args.out.clone()) },
        set_limits,
        room: None,
    })
}

/// intendedRecipient. XDS knows no department: it stands behind the name of the institution.
fn recipient(args: &AddressingArgs) -> Result<Option<IntendedRecipient>, Failure> {
    if args.to.is_none() && args.to_person.is_none() {
        return Ok(None);
    }
    let mut organisation = args.to.as_ref().map(ToString::to_string).unwrap_or_default();
    if let Some(department) = &args.to_department {
        let department = escape_component(department);
        organisation = match organisation.split_once('^') {
            Some((name, rest)) => format!("{name}, {department}^{rest}"),
            None => format!("{organisation}, {department}"),
        };
    }
    let person = args.to_person.as_ref().map(|person| format!("|{person}")).unwrap_or_default();
    let text = format!("{organisation}{person}");
    text.parse().map(Some).map_err(|error| Failure::wrong_use(format!("the receiver: {error}")))
}

fn report(args: &PackArgs, made: &Exported) {
    for warning in &made.warnings {
        eprintln!("warning: {warning}");
    }
    let documents: usize = made.sets.iter().map(|set| set.documents.len()).sum();
    if args.json {
        let sets: Vec<_> = made
            .sets
            .iter()
            .map(|set| {
                let documents: Vec<_> =
                    set.documents.iter().map(|(id, path)| json!({ "uniqueId": &**id, "path": path })).collect();
                let mut told = json!({ "directory": set.directory, "uniqueId": set.unique_id, "documents": documents });
                if let Some((part, parts)) = set.part {
                    (told["part"], told["parts"]) = (part.into(), parts.into());
                }
                told
            })
            .collect();
        let mut whole = json!({
            "package": args.out,
            "submissionSets": sets,
            "documents": documents,
            "documentBytes": made.document_bytes,
            "dicomObjects": made.dicom_objects,
            "warnings": made.warnings,
        });
        if !made.unsearched.is_empty() {
            whole["unsearched"] = made.unsearched.iter().map(|unique_id| &**unique_id).collect();
        }
        println!("{whole}");
        return;
    }
    println!("{}", args.out.display());
    for set in &made.sets {
        let part = set.part.map(|(part, parts)| format!("  part {part} of {parts}")).unwrap_or_default();
        println!("{}  submission {}  {} documents{part}", set.directory, set.unique_id, set.documents.len());
    }
    println!("{documents} documents, {}", HumanBytes(made.document_bytes));
    if made.dicom_objects > 0 {
        println!("{} DICOM objects in the DICOMDIR", made.dicom_objects);
    }
}
