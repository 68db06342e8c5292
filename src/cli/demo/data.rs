//! The submissions of the demo: forty invented patients, five visits each, two documents a visit.
//!
//! The same each time. Every fourth patient has a document that was replaced, every fifth a folder.

use super::{
    dice::Dice,
    paper::{Paper, cda, pdf, text},
    people::{PATIENTS, Person, people},
};
use crate::{
    cli::metadata::{AuthorMetadata, CodeLists, EntryMetadata, Relation, SetMetadata, folder, submission},
    model::{AssociationType, Code, rim::SubmitObjectsRequest},
};

/// The demo hospital, from the arc for examples (ITU-T X.660, 2.999).
pub(super) const HOSPITAL: &str = "2.999.1.2";
const SEED: u64 = 20_261_121;
const VISITS: usize = 5;
const DOCUMENTS_A_VISIT: usize = 2;

/// Doctors who do not exist, with their specialty.
const DOCTORS: [(&str, &str, &str); 5] = [
    ("900000001", "Modelarts", "Radiology"),
    ("900000002", "Schaduw", "Cardiology"),
    ("900000003", "Proefneming", "General medicine"),
    ("900000004", "Droombeeld", "Clinical oncology"),
    ("900000005", "Spiegel", "General medicine"),
];
const COMPLAINTS: [&str; 8] = [
    "pain in the left knee after a fall from a bicycle",
    "palpitations while climbing stairs",
    "a cough that has lasted three weeks",
    "headache in the morning",
    "tiredness without a clear cause",
    "a check after surgery of the hip",
    "a suspected fracture of the wrist",
    "shortness of breath at night",
];
const FINDINGS: [&str; 6] = [
    "No abnormality was found.",
    "A small, harmless cyst was seen; no further examination is needed.",
    "Values are within the reference range, except for a slightly raised CRP.",
    "A degenerative change that fits the age was seen.",
    "The fracture heals in a good position.",
    "The rhythm was regular, the function of the left ventricle normal.",
];
const PLANS: [&str; 5] = [
    "Control in six weeks.",
    "The general practitioner was informed by telephone.",
    "Physiotherapy twice a week; paracetamol if needed.",
    "No control planned; the patient returns when complaints persist.",
    "Referred to cardiology for an exercise test.",
];

/// One ITI-41: the metadata, and each document under the id of its entry.
pub(super) type DemoSubmission = (SubmitObjectsRequest, Vec<(String, Vec<u8>)>);

/// How many documents [`submissions`] holds.
pub(super) const DOCUMENTS: usize = PATIENTS * VISITS * DOCUMENTS_A_VISIT;

/// All of them, oldest visit of the first patient first.
pub(super) fn submissions() -> impl Iterator<Item = DemoSubmission> {
    let mut dice = Dice::new(SEED);
    let people = people(&mut dice);
    let mut writer = Writer { dice, lists: CodeLists::built_in() };
    people.into_iter().enumerate().flat_map(move |(number, person)| writer.visits(number, &person))
}

/// The identifiers of the patients, as CX, for the commands that the demo shows.
pub(super) fn patient_ids() -> Vec<String> {
    people(&mut Dice::new(SEED)).iter().map(Person::patient_id).collect()
}

struct Writer {
    dice: Dice,
    lists: CodeLists,
}

impl Writer {
    fn code(&mut self, list: &str) -> Code {
        let codes = self.lists.all(list).expect("the built-in code lists hold every list");
        self.dice.pick(&codes).clone()
    }

    fn found(&self, list: &str, code: &str) -> Code {
        self.lists.find(list, code).expect("the built-in code lists hold the codes of the demo")
    }

    fn visits(&mut self, number: usize, person: &Person) -> Vec<DemoSubmission> {
        let first = self.dice.entry_uuid();
        (0..VISITS).map(|visit| self.visit(number, person, visit, &first)).collect()
    }

    fn visit(&mut self, number: usize, person: &Person, visit: usize, first: &str) -> DemoSubmission {
        let month = 1 + (visit * 2 + self.dice.below(2) as usize);
        let day = format!("{}{month:02}{:02}", 2023 + visit / 2, 1 + self.dice.below(28));
        let complaint = *self.dice.pick(&COMPLAINTS);
        let doctor = *self.dice.pick(&DOCTORS);
        let mut entries = Vec::new();
        let mut documents = Vec::new();
        for index in 0..DOCUMENTS_A_VISIT {
            let id = if visit == 0 && index == 0 { first.to_owned() } else { format!("Document{}", index + 1) };
            let (entry, bytes) = self.document(person, &id, &day, complaint, doctor);
            documents.push((id, bytes));
            entries.push(entry);
        }
        let set = SetMetadata {
            unique_id: self.dice.oid(),
            source_id: HOSPITAL.to_owned(),
            patient_id: person.patient_id(),
            title: format!("Visit for {complaint}"),
            submission_time: format!("{day}170000"),
            content_type_code: self.found("content", "34133-9"),
            author: author(doctor),
        };
        let mut relations = Vec::new();
        let mut folders = Vec::new();
        if visit == 1 && number.is_multiple_of(4) {
            relations.push(Relation {
                association_type: AssociationType::Replace,
                source: entries[0].id.clone(),
                target: first.to_owned(),
            });
        }
        if visit == 2 && number.is_multiple_of(5) {
            let code = self.found("class", "REPORTS");
            folders.push(folder("Folder", &self.dice.oid(), &person.patient_id(), "Reports of one complaint", &code));
            relations.extend(entries.iter().map(|entry| Relation {
                association_type: AssociationType::HasMember,
                source: "Folder".to_owned(),
                target: entry.id.clone(),
            }));
        }
        (submission(&set, &entries, folders, &relations), documents)
    }

    fn document(
        &mut self,
        person: &Person,
        id: &str,
        day: &str,
        complaint: &str,
        doctor: (&str, &str, &str),
    ) -> (EntryMetadata, Vec<u8>) {
        let unique_id = self.dice.oid();
        let type_code = self.code("type");
        let title = format!("{} of {}-{}-{}", type_code.display_name, &day[..4], &day[4..6], &day[6..]);
        let time = format!("{day}{:02}{:02}00", 8 + self.dice.below(9), self.dice.below(60));
        let paragraphs = [
            format!("The patient came because of {complaint}."),
            (*self.dice.pick(&FINDINGS)).to_owned(),
            (*self.dice.pick(&PLANS)).to_owned(),
        ];
        let paper = Paper {
            person,
            title: &title,
            unique_id: &unique_id,
            type_code: &type_code,
            time: &time,
            doctor: doctor.1,
            paragraphs: &paragraphs,
        };
        let (mime_type, bytes) = match self.dice.below(3) {
            0 => ("text/plain", text(&paper)),
            1 => ("application/pdf", pdf(&paper)),
            _ => ("text/xml", cda(&paper)),
        };
        let entry = EntryMetadata {
            id: id.to_owned(),
            mime_type: mime_type.to_owned(),
            patient_id: person.patient_id(),
            source_patient_id: person.source_patient_id(),
            source_patient_info: person.source_patient_info(),
            comments: format!("Visit for {complaint}"),
            creation_time: time.clone(),
            service_start_time: format!("{day}080000"),
            service_stop_time: format!("{day}170000"),
            language_code: "en-GB".to_owned(),
            author: author(doctor),
            class_code: self.lists.class_of(&type_code).expect("every built-in type has a class"),
            format_code: self.lists.format_of(mime_type).expect("every built-in media type has a format"),
            facility_code: self.found("facility", "22232009"),
            practice_setting_code: self.code("practice"),
            confidentiality_codes: vec![self.found("confidentiality", "N")],
            event_codes: Vec::new(),
            reference_ids: vec![format!(
                "ACC{:08}^^^&{HOSPITAL}&ISO^urn:ihe:iti:xds:2013:accession",
                self.dice.below(100_000_000)
            )],
            hash: String::new(),
            size_bytes: None,
            repository_unique_id: None,
            type_code,
            title,
            unique_id,
        };
        (entry, bytes)
    }
}

fn author((number, name, specialty): (&str, &str, &str)) -> AuthorMetadata {
    AuthorMetadata {
        person: format!("{number}^{name}^D^^^drs.^^^&{HOSPITAL}.1&ISO"),
        institution: format!("Demo Hospital^^^^^^^^^{HOSPITAL}"),
        role: "Specialist".to_owned(),
        specialty: specialty.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        model::{
            Body,
            bsn::check_bsn,
            rim::{RimKind, Slot},
            vocabulary as v,
        },
        validate,
    };

    #[test]
    fn there_are_forty_patients_with_four_hundred_documents() {
        let all: Vec<_> = submissions().collect();
        let documents: usize = all.iter().map(|(_, documents)| documents.len()).sum();
        assert_eq!(documents, DOCUMENTS);
        assert_eq!(documents, 400);
        assert_eq!(patient_ids().iter().collect::<HashSet<_>>().len(), 40);
    }

    #[test]
    fn the_demo_is_the_same_each_time() {
        let bytes = |(request, documents): DemoSubmission| (format!("{request:?}"), documents);
        assert!(submissions().map(bytes).eq(submissions().map(bytes)));
    }

    #[test]
    fn every_patient_has_a_test_number_that_passes_the_eleven_test_and_a_name_of_their_own() {
        let people = people(&mut Dice::new(SEED));
        assert!(people.iter().all(|p| check_bsn(&p.bsn).is_ok() && p.bsn.starts_with("9999")));
        assert_eq!(people.iter().map(Person::name).collect::<HashSet<_>>().len(), people.len());
    }

    #[test]
    fn every_submission_is_in_order() {
        for (mut request, documents) in submissions() {
            for object in &mut request.objects {
                if let RimKind::ExtrinsicObject { .. } = object.kind {
                    let id = object.id.as_deref().unwrap();
                    let size = documents.iter().find(|(of, _)| of == id).unwrap().1.len().to_string();
                    // What the repository adds (R-41-06, R-41-07).
                    let hash = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3";
                    for (name, value) in
                        [(v::SLOT_HASH, hash), (v::SLOT_SIZE, &size), (v::SLOT_REPOSITORY_UNIQUE_ID, "2.999.1.2.1")]
                    {
                        object.slots.push(Slot { name: name.into(), values: vec![value.into()] });
                    }
                }
            }
            let mut dice = Dice::new(1);
            let mut fresh = || dice.entry_uuid().parse().unwrap();
            let checked =
                validate::submission(request, &validate::Rules::default(), &mut fresh, |_, _| Body::default());
            let checked = checked.unwrap_or_else(|findings| panic!("{}", findings[0].context));
            assert!(checked.tolerated.is_empty(), "{:?}", checked.tolerated);
        }
    }

    #[test]
    fn unique_ids_are_unique() {
        let mut seen = HashSet::new();
        for (request, _) in submissions() {
            for object in &request.objects {
                for scheme in [v::DE_UNIQUE_ID, v::SS_UNIQUE_ID, v::FD_UNIQUE_ID] {
                    if let Some(id) = object.external_identifier(scheme) {
                        assert!(seen.insert(id.to_owned()), "{id}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_cross_reference_table_of_a_pdf_points_at_its_objects() {
        let (_, bytes) = submissions()
            .flat_map(|(_, documents)| documents)
            .find(|(_, bytes)| bytes.starts_with(b"%PDF"))
            .expect("some are PDF");
        let text: String = bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' }).collect();
        let table: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(text[table..].starts_with("xref\n0 7\n"));
        for (number, line) in text[table..].lines().skip(3).take(6).enumerate() {
            let offset: usize = line[..10].parse().unwrap();
            assert!(text[offset..].starts_with(&format!("{} 0 obj", number + 1)), "{line}");
        }
    }

    #[test]
    fn a_cda_is_well_formed_and_names_its_patient() {
        for (_, bytes) in submissions().flat_map(|(_, documents)| documents) {
            if bytes.starts_with(b"<?xml") {
                let text = std::str::from_utf8(&bytes).unwrap();
                let tree = roxmltree::Document::parse(text).expect("well formed");
                assert!(tree.root_element().has_tag_name(("urn:hl7-org:v3", "ClinicalDocument")));
            }
        }
    }
}
