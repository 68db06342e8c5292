//! SOAP over HTTP: routes, limits, dispatch, MTOM in and out as streams; and the operator's listener.
//!
//! Uses `service`, `wire` and `model`, and of `store` only the documents that stream through it. A handler decodes, calls
//! its actor, encodes; it decides nothing about registry content. Which transactions there are stands in `routes`.
//!
//! Source: design section 5; ITI TF-2 Appendix V.3; spec security section 5.

mod act;
mod answer;
mod body;
mod connection;
mod decode;
mod documents;
mod endpoint;
mod framing;
mod handler;
mod health;
mod metrics;
mod parts;
mod report;
mod routes;
mod serve;
mod settings;
mod stream;
mod wsdl;

pub use endpoint::Endpoint;
pub use health::{Check, Operations};
pub use metrics::Metrics;
pub use serve::{Listeners, serve};
pub use settings::HttpSettings;
