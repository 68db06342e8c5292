//! SOAP over HTTP: routes, limits, dispatch, MTOM in and out as streams; and the operator's listener.
//!
//! Uses `service`, `security`, `wire` and `model`, and of `store` only the documents that stream through it. A handler decodes, calls
//! its actor, encodes; it decides nothing about registry content. Which transactions there are stands in `routes`.
//!
//! Source: design section 5; ITI TF-2 Appendix V.3; spec security section 5.

mod act;
mod answer;
mod assertion;
mod body;
mod connection;
mod decode;
mod documents;
mod doorkeeper;
mod endpoint;
mod fhir;
mod framing;
mod gates;
mod handler;
mod handshake;
mod health;
mod identify;
mod judged;
mod metrics;
mod parts;
mod pickup;
mod range;
mod report;
mod routes;
mod serve;
mod settings;
mod spool_room;
mod strangers;
mod stream;
#[cfg(test)]
mod tests;
mod wsdl;
mod xdm;

pub use assertion::UserAssertions;
pub use doorkeeper::TlsLimits;
pub use endpoint::Endpoint;
pub use gates::GateSettings;
pub use health::{Check, Operations, Remarks};
pub use identify::Peer;
pub use metrics::Metrics;
pub use pickup::{PickupListener, PickupPage};
pub use routes::transactions;
pub use serve::{Listeners, TlsListener, serve};
pub use settings::HttpSettings;
