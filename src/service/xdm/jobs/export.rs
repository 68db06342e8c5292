//! The job that makes a package. Source: R-32-60, R-32-62.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ExportOrder, Packages, caller::Begun, mailing::NotSent, settle::Next};
use crate::{
    model::{
        NodeKey,
        xdm::{Direction, PackageId, PackageState},
    },
    service::{
        jobs::Outcome,
        xdm::export::{self, ExportError, Exported, Record, Room, Target},
    },
    store::{PackageJob, Settlement, TakenJob},
};

/// What a package is called in the audit trail.
pub(super) fn place(id: PackageId) -> String {
    format!("urn:knoop:xdm-package:{id}")
}

impl Packages {
    /// Makes the package of a job. One that was begun before, and not told of, is made anew.
    pub(super) async fn export(self, job: TakenJob) -> Outcome {
        let Begun { package, mut ctx, .. } = match self.begin(&job).await {
            Ok(begun) => begun,
            Err(not_begun) => return self.not_begun(&job, not_begun).await,
        };
        let id = package.package_id;
        let fail = |problem: String| self.failed(&job, &package, problem);
        let Some(origin) = &self.shared.origin else {
            return fail("XdmNotHere: registry or repository are not here".to_owned()).await;
        };
        let path = self.shared.files.path(Direction::Export, id);
        if let Err(error) = self.shared.files.remove(id).await {
            return again(id, &error);
        }
        let order: Option<ExportOrder> = serde_json::from_str(&package.order).ok();
        let sender = &ctx.caller.node.organisation;
        let request = order
            .as_ref()
            .and_then(|it| it.request(sender, &self.shared.settings.export, Target::Zip(path.clone())).ok());
        let Some(mut request) = request else {
            return fail("XdmOrder: the order cannot be understood any more".to_owned()).await;
        };
        request.room = Some(self.room_for(PackageJob { package_id: id, job_id: job.job_id }, package.node_key));
        let record = Record { auditor: self.shared.auditor.clone(), actor: None, name: Some(place(id)) };
        let made = export::export(&mut ctx, origin, &request, Some(&record), Arc::new(|_| {})).await;
        let made = match made {
            Ok(made) => made,
            Err(error) if error.may_pass() => return again(id, &error),
            Err(error) => return fail(told(&error)).await,
        };
        let octets = match tokio::fs::metadata(&path).await {
            Ok(metadata) => metadata.len(),
            Err(error) => return again(id, &error),
        };
        let mail = match self.mail_of(&mut ctx, &order.unwrap_or_default(), id, &path).await {
            Ok(mail) => mail,
            Err(NotSent::NotNow(error)) => return again(id, &error),
            Err(NotSent::Never(problem)) => {
                return match self.shared.files.remove(id).await {
                    Ok(()) => fail(problem).await,
                    Err(error) => again(id, &error),
                };
            }
        };
        let ended_ms = (self.shared.clock)();
        let settlement = Settlement {
            state: PackageState::Done,
            report: Some(report(&made).to_string()),
            problem: None,
            file: Some(super::PackageFiles::name(Direction::Export, id)),
            octets: Some(octets),
            ended_ms,
            expires_ms: self.expiry(ended_ms),
        };
        let next = mail.clone().map_or(Next::Nothing, |mail| Next::Mail(Box::new(mail)));
        match self.settle(job.lease, id, settlement, next).await {
            Ok(true) => {
                tracing::info!(package = %id, octets, sets = made.sets.len(), "made a package");
                Outcome::Settled
            }
            Ok(false) => {
                // Withdrawn at the last moment: nobody may find it.
                self.undo_mail(&ctx, mail.as_ref()).await;
                let removed = self.shared.files.remove(id).await;
                removed.map_or_else(|error| again(id, &error), |()| Outcome::Settled)
            }
            Err(error) => again(id, &error),
        }
    }

    /// Room beside the other packages of a node, those that are being made included.
    fn room_for(&self, job: PackageJob, node_key: NodeKey) -> Room {
        let (store, share) = (self.shared.store.clone(), self.shared.settings.node_bytes);
        Room::new(move |octets| {
            let store = store.clone();
            Box::pin(async move {
                let kept = store
                    .write(move |tx| Box::pin(async move { tx.reserve_xdm_room(job, node_key, octets, share).await }));
                kept.await
            })
        })
    }
}

/// Trouble of our own: what it was stays in the log.
pub(super) fn again(id: PackageId, error: &dyn std::fmt::Display) -> Outcome {
    tracing::warn!(package = %id, %error, "the job of a package is tried again");
    Outcome::Again("XdmIo: trouble of this server; see its log".to_owned())
}

/// Why there is no package, without what a registry said in words.
fn told(error: &ExportError) -> String {
    let (code, text) = (error.code(), error.to_string());
    match error {
        ExportError::Refused(_) => format!("{code}: refused by the registry or the repository"),
        _ if text.starts_with(code) => text,
        _ => format!("{code}: {text}"),
    }
}

/// What was made, as JSON.
fn report(made: &Exported) -> Value {
    let sets: Vec<Value> = made
        .sets
        .iter()
        .map(|set| {
            let document = |(id, path): &(Arc<str>, String)| json!({ "uniqueId": &**id, "path": path });
            let documents: Vec<Value> = set.documents.iter().map(document).collect();
            let mut told = json!({
                "directory": set.directory,
                "uniqueId": set.unique_id,
                "patientId": set.patient_id,
                "documents": documents,
            });
            if let Some((part, parts)) = set.part {
                (told["part"], told["parts"]) = (part.into(), parts.into());
            }
            told
        })
        .collect();
    let mut told = json!({
        "submissionSets": sets,
        "documents": made.sets.iter().map(|set| set.documents.len()).sum::<usize>(),
        "documentBytes": made.document_bytes,
        "dicomObjects": made.dicom_objects,
        "warnings": made.warnings,
    });
    if !made.unsearched.is_empty() {
        told["unsearched"] = made.unsearched.iter().map(|unique_id| &**unique_id).collect();
    }
    told
}
