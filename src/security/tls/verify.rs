//! Chains: built and checked by OpenSSL, judged by our policy, during the handshake and again later.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use openssl::{
    ssl::{SslRef, SslVerifyMode},
    stack::Stack,
    x509::{X509, X509Ref, X509StoreContext, X509StoreContextRef, X509VerifyResult},
};

use super::{
    Accepted, Reason, Role, Trust,
    judge::{leaf, path},
};

/// Certificates that a peer may send. Source: S-TLS-11.
pub(super) const SENT_MAX: usize = 10;

impl Trust {
    /// Judges what a peer sent, its own certificate first. A pinned certificate needs no authority, but one that its authority
    /// is known to have revoked is refused all the same.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, sent: &[X509], role: Role<'_>, now: Timestamp) -> Result<Accepted, Reason> {
        let (certificate, others) = sent.split_first().ok_or(Reason::NoCertificate)?;
        if sent.len() > SENT_MAX {
            return Err(Reason::PathTooLong);
        }
        leaf(certificate, role, now)?;
        let verdict = self.chain(certificate, others).and_then(|chain| path(&chain, self, now));
        match (verdict, self.is_pinned(certificate), role) {
            (Err(Reason::Revoked), ..) => Err(Reason::Revoked),
            (_, true, _) => Ok(Accepted { anchor: None, unchecked: None }),
            (_, false, Role::PinnedServer) => Err(Reason::NotPinned),
            (verdict, false, _) => verdict,
        }
    }

    /// Judges a certificate that the operator gave: it needs no authority, but one that its authority is known to have revoked is
    /// refused all the same.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify_known(&self, certificate: &X509Ref, role: Role<'_>, now: Timestamp) -> Result<(), Reason> {
        leaf(certificate, role, now)?;
        match self.chain(certificate, &[]).and_then(|chain| path(&chain, self, now)) {
            Err(Reason::Revoked) => Err(Reason::Revoked),
            _ => Ok(()),
        }
    }

    /// The chain from a certificate to an anchor, with every signature checked.
    fn chain(&self, certificate: &X509Ref, others: &[X509]) -> Result<Vec<X509>, Reason> {
        let unreadable = |_| Reason::Unreadable;
        let mut untrusted = Stack::new().map_err(unreadable)?;
        for other in others {
            untrusted.push(other.clone()).map_err(unreadable)?;
        }
        let mut context = X509StoreContext::new().map_err(unreadable)?;
        let built = context.init(&self.store, certificate, &untrusted, |context| {
            Ok(if context.verify_cert()? { Ok(chain_of(context)) } else { Err(reason(context.error())) })
        });
        built.map_err(unreadable)?
    }
}

fn chain_of(context: &X509StoreContextRef) -> Vec<X509> {
    context.chain().map(|chain| chain.iter().map(ToOwned::to_owned).collect()).unwrap_or_default()
}

/// What OpenSSL found. The numbers are those of `openssl/x509_vfy.h`, which never change.
fn reason(result: X509VerifyResult) -> Reason {
    match result.as_raw() {
        18 => Reason::SelfSigned,
        2 | 19 | 20 | 21 => Reason::UnknownAuthority,
        4 | 6 | 7 | 24 | 76 => Reason::BadSignature,
        22 | 25 => Reason::PathTooLong,
        32 | 79 => Reason::NotAnAuthority,
        34 => Reason::CriticalExtension,
        47..=53 => Reason::NameConstraint,
        _ => Reason::Unreadable,
    }
}

/// What was seen and decided during one handshake.
pub(super) struct Seen {
    pub(super) sent: Vec<X509>,
    pub(super) verdict: Result<Accepted, Reason>,
}

/// Filled during a handshake, if it comes that far.
pub(super) type Slot = Arc<Mutex<Option<Seen>>>;

/// Has a handshake judge the peer by `decide`. OpenSSL calls back for every fault it finds and for every certificate it
/// likes; the first call decides and the others repeat its verdict, so what OpenSSL thinks of the chain by itself never counts.
pub(super) fn watch(
    ssl: &mut SslRef,
    mode: SslVerifyMode,
    decide: impl Fn(&[X509]) -> Result<Accepted, Reason> + Send + Sync + 'static,
) -> Slot {
    let slot = Slot::default();
    let filled = Arc::clone(&slot);
    ssl.set_verify_callback(mode, move |_, context| {
        let mut seen = filled.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.get_or_insert_with(|| {
            let sent = chain_of(context);
            let verdict = decide(&sent);
            Seen { sent, verdict }
        });
        match seen.verdict {
            Ok(_) => context.set_error(X509VerifyResult::OK),
            // Where OpenSSL has no fault of its own to tell the peer.
            Err(_) if context.error() == X509VerifyResult::OK => {
                context.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
            }
            Err(_) => {}
        }
        seen.verdict.is_ok()
    });
    slot
}
