//! Outgoing calls: SOAP 1.2 over HTTP to registries and repositories of others.
//!
//! Uses `model` and `wire`. Documents stream from files and to files; every wait has a deadline; nothing is sent twice.
//! A failure tells whether the peer can have acted: callers need it to say what became of a submission (R-41-13).
//!
//! Source: ITI TF-2 §3.18, §3.41, §3.42, §3.43 and Appendix V.3.

mod answer;
mod body;
mod call;
mod connect;
mod error;
mod receive;
mod remote_registry;
#[cfg(test)]
mod tests;
mod transactions;

pub use answer::Answer;
pub use body::{DocumentSource, OutgoingDocument, Progress};
pub use call::{Outgoing, Peer};
pub use connect::PeerSettings;
pub use error::{ClientError, PeerActed};
pub use receive::{PartsTo, ReceivedPart};
pub use remote_registry::{RegisterOutcome, RemoteRegistry};
pub use transactions::{RetrieveAnswer, RetrievedContent, RetrievedFile, action};
