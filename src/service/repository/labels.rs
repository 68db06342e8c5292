//! What access to documents depends on, where their registry is elsewhere: read from the metadata that are sent there.

use crate::{
    model::{
        CodeValue, PatientId,
        consent::Label,
        rim::{RegistryObject, RimKind, SubmitObjectsRequest},
        vocabulary as v,
    },
    security::access::Policy,
    store::{NewDocument, StoreError, Tx, UnknownPatients},
};

/// A document with its patient, if its metadata name one.
pub(super) struct Labelled {
    document: NewDocument,
    patient: Option<PatientId>,
}

/// Finds the entry of each document. What cannot be read stays as restricted as can be; the registry will refuse it.
pub(super) fn labelled(documents: Vec<NewDocument>, submit: &SubmitObjectsRequest, policy: &Policy) -> Vec<Labelled> {
    let entry_of = |document: &NewDocument| {
        let entries = submit.objects.iter().filter(|it| matches!(it.kind, RimKind::ExtrinsicObject { .. }));
        entries.into_iter().find(|it| it.external_identifier(v::DE_UNIQUE_ID) == Some(document.unique_id.as_str()))
    };
    documents
        .into_iter()
        .map(|document| {
            let entry = entry_of(&document);
            let label = entry.and_then(|entry| label(entry, policy)).unwrap_or_default();
            let patient = entry.and_then(|entry| entry.external_identifier(v::DE_PATIENT_ID)?.parse().ok());
            Labelled { document: NewDocument { label, ..document }, patient }
        })
        .collect()
}

fn label(entry: &RegistryObject, policy: &Policy) -> Option<Label> {
    let one = |scheme| codes(entry, scheme).next();
    let [class, kind] = [one(v::DE_CLASS_CODE)?, one(v::DE_TYPE_CODE)?];
    let [practice, format] = [one(v::DE_PRACTICE_SETTING_CODE)?, one(v::DE_FORMAT_CODE)?];
    let confidentiality: Vec<CodeValue> = codes(entry, v::DE_CONFIDENTIALITY_CODE).collect();
    Some(policy.label([&class, &kind, &practice, &format], &confidentiality))
}

/// The codes of an attribute.
pub(super) fn codes<'a>(entry: &'a RegistryObject, scheme: &'a str) -> impl Iterator<Item = CodeValue> + 'a {
    let of_scheme = entry
        .classifications
        .iter()
        .filter(move |it| it.classification_scheme.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(scheme)));
    of_scheme.filter_map(|it| {
        let coding_scheme = it.slots.iter().find(|slot| &*slot.name == "codingScheme")?.values.first()?;
        CodeValue::new(it.node_representation.as_deref()?, coding_scheme).ok()
    })
}

/// The documents with the keys of their patients, who are made where this database does not know them.
pub(super) async fn of_patients(
    tx: &mut Tx,
    labelled: &[Labelled],
    now_ms: i64,
) -> Result<Vec<NewDocument>, StoreError> {
    let mut patients: Vec<PatientId> = labelled.iter().filter_map(|it| it.patient.clone()).collect();
    patients.sort_unstable();
    patients.dedup();
    let rows = tx.lock_patients(&patients, UnknownPatients::Create, now_ms).await?;
    let key_of = |patient: &PatientId| {
        let index = patients.iter().position(|it| it == patient)?;
        Some(rows.get(index).copied().flatten()?.patient_key)
    };
    let with_patient = |it: &Labelled| {
        let patient_key = it.patient.as_ref().and_then(key_of).unwrap_or(it.document.patient_key);
        NewDocument { patient_key, ..it.document.clone() }
    };
    Ok(labelled.iter().map(with_patient).collect())
}
