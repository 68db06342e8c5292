//! The octets of a document as they are kept: those of its file, or of all files of its directory joined to one
//! multipart/related body.
//!
//! Source: spec xdm R-32-05, R-32-52.

use openssl::sha::{Sha1, Sha256};

use super::{
    documents::{StatedDocument, StatedHash},
    examine::{BLOCK_BYTES, content_finding, next_block},
    verify::{HEAD_BYTES, Measured, hexadecimal},
};
use crate::{
    model::{Sha1Hash, xdm::PackageFinding},
    wire::xdm::{
        Content, ContentError, EntryId, Medium,
        multipart::Joint,
        names::{bare_media_type, media_type_of},
    },
};

/// A document of several files.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// The files beside the start part, in the order of their names.
    pub others: Vec<EntryId>,
    /// Octets of all of them with the start part.
    pub size_bytes: u64,
    /// The media type of the start part, as its name tells; empty where it does not.
    pub start_type: &'static str,
}

/// What hinders the reading of a document, and in which file.
#[derive(Debug)]
pub(super) struct Unread {
    error: ContentError,
    file: String,
}

impl Unread {
    /// A fault of the system at this file.
    pub(super) fn of(medium: &Medium, entry: EntryId, error: std::io::Error) -> Self {
        Self { error: ContentError::Io(error), file: medium.table().path(entry).to_owned() }
    }

    pub(super) fn finding(&self) -> PackageFinding {
        content_finding(&self.error, &self.file)
    }
}

/// The octets of a document, one block after another.
pub(super) struct DocumentOctets {
    medium: Medium,
    /// Files that were not begun, the last one first.
    files: Vec<EntryId>,
    /// How many were begun.
    begun: usize,
    open: Option<Open>,
    joint: Option<Joined>,
    /// Octets that were read and not handed out.
    waiting: Vec<u8>,
    handed_out: usize,
    meter: Option<Meter>,
}

struct Open {
    entry: EntryId,
    content: Content,
    /// Of a file beside the start part.
    crc32: Option<crc32fast::Hasher>,
}

/// What stands between the files.
struct Joined {
    joint: Joint,
    /// Octets of the name of the directory, with its separator.
    directory_bytes: usize,
    is_over: bool,
}

/// What the file is that the metadata speak of.
struct Meter {
    sha1: Sha1,
    sha256: Option<Sha256>,
    crc32: crc32fast::Hasher,
    size_bytes: u64,
    head: Vec<u8>,
}

impl Meter {
    fn new(document: &StatedDocument) -> Self {
        let sha256 = matches!(document.hash, Some(StatedHash::Sha256(_))).then(Sha256::new);
        Self { sha1: Sha1::new(), sha256, crc32: crc32fast::Hasher::new(), size_bytes: 0, head: Vec::new() }
    }

    fn update(&mut self, octets: &[u8]) {
        self.sha1.update(octets);
        self.crc32.update(octets);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(octets);
        }
        let room = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(octets.get(..room).unwrap_or(octets));
        self.size_bytes += octets.len() as u64;
    }
}

impl DocumentOctets {
    /// The octets of a document whose file, or start part, is this one. `is_measured` where nobody else hashes that file.
    pub(super) fn new(medium: &Medium, entry: EntryId, document: &StatedDocument, is_measured: bool) -> Self {
        let table = medium.table();
        let directory_bytes = table.path(entry).rfind('/').map_or(0, |at| at + 1);
        let name = |id: EntryId| table.path(id).get(directory_bytes..).unwrap_or_default();
        let others = document.parts.as_deref().map(|parts| parts.others.as_slice()).unwrap_or_default();
        let all = || [entry].into_iter().chain(others.iter().copied());
        let joint = document.parts.as_ref().map(|_| Joined {
            joint: Joint::new(&document.unique_id, all().map(|id| (name(id), table.size_bytes(id)))),
            directory_bytes,
            is_over: false,
        });
        let mut files: Vec<EntryId> = all().collect();
        files.reverse();
        Self {
            medium: medium.clone(),
            files,
            begun: 0,
            open: None,
            joint,
            waiting: Vec::new(),
            handed_out: 0,
            meter: is_measured.then(|| Meter::new(document)),
        }
    }

    /// How many octets are read at a time: no more than there are, and one, so that a lie about a size shows at once.
    pub(super) fn block_bytes(&self) -> usize {
        match (&self.joint, self.files.first()) {
            (None, Some(entry)) => {
                let size = usize::try_from(self.medium.table().size_bytes(*entry)).unwrap_or(BLOCK_BYTES);
                size.saturating_add(1).min(BLOCK_BYTES)
            }
            _ => BLOCK_BYTES,
        }
    }

    /// Fills the beginning of a block; 0 at the end.
    ///
    /// # Errors
    /// A file that cannot be read, or is damaged; the octets so far are worth nothing then.
    pub(super) fn read(&mut self, block: &mut [u8]) -> Result<usize, Unread> {
        loop {
            let rest = self.waiting.get(self.handed_out..).unwrap_or_default();
            if !rest.is_empty() {
                let count = rest.len().min(block.len());
                if let (Some(to), Some(from)) = (block.get_mut(..count), rest.get(..count)) {
                    to.copy_from_slice(from);
                }
                self.handed_out += count;
                return Ok(count);
            }
            (self.waiting, self.handed_out) = (Vec::new(), 0);
            let Some(open) = &mut self.open else {
                match self.files.pop() {
                    Some(entry) => self.begin(entry)?,
                    None if self.ends() => {}
                    None => return Ok(0),
                }
                continue;
            };
            match next_block(&mut open.content, block) {
                Ok(Some(octets)) => {
                    let count = octets.len();
                    open.measure(octets, self.meter.as_mut());
                    return Ok(count);
                }
                Ok(None) => {
                    let is_damaged = open.is_damaged(&self.medium);
                    let entry = open.entry;
                    self.open = None;
                    if is_damaged {
                        return Err(self.unread(entry, ContentError::Damaged));
                    }
                }
                Err(error) => {
                    let entry = open.entry;
                    return Err(self.unread(entry, error));
                }
            }
        }
    }

    fn unread(&self, entry: EntryId, error: ContentError) -> Unread {
        Unread { error, file: self.medium.table().path(entry).to_owned() }
    }

    /// Begins a file; what stands before it waits to be handed out, with its first octets: they may tell what it is.
    fn begin(&mut self, entry: EntryId) -> Result<(), Unread> {
        let index = self.begun;
        self.begun += 1;
        let content = self.medium.open(entry).map_err(|error| self.unread(entry, error))?;
        let crc32 = (index > 0).then(crc32fast::Hasher::new);
        let mut open = Open { entry, content, crc32 };
        if let Some(joined) = &self.joint {
            let mut head = vec![0; HEAD_BYTES];
            let first = next_block(&mut open.content, &mut head).map_err(|error| self.unread(entry, error))?;
            let first = first.unwrap_or_default();
            open.measure(first, self.meter.as_mut());
            let name = self.medium.table().path(entry).get(joined.directory_bytes..).unwrap_or_default();
            let kind = kind_of(name, first);
            let before = match index {
                0 => joined.joint.head(name, kind),
                index => joined.joint.between(index, name, kind),
            };
            self.waiting = before.into_bytes();
            self.waiting.extend_from_slice(first);
        }
        self.open = Some(open);
        Ok(())
    }

    /// Whether something follows the last file, which waits now.
    fn ends(&mut self) -> bool {
        let Some(joined) = self.joint.as_mut().filter(|joined| !joined.is_over) else { return false };
        joined.is_over = true;
        self.waiting = joined.joint.tail().into_bytes();
        true
    }

    /// What the file is that the metadata speak of, once all was read; none where it was not to be measured.
    pub(super) fn measured(self) -> Option<Measured> {
        let meter = self.meter?;
        let sha1 = Sha1Hash::from_bytes(meter.sha1.finish());
        Some(Measured {
            size_bytes: meter.size_bytes,
            sha1,
            sha256: meter.sha256.map(|sha256| hexadecimal(&sha256.finish())),
            crc32: meter.crc32.finalize(),
            head: meter.head,
            kept: (sha1, meter.size_bytes),
        })
    }
}

impl Open {
    fn measure(&mut self, octets: &[u8], meter: Option<&mut Meter>) {
        match (&mut self.crc32, meter) {
            (Some(crc32), _) => crc32.update(octets),
            (None, Some(meter)) => meter.update(octets),
            (None, None) => {}
        }
    }

    /// Whether a file beside the start part is not what its CRC says; nothing else is told of those.
    fn is_damaged(&mut self, medium: &Medium) -> bool {
        let found = self.crc32.take().map(crc32fast::Hasher::finalize);
        let told = medium.table().crc32(self.entry);
        found.is_some() && told.is_some() && found != told
    }
}

/// The media type of a part: by its extension, else by its first octets.
fn kind_of(name: &str, head: &[u8]) -> &'static str {
    let found = || infer::get(head).map(|kind| kind.mime_type());
    kind_by_name(name).or_else(found).unwrap_or("application/octet-stream")
}

/// The media type that the extension of a name stands for.
pub(super) fn kind_by_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.').filter(|(_, extension)| !extension.contains('/'))?;
    media_type_of(extension)
}

/// The media type of what the metadata of a document speak of: its own, or that of its start part.
pub(super) fn verified_type(document: &StatedDocument, mime_type: &str) -> String {
    match &document.parts {
        Some(parts) => parts.start_type.to_owned(),
        None => bare_media_type(mime_type),
    }
}
