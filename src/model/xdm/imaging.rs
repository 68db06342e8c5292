//! What a DICOMDIR lists, held against the package. Source: spec xdm R-32-46, R-32-47.

use serde::Serialize;

/// What the DICOMDIR of a package lists, in numbers; what is wrong with it are findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImagingReport {
    /// Records that lead to a file.
    pub listed: usize,
    /// Those whose file is in the package.
    pub found: usize,
    /// Those whose file is a document too.
    pub documents: usize,
    /// Those whose file no DocumentEntry names: they are not imported.
    pub left_alone: usize,
    /// Those whose file is not there, or whose name leads out of the package.
    pub unresolved: usize,
    /// Those whose file is another object than the record says, or none.
    pub differing: usize,
}
