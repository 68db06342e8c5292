//! What is too much, and what is taken although it is wrong. Source: spec xdm §10, §13.

/// How much of everything is taken. The defaults are those of spec xdm section 10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageLimits {
    /// Octets of the package.
    pub package_bytes: u64,
    /// Files and directories.
    pub entries: u64,
    /// Octets of one document.
    pub document_bytes: u64,
    /// Octets of all documents that metadata name.
    pub referenced_bytes: u64,
    /// Octets of one METADATA.XML.
    pub metadata_bytes: u64,
    /// Declared octets for each packed one, of an entry above [`PackageLimits::ratio_from_bytes`].
    pub entry_ratio: u64,
    /// The same of all entries together.
    pub total_ratio: u64,
    /// Ratios are judged from this size on.
    pub ratio_from_bytes: u64,
    /// Octets of a name.
    pub name_bytes: usize,
    /// Directory levels.
    pub depth: usize,
    /// Submission sets.
    pub sets: usize,
    /// Documents of one set.
    pub documents: usize,
}

/// What one submission set of a package that is made may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLimits {
    /// Octets of its METADATA.XML.
    pub metadata_bytes: u64,
    /// Its documents.
    pub documents: usize,
}

impl PackageLimits {
    /// Those of a package that is made here: what this house reads, and never more than others may be expected to.
    pub fn of_sets_made(&self) -> SetLimits {
        let expected = Self::default();
        SetLimits {
            metadata_bytes: self.metadata_bytes.min(expected.metadata_bytes),
            documents: self.documents.min(expected.documents),
        }
    }
}

impl Default for PackageLimits {
    fn default() -> Self {
        Self {
            package_bytes: 64 << 30,
            entries: 200_000,
            document_bytes: 32 << 30,
            referenced_bytes: 128 << 30,
            metadata_bytes: 32 << 20,
            entry_ratio: 200,
            total_ratio: 100,
            ratio_from_bytes: 10 << 20,
            name_bytes: 255,
            depth: 16,
            sets: 1_000,
            documents: 50_000,
        }
    }
}

/// Habits of real packages that are taken, each with a warning. Source: spec xdm §13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageTolerances {
    /// Names that differ in case from what names them.
    pub fold_case: bool,
    /// The whole tree within one folder.
    pub wrapper: bool,
    /// Backslashes as separators, in names and URIs.
    pub backslash: bool,
    /// A `uri` attribute in place of the URI slot.
    pub uri_attribute: bool,
    /// No hash or size.
    pub missing_hash: bool,
    /// SHA-256 in the hash slot.
    pub sha256: bool,
    /// Slots without a value.
    pub empty_slots: bool,
    /// Ids that are no `urn:uuid:`.
    pub symbolic_ids: bool,
}

impl Default for PackageTolerances {
    fn default() -> Self {
        Self {
            fold_case: true,
            wrapper: true,
            backslash: true,
            uri_attribute: true,
            missing_hash: true,
            sha256: true,
            empty_slots: true,
            symbolic_ids: true,
        }
    }
}
