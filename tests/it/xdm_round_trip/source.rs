//! A server with documents of many kinds, and what may be asked of it.

use std::collections::BTreeSet;

use crate::{
    harness::{
        TestServer,
        privacy::TITLE_MARK,
        sample::{self, Object, Submission, names},
    },
    xdm_pack::package::Opened,
};

/// Chance that can be repeated: splitmix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, count: usize) -> usize {
        (self.roll() % count.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// What a server was given.
pub struct Source {
    patients: Vec<String>,
    documents: Vec<String>,
    submission_sets: Vec<String>,
    folders: Vec<String>,
}

/// What is asked of it.
#[derive(Debug)]
pub struct Selection {
    pub arguments: Vec<String>,
    as_documents: bool,
}

const SUBMISSIONS: usize = 24;
const SEVERAL: &str = "multipart/related";
const KINDS: [&str; 7] = [
    SEVERAL,
    "text/plain",
    "text/xml",
    "application/pdf",
    "image/jpeg",
    "application/fhir+json",
    "application/x-unknown",
];
const WORDS: [&str; 6] = ["ontslagbrief", "a <b> & \"c\"", "Überweisung é", "]]>", "  two  blanks ", "日本"];

impl Source {
    /// Fills a server.
    pub fn fill(server: &TestServer, dice: &mut Dice) -> Self {
        let patients = vec![sample::patient(), sample::patient(), sample::patient()];
        let mut source = Self { patients, documents: Vec::new(), submission_sets: Vec::new(), folders: Vec::new() };
        let mut of_patient: Vec<Vec<String>> = vec![Vec::new(); source.patients.len()];
        for _ in 0..SUBMISSIONS {
            let number = dice.below(source.patients.len());
            let known = &mut of_patient[number];
            source.submit(server, dice, &source.patients[number].clone(), known);
        }
        source
    }

    fn submit(&mut self, server: &TestServer, dice: &mut Dice, patient: &str, known: &mut Vec<String>) {
        let documents: Vec<Object> = (0..=dice.below(4)).map(|_| document(dice, patient)).collect();
        let mut submission = documents.iter().fold(Submission::of(patient), Submission::document);
        if dice.one_in(2) {
            let folder = sample::folder(patient);
            submission = submission.folder(&folder);
            for (number, document) in documents.iter().enumerate() {
                if number == 0 || dice.one_in(2) {
                    submission = submission.member(&folder.id(), &document.id());
                }
            }
            self.folders.push(folder.unique_id());
        }
        if let [one, other, ..] = documents.as_slice() {
            let kind = dice.pick(&[names::XFRM, names::APND]);
            submission = submission.relate(kind, &one.id(), &other.id());
        }
        if dice.one_in(2) && !known.is_empty() {
            let old = known.swap_remove(dice.below(known.len()));
            submission = submission.relate(names::RPLC, &documents[0].id(), &old);
        }
        let octets: Vec<Vec<u8>> = documents.iter().map(|document| content(dice, &document.get("mimeType"))).collect();
        let ids: Vec<String> = documents.iter().map(Object::id).collect();
        let given: Vec<(&str, &[u8])> = ids.iter().map(String::as_str).zip(octets.iter().map(Vec::as_slice)).collect();
        server.provide(&submission, &given).expect_success();
        // What is appended to another goes with it when that is replaced, and cannot be replaced then.
        let alone = if documents.len() > 1 { &documents[1..] } else { &documents[..] };
        known.extend(alone.iter().map(|document| server.entry_uuid(&document.unique_id())));
        self.documents.extend(documents.iter().map(Object::unique_id));
        self.submission_sets.push(submission.set.unique_id());
    }

    /// Something to ask.
    pub fn select(&self, dice: &mut Dice) -> Selection {
        let mut as_documents = false;
        let one = |option: &str, value: String| vec![option.to_owned(), value];
        let mut arguments = match dice.below(5) {
            0 | 1 => one("--patient", dice.pick(&self.patients)),
            2 => one("--submission-set", dice.pick(&self.submission_sets)),
            3 if !self.folders.is_empty() => one("--folder", dice.pick(&self.folders)),
            _ => {
                as_documents = true;
                let chosen: BTreeSet<String> = (0..=dice.below(8)).map(|_| dice.pick(&self.documents)).collect();
                chosen.into_iter().flat_map(|id| one("--document", id)).collect()
            }
        };
        // A set or folder may hold replaced documents only.
        if arguments[0] != "--patient" || dice.one_in(2) {
            arguments.push("--deprecated".to_owned());
        }
        if dice.one_in(3) {
            arguments.push("--tree".to_owned());
        }
        if dice.one_in(3) {
            arguments.push("--as-submitted".to_owned());
        } else if dice.one_in(2) {
            let addressed = ["--to", "Example Hospital^^^^^^^^^2.999.30", "--comment", dice.pick(&WORDS)];
            arguments.extend(addressed.map(str::to_owned));
        }
        Selection { arguments, as_documents }
    }
}

impl Selection {
    /// The same, asked where the package was imported: its sets as they came.
    pub fn again(&self, first: &Opened) -> Vec<String> {
        let objects = super::metadata::of(first);
        let mut arguments: Vec<String> = Vec::new();
        let patients: BTreeSet<&String> =
            objects.values().filter_map(|fields| fields.get(&format!("identifier {}", names::DE_PATIENT_ID))).collect();
        match patients.first() {
            Some(patient) if patients.len() == 1 && !self.as_documents => {
                arguments.extend(["--patient".to_owned(), patient.trim().to_owned()]);
            }
            _ => {
                let ids = objects.keys().filter_map(|key| key.strip_prefix("ExtrinsicObject "));
                arguments.extend(ids.flat_map(|id| ["--document".to_owned(), id.to_owned()]));
            }
        }
        arguments.extend(["--as-submitted".to_owned(), "--deprecated".to_owned()]);
        arguments
    }
}

fn document(dice: &mut Dice, patient: &str) -> Object {
    let mut document = sample::provided(patient).set("mimeType", dice.pick(&KINDS));
    if dice.one_in(2) {
        document = document.named(Some(&format!("{} {}", TITLE_MARK, dice.pick(&WORDS))));
    }
    if dice.one_in(3) {
        document = document.named(None);
    }
    if dice.one_in(2) {
        document = document.described(dice.pick(&WORDS));
    }
    if dice.one_in(3) {
        document = document.another_code(names::EVENT_CODE_LIST, "T-A0100", names::SNOMED).another_code(
            names::CONFIDENTIALITY_CODE,
            "R",
            "2.16.840.1.113883.5.25",
        );
    }
    if dice.one_in(3) {
        document =
            document.author(names::DE_AUTHOR, &[("authorPerson", &["^Roe^Max"]), ("authorRole", &["one", "two"])]);
    }
    if dice.one_in(3) {
        let info = [format!("PID-3|{patient}"), "PID-5|Voorbeeld^Ada".to_owned(), "PID-8|F".to_owned()];
        document = document.slot("sourcePatientInfo", &info.each_ref().map(String::as_str));
    }
    if dice.one_in(4) {
        let reference = "ref^^^&2.999.20&ISO^urn:ihe:iti:xds:2013:order";
        document = document.slot(names::REFERENCE_IDS, &[reference]);
    }
    if dice.one_in(4) {
        document = document.slot("urn:example:own", &["a value of our own", "and another"]);
    }
    if dice.one_in(4) {
        document = document.without_slot("serviceStopTime").slot("creationTime", &["2024"]);
    }
    document
}

/// The octets of a document of this kind.
fn content(dice: &mut Dice, kind: &str) -> Vec<u8> {
    if kind != SEVERAL {
        return octets(dice);
    }
    let mut body = Vec::new();
    for number in 0..=dice.below(4) {
        let name = if number > 0 && dice.one_in(2) { format!("SUB/P{number}.JPG") } else { format!("P{number}.XML") };
        let location = if dice.one_in(3) { String::new() } else { format!("Content-Location: {name}\r\n") };
        let kind = if name.ends_with("JPG") { "image/jpeg" } else { "text/xml" };
        body.extend(format!("--a line of its own\r\nContent-Type: {kind}\r\n{location}\r\n").bytes());
        body.extend(octets(dice));
        body.extend(b"\r\n");
    }
    body.extend(b"--a line of its own--\r\n");
    body
}

fn octets(dice: &mut Dice) -> Vec<u8> {
    let length = if dice.one_in(8) { 200_000 } else { 1 + dice.below(3000) };
    (0..length).map(|_| (dice.roll() % 97) as u8).collect()
}
