//! What can be told of a package without reading a document.

use super::{
    documents::{Finder, Repeated, StatedDocument},
    gathered::Gathered,
    imaging::look_at_dicomdir,
    inside::look_inside,
    prepare::{self, Prepared},
    settings::ImportSettings,
    submission::{entries, patient_ids, submission_set, value},
};
use crate::{
    model::{
        PatientId, XdsErrorCode,
        rim::SubmitObjectsRequest,
        vocabulary as v,
        xdm::{PackageFinding, PackageReport, SetReport, XdmCode},
    },
    wire::xdm::{Content, ContentError, EntryId, Layout, Medium, read_metadata},
};

/// Octets that are read at a time.
pub(super) const BLOCK_BYTES: usize = 256 << 10;

/// A package that was looked into.
#[derive(Debug)]
pub struct Examined {
    /// The package.
    pub medium: Medium,
    /// What was found. Its sets are those of `layout`, in the same order.
    pub report: PackageReport,
    pub(super) layout: Layout,
    /// The documents of each set, in the order of its DocumentEntries.
    pub(super) documents: Vec<Vec<StatedDocument>>,
}

/// Looks into a package: layout, metadata, names and sizes, rules of metadata. Blocks; reads no document but for its header, or
/// where nothing else tells whether two with one uniqueId are one.
///
/// # Errors
/// The report of a package that is rejected as a whole.
pub fn examine(medium: Medium, settings: &ImportSettings) -> Result<Examined, PackageReport> {
    let files = medium.table().files();
    let rejected = |finding| PackageReport { files, ..PackageReport::rejected(finding) };
    let mut examined = Examined::open(medium, settings).map_err(rejected)?;
    let mut gathered = Gathered::of(examined.medium.table());
    for index in 0..examined.sets() {
        let (set, documents) = examined.examine_set(index, settings, &mut gathered).map_err(rejected)?;
        examined.report.sets.push(set);
        examined.documents.push(documents);
    }
    gathered.compare_doubtful(&examined.medium);
    for (index, (set, documents)) in examined.report.sets.iter_mut().zip(&examined.documents).enumerate() {
        gathered.contradict(index, set, documents);
    }
    examined.report.sets.iter_mut().for_each(SetReport::settle);
    examined.look_at_images(&gathered, settings);
    examined.report.settle();
    Ok(examined)
}

/// Opens a package and gathers what concerns more than one of its sets: afterwards each can be looked into by itself. Blocks.
///
/// # Errors
/// The report of a package that is rejected as a whole.
pub(super) fn survey(medium: Medium, settings: &ImportSettings) -> Result<(Examined, Gathered), PackageReport> {
    let files = medium.table().files();
    let rejected = |finding| PackageReport { files, ..PackageReport::rejected(finding) };
    let mut examined = Examined::open(medium, settings).map_err(rejected)?;
    let mut whole = Gathered::of(examined.medium.table());
    for index in 0..examined.sets() {
        examined.survey_set(index, settings, &mut whole).map_err(rejected)?;
    }
    whole.compare_doubtful(&examined.medium);
    examined.look_at_images(&whole, settings);
    Ok((examined, whole))
}

/// A set, its documents, and its metadata if they can be read.
type Surveyed = (SetReport, Vec<StatedDocument>, Option<SubmitObjectsRequest>);

impl Examined {
    /// A package whose sets are still to be looked into.
    ///
    /// # Errors
    /// What it is rejected for.
    pub(super) fn open(medium: Medium, settings: &ImportSettings) -> Result<Self, PackageFinding> {
        let files = medium.table().files();
        let layout = Layout::of(medium.table(), &settings.tolerances, &settings.limits)?;
        let report = PackageReport { findings: layout.findings.clone(), ..PackageReport::new(files) };
        Ok(Self { medium, report, layout, documents: Vec::new() })
    }

    /// Holds the DICOMDIR against the package, once it is known which files are documents.
    fn look_at_images(&mut self, gathered: &Gathered, settings: &ImportSettings) {
        let (imaging, findings) = look_at_dicomdir(self, gathered, settings);
        self.report.imaging = imaging;
        self.report.findings.extend(findings);
    }

    /// How many sets it has.
    pub(super) fn sets(&self) -> usize {
        self.layout.sets.len()
    }

    /// The metadata of a set, read anew: those of a whole package are never in memory together.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub(super) fn metadata(
        &self,
        index: usize,
        settings: &ImportSettings,
    ) -> Result<(SubmitObjectsRequest, Vec<PackageFinding>), PackageFinding> {
        let place = self.layout.sets.get(index);
        let id = place.map_or_else(
            || Err(PackageFinding::error(XdmCode::NoMetadata, "", "there is no such set")),
            |place| place.metadata.clone(),
        )?;
        let table = self.medium.table();
        let file = table.path(id);
        let octets = read_whole(&self.medium, id, settings.limits.metadata_bytes)?;
        let read = read_metadata(&octets, file, &settings.tolerances).map_err(|finding| *finding)?;
        Ok((read.submit, read.findings))
    }

    /// Looks into one set; what concerns more than one is gathered.
    ///
    /// # Errors
    /// What the whole package is rejected for.
    pub(super) fn examine_set(
        &self,
        index: usize,
        settings: &ImportSettings,
        gathered: &mut Gathered,
    ) -> Result<(SetReport, Vec<StatedDocument>), PackageFinding> {
        let (mut set, mut documents, submit) = self.survey_set(index, settings, gathered)?;
        if let Some(submit) = submit {
            if settings.look_inside {
                look_inside(&self.medium, &submit, &mut documents, &mut set);
            }
            let patient = set.patient_id.parse().unwrap_or_else(|_| prepare::stand_in_patient());
            judge_metadata(&mut set, submit, &documents, &patient, settings, self.metadata_file(index));
        }
        Ok((set, documents))
    }

    /// The same without judging what is of the set alone; its metadata, if they can be read.
    ///
    /// # Errors
    /// What the whole package is rejected for.
    pub(super) fn survey_set(
        &self,
        index: usize,
        settings: &ImportSettings,
        gathered: &mut Gathered,
    ) -> Result<Surveyed, PackageFinding> {
        let Some(place) = self.layout.sets.get(index) else {
            return Ok((SetReport::new(index + 1, ""), Vec::new(), None));
        };
        let mut set = SetReport::new(index + 1, &place.folder);
        set.findings.extend(place.findings.iter().cloned());
        let submit = match self.metadata(index, settings) {
            Ok((submit, findings)) => {
                set.findings.extend(findings);
                submit
            }
            Err(finding) => {
                set.findings.push(finding);
                return Ok((set, Vec::new(), None));
            }
        };
        describe(&mut set, &submit, self.metadata_file(index), gathered);
        let documents = self.find_documents(&mut set, &submit, index, settings, gathered)?;
        Ok((set, documents, Some(submit)))
    }

    fn metadata_file(&self, index: usize) -> &str {
        let place = self.layout.sets.get(index).and_then(|place| place.metadata.as_ref().ok());
        place.map(|id| self.medium.table().path(*id)).unwrap_or_default()
    }

    fn find_documents(
        &self,
        set: &mut SetReport,
        submit: &SubmitObjectsRequest,
        index: usize,
        settings: &ImportSettings,
        gathered: &mut Gathered,
    ) -> Result<Vec<StatedDocument>, PackageFinding> {
        let folder = set.folder.clone();
        let metadata_file = self.metadata_file(index);
        let mut finder = Finder {
            medium: &self.medium,
            layout: &self.layout,
            settings,
            folder: &folder,
            metadata_file,
            findings: Vec::new(),
            repeated: Repeated::default(),
            walked: 0,
        };
        let mut documents = Vec::new();
        for (number, entry) in entries(submit).enumerate() {
            if number == settings.limits.documents {
                let text = format!("more than {} documents in one set", settings.limits.documents);
                finder.findings.push(PackageFinding::error(XdmCode::TooLarge, metadata_file, text));
                break;
            }
            if gathered.count() > settings.limits.entries {
                let text = format!("more than {} documents and parts in all", settings.limits.entries);
                return Err(PackageFinding::error(XdmCode::TooLarge, metadata_file, text));
            }
            let (document, report) = finder.find(entry)?;
            gathered.walked(std::mem::take(&mut finder.walked));
            if let Some(entry) = document.entry
                && gathered.add(self.medium.table(), index, entry, &document, &report)
            {
                finder.repeated.add(XdmCode::SharedFile, &report.file, "two documents are in one file");
            }
            documents.push(document);
            set.documents.push(report);
        }
        if gathered.referenced_bytes() > settings.limits.referenced_bytes {
            let text = format!("the documents have more than {} octets in all", settings.limits.referenced_bytes);
            return Err(PackageFinding::error(XdmCode::TooLarge, metadata_file, text));
        }
        set.findings.append(&mut finder.findings);
        set.findings.extend(finder.repeated.finish());
        Ok(documents)
    }
}

/// What people want to know of a set, and what its metadata say about more than one object.
fn describe(set: &mut SetReport, submit: &SubmitObjectsRequest, file: &str, gathered: &mut Gathered) {
    if let Some(object) = submission_set(submit) {
        let identifier = |scheme| object.external_identifier(scheme).unwrap_or_default().to_owned();
        set.unique_id = identifier(v::SS_UNIQUE_ID);
        set.source_id = identifier(v::SS_SOURCE_ID);
        set.submission_time = value(object, v::SLOT_SUBMISSION_TIME).unwrap_or_default().to_owned();
    }
    let mut first: Option<(&str, Result<PatientId, _>)> = None;
    for (object, id) in patient_ids(submit) {
        let read = id.parse::<PatientId>();
        let Some((sent, known)) = &first else {
            first = Some((id, read));
            continue;
        };
        if *sent != id && (read.is_err() || read != *known) {
            let text = "two objects of the set have different patientIds";
            let finding = PackageFinding::error(XdsErrorCode::PatientIdDoesNotMatch, file, text);
            set.findings.push(finding.at(object.id.as_deref().unwrap_or("(no id)")));
            break;
        }
    }
    set.patient_id = first.map(|(sent, _)| sent.to_owned()).unwrap_or_default();
    if !set.submission_time.is_empty() && !gathered.submission_time(&set.submission_time) {
        let text = "another set of the package has the same submissionTime";
        set.findings.push(PackageFinding::warning(XdmCode::SubmissionTimeRepeated, file, text));
    }
}

/// Holds metadata, brought to what a registry takes, against its rules.
fn judge_metadata(
    set: &mut SetReport,
    submit: SubmitObjectsRequest,
    documents: &[StatedDocument],
    patient: &PatientId,
    settings: &ImportSettings,
    file: &str,
) {
    let Prepared { mut submit, missing } = prepare::prepare(submit, documents, patient, settings);
    set.findings.extend(prepare::incomplete(&missing, file));
    let found = prepare::repository_rules(&submit, file);
    if found.is_empty() && missing.is_empty() {
        prepare::complete_for_rules(&mut submit, documents);
        set.findings.extend(prepare::registry_rules(submit, settings, file));
    }
    set.findings.extend(found);
}

/// The octets of a small file, verified against its CRC.
pub(super) fn read_whole(medium: &Medium, id: EntryId, most: u64) -> Result<Vec<u8>, PackageFinding> {
    let table = medium.table();
    let file = table.path(id);
    let size_bytes = table.size_bytes(id);
    if size_bytes > most {
        let text = format!("the file has {size_bytes} octets, at most {most} are read");
        return Err(PackageFinding::error(XdmCode::MetadataMalformed, file, text));
    }
    let mut octets = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or_default());
    let mut block = vec![0; BLOCK_BYTES];
    let read = medium.open(id).and_then(|mut content| {
        while let Some(read) = next_block(&mut content, &mut block)? {
            octets.extend_from_slice(read);
        }
        Ok(())
    });
    read.map_err(|error| content_finding(&error, file))?;
    match table.crc32(id) {
        Some(crc32) if crc32 != crc32fast::hash(&octets) => Err(content_finding(&ContentError::Damaged, file)),
        _ => Ok(octets),
    }
}

/// Fills a block as far as there are octets; none at the end.
pub(super) fn next_block<'a>(content: &mut Content, block: &'a mut [u8]) -> Result<Option<&'a [u8]>, ContentError> {
    let mut filled = 0;
    while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match content.read(rest)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(block.get(..filled).filter(|filled| !filled.is_empty()))
}

/// What an unreadable file means.
pub(super) fn content_finding(error: &ContentError, file: &str) -> PackageFinding {
    let (code, text) = match error {
        ContentError::SizeLie => (XdmCode::SizeLie, "the file has more octets than the package says"),
        ContentError::Damaged => (XdmCode::CrcMismatch, "the file is damaged"),
        ContentError::Io(_) => (XdmCode::CrcMismatch, "the file cannot be read from the medium"),
    };
    PackageFinding::error(code, file, text)
}
