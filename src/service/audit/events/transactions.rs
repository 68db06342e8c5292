//! The rows of IHE transactions. Source: spec security §2.3, with the notes below its table.

use super::{
    parties::{Parties, Verdict, object, patient},
    vocabulary as v,
};
use crate::model::{AuditAction, AuditCode, AuditEvent, AuditObject};

/// ITI-18 as it was asked.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// UUID of the stored query.
    pub query_id: &'a str,
    /// The request element exactly as it came (S-AUD-17).
    pub received: &'a str,
    /// homeCommunityId of the request.
    pub home: Option<&'a str>,
}

/// Row 2: ITI-18, Document Registry. One event is about one patient, or about none.
pub fn query(parties: &Parties<'_>, query: &Query<'_>, patient_id: Option<&str>, verdict: Verdict) -> AuditEvent {
    let mut event = parties.event(v::QUERY, AuditAction::E, verdict);
    event.event_types.push(v::ITI_18);
    as_called(parties, &mut event);
    event.objects.extend(patient_id.map(patient));
    let mut details = vec![("QueryEncoding".into(), "UTF-8".to_owned())];
    details.extend(query.home.map(|home| ("urn:ihe:iti:xca:2010:homeCommunityId".into(), home.to_owned())));
    event.objects.push(AuditObject {
        role: Some(24),
        query: Some(query.received.to_owned()),
        details,
        ..object(query.query_id, 2, v::ITI_18)
    });
    event
}

/// ITI-55 as it was asked.
#[derive(Clone, Copy)]
pub struct DiscoveryQuery<'a> {
    /// id of the query.
    pub query_id: &'a str,
    /// The queryByParameter element exactly as it came (S-AUD-17).
    pub received: &'a str,
    /// The community that was asked.
    pub home: Option<&'a str>,
}

/// Row 14: ITI-55, Responding Gateway. `returned` are the patients that are told of, as CX: none where nobody was found and
/// where nobody may be told of (S-CON-06).
pub fn patient_discovery(
    parties: &Parties<'_>,
    query: &DiscoveryQuery<'_>,
    returned: &[String],
    verdict: Verdict,
) -> AuditEvent {
    let mut event = parties.event(v::QUERY, AuditAction::E, verdict);
    event.event_types.push(v::ITI_55);
    as_called(parties, &mut event);
    event.objects.extend(returned.iter().map(|it| patient(it)));
    event.objects.push(AuditObject {
        role: Some(24),
        query: Some(query.received.to_owned()),
        details: query.home.map(|home| ("ihe:homeCommunityID".into(), home.to_owned())).into_iter().collect(),
        ..object(query.query_id, 2, v::ITI_55)
    });
    event
}

/// What a submission is known by.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Submitted<'a> {
    /// The patient of its SubmissionSet, as CX.
    pub patient: Option<&'a str>,
    /// uniqueId of its SubmissionSet.
    pub submission_set: Option<&'a str>,
}

/// Row 8: ITI-41, Document Repository.
pub fn provide_and_register(parties: &Parties<'_>, submitted: Submitted<'_>, verdict: Verdict) -> AuditEvent {
    let mut event = submission(parties, v::IMPORT, AuditAction::C, v::ITI_41, submitted, verdict);
    as_called(parties, &mut event);
    event
}

/// Row 7: ITI-41, Document Source; `endpoint` is the repository that was called.
pub fn provide_and_register_as_client(
    parties: &Parties<'_>,
    endpoint: &str,
    submitted: Submitted<'_>,
    verdict: Verdict,
) -> AuditEvent {
    let mut event = submission(parties, v::EXPORT, AuditAction::R, v::ITI_41, submitted, verdict);
    as_calling(parties, endpoint, &mut event);
    event
}

/// Row 10: ITI-42, Document Registry.
pub fn register(parties: &Parties<'_>, submitted: Submitted<'_>, verdict: Verdict) -> AuditEvent {
    let mut event = submission(parties, v::IMPORT, AuditAction::C, v::ITI_42, submitted, verdict);
    as_called(parties, &mut event);
    event
}

/// Row 9: ITI-42, Document Repository; `endpoint` is the registry that was called.
pub fn register_as_client(
    parties: &Parties<'_>,
    endpoint: &str,
    submitted: Submitted<'_>,
    verdict: Verdict,
) -> AuditEvent {
    let mut event = submission(parties, v::EXPORT, AuditAction::R, v::ITI_42, submitted, verdict);
    as_calling(parties, endpoint, &mut event);
    event
}

/// Rows 9 and 10: ITI-42 between the repository and the registry of one process (S-AUD-03).
pub fn register_within(parties: &Parties<'_>, submitted: Submitted<'_>, verdict: &Verdict) -> [AuditEvent; 2] {
    let registry = match parties.called_at().rsplit_once("/repository") {
        Some((before, "")) => format!("{before}/registry"),
        _ => parties.called_at().to_owned(),
    };
    let client = register_as_client(parties, &registry, submitted, verdict.clone());
    let mut server = submission(parties, v::IMPORT, AuditAction::C, v::ITI_42, submitted, verdict.clone());
    let mut destination = parties.endpoint(v::DESTINATION_ROLE, &registry);
    destination.alternative_user_id = parties.here(v::DESTINATION_ROLE).alternative_user_id;
    server.participants.extend([parties.self_as_source(false), destination]);
    server.participants.extend(parties.persons());
    [client, server]
}

/// A document of a retrieve.
#[derive(Clone, Copy)]
pub struct AuditedDocument<'a> {
    /// DocumentUniqueId, as asked for.
    pub unique_id: &'a str,
    /// RepositoryUniqueId, as asked for.
    pub repository_unique_id: &'a str,
    /// homeCommunityId, as asked for.
    pub home: Option<&'a str>,
    /// The most restrictive confidentialityCode, empty where it is not known (S-AUD-19).
    pub confidentiality: &'a str,
}

/// Row 12: ITI-43, Document Repository, of the documents of one patient that came out alike.
pub fn retrieve<'d>(
    parties: &Parties<'_>,
    patient_id: Option<&str>,
    documents: impl IntoIterator<Item = AuditedDocument<'d>>,
    verdict: Verdict,
) -> AuditEvent {
    let mut event = parties.event(v::EXPORT, AuditAction::R, verdict);
    event.event_types.push(v::ITI_43);
    event.participants.extend([parties.here(v::SOURCE_ROLE), parties.caller_as_destination()]);
    event.participants.extend(parties.persons());
    event.objects.extend(patient_id.map(patient));
    event.objects.extend(documents.into_iter().map(|document| {
        let mut details = vec![("Repository Unique ID".into(), document.repository_unique_id.to_owned())];
        details.extend(document.home.map(|home| ("ihe:homeCommunityID".into(), home.to_owned())));
        AuditObject {
            role: Some(3),
            sensitivity: document.confidentiality.to_owned(),
            details,
            ..object(document.unique_id, 2, v::REPORT_NUMBER)
        }
    }));
    event
}

/// A transaction that was refused before its content was understood (S-AUD-13): its row without objects.
pub fn not_understood(parties: &Parties<'_>, transaction: &str, verdict: Verdict) -> Option<AuditEvent> {
    let (event_id, action, event_type) = match transaction {
        "ITI-18" => (v::QUERY, AuditAction::E, v::ITI_18),
        "ITI-41" => (v::IMPORT, AuditAction::C, v::ITI_41),
        "ITI-42" => (v::IMPORT, AuditAction::C, v::ITI_42),
        "ITI-43" => return Some(retrieve(parties, None, [], verdict)),
        _ => return None,
    };
    let mut event = parties.event(event_id, action, verdict);
    event.event_types.push(event_type);
    as_called(parties, &mut event);
    Some(event)
}

fn submission(
    parties: &Parties<'_>,
    event_id: AuditCode,
    action: AuditAction,
    transaction: AuditCode,
    submitted: Submitted<'_>,
    verdict: Verdict,
) -> AuditEvent {
    let mut event = parties.event(event_id, action, verdict);
    event.event_types.push(transaction);
    event.objects.extend(submitted.patient.map(patient));
    let set = submitted.submission_set.map(|id| AuditObject { role: Some(20), ..object(id, 2, v::SUBMISSION_SET) });
    event.objects.extend(set);
    event
}

/// SRC is the caller, DST is this program.
fn as_called(parties: &Parties<'_>, event: &mut AuditEvent) {
    event.participants.extend([parties.caller_as_source(), parties.here(v::DESTINATION_ROLE)]);
    event.participants.extend(parties.persons());
}

/// SRC is this program, DST is the peer.
fn as_calling(parties: &Parties<'_>, endpoint: &str, event: &mut AuditEvent) {
    event.participants.extend([parties.self_as_source(true), parties.endpoint(v::DESTINATION_ROLE, endpoint)]);
    event.participants.extend(parties.persons());
}
