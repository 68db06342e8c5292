//! From a body and its columns to ebRIM.

use super::{fragments, tokens as t};
use crate::{
    model::{
        AssociationType, AvailabilityStatus, DocumentAvailability, EntryUuid, HomeCommunityId, StoredObject,
        rim::{RegistryObject, SubmitObjectsRequest},
    },
    wire::{
        ebrim::{DecodeError, escape::write_escaped, read::read_object_list},
        guard::{Event, XmlLimits, XmlReader},
    },
};

/// How answers are written for a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerStyle {
    /// Written on all objects, whatever they came with (R-META-34).
    pub home: Option<HomeCommunityId>,
    /// Whether `lid` and VersionInfo are written; some consumers cannot read them (spec §8, 36).
    pub versions: bool,
}

impl Default for AnswerStyle {
    fn default() -> Self {
        Self { home: None, versions: true }
    }
}

/// Why a body gives no answer. It was damaged, or written by a newer program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No octet at all, or a version that is not read.
    #[error("the body of a registry object has an unknown version")]
    Version,
    /// An octet that means nothing.
    #[error("the body of a registry object has an unknown token {0:#04x}")]
    Token(u8),
    /// The end within a token.
    #[error("the body of a registry object ends within a token")]
    Truncated,
    /// A hole that this kind of object does not fill.
    #[error("the body of a registry object has hole {0:#04x}, which is not of its kind")]
    Hole(u8),
    /// What came out is no registry object.
    #[error("the body of a registry object cannot be read again: {0}")]
    Content(#[from] DecodeError),
}

/// Writes an object as ITI-18 returns it; the prefix is `rim`. Nothing is written if there is an error.
///
/// # Errors
/// When the body is damaged.
pub fn write_object(out: &mut Vec<u8>, object: &StoredObject, style: &AnswerStyle) -> Result<(), BodyError> {
    let start = out.len();
    let written = Holes::of(object, style).render(out, body_of(object));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// The object as it would be answered, read again.
///
/// # Errors
/// When the body is damaged.
pub fn decode(object: &StoredObject) -> Result<RegistryObject, BodyError> {
    let mut xml = b"<rim:RegistryObjectList xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\">".to_vec();
    write_object(&mut xml, object, &AnswerStyle::default())?;
    xml.extend_from_slice(b"</rim:RegistryObjectList>");
    let Ok(text) = String::from_utf8(xml) else { return Err(BodyError::Truncated) };
    // Its values were within the limits when they came; escaped they may be longer.
    let limits = XmlLimits { value_bytes: usize::MAX, ..XmlLimits::default() };
    let mut reader = XmlReader::new(&text, &limits);
    let mut list = SubmitObjectsRequest::default();
    if let Event::Start(_) = reader.next().map_err(DecodeError::from)? {
        read_object_list(&mut reader, &mut list, None)?;
    }
    list.objects.pop().ok_or(BodyError::Truncated)
}

fn body_of(object: &StoredObject) -> &[u8] {
    match object {
        StoredObject::SubmissionSet(set) => &set.body,
        StoredObject::DocumentEntry(entry) => &entry.body,
        StoredObject::Folder(folder) => &folder.body,
        StoredObject::Association(association) => &association.body,
    }
    .as_bytes()
}

type UuidText = [u8; 45];

fn uuid_text(uuid: &EntryUuid) -> UuidText {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let mut text = *b"urn:uuid:00000000-0000-0000-0000-000000000000";
    // Where the two digits of each octet stand behind the prefix.
    const PLACES: [usize; 16] = [9, 11, 13, 15, 18, 20, 23, 25, 28, 30, 33, 35, 37, 39, 41, 43];
    for (octet, place) in uuid.as_bytes().iter().zip(PLACES) {
        text[place] = DIGITS[usize::from(octet >> 4)];
        text[place + 1] = DIGITS[usize::from(octet & 15)];
    }
    text
}

/// What fills the holes of one object.
struct Holes<'a> {
    own_id: UuidText,
    status: AvailabilityStatus,
    patient_id: Option<&'a str>,
    home: Option<&'a HomeCommunityId>,
    version: Option<(&'a EntryUuid, u32)>,
    last_update_time: Option<&'a str>,
    availability: Option<DocumentAvailability>,
    repository_unique_id: Option<&'a str>,
    association: Option<(AssociationType, UuidText, UuidText)>,
}

impl<'a> Holes<'a> {
    fn of(object: &'a StoredObject, style: &'a AnswerStyle) -> Self {
        let (entry_uuid, home) = match object {
            StoredObject::SubmissionSet(set) => (&set.entry_uuid, &set.home),
            StoredObject::DocumentEntry(entry) => (&entry.entry_uuid, &entry.home),
            StoredObject::Folder(folder) => (&folder.entry_uuid, &folder.home),
            StoredObject::Association(association) => (&association.entry_uuid, &association.home),
        };
        let empty = Self {
            own_id: uuid_text(entry_uuid),
            status: AvailabilityStatus::Approved,
            patient_id: None,
            home: style.home.as_ref().or(home.as_ref()),
            version: None,
            last_update_time: None,
            availability: None,
            repository_unique_id: None,
            association: None,
        };
        match object {
            StoredObject::SubmissionSet(set) => Self { patient_id: Some(&set.patient_id), ..empty },
            StoredObject::DocumentEntry(entry) => Self {
                status: entry.status,
                patient_id: Some(&entry.patient_id),
                version: style.versions.then_some((&entry.logical_id, entry.version)),
                availability: entry.availability,
                repository_unique_id: Some(entry.repository_unique_id.as_str()),
                ..empty
            },
            StoredObject::Folder(folder) => Self {
                status: folder.status,
                patient_id: Some(&folder.patient_id),
                version: style.versions.then_some((&folder.logical_id, folder.version)),
                last_update_time: Some(&folder.last_update_time),
                ..empty
            },
            StoredObject::Association(association) => Self {
                association: Some((
                    association.association_type,
                    uuid_text(&association.source),
                    uuid_text(&association.target),
                )),
                ..empty
            },
        }
    }

    fn render(&self, out: &mut Vec<u8>, body: &[u8]) -> Result<(), BodyError> {
        let Some((&t::VERSION, mut rest)) = body.split_first() else { return Err(BodyError::Version) };
        out.reserve(body.len() * 5);
        while let [token, tail @ ..] = rest {
            rest = tail;
            match *token {
                t::SHORT_TEXT => {
                    let (length, tail) = rest.split_first().ok_or(BodyError::Truncated)?;
                    rest = copy(out, tail, usize::from(*length))?;
                }
                t::LONG_TEXT => {
                    let (length, tail) = rest.split_first_chunk().ok_or(BodyError::Truncated)?;
                    rest = copy(out, tail, usize::from(u16::from_be_bytes(*length)))?;
                }
                t::UUID => {
                    let (uuid, tail) = rest.split_first_chunk().ok_or(BodyError::Truncated)?;
                    out.extend_from_slice(&uuid_text(&EntryUuid::from_bytes(*uuid)));
                    rest = tail;
                }
                t::OWN_ID => out.extend_from_slice(&self.own_id),
                hole @ t::STATUS..=t::TARGET => self.fill(out, hole)?,
                fragment => {
                    let text = fragments::TEXTS[usize::from(fragment)];
                    if text.is_empty() {
                        return Err(BodyError::Token(fragment));
                    }
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
        Ok(())
    }

    fn fill(&self, out: &mut Vec<u8>, hole: u8) -> Result<(), BodyError> {
        match (hole, &self.association) {
            (t::STATUS, _) => out.extend_from_slice(self.status.as_urn().as_bytes()),
            (t::PATIENT_ID, _) => write_escaped(out, self.patient_id.ok_or(BodyError::Hole(hole))?),
            (t::HOME, _) => write_between(out, " home=\"urn:oid:", self.home.map(|home| home.oid().as_str()), "\""),
            (t::LID, _) => {
                if let Some((logical_id, _)) = self.version {
                    out.extend_from_slice(b" lid=\"");
                    out.extend_from_slice(&uuid_text(logical_id));
                    out.push(b'"');
                }
            }
            (t::VERSION_INFO, _) => {
                let version = self.version.map(|(_, version)| version.to_string());
                write_between(out, "<rim:VersionInfo versionName=\"", version.as_deref(), "\"/>");
            }
            (t::LAST_UPDATE_TIME, _) => write_slot(out, "lastUpdateTime", self.last_update_time),
            (t::AVAILABILITY, _) => {
                write_slot(out, "documentAvailability", self.availability.map(DocumentAvailability::as_urn));
            }
            (t::REPOSITORY_UNIQUE_ID, _) => write_slot(out, "repositoryUniqueId", self.repository_unique_id),
            (t::ASSOCIATION_TYPE, Some((kind, _, _))) => out.extend_from_slice(kind.as_urn().as_bytes()),
            (t::SOURCE, Some((_, source, _))) => out.extend_from_slice(source),
            (t::TARGET, Some((_, _, target))) => out.extend_from_slice(target),
            _ => return Err(BodyError::Hole(hole)),
        }
        Ok(())
    }
}

fn copy<'a>(out: &mut Vec<u8>, bytes: &'a [u8], length: usize) -> Result<&'a [u8], BodyError> {
    let (text, rest) = bytes.split_at_checked(length).ok_or(BodyError::Truncated)?;
    out.extend_from_slice(text);
    Ok(rest)
}

fn write_between(out: &mut Vec<u8>, before: &str, value: Option<&str>, after: &str) {
    if let Some(value) = value {
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(after.as_bytes());
    }
}

/// A slot of one value, which has nothing to escape.
fn write_slot(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if value.is_some() {
        write_between(out, "<rim:Slot name=\"", Some(name), "\"><rim:ValueList><rim:Value>");
        write_between(out, "", value, "</rim:Value></rim:ValueList></rim:Slot>");
    }
}
