//! What the repository tells the audit: rows 8 and 9 of a submission, row 12 of a retrieve.

use std::collections::BTreeMap;

use super::Repository;
use crate::{
    model::{AuditEvent, EntryUuid, Finding, RequestContext, rim::DocumentRequest},
    service::{
        access::{Ruling, record},
        audit::events::{self, AuditedDocument, MediaImport, Verdict},
        registry::Identified,
    },
    store::{DocumentRow, PackageJob, StoreError},
};

/// The ITI-42 behind an ITI-41.
pub(super) enum Hop {
    /// It was not come to.
    NotReached,
    /// To the registry of this process.
    Within,
    /// To the registry at this address.
    To(String),
}

/// A submission as events tell of it.
pub(super) struct Sending<'a> {
    /// Its patient and SubmissionSet.
    pub identified: Identified,
    /// The medium that it came on; none where it came as an ITI-41.
    pub media: Option<&'a MediaImport<'a>>,
    /// The job in which it is taken from a package.
    pub job: Option<PackageJob>,
}

/// One document that was asked for, and what became of it.
pub(super) struct Asked<'a> {
    pub request: &'a DocumentRequest,
    /// Absent when it is not known here.
    pub row: Option<&'a DocumentRow>,
    /// Why it was not given.
    pub refused: Option<&'a Finding>,
    /// It is here, and may not be seen.
    pub denied: bool,
}

/// Documents of one event: their patient, whether they were refused, and whether access to them was denied.
type Group = (Option<String>, bool, bool);

impl Repository {
    /// The events of a submission.
    pub(super) fn submitted(
        &self,
        ctx: &RequestContext,
        sending: &Sending<'_>,
        verdict: &Verdict,
        hop: Hop,
    ) -> Vec<AuditEvent> {
        if !self.auditor.records() {
            return Vec::new();
        }
        let (parties, submitted) = (self.auditor.parties(ctx), sending.identified.submitted());
        let mut audit = vec![match sending.media {
            None => events::provide_and_register(&parties, submitted, verdict.clone()),
            Some(media) => events::media_imported(&parties, media, submitted, verdict.clone()),
        }];
        match hop {
            Hop::Within if sending.media.is_none() && self.auditor.settings().internal_hops => {
                audit.extend(events::register_within(&parties, submitted, verdict));
            }
            Hop::To(url) => audit.push(events::register_as_client(&parties, &url, submitted, verdict.clone())),
            Hop::NotReached | Hop::Within => {}
        }
        audit
    }

    /// Records a retrieve: for each patient an event of what was given, and one of what was not (S-AUD-10, S-AUD-12).
    /// Durable when this returns, before any octet of a document leaves (S-AUD-50).
    pub(super) async fn record_retrieval(
        &self,
        ctx: &RequestContext,
        asked: &[Asked<'_>],
        ruling: Option<&Ruling>,
    ) -> Result<(), StoreError> {
        if !self.auditor.records() {
            return Ok(());
        }
        let parties = self.auditor.parties(ctx);
        let mut groups: BTreeMap<Group, Vec<&Asked<'_>>> = BTreeMap::new();
        for document in asked {
            let patient = document.row.and_then(|row| row.patient.as_ref()).map(ToString::to_string);
            groups.entry((patient, document.refused.is_some(), document.denied)).or_default().push(document);
        }
        let event = |((patient, _, denied), documents): (Group, Vec<&Asked<'_>>)| {
            let verdict = match documents.first().and_then(|document| document.refused) {
                None => Verdict::success(),
                Some(finding) => Verdict::of_finding(finding),
            };
            let given = documents.iter().filter(|document| document.refused.is_none()).count() as u64;
            let named = documents.iter().map(|document| AuditedDocument {
                unique_id: &document.request.document_unique_id,
                repository_unique_id: &document.request.repository_unique_id,
                home: document.request.home_community_id.as_deref(),
                confidentiality: document.row.map_or("", |row| &*row.confidentiality),
            });
            let mut event = events::retrieve(&parties, patient.as_deref(), named, verdict);
            event.local.returned = Some(given);
            let mut events = vec![event];
            if let (Some(ruling), Some(event)) = (ruling, events.first_mut()) {
                let withheld = documents.iter().filter(|document| document.denied);
                let withheld: Vec<EntryUuid> = withheld.filter_map(|it| it.row?.entry_uuid).collect();
                record::decided(event, ruling, &withheld);
                if denied {
                    record::refuse(event, ruling);
                    events.push(record::denied(&parties, patient.as_deref(), ruling));
                }
            }
            events
        };
        let audit: Vec<AuditEvent> = groups.into_iter().flat_map(event).collect();
        self.auditor.record(audit).await
    }

    /// Records a retrieve that was refused as a whole; only as many documents are named as one may ask for.
    pub(super) async fn record_refused_retrieval(
        &self,
        ctx: &RequestContext,
        requests: &[DocumentRequest],
        finding: &Finding,
    ) -> Result<(), StoreError> {
        let named = requests.iter().take(self.settings.document_request_limit);
        let asked: Vec<Asked<'_>> =
            named.map(|request| Asked { request, row: None, refused: Some(finding), denied: false }).collect();
        if asked.is_empty() && self.auditor.records() {
            let event = events::retrieve(&self.auditor.parties(ctx), None, [], Verdict::of_finding(finding));
            return self.auditor.record(vec![event]).await;
        }
        self.record_retrieval(ctx, &asked, None).await
    }
}
