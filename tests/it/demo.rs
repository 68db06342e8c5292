//! `knoop demo`: what it says it holds is there, and none of it is told by log, standard output and metrics.

use std::collections::BTreeSet;

use libtest_mimic::Trial;

use crate::harness::{
    Found, Query, TestServer, http, plain,
    sample::{
        self, Submission,
        names::{DE_AUTHOR, DE_PATIENT_ID, DE_UNIQUE_ID},
    },
    servers::Store,
};

pub fn trials() -> Vec<Trial> {
    plain![the_demo_tells_nobody_of_its_patients].into()
}

/// Numbers of the test range that pass the eleven-test, from the lowest.
fn bsns() -> impl Iterator<Item = u32> {
    (999_900_000_u32..1_000_000_000).filter(|number| {
        let digit = |place: u32| i64::from(number / 10_u32.pow(place) % 10);
        (1..9).map(|place| digit(place) * i64::from(place + 1)).sum::<i64>() % 11 == digit(0)
    })
}

/// Names, numbers, dates and titles that an entry holds of people. Initials are in every text.
fn secrets(entry: &Found) -> Vec<String> {
    let info = entry.slot("sourcePatientInfo").unwrap_or_default().iter();
    let authors = entry.classifications.iter().filter(|c| c.get("classificationScheme") == Some(DE_AUTHOR));
    let persons = authors.filter_map(|author| author.value("authorPerson"));
    let names = info
        .clone()
        .filter_map(|value| value.strip_prefix("PID-5|"))
        .chain(persons)
        .flat_map(|name| name.split('^').take(3).map(str::to_owned));
    let born = info.clone().filter_map(|value| value.strip_prefix("PID-7|")).map(str::to_owned);
    let id = |cx: &str| cx.split('^').next().unwrap_or_default().to_owned();
    let ids = [entry.identifier(DE_PATIENT_ID), entry.value("sourcePatientId")].into_iter().flatten().map(id);
    names.chain(born).chain(ids).chain(entry.name.clone()).filter(|text| text.len() > 2).collect()
}

fn the_demo_tells_nobody_of_its_patients() {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a directory").by("demo");
    let server = prepared.start().expect("it starts");
    let log = server.log_text();
    let guide = log.lines().find(|line| line.starts_with("knoop demo: ")).expect("a guide");
    let numbers: Vec<usize> = guide.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [patients, documents] = numbers[..] else { panic!("{guide}") };
    let offered = log.split("--patient '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a command");
    let (first, authority) = offered.split_once('^').expect("a CX");
    assert_eq!(bsns().next().map(|bsn| bsn.to_string()).as_deref(), Some(first));
    let (mut found, mut told) = (0, BTreeSet::new());
    for bsn in bsns().take(patients) {
        let patient = format!("{bsn}^{authority}");
        let query = Query::find_documents(&patient);
        let entries = server.query(&query).expect_success().objects();
        let repository = entries[0].value("repositoryUniqueId").expect("a repository").to_owned();
        let unique_ids: Vec<&str> = entries.iter().filter_map(|entry| entry.identifier(DE_UNIQUE_ID)).collect();
        let requests: Vec<_> = unique_ids.iter().map(|id| (None, &*repository, *id)).collect();
        assert_eq!(server.retrieve(&requests).expect_success().documents().len(), entries.len());
        told.extend(entries.iter().flat_map(secrets));
        found += entries.len();
        // What is refused repeats the sender's values to the sender alone.
        let query = query.number("$XDSDocumentEntryCreationTimeFrom", &patient);
        server.query(&query).expect_codes(&["XDSRegistryError"]);
        server.retrieve(&[(None, &repository, &patient)]).expect_codes(&["XDSDocumentUniqueIdError"]);
        let again = sample::document(&patient).identifier(DE_UNIQUE_ID, unique_ids[0]);
        let refused = server.register(&Submission::with(&patient, &[&again]));
        refused.expect_codes(&["XDSNonIdenticalSize", "XDSNonIdenticalHash"]);
        let odd = sample::document(&patient).identifier(DE_PATIENT_ID, &format!("{bsn}^^^wrong"));
        server.register(&Submission::with(&patient, &[&odd])).expect_codes(&["XDSRegistryMetadataError"]);
    }
    // Replaced ones are not Approved.
    assert!(found > documents / 2 && found <= documents, "{found} of {documents}");
    assert!(told.len() > 3 * patients && told.contains(first), "{} texts", told.len());
    http::get(server.operations.as_deref().expect("a listener"), "/metrics").expect("metrics");
    server.keep_private(told);
}
