//! Authors of documents and submissions.

use super::{Xcn, Xon, Xtn};

/// An author: a person, a device or an institution. Several authors are several of these.
///
/// Source: ITI TF-3 §4.2.3.1.4 (R-META-30).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The person or software.
    pub person: Option<Xcn>,
    /// Institutions.
    pub institutions: Vec<Xon>,
    /// Roles, text or `code^^^&oid&ISO`.
    pub roles: Vec<Box<str>>,
    /// Specialties, text or `code^^^&oid&ISO`.
    pub specialties: Vec<Box<str>>,
    /// Addresses.
    pub telecommunications: Vec<Xtn>,
}

/// Nobody is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one of authorPerson, authorInstitution and authorTelecommunication must be present")]
pub struct AuthorError;

impl Author {
    /// Whether somebody is named at all.
    ///
    /// # Errors
    /// When person, institution and telecommunication are all absent.
    pub fn check(&self) -> Result<(), AuthorError> {
        if self.person.is_none() && self.institutions.is_empty() && self.telecommunications.is_empty() {
            Err(AuthorError)
        } else {
            Ok(())
        }
    }
}
