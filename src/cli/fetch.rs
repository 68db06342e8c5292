//! `knoop fetch`: ITI-43 from any repository, into files.

mod save;

use std::{collections::HashMap, path::PathBuf};

use anyhow::Context;
use clap::Args;
use http::Uri;
use serde_json::json;

use self::save::{Saved, save};
use super::{
    Failure, PeerArgs, clock,
    found::{self, FoundDocument},
    peer,
    progress::Progress,
};
use crate::{
    client::{PartsTo, Peer, Query},
    model::{AvailabilityStatus, Oid, PatientId, rim::DocumentRequest},
};

/// Documents asked for at a time; peers limit them (S-IN-28: 100 at knoop).
const BATCH: usize = 50;

/// What `fetch` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop fetch --from http://127.0.0.1:8089/xds --repository 2.999.1.2.1 --document 2.25.1234 --out letters
  knoop fetch --from http://127.0.0.1:8089/xds --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO' --out letters

The hash of a document is checked when the registry is known: with --patient, or with --registry.")]
pub(super) struct FetchArgs {
    /// Address of the repository
    #[arg(long, value_name = "URL")]
    from: Uri,
    /// repositoryUniqueId
    #[arg(long, value_name = "OID", required_unless_present = "patient")]
    repository: Option<Oid>,
    /// uniqueId of a document, may be repeated
    #[arg(long, value_name = "ID", required_unless_present = "patient", conflicts_with = "patient")]
    document: Vec<String>,
    /// Fetch every approved document of this patient, as CX
    #[arg(long, value_name = "CX")]
    patient: Option<PatientId>,
    /// Address of the registry [default with --patient: --from]
    #[arg(long, value_name = "URL")]
    registry: Option<Uri>,
    /// Directory for the files, made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    peer: PeerArgs,
}

pub(super) fn run(args: FetchArgs) -> Result<(), Failure> {
    peer::block_on(fetch(args))
}

async fn fetch(args: FetchArgs) -> Result<(), Failure> {
    let known = entries(&args).await?;
    let requests: Vec<DocumentRequest> = if args.patient.is_some() {
        let wanted = known.iter().filter(|entry| {
            args.repository.as_ref().is_none_or(|repository| repository.as_str() == entry.repository_unique_id)
        });
        wanted
            .map(|entry| DocumentRequest {
                home_community_id: (!entry.home_community_id.is_empty())
                    .then(|| entry.home_community_id.as_str().into()),
                repository_unique_id: entry.repository_unique_id.as_str().into(),
                document_unique_id: entry.unique_id.as_str().into(),
            })
            .collect()
    } else {
        let repository = args.repository.as_ref().map(Oid::as_str).unwrap_or_default();
        let request = |id: &String| DocumentRequest {
            home_community_id: None,
            repository_unique_id: repository.into(),
            document_unique_id: id.as_str().into(),
        };
        args.document.iter().map(request).collect()
    };
    std::fs::create_dir_all(&args.out).with_context(|| format!("{} cannot be made", args.out.display()))?;
    let known: HashMap<&str, &FoundDocument> = known.iter().map(|entry| (entry.unique_id.as_str(), entry)).collect();
    let total = requests.iter().filter_map(|r| known.get(&*r.document_unique_id)?.size).sum();
    let progress = Progress::new("receiving", total);
    let peer = peer::peer(&args.from, &args.peer)?.watched_by(progress.watcher());
    let mut fetched = Fetched::default();
    for batch in requests.chunks(BATCH) {
        fetched.add(&peer, batch, &known, &args).await?;
    }
    drop(progress);
    fetched.report(args.json, requests.len())
}

/// The entries of what is fetched, as far as a registry tells.
async fn entries(args: &FetchArgs) -> Result<Vec<FoundDocument>, Failure> {
    let query = match (&args.patient, &args.registry) {
        (Some(patient), _) => Query::find_documents(patient, &[AvailabilityStatus::Approved]),
        (None, Some(_)) => Query::get_documents(&args.document),
        (None, None) => return Ok(Vec::new()),
    };
    let url = args.registry.as_ref().unwrap_or(&args.from);
    let message_id = clock::context().fresh_uuid().to_string();
    let peer = peer::peer(url, &args.peer)?;
    let answer = peer.stored_query(&message_id, &query.build()).await.map_err(|error| peer::failed(url, error))?;
    peer::judge(url, &answer.response)?;
    Ok(found::documents(&answer.objects))
}

#[derive(Default)]
struct Fetched {
    saved: Vec<Saved>,
    refusal: Option<Failure>,
}

impl Fetched {
    async fn add(
        &mut self,
        peer: &Peer,
        batch: &[DocumentRequest],
        known: &HashMap<&str, &FoundDocument>,
        args: &FetchArgs,
    ) -> Result<(), Failure> {
        let message_id = clock::context().fresh_uuid().to_string();
        let answer = peer.retrieve(&message_id, batch, &PartsTo::Directory(args.out.clone())).await;
        let answer = answer.map_err(|error| peer::failed(&args.from, error))?;
        if let Err(refusal) = peer::judge(&args.from, &answer.response) {
            self.refusal = Some(refusal);
        }
        for document in answer.documents {
            let entry = known.get(&*document.request.document_unique_id).copied();
            self.saved.push(save(document, entry, &args.out)?);
        }
        Ok(())
    }

    fn report(self, json: bool, wanted: usize) -> Result<(), Failure> {
        if json {
            println!("{}", json!({ "documents": self.saved }));
        } else {
            for saved in &self.saved {
                println!("{}  {} octets  {}  {}", saved.file.display(), saved.size, saved.hash, saved.check.as_str());
            }
        }
        let damaged = self.saved.iter().filter(|saved| saved.check == save::Check::Differs).count();
        if damaged > 0 {
            return Err(Failure::Fault(anyhow::anyhow!(
                "{damaged} documents differ from what the registry says of them"
            )));
        }
        match self.refusal {
            Some(refusal) => Err(refusal),
            None if self.saved.len() < wanted => {
                Err(Failure::Refused(format!("{} of {wanted} documents were not returned", wanted - self.saved.len())))
            }
            None => Ok(()),
        }
    }
}
