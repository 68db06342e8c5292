//! Bytes to model objects and back, one module per format: no decisions, no I/O.
//!
//! Uses `model` alone. Every XML from outside passes [`guard`], which holds the limits; the readers pull events from
//! it and fill model objects as elements pass, so that no tree of strings stands in between.

pub mod atna;
pub mod cda;
pub mod ebrim;
pub mod fhir;
pub mod guard;
pub mod html;
pub mod mail;
pub mod mime;
pub mod mtom;
pub mod saml;
pub mod soap;
pub mod value_sets;
pub mod xdm;
pub mod xds;
