//! Audit events as others read them: the DICOM AuditMessage, and syslog around it.
//!
//! Writes what `model::AuditEvent` holds and adds nothing of its own but the name of the audit source. What is kept here only
//! (`AuditEvent::local`) is never written.
//!
//! Source: DICOM PS3.15 A.5.1, ITI TF-2 §3.20, RFC 5424, 5425 and 5426; spec security §2.1, §2.4 and §2.5.

mod frames;
mod message;
mod neutral;
mod syslog;
#[cfg(test)]
mod tests;

pub use frames::{FrameError, FrameReader, MAX_LENGTH_DIGITS};
pub use message::{AuditSource, MessageParts, QUERY_BYTES, audit_message, trace_object};
pub use syslog::{MSGID, SyslogSender, datagram, frame, severity};
