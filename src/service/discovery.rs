//! Whom a community makes known: the decision and the record behind ITI-55.
//!
//! That a patient is known somewhere tells of a record there. So nobody is told of without a permit for something that is
//! kept of them, and the answer is then that of a patient who is not known.
//!
//! Source: spec security S-CON-06, S-AUD row 14; ITI TF-2 §3.55.

use super::{Access, Auditor, ServiceError, audit::events};
use crate::model::{AuditOutcome, PatientId, RequestContext};

/// Tells other communities of patients, as far as they may know.
#[derive(Clone)]
pub struct PatientDiscovery {
    access: Access,
    auditor: Auditor,
}

impl PatientDiscovery {
    /// By these rules, with this audit trail.
    pub fn new(access: Access, auditor: Auditor) -> Self {
        Self { access, auditor }
    }

    /// Of the patients who match a query, those of whom may be told. Recorded before it answers.
    ///
    /// # Errors
    /// When it cannot be decided or recorded; nobody is told of then.
    pub async fn tell(
        &self,
        ctx: &RequestContext,
        query: &events::DiscoveryQuery<'_>,
        matching: Vec<PatientId>,
    ) -> Result<Vec<PatientId>, ServiceError> {
        let told = self.may_know(ctx, matching).await;
        let verdict = match &told {
            Ok(_) => events::Verdict::success(),
            Err(_) => events::Verdict::failure(AuditOutcome::Major, "XCPD-INTERNAL", ""),
        };
        let patients: Vec<String> = told.iter().flatten().map(ToString::to_string).collect();
        let event = events::patient_discovery(&self.auditor.parties(ctx), query, &patients, verdict);
        self.auditor.record(vec![event]).await?;
        told
    }

    async fn may_know(&self, ctx: &RequestContext, matching: Vec<PatientId>) -> Result<Vec<PatientId>, ServiceError> {
        let mut known = Vec::with_capacity(matching.len());
        for patient in matching {
            if self.access.tells_of(ctx, &patient).await? {
                known.push(patient);
            }
        }
        Ok(known)
    }
}
