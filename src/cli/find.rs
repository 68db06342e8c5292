//! `knoop find`: ITI-18 FindDocuments to any registry.

use clap::{Args, ValueEnum};
use http::Uri;
use serde_json::json;

use super::{
    Failure, PeerArgs, clock,
    found::{self, FoundDocument},
    metadata::CodeLists,
    peer,
    table::Table,
};
use crate::{
    client::Query,
    model::{AvailabilityStatus, CodeValue, Dtm, PatientId},
};

/// Which documents, by their state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Status {
    Approved,
    Deprecated,
    All,
}

/// What `find` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop find --from http://127.0.0.1:8089/xds --patient '999900006^^^&2.16.840.1.113883.2.4.6.3&ISO'
  knoop find --from https://xds.example.org/xds/registry --patient CX --type 18748-4 --since 2025 --json")]
pub(super) struct FindArgs {
    /// Address of the registry
    #[arg(long, value_name = "URL")]
    from: Uri,
    /// Patient, as CX: ID^^^&OID&ISO
    #[arg(long, value_name = "CX")]
    patient: PatientId,
    /// availabilityStatus
    #[arg(long, value_enum, default_value = "approved")]
    status: Status,
    /// typeCode, may be repeated
    #[arg(long = "type", value_name = "CODE")]
    type_codes: Vec<String>,
    /// classCode, may be repeated
    #[arg(long = "class", value_name = "CODE")]
    class_codes: Vec<String>,
    /// Created at or after this time, UTC
    #[arg(long, value_name = "DTM")]
    since: Option<Dtm>,
    /// Created before this time, UTC
    #[arg(long, value_name = "DTM")]
    until: Option<Dtm>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    peer: PeerArgs,
}

pub(super) fn run(args: FindArgs) -> Result<(), Failure> {
    peer::block_on(find(args))
}

fn codes(list: &str, written: &[String]) -> Result<Vec<CodeValue>, Failure> {
    let lists = CodeLists::built_in();
    let found = written.iter().map(|code| lists.find(list, code).map(|code| code.value));
    found.collect::<Result<_, _>>().map_err(|error| Failure::wrong_use(error.to_string()))
}

async fn find(args: FindArgs) -> Result<(), Failure> {
    let status: &[AvailabilityStatus] = match args.status {
        Status::Approved => &[AvailabilityStatus::Approved],
        Status::Deprecated => &[AvailabilityStatus::Deprecated],
        Status::All => &[AvailabilityStatus::Approved, AvailabilityStatus::Deprecated],
    };
    let query = Query::find_documents(&args.patient, status)
        .codes("$XDSDocumentEntryTypeCode", &codes("type", &args.type_codes)?)
        .codes("$XDSDocumentEntryClassCode", &codes("class", &args.class_codes)?)
        .time("$XDSDocumentEntryCreationTimeFrom", args.since.as_ref())
        .time("$XDSDocumentEntryCreationTimeTo", args.until.as_ref())
        .build();
    let peer = peer::peer(&args.from, &args.peer)?;
    let message_id = clock::context().fresh_uuid().to_string();
    let answer = peer.stored_query(&message_id, &query).await.map_err(|error| peer::failed(&args.from, error))?;
    peer::judge(&args.from, &answer.response)?;
    let documents = found::documents(&answer.objects);
    if args.json {
        println!("{}", json!({ "status": answer.response.status, "documents": documents }));
    } else {
        print_table(&documents);
    }
    Ok(())
}

fn print_table(documents: &[FoundDocument]) {
    let mut table = Table::new(["created", "type", "title", "media type", "octets", "status", "uniqueId"]);
    for document in documents {
        table.row([
            date(&document.creation_time),
            document.type_code.display_name.clone(),
            document.title.clone(),
            document.mime_type.clone(),
            document.size.map(|size| size.to_string()).unwrap_or_default(),
            document.availability_status.clone(),
            document.unique_id.clone(),
        ]);
    }
    print!("{table}");
    let repositories: std::collections::BTreeSet<&str> =
        documents.iter().map(|document| document.repository_unique_id.as_str()).collect();
    let noun = if documents.len() == 1 { "document" } else { "documents" };
    eprintln!("{} {noun}", documents.len());
    if !repositories.is_empty() {
        eprintln!("in repository {}", repositories.into_iter().collect::<Vec<_>>().join(", "));
    }
}

/// `20260131…` as `2026-01-31`.
fn date(dtm: &str) -> String {
    let parts = [dtm.get(..4), dtm.get(4..6), dtm.get(6..8)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::stored_query::StoredQuery,
        validate::{QueryRules, stored_query},
    };

    #[test]
    fn what_is_asked_is_understood_without_tolerance() {
        let patient: PatientId = "O\\E\\x'1^^^&1.2.3&ISO".parse().unwrap();
        let query = Query::find_documents(&patient, &[AvailabilityStatus::Approved, AvailabilityStatus::Deprecated])
            .codes("$XDSDocumentEntryTypeCode", &["a^^1.2".parse().unwrap()])
            .time("$XDSDocumentEntryCreationTimeFrom", Some(&"2024".parse().unwrap()))
            .build();
        let checked = stored_query(&query, &QueryRules::default()).unwrap_or_else(|f| panic!("{}", f[0].context));
        assert!(checked.tolerated.is_empty());
        let StoredQuery::FindDocuments { patient_id, filter } = checked.query else { panic!("another query") };
        assert_eq!(patient_id, patient);
        assert_eq!(filter.status.len(), 2);
        assert_eq!(filter.type_codes.len(), 1);
        assert!(filter.creation_time.from.is_some());
    }
}
