//! S/MIME: who may read a mail, and who wrote it.
//!
//! Signs and encrypts octets that are MIME already and gives back CMS, or the other way round; what MIME looks like is not known
//! here. Signatures are SHA-256, detached, with our chain; encryption is AES-256-CBC with a key for each certificate of the
//! addressee. Keys and certificates are read anew for each message, so that a renewed file counts at once.
//!
//! Source: RFC 8551, RFC 5652; DICOM PS3.15 Annex B.8; spec xdm §6 (R-32-26).

mod hash;
mod keys;
mod open;
mod seal;
#[cfg(test)]
mod tests;

pub use keys::{SmimeError, SmimeKeys, SmimeSettings};
pub use open::{SignatureRefused, Verified};
