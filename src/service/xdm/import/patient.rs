//! Whose documents they are, in the numbers of this house.
//!
//! Source: spec xdm R-32-19, R-32-33, R-32-38.

use std::collections::{BTreeSet, HashMap};

use super::{
    prepare::source_patient_ids,
    settings::ImportSettings,
    submission::{is_entry, patient_id_of, patient_ids, read_cx, value},
};
use crate::{
    model::{
        Oid, PatientId,
        bsn::{BSN_AUTHORITY, check_bsn},
        rim::{RegistryObject, SubmitObjectsRequest},
        vocabulary as v,
    },
    store::{PatientRow, StoreError, Tx},
};

/// More numbers than the objects of one patient have; beyond them nobody is looked up.
const MOST_NUMBERS: usize = 1000;

const NO_NUMBER: &str = "the metadata have no number of a patient";
const NOBODY_KNOWN: &str = "no number in the metadata is of a patient who is known here";
const SEVERAL_KNOWN: &str = "several patients who are known here have numbers in the metadata";
const CONTRADICTION: &str = "objects of the set have different numbers of one authority for the patient";
const TOO_MANY: &str = "the metadata have more numbers than one patient has";

/// What came out.
#[derive(Debug)]
pub(super) enum Decision {
    /// It is registered for this patient.
    Registered(PatientId),
    /// Somebody must say who the patient is, for the metadata name nobody who is known; why.
    Unknown(&'static str),
    /// Somebody must say who the patient of this set is, for the metadata name several; why.
    InDoubt(&'static str),
}

/// Whether a set is held for this since its metadata name several patients: one who is named for all sets of a package is not
/// named for such a set.
pub(in crate::service::xdm) fn is_in_doubt(why: &str) -> bool {
    [SEVERAL_KNOWN, CONTRADICTION, TOO_MANY].contains(&why)
}

/// The identity that stands for a patient: the patient, unless merged into another one.
pub(super) async fn survivor(tx: &mut Tx, patient: &PatientId) -> Result<PatientId, StoreError> {
    match tx.find_patient(patient).await? {
        Some(row) if row.subsumed => tx.surviving_patient(row.survivor_key).await,
        _ => Ok(patient.clone()),
    }
}

/// Numbers that an object of the set has for its patient. They are of one person, as its sender says.
type Numbers = BTreeSet<PatientId>;

/// What the objects of a set say of the patient, each of its own.
struct Said {
    /// The patientId.
    first: Option<PatientId>,
    /// The numbers of objects that have some, each combination once.
    by_object: BTreeSet<Numbers>,
}

impl Said {
    fn of(submit: &SubmitObjectsRequest) -> Self {
        let first = patient_ids(submit).find_map(|(_, id)| read_cx(id));
        let by_object = submit.objects.iter().map(numbers).filter(|numbers| !numbers.is_empty()).collect();
        Self { first, by_object }
    }

    fn all(&self) -> BTreeSet<&PatientId> {
        self.by_object.iter().flatten().collect()
    }

    /// Authorities of which the objects that have a number of them have none in common.
    fn contradicted(&self) -> BTreeSet<&Oid> {
        let mut common: HashMap<&Oid, BTreeSet<&PatientId>> = HashMap::new();
        for numbers in &self.by_object {
            let mut own: HashMap<&Oid, BTreeSet<&PatientId>> = HashMap::new();
            for number in numbers {
                own.entry(number.authority()).or_default().insert(number);
            }
            for (authority, own) in own {
                common.entry(authority).and_modify(|common| common.retain(|it| own.contains(it))).or_insert(own);
            }
        }
        common.into_iter().filter(|(_, common)| common.is_empty()).map(|(authority, _)| authority).collect()
    }
}

/// patientId, sourcePatientId and those of sourcePatientInfo.
fn numbers(object: &RegistryObject) -> Numbers {
    let sent = patient_id_of(object).and_then(read_cx);
    let source = value(object, v::SLOT_SOURCE_PATIENT_ID).and_then(read_cx);
    let (source, told) = match is_entry(object) {
        true => (source, Some(source_patient_ids(object))),
        false => (None, None),
    };
    sent.into_iter().chain(source).chain(told.into_iter().flatten()).collect()
}

/// Whether numbers of this authority are of this house, and this one may be one.
fn is_ours(id: &PatientId, settings: &ImportSettings) -> bool {
    let domains = &settings.patient_domains;
    let domain = domains.is_empty() || domains.contains(id.authority());
    domain && (id.authority().as_str() != BSN_AUTHORITY || check_bsn(id.id()).is_ok())
}

/// Numbers of this house that were looked up.
type Known = HashMap<PatientId, PatientRow>;

/// Finds the patient of a set: the number that it has, if it is of this house; else the only one that is known here of those
/// that it brings along. No object of the set may speak of another one. Nobody is guessed.
pub(super) async fn reconcile(
    tx: &mut Tx,
    submit: &SubmitObjectsRequest,
    settings: &ImportSettings,
) -> Result<Decision, StoreError> {
    let said = Said::of(submit);
    let all = said.all();
    if all.is_empty() {
        return Ok(Decision::Unknown(NO_NUMBER));
    }
    if all.len() > MOST_NUMBERS {
        return Ok(Decision::InDoubt(TOO_MANY));
    }
    let mut known = Known::new();
    for id in all.into_iter().filter(|id| is_ours(id, settings)) {
        if let Some(row) = tx.find_patient(id).await? {
            known.insert(id.clone(), row);
        }
    }
    let is_taken = |id: &&PatientId| {
        is_ours(id, settings) && (!settings.known_patients_only || known.get(id).is_some_and(|row| !row.subsumed))
    };
    let patient = match said.first.as_ref().filter(is_taken) {
        Some(first) => first,
        None => {
            let mut found = known.iter().filter(|(_, row)| !row.subsumed).map(|(id, _)| id);
            match (found.next(), found.next()) {
                (None, _) => return Ok(Decision::Unknown(NOBODY_KNOWN)),
                (Some(only), None) => only,
                (Some(_), Some(_)) => return Ok(Decision::InDoubt(SEVERAL_KNOWN)),
            }
        }
    };
    Ok(match objection(&said, patient, &known) {
        Some(why) => Decision::InDoubt(why),
        None => Decision::Registered(patient.clone()),
    })
}

/// Why the objects of a set cannot all be of this patient: one does not name them, by whatever number a merge has joined, and
/// names somebody else who is known here, or has a number where that of the patient, or of another object, is another one.
fn objection(said: &Said, patient: &PatientId, known: &Known) -> Option<&'static str> {
    let survivor = known.get(patient).map(|row| row.survivor_key);
    let is_patient =
        |id: &PatientId| id == patient || (survivor.is_some() && known.get(id).map(|row| row.survivor_key) == survivor);
    let contradicted = said.contradicted();
    let silent = said.by_object.iter().filter(|numbers| !numbers.iter().any(is_patient));
    for number in silent.flatten() {
        if number.authority() == patient.authority() || contradicted.contains(number.authority()) {
            return Some(CONTRADICTION);
        }
        if known.get(number).is_some_and(|row| !row.subsumed) {
            return Some(SEVERAL_KNOWN);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: &str) -> PatientId {
        number.replace('@', "^^^&2.999.10.").replace(';', "&ISO").parse().unwrap()
    }

    fn said(objects: &[&[&str]]) -> Said {
        let by_object = objects.iter().map(|numbers| numbers.iter().map(|it| id(it)).collect()).collect();
        Said { first: None, by_object }
    }

    fn known(rows: &[(&str, i64, i64)]) -> Known {
        let row =
            |patient_key, survivor_key| PatientRow { patient_key, survivor_key, subsumed: patient_key != survivor_key };
        rows.iter().map(|(number, key, survivor)| (id(number), row(*key, *survivor))).collect()
    }

    /// Numbers are written `NUMBER@AUTHORITY;`; the patient is always `A@1;`.
    #[test]
    fn r_32_38_objects_of_the_set_that_speak_of_somebody_else() {
        let merged = [("A@1;", 1, 1), ("B@1;", 2, 1)];
        for (objects, rows, expected) in [
            (&[&["A@1;"][..], &["A@1;", "X@2;"]][..], &[("A@1;", 1, 1)][..], None),
            (&[&["A@1;"], &["B@1;"]], &[("A@1;", 1, 1)], Some(CONTRADICTION)),
            (&[&["A@1;"], &["B@1;"]], &[("A@1;", 1, 1), ("B@1;", 2, 2)], Some(CONTRADICTION)),
            (&[&["A@1;"], &["B@1;"]], &merged, None),
            (&[&["A@1;", "X@2;"], &["A@1;", "Y@2;"]], &[("A@1;", 1, 1)], None),
            (&[&["A@1;", "X@2;"], &["Y@2;"]], &[("A@1;", 1, 1)], Some(CONTRADICTION)),
            (&[&["A@1;", "X@2;"], &["X@2;"]], &[("A@1;", 1, 1)], None),
            (&[&["A@1;"], &["X@2;"]], &[("A@1;", 1, 1)], None),
            (&[&["A@1;"], &["X@2;"]], &[("A@1;", 1, 1), ("X@2;", 3, 3)], Some(SEVERAL_KNOWN)),
            (&[&["A@1;"], &["X@2;"]], &[("A@1;", 1, 1), ("X@2;", 3, 1)], None),
            (&[&["A@1;"]], &[], None),
        ] {
            assert_eq!(objection(&said(objects), &id("A@1;"), &known(rows)), expected, "{objects:?}");
        }
    }
}
