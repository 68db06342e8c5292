//! The DICOMDIR of a package, held against its files and its documents. What is wrong with it is told and never more than
//! that: files that no DocumentEntry names do not change what becomes of the submission sets (R-32-04, R-32-47).
//!
//! Source: spec xdm R-32-42, R-32-46, R-32-47.

use std::collections::{BTreeMap, HashSet};

use super::{
    examine::{Examined, next_block, read_whole},
    gathered::Gathered,
    settings::ImportSettings,
};
use crate::{
    model::xdm::{ImagingReport, PackageFinding, XdmCode},
    wire::xdm::{
        EntryId, Flaw, Found, Medium, Table,
        dicom_header::{Header, HeaderError, Tag, text},
        dicomdir_read::{DirectoryRecord, FileIdError, read_dicomdir, referenced_file},
        names::DICOMDIR,
    },
};

/// Findings of one kind that are told one by one; of more only how many there are.
const MOST_TOLD: usize = 1_000;
/// The same of names: who writes one otherwise writes all so.
const MOST_NAMES: usize = 1;
/// Octets of an object in which its identity is looked for: it stands in the first group.
const HEAD_BYTES: usize = 64 << 10;
const SOP_CLASS_UID: Tag = 0x0008_0016;
const SOP_INSTANCE_UID: Tag = 0x0008_0018;
/// Longest UID. Source: DICOM PS3.5 §9.1.
const UID_CHARACTERS: usize = 64;

/// What is found, with a bound for each kind.
#[derive(Default)]
struct Told {
    findings: Vec<PackageFinding>,
    counts: BTreeMap<XdmCode, usize>,
}

impl Told {
    fn tell(&mut self, code: XdmCode, file: &str, place: &str, text: impl Into<String>) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= most(code) {
            self.findings.push(PackageFinding::warning(code, file, text).at(place));
        }
    }

    fn finish(mut self) -> Vec<PackageFinding> {
        for (code, count) in self.counts {
            if let Some(more @ 1..) = count.checked_sub(most(code)) {
                let text = format!("{more} more of these are not told one by one");
                self.findings.push(PackageFinding::warning(code, DICOMDIR, text));
            }
        }
        self.findings
    }
}

const fn most(code: XdmCode) -> usize {
    match code {
        XdmCode::DicomdirName => MOST_NAMES,
        _ => MOST_TOLD,
    }
}

/// Looks at the DICOMDIR of a package, if it has one. Blocks; of each object that it lists the beginning is read.
pub(super) fn look_at_dicomdir(
    examined: &Examined,
    gathered: &Gathered,
    settings: &ImportSettings,
) -> (Option<ImagingReport>, Vec<PackageFinding>) {
    let mut told = Told::default();
    elsewhere(examined, &mut told);
    let Some(id) = find(examined, &mut told) else { return (None, told.finish()) };
    let table = examined.medium.table();
    let file = table.path(id);
    let octets = match read_whole(&examined.medium, id, settings.limits.metadata_bytes) {
        Ok(octets) => octets,
        Err(finding) => {
            told.tell(XdmCode::DicomdirMalformed, file, "", finding.text);
            return (Some(ImagingReport::default()), told.finish());
        }
    };
    let most_records = usize::try_from(settings.limits.entries).unwrap_or(usize::MAX);
    let dicomdir = match read_dicomdir(&octets, most_records.saturating_add(most_records / 2)) {
        Ok(dicomdir) => dicomdir,
        Err(error) => {
            told.tell(XdmCode::DicomdirMalformed, file, "", error.to_string());
            return (Some(ImagingReport::default()), told.finish());
        }
    };
    if !dicomdir.is_explicit_little {
        told.tell(XdmCode::DicomdirMalformed, file, "", "it is not written in Explicit VR Little Endian");
    }
    if dicomdir.unreached > 0 || dicomdir.broken_links > 0 {
        let (unreached, broken) = (dicomdir.unreached, dicomdir.broken_links);
        let text = format!("{broken} offsets lead to no record, or round; {unreached} records are out of reach");
        told.tell(XdmCode::DicomdirMalformed, file, "", text);
    }
    let mut look = Look {
        examined,
        gathered,
        look_inside: settings.look_inside,
        report: ImagingReport::default(),
        met: vec![false; table.len()],
        instances: HashSet::new(),
        told,
    };
    dicomdir.references().for_each(|record| look.record(record));
    let Look { report, mut told, .. } = look;
    if report.left_alone > 0 {
        let text = format!("{} objects that no DocumentEntry names are not imported", report.left_alone);
        told.tell(XdmCode::ImagesLeftAlone, file, "", text);
    }
    (Some(report), told.finish())
}

/// Whether a file can be read, and is the one that its name says.
fn is_usable(table: &Table, id: EntryId) -> bool {
    table.flaws(id).all(|flaw| matches!(flaw, Flaw::Backslash | Flaw::NotNfc | Flaw::Odd))
}

/// The DICOMDIR in the root.
fn find(examined: &Examined, told: &mut Told) -> Option<EntryId> {
    let table = examined.medium.table();
    let root = &examined.layout.root;
    let path = if root.is_empty() { DICOMDIR.to_owned() } else { format!("{root}/{DICOMDIR}") };
    let id = match table.find(&path) {
        Found::Nothing => return None,
        Found::Several => {
            told.tell(XdmCode::DicomdirMalformed, &path, "", "several files differ from DICOMDIR in case only");
            return None;
        }
        Found::Exact(id) => id,
        Found::Folded(id) => {
            told.tell(XdmCode::DicomdirName, table.path(id), "", "the name should be DICOMDIR");
            id
        }
    };
    if table.is_directory(id) || !is_usable(table, id) {
        told.tell(XdmCode::DicomdirMalformed, table.path(id), "", "this is no file that can be read");
        return None;
    }
    Some(id)
}

/// A medium has one DICOMDIR, in its root (R-32-42): others are not read.
fn elsewhere(examined: &Examined, told: &mut Told) {
    let (table, root) = (examined.medium.table(), &*examined.layout.root);
    let is_other = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        name.eq_ignore_ascii_case(DICOMDIR) && folder != root && !folder.starts_with("__MACOSX")
    };
    for id in table.ids().filter(|id| !table.is_directory(*id) && is_other(table.path(*id))) {
        let text = "a DICOMDIR that does not lie in the root of the medium is not read";
        told.tell(XdmCode::DicomdirMalformed, table.path(id), "", text);
    }
}

/// Records while they are held against the package, one by one.
struct Look<'a, 'd> {
    examined: &'a Examined,
    gathered: &'a Gathered,
    look_inside: bool,
    report: ImagingReport,
    /// For each entry of the table, whether a record led to it.
    met: Vec<bool>,
    instances: HashSet<&'d str>,
    told: Told,
}

/// Where a record leads.
enum Place {
    Nowhere,
    /// Several files have a name that differs in case only.
    Several,
    At {
        id: EntryId,
        is_exact: bool,
    },
}

impl<'d> Look<'_, 'd> {
    fn record(&mut self, record: &DirectoryRecord<'d>) {
        self.report.listed += 1;
        let place = format!("record {}, {}", record.number, shown(record.kind));
        let table = self.examined.medium.table();
        let file = match referenced_file(&self.examined.layout.root, record.file_id) {
            Ok(file) => file,
            Err(error) => {
                self.report.unresolved += 1;
                let code = match error {
                    FileIdError::Escape => XdmCode::DicomdirEscape,
                    FileIdError::Empty | FileIdError::Unreadable => XdmCode::DicomdirUnresolved,
                };
                self.told.tell(code, DICOMDIR, &place, error.to_string());
                return;
            }
        };
        let written = file.paths.first().map(String::as_str).unwrap_or_default();
        let id = match look_up(table, &file.paths) {
            Place::At { id, is_exact } if is_usable(table, id) => {
                if !(is_exact && file.is_regular) {
                    let text = "a DICOMDIR names files in capitals, without extension, by eight characters a step";
                    self.told.tell(XdmCode::DicomdirName, table.path(id), &place, text);
                }
                id
            }
            other => {
                self.report.unresolved += 1;
                let text = match other {
                    Place::Nowhere => "the file of the record is not in the package",
                    Place::Several => "several files have a name that differs from that in the record in case only",
                    Place::At { .. } => "the file of the record cannot be used: its name, or how it is packed",
                };
                self.told.tell(XdmCode::DicomdirUnresolved, &shown(written), &place, text);
                return;
            }
        };
        self.report.found += 1;
        match self.gathered.is_document(id) {
            true => self.report.documents += 1,
            false => self.report.left_alone += 1,
        }
        if let Some(text) = self.differs(record, id) {
            self.report.differing += 1;
            self.told.tell(XdmCode::DicomdirDiffers, table.path(id), &place, text);
        }
    }

    /// In what a record is not about this file, or about it alone.
    fn differs(&mut self, record: &DirectoryRecord<'d>, id: EntryId) -> Option<String> {
        if self.met.get_mut(id.number()).is_some_and(|met| std::mem::replace(met, true)) {
            return Some("another record leads to the same file".to_owned());
        }
        if !record.sop_instance.is_empty() && !self.instances.insert(record.sop_instance) {
            let text = format!("another record has the same SOP Instance UID {}", shown(record.sop_instance));
            return Some(text);
        }
        if self.look_inside { compare(&self.examined.medium, id, record) } else { None }
    }
}

/// Looks a name up: as it is written, in another case, with an extension that no DICOMDIR has, in lower case (R-32-46).
fn look_up(table: &Table, paths: &[String]) -> Place {
    let mut place = Place::Nowhere;
    for path in paths {
        let lower = path.to_lowercase();
        for (number, name) in [path.clone(), format!("{path}.DCM"), format!("{lower}.dcm"), lower].iter().enumerate() {
            match table.find(name) {
                Found::Exact(id) if !table.is_directory(id) => return Place::At { id, is_exact: number == 0 },
                Found::Folded(id) if !table.is_directory(id) => return Place::At { id, is_exact: false },
                Found::Several => place = Place::Several,
                Found::Exact(_) | Found::Folded(_) | Found::Nothing => {}
            }
        }
    }
    place
}

/// In what a file is another object than its record says.
fn compare(medium: &Medium, id: EntryId, record: &DirectoryRecord<'_>) -> Option<String> {
    const UNREAD: &str = "the file is no DICOM object that can be read";
    let size = usize::try_from(medium.table().size_bytes(id)).unwrap_or(HEAD_BYTES);
    let mut block = vec![0; size.clamp(1, HEAD_BYTES)];
    let Ok(mut content) = medium.open(id) else { return Some(UNREAD.to_owned()) };
    let Ok(head) = next_block(&mut content, &mut block) else { return Some(UNREAD.to_owned()) };
    let header = match Header::read(head.unwrap_or_default()) {
        Ok(header) => header,
        // Nobody inflates it to look.
        Err(HeaderError::Deflated) => return None,
        Err(_) => return Some(UNREAD.to_owned()),
    };
    let (mut class, mut instance) = (header.sop_class, header.sop_instance);
    // What is cut off behind them is no matter; the data set wins over the file meta information.
    for element in header.elements().map_while(Result::ok).take_while(|element| element.tag <= SOP_INSTANCE_UID) {
        match element.tag {
            SOP_CLASS_UID => class = text(element.value),
            SOP_INSTANCE_UID => instance = text(element.value),
            _ => {}
        }
    }
    let pairs = [
        ("SOP Instance UID", record.sop_instance, instance),
        ("SOP Class UID", record.sop_class, class),
        ("Transfer Syntax UID", record.transfer_syntax, header.transfer_syntax),
    ];
    let (name, said, found) = pairs.into_iter().find(|(_, said, found)| !said.is_empty() && said != found)?;
    Some(format!("the record says {name} {}, the file has {}", shown(said), shown(found)))
}

/// So much of a text of strangers as a finding repeats.
fn shown(text: &str) -> String {
    match text.is_empty() {
        true => "(none)".to_owned(),
        false => text.chars().take(2 * UID_CHARACTERS).flat_map(char::escape_debug).collect(),
    }
}
