//! A medium: an archive or a directory tree, as one table of entries that can be read.

mod content;
mod layout;
mod name;
mod table;

use std::{fs::File, io, path::Path, sync::Arc};

pub(super) use content::Section;
pub use content::{Content, ContentError};
pub use layout::{Layout, SetPlace};
pub(super) use name::{ReadName, cp437_text, read_name};
pub use table::{EntryId, Flaw, Found, Table};
pub(super) use table::{NewEntry, Place, TableBuilder};

use super::{archive, tree::Tree};
use crate::model::xdm::{PackageFinding, PackageLimits};

/// Why a medium is not read.
#[derive(Debug, thiserror::Error)]
pub enum MediumError {
    /// It is refused as a whole.
    #[error("refused: {}", .0.code.as_str())]
    Rejected(PackageFinding),
    /// It cannot be read.
    #[error("the package cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl From<PackageFinding> for MediumError {
    fn from(finding: PackageFinding) -> Self {
        Self::Rejected(finding)
    }
}

/// An archive or a directory tree. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Medium {
    table: Arc<Table>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Archive(Arc<File>),
    Tree(Arc<Tree>),
}

impl Medium {
    /// Reads the table of an archive. Nothing is unpacked.
    ///
    /// # Errors
    /// [`MediumError::Rejected`] for what section 11 rejects, as far as the table tells.
    pub fn of_archive(file: File, limits: &PackageLimits) -> Result<Self, MediumError> {
        let file = Arc::new(file);
        let table = archive::read_table(&file, limits)?;
        Ok(Self { table: Arc::new(table), source: Source::Archive(file) })
    }

    /// Reads the names of a directory tree, without following links and without leaving its file system (R-32-54).
    ///
    /// # Errors
    /// [`MediumError::Rejected`] for links, devices, pipes and other file systems, and for more than is taken.
    pub fn of_tree(directory: &Path, limits: &PackageLimits) -> Result<Self, MediumError> {
        let (tree, table) = Tree::read(directory, limits)?;
        Ok(Self { table: Arc::new(table), source: Source::Tree(Arc::new(tree)) })
    }

    /// Its entries.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Opens a file of the medium. Whether it may be read, its flaw in the table tells.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self, id: EntryId) -> Result<Content, ContentError> {
        let size_bytes = self.table.size_bytes(id);
        match &self.source {
            Source::Archive(file) => match self.table.place(id) {
                Some(place) => Content::of_archive(file, place, size_bytes),
                None => Err(ContentError::Damaged),
            },
            Source::Tree(tree) => Ok(Content::of_file(tree.open(id, self.table.path(id))?, size_bytes)),
        }
    }
}
