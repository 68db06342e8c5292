//! Conditions of stored queries on document entries, submission sets and folders.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3 (spec R-18-10 to R-18-13, R-18-17, R-18-18).

use crate::{
    model::{
        AvailabilityStatus, CodeValue, DocumentAvailability, Dtm, PatientId,
        stored_query::{AllOf, EntryFilter, LikePattern, TimeRange},
    },
    store::sql::{
        builder::SqlBuilder,
        claims::nfc,
        registry::{AUTHOR_PERSON, CONFIDENTIALITY_CODE, EVENT_CODE, REFERENCE_ID},
    },
};

/// The rows of a patient and of all identities merged into it; none where it was merged away itself (R-18-16).
pub(super) fn of_patient(q: &mut SqlBuilder, alias: &str, patient: &PatientId) {
    q.sql(alias).sql(
        ".patient_key IN (SELECT k.patient_key FROM patient p JOIN patient k ON k.survivor_key = p.patient_key \
         WHERE p.survivor_key = p.patient_key AND p.authority = ",
    );
    q.value(patient.authority().as_str()).sql(" AND p.id = ").value(patient.id()).sql(")");
}

/// All conditions of `filter` on the `document_entry` with the alias `d`.
pub(super) fn of_entries(q: &mut SqlBuilder, filter: &EntryFilter) {
    of_status(q, "d.status", &filter.status);
    if !filter.object_types.is_empty() {
        q.and("d.object_type").one_of_ints(filter.object_types.iter().map(|kind| kind.to_store()).collect());
    }
    of_codes(q, "d.class_code", &filter.class_codes);
    of_codes(q, "d.type_code", &filter.type_codes);
    of_codes(q, "d.practice_setting_code", &filter.practice_setting_codes);
    of_codes(q, "d.healthcare_facility_type_code", &filter.healthcare_facility_type_codes);
    of_codes(q, "d.format_code", &filter.format_codes);
    entry_codes(q, EVENT_CODE, &filter.event_codes);
    entry_codes(q, CONFIDENTIALITY_CODE, &filter.confidentiality_codes);
    for patterns in &filter.reference_ids {
        entry_like(q, REFERENCE_ID, patterns);
    }
    if !filter.author_persons.is_empty() {
        entry_like(q, AUTHOR_PERSON, &filter.author_persons);
    }
    // An On-Demand entry has no creationTime, and the parameter is not used for it; a service time that is absent
    // matches (R-18-12).
    of_time(q, "d.creation_time", "d.object_type = 2", &filter.creation_time);
    of_time(q, "d.service_start_time", "d.service_start_time IS NULL", &filter.service_start_time);
    of_time(q, "d.service_stop_time", "d.service_stop_time IS NULL", &filter.service_stop_time);
    let online = filter.availability.contains(&DocumentAvailability::Online);
    let offline = filter.availability.contains(&DocumentAvailability::Offline);
    match (online, offline) {
        (true, false) => q.and("(d.availability IS NULL OR d.availability = 1)"),
        (false, true) => q.and("d.availability = 2"),
        _ => q,
    };
}

pub(super) fn of_status(q: &mut SqlBuilder, column: &str, status: &[AvailabilityStatus]) {
    if !status.is_empty() {
        let mut numbers: Vec<i64> = status.iter().map(|status| status.to_store()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        q.and(column).one_of_ints(numbers);
    }
}

pub(super) fn of_codes(q: &mut SqlBuilder, column: &str, codes: &[CodeValue]) {
    if !codes.is_empty() {
        q.and(column).one_of_texts(texts(codes));
    }
}

/// `from <= column < to`, or what `otherwise` says (R-18-11).
pub(super) fn of_time(q: &mut SqlBuilder, column: &str, otherwise: &str, range: &TimeRange) {
    let bounds = [(" >= ", range.from), (" < ", range.to)];
    for (relation, bound) in bounds.into_iter().filter_map(|(relation, bound)| Some((relation, bound?))) {
        let bound: Dtm = bound;
        q.and("(").sql(otherwise).sql(" OR ").sql(column).sql(relation).value(bound.earliest_text()).sql(")");
    }
}

/// Each group matches one of the values of the attribute (R-18-07).
fn entry_codes(q: &mut SqlBuilder, kind: i64, groups: &AllOf<CodeValue>) {
    for codes in groups {
        entry_value(q, kind);
        q.and("v.value").one_of_texts(texts(codes)).sql(")");
    }
}

fn entry_like(q: &mut SqlBuilder, kind: i64, patterns: &[LikePattern]) {
    entry_value(q, kind);
    of_patterns(q, "v.value", patterns);
    q.sql(")");
}

fn entry_value(q: &mut SqlBuilder, kind: i64) {
    q.and("EXISTS (SELECT 1 FROM entry_value v WHERE v.patient_key = d.patient_key AND v.row_id = d.row_id");
    q.and("v.kind = ").value(kind);
}

/// The column is like one of the patterns. `%` and `_` are the only wildcards (R-18-13, S-IN-26).
pub(super) fn of_patterns(q: &mut SqlBuilder, column: &str, patterns: &[LikePattern]) {
    let mut patterns: Vec<String> = patterns.iter().map(|pattern| nfc(&pattern.0).replace('\\', "\\\\")).collect();
    if patterns.len() == 1 {
        q.and(column).sql(" LIKE ").value(patterns.swap_remove(0)).sql(" ESCAPE '\\'");
    } else {
        q.and("EXISTS (SELECT 1 FROM").table_of_texts(patterns);
        q.sql(" WHERE ").sql(column).sql(" LIKE list.value ESCAPE '\\')");
    }
}

pub(super) fn texts(codes: &[CodeValue]) -> Vec<String> {
    codes.iter().map(|code| nfc(&code.to_string())).collect()
}
