//! Time and identifiers of a command.

use crate::model::{Caller, Ids, RequestContext};

/// The time.
#[expect(clippy::disallowed_methods, reason = "a command is where time comes in")]
pub(super) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A context for what the command line itself does.
pub(super) fn context() -> RequestContext {
    RequestContext::new(Caller::loopback(), now(), "".into(), Ids::Random)
}

/// A fresh OID, made of a UUID. Source: ITU-T X.667 §7.
pub(super) fn fresh_oid(ctx: &mut RequestContext) -> String {
    format!("2.25.{}", u128::from_be_bytes(*ctx.fresh_uuid().as_bytes()))
}
