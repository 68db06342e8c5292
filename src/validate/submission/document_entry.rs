//! Stage 3 for a DocumentEntry.
//!
//! Source: ITI TF-3 §4.2.3.2 (spec §2.2, column 42).

use super::{attributes::Attributes, structure::Draft};
use crate::{
    model::{
        Body, DocumentAvailability, DocumentEntry, DocumentEntryType, DocumentUniqueId, Dtm, EntryUuid, LanguageTag,
        MediaType, ReferenceId, Sha1Hash, SourcePatientInfo, Xcn, nfc, rim::RimKind, vocabulary as v,
    },
    validate::{
        Rules, Tolerance,
        report::{Report, one_of},
    },
};

/// Longest title of a DocumentEntry (R-META-27).
const LONGEST_TITLE: usize = 128;

/// Reads an entry; `None` when something required is missing or wrong, which is in the report then.
pub(super) fn read(draft: &Draft, uuid: EntryUuid, rules: &Rules, report: &mut Report) -> Option<DocumentEntry> {
    let mut it = Attributes::new(draft, rules, report);

    let unique_id = it.identifier(v::DE_UNIQUE_ID, "uniqueId");
    let unique_id = unique_id.and_then(|id| it.parse::<DocumentUniqueId>("R-META-31", "uniqueId", id));
    let patient_id = it.identifier(v::DE_PATIENT_ID, "patientId");
    let patient_id = patient_id.and_then(|id| it.patient_id("patientId", id));
    if let Some(id) = it.required(v::SLOT_SOURCE_PATIENT_ID) {
        it.patient_id(v::SLOT_SOURCE_PATIENT_ID, id);
    }
    if let Some(tag) = it.required(v::SLOT_LANGUAGE_CODE) {
        it.parse::<LanguageTag>("R-META-24", v::SLOT_LANGUAGE_CODE, tag);
    }
    let creation_time = it.required(v::SLOT_CREATION_TIME);
    let creation_time = creation_time.and_then(|time| it.parse::<Dtm>("R-META-12", v::SLOT_CREATION_TIME, time));
    let (service_start_time, service_stop_time) = service_times(&mut it);
    let hash = it.required(v::SLOT_HASH);
    let hash = hash.and_then(|hash| it.parse::<Sha1Hash>("R-META-23", v::SLOT_HASH, hash));
    let size_bytes = size(&mut it);
    let repository = it.required(v::SLOT_REPOSITORY_UNIQUE_ID);
    let repository = repository.and_then(|oid| it.parse("R-META-13", v::SLOT_REPOSITORY_UNIQUE_ID, oid));
    if let Some(person) = it.optional(v::SLOT_LEGAL_AUTHENTICATOR) {
        it.parse::<Xcn>("R-META-17", v::SLOT_LEGAL_AUTHENTICATOR, person);
    }
    let availability = availability(&mut it);
    let reference_ids: Vec<_> = it
        .values(v::SLOT_REFERENCE_ID_LIST)
        .filter_map(|id| it.parse::<ReferenceId>("R-META-16", "referenceIdList", &nfc(id)))
        .collect();
    check_source_patient_info(&mut it);
    check_uri(&mut it);
    let mime_type = media_type(&mut it);
    let title = it.title(LONGEST_TITLE);
    let home = it.home();
    let author_persons = it.authors(v::DE_AUTHOR);
    let class_code = it.required_code(v::DE_CLASS_CODE, "classCode");
    let type_code = it.required_code(v::DE_TYPE_CODE, "typeCode");
    let format_code = it.required_code(v::DE_FORMAT_CODE, "formatCode");
    let facility = it.required_code(v::DE_HEALTHCARE_FACILITY_TYPE_CODE, "healthcareFacilityTypeCode");
    let practice_setting = it.required_code(v::DE_PRACTICE_SETTING_CODE, "practiceSettingCode");
    let confidentiality_codes = it.required_codes(v::DE_CONFIDENTIALITY_CODE, "confidentialityCode");
    let event_codes = it.codes(v::DE_EVENT_CODE_LIST, "eventCodeList");

    Some(DocumentEntry {
        entry_uuid: uuid,
        submitted_id: draft.label.clone(),
        unique_id: unique_id?,
        patient_id: patient_id?,
        object_type: DocumentEntryType::Stable,
        creation_time: Some(creation_time?),
        service_start_time,
        service_stop_time,
        class_code: class_code?,
        type_code: type_code?,
        format_code: format_code?,
        healthcare_facility_type_code: facility?,
        practice_setting_code: practice_setting?,
        confidentiality_codes,
        event_codes,
        author_persons,
        reference_ids,
        hash: Some(hash?),
        size_bytes: Some(size_bytes?),
        mime_type: mime_type?,
        repository_unique_id: repository?,
        home,
        availability,
        title,
        body: Body::default(),
    })
}

fn service_times(it: &mut Attributes<'_>) -> (Option<Dtm>, Option<Dtm>) {
    let mut read = |slot| it.optional(slot).and_then(|time| it.parse::<Dtm>("R-META-12", slot, time));
    let (start, stop) = (read(v::SLOT_SERVICE_START_TIME), read(v::SLOT_SERVICE_STOP_TIME));
    if let (Some(start), Some(stop)) = (start, stop)
        && start.is_after(&stop)
    {
        it.refuse("R-42-17", format_args!("serviceStartTime '{start}' is after serviceStopTime '{stop}'"));
    }
    (start, stop)
}

fn size(it: &mut Attributes<'_>) -> Option<u64> {
    let text = it.required(v::SLOT_SIZE)?;
    let size = if text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<i64>().ok() } else { None };
    if size.is_none() {
        it.refuse_value("R-META-23", v::SLOT_SIZE, text, "a size is a number of octets, digits only");
    }
    size.and_then(|size| u64::try_from(size).ok())
}

fn availability(it: &mut Attributes<'_>) -> Option<DocumentAvailability> {
    let urn = it.optional(v::SLOT_DOCUMENT_AVAILABILITY)?;
    let availability = DocumentAvailability::from_urn(urn);
    if availability.is_none() {
        let expected = "it is urn:ihe:iti:2010:DocumentAvailability:Online or …:Offline";
        it.refuse_value("R-META-36", v::SLOT_DOCUMENT_AVAILABILITY, urn, expected);
    }
    availability
}

fn media_type(it: &mut Attributes<'_>) -> Option<MediaType> {
    let RimKind::ExtrinsicObject { mime_type } = &it.object.kind else { return None };
    let Some(text) = mime_type.as_deref().filter(|text| !text.is_empty()) else {
        it.refuse("R-42-15", "missing mimeType");
        return None;
    };
    let media_type: MediaType = it.parse("R-META-25", "mimeType", text)?;
    let allowed = &it.rules.media_types;
    if !allowed.is_empty() && !allowed.contains(&*media_type.essence()) {
        let allowed = one_of(allowed.iter().map(ToString::to_string));
        it.refuse_value("R-42-18", "mimeType", text, format_args!("not in the list of this registry; {allowed}"));
    }
    Some(media_type)
}

fn check_uri(it: &mut Attributes<'_>) {
    let numbered = it.values(v::SLOT_URI).find(|value| {
        let digits = value.split_once('|').map(|(number, _)| number).unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    });
    match numbered {
        Some(_) if it.rules.numbered_uri => it.report.tolerate(Tolerance::NumberedUri),
        Some(part) => {
            let expected = "numbered parts (1|…) are obsolete; write the whole URI as one value";
            it.refuse_value("R-META-26", v::SLOT_URI, part, expected);
        }
        None => {
            it.optional(v::SLOT_URI);
        }
    }
}

fn check_source_patient_info(it: &mut Attributes<'_>) {
    let values: Vec<&str> = it.values(v::SLOT_SOURCE_PATIENT_INFO).collect();
    let mut single = [0_u32; 2];
    for value in values {
        let Some(info) = it.parse::<SourcePatientInfo>("R-META-29", v::SLOT_SOURCE_PATIENT_INFO, value) else {
            continue;
        };
        match info.field {
            3 if it.rules.strict_source_patient_info => {
                for id in info.data.split('~').filter(|id| !id.is_empty()) {
                    it.patient_id("PID-3 of sourcePatientInfo", id);
                }
            }
            field @ (7 | 8) => {
                let Some(count) = single.get_mut(usize::from(field - 7)) else { continue };
                *count += 1;
                if *count == 2 || info.data.contains('~') {
                    it.refuse("R-META-29", format_args!("sourcePatientInfo has PID-{field} twice, once is allowed"));
                }
            }
            2 | 4 | 12 | 19 => it.report.tolerate(Tolerance::UnusualSourcePatientInfo),
            _ => {}
        }
    }
}
