//! Outgoing calls: SOAP 1.2 over HTTP to registries and repositories of others, syslog to audit repositories, mail to
//! the relay, the time of time servers.
//!
//! Uses `model`, `wire` and `security`. Documents stream from files and to files; every wait has a deadline; nothing is sent twice.
//! A failure tells whether the peer can have acted: callers need it to say what became of a submission (R-41-13).
//!
//! Source: ITI TF-2 §3.18, §3.41, §3.42, §3.43 and Appendix V.3.

mod answer;
mod body;
mod call;
mod clock;
mod connect;
mod consent;
mod crl;
mod error;
mod query;
mod receive;
mod remote_registry;
mod smtp;
mod syslog;
#[cfg(test)]
mod tests;
mod transactions;

pub use answer::Answer;
pub use body::{DocumentSource, OutgoingDocument, Progress};
pub use call::{Addressed, Outgoing, Peer};
pub use clock::{ClockError, clock_offset};
pub use connect::PeerSettings;
pub use consent::ConsentService;
pub use crl::fetch_crl;
pub use error::{ClientError, PeerActed};
pub use query::Query;
pub use receive::{PartsTo, ReceivedPart};
pub use remote_registry::{RegisterOutcome, RemoteRegistry};
pub use smtp::{SmtpError, SmtpRelay, SmtpTls};
pub use syslog::{SyslogConnection, SyslogConnector, SyslogDestination, SyslogTransport};
pub use transactions::{RetrieveAnswer, RetrievedContent, RetrievedFile, action};
