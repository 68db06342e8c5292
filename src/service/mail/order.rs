//! Ordering a mail.

use std::{fs::File, io, path::PathBuf};

use lettre::Address;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{MailError, MailService, SEND_MAIL};
use crate::{
    model::RequestContext,
    security::smime::{SmimeError, SmimeKeys},
    service::{
        audit::events::Actor,
        pickup::{Offer, Offered},
        spool::fresh_id,
        xdm::{ImportSettings, PackageSets},
    },
    store::{NewJob, NewMail, Priority, StoreError},
    wire::mail::Notice,
};

/// Octets of a mail beside its package: headers, notice, signature with its certificates, CMS.
const BESIDE_BYTES: u64 = 64 << 10;

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct MailOrder {
    /// The package, a zip file.
    pub package: PathBuf,
    /// The addressee.
    pub to: Address,
    /// What the mail says.
    pub notice: Notice,
    /// Send a link in any case.
    pub as_link: bool,
    /// Place in the queue.
    pub priority: Priority,
    /// Who orders it.
    pub actor: Actor,
}

/// A mail that was ordered. It is sent when the server runs.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// Its id.
    pub id: String,
    /// The link and code, where the mail carries a link: the code must be passed on in another way, and is not kept.
    pub link: Option<Offered>,
}

/// A mail that can be ordered.
#[derive(Clone)]
pub(in crate::service) struct PreparedMail {
    pub(in crate::service) mail: NewMail,
    pub(in crate::service) job: NewJob,
    /// The link and code, where it carries a link.
    pub(in crate::service) link: Option<Offered>,
}

impl MailService {
    /// Keeps the package and orders the mail. Both are durable when this returns.
    ///
    /// # Errors
    /// When the package is none, or cannot be sent in any way; nothing is ordered then.
    pub async fn order(
        &self,
        ctx: &mut RequestContext,
        order: &MailOrder,
        rules: ImportSettings,
    ) -> Result<Ordered, MailError> {
        let id = fresh_id()?;
        let PreparedMail { mail, job, link } = self.prepare(ctx, order, &rules, id.clone()).await?;
        if let Err(error) = self.enqueue(ctx, mail, job).await {
            // The answer to a commit may be lost, and the mail ordered: its file stays then, which is cleared away later where
            // it is nobody's.
            if !error.may_be_of_a_lost_answer() {
                let _ = self.spool.remove(&id);
            }
            return Err(error.into());
        }
        Ok(Ordered { id, link })
    }

    /// Keeps the package, or offers it on the pick-up page; the mail is ordered when both rows of the answer are noted.
    ///
    /// # Errors
    /// As of [`Self::order`].
    pub(in crate::service) async fn prepare(
        &self,
        ctx: &mut RequestContext,
        order: &MailOrder,
        rules: &ImportSettings,
        id: String,
    ) -> Result<PreparedMail, MailError> {
        let (package, rules) = (order.package.clone(), rules.clone());
        let sets =
            spawn_blocking(move || PackageSets::of_package(&package, &rules)).await.map_err(io::Error::other)??;
        let octets = std::fs::metadata(&order.package)?.len();
        let certified = !SmimeKeys::load(&self.settings.smime)?.certificates_of(order.to.as_ref())?.is_empty();
        let sealed = certified && self.settings.smime.trust.identity.is_some();
        let stored_sets = sets.to_json().map_err(io::Error::other)?;
        let link = match self.why_a_link(order, octets, certified) {
            None if certified && !sealed => return Err(SmimeError::NoIdentity.into()),
            None => None,
            Some(why) if self.settings.link.is_none() => return Err(MailError::NoWay(why)),
            Some(_) => Some(self.offer(ctx, order, sets).await?),
        };
        if link.is_none() {
            let (spool, name, package) = (self.spool.clone(), id.clone(), order.package.clone());
            let kept = spawn_blocking(move || spool.keep(&name, File::open(package)?));
            kept.await.map_err(io::Error::other)??;
        }
        let mail = NewMail {
            id,
            message_id: self.message_id(ctx),
            recipient: order.to.to_string(),
            notice: serde_json::to_string(&order.notice).map_err(io::Error::other)?,
            sets: stored_sets,
            octets: i64::try_from(octets).unwrap_or(i64::MAX),
            created_by: order.actor.user_id.clone(),
            pickup_id: link.as_ref().map(|offered| offered.id.clone()),
            created_ms: ctx.now.as_millisecond(),
            sealed,
            receipt: None,
        };
        let job = self.sending(ctx, &mail, order.priority);
        Ok(PreparedMail { mail, job, link })
    }

    /// Takes back what was prepared and is not ordered.
    pub(in crate::service) async fn undo(&self, ctx: &RequestContext, prepared: &PreparedMail) {
        let actor = Actor { user_id: prepared.mail.created_by.clone() };
        if let Err(error) = self.spool.remove(&prepared.mail.id) {
            tracing::warn!(%error, "the package of a mail that was not ordered could not be deleted");
        }
        if let Some(offered) = &prepared.link
            && let Err(error) = self.pickup.withdraw(ctx, &offered.id, &actor).await
        {
            tracing::warn!(%error, "a package that is not sent could not be taken from the pick-up page");
        }
    }

    /// Why the package cannot go into the mail itself.
    fn why_a_link(&self, order: &MailOrder, octets: u64, certified: bool) -> Option<&'static str> {
        if order.as_link {
            return Some("a link is asked for");
        }
        if !certified && !self.settings.send_unencrypted {
            return Some("there is no certificate of the addressee");
        }
        // Base64 with its line ends; twice where it is encrypted.
        let once = |octets: u64| octets.saturating_add(2) / 3 * 4 / 76 * 78 + BESIDE_BYTES;
        let mail = if certified { once(once(octets)) } else { once(octets) };
        (mail > self.settings.max_bytes).then_some("the package is too large for a mail")
    }

    async fn offer(&self, ctx: &RequestContext, order: &MailOrder, sets: PackageSets) -> Result<Offered, MailError> {
        let offer = Offer {
            sender: order.notice.sender.institution.clone(),
            recipient: order.notice.recipient.to_string(),
            sets,
            actor: order.actor.clone(),
        };
        Ok(self.pickup.offer(ctx, &order.package, &offer).await?)
    }

    /// The job that hands a mail over.
    pub(super) fn sending(&self, ctx: &RequestContext, mail: &NewMail, priority: Priority) -> NewJob {
        NewJob {
            kind: SEND_MAIL,
            destination: self.relay.host.clone(),
            idempotency_key: Some(mail.id.clone()),
            payload: json!({ "mail": mail.id }).to_string(),
            priority,
            run_at_ms: ctx.now.as_millisecond(),
            owner_org_key: ctx.caller.organisation_key(),
        }
    }

    /// A Message-ID that nobody has.
    pub(super) fn message_id(&self, ctx: &mut RequestContext) -> String {
        format!("<{}@{}>", ctx.fresh_uuid().to_string().replace("urn:uuid:", ""), self.settings.domain)
    }

    async fn enqueue(&self, ctx: &RequestContext, mail: NewMail, job: NewJob) -> Result<(), StoreError> {
        let now_ms = ctx.now.as_millisecond();
        let ordered = self.store.write(move |tx| {
            let (mail, job) = (mail.clone(), job.clone());
            Box::pin(async move {
                tx.insert_mail(&mail).await?;
                tx.enqueue(&job, now_ms).await.map(drop)
            })
        });
        ordered.await
    }
}
