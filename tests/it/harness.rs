//! Servers, clients and sample messages for the tests.

pub mod answer;
pub mod audit_receiver;
pub mod calls;
pub mod certificates;
pub mod http;
#[expect(dead_code, reason = "more of it is used by the tests of the store")]
pub mod pki;
pub mod postgres;
pub mod privacy;
pub mod python;
pub mod sample;
pub mod schemas;
pub mod scratch;
pub mod servers;
pub mod soap;
pub mod tls;
pub mod trail;
pub mod trials;

pub use answer::{Answer, Found};
pub use calls::{Query, queries};
pub use servers::TestServer;
pub(crate) use trials::{on_every_store, plain};
