//! `knoop submit`: ITI-41 to any repository.

pub(super) mod file;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use http::Uri;
use serde_json::json;

use self::file::SubmittedFile;
use super::{
    Failure, PeerArgs, clock,
    metadata::{AuthorMetadata, CodeLists, EntryMetadata, Relation, SetMetadata, submission},
    peer,
    progress::Progress,
};
use crate::{
    client::{DocumentSource, OutgoingDocument},
    model::{
        AssociationType, Code, CodeValue, Dtm, EntryUuid, LanguageTag, Oid, PatientId, ReferenceId, RequestContext,
        Xcn, Xon,
        bsn::{BSN_AUTHORITY, check_bsn},
    },
};

/// Mostly a BSN; a CX is long to type.
const PATIENT_HELP: &str = "Patient, as CX: ID^^^&OID&ISO";

/// What `submit` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop submit letter.pdf --to http://127.0.0.1:8089/xds --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO' --type 11488-4
  knoop submit scan.dcm report.xml --to https://xds.example.org/xds/repository --ca ca.pem --cert me.pem --key me.key \\
      --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO' --type 18748-4 --practice 394914008 --event CT --json

A code is CODE^^SCHEME, or the code alone when the code lists have it. --codes FILE takes lists of your own.")]
pub(super) struct SubmitArgs {
    /// Files to submit, each a document of one submission
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Address of the repository
    #[arg(long, value_name = "URL")]
    to: Uri,
    #[arg(long, value_name = "CX", help = PATIENT_HELP)]
    patient: PatientId,
    /// typeCode
    #[arg(long = "type", value_name = "CODE")]
    type_code: String,
    /// Patient in the sending system, as CX [default: --patient]
    #[arg(long, value_name = "CX", help_heading = "Metadata")]
    source_patient: Option<PatientId>,
    /// Title [default: the file's name]
    #[arg(long, help_heading = "Metadata")]
    title: Option<String>,
    /// classCode [default: what the code lists give for --type]
    #[arg(long, value_name = "CODE", help_heading = "Metadata")]
    class: Option<String>,
    /// formatCode [default: what the code lists give for the media type]
    #[arg(long, value_name = "CODE", help_heading = "Metadata")]
    format: Option<String>,
    /// healthcareFacilityTypeCode [default: the first of the code lists]
    #[arg(long, value_name = "CODE", help_heading = "Metadata")]
    facility: Option<String>,
    /// practiceSettingCode [default: the first of the code lists]
    #[arg(long, value_name = "CODE", help_heading = "Metadata")]
    practice: Option<String>,
    /// confidentialityCode, may be repeated [default: the first of the code lists]
    #[arg(long, value_name = "CODE", help_heading = "Metadata")]
    confidentiality: Vec<String>,
    /// contentTypeCode of the submission [default: the first of the code lists]
    #[arg(long, value_name = "CODE", help_heading = "Metadata")]
    content: Option<String>,
    /// eventCodeList, may be repeated
    #[arg(long, value_name = "CODE", help_heading = "Metadata")]
    event: Vec<String>,
    /// referenceIdList as CXi, may be repeated
    #[arg(long, value_name = "CXI", help_heading = "Metadata")]
    reference: Vec<ReferenceId>,
    /// mimeType [default: found out from the file]
    #[arg(long, value_name = "TYPE", help_heading = "Metadata")]
    mime_type: Option<String>,
    /// languageCode
    #[arg(long, value_name = "TAG", default_value = "nl-NL", help_heading = "Metadata")]
    language: LanguageTag,
    /// creationTime, UTC [default: when the file was last changed]
    #[arg(long, value_name = "DTM", help_heading = "Metadata")]
    created: Option<Dtm>,
    /// serviceStartTime, UTC
    #[arg(long, value_name = "DTM", help_heading = "Metadata")]
    service_start: Option<Dtm>,
    /// serviceStopTime, UTC
    #[arg(long, value_name = "DTM", help_heading = "Metadata")]
    service_stop: Option<Dtm>,
    /// authorPerson, as XCN
    #[arg(long, value_name = "XCN", help_heading = "Metadata")]
    author: Option<Xcn>,
    /// authorInstitution, as XON
    #[arg(long, value_name = "XON", help_heading = "Metadata")]
    institution: Option<Xon>,
    /// sourceId, the OID of the sending system
    #[arg(long, value_name = "OID", default_value = "2.999.1.3", help_heading = "Metadata")]
    source_id: Oid,
    /// Replace this document of the registry (one file only)
    #[arg(long, value_name = "UUID", help_heading = "Metadata")]
    replace: Option<EntryUuid>,
    /// TOML file of code lists [default: built in]
    #[arg(long, value_name = "FILE", help_heading = "Metadata")]
    codes: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    peer: PeerArgs,
}

pub(super) fn run(args: SubmitArgs) -> Result<(), Failure> {
    if args.replace.is_some() && args.files.len() != 1 {
        return Err(Failure::wrong_use("--replace takes one file: each document replaces another"));
    }
    for patient in [Some(&args.patient), args.source_patient.as_ref()].into_iter().flatten() {
        if patient.authority().as_str() == BSN_AUTHORITY {
            check_bsn(patient.id()).map_err(|error| Failure::wrong_use(format!("the patient: {error}")))?;
        }
    }
    let codes = Codes::choose(&args)?;
    peer::block_on(submit(args, codes))
}

/// The codes that all documents of the submission share.
struct Codes {
    lists: CodeLists,
    type_code: Code,
    class: Code,
    facility: Code,
    practice: Code,
    confidentiality: Vec<Code>,
    content: Code,
    events: Vec<Code>,
}

impl Codes {
    fn choose(args: &SubmitArgs) -> Result<Self, Failure> {
        let wrong = |error: super::metadata::CodesError| Failure::wrong_use(error.to_string());
        let lists = match &args.codes {
            None => CodeLists::built_in(),
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
                CodeLists::parse(&text).map_err(wrong)?
            }
        };
        let one = |list: &str, written: &Option<String>| match written {
            Some(code) => lists.find(list, code).map_err(wrong),
            None => lists.first(list).map_err(wrong),
        };
        let many = |list: &str, written: &[String]| {
            written.iter().map(|code| lists.find(list, code).map_err(wrong)).collect::<Result<Vec<_>, _>>()
        };
        let type_code = lists.find("type", &args.type_code).map_err(wrong)?;
        let mut confidentiality = many("confidentiality", &args.confidentiality)?;
        if confidentiality.is_empty() {
            confidentiality.push(lists.first("confidentiality").map_err(wrong)?);
        }
        Ok(Self {
            class: match &args.class {
                Some(code) => lists.find("class", code).map_err(wrong)?,
                None => lists.class_of(&type_code).map_err(wrong)?,
            },
            facility: one("facility", &args.facility)?,
            practice: one("practice", &args.practice)?,
            content: one("content", &args.content)?,
            events: many("event", &args.event)?,
            confidentiality,
            type_code,
            lists,
        })
    }

    /// formatCode of one file: as told, else the SOP class of a DICOM object, else by media type.
    fn format(&self, args: &SubmitArgs, file: &SubmittedFile) -> Result<Code, Failure> {
        let sop_class = file.sop_class_uid.as_deref().and_then(|uid| CodeValue::new(uid, "1.2.840.10008.2.6.1").ok());
        match (&args.format, sop_class) {
            (Some(code), _) => self.lists.find("format", code),
            (None, Some(value)) => self.lists.find("format", &value.to_string()),
            (None, None) => self.lists.format_of(&file.mime_type),
        }
        .map_err(|error| Failure::wrong_use(error.to_string()))
    }
}

async fn submit(args: SubmitArgs, codes: Codes) -> Result<(), Failure> {
    let peer = peer::peer(&args.to, &args.peer)?;
    let mut ctx = clock::context();
    let files = file::read_all(&args.files, args.mime_type.as_deref()).await?;
    let author = AuthorMetadata {
        person: args.author.as_ref().map(ToString::to_string).unwrap_or_default(),
        institution: args.institution.as_ref().map(ToString::to_string).unwrap_or_default(),
        ..AuthorMetadata::default()
    };
    let mut entries = Vec::new();
    let mut documents = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let id = format!("Document{}", index + 1);
        documents.push(OutgoingDocument {
            id: id.clone(),
            mime_type: file.mime_type.clone(),
            source: DocumentSource::File { path: file.path.clone(), size_bytes: file.size_bytes },
        });
        entries.push(entry(&args, &codes, &author, file, id, &mut ctx)?);
    }
    let set = SetMetadata {
        unique_id: clock::fresh_oid(&mut ctx),
        source_id: args.source_id.to_string(),
        patient_id: args.patient.to_string(),
        title: args.title.clone().unwrap_or_default(),
        submission_time: ctx.now_dtm(),
        content_type_code: codes.content.clone(),
        author,
    };
    let relations: Vec<Relation> = args
        .replace
        .iter()
        .map(|replaced| Relation {
            association_type: AssociationType::Replace,
            source: "Document1".to_owned(),
            target: replaced.to_string(),
        })
        .collect();
    let request = submission(&set, &entries, Vec::new(), &relations);
    let message_id = ctx.fresh_uuid().to_string();
    let response = {
        let progress = Progress::new("sending", files.iter().map(|file| file.size_bytes).sum());
        let peer = peer.watched_by(progress.watcher());
        peer.provide_and_register(&message_id, &request, &documents)
            .await
            .map_err(|error| peer::failed(&args.to, error))?
    };
    let judged = peer::judge(&args.to, &response);
    if args.json {
        print_json(&response.status, &set, &entries, &files);
    } else if judged.is_ok() {
        println!("submission {}", set.unique_id);
        for (entry, file) in entries.iter().zip(&files) {
            println!("document   {}  {}  {} octets  {}", entry.unique_id, entry.mime_type, file.size_bytes, file.name);
        }
    }
    judged
}

fn print_json(status: &str, set: &SetMetadata, entries: &[EntryMetadata], files: &[SubmittedFile]) {
    let documents: Vec<_> = entries
        .iter()
        .zip(files)
        .map(|(entry, file)| {
            json!({
                "file": file.path,
                "uniqueId": entry.unique_id,
                "mimeType": entry.mime_type,
                "size": file.size_bytes,
                "hash": entry.hash,
            })
        })
        .collect();
    println!("{}", json!({ "status": status, "submissionSetUniqueId": set.unique_id, "documents": documents }));
}

fn entry(
    args: &SubmitArgs,
    codes: &Codes,
    author: &AuthorMetadata,
    file: &SubmittedFile,
    id: String,
    ctx: &mut RequestContext,
) -> Result<EntryMetadata, Failure> {
    let time = |time: &Option<Dtm>| time.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(EntryMetadata {
        id,
        unique_id: clock::fresh_oid(ctx),
        mime_type: file.mime_type.clone(),
        patient_id: args.patient.to_string(),
        source_patient_id: args.source_patient.as_ref().unwrap_or(&args.patient).to_string(),
        source_patient_info: Vec::new(),
        title: args.title.clone().unwrap_or_else(|| file.name.clone()),
        comments: String::new(),
        creation_time: args.created.as_ref().map_or_else(|| file.changed.clone(), ToString::to_string),
        service_start_time: time(&args.service_start),
        service_stop_time: time(&args.service_stop),
        language_code: args.language.to_string(),
        author: author.clone(),
        class_code: codes.class.clone(),
        type_code: codes.type_code.clone(),
        format_code: codes.format(args, file)?,
        facility_code: codes.facility.clone(),
        practice_setting_code: codes.practice.clone(),
        confidentiality_codes: codes.confidentiality.clone(),
        event_codes: codes.events.clone(),
        reference_ids: args.reference.iter().map(ToString::to_string).collect(),
        hash: file.hash.to_string(),
        size_bytes: Some(file.size_bytes),
        repository_unique_id: None,
    })
}
