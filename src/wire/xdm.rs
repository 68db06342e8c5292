//! XDM packages: zip archives and directory trees, between octets and model.
//!
//! Uses `model` and `wire::guard`, `wire::ebrim`, `wire::xds`. Reads from an open file or directory that it is handed, in
//! blocks; no package and no document is ever whole in memory. What decides whether a package is safe is read here by
//! ourselves, once, before anything is unpacked: no name of an entry ever becomes a path of this machine. Which documents go
//! where is for `service::xdm`.
//!
//! Source: ITI TF-1 §16, ITI TF-2 §3.32 and Appendix T; PKWARE APPNOTE 6.3; spec xdm §2 to §4, §10, §11.

mod archive;
pub mod dicom_header;
pub mod dicom_patient;
pub mod dicom_subject;
pub mod dicomdir;
pub mod dicomdir_read;
pub mod index_page;
mod medium;
mod metadata_read;
pub mod metadata_write;
pub mod multipart;
pub mod names;
pub mod readme;
mod tree;
pub mod tree_write;
mod uri;
pub mod zip_write;

pub use medium::{Content, ContentError, EntryId, Flaw, Found, Layout, Medium, MediumError, SetPlace, Table};
pub use metadata_read::{MetadataFile, read_metadata};
pub use uri::{Resolved, resolve_uri};

#[cfg(test)]
pub(crate) mod samples;
