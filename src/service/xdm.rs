//! XDM: packages of documents that came, or go, on media and by mail.
//!
//! Works on what `wire::xdm` reads and writes of a package; takes documents over through the repository, as an ITI-41 of this house.
//!
//! Source: ITI TF-1 §16, ITI TF-2 §3.32.

pub mod export;
mod import;
pub mod jobs;
mod sets;

pub use import::{
    Choice, CodeDefaults, CodeReplacement, Examined, Follower, Identity, ImportError, ImportSettings, Importer,
    LookedAt, MediaOrigin, Progress, Unresolved, check, examine, verify,
};
pub use sets::{NoPackage, PackageSets};
