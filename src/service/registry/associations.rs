//! Stage 7: where associations lead.
//!
//! In the order resolve, kinds, status, patient, what only one type demands; each step reports all it finds and stops
//! the submission (R-42-35).
//!
//! Source: ITI TF-3 §4.2.2 (R-ASC-02 to R-ASC-14).

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
};

use super::RegistrySettings;
use crate::{
    model::{
        Association, AssociationType, AvailabilityStatus, DocumentEntryType, EntryUuid, Finding, RequestContext,
        Submission, SubmissionSetStatus, XdsErrorCode,
    },
    service::{Access, ServiceError},
    store::{Combination, ObjectKind, ResolvedObject, Tx},
};

/// Objects of the registry that the submission points to.
pub(super) type Outside = HashMap<EntryUuid, ResolvedObject>;

/// What stands at an end of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    kind: ObjectKind,
    inside: bool,
    approved: bool,
    on_demand: bool,
    /// Survivor of its patient; absent for associations of the submission.
    patient: Option<i64>,
}

fn refuse(findings: Vec<Finding>) -> Result<(), ServiceError> {
    if findings.is_empty() { Ok(()) } else { Err(ServiceError::Refused(findings)) }
}

/// What is asked of the registry about the ends of associations.
pub(super) struct Registered<'a> {
    /// Who may point where.
    pub access: &'a Access,
    /// Who asks.
    pub ctx: &'a RequestContext,
    /// References that lead nowhere whatever the registry holds.
    pub unresolved: &'a [Finding],
    /// Set where something would change that belongs to another organisation.
    pub refused: &'a AtomicBool,
}

/// Finds every end that the submission does not bring along. Patients of those ends are locked, so that their status
/// holds until commit. What the submitter may not change or see is not told from what is not there (D2, S-CON-04).
pub(super) async fn resolve(
    tx: &mut Tx,
    submission: &Submission,
    registered: &Registered<'_>,
) -> Result<Outside, ServiceError> {
    let inside = inside(submission, 0);
    let mut wanted: Vec<EntryUuid> = submission
        .associations
        .iter()
        .flat_map(|a| [a.source, a.target])
        .filter(|id| !inside.contains_key(id))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut findings = registered.unresolved.to_vec();
    if wanted.is_empty() {
        return refuse(findings).map(|()| Outside::new());
    }
    let outside = tx.resolve(&wanted).await?;
    let out_of_reach = registered.out_of_reach(tx, submission, &outside).await?;
    for association in &submission.associations {
        for (name, id) in [("sourceObject", association.source), ("targetObject", association.target)] {
            let is_there = outside.contains_key(&id) && !out_of_reach.contains(&(association.entry_uuid, id));
            if !inside.contains_key(&id) && !is_there {
                let context =
                    format!("{}: {name} {id} is neither in the submission nor in the registry", association.entry_uuid);
                findings.push(Finding::error(XdsErrorCode::UnresolvedReference, "R-ASC-06", context));
            }
        }
    }
    refuse(findings)?;
    tx.lock_patient_keys(outside.values().map(|o| o.patient_key)).await?;
    Ok(tx.resolve(&wanted).await?)
}

impl Registered<'_> {
    /// Ends that the submitter must not use, as (association, end): what another organisation owns cannot be changed, and
    /// only those of its entries that the submitter may see can be members of something new.
    async fn out_of_reach(
        &self,
        tx: &mut Tx,
        submission: &Submission,
        outside: &Outside,
    ) -> Result<HashSet<(EntryUuid, EntryUuid)>, ServiceError> {
        let mut found = HashSet::new();
        let (mut referring, mut combinations) = (Vec::new(), Vec::new());
        for association in &submission.associations {
            for end in [association.source, association.target] {
                let Some(object) = outside.get(&end) else { continue };
                if self.access.may_change(self.ctx, object.owner_org_key) {
                    continue;
                }
                let is_reference = association.association_type == AssociationType::HasMember
                    && end == association.target
                    && object.kind == ObjectKind::DocumentEntry;
                if is_reference {
                    referring.push((association.entry_uuid, end));
                    combinations.push(Combination {
                        patient_key: object.patient_key,
                        owner: object.owner_org_key,
                        label: object.label.clone(),
                    });
                } else {
                    self.refused.store(true, Ordering::Relaxed);
                    found.insert((association.entry_uuid, end));
                }
            }
        }
        if !referring.is_empty() {
            let may = self.access.may_refer(tx, self.ctx, &combinations).await?;
            found.extend(referring.into_iter().zip(may).filter(|(_, may)| !may).map(|(place, _)| place));
        }
        Ok(found)
    }
}

fn inside(submission: &Submission, survivor_key: i64) -> HashMap<EntryUuid, End> {
    let end = |kind, on_demand| End { kind, inside: true, approved: true, on_demand, patient: Some(survivor_key) };
    let mut ends = HashMap::new();
    ends.insert(submission.submission_set.entry_uuid, end(ObjectKind::SubmissionSet, false));
    for entry in &submission.document_entries {
        let on_demand = entry.object_type == DocumentEntryType::OnDemand;
        ends.insert(entry.entry_uuid, end(ObjectKind::DocumentEntry, on_demand));
    }
    for folder in &submission.folders {
        ends.insert(folder.entry_uuid, end(ObjectKind::Folder, false));
    }
    for association in &submission.associations {
        ends.insert(association.entry_uuid, End { patient: None, ..end(ObjectKind::Association, false) });
    }
    ends
}

/// Checks every association of the submission against what stands at its ends.
pub(super) async fn check(
    tx: &mut Tx,
    submission: &Submission,
    survivor_key: i64,
    outside: &Outside,
    settings: &RegistrySettings,
) -> Result<(), ServiceError> {
    let mut ends = inside(submission, survivor_key);
    ends.extend(outside.iter().map(|(id, object)| {
        let end = End {
            kind: object.kind,
            inside: false,
            approved: object.status == AvailabilityStatus::Approved,
            on_demand: object.object_type == Some(DocumentEntryType::OnDemand),
            patient: Some(object.survivor_key),
        };
        (*id, end)
    }));
    let checks = Checks { submission, ends };
    for step in [Checks::kinds, Checks::status, Checks::patients, Checks::types] {
        refuse(submission.associations.iter().filter_map(|a| step(&checks, a)).collect())?;
    }
    if settings.allow_append_to_transformation {
        return Ok(());
    }
    checks.refuse_addenda_to_transformations(tx).await
}

struct Checks<'a> {
    submission: &'a Submission,
    ends: HashMap<EntryUuid, End>,
}

/// Names an association by its target too: its own id may be one that the sender never saw.
fn label(association: &Association) -> String {
    format!("{} to {}", association.entry_uuid, association.target)
}

fn metadata_error(association: &Association, rule: &str, text: &str) -> Option<Finding> {
    let context = format!("{}: {text}", label(association));
    Some(Finding::error(XdsErrorCode::RegistryMetadataError, rule, context))
}

impl Checks<'_> {
    fn ends(&self, association: &Association) -> Option<(End, End)> {
        Some((*self.ends.get(&association.source)?, *self.ends.get(&association.target)?))
    }

    fn kinds(&self, association: &Association) -> Option<Finding> {
        let (source, target) = self.ends(association)?;
        if association.association_type == AssociationType::HasMember {
            return self.member_kinds(association, source, target);
        }
        let unresolved = |rule: &str, text: &str| {
            let context = format!("{}: {text}", label(association));
            Some(Finding::error(XdsErrorCode::UnresolvedReference, rule, context))
        };
        if source.kind != ObjectKind::DocumentEntry || !source.inside {
            return unresolved("R-ASC-07", "sourceObject must be a DocumentEntry of this submission");
        }
        if target.kind != ObjectKind::DocumentEntry {
            return unresolved("R-ASC-08", "targetObject is not a DocumentEntry");
        }
        let needs_registry =
            association.association_type.replaces() || association.association_type == AssociationType::IsSnapshotOf;
        if needs_registry && target.inside {
            return unresolved("R-ASC-08", "targetObject must be a DocumentEntry that is registered already");
        }
        None
    }

    fn member_kinds(&self, association: &Association, source: End, target: End) -> Option<Finding> {
        match (source.kind, target.kind) {
            (ObjectKind::SubmissionSet, ObjectKind::DocumentEntry) => self.submission_set_status(association, target),
            (ObjectKind::SubmissionSet, _) if !source.inside => {
                metadata_error(association, "R-ASC-04", "nothing may be added to an earlier SubmissionSet")
            }
            (ObjectKind::SubmissionSet, ObjectKind::Folder) if target.inside => None,
            (ObjectKind::SubmissionSet, ObjectKind::Folder) => {
                metadata_error(association, "R-ASC-05", "a SubmissionSet holds only Folders of its own submission")
            }
            (ObjectKind::SubmissionSet, ObjectKind::Association) if target.inside => None,
            (ObjectKind::Folder, ObjectKind::DocumentEntry) => None,
            (ObjectKind::Folder, ObjectKind::Folder) => {
                metadata_error(association, "R-ASC-05", "a Folder cannot be a member of a Folder")
            }
            _ => metadata_error(association, "R-ASC-05", "HasMember joins no such pair of objects"),
        }
    }

    fn submission_set_status(&self, association: &Association, target: End) -> Option<Finding> {
        if association.source != self.submission.submission_set.entry_uuid {
            return metadata_error(association, "R-ASC-04", "nothing may be added to an earlier SubmissionSet");
        }
        match (association.submission_set_status, target.inside) {
            (Some(SubmissionSetStatus::Original), true) | (Some(SubmissionSetStatus::Reference), false) => None,
            (Some(SubmissionSetStatus::Original), false) => metadata_error(
                association,
                "R-ASC-02",
                "SubmissionSetStatus Original needs a targetObject in the submission",
            ),
            (Some(SubmissionSetStatus::Reference), true) => metadata_error(
                association,
                "R-ASC-02",
                "SubmissionSetStatus Reference needs a targetObject that is registered already",
            ),
            (None, _) => metadata_error(association, "R-ASC-02", "missing slot SubmissionSetStatus"),
        }
    }

    fn status(&self, association: &Association) -> Option<Finding> {
        let (source, target) = self.ends(association)?;
        let deprecated = |rule: &str| {
            let context = format!("{}: targetObject {} is deprecated", association.entry_uuid, association.target);
            Some(Finding::error(XdsErrorCode::RegistryDeprecatedDocument, rule, context))
        };
        if !target.approved && target.kind == ObjectKind::DocumentEntry {
            let rule = match (association.association_type, source.kind) {
                (AssociationType::HasMember, ObjectKind::Folder) => "R-ASC-13",
                (AssociationType::HasMember, _) => "R-ASC-14",
                _ => "R-ASC-09",
            };
            return deprecated(rule);
        }
        if !source.approved && source.kind == ObjectKind::Folder {
            return metadata_error(association, "R-ASC-13", "sourceObject is a Folder that is not Approved");
        }
        let replaced_twice = association.association_type.replaces()
            && self
                .submission
                .associations
                .iter()
                .take_while(|other| other.entry_uuid != association.entry_uuid)
                .any(|other| other.association_type.replaces() && other.target == association.target);
        if replaced_twice { deprecated("R-ASC-23") } else { None }
    }

    fn patients(&self, association: &Association) -> Option<Finding> {
        let (source, target) = self.ends(association)?;
        let rule = match (association.association_type, source.kind) {
            (AssociationType::HasMember, ObjectKind::Folder) => "R-ASC-13",
            (AssociationType::HasMember, _) => return None,
            _ => "R-ASC-10",
        };
        if source.patient == target.patient {
            return None;
        }
        let context = format!("{}: sourceObject and targetObject belong to different patients", association.entry_uuid);
        Some(Finding::error(XdsErrorCode::PatientIdDoesNotMatch, rule, context))
    }

    fn types(&self, association: &Association) -> Option<Finding> {
        let (source, target) = self.ends(association)?;
        if association.association_type == AssociationType::IsSnapshotOf && (source.on_demand || !target.on_demand) {
            return metadata_error(association, "R-ASC-11", "a snapshot is a Stable entry of an On-Demand entry");
        }
        None
    }

    /// An addendum belongs to the original, not to its transformation (R-ASC-12).
    async fn refuse_addenda_to_transformations(&self, tx: &mut Tx) -> Result<(), ServiceError> {
        let addenda: Vec<&Association> =
            self.submission.associations.iter().filter(|a| a.association_type == AssociationType::Append).collect();
        if addenda.is_empty() {
            return Ok(());
        }
        let mut transformations: HashSet<EntryUuid> = self
            .submission
            .associations
            .iter()
            .filter(|a| a.association_type == AssociationType::Transform)
            .map(|a| a.source)
            .collect();
        let targets: Vec<EntryUuid> = addenda.iter().map(|a| a.target).collect();
        transformations.extend(tx.is_transformation(&targets).await?);
        refuse(
            addenda
                .into_iter()
                .filter(|a| transformations.contains(&a.target))
                .filter_map(|a| {
                    metadata_error(a, "R-ASC-12", "targetObject is a transformation; append to its original")
                })
                .collect(),
        )
    }
}
