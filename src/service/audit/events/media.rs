//! The rows of ITI-32. Source: spec security §2.3, rows 26 and 27; ITI TF-2 §3.32.5.1, §3.32.6 (R-32-41).

use super::{
    operation::Actor,
    parties::{Parties, Verdict, object, patient},
    transactions::Submitted,
    vocabulary as v,
};
use crate::model::{AuditAction, AuditCode, AuditEvent, AuditObject, AuditParticipant};

/// The patient and the submission set of a package.
pub(super) fn submission(submitted: Submitted<'_>) -> impl Iterator<Item = AuditObject> {
    let set = submitted.submission_set.map(|id| AuditObject { role: Some(20), ..object(id, 2, v::ITI_32) });
    submitted.patient.map(patient).into_iter().chain(set)
}

/// What kind of medium a package came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A directory of this machine, as on a stick.
    Disk,
    /// A mail.
    Email,
    /// A request over the network, or a file at a place.
    Uri,
}

impl MediaKind {
    const fn code(self) -> AuditCode {
        match self {
            Self::Disk => v::USB_DISK_EMULATION,
            Self::Email => v::EMAIL,
            Self::Uri => v::URI_MEDIA,
        }
    }
}

/// A package that is imported.
#[derive(Clone, Copy, Debug)]
pub struct MediaImport<'a> {
    /// What the medium is known by here: never a name that a patient could be in.
    pub name: &'a str,
    /// What kind of medium it is.
    pub kind: MediaKind,
    /// Who imports it, where that is a person at the command line.
    pub operator: Option<&'a Actor>,
    /// Whether a person took the set in spite of a wrong hash or size (R-32-36).
    pub overridden: bool,
}

/// Row 27: ITI-32, Portable Media Importer, of one submission set, or of a package that was refused as a whole.
pub fn media_imported(
    parties: &Parties<'_>,
    media: &MediaImport<'_>,
    submitted: Submitted<'_>,
    verdict: Verdict,
) -> AuditEvent {
    let mut event = parties.event(v::IMPORT, AuditAction::C, verdict);
    event.event_types.push(v::ITI_32);
    let source = AuditParticipant {
        user_id: media.name.to_owned(),
        roles: vec![v::SOURCE_ROLE],
        media: Some(media.kind.code()),
        ..AuditParticipant::default()
    };
    let destination = AuditParticipant { roles: vec![v::DESTINATION_ROLE], ..parties.application(false) };
    event.participants.extend([source, destination]);
    event.participants.extend(media.operator.map(Actor::participant));
    event.participants.extend(parties.persons());
    event.objects.extend(submitted.patient.map(patient));
    let details = match media.overridden {
        true => vec![("knoop:XdmHashMismatch".into(), "taken in spite of a wrong hash or size".to_owned())],
        false => Vec::new(),
    };
    let set = submitted.submission_set.map(|id| AuditObject { role: Some(20), details, ..object(id, 2, v::ITI_32) });
    event.objects.extend(set);
    event
}

/// What documents were put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Medium<'a> {
    kind: MediaKind,
    name: &'a str,
}

impl<'a> Medium<'a> {
    /// A USB stick, or a directory for one.
    pub const fn usb(name: &'a str) -> Self {
        Self { kind: MediaKind::Disk, name }
    }

    /// A mail to an address.
    pub const fn email(address: &'a str) -> Self {
        Self { kind: MediaKind::Email, name: address }
    }

    /// A zip file at a place.
    pub const fn file(name: &'a str) -> Self {
        Self { kind: MediaKind::Uri, name }
    }
}

/// Row 26 once more: the caller fetches a package that was made for it, one submission set of it.
pub fn package_fetched(parties: &Parties<'_>, place: &str, submitted: Submitted<'_>, verdict: Verdict) -> AuditEvent {
    let mut event = parties.event(v::EXPORT, AuditAction::R, verdict);
    event.event_types.push(v::ITI_32);
    let source = AuditParticipant { requestor: false, ..parties.self_as_source(true) };
    let destination = parties.caller_as_destination();
    let medium = AuditParticipant {
        user_id: place.to_owned(),
        roles: vec![v::SOURCE_MEDIA],
        media: Some(MediaKind::Uri.code()),
        ..AuditParticipant::default()
    };
    event.participants.extend([source, destination, medium]);
    event.participants.extend(parties.persons());
    event.objects.extend(submission(submitted));
    event
}

/// 110129: a package is taken back by the node that asks, or by the person at the command line.
pub fn package_withdrawn(parties: &Parties<'_>, actor: Option<&Actor>, place: &str) -> AuditEvent {
    let mut event = parties.event(v::SECURITY_ALERT, AuditAction::E, Verdict::success());
    event.event_types.push(v::SECURITY_CONFIGURATION);
    let who = actor.map_or_else(|| parties.requester(), Actor::participant);
    event.participants.extend([who, parties.application(false)]);
    event.participants.extend(parties.persons());
    let what = (v::ALERT_DESCRIPTION.into(), "taken back".to_owned());
    event.objects.push(AuditObject { role: Some(3), details: vec![what], ..object(place, 2, v::URI) });
    event
}

/// Row 26: ITI-32, Portable Media Creator, of one submission set. `actor` is the person at the command line.
pub fn distributed_on_media(
    parties: &Parties<'_>,
    actor: Option<&Actor>,
    medium: Medium<'_>,
    submitted: Submitted<'_>,
    verdict: Verdict,
) -> AuditEvent {
    let mut event = parties.event(v::EXPORT, AuditAction::R, verdict);
    event.event_types.push(v::ITI_32);
    let destination = AuditParticipant {
        user_id: medium.name.to_owned(),
        roles: vec![v::DESTINATION_ROLE],
        media: Some(medium.kind.code()),
        ..AuditParticipant::default()
    };
    event.participants.extend([parties.self_as_source(true), destination]);
    event.participants.extend(actor.map(Actor::participant));
    event.participants.extend(parties.persons());
    event.objects.extend(submission(submitted));
    event
}
