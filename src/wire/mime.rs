//! MIME as SOAP uses it: Content-Type parameters and a streaming splitter for multipart/related.
//!
//! Uses std and `bytes`; does no I/O and knows neither SOAP nor HTTP. The splitter is handed octets as they arrive and
//! gives back headers, decoded data and ends of parts; it never holds more than one header block or one boundary.
//!
//! Source: RFC 2045, RFC 2046 §5.1, RFC 2387; ITI TF-2 Appendix V.3 (R-SOAP-01..08); spec §8, 1–10; S-IN-17..20.

mod content_type;
mod part_headers;
mod scanner;
mod transfer;

pub use content_type::{ContentType, ContentTypeError};
pub use part_headers::PartHeaders;
pub(crate) use part_headers::strip_brackets;
pub use scanner::{MimeError, MimeLimits, Part, Scanner};
pub use transfer::{Decoder, TransferEncoding};
