//! Mail that carries packages: composing it, and taking it apart. No network, no keys: signing and encrypting is `security::smime`.
//!
//! Written with the message builder of `lettre`. Read in two steps: `mail-parser` reads header blocks, whose many habits it
//! knows; the tree of parts is walked here, over slices of the octets that came, within limits. Three things need that: a
//! signature is over the exact octets of a part, depth and number of parts are bounded before anything is built, and nothing is
//! freed recursively.
//!
//! Source: RFC 5322, RFC 2045, RFC 2046, RFC 8551 (S/MIME), RFC 8098 (MDN); spec xdm §6.

mod compose;
mod disposition;
mod entity;
mod incoming;
mod notice;
#[cfg(test)]
mod tests;

pub use compose::{
    ComposeError, Envelope, announcement, encrypted, link_entity, package_entity, plain, receipt, reference, signed,
    text_entity,
};
pub use disposition::{Disposition, Outcome};
pub use entity::{Entity, MailError, MailLimits, canonical};
pub use incoming::{Attachment, Content, Incoming};
pub use notice::{Link, Notice, NoticePriority, Party};

/// What the subject of a mail with a package holds. Source: R-32-24.
pub const SUBJECT: &str = "XDM/1.0/DDM";
