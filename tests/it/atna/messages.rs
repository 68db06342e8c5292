//! Every row as an AuditMessage: equal to its reviewed file, and valid by the schema.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use knoop::{
    model::{AuditEvent, AuditObject, AuditOutcome},
    wire::atna::{AuditSource, MessageParts, SyslogSender, audit_message, severity, trace_object},
};
use libtest_mimic::{Completion, Failed, Trial};

use super::{
    blocks::{PATIENT, REPOSITORY, Side, doc, pat, retrieved_by, retrieved_from},
    other_events, rows,
};
use crate::harness::{plain, schemas, scratch, trials::fallible};

pub fn trials() -> Vec<Trial> {
    let module = module_path!();
    let mut trials: Vec<Trial> = plain![
        every_row_is_there_once,
        s_aud_10_rows_are_equal_to_their_files,
        the_query_of_the_specification_is_written_as_it_stands_there,
        the_refused_retrieve_of_the_specification_is_written_as_it_stands_there,
    ]
    .into();
    trials.push(fallible(module, "every_row_is_valid_by_the_schema", every_row_is_valid_by_the_schema));
    trials
}

pub fn source() -> AuditSource {
    AuditSource { enterprise_site_id: "2.999.31".to_owned(), source_id: "knoop1".to_owned() }
}

/// Every row of both tables.
pub fn all() -> Vec<(String, AuditEvent)> {
    rows::rows().into_iter().chain(other_events::rows()).collect()
}

pub fn message(event: &AuditEvent) -> String {
    String::from_utf8(audit_message(event, &source(), MessageParts::default())).expect("UTF-8")
}

/// One element a line, so that a change can be read.
pub fn lines(message: &str) -> String {
    message.replace("><", ">\n<") + "\n"
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/atna")
}

fn every_row_is_there_once() {
    let mut numbers: BTreeMap<u8, usize> = BTreeMap::new();
    for (name, _) in rows::rows() {
        *numbers.entry(name["row-".len()..][..2].parse().expect("a number")).or_default() += 1;
    }
    assert!(numbers.keys().copied().eq(1..=27), "{numbers:?}");
    let names: std::collections::BTreeSet<String> = all().into_iter().map(|(name, _)| format!("{name}.xml")).collect();
    assert_eq!(names.len(), all().len());
    let files = fs::read_dir(folder()).expect("the folder is there").flatten();
    let files = files.map(|file| file.file_name().into_string().expect("a name")).collect();
    assert_eq!(names, files, "a file for each row and a row for each file");
}

fn s_aud_10_rows_are_equal_to_their_files() {
    let mut different = Vec::new();
    for (name, event) in all() {
        let file = format!("{name}.xml");
        let have = lines(&message(&event));
        if fs::read_to_string(folder().join(&file)).ok().as_deref() != Some(&have) {
            fs::write(scratch::directory("atna").join(&file), have).expect("can be written");
            different.push(file);
        }
    }
    assert!(different.is_empty(), "see {} for {different:?}", scratch::directory("atna").display());
}

fn every_row_is_valid_by_the_schema() -> Result<Completion, Failed> {
    let Some(schema) = schemas::published("dicom/audit-message-2017c.xsd") else {
        return Ok(Completion::ignored_with("../shared/standards is not here"));
    };
    let mut files = Vec::new();
    for (name, event) in all() {
        let traced = AuditEvent {
            objects: event.objects.iter().cloned().chain([trace_object(&event.trace_id, "17")]).collect(),
            ..event.clone()
        };
        for (kind, event) in [("plain", event), ("traced", traced)] {
            let file = scratch::directory("atna-valid").join(format!("{name}-{kind}.xml"));
            fs::write(&file, message(&event)).map_err(|error| error.to_string())?;
            files.push(file);
        }
    }
    match schemas::xmllint(&schema, &files) {
        Ok(faults) if faults.is_empty() => Ok(Completion::Completed),
        Ok(faults) => Err(faults.join("\n").into()),
        Err(reason) => Ok(Completion::ignored_with(reason)),
    }
}

/// Spec security §2.9, first example, without the line breaks that stand between elements there.
fn the_query_of_the_specification_is_written_as_it_stands_there() {
    let example = include_str!("example-iti18.txt").lines().map(str::trim_start).collect::<String>();
    let event = all().into_iter().find(|(name, _)| name == "row-02").expect("a row").1;
    let sender = SyslogSender::new("knoop1.regio-a.example", "knoop", "4711");
    let sent = sender.message(severity(&event), event.occurred_ms + 4, message(&event).as_bytes());
    assert_eq!(String::from_utf8(sent).expect("UTF-8"), example);
}

/// Spec security §2.9, second example.
fn the_refused_retrieve_of_the_specification_is_written_as_it_stands_there() {
    let example = include_str!("example-iti43.xml").lines().map(str::trim_start).collect::<String>();
    let row = all().into_iter().find(|(name, _)| name == "row-12").expect("a row").1;
    let document = AuditObject { sensitivity: "N".to_owned(), ..doc("2.999.31.7.1.2026.55") };
    let event = AuditEvent {
        occurred_ms: row.occurred_ms + 3_283,
        outcome: AuditOutcome::Serious,
        reason: "knoop:CON-NOANSWER no consent recorded for this category".to_owned(),
        participants: vec![
            retrieved_from(REPOSITORY, Side::Server),
            retrieved_by(super::blocks::CONSUMER, Side::Server),
        ],
        objects: vec![pat(PATIENT), document],
        ..row
    };
    assert_eq!(message(&event), example);
}
