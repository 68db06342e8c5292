//! Whom a package is about, as the audit needs it when the package leaves. Source: R-32-41.

use std::{fs::File, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{ImportSettings, examine};
use crate::{
    service::audit::events::Submitted,
    wire::xdm::{Medium, MediumError},
};

/// Patient (CX) and uniqueId of each submission set of a package, empty where the package does not say.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackageSets(Vec<(String, String)>);

/// Why a package does not say.
#[derive(Debug, thiserror::Error)]
pub enum NoPackage {
    /// A file.
    #[error("the package cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is none, or is refused as a whole. Names no patient.
    #[error("this is no package that can be sent: {0}")]
    Refused(String),
}

impl std::fmt::Debug for PackageSets {
    /// Without the patients.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackageSets({})", self.0.len())
    }
}

impl PackageSets {
    /// Reads them in a zip file. Blocks.
    ///
    /// # Errors
    /// [`NoPackage`]
    pub fn of_package(package: &Path, rules: &ImportSettings) -> Result<Self, NoPackage> {
        let medium = match Medium::of_archive(File::open(package)?, &rules.limits) {
            Ok(medium) => medium,
            Err(MediumError::Rejected(finding)) => return Err(NoPackage::Refused(finding.text)),
            Err(MediumError::Io(error)) => return Err(error.into()),
        };
        let examined = examine(medium, rules).map_err(|report| {
            let why = report.findings.into_iter().next().map(|finding| finding.text);
            NoPackage::Refused(why.unwrap_or_default())
        })?;
        Ok(Self(examined.report.sets.into_iter().map(|set| (set.patient_id, set.unique_id)).collect()))
    }

    /// From what [`Self::to_json`] wrote; none where that cannot be read.
    pub(in crate::service) fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// For a row of a table.
    pub(in crate::service) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Each of them; one of which nothing is known where there is none, so that every package is told of.
    pub(in crate::service) fn submitted(&self) -> impl Iterator<Item = Submitted<'_>> {
        let unknown = self.0.is_empty().then(Submitted::default);
        let known = self.0.iter().map(|(patient, set)| {
            let filled = |text: &&str| !text.is_empty();
            Submitted { patient: Some(&**patient).filter(filled), submission_set: Some(&**set).filter(filled) }
        });
        known.chain(unknown)
    }
}
