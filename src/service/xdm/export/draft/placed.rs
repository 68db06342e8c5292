//! Where documents lie on the medium: as one file, or as the files of a directory of their own.
//!
//! Source: spec xdm R-32-05, R-32-07, R-32-52.

use super::{Draft, Rewritten, Wanted, media_type};
use crate::{
    model::{Sha1Hash, rim::RegistryObject, vocabulary as v},
    service::xdm::export::{
        ExportError,
        divided::{Divided, Stretch},
        metadata::slot,
        without_bsn::Said,
    },
    wire::xdm::{
        multipart::{NamedParts, PartToName, name_parts},
        names::{self, bare_media_type},
        zip_write::Packing,
    },
};

/// A part of a document of several, a file of its own.
#[derive(Debug)]
pub(in crate::service::xdm::export) struct PlannedPart {
    /// On the medium.
    pub(in crate::service::xdm::export) path: Box<str>,
    pub(in crate::service::xdm::export) packing: Packing,
    /// How its octets are searched, where there may be no BSN in them.
    pub(in crate::service::xdm::export) said: Said,
    pub(in crate::service::xdm::export) size_bytes: u64,
    pub(in crate::service::xdm::export) sha1: Sha1Hash,
    pub(in crate::service::xdm::export) octets: Stretch,
}

/// The octets of a document to be added.
pub(in crate::service::xdm::export) struct NewDocument {
    pub(in crate::service::xdm::export) wanted: Wanted,
    pub(in crate::service::xdm::export) rewritten: Option<Rewritten>,
    pub(in crate::service::xdm::export) divided: Option<Divided>,
}

/// Where a document lies on the medium, and what its metadata say of it there.
pub(super) struct Placed {
    pub(super) path: String,
    pub(super) uri: String,
    /// Of the file that the URI names.
    pub(super) size_bytes: u64,
    pub(super) sha1: Sha1Hash,
    pub(super) media_type: String,
    pub(super) parts: Vec<PlannedPart>,
    pub(super) directories: Vec<String>,
    /// Parts that have a name of ours.
    pub(super) renamed: usize,
}

impl Draft {
    /// Where a document of one file lies.
    pub(super) fn place_file(
        &self,
        number: u32,
        entry: &RegistryObject,
        unique_id: &str,
        rewritten: Option<&Rewritten>,
    ) -> Result<Placed, ExportError> {
        let media_type = media_type(entry).to_owned();
        let is_dicom = bare_media_type(&media_type) == names::DICOM_MEDIA_TYPE;
        let (path, uri) = if is_dicom {
            let path = names::dicom_object(self.number, number).ok_or(ExportError::TooMany)?;
            let uri = format!("../../{path}");
            (path, uri)
        } else {
            let name = names::document(number, &media_type).ok_or(ExportError::TooMany)?;
            (format!("{}/{}/{name}", names::IHE_XDM, self.directory), name)
        };
        let unsaid = |what: &str| ExportError::Object(format!("document {unique_id} has no {what}"));
        let (size_bytes, sha1): (u64, Sha1Hash) = match rewritten {
            Some(rewritten) => (rewritten.size_bytes, rewritten.sha1),
            None => (
                slot(entry, v::SLOT_SIZE).parse().map_err(|_| unsaid("size"))?,
                slot(entry, v::SLOT_HASH).parse().map_err(|_| unsaid("hash"))?,
            ),
        };
        let (parts, directories) = (Vec::new(), Vec::new());
        Ok(Placed { path, uri, size_bytes, sha1, media_type, parts, directories, renamed: 0 })
    }

    /// Where the parts of a document lie: in a directory of its own, the start part as the URI says (R-32-05).
    pub(super) fn place_parts(&self, number: u32, divided: Divided) -> Result<Placed, ExportError> {
        let own = names::document_directory(number).ok_or(ExportError::TooMany)?;
        let directory = format!("{}/{}/{own}", names::IHE_XDM, self.directory);
        let to_name: Vec<PartToName<'_>> = divided
            .parts
            .iter()
            .map(|part| PartToName { location: part.location.as_deref(), media_type: &part.media_type })
            .collect();
        let NamedParts { names, directories, renamed } = name_parts(&directory, &to_name, divided.start);
        let mut directories: Vec<String> = directories.iter().map(|it| format!("{directory}/{it}")).collect();
        directories.insert(0, directory.clone());
        let mut start = None;
        let mut parts = Vec::with_capacity(names.len());
        for (index, (part, name)) in divided.parts.into_iter().zip(&names).enumerate() {
            let planned = PlannedPart {
                path: format!("{directory}/{name}").into(),
                packing: Packing::of(&part.media_type),
                said: Said::of(&part.media_type),
                size_bytes: part.size_bytes,
                sha1: part.sha1,
                octets: part.octets,
            };
            if index == divided.start {
                start = Some((format!("{own}/{name}"), part.media_type, planned.size_bytes, planned.sha1));
            }
            parts.push(planned);
        }
        let (uri, media_type, size_bytes, sha1) = start.ok_or(ExportError::TooMany)?;
        let path = format!("{}/{}/{uri}", names::IHE_XDM, self.directory);
        Ok(Placed { path, uri, size_bytes, sha1, media_type, parts, directories, renamed })
    }
}
