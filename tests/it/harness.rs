//! Servers, clients and sample messages for the tests.

pub mod answer;
pub mod calls;
pub mod http;
pub mod postgres;
pub mod privacy;
pub mod sample;
pub mod schemas;
pub mod scratch;
pub mod servers;
pub mod soap;
pub mod trials;

pub use answer::{Answer, Found};
pub use calls::{Query, queries};
pub use servers::TestServer;
pub(crate) use trials::{on_every_store, plain};
