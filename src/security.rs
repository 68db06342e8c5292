//! Whom to believe and what they may do.
//!
//! Uses `model`, and of `wire` only `saml`. Decisions are functions of their arguments. Files named by the operator are read here; nothing is fetched, and
//! no address found in a certificate of a peer is ever called (S-TLS-14). Chains are built and signatures checked by OpenSSL;
//! what is acceptable is decided by one pure function, [`tls::judge`].
//!
//! Source: spec security; design section 9 (TLS).

pub mod access;
pub mod assertion;
pub mod development;
pub mod directory;
pub mod facts;
pub mod repeats;
pub mod smime;
pub mod tls;
