//! Stage 8: what a submission does to what was there before.
//!
//! Source: ITI TF-3 §4.2.2.2 (R-ASC-20 to R-ASC-25).

use std::collections::HashSet;

use super::associations::Outside;
use crate::{
    model::{
        Association, AssociationType, BodyEncoder, EntryUuid, Finding, RequestContext, Submission, XdsErrorCode, rim,
        vocabulary,
    },
    service::ServiceError,
    store::{ObjectKind, Tx},
};

/// Changes beside the new objects.
pub(super) struct Effects {
    ctx: RequestContext,
    encode: BodyEncoder,
    /// Entries that become Deprecated.
    pub deprecated: Vec<EntryUuid>,
    /// Registered folders whose lastUpdateTime becomes now.
    pub touched_folders: Vec<EntryUuid>,
    /// Memberships that the registry adds.
    pub generated: Vec<Association>,
}

impl Effects {
    pub(super) fn new(ctx: RequestContext, encode: BodyEncoder) -> Self {
        Self { ctx, encode, deprecated: Vec::new(), touched_folders: Vec::new(), generated: Vec::new() }
    }

    /// Works out all effects of the submission; changes nothing yet.
    pub(super) async fn collect(
        &mut self,
        tx: &mut Tx,
        submission: &Submission,
        survivor_key: i64,
        outside: &Outside,
    ) -> Result<(), ServiceError> {
        for association in &submission.associations {
            let source_is_folder = outside.get(&association.source).is_some_and(|o| o.kind == ObjectKind::Folder);
            if association.association_type == AssociationType::HasMember && source_is_folder {
                self.touch(association.source);
            }
        }
        let replacements: Vec<&Association> =
            submission.associations.iter().filter(|a| a.association_type.replaces()).collect();
        if replacements.is_empty() {
            return Ok(());
        }
        self.deprecate_cascade(tx, replacements.iter().map(|a| a.target).collect()).await?;
        let mut findings = Vec::new();
        for replacement in replacements {
            findings.extend(self.join_folders(tx, submission, survivor_key, replacement).await?);
        }
        if findings.is_empty() { Ok(()) } else { Err(ServiceError::Refused(findings)) }
    }

    fn touch(&mut self, folder: EntryUuid) {
        if !self.touched_folders.contains(&folder) {
            self.touched_folders.push(folder);
        }
    }

    /// The replaced entries, and with them their addenda and transformations, and those of these (R-ASC-20, R-ASC-21).
    async fn deprecate_cascade(&mut self, tx: &mut Tx, replaced: Vec<EntryUuid>) -> Result<(), ServiceError> {
        let mut seen: HashSet<EntryUuid> = replaced.iter().copied().collect();
        let mut next = replaced;
        while !next.is_empty() {
            let dependents =
                tx.association_sources(&next, &[AssociationType::Transform, AssociationType::Append]).await?;
            self.deprecated.append(&mut next);
            next = dependents.into_iter().map(|row| row.source).filter(|source| seen.insert(*source)).collect();
        }
        Ok(())
    }

    /// The replacement takes the place of the replaced entry in every folder (R-ASC-22).
    async fn join_folders(
        &mut self,
        tx: &mut Tx,
        submission: &Submission,
        survivor_key: i64,
        replacement: &Association,
    ) -> Result<Vec<Finding>, ServiceError> {
        let mut findings = Vec::new();
        for folder in tx.folders_holding(&replacement.target).await? {
            if folder.survivor_key != survivor_key {
                let context = format!(
                    "{}: a Folder that holds the replaced document belongs to another patient",
                    replacement.entry_uuid
                );
                findings.push(Finding::error(XdsErrorCode::PatientIdDoesNotMatch, "R-ASC-22", context));
                continue;
            }
            self.touch(folder.entry_uuid);
            let is_member = |a: &Association| {
                a.association_type == AssociationType::HasMember
                    && a.source == folder.entry_uuid
                    && a.target == replacement.source
            };
            if submission.associations.iter().any(is_member) || self.generated.iter().any(is_member) {
                continue;
            }
            let membership = self.has_member(folder.entry_uuid, replacement.source);
            let of_the_set = self.has_member(submission.submission_set.entry_uuid, membership.entry_uuid);
            self.generated.extend([membership, of_the_set]);
        }
        Ok(findings)
    }

    fn has_member(&mut self, source: EntryUuid, target: EntryUuid) -> Association {
        let kind = rim::RimKind::Association {
            association_type: vocabulary::ASSOCIATION_HAS_MEMBER.into(),
            source_object: source.to_string().into(),
            target_object: target.to_string().into(),
        };
        let ctx = &mut self.ctx;
        Association {
            entry_uuid: ctx.fresh_uuid(),
            association_type: AssociationType::HasMember,
            source,
            target,
            submission_set_status: None,
            body: (self.encode)(&rim::RegistryObject::new(kind), &mut || ctx.fresh_uuid()),
        }
    }
}
