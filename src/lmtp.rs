//! Mail that comes in, from the relay of the house: LMTP (RFC 2033), one conversation after another on few connections.
//!
//! Uses `service`, to which it hands octets as they come, and decides nothing about what is in them. A mail is acknowledged when
//! `service::mail::Inbox` has it on the disk. Lines, mails, times and mistakes are bounded; whatever comes, a connection ends
//! and the listener stays.
//!
//! Source: RFC 2033; RFC 5321; RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 2920 (PIPELINING), RFC 2034 (codes).

mod command;
mod incoming;
mod serve;
mod session;

pub use serve::{LmtpListener, serve};
