//! Where a package is written: a zip file under another name until it is whole, or a tree.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::leftovers;
use crate::{
    service::xdm::export::{ExportError, Target, is_free},
    wire::xdm::{
        tree_write::TreePackage,
        zip_write::{Packing, ZipPackage},
    },
};

/// A package that is whole and on the disk, and not yet under its name.
pub(in crate::service::xdm::export) enum Finished {
    Zip(NamedTempFile, PathBuf),
    Tree(TreePackage),
}

impl Finished {
    /// Gives it its name.
    pub(in crate::service::xdm::export) async fn keep(self) -> Result<(), ExportError> {
        spawn_blocking(move || match self {
            Self::Tree(tree) => Ok(tree.keep()?),
            Self::Zip(file, path) => {
                file.persist_noclobber(&path).map_err(|error| match error.error.kind() {
                    io::ErrorKind::AlreadyExists => ExportError::Occupied(path.clone()),
                    _ => ExportError::Io(error.error),
                })?;
                Ok(File::open(folder_of(&path))?.sync_all()?)
            }
        })
        .await
        .map_err(|_| ExportError::Aborted)?
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[expect(clippy::large_enum_variant, reason = "one for each export")]
pub(super) enum Sink {
    Zip(ZipPackage<BufWriter<NamedTempFile>>, PathBuf),
    Tree(TreePackage),
}

impl Sink {
    pub(super) fn create(target: &Target) -> Result<Self, ExportError> {
        match target {
            Target::Zip(path) if !is_free(path) => Err(ExportError::Occupied(path.clone())),
            Target::Zip(path) => {
                let file = leftovers::temporary_in(folder_of(path))?;
                Ok(Self::Zip(ZipPackage::new(BufWriter::new(file)), path.clone()))
            }
            Target::Tree(path) => Ok(Self::Tree(TreePackage::new(path)?)),
        }
    }

    pub(super) fn directory(&mut self, path: &str, time: &str) -> Result<(), ExportError> {
        match self {
            Self::Zip(zip, _) => Ok(zip.directory(path, time)?),
            Self::Tree(tree) => Ok(tree.directory(path)?),
        }
    }

    pub(super) fn begin(
        &mut self,
        path: &str,
        packing: Packing,
        size_bytes: u64,
        time: &str,
    ) -> Result<(), ExportError> {
        match self {
            Self::Zip(zip, _) => Ok(zip.begin(path, packing, size_bytes, time)?),
            Self::Tree(tree) => Ok(tree.begin(path)?),
        }
    }

    pub(super) fn write(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        match self {
            Self::Zip(zip, _) => Ok(zip.write(octets)?),
            Self::Tree(tree) => Ok(tree.write(octets)?),
        }
    }

    pub(super) fn finish(self) -> Result<Finished, ExportError> {
        match self {
            Self::Zip(zip, path) => {
                let file = zip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                Ok(Finished::Zip(file, path))
            }
            Self::Tree(mut tree) => {
                tree.sync()?;
                Ok(Finished::Tree(tree))
            }
        }
    }
}
