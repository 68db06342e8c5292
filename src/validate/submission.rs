//! A submission from its first rule to its last.
//!
//! Source: ITI TF-2 §3.42.4.1.3, ITI TF-3 §4.2 (R-42-01 to R-42-20).

mod associations;
mod attributes;
mod author;
mod document_entry;
mod ids;
mod packages;
mod shape;
mod structure;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use self::{
    associations::Surroundings,
    ids::Ids,
    structure::{Draft, Kind},
};
use super::{
    Rules, Tolerance,
    report::{Report, shown},
};
use crate::model::{BodyEncoder, EntryUuid, Finding, Submission, XdsErrorCode, rim::SubmitObjectsRequest};

pub(super) use self::structure::is_marked;

/// A submission that passed stages 1 to 4.
#[derive(Clone, Debug)]
pub struct Checked {
    /// All its objects, every id a UUID.
    pub submission: Submission,
    /// Findings of stage 7 that were seen already: references that lead nowhere, whatever the registry holds (R-ASC-06 to
    /// R-ASC-08). Report them with the other findings of stage 7; the associations concerned are not in `submission`.
    pub references: Vec<Finding>,
    /// Habits of the sender that were tolerated.
    pub tolerated: BTreeSet<Tolerance>,
}

/// Checks a submission (stages 1 to 4 of ITI-42) and makes its objects, each id a UUID and each body encoded.
///
/// Texts that are compared later (codes, authors, reference ids) are in NFC; uniqueIds and bodies are as they were sent.
///
/// # Errors
/// All findings of the first stage that has any.
pub fn submission(
    request: SubmitObjectsRequest,
    rules: &Rules,
    fresh: &mut dyn FnMut() -> EntryUuid,
    encode: BodyEncoder,
) -> Result<Checked, Vec<Finding>> {
    let mut report = Report::new(XdsErrorCode::RegistryMetadataError);
    let mut warnings = Vec::new();

    let mut drafts = structure::sort(request, rules, &mut report, &mut warnings);
    report.end_stage()?;

    let ids = Ids::assign(&drafts, fresh, &mut report);
    report.end_stage()?;

    let mut document_entries = Vec::new();
    let mut folders = Vec::new();
    let mut submission_set = None;
    for (number, (draft, uuid)) in drafts.iter().zip(&ids.uuids).enumerate() {
        match draft.kind {
            Kind::DocumentEntry => {
                document_entries.extend(document_entry::read(draft, *uuid, rules, &mut report).map(|it| (number, it)));
            }
            Kind::Folder => {
                folders.extend(packages::read_folder(draft, *uuid, rules, &mut report).map(|it| (number, it)))
            }
            Kind::SubmissionSet => {
                submission_set = packages::read_submission_set(draft, *uuid, rules, &mut report).map(|it| (number, it));
            }
            Kind::Association(_) => {}
        }
    }
    let found = associations::read(&Surroundings { drafts: &drafts, ids: &ids, rules }, &mut report);
    report.end_stage()?;

    check_unique_ids(&drafts, XdsErrorCode::RegistryDuplicateUniqueIdInMessage, "R-42-20", &mut report);
    report.end_stage()?;

    for number in &found.assumed_original {
        if let Some(draft) = drafts.get_mut(*number) {
            associations::write_original(&mut draft.object);
        }
    }
    let mut body = |number: usize| drafts.get(number).map(|draft| encode(&draft.object, fresh)).unwrap_or_default();
    let (number, mut submission_set) = submission_set.ok_or_else(|| {
        // Stage 1 made sure of one set, stage 3 of its attributes.
        vec![Finding::error(XdsErrorCode::RegistryMetadataError, "R-42-02", "The submission has no SubmissionSet")]
    })?;
    submission_set.body = body(number);
    let submission = Submission {
        submission_set,
        document_entries: document_entries
            .into_iter()
            .map(|(n, mut it)| {
                it.body = body(n);
                it
            })
            .collect(),
        folders: folders
            .into_iter()
            .map(|(n, mut it)| {
                it.body = body(n);
                it
            })
            .collect(),
        associations: found
            .associations
            .into_iter()
            .map(|(n, mut it)| {
                it.body = body(n);
                it
            })
            .collect(),
        warnings,
    };
    Ok(Checked { submission, references: found.references, tolerated: report.tolerated })
}

/// Stage 4: no uniqueId twice in one message, across entries, sets and folders.
fn check_unique_ids(drafts: &[Draft], code: XdsErrorCode, rule: &str, report: &mut Report) {
    let objects = drafts.iter().filter(|draft| !matches!(draft.kind, Kind::Association(_)));
    let values = objects.filter_map(|draft| Some((&*draft.label, unique_id(&draft.object)?)));
    refuse_repeated(values, code, rule, report);
}

/// The uniqueId of a document, set or folder.
pub(super) fn unique_id(object: &crate::model::rim::RegistryObject) -> Option<&str> {
    use crate::model::vocabulary as v;
    [v::DE_UNIQUE_ID, v::SS_UNIQUE_ID, v::FD_UNIQUE_ID]
        .into_iter()
        .find_map(|scheme| object.external_identifier(scheme))
}

/// Reports each uniqueId that occurs more than once.
pub(super) fn refuse_repeated<'a>(
    values: impl Iterator<Item = (&'a str, &'a str)>,
    code: XdsErrorCode,
    rule: &str,
    report: &mut Report,
) {
    let mut first = HashMap::new();
    for (label, value) in values {
        if let Some(other) = first.insert(value, label) {
            report.error(code, rule, format!("uniqueId {} is used by {other} and by {label}", shown(value)));
        }
    }
}
