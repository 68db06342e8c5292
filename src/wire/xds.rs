//! The messages of XDS.b, one module per transaction: what stands in the SOAP body.
//!
//! Uses `model`, `wire::guard` and `wire::ebrim`. A reader is called right after the start of the body element and
//! returns after its end; a writer appends the body element with its own namespace declarations.
//!
//! Source: ITI TF-2 §3.18, §3.41, §3.42, §3.43; ebRS 3.0 (spec §1.6).

mod document;
pub mod iti18;
pub mod iti41;
pub mod iti42;
pub mod iti43;
pub mod registry_response;

pub use document::DocumentContent;

#[cfg(test)]
mod tests;
