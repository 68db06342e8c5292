//! Submission sets while they are planned. Metadata and lists lie in temporary files; of each document only what its copying
//! needs stays in memory.

mod placed;

use std::{
    io::{self, Seek, Write},
    sync::Arc,
};

use tempfile::SpooledTempFile;

use super::{
    ExportError, ExportRequest, ExportedSet, Place, Sets,
    metadata::{entry_on_medium, member, of_scheme, slot},
    record::Identity,
    without_bsn::{Rewritten, Said, Scanner},
};
use crate::{
    model::{
        EntryUuid, RequestContext, Sha1Hash, SourcePatientInfo,
        rim::{RegistryObject, RimKind},
        vocabulary as v,
        xdm::SetLimits,
    },
    wire::xdm::{
        index_page::{self, IndexPage, Row, SetHead},
        metadata_write::MetadataWriter,
        multipart::MULTIPART_RELATED,
        names::{self, bare_media_type},
        tree_write::MOST_BYTES,
        zip_write::Packing,
    },
};

pub(super) use placed::{NewDocument, PlannedPart};

/// Octets of a list or of metadata that stay in memory.
const IN_MEMORY: usize = 256 * 1024;

/// Everything that goes into a package.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) drafts: Vec<Draft>,
    pub(super) warnings: Vec<String>,
    /// What looks for BSNs, where there may be none.
    pub(super) scanner: Option<Scanner>,
    /// The lines of the table that leads back to them.
    pub(super) table: Vec<u8>,
}

/// A submission set.
pub(super) struct Draft {
    number: u32,
    pub(super) directory: String,
    pub(super) set: RegistryObject,
    /// In the package.
    pub(super) patient: Option<String>,
    /// At the origin.
    known_as: Option<String>,
    pub(super) documents: Vec<PlannedDocument>,
    metadata: Option<MetadataWriter<SpooledTempFile>>,
    rows: SpooledTempFile,
    demographics: SetHead,
    members: Vec<String>,
    pub(super) part: Part,
}

/// Which part of a submission set a draft is; the only one, where the set was not divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Place of the draft with the first part.
    pub(super) first: usize,
    /// Counted from 1.
    pub(super) number: usize,
    /// How many there are, as far as is known.
    pub(super) of: usize,
}

/// At most so much is written for the membership of one object in the set.
const MEMBER_BYTES: u64 = 512;

/// A document of a set.
#[derive(Debug)]
pub(super) struct PlannedDocument {
    /// Until the set is closed.
    pub(super) entry_uuid: Box<str>,
    /// In the package.
    pub(super) unique_id: Arc<str>,
    /// At the origin.
    pub(super) wanted: Wanted,
    pub(super) size_bytes: u64,
    pub(super) sha1: Sha1Hash,
    /// On the medium.
    pub(super) path: Box<str>,
    pub(super) packing: Packing,
    pub(super) created: Box<str>,
    /// Named by the DICOMDIR.
    pub(super) is_dicom: bool,
    /// How its octets are searched, where there may be no BSN in them.
    pub(super) said: Said,
    /// It gets another patient number on its way.
    pub(super) rewritten: Option<Box<Rewritten>>,
    /// Its parts, where it has several.
    pub(super) parts: Vec<PlannedPart>,
    /// The directories of these, each after the one above it.
    pub(super) directories: Vec<String>,
}

impl PlannedDocument {
    /// Whether it is one file, and lies there.
    pub(super) fn is_file_at(&self, place: Place) -> bool {
        self.parts.is_empty() && self.is_dicom == (place == Place::UnderDicom)
    }

    /// Octets of all that it is made of.
    pub(super) fn whole_bytes(&self) -> u64 {
        match self.parts.is_empty() {
            true => self.size_bytes,
            false => self.parts.iter().map(|part| part.size_bytes).sum(),
        }
    }

    fn largest_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.size_bytes).chain([self.size_bytes]).max().unwrap_or_default()
    }
}

/// A document as the origin knows it.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) unique_id: Arc<str>,
    pub(super) repository_unique_id: Arc<str>,
    pub(super) home: Option<Arc<str>>,
    /// Its number among the files of the origin.
    pub(super) file: Option<usize>,
}

impl Wanted {
    pub(super) fn of(entry: &RegistryObject, file: Option<usize>) -> Self {
        Self {
            unique_id: entry.external_identifier(v::DE_UNIQUE_ID).unwrap_or_default().into(),
            repository_unique_id: slot(entry, v::SLOT_REPOSITORY_UNIQUE_ID).into(),
            home: entry.home.as_deref().map(Into::into),
            file,
        }
    }
}

/// The media type of an entry.
pub(super) fn media_type(entry: &RegistryObject) -> &str {
    match &entry.kind {
        RimKind::ExtrinsicObject { mime_type } => mime_type.as_deref().unwrap_or_default(),
        RimKind::RegistryPackage | RimKind::Association { .. } => "",
    }
}

impl Plan {
    /// The patient, as the origin knows it, and uniqueId of each set.
    pub(super) fn identities(&self) -> Vec<Identity> {
        let identity = |draft: &Draft| Identity {
            patient: draft.known_as.clone(),
            submission_set: Some(draft.unique_id().to_owned()),
        };
        self.drafts.iter().map(identity).collect()
    }

    pub(super) fn document_bytes(&self) -> u64 {
        self.drafts.iter().flat_map(|draft| &draft.documents).map(PlannedDocument::whole_bytes).sum()
    }

    pub(super) fn has_dicom(&self) -> bool {
        self.drafts.iter().any(Draft::has_dicom)
    }

    /// Refuses what ISO 9660 level 1 and FAT32 cannot hold.
    pub(super) fn refuse_large(&self) -> Result<(), ExportError> {
        let mut documents = self.drafts.iter().flat_map(|draft| &draft.documents);
        match documents.find(|document| document.largest_bytes() >= MOST_BYTES) {
            Some(document) => Err(ExportError::TooLarge(document.unique_id.to_string())),
            None => Ok(()),
        }
    }
}

impl Draft {
    /// The set at this place, counted from 0.
    pub(super) fn new(
        place: usize,
        set: RegistryObject,
        patient: Option<String>,
        known_as: Option<String>,
        part: Part,
    ) -> Result<Self, ExportError> {
        let number = u32::try_from(place + 1).map_err(|_| ExportError::TooMany)?;
        let spooled = || SpooledTempFile::new(IN_MEMORY);
        Ok(Self {
            number,
            directory: names::set_directory(number).ok_or(ExportError::TooMany)?,
            set,
            patient,
            known_as,
            documents: Vec::new(),
            metadata: Some(MetadataWriter::new(spooled())?),
            rows: spooled(),
            demographics: SetHead::default(),
            members: Vec::new(),
            part,
        })
    }

    /// Octets of METADATA.XML with the memberships of what is in it so far.
    fn octets(&self) -> u64 {
        let written = self.metadata.as_ref().map_or(0, MetadataWriter::octets);
        written.saturating_add(MEMBER_BYTES.saturating_mul((self.documents.len() + self.members.len()) as u64))
    }

    /// No document comes after those that it has: what is known of them takes up no more room than it must.
    pub(super) fn shrink(&mut self) -> io::Result<()> {
        self.documents.shrink_to_fit();
        self.rows.roll()
    }

    /// Whether the next document goes into another part: the rest of the room is for folders and
    /// relations. A set that was submitted is whole as long as it can be; a new one is what a receiver takes with little memory.
    pub(super) fn is_full(&self, limits: &SetLimits, sets: Sets) -> bool {
        let share = match sets {
            Sets::New => 8,
            Sets::AsSubmitted => 2,
        };
        self.documents.len() >= limits.documents || self.octets() >= limits.metadata_bytes / share
    }

    /// Whether there is room for one more relation; the last eighth is for the set itself.
    pub(super) fn has_room(&self, limits: &SetLimits) -> bool {
        self.octets() < limits.metadata_bytes / 8 * 7
    }

    pub(super) fn unique_id(&self) -> &str {
        self.set.external_identifier(v::SS_UNIQUE_ID).unwrap_or_default()
    }

    pub(super) fn has_dicom(&self) -> bool {
        self.documents.iter().any(|document| document.is_dicom)
    }

    /// The directory of its DICOM objects.
    pub(super) fn dicom_directory(&self) -> Result<String, ExportError> {
        let path = names::dicom_object(self.number, 1).ok_or(ExportError::TooMany)?;
        Ok(path.rsplit_once('/').map(|(directory, _)| directory.to_owned()).unwrap_or(path))
    }

    /// Adds a document; how many of its parts have a name of ours.
    pub(super) fn add(
        &mut self,
        ctx: &mut RequestContext,
        mut entry: RegistryObject,
        content: NewDocument,
        request: &ExportRequest,
        page: &IndexPage,
    ) -> Result<usize, ExportError> {
        let number = u32::try_from(self.documents.len() + 1).map_err(|_| ExportError::TooMany)?;
        let NewDocument { mut wanted, rewritten, divided } = content;
        let unique_id = entry.external_identifier(v::DE_UNIQUE_ID).unwrap_or_default();
        // Most keep theirs: one text serves for both.
        let unique_id = if *unique_id == *wanted.unique_id { wanted.unique_id.clone() } else { unique_id.into() };
        let placed = match divided {
            Some(divided) => self.place_parts(number, divided)?,
            None => self.place_file(number, &entry, &unique_id, rewritten.as_ref())?,
        };
        let is_dicom = placed.parts.is_empty() && bare_media_type(&placed.media_type) == names::DICOM_MEDIA_TYPE;
        if let Some(last) = self.documents.last()
            && last.wanted.repository_unique_id == wanted.repository_unique_id
        {
            wanted.repository_unique_id = Arc::clone(&last.wanted.repository_unique_id);
        }
        let document = PlannedDocument {
            entry_uuid: entry.id.clone().unwrap_or_default(),
            wanted,
            size_bytes: placed.size_bytes,
            sha1: placed.sha1,
            path: placed.path.as_str().into(),
            packing: Packing::of(&placed.media_type),
            created: slot(&entry, v::SLOT_CREATION_TIME).into(),
            is_dicom,
            said: Said::of(&placed.media_type),
            rewritten: rewritten.map(Box::new),
            parts: placed.parts,
            directories: placed.directories,
            unique_id,
        };
        if self.documents.is_empty() {
            self.demographics = demographics(&entry);
        }
        if !document.parts.is_empty() {
            // A boundary has no meaning for files.
            entry.kind = RimKind::ExtrinsicObject { mime_type: Some(MULTIPART_RELATED.into()) };
        }
        entry_on_medium(ctx, &mut entry, &placed.uri, placed.size_bytes, placed.sha1, request);
        page.row(&mut self.rows, &row(&entry, placed.path, document.whole_bytes(), placed.media_type))?;
        self.object(&entry)?;
        self.documents.push(document);
        Ok(placed.renamed)
    }

    /// Writes an object that is no document.
    pub(super) fn object(&mut self, object: &RegistryObject) -> Result<(), ExportError> {
        if let Some(metadata) = &mut self.metadata {
            metadata.object(object)?;
        }
        Ok(())
    }

    /// Writes a folder, or the membership of a document in one: members of the set as well.
    pub(super) fn member(&mut self, object: &RegistryObject) -> Result<(), ExportError> {
        self.members.extend(object.id.as_deref().map(str::to_owned));
        self.object(object)
    }

    /// Writes the set and the memberships, when nothing more is added and its time is known.
    pub(super) fn close(&mut self, ctx: &mut RequestContext) -> Result<(), ExportError> {
        let Some(metadata) = &mut self.metadata else { return Ok(()) };
        metadata.object(&self.set)?;
        let set = self.set.id.as_deref().unwrap_or_default();
        for document in &mut self.documents {
            // Nobody asks for it afterwards.
            let entry_uuid = std::mem::take(&mut document.entry_uuid);
            metadata.object(&member(ctx, set, &entry_uuid, true))?;
        }
        for object in &self.members {
            metadata.object(&member(ctx, set, object, false))?;
        }
        Ok(())
    }

    /// METADATA.XML, at its beginning.
    pub(super) fn take_metadata(&mut self) -> io::Result<SpooledTempFile> {
        let Some(metadata) = self.metadata.take() else { return Ok(SpooledTempFile::new(IN_MEMORY)) };
        let mut file = metadata.finish()?;
        file.rewind()?;
        Ok(file)
    }

    /// Writes its part of INDEX.HTM.
    pub(super) fn list(&mut self, out: &mut dyn Write, page: &IndexPage) -> io::Result<()> {
        let author = of_scheme(&self.set, v::SS_AUTHOR).next();
        let of_author = |name: &str| {
            let slot = author.and_then(|author| author.slots.iter().find(|slot| &*slot.name == name));
            slot.and_then(|slot| slot.values.first()).map(|value| &**value).unwrap_or_default()
        };
        let head = SetHead {
            directory: self.directory.clone(),
            patient_id: index_page::readable_cx(self.patient.as_deref().unwrap_or_default()),
            author: index_page::person(of_author(v::SLOT_AUTHOR_PERSON)),
            institution: index_page::readable_xon(of_author(v::SLOT_AUTHOR_INSTITUTION)),
            submitted: index_page::days_and_times(slot(&self.set, v::SLOT_SUBMISSION_TIME)),
            title: self.set.name.first().map(|name| name.value.to_string()).unwrap_or_default(),
            part: match self.part {
                Part { of: 1, .. } => String::new(),
                Part { number, of, .. } => format!("{number} / {of}"),
            },
            documents: self.documents.len(),
            ..self.demographics.clone()
        };
        page.set(out, &head)?;
        self.rows.rewind()?;
        io::copy(&mut self.rows, &mut { out as &mut dyn Write })?;
        page.set_end(out)
    }

    /// What is told of it when the package is made.
    pub(super) fn told(self) -> ExportedSet {
        ExportedSet {
            unique_id: self.unique_id().to_owned(),
            patient_id: self.known_as,
            directory: self.directory,
            part: (self.part.of > 1).then_some((self.part.number, self.part.of)),
            documents: self.documents.into_iter().map(|it| (it.unique_id, it.path.into())).collect(),
        }
    }

    /// Its entries.
    pub(super) fn entry_uuids(&self) -> impl Iterator<Item = EntryUuid> + '_ {
        self.documents.iter().filter_map(|document| document.entry_uuid.parse().ok())
    }
}

/// Who the patient is, as far as the entry says.
fn demographics(entry: &RegistryObject) -> SetHead {
    let info: Vec<SourcePatientInfo> = entry
        .slot(v::SLOT_SOURCE_PATIENT_INFO)
        .map(|slot| slot.values.iter().filter_map(|value| value.parse().ok()).collect())
        .unwrap_or_default();
    let pid = |field: u8| info.iter().find(|it| it.field == field).map(|it| &*it.data).unwrap_or_default();
    SetHead {
        patient: index_page::person_of_pid_5(pid(5)),
        born: index_page::days_and_times(pid(7).get(..8).unwrap_or(pid(7))),
        sex: index_page::sex(pid(8)),
        ..SetHead::default()
    }
}

fn row(entry: &RegistryObject, path: String, size_bytes: u64, media_type: String) -> Row {
    let name = |object: Option<&crate::model::rim::Classification>| {
        object.and_then(|it| it.name.first()).map(|name| name.value.to_string()).unwrap_or_default()
    };
    let kind = name(of_scheme(entry, v::DE_TYPE_CODE).next());
    let title = entry.name.first().map(|name| &*name.value).unwrap_or_default();
    let codes: Vec<(String, String)> = of_scheme(entry, v::DE_CONFIDENTIALITY_CODE)
        .map(|it| {
            let scheme = it.slots.iter().find(|slot| &*slot.name == v::SLOT_CODING_SCHEME);
            let scheme = scheme.and_then(|slot| slot.values.first()).map(ToString::to_string);
            (it.node_representation.as_deref().unwrap_or_default().to_owned(), scheme.unwrap_or_default())
        })
        .collect();
    let is_sensitive = index_page::is_confidential(&codes);
    let shown = match (is_sensitive, title.is_empty()) {
        (true, _) => codes.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>().join(" "),
        (false, true) => kind.clone(),
        (false, false) => title.to_owned(),
    };
    let author = of_scheme(entry, v::DE_AUTHOR).flat_map(|it| &it.slots);
    let author = author.filter(|slot| &*slot.name == v::SLOT_AUTHOR_PERSON).find_map(|slot| slot.values.first());
    let time = |name: &str| index_page::days_and_times(slot(entry, name));
    let service = [time(v::SLOT_SERVICE_START_TIME), time(v::SLOT_SERVICE_STOP_TIME)];
    Row {
        title: shown,
        kind: if is_sensitive { String::new() } else { kind },
        created: time(v::SLOT_CREATION_TIME),
        service: service.into_iter().filter(|time| !time.is_empty()).collect::<Vec<_>>().join(" – "),
        author: author.map(|author| index_page::person(author)).unwrap_or_default(),
        size_bytes,
        path,
        media_type,
    }
}
