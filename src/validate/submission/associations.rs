//! Stage 3 for associations: what can be judged without the registry.
//!
//! Source: ITI TF-3 §4.2.2, §4.1.4 (R-ASC-01 to R-ASC-08, R-ASC-15 to R-ASC-17).

use std::collections::HashSet;

use super::{
    attributes::Attributes,
    ids::{End, Ids},
    structure::{Draft, Kind},
};
use crate::{
    model::{
        Association, AssociationType, Body, Finding, SubmissionSetStatus, XdsErrorCode,
        rim::{RegistryObject, RimKind, Slot},
        vocabulary as v,
    },
    validate::{
        Rules, Tolerance,
        report::{Report, shown},
    },
};

const ORIGINAL: &str = "Original";
const REFERENCE: &str = "Reference";

/// What is known of a submission when its associations are judged.
pub(super) struct Surroundings<'a> {
    pub(super) drafts: &'a [Draft],
    pub(super) ids: &'a Ids,
    pub(super) rules: &'a Rules,
}

/// One association with its ends resolved.
struct Link {
    association_type: AssociationType,
    source: End,
    target: End,
}

/// The associations of a submission, each with the number of its object.
pub(super) struct Associations {
    pub(super) associations: Vec<(usize, Association)>,
    /// Findings of stage 7 (R-ASC-06 to R-ASC-08).
    pub(super) references: Vec<Finding>,
    /// Numbers of the associations whose status the sender left out, to be Original.
    pub(super) assumed_original: Vec<usize>,
}

/// Judges all associations of a submission.
pub(super) fn read(around: &Surroundings<'_>, report: &mut Report) -> Associations {
    let mut out = Associations { associations: Vec::new(), references: Vec::new(), assumed_original: Vec::new() };
    let mut seen = HashSet::new();
    let mut members = HashSet::new();
    for (number, draft) in around.drafts.iter().enumerate() {
        let Some((link, source_text, target_text)) = around.link(draft) else { continue };
        let mut it = Attributes::new(draft, around.rules, report);
        it.codes(v::ASSOCIATION_DOCUMENTATION, "documentation");
        it.home();
        if let (Some(source), Some(target)) = (around.ids.uuid(link.source), around.ids.uuid(link.target)) {
            if source == target {
                it.refuse("R-ASC-17", "sourceObject and targetObject are the same object");
                continue;
            }
            if !seen.insert((link.association_type, source, target)) {
                let problem = "another association of the submission has the same type, source and target";
                it.refuse("R-ASC-16", problem);
                continue;
            }
        }
        let status = if link.association_type == AssociationType::HasMember {
            around.check_membership(number, &link, &mut it, &mut members, &mut out)
        } else {
            None
        };
        let before = out.references.len();
        around.check_references(&link, draft, [source_text, target_text], &mut out.references);
        if out.references.len() > before {
            continue;
        }
        if let (Some(source), Some(target), Some(entry_uuid)) =
            (around.ids.uuid(link.source), around.ids.uuid(link.target), around.ids.uuids.get(number))
        {
            out.associations.push((
                number,
                Association {
                    entry_uuid: *entry_uuid,
                    association_type: link.association_type,
                    source,
                    target,
                    submission_set_status: status,
                    body: Body::default(),
                },
            ));
        }
    }
    around.check_every_member(&members, report);
    out
}

impl<'a> Surroundings<'a> {
    fn link(&self, draft: &'a Draft) -> Option<(Link, &'a str, &'a str)> {
        match (&draft.object.kind, draft.kind) {
            (RimKind::Association { source_object, target_object, .. }, Kind::Association(association_type)) => {
                let (source, target) = (self.ids.resolve(source_object), self.ids.resolve(target_object));
                Some((Link { association_type, source, target }, source_object, target_object))
            }
            _ => None,
        }
    }

    fn kind(&self, end: End) -> Option<Kind> {
        match end {
            End::Inside(number) => self.drafts.get(number).map(|draft| draft.kind),
            End::Outside(_) | End::Undefined => None,
        }
    }

    /// Whether an object of the submission is the membership of a document in a folder.
    fn is_folder_membership(&self, number: usize) -> bool {
        self.drafts.get(number).and_then(|draft| self.link(draft)).is_some_and(|(link, ..)| {
            link.association_type == AssociationType::HasMember
                && match link.source {
                    End::Inside(_) => self.kind(link.source) == Some(Kind::Folder),
                    End::Outside(_) => true,
                    End::Undefined => false,
                }
        })
    }

    /// Checks the kinds of both ends (R-ASC-05) and SubmissionSetStatus (R-ASC-02); notes members of the set.
    fn check_membership(
        &self,
        number: usize,
        link: &Link,
        it: &mut Attributes<'_>,
        members: &mut HashSet<usize>,
        out: &mut Associations,
    ) -> Option<SubmissionSetStatus> {
        let has_documentation = it.object.classifications.iter().any(|c| c.classification_scheme.is_some());
        if has_documentation {
            it.refuse("R-ASC-15", "documentation is for relationships of documents, not for HasMember");
        }
        match (self.kind(link.source), self.kind(link.target), link.target) {
            (Some(Kind::SubmissionSet), Some(Kind::DocumentEntry), End::Inside(member)) => {
                members.insert(member);
                let status = self.status(number, it, Some(ORIGINAL), out);
                if status == Some(SubmissionSetStatus::Reference) {
                    let problem = "SubmissionSetStatus 'Reference' on a document of this submission, which is Original";
                    it.refuse("R-ASC-02", problem);
                }
                status
            }
            (Some(Kind::SubmissionSet), Some(Kind::Folder), End::Inside(member)) => {
                members.insert(member);
                None
            }
            (Some(Kind::SubmissionSet), Some(Kind::Association(kind)), End::Inside(member)) => {
                if kind == AssociationType::HasMember && !self.is_folder_membership(member) {
                    let problem = "the SubmissionSet has as member an association that is no membership in a Folder";
                    it.refuse("R-ASC-05", problem);
                }
                members.insert(member);
                None
            }
            (Some(Kind::SubmissionSet), None, End::Outside(_)) => self.status(number, it, Some(REFERENCE), out),
            (_, _, End::Undefined) => None,
            _ if link.source == End::Undefined => None,
            (Some(Kind::Folder) | None, Some(Kind::DocumentEntry) | None, _) => None,
            (source, target, _) => {
                let problem = format_args!(
                    "HasMember from {} to {}; SubmissionSet to document, Folder or folder membership, and Folder to document are allowed",
                    name(source),
                    name(target)
                );
                it.refuse("R-ASC-05", problem);
                None
            }
        }
    }

    fn status(
        &self,
        number: usize,
        it: &mut Attributes<'_>,
        expected: Option<&str>,
        out: &mut Associations,
    ) -> Option<SubmissionSetStatus> {
        let Some(text) = it.optional(v::SLOT_SUBMISSION_SET_STATUS) else {
            let several = it.object.slot(v::SLOT_SUBMISSION_SET_STATUS).is_some_and(|slot| slot.values.len() > 1);
            if self.rules.assume_original && expected == Some(ORIGINAL) && !several {
                it.report.tolerate(Tolerance::AssumedOriginal);
                out.assumed_original.push(number);
                return Some(SubmissionSetStatus::Original);
            }
            if !several {
                let expected = expected.unwrap_or_default();
                it.refuse("R-ASC-02", format_args!("missing SubmissionSetStatus, '{expected}' is expected here"));
            }
            return None;
        };
        match text {
            ORIGINAL => Some(SubmissionSetStatus::Original),
            REFERENCE => Some(SubmissionSetStatus::Reference),
            other => {
                it.refuse_value("R-ASC-02", v::SLOT_SUBMISSION_SET_STATUS, other, "it is Original or Reference");
                None
            }
        }
    }

    /// Ends that lead nowhere whatever the registry holds (R-ASC-06 to R-ASC-08).
    fn check_references(&self, link: &Link, draft: &Draft, texts: [&str; 2], references: &mut Vec<Finding>) {
        let label = &draft.label;
        let mut unresolved = |rule: &str, problem: String| {
            references.push(Finding::error(XdsErrorCode::UnresolvedReference, rule, format!("{label}: {problem}")));
        };
        for ((end, text), what) in
            [link.source, link.target].into_iter().zip(texts).zip(["sourceObject", "targetObject"])
        {
            if end == End::Undefined {
                let problem =
                    format!("{what} {} is not defined in the submission; others are named by UUID", shown(text));
                unresolved("R-ASC-06", problem);
            }
        }
        let [source, target] = texts;
        let (source_kind, target_kind) = (self.kind(link.source), self.kind(link.target));
        if link.association_type == AssociationType::HasMember {
            return;
        }
        if link.source != End::Undefined && source_kind != Some(Kind::DocumentEntry) {
            let problem = format!("sourceObject {} is not a DocumentEntry of this submission", shown(source));
            unresolved("R-ASC-07", problem);
        }
        let wants_registry = link.association_type.replaces() || link.association_type == AssociationType::IsSnapshotOf;
        match (link.target, target_kind) {
            (End::Inside(_), _) if wants_registry => {
                let problem = format!("targetObject {} is in this submission, not in the registry", shown(target));
                unresolved("R-ASC-08", problem);
            }
            (End::Inside(_), kind) if kind != Some(Kind::DocumentEntry) => {
                unresolved("R-ASC-08", format!("targetObject {} is not a DocumentEntry", shown(target)));
            }
            _ => {}
        }
    }

    /// Every document, folder and membership in a folder is a member of the set (R-ASC-03).
    fn check_every_member(&self, members: &HashSet<usize>, report: &mut Report) {
        for (number, draft) in self.drafts.iter().enumerate() {
            let needs_membership = match draft.kind {
                Kind::DocumentEntry | Kind::Folder => true,
                Kind::SubmissionSet => false,
                Kind::Association(_) => self.is_folder_membership(number),
            };
            if needs_membership && !members.contains(&number) {
                let context = format!("{}: the SubmissionSet has no HasMember association to it", draft.label);
                report.metadata("R-ASC-03", context);
            }
        }
    }
}

const fn name(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::DocumentEntry) => "a document",
        Some(Kind::SubmissionSet) => "the SubmissionSet",
        Some(Kind::Folder) => "a Folder",
        Some(Kind::Association(_)) => "an association",
        None => "an object outside the submission",
    }
}

/// Writes the status that the sender left out, so that answers hold it.
pub(super) fn write_original(object: &mut RegistryObject) {
    object.slots.retain(|slot| &*slot.name != v::SLOT_SUBMISSION_SET_STATUS);
    object.slots.push(Slot { name: v::SLOT_SUBMISSION_SET_STATUS.into(), values: vec![ORIGINAL.into()] });
}
