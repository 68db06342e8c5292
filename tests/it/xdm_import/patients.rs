//! Nobody's documents are registered for somebody else. Source: R-32-19, R-32-38.

use libtest_mimic::Trial;
use serde_json::Value;

use super::{BSN_AUTHORITY, File, OnStore, codes, document, entries, import, prepared, set_of, tree, zipped};
use crate::harness::{
    sample::{
        self, Object, Submission,
        names::{DE_PATIENT_ID, SS_PATIENT_ID},
    },
    servers::{Prepared, Store},
    trail, trials,
};

pub fn trials() -> impl Iterator<Item = Trial> {
    let own: [(&'static str, OnStore); 6] = [
        ("r_32_38_documents_of_two_patients_in_one_set_are_held", two_in_one_set),
        ("r_32_38_a_document_of_another_than_the_patient_of_the_set_is_held", other_than_the_set),
        ("r_32_38_two_known_patients_of_two_authorities_are_held", two_authorities),
        ("r_32_38_one_patient_named_for_all_is_not_that_of_others", named_for_all),
        ("r_32_38_one_patient_named_for_all_is_not_that_of_a_set_with_several", several_in_one_set),
        ("r_32_38_a_number_that_was_merged_is_of_the_patient_it_was_merged_into", merged),
    ];
    own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test))
}

/// A store in which this patient has a document.
fn knowing(store: Store, patient: &str) -> Prepared {
    let prepared = prepared(store);
    make_known(&prepared, patient);
    prepared
}

fn make_known(prepared: &Prepared, patient: &str) {
    let known = document(patient, "A.TXT", b"known");
    let set = set_of(patient, &[&known]);
    import(0, prepared, &zipped(&tree(&[(&set, &[("A.TXT", b"known")])])), &[]);
}

/// A document of limited metadata, which tell the patient as sourcePatientId only.
fn limited(source_patient_id: &str, uri: &str) -> Object {
    document(source_patient_id, uri, uri.as_bytes()).without_identifier(DE_PATIENT_ID)
}

/// A set without a patientId.
fn of_nobody(documents: &[&Object]) -> Submission {
    set_of("", documents).set(|set| set.without_identifier(SS_PATIENT_ID))
}

const FILES: [File; 2] = [("A.TXT", b"A.TXT"), ("B.TXT", b"B.TXT")];

#[track_caller]
fn assert_held(prepared: &Prepared, set: &Submission) {
    let held = import(1, prepared, &zipped(&tree(&[(set, &FILES)])), &[]);
    assert_eq!(
        (codes(&held), &held["sets"][0]["state"]),
        (vec!["DocumentQueued".to_owned()], &"held".into()),
        "{held}"
    );
}

fn two_in_one_set(store: Store) {
    let (ours, theirs) = (sample::patient(), sample::patient());
    let prepared = knowing(store, &ours);
    let documents = [limited(&ours, "A.TXT"), limited(&theirs, "B.TXT")];
    assert_held(&prepared, &of_nobody(&[&documents[0], &documents[1]]));
    // One whose metadata have both numbers is of one patient, as its sender says.
    let both = limited(&theirs, "B.TXT").slot("sourcePatientInfo", &[&format!("PID-3|{ours}")]);
    let set = of_nobody(&[&limited(&ours, "A.TXT"), &both]);
    let taken = import(0, &prepared, &zipped(&tree(&[(&set, &FILES)])), &[]);
    assert_eq!(taken["sets"][0]["registered_patient_id"], ours.as_str(), "{taken}");
    let server = prepared.start().expect("it starts");
    assert_eq!((entries(&server, &ours).len(), entries(&server, &theirs).len()), (3, 0));
}

fn other_than_the_set(store: Store) {
    let (ours, theirs) = (sample::patient(), sample::patient());
    let prepared = knowing(store, &ours);
    let documents = [document(&ours, "A.TXT", b"A.TXT"), limited(&theirs, "B.TXT")];
    assert_held(&prepared, &set_of(&ours, &[&documents[0], &documents[1]]));
    // A patientId of its own tells whose it is; what it was at its source may be another number.
    let moved = document(&ours, "B.TXT", b"B.TXT").slot("sourcePatientId", &[&theirs]);
    let set = set_of(&ours, &[&documents[0], &moved]);
    assert_eq!(import(0, &prepared, &zipped(&tree(&[(&set, &FILES)])), &[])["outcome"], "all");
    let server = prepared.start().expect("it starts");
    assert_eq!(entries(&server, &ours).len(), 3);
}

fn two_authorities(store: Store) {
    let (ours, bsn) = (sample::patient(), format!("999900006^^^&{BSN_AUTHORITY}&ISO"));
    let prepared = knowing(store, &ours);
    make_known(&prepared, &bsn);
    let told = limited(&ours, "A.TXT").slot("sourcePatientInfo", &[&format!("PID-3|{bsn}")]);
    assert_held(&prepared, &of_nobody(&[&told]));
    let set = of_nobody(&[&told]);
    let named = import(0, &prepared, &zipped(&tree(&[(&set, &FILES)])), &["--patient", &bsn]);
    assert_eq!(named["sets"][0]["registered_patient_id"], bsn.as_str());
}

fn named_for_all(store: Store) {
    let [one, two, three, other] = [(); 4].map(|()| sample::patient());
    let prepared = prepared(store);
    make_known(&prepared, &two);
    let documents = [document(&one, "A.TXT", b"A.TXT"), document(&three, "A.TXT", b"A.TXT")];
    let unclear = [limited(&other, "A.TXT"), limited(&other, "B.TXT")];
    let sets =
        [set_of(&one, &[&documents[0]]), of_nobody(&[&unclear[0], &unclear[1]]), set_of(&three, &[&documents[1]])];
    let package = zipped(&tree(&sets.each_ref().map(|set| (set, &FILES[..]))));
    let some = import(1, &prepared, &package, &["--patient", &two]);
    let states = [0, 1, 2].map(|set| some["sets"][set]["state"].clone());
    assert_eq!(states, ["held", "imported", "held"].map(Value::from), "{some}");
    let all = import(0, &prepared, &package, &[&*format!("--patient-of=2={two}")]);
    let states = [0, 1, 2].map(|set| all["sets"][set]["state"].clone());
    assert_eq!(states, ["imported", "already_present", "imported"].map(Value::from), "{all}");
    let server = prepared.start().expect("it starts");
    assert_eq!([&one, &two, &three, &other].map(|it| entries(&server, it).len()), [1, 3, 1, 0]);
}

fn several_in_one_set(store: Store) {
    let [one, two, three] = [(); 3].map(|()| sample::patient());
    let prepared = prepared(store);
    make_known(&prepared, &two);
    make_known(&prepared, &three);
    let unknown = sample::patient();
    let nobody = [limited(&unknown, "A.TXT"), limited(&unknown, "B.TXT")];
    let several = [limited(&two, "A.TXT"), limited(&three, "B.TXT")];
    let sets = [of_nobody(&[&nobody[0], &nobody[1]]), of_nobody(&[&several[0], &several[1]])];
    let package = zipped(&tree(&sets.each_ref().map(|set| (set, &FILES[..]))));
    let some = import(1, &prepared, &package, &["--patient", &one]);
    let states = [0, 1].map(|set| some["sets"][set]["state"].clone());
    assert_eq!(states, ["imported", "held"].map(Value::from), "{some}");
    assert!(codes(&some).contains(&"DocumentQueued".to_owned()), "{some}");
    let all = import(0, &prepared, &package, &["--patient", &one, &*format!("--patient-of=2={two}")]);
    let states = [0, 1].map(|set| all["sets"][set]["state"].clone());
    assert_eq!(states, ["already_present", "imported"].map(Value::from), "{all}");
    let server = prepared.start().expect("it starts");
    assert_eq!([&one, &two, &three].map(|it| entries(&server, it).len()), [2, 3, 1]);
}

fn merged(store: Store) {
    let [stays, gone] = [(); 2].map(|()| sample::patient());
    let prepared = knowing(store, &stays);
    make_known(&prepared, &gone);
    let server = prepared.start().expect("it starts");
    assert_eq!(entries(&server, &gone).len(), 1);
    server.stop();
    let number = |patient: &str| patient.split_once('^').expect("a CX").0.to_owned();
    let key = format!("SELECT patient_key FROM patient WHERE id = '{}'", number(&stays));
    trail::tamper(
        &server.prepared,
        false,
        &format!("UPDATE patient SET survivor_key = ({key}) WHERE id = '{}'", number(&gone)),
    );
    let documents = [document(&gone, "A.TXT", b"A.TXT"), document(&stays, "A.TXT", b"A.TXT")];
    let sets = [set_of(&gone, &[&documents[0]]), set_of(&stays, &[&documents[1]])];
    let package = zipped(&tree(&sets.each_ref().map(|set| (set, &FILES[..1]))));
    for (patient, state) in [(&stays, "imported"), (&gone, "already_present")] {
        let taken = import(0, &server.prepared, &package, &["--patient", patient]);
        for set in 0..2 {
            let found = (&taken["sets"][set]["state"], &taken["sets"][set]["registered_patient_id"]);
            assert_eq!(found, (&state.into(), &stays.as_str().into()), "{taken}");
        }
    }
    let server = server.restart().expect("it starts again");
    assert_eq!(entries(&server, &stays).len(), 4);
}
