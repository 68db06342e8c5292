//! Which file each DocumentEntry means, and what can be said of it without reading it.
//!
//! Source: spec xdm R-32-13 to R-32-17, R-32-37, H-06, H-07, H-14 to H-24.

use std::collections::BTreeMap;

use super::{
    inside::Inside,
    octets::{Parts, kind_by_name},
    settings::ImportSettings,
    submission::{mime_type, value},
};
use crate::{
    model::{
        Sha1Hash, Sha1HashError, XdsErrorCode,
        rim::RegistryObject,
        vocabulary as v,
        xdm::{DocumentReport, PackageFinding, XdmCode},
    },
    wire::xdm::{
        EntryId, Flaw, Found, Layout, Medium,
        multipart::{is_multipart, most_parts},
        names::check_iso_9660,
        resolve_uri,
    },
};

/// The hash that the metadata have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StatedHash {
    Sha1(Sha1Hash),
    /// Lower case hexadecimal digits.
    Sha256(String),
}

/// A document as its metadata tell of it.
#[derive(Clone, Debug)]
pub(super) struct StatedDocument {
    /// Its file, or the start part of several, where there is one that may be read.
    pub entry: Option<EntryId>,
    /// The parts, where it has several.
    pub parts: Option<Box<Parts>>,
    /// uniqueId, empty where there is none or where it does not matter.
    pub unique_id: Box<str>,
    pub hash: Option<StatedHash>,
    pub size_bytes: Option<u64>,
    /// What its header says, where it was read.
    pub inside: Option<Box<Inside>>,
}

/// Warnings of which one is told for all documents of a set.
#[derive(Debug, Default)]
pub(super) struct Repeated(BTreeMap<XdmCode, (String, &'static str, usize)>);

impl Repeated {
    pub(super) fn add(&mut self, code: XdmCode, file: &str, text: &'static str) {
        self.0.entry(code).or_insert_with(|| (file.to_owned(), text, 0)).2 += 1;
    }

    pub(super) fn finish(self) -> impl Iterator<Item = PackageFinding> {
        self.0.into_iter().map(|(code, (file, text, count))| {
            let text = if count == 1 { text.to_owned() } else { format!("{text} ({count} files, this is the first)") };
            PackageFinding::warning(code, file, text)
        })
    }
}

/// What a whole set of documents is found with.
pub(super) struct Finder<'a> {
    pub medium: &'a Medium,
    pub layout: &'a Layout,
    pub settings: &'a ImportSettings,
    /// The directory of the set.
    pub folder: &'a str,
    /// Its METADATA.XML.
    pub metadata_file: &'a str,
    pub findings: Vec<PackageFinding>,
    pub repeated: Repeated,
    /// Entries of the table that were looked at for parts of documents.
    pub walked: u64,
}

impl Finder<'_> {
    /// Finds the file of an entry.
    ///
    /// # Errors
    /// For a name that is there twice: then the package is rejected (H-14).
    pub(super) fn find(&mut self, entry: &RegistryObject) -> Result<(StatedDocument, DocumentReport), PackageFinding> {
        let object = entry.id.as_deref().unwrap_or("(no id)");
        let title = entry.name.first().map(|name| name.value.to_string()).unwrap_or_default();
        let mut report = DocumentReport {
            file: String::new(),
            unique_id: entry.external_identifier(v::DE_UNIQUE_ID).unwrap_or_default().to_owned(),
            title,
            mime_type: mime_type(entry).to_owned(),
            size_bytes: None,
            parts: None,
            verified: None,
            already_present: false,
        };
        let mut document = StatedDocument {
            entry: None,
            parts: None,
            unique_id: Box::default(),
            hash: None,
            size_bytes: None,
            inside: None,
        };
        if entry.object_type.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(v::OBJECT_TYPE_ON_DEMAND)) {
            self.error(XdmCode::OnDemandEntry, object, "an on-demand entry has no document in a package");
            return Ok((document, report));
        }
        self.state_hash(entry, object, &mut document);
        let Some(path) = self.path(entry, object) else { return Ok((document, report)) };
        report.file.clone_from(&path);
        let Some(id) = self.look_up(&path, object)? else { return Ok((document, report)) };
        let table = self.medium.table();
        let (file, size_bytes) = (table.path(id).to_owned(), table.size_bytes(id));
        if is_multipart(&report.mime_type) {
            let Some(parts) = self.parts(id, object)? else { return Ok((document, report)) };
            report.parts = Some(parts.others.len() + 1);
            (document.parts, document.unique_id) = (Some(Box::new(parts)), report.unique_id.as_str().into());
        }
        let whole_bytes = document.parts.as_ref().map_or(size_bytes, |parts| parts.size_bytes);
        report.size_bytes = Some(whole_bytes);
        if whole_bytes > self.settings.limits.document_bytes {
            let text = format!("{whole_bytes} octets, at most {} are taken", self.settings.limits.document_bytes);
            self.findings.push(PackageFinding::error(XdmCode::TooLarge, &*file, text).at(object));
            return Ok((document, report));
        }
        if size_bytes == 0 {
            let text = "the document is empty: was something forgotten?";
            self.findings.push(PackageFinding::held(XdmCode::EmptyDocument, &*file, text).at(object));
        }
        if let Some(stated) = document.size_bytes.filter(|stated| *stated != size_bytes) {
            let text = format!("the metadata say {stated} octets, the file has {size_bytes}");
            self.findings.push(PackageFinding::error(XdmCode::SizeMismatch, &*file, text).at(object));
        }
        if check_iso_9660(&file).is_err() {
            self.repeated.add(XdmCode::NameNotIso9660, &file, "the name is not one of ISO 9660 Level 1");
        }
        report.file = file;
        document.entry = Some(id);
        Ok((document, report))
    }

    fn error(&mut self, code: XdmCode, object: &str, text: &str) {
        self.findings.push(PackageFinding::error(code, self.metadata_file, text).at(object));
    }

    /// Hash and size as the metadata have them (R-32-15, R-32-37).
    fn state_hash(&mut self, entry: &RegistryObject, object: &str, document: &mut StatedDocument) {
        let (hash, size) = (value(entry, v::SLOT_HASH), value(entry, v::SLOT_SIZE));
        if hash.is_none() || size.is_none() {
            let text = "hash or size is missing: nothing was verified";
            match self.settings.tolerances.missing_hash {
                true => self.repeated.add(XdmCode::HashMissing, self.metadata_file, text),
                false => self.error(XdmCode::HashMissing, object, "hash or size is missing"),
            }
        }
        match hash.map(str::parse::<Sha1Hash>) {
            None => {}
            Some(Ok(sha1)) => document.hash = Some(StatedHash::Sha1(sha1)),
            Some(Err(Sha1HashError::LooksLikeSha256)) if self.settings.tolerances.sha256 => {
                self.repeated.add(XdmCode::HashIsSha256, self.metadata_file, "hash is SHA-256; SHA-1 will be kept");
                document.hash = hash.map(|hash| StatedHash::Sha256(hash.to_ascii_lowercase()));
            }
            Some(Err(error)) => self.error(XdmCode::HashMismatch, object, &error.to_string()),
        }
        if let Some(size) = size {
            match size.parse::<u64>() {
                Ok(stated) if size.bytes().all(|b| b.is_ascii_digit()) => document.size_bytes = Some(stated),
                _ => self.error(XdmCode::SizeMismatch, object, "size is no number of octets"),
            }
        }
    }

    /// The name that the URI leads to (R-32-14).
    fn path(&mut self, entry: &RegistryObject, object: &str) -> Option<String> {
        let Some(uri) = value(entry, v::SLOT_URI) else {
            self.error(XdmCode::UriMissing, object, "there is no URI");
            return None;
        };
        let resolved = match resolve_uri(&self.layout.root, self.folder, uri) {
            Ok(resolved) => resolved,
            Err(text) => {
                self.error(XdmCode::UriEscapesRoot, object, text);
                return None;
            }
        };
        if resolved.backslash {
            if !self.settings.tolerances.backslash {
                self.error(XdmCode::Backslash, object, "the URI has backslashes");
                return None;
            }
            self.repeated.add(XdmCode::Backslash, self.metadata_file, "the URI has backslashes");
        }
        if self.layout.is_control_file(&resolved.path) {
            self.error(XdmCode::UriNotADocument, object, "the URI names a file that describes the package");
            return None;
        }
        Some(resolved.path)
    }

    fn look_up(&mut self, path: &str, object: &str) -> Result<Option<EntryId>, PackageFinding> {
        let missing = |text: &str| PackageFinding::error(XdsErrorCode::MissingDocument, path, text).at(object);
        let table = self.medium.table();
        let id = match table.find(path) {
            Found::Exact(id) => id,
            Found::Folded(id) if self.settings.tolerances.fold_case => {
                let text = "the URI and the name of the file differ in case";
                self.repeated.add(XdmCode::CaseFolded, table.path(id), text);
                id
            }
            Found::Several => {
                let text = "several files have a name that differs from the URI in case only";
                self.findings.push(PackageFinding::error(XdmCode::AmbiguousName, path, text).at(object));
                return Ok(None);
            }
            Found::Folded(_) | Found::Nothing => {
                self.findings.push(missing("the file is not in the package"));
                return Ok(None);
            }
        };
        if table.is_directory(id) {
            self.findings.push(missing("the URI names a directory"));
            return Ok(None);
        }
        Ok(self.is_usable(id, path, object)?.then_some(id))
    }

    /// The files beside the start part of a document of several parts: all in its directory, which is its own (R-32-05).
    fn parts(&mut self, start: EntryId, object: &str) -> Result<Option<Parts>, PackageFinding> {
        let table = self.medium.table();
        let path = table.path(start);
        let Some((directory, name)) = path.rsplit_once('/') else {
            return Ok(self.not_apart(path, object));
        };
        let (mut others, mut size_bytes) = (Vec::new(), table.size_bytes(start));
        for id in table.below(directory).filter(|id| *id != start) {
            self.walked += 1;
            let part = table.path(id);
            if self.layout.is_control_file(part) {
                return Ok(self.not_apart(path, object));
            }
            if table.is_directory(id) || is_litter(part.get(directory.len()..).unwrap_or_default()) {
                continue;
            }
            others.push(id);
            if others.len() == most_parts() {
                let text = format!("more than {} parts in one document", most_parts());
                self.findings.push(PackageFinding::error(XdmCode::TooLarge, path, text).at(object));
                return Ok(None);
            }
            if !self.is_usable(id, part, object)? {
                return Ok(None);
            }
            size_bytes = size_bytes.saturating_add(table.size_bytes(id));
        }
        let text = "of a document of several parts the start part alone is verified";
        self.repeated.add(XdmCode::MultipartUnverified, path, text);
        Ok(Some(Parts { others, size_bytes, start_type: kind_by_name(name).unwrap_or_default() }))
    }

    fn not_apart(&mut self, path: &str, object: &str) -> Option<Parts> {
        let text = "a document of several parts lies in a directory of its own, and this one does not";
        self.findings.push(PackageFinding::error(XdmCode::MultipartUnsupported, path, text).at(object));
        None
    }

    /// Whether nothing hinders the reading of a file.
    fn is_usable(&mut self, id: EntryId, path: &str, object: &str) -> Result<bool, PackageFinding> {
        let mut usable = true;
        for flaw in self.medium.table().flaws(id) {
            let (code, text) = match flaw {
                Flaw::Duplicate => {
                    let text = "a document has a name that is there twice";
                    return Err(PackageFinding::error(XdmCode::DuplicateName, path, text).at(object));
                }
                Flaw::Unreadable | Flaw::Deceiving | Flaw::SameInNfc | Flaw::TooLong => {
                    (XdmCode::UnsafeName, "the name of the file cannot be trusted")
                }
                Flaw::Encrypted => (XdmCode::Encrypted, "the file is encrypted"),
                Flaw::Method => (XdmCode::Method, "the file is neither stored nor deflated"),
                Flaw::Backslash if !self.settings.tolerances.backslash => {
                    (XdmCode::Backslash, "the name of the file has backslashes")
                }
                Flaw::Odd => {
                    self.repeated.add(XdmCode::OddName, path, "some systems cannot hold a file of this name");
                    continue;
                }
                Flaw::Backslash | Flaw::NotNfc => continue,
            };
            self.findings.push(PackageFinding::error(code, path, text).at(object));
            usable = false;
        }
        Ok(usable)
    }
}

/// What operating systems leave beside the parts of a document.
fn is_litter(path: &str) -> bool {
    path.split('/').any(|step| step.starts_with('.') || step.eq_ignore_ascii_case("Thumbs.db"))
}
