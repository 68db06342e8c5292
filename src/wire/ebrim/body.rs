//! The kept form of a registry object ([`crate::model::Body`]): made once at registration, turned into an answer many times.
//!
//! Uses `model` and its neighbours in `wire::ebrim`. A body is octet 1 (the version of the format) and then tokens:
//!
//! | octet | operand | what an answer holds there |
//! |---|---|---|
//! | `00` | length (1 octet), text | the text, escaped already |
//! | `01` | length (2 octets, big-endian), text | the same, longer |
//! | `02` | 16 octets | a UUID as `urn:uuid:…`: the id of a classification or identifier |
//! | `03`–`0E` | none | a hole, filled from columns: see module `tokens` |
//! | `10`–`FF` | none | a fixed piece of XML, by its number in module `fragments` |
//!
//! So an answer is a row of copies: nothing is escaped, nothing allocated per value. Numbers are never given twice, since
//! bodies outlive programs: a new piece gets a new number, a new meaning a new version.
//!
//! What is kept is what was received, in its order. It differs in this, as the standard asks of answers: ids of
//! classifications and identifiers are fresh, objectType stands on everything, a mark (SubmissionSet, Folder) stands once,
//! the Name of an identifier of a known scheme is its fixed name; and the holes.
//!
//! Source: design §4 and §9; R-18-50, R-42-39, R-META-36; spec §1.6, §2.1.

mod encode;
mod fragments;
mod render;
mod tokens;

pub use encode::encode;
pub use render::{AnswerStyle, BodyError, decode, write_object};
