//! knoop: IHE XDS/XDM document exchange.
//!
//! The rooms, each using only those below it: `cli` and `main` put the parts together; `http` speaks SOAP over HTTP, `lmtp` takes mail;
//! `service` holds the IHE actors; `client` calls peers; `security` decides; `store` keeps; `wire` turns bytes into model
//! objects and back; `validate` holds the rules; `model` is the domain. `config` and `telemetry` serve the top.

pub mod cli;
pub mod client;
pub mod config;
pub mod http;
pub mod lmtp;
pub mod model;
pub mod security;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod validate;
pub mod wire;
