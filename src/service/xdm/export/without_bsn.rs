//! A package for a receiver that may not have the BSN: the hospital's own number stands for it, in metadata and in DICOM
//! headers, and everything that is written is searched for what is left.
//!
//! Source: spec cross-community K-32; design section 6.

mod markup;
mod office;
mod pdf;
mod reading;
mod said;
mod scanner;
mod search;
mod searched;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
};

use openssl::sha::Sha1;
use serde_json::json;
use tokio::task::spawn_blocking;

pub(super) use reading::Said;
pub(super) use scanner::Scanner;
pub(super) use search::Search;
use searched::Searched;

use super::{
    ExportError, WithoutBsn,
    draft::Wanted,
    metadata::{set_slot, slot},
    origin::{Blocks, Origin},
};
use crate::{
    model::{
        PatientId, RequestContext, Sha1Hash, SourcePatientInfo,
        bsn::BSN_AUTHORITY,
        rim::{RegistryObject, Slot},
        vocabulary as v,
    },
    service::registry::PatientNumbers,
    wire::xdm::{
        dicom_patient::{PatientRewriter, TakenNumber},
        metadata_write::from_store,
    },
};

/// PID fields with numbers of the patient: alternate, account and social security.
const OTHER_NUMBERS: [u8; 4] = [2, 4, 18, 19];

/// What is done with one document.
pub(super) struct Changed {
    /// Its octets are others: the hash and size that they have then, and the uniqueId that goes with them.
    pub(super) rewritten: Option<Rewritten>,
}

/// A DICOM object with another patient number.
#[derive(Clone, Debug)]
pub(super) struct Rewritten {
    pub(super) number: PatientId,
    pub(super) size_bytes: u64,
    pub(super) sha1: Sha1Hash,
}

impl Rewritten {
    pub(super) fn rewriter(&self) -> PatientRewriter {
        PatientRewriter::new(self.number.id(), self.number.authority().as_str())
    }
}

/// The numbers that stand for BSNs in one package.
pub(super) struct Pseudonyms<'a> {
    order: &'a WithoutBsn,
    /// BSN by own number.
    numbers: BTreeMap<PatientId, PatientId>,
    /// The own number that stands for a BSN wherever a patient is meant: the first that was met with it.
    given: BTreeMap<PatientId, PatientId>,
    searched: Searched,
    /// Original uniqueId by new one, with the own number.
    documents: Vec<(String, String, PatientId)>,
    /// There is a patient of whom not all entries were read.
    is_cut: bool,
}

fn is_bsn(id: &PatientId) -> bool {
    id.authority().as_str() == BSN_AUTHORITY
}

fn is_own(text: &str) -> Option<PatientId> {
    text.parse::<PatientId>().ok().filter(|id| !is_bsn(id))
}

impl<'a> Pseudonyms<'a> {
    pub(super) fn new(order: &'a WithoutBsn) -> Self {
        let (numbers, given) = (BTreeMap::new(), BTreeMap::new());
        Self { order, numbers, given, searched: Searched::default(), documents: Vec::new(), is_cut: false }
    }

    /// Searches for every BSN under which a patient is known here, whether the documents of the package name it or not.
    pub(super) fn patient(&mut self, numbers: &PatientNumbers) -> Result<(), ExportError> {
        for (_, id) in numbers.identities.iter().filter(|(authority, _)| authority == BSN_AUTHORITY) {
            self.searched.name(id);
        }
        for object in &numbers.entries {
            let entry = from_store(object).map_err(|error| ExportError::Object(error.to_string()))?;
            self.searched.other_entry(&entry);
        }
        self.is_cut |= numbers.is_cut;
        Ok(())
    }

    /// Takes the BSN out of an entry; a DICOM object is read once, to know what it becomes.
    pub(super) async fn entry(
        &mut self,
        ctx: &mut RequestContext,
        origin: &Origin,
        entry: &mut RegistryObject,
        wanted: &Wanted,
        is_dicom: bool,
    ) -> Result<Changed, ExportError> {
        let bsns = bsns_of(entry);
        let number =
            self.number_of(entry, &bsns).ok_or_else(|| ExportError::NoOwnNumber(wanted.unique_id.to_string()))?;
        if !self.note(bsns, &number) {
            return Err(ExportError::NumberOfTwo(wanted.unique_id.to_string()));
        }
        self.searched.entry(entry);
        self.searched.keep(number.id());
        self.identify(entry, v::DE_PATIENT_ID, &number);
        if is_own(slot(entry, v::SLOT_SOURCE_PATIENT_ID)).is_none() {
            set_slot(entry, v::SLOT_SOURCE_PATIENT_ID, &number.to_string());
        }
        if let Some(info) = entry.slots.iter_mut().find(|it| &*it.name == v::SLOT_SOURCE_PATIENT_INFO) {
            without_other_numbers(info, &number);
        }
        if !is_dicom {
            return Ok(Changed { rewritten: None });
        }
        let source = origin.retrieve(ctx, &[wanted]).await?.pop();
        let source = source.ok_or_else(|| ExportError::Missing(wanted.unique_id.to_string()))?;
        let rewriter = PatientRewriter::new(number.id(), number.authority().as_str());
        let measured = source.read_to(Measuring::new(rewriter, &wanted.unique_id)).await?;
        let said = (slot(entry, v::SLOT_SIZE).parse().ok(), slot(entry, v::SLOT_HASH).parse().ok());
        if said != (Some(measured.read_bytes), Some(measured.read_sha1)) {
            return Err(ExportError::SourceCorrupt(wanted.unique_id.to_string()));
        }
        self.searched.header(&measured.taken);
        // Other octets are another document.
        let fresh = format!("2.25.{}", u128::from_be_bytes(*ctx.fresh_uuid().as_bytes()));
        self.documents.push((wanted.unique_id.to_string(), fresh.clone(), number.clone()));
        for identifier in &mut entry.external_identifiers {
            if identifier.identification_scheme.eq_ignore_ascii_case(v::DE_UNIQUE_ID) {
                identifier.value = fresh.as_str().into();
            }
        }
        let (size_bytes, sha1) = (measured.size_bytes, measured.sha1);
        Ok(Changed { rewritten: Some(Rewritten { number, size_bytes, sha1 }) })
    }

    /// Takes the BSN out of a folder of a patient whose number is known.
    pub(super) fn folder(&self, folder: &mut RegistryObject) {
        let patient = folder.external_identifier(v::FD_PATIENT_ID).and_then(|id| id.parse::<PatientId>().ok());
        if let Some(number) = patient.and_then(|bsn| self.given.get(&bsn)) {
            self.identify(folder, v::FD_PATIENT_ID, number);
        }
    }

    /// What looks for what is left.
    pub(super) fn scanner(&self) -> Scanner {
        Scanner::new(&self.searched.all())
    }

    pub(super) fn warning(&self) -> Option<&'static str> {
        let text = "a patient has so many documents here that not all were read for other numbers of that patient";
        self.is_cut.then_some(text)
    }

    /// The lines of the table that leads back: own number, BSN, and the documents that changed.
    pub(super) fn lines(&self, made: &str, sets: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, bsn) in &self.numbers {
            let documents = self.documents.iter().filter(|(_, _, of)| of == number);
            let documents: Vec<_> =
                documents.map(|(original, given, _)| json!({ "uniqueId": given, "original": original })).collect();
            let line = json!({
                "made": made,
                "number": number.to_string(),
                "bsn": bsn.to_string(),
                "submissionSets": sets,
                "documents": documents,
            });
            out.extend_from_slice(line.to_string().as_bytes());
            out.push(b'\n');
        }
        out
    }

    /// The own number of the patient of an entry: the one that stands for its BSN already, else as the order says, else the
    /// first that is no BSN.
    fn number_of(&self, entry: &RegistryObject, bsns: &[PatientId]) -> Option<PatientId> {
        let patient = entry.external_identifier(v::DE_PATIENT_ID).and_then(is_own);
        let given = || bsns.iter().find_map(|bsn| self.given.get(bsn)).cloned();
        let source = || is_own(slot(entry, v::SLOT_SOURCE_PATIENT_ID));
        let listed = || {
            let info = entry.slot(v::SLOT_SOURCE_PATIENT_INFO)?;
            info.values
                .iter()
                .filter_map(|value| value.strip_prefix("PID-3|"))
                .flat_map(|it| it.split('~'))
                .find_map(is_own)
        };
        patient.or_else(given).or_else(|| self.order.number.clone()).or_else(source).or_else(listed)
    }

    /// Keeps the BSNs that an entry names; false where one number would stand for two.
    fn note(&mut self, bsns: Vec<PatientId>, number: &PatientId) -> bool {
        for bsn in bsns {
            self.searched.name(bsn.id());
            self.given.entry(bsn.clone()).or_insert_with(|| number.clone());
            if *self.numbers.entry(number.clone()).or_insert_with(|| bsn.clone()) != bsn {
                return false;
            }
        }
        true
    }

    fn identify(&self, object: &mut RegistryObject, scheme: &str, number: &PatientId) {
        for identifier in &mut object.external_identifiers {
            if identifier.identification_scheme.eq_ignore_ascii_case(scheme) {
                identifier.value = number.to_string().into();
            }
        }
    }
}

/// Every BSN that an entry names, that of its patientId first.
fn bsns_of(entry: &RegistryObject) -> Vec<PatientId> {
    let info = entry.slot(v::SLOT_SOURCE_PATIENT_INFO).map(|slot| slot.values.as_slice()).unwrap_or_default();
    let listed = info.iter().filter_map(|value| value.split_once('|')).flat_map(|(_, data)| data.split('~'));
    let named =
        [entry.external_identifier(v::DE_PATIENT_ID).unwrap_or_default(), slot(entry, v::SLOT_SOURCE_PATIENT_ID)];
    named.into_iter().chain(listed).filter_map(|text| text.parse().ok()).filter(is_bsn).collect()
}

/// Leaves in sourcePatientInfo only numbers that are no BSN; the own one, if none is left in PID-3.
fn without_other_numbers(info: &mut Slot, number: &PatientId) {
    let is_number = |value: &str| value.parse::<SourcePatientInfo>().is_ok_and(|it| OTHER_NUMBERS.contains(&it.field));
    info.values.retain(|value| !is_number(value));
    for value in &mut info.values {
        if let Some(ids) = value.strip_prefix("PID-3|") {
            let mut kept: Vec<String> = ids.split('~').filter_map(is_own).map(|id| id.to_string()).collect();
            if kept.is_empty() {
                kept.push(number.to_string());
            }
            *value = format!("PID-3|{}", kept.join("~")).into();
        }
    }
}

/// The table that leads back, open to be added to; nobody but its owner may read it.
pub(super) struct NumberTable(File);

impl NumberTable {
    /// Opens it, and makes it where there is none.
    pub(super) async fn open(order: &WithoutBsn) -> Result<Self, ExportError> {
        let path = order.table.clone();
        let opened = spawn_blocking(move || {
            let table = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            match table.metadata()?.permissions().mode() & 0o077 {
                0 => Ok(Self(table)),
                _ => Err(ExportError::TableOpen(path)),
            }
        });
        opened.await.map_err(|_| ExportError::Aborted)?
    }

    /// Appends lines; they are on the disk when this returns.
    pub(super) async fn keep(mut self, lines: Vec<u8>) -> Result<(), ExportError> {
        let kept = spawn_blocking(move || -> io::Result<()> {
            self.0.write_all(&lines)?;
            self.0.sync_all()
        });
        Ok(kept.await.map_err(|_| ExportError::Aborted)??)
    }
}

/// Hash and size of a document as it was read and as it becomes.
struct Measured {
    read_bytes: u64,
    read_sha1: Sha1Hash,
    size_bytes: u64,
    sha1: Sha1Hash,
    taken: Vec<TakenNumber>,
}

struct Measuring {
    rewriter: PatientRewriter,
    read: (Sha1, u64),
    made: (Sha1, u64),
    block: Vec<u8>,
    unique_id: Box<str>,
}

impl Measuring {
    fn new(rewriter: PatientRewriter, unique_id: &str) -> Self {
        let fresh = || (Sha1::new(), 0);
        Self { rewriter, read: fresh(), made: fresh(), block: Vec::new(), unique_id: unique_id.into() }
    }

    fn made(&mut self, rewritten: Result<(), crate::wire::xdm::dicom_header::HeaderError>) -> Result<(), ExportError> {
        rewritten.map_err(|error| ExportError::BsnUnreadable(self.unique_id.to_string(), error))?;
        self.made.0.update(&self.block);
        self.made.1 += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

impl Blocks for Measuring {
    type End = Measured;

    fn block(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        self.read.0.update(octets);
        self.read.1 += octets.len() as u64;
        let rewritten = self.rewriter.write(octets, &mut self.block);
        self.made(rewritten)
    }

    fn finish(mut self) -> Result<Measured, ExportError> {
        let rewritten = self.rewriter.finish(&mut self.block);
        self.made(rewritten)?;
        let sha1 = |hash: Sha1| Sha1Hash::from_bytes(hash.finish());
        Ok(Measured {
            read_bytes: self.read.1,
            read_sha1: sha1(self.read.0),
            size_bytes: self.made.1,
            sha1: sha1(self.made.0),
            taken: self.rewriter.into_taken(),
        })
    }
}
