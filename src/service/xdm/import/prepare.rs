//! From metadata of a medium to those that a registry takes.
//!
//! Source: spec xdm R-32-16, R-32-38, R-32-55, R-32-59.

use super::{
    documents::{StatedDocument, StatedHash},
    house::replace_confidentiality,
    inside::Inside,
    settings::{CodeDefaults, ImportSettings},
    submission::{PATIENT_SCHEMES, is_entry, is_package, mime_type, read_cx, submission_set, value},
};
use crate::{
    model::{
        Body, Code, EntryUuid, Finding, Oid, PatientId,
        rim::{
            Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot, SubmitObjectsRequest,
        },
        vocabulary as v,
        xdm::{PackageFinding, XdmCode},
    },
    validate,
    wire::xdm::multipart::MULTIPART_RELATED,
};

/// Metadata for the registry.
pub(super) struct Prepared {
    pub submit: SubmitObjectsRequest,
    /// What no registry goes without: object and attributes.
    pub missing: Vec<(String, Vec<&'static str>)>,
}

/// Marks of limited metadata.
const LIMITED: [&str; 3] = [v::DE_LIMITED_METADATA, v::SS_LIMITED_METADATA, v::FD_LIMITED_METADATA];

/// Stands for a patient who is not known yet, so that all else can be judged.
pub(super) fn stand_in_patient() -> PatientId {
    let authority = "2.999".parse::<Oid>().expect("an OID");
    PatientId::new("to be decided", authority).expect("a number")
}

/// Brings metadata to what a registry takes, for this patient; `documents` are in the order of the entries.
pub(super) fn prepare(
    mut submit: SubmitObjectsRequest,
    documents: &[StatedDocument],
    patient: &PatientId,
    settings: &ImportSettings,
) -> Prepared {
    let source = submission_set(&submit).and_then(|set| set.external_identifier(v::SS_SOURCE_ID)).map(str::to_owned);
    let kinds: Vec<Option<&'static str>> =
        submit.objects.iter().map(|object| patient_scheme(object, &submit)).collect();
    submit.classifications.retain(|it| !is_limited(it));
    replace_confidentiality(&mut submit, &settings.confidentiality);
    let mut documents = documents.iter();
    let mut missing = Vec::new();
    for (object, scheme) in submit.objects.iter_mut().zip(kinds) {
        object.classifications.retain(|it| !is_limited(it));
        (object.status, object.lid, object.version_name) = (None, None, None);
        object.home = object.home.take().filter(|_| settings.keep_home && scheme.is_some());
        let Some(scheme) = scheme else { continue };
        let sent = set_patient(object, scheme, patient);
        let mut lacking = Vec::new();
        if is_entry(object) {
            let without = [v::SLOT_URI, v::SLOT_REPOSITORY_UNIQUE_ID];
            object.slots.retain(|slot| !without.contains(&&*slot.name));
            let document = documents.next();
            if matches!(document, Some(StatedDocument { hash: Some(StatedHash::Sha256(_)), .. })) {
                object.slots.retain(|slot| &*slot.name != v::SLOT_HASH);
            }
            if document.is_some_and(|document| document.parts.is_some()) {
                as_one_body(object);
            }
            let inside = document.and_then(|it| it.inside.as_deref());
            keep_sent_patient(object, sent);
            let fitting = fitting(&settings.defaults, source.as_deref(), object);
            lacking = fill_entry(object, &fitting, inside);
        } else if scheme == v::SS_PATIENT_ID {
            let fitting = fitting(&settings.defaults, source.as_deref(), object);
            let code = fitting.iter().find_map(|it| it.content_type_code.as_ref());
            if !fill_code(object, v::SS_CONTENT_TYPE_CODE, code) {
                lacking.push("contentTypeCode");
            }
        }
        if !lacking.is_empty() {
            missing.push((object.id.as_deref().unwrap_or("(no id)").to_owned(), lacking));
        }
    }
    Prepared { submit, missing }
}

/// Hash and size of a document of several parts are those of the body that is kept; its boundary is told there.
fn as_one_body(entry: &mut RegistryObject) {
    entry.slots.retain(|slot| ![v::SLOT_HASH, v::SLOT_SIZE].contains(&&*slot.name));
    if let RimKind::ExtrinsicObject { mime_type } = &mut entry.kind {
        *mime_type = Some(MULTIPART_RELATED.into());
    }
}

fn is_limited(classification: &Classification) -> bool {
    let node = classification.classification_node.as_deref().unwrap_or_default();
    LIMITED.iter().any(|limited| limited.eq_ignore_ascii_case(node))
}

/// Under which scheme an object has its patient, if it has one.
fn patient_scheme(object: &RegistryObject, submit: &SubmitObjectsRequest) -> Option<&'static str> {
    let [set, entry, folder] = PATIENT_SCHEMES;
    if is_entry(object) {
        Some(entry)
    } else if is_package(object, submit, v::SUBMISSION_SET_NODE) {
        Some(set)
    } else if is_package(object, submit, v::FOLDER_NODE) {
        Some(folder)
    } else {
        None
    }
}

/// Puts the patient in; gives what stood there.
fn set_patient(object: &mut RegistryObject, scheme: &str, patient: &PatientId) -> Option<Box<str>> {
    let wire = patient.to_string().into_boxed_str();
    let is_it = |it: &&mut ExternalIdentifier| it.identification_scheme.eq_ignore_ascii_case(scheme);
    if let Some(identifier) = object.external_identifiers.iter_mut().find(is_it) {
        return Some(std::mem::replace(&mut identifier.value, wire)).filter(|sent| !sent.is_empty());
    }
    let name = match scheme {
        v::SS_PATIENT_ID => "XDSSubmissionSet.patientId",
        v::FD_PATIENT_ID => "XDSFolder.patientId",
        _ => "XDSDocumentEntry.patientId",
    };
    object.external_identifiers.push(ExternalIdentifier {
        id: None,
        registry_object: object.id.clone(),
        identification_scheme: scheme.into(),
        value: wire,
        object_type: Some(v::OBJECT_TYPE_EXTERNAL_IDENTIFIER.into()),
        name: vec![LocalizedString { value: name.into(), ..LocalizedString::default() }],
    });
    None
}

/// The patient as sent becomes sourcePatientId where there is none; else the first number that sourcePatientInfo has.
fn keep_sent_patient(entry: &mut RegistryObject, sent: Option<Box<str>>) {
    if value(entry, v::SLOT_SOURCE_PATIENT_ID).is_some() {
        return;
    }
    let told = || source_patient_ids(entry).next().map(|id| id.to_string().into_boxed_str());
    if let Some(id) = sent.or_else(told) {
        set_slot(entry, v::SLOT_SOURCE_PATIENT_ID, id);
    }
}

/// The numbers in PID-3 of sourcePatientInfo.
pub(super) fn source_patient_ids(entry: &RegistryObject) -> impl Iterator<Item = PatientId> {
    let info = entry.slot(v::SLOT_SOURCE_PATIENT_INFO).map(|slot| slot.values.as_slice()).unwrap_or_default();
    let lists = info.iter().filter_map(|line| line.trim().strip_prefix("PID-3|"));
    lists.flat_map(|list| list.split('~')).filter_map(read_cx)
}

fn set_slot(object: &mut RegistryObject, name: &str, value: Box<str>) {
    object.slots.retain(|slot| &*slot.name != name);
    object.slots.push(Slot { name: name.into(), values: vec![value] });
}

/// The defaults for an object, in their order.
fn fitting<'a>(defaults: &'a [CodeDefaults], source: Option<&str>, object: &RegistryObject) -> Vec<&'a CodeDefaults> {
    let format = code_of(object, v::DE_FORMAT_CODE);
    let fits = |it: &&CodeDefaults| {
        it.source_id.as_ref().is_none_or(|id| Some(id.as_str()) == source)
            && it.mime_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case(mime_type(object)))
            && it.format_code.as_deref().is_none_or(|code| format == Some(code))
    };
    defaults.iter().filter(fits).collect()
}

fn code_of<'a>(object: &'a RegistryObject, scheme: &str) -> Option<&'a str> {
    let of =
        |it: &&Classification| it.classification_scheme.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(scheme));
    object.classifications.iter().find(of)?.node_representation.as_deref().filter(|code| !code.is_empty())
}

/// Fills what an entry lacks; gives what it still lacks.
fn fill_entry(entry: &mut RegistryObject, defaults: &[&CodeDefaults], inside: Option<&Inside>) -> Vec<&'static str> {
    type Default = fn(&CodeDefaults) -> Option<&Code>;
    let codes: [(&str, &'static str, Default); 6] = [
        (v::DE_CLASS_CODE, "classCode", |it| it.class_code.as_ref()),
        (v::DE_TYPE_CODE, "typeCode", |it| it.type_code.as_ref()),
        (v::DE_FORMAT_CODE, "formatCode", |it| it.default_format_code.as_ref()),
        (v::DE_HEALTHCARE_FACILITY_TYPE_CODE, "healthcareFacilityTypeCode", |it| it.facility_code.as_ref()),
        (v::DE_PRACTICE_SETTING_CODE, "practiceSettingCode", |it| it.practice_setting_code.as_ref()),
        (v::DE_CONFIDENTIALITY_CODE, "confidentialityCode", |it| it.confidentiality_code.as_ref()),
    ];
    let mut lacking = Vec::new();
    for (scheme, name, default) in codes {
        let told = inside.and_then(|it| it.code(scheme));
        if !fill_code(entry, scheme, defaults.iter().find_map(|it| default(it)).or(told)) {
            lacking.push(name);
        }
    }
    if value(entry, v::SLOT_LANGUAGE_CODE).is_none() {
        let told = inside.and_then(|it| it.language.as_ref());
        match defaults.iter().find_map(|it| it.language_code.as_ref()).or(told) {
            Some(tag) => set_slot(entry, v::SLOT_LANGUAGE_CODE, tag.to_string().into()),
            None => lacking.push(v::SLOT_LANGUAGE_CODE),
        }
    }
    if value(entry, v::SLOT_CREATION_TIME).is_none()
        && let Some(created) = inside.and_then(|it| it.created)
    {
        set_slot(entry, v::SLOT_CREATION_TIME, created.to_string().into());
    }
    for slot in [v::SLOT_CREATION_TIME, v::SLOT_SOURCE_PATIENT_ID] {
        if value(entry, slot).is_none() {
            lacking.push(slot);
        }
    }
    lacking
}

/// Whether the object has a code of this scheme, or has one now.
fn fill_code(object: &mut RegistryObject, scheme: &str, default: Option<&Code>) -> bool {
    if code_of(object, scheme).is_some() {
        return true;
    }
    let Some(code) = default else { return false };
    object.classifications.push(Classification {
        classification_scheme: Some(scheme.into()),
        classified_object: object.id.clone(),
        node_representation: Some(code.value.code().into()),
        object_type: Some(v::OBJECT_TYPE_CLASSIFICATION.into()),
        slots: vec![Slot { name: v::SLOT_CODING_SCHEME.into(), values: vec![code.value.coding_scheme().into()] }],
        name: vec![LocalizedString { value: code.display_name.as_ref().into(), ..LocalizedString::default() }],
        ..Classification::default()
    });
    true
}

/// What a person has to fill in before the set can be taken (R-32-59).
pub(super) fn incomplete<'a>(
    missing: &'a [(String, Vec<&'static str>)],
    file: &'a str,
) -> impl Iterator<Item = PackageFinding> + 'a {
    missing.iter().map(move |(object, attributes)| {
        let text = format!("a registry needs what is missing here: {}", attributes.join(", "));
        PackageFinding::held(XdmCode::IncompleteMetadata, file, text).at(&**object)
    })
}

/// Puts in what the repository will, so that the rules can be tried before a document is read.
pub(super) fn complete_for_rules(submit: &mut SubmitObjectsRequest, documents: &[StatedDocument]) {
    let entries = submit.objects.iter_mut().filter(|object| is_entry(object));
    for (entry, document) in entries.zip(documents) {
        let size = document.size_bytes.unwrap_or_default().to_string();
        set_slot(entry, v::SLOT_SIZE, size.into());
        set_slot(entry, v::SLOT_HASH, "0".repeat(40).into());
        set_slot(entry, v::SLOT_REPOSITORY_UNIQUE_ID, "2.999".into());
    }
}

/// What the repository says of a submission.
pub(super) fn repository_rules(submit: &SubmitObjectsRequest, file: &str) -> Vec<PackageFinding> {
    told(validate::repository(submit), file)
}

/// What the rules of registration say, as far as they need no registry.
pub(super) fn registry_rules(
    submit: SubmitObjectsRequest,
    settings: &ImportSettings,
    file: &str,
) -> Vec<PackageFinding> {
    let mut number = 0_u128;
    let mut fresh = || {
        number += 1;
        EntryUuid::from_bytes(number.to_be_bytes())
    };
    let checked = validate::submission(submit, &settings.rules, &mut fresh, |_, _| Body::default());
    told(checked.err().unwrap_or_default(), file)
}

/// Findings about metadata as those of a package.
pub(super) fn told(findings: Vec<Finding>, file: &str) -> Vec<PackageFinding> {
    let told = |it: Finding| PackageFinding::error(it.code, file, it.context).at(it.location);
    findings.into_iter().map(told).collect()
}
