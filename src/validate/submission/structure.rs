//! Stage 1: what kind each object is, and whether it is made of what its kind has.
//!
//! Source: ITI TF-3 §4.1.4, §4.2.1 (R-42-01 to R-42-08, R-META-01, R-META-11, R-ASC-01).

use std::collections::HashMap;

use super::{
    ids::{id_key, same_id, same_urn},
    shape,
};
use crate::{
    model::{
        AssociationType, DocumentEntryType, Finding,
        rim::{Classification, RegistryObject, RimKind, SubmitObjectsRequest},
        vocabulary as v,
    },
    validate::{
        Rules,
        report::{Report, shortened, shown},
    },
};

/// What an object of a submission is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    DocumentEntry,
    SubmissionSet,
    Folder,
    Association(AssociationType),
}

/// An object of a submission while it is judged.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) object: RegistryObject,
    pub(super) kind: Kind,
    /// What it is called in messages: its id, or its element and place.
    pub(super) label: Box<str>,
}

/// Sorts the objects of a submission. Those whose kind cannot be told are reported and left out.
pub(super) fn sort(
    request: SubmitObjectsRequest,
    rules: &Rules,
    report: &mut Report,
    warnings: &mut Vec<Finding>,
) -> Vec<Draft> {
    let SubmitObjectsRequest { mut objects, classifications, foreign_elements, .. } = request;
    for name in &foreign_elements {
        let context = format!(
            "The RegistryObjectList holds a {}; ExtrinsicObject, RegistryPackage, Association and Classification may be there",
            shown(name)
        );
        report.metadata("R-42-01", context);
    }
    for object in &mut objects {
        object.id = object.id.take().filter(|id| !id.is_empty());
    }
    adopt(classifications, &mut objects, report);
    let total = objects.len();
    let mut drafts = Vec::with_capacity(total);
    for (number, mut object) in objects.into_iter().enumerate() {
        let label = label(&object, number);
        let Some(kind) = kind(&object, &label, report) else { continue };
        let shape = match kind {
            Kind::DocumentEntry => &shape::DOCUMENT_ENTRY,
            Kind::SubmissionSet => &shape::SUBMISSION_SET,
            Kind::Folder => &shape::FOLDER,
            Kind::Association(_) => &shape::ASSOCIATION,
        };
        shape.check(&mut object, &label, rules, report, warnings);
        drafts.push(Draft { object, kind, label });
    }
    check_contents(&drafts, drafts.len() == total, report);
    drafts
}

/// What an object is called in messages.
fn label(object: &RegistryObject, number: usize) -> Box<str> {
    let element = match object.kind {
        RimKind::ExtrinsicObject { .. } => "ExtrinsicObject",
        RimKind::RegistryPackage => "RegistryPackage",
        RimKind::Association { .. } => "Association",
    };
    match object.id.as_deref() {
        Some(id) => shortened(id).into(),
        None => format!("{element} (object {})", number + 1).into(),
    }
}

/// Puts classifications that stand beside the objects into the objects that they classify (R-META-01).
fn adopt(classifications: Vec<Classification>, objects: &mut [RegistryObject], report: &mut Report) {
    if classifications.is_empty() {
        return;
    }
    let mut by_id: HashMap<String, usize> = HashMap::with_capacity(objects.len());
    for (number, object) in objects.iter().enumerate() {
        if let Some(id) = object.id.as_deref() {
            by_id.entry(id_key(id).into_owned()).or_insert(number);
        }
    }
    for classification in classifications {
        let classified = classification.classified_object.as_deref().unwrap_or_default();
        match by_id.get(&*id_key(classified)).and_then(|number| objects.get_mut(*number)) {
            Some(object) => {
                let node = classification.classification_node.as_deref().unwrap_or_default();
                if node.is_empty() || !has_node(object, node) {
                    object.classifications.push(classification);
                }
            }
            None => {
                let context = format!(
                    "A Classification beside the objects has classifiedObject {}, which is not in the submission",
                    shown(classified)
                );
                report.metadata("R-META-01", context);
            }
        }
    }
}

fn has_node(object: &RegistryObject, node: &str) -> bool {
    object.classifications.iter().any(|c| c.classification_node.as_deref().is_some_and(|n| same_urn(node, n)))
}

/// Whether a package is marked with a node, inside or by a classification beside it.
pub(in crate::validate) fn is_marked(package: &RegistryObject, siblings: &[Classification], node: &str) -> bool {
    has_node(package, node)
        || siblings.iter().any(|c| {
            c.classification_node.as_deref().is_some_and(|n| same_urn(node, n))
                && c.classified_object.as_deref().is_some_and(|object| same_id(object, package.id.as_deref()))
        })
}

fn kind(object: &RegistryObject, label: &str, report: &mut Report) -> Option<Kind> {
    match &object.kind {
        RimKind::ExtrinsicObject { .. } => {
            let object_type = object.object_type.as_deref().unwrap_or_default();
            let problem = match DocumentEntryType::from_urn(object_type) {
                Some(DocumentEntryType::Stable) => return Some(Kind::DocumentEntry),
                Some(DocumentEntryType::OnDemand) => "is On-Demand, which ITI-61 registers",
                None => "is not that of a Stable DocumentEntry",
            };
            report.metadata("R-42-03", format!("{label}: objectType {} {problem}", shown(object_type)));
            None
        }
        RimKind::RegistryPackage => {
            match (has_node(object, v::SUBMISSION_SET_NODE), has_node(object, v::FOLDER_NODE)) {
                (true, false) => return Some(Kind::SubmissionSet),
                (false, true) => return Some(Kind::Folder),
                (true, true) => {
                    report.metadata("R-META-01", format!("{label}: marked as SubmissionSet and as Folder"));
                }
                (false, false) => report.metadata(
                    "R-META-01",
                    format!("{label}: no Classification marks this RegistryPackage as SubmissionSet or Folder"),
                ),
            }
            None
        }
        RimKind::Association { association_type, .. } => match AssociationType::from_urn(association_type) {
            Some(association_type) => Some(Kind::Association(association_type)),
            None => {
                let context = format!(
                    "{label}: associationType {} is not one that ITI-42 registers; write the whole URN",
                    shown(association_type)
                );
                report.metadata("R-ASC-01", context);
                None
            }
        },
    }
}

/// What is missing can only be told when every object's kind is known.
fn check_contents(drafts: &[Draft], complete: bool, report: &mut Report) {
    let sets: Vec<&Draft> = drafts.iter().filter(|draft| draft.kind == Kind::SubmissionSet).collect();
    if sets.len() > 1 || (sets.is_empty() && complete) {
        let count = sets.len();
        report.metadata("R-42-02", format!("The submission has {count} SubmissionSets, exactly one is required"));
    }
    let brings_something = drafts.iter().any(|draft| match (&draft.object.kind, draft.kind) {
        (_, Kind::DocumentEntry | Kind::Folder) => true,
        (RimKind::Association { source_object, .. }, Kind::Association(AssociationType::HasMember)) => {
            !sets.iter().any(|set| same_id(source_object, set.object.id.as_deref()))
        }
        _ => false,
    });
    if !brings_something && complete {
        let context = "The submission has no DocumentEntry, no Folder and no membership of a document in a Folder";
        report.metadata("R-42-04", context.to_owned());
    }
}
