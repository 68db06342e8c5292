//! The Portable Media Importer: looks into a package, tells what is in it, and takes over what may be taken.
//!
//! First everything is read that needs no document: the table, the layout, each METADATA.XML ([`examine()`]). What a whole
//! package is rejected for is known then, before the first octet is kept. Documents are read once, block by block:
//! to be hashed ([`verify()`]), or into the document store ([`Importer::import`]). A submission set is taken over whole or not
//! at all (R-32-35).
//!
//! Source: ITI TF-2 §3.32.4.1.4; spec xdm §7, §11, §12.1.

mod check;
mod commit;
mod desk;
mod documents;
mod examine;
mod gathered;
mod house;
mod imaging;
mod inside;
mod octets;
mod patient;
mod prepare;
mod settings;
mod submission;
#[cfg(test)]
mod tests;
mod verify;

pub use check::check;
pub use commit::{Choice, ImportError, Importer, LookedAt, MediaOrigin};
pub use examine::{Examined, examine};
pub(in crate::service::xdm) use patient::is_in_doubt;
pub use settings::{CodeDefaults, CodeReplacement, Identity, ImportSettings, Unresolved};
pub use verify::{Follower, Progress, verify};
