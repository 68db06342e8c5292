//! Searches everything that is written into a package, in the order in which it is written.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Scanner,
    reading::{Reading, Said, Seen},
};
use crate::service::xdm::export::ExportError;

/// Looks for BSNs in everything that is written (K-32).
pub(in crate::service::xdm::export) struct Search {
    scanner: Scanner,
    /// Documents that a person has looked at.
    confirmed: BTreeSet<String>,
    now: Now,
    /// Documents that no program can search and nobody has looked at.
    unread: Vec<Arc<str>>,
    /// DICOM objects: what a picture shows is not searched.
    pictures: Vec<Arc<str>>,
}

/// What is searched.
enum Now {
    /// A file of ours.
    File(String),
    Document(Arc<str>, Box<Reading>),
    /// It is passed over.
    Nothing,
}

impl Search {
    pub(in crate::service::xdm::export) fn new(scanner: Scanner, confirmed: impl Iterator<Item = String>) -> Self {
        let confirmed = confirmed.collect();
        Self { scanner, confirmed, now: Now::Nothing, unread: Vec::new(), pictures: Vec::new() }
    }

    /// A file of ours begins.
    pub(in crate::service::xdm::export) fn file(&mut self, path: &str) {
        self.scanner = self.scanner.afresh();
        self.now = Now::File(path.to_owned());
    }

    /// A document begins, known by its uniqueId at the origin. A body that was confirmed is not searched; a DICOM header always is.
    pub(in crate::service::xdm::export) fn document(&mut self, unique_id: &Arc<str>, said: Said) {
        let is_confirmed = self.confirmed.contains(&**unique_id);
        self.now = match said {
            Said::Text | Said::Other if is_confirmed => Now::Nothing,
            _ => Now::Document(unique_id.clone(), Box::new(Reading::new(said, &self.scanner))),
        };
    }

    /// Octets of it.
    ///
    /// # Errors
    /// When there is a BSN.
    pub(in crate::service::xdm::export) fn look_at(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        match &mut self.now {
            Now::File(path) if self.scanner.finds(octets) => Err(ExportError::BsnLeft(path.clone())),
            Now::Document(unique_id, reading) => match reading.finds(octets)? {
                true => Err(left_in(unique_id)),
                false => Ok(()),
            },
            Now::File(_) | Now::Nothing => Ok(()),
        }
    }

    /// It ends.
    ///
    /// # Errors
    /// The same.
    pub(in crate::service::xdm::export) fn end(&mut self, said: Said) -> Result<(), ExportError> {
        match std::mem::replace(&mut self.now, Now::Nothing) {
            Now::File(path) if self.scanner.ends() || self.scanner.gave_up() => Err(ExportError::BsnLeft(path)),
            Now::File(_) | Now::Nothing => Ok(()),
            Now::Document(unique_id, reading) => {
                let seen = reading.ends()?;
                let is_confirmed = self.confirmed.contains(&*unique_id);
                match seen {
                    Seen::Bsn => return Err(left_in(&unique_id)),
                    // Of a document of several parts, one will do.
                    Seen::Unread if !is_confirmed && self.unread.last() != Some(&unique_id) => {
                        self.unread.push(unique_id.clone());
                    }
                    Seen::Unread | Seen::Nothing => {}
                }
                if said == Said::Dicom {
                    self.pictures.push(unique_id);
                }
                Ok(())
            }
        }
    }

    /// All is written; the DICOM objects in it.
    ///
    /// # Errors
    /// When there are documents that no program can search and nobody has looked at.
    pub(in crate::service::xdm::export) fn finish(self) -> Result<Vec<Arc<str>>, ExportError> {
        match self.unread.is_empty() {
            true => Ok(self.pictures),
            false => Err(ExportError::BsnUnsearched(self.unread.iter().map(ToString::to_string).collect())),
        }
    }
}

fn left_in(unique_id: &str) -> ExportError {
    ExportError::BsnLeft(format!("document {unique_id}"))
}
