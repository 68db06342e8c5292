//! SOAP 1.2 envelopes with WS-Addressing 1.0, and faults.
//!
//! Reads the header of a message from outside and writes the envelope of an answer; what stands in the body is for
//! others. Uses `wire::guard` and `wire::mime`'s errors; does no I/O and decides nothing about registry errors.
//!
//! Source: SOAP 1.2 part 1 §5; WS-Addressing 1.0 SOAP Binding §6; ITI TF-2 Appendix V.3 (R-SOAP-04, 07..18).

mod address;
mod fault;
mod header;
mod reference_parameters;
mod reply;
mod write;

pub use address::Address;
pub(crate) use fault::shortened;
pub use fault::{Fault, QualifiedName, SecurityFault};
pub use header::{Header, HeaderRules, Rejected, read_body, read_end, read_header};
pub use reply::{Reply, ReplyError, read_reply};
pub use write::{ReplyHeader, RequestHeader, escape, write_envelope, write_fault, write_request_envelope};

/// Media type of a SOAP 1.2 message.
pub const SOAP_MEDIA_TYPE: &str = "application/soap+xml";
/// wsa:Action of a fault of WS-Addressing.
pub const ADDRESSING_FAULT_ACTION: &str = "http://www.w3.org/2005/08/addressing/fault";
/// wsa:Action of any other fault.
pub const SOAP_FAULT_ACTION: &str = "http://www.w3.org/2005/08/addressing/soap/fault";

const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const WSA: &str = "http://www.w3.org/2005/08/addressing";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
