//! The submission set under which documents are sent.
//!
//! Source: ITI TF-3 §4.2.3.3 (R-32-06, R-32-48).

use super::{
    Detail, ExportRequest,
    metadata::{mark, set_slot, slot},
};
use crate::model::{
    RequestContext,
    rim::{Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot},
    vocabulary as v,
};

fn localized(text: &str) -> Vec<LocalizedString> {
    // White space around it would not survive a reader.
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    vec![LocalizedString { lang: None, charset: None, value: text.into() }]
}

struct Builder<'a> {
    ctx: &'a mut RequestContext,
    object: RegistryObject,
}

impl Builder<'_> {
    fn fresh(&mut self) -> Option<Box<str>> {
        Some(self.ctx.fresh_uuid().to_string().into())
    }

    fn classify(&mut self, scheme: &str, representation: &str, slots: Vec<Slot>, name: &str) {
        let classification = Classification {
            id: self.fresh(),
            classification_scheme: Some(scheme.into()),
            classified_object: self.object.id.clone(),
            node_representation: Some(representation.into()),
            object_type: Some(v::OBJECT_TYPE_CLASSIFICATION.into()),
            slots,
            name: localized(name),
            ..Classification::default()
        };
        self.object.classifications.push(classification);
    }

    fn identify(&mut self, scheme: &str, value: &str, name: &str) {
        let identifier = ExternalIdentifier {
            id: self.fresh(),
            registry_object: self.object.id.clone(),
            identification_scheme: scheme.into(),
            value: value.into(),
            object_type: Some(v::OBJECT_TYPE_EXTERNAL_IDENTIFIER.into()),
            name: localized(name),
        };
        self.object.external_identifiers.push(identifier);
    }
}

/// A fresh OID, made of a UUID. Source: ITU-T X.667 §7.
fn fresh_oid(ctx: &mut RequestContext) -> String {
    format!("2.25.{}", u128::from_be_bytes(*ctx.fresh_uuid().as_bytes()))
}

/// A new submission set for a patient; the time is given when all are known.
pub(super) fn new_set(ctx: &mut RequestContext, request: &ExportRequest, patient: Option<&str>) -> RegistryObject {
    let (sender, addressing) = (&request.sender, &request.addressing);
    let unique_id = fresh_oid(ctx);
    let mut object = RegistryObject::new(RimKind::RegistryPackage);
    object.id = Some(ctx.fresh_uuid().to_string().into());
    object.object_type = Some(v::OBJECT_TYPE_REGISTRY_PACKAGE.into());
    object.status = Some(v::STATUS_APPROVED.into());
    if !addressing.recipients.is_empty() {
        let values = addressing.recipients.iter().map(|recipient| recipient.to_string().into()).collect();
        object.slots.push(Slot { name: v::SLOT_INTENDED_RECIPIENT.into(), values });
    }
    object.description = localized(&addressing.comment);
    let mut b = Builder { ctx, object };
    let mut author = Vec::new();
    let person = sender.person.as_ref().map(ToString::to_string);
    let institution = sender.institution.as_ref().map(ToString::to_string);
    for (name, value) in [(v::SLOT_AUTHOR_PERSON, person), (v::SLOT_AUTHOR_INSTITUTION, institution)] {
        author.extend(value.map(|value| Slot { name: name.into(), values: vec![value.into()] }));
    }
    if !author.is_empty() {
        b.classify(v::SS_AUTHOR, "", author, "");
    }
    let code = &sender.content_type;
    let scheme = Slot { name: v::SLOT_CODING_SCHEME.into(), values: vec![code.value.coding_scheme().into()] };
    b.classify(v::SS_CONTENT_TYPE_CODE, code.value.code(), vec![scheme], &code.display_name);
    if let Some(patient) = patient {
        b.identify(v::SS_PATIENT_ID, patient, "XDSSubmissionSet.patientId");
    }
    b.identify(v::SS_SOURCE_ID, sender.source_id.as_str(), "XDSSubmissionSet.sourceId");
    b.identify(v::SS_UNIQUE_ID, &unique_id, "XDSSubmissionSet.uniqueId");
    let Builder { ctx, mut object } = b;
    mark(ctx, &mut object, v::SUBMISSION_SET_NODE);
    if request.detail == Detail::Limited {
        mark(ctx, &mut object, v::SS_LIMITED_METADATA);
    }
    object
}

/// Gives each set a submissionTime of its own: what it has or `now`, and the next free second (R-32-06).
pub(super) fn distinct_times<'a>(sets: impl Iterator<Item = &'a mut RegistryObject>, now: jiff::Timestamp) {
    let mut taken = std::collections::HashSet::new();
    for set in sets {
        let mut time = parse(slot(set, v::SLOT_SUBMISSION_TIME)).unwrap_or(now);
        let mut text = written(time);
        while !taken.insert(text.clone()) {
            time = time.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(now);
            text = written(time);
        }
        set_slot(set, v::SLOT_SUBMISSION_TIME, &text);
    }
}

fn written(time: jiff::Timestamp) -> String {
    time.strftime("%Y%m%d%H%M%S").to_string()
}

/// A DTM of any precision as the earliest moment that it can be.
fn parse(dtm: &str) -> Option<jiff::Timestamp> {
    let earliest = dtm.parse::<crate::model::Dtm>().ok()?.earliest_text();
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", earliest).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_06_submission_times_differ() {
        let now: jiff::Timestamp = "2026-03-14T09:20:00Z".parse().unwrap();
        let times = ["", "20260314092000", "202603140920", "2026", ""];
        let mut sets: Vec<RegistryObject> = times
            .iter()
            .map(|time| {
                let mut set = RegistryObject::new(RimKind::RegistryPackage);
                if !time.is_empty() {
                    set_slot(&mut set, v::SLOT_SUBMISSION_TIME, time);
                }
                set
            })
            .collect();
        distinct_times(sets.iter_mut(), now);
        let given: Vec<&str> = sets.iter().map(|set| slot(set, v::SLOT_SUBMISSION_TIME)).collect();
        let expected = ["20260314092000", "20260314092001", "20260314092002", "20260101000000", "20260314092003"];
        assert_eq!(given, expected);
    }
}
