//! Taking back a mail that was not sent yet.

use super::{MailError, MailService};
use crate::{
    model::{AuditOutcome, RequestContext},
    service::{
        audit::events::{Actor, Verdict},
        pickup::Code,
    },
    store::MailState,
};

impl MailService {
    /// Takes a mail back that still waits, and what it links to; false where there is no such mail, or it is out of our hands.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn withdraw(&self, ctx: &RequestContext, id: &str, actor: &Actor) -> Result<bool, MailError> {
        let Some(row) = self.store.read().await?.find_mail(id).await? else { return Ok(false) };
        let verdict = Verdict::failure(AuditOutcome::Minor, "MailWithdrawn", "");
        let events = self.events(&row, actor, verdict, ctx.now.as_millisecond());
        if !self.step(&row, (MailState::Waiting, MailState::Withdrawn), None, None, events).await? {
            return Ok(false);
        }
        self.forget_package(&row);
        if let Some(pickup_id) = &row.mail.pickup_id {
            self.pickup.withdraw(ctx, pickup_id, actor).await?;
        }
        Ok(true)
    }

    /// The same for the mail of a package that was taken back: what it links to goes also where the mail was sent.
    ///
    /// # Errors
    /// Trouble of our own.
    pub(in crate::service) async fn take_back(
        &self,
        ctx: &RequestContext,
        id: &str,
        actor: &Actor,
    ) -> Result<(), MailError> {
        let Some(row) = self.store.read().await?.find_mail(id).await? else { return Ok(()) };
        if !self.withdraw(ctx, id, actor).await?
            && let Some(pickup_id) = &row.mail.pickup_id
        {
            self.pickup.withdraw(ctx, pickup_id, actor).await?;
        }
        Ok(())
    }

    /// A new code for what a mail links to, and the link; nothing where it is not there any more.
    ///
    /// # Errors
    /// Trouble of our own.
    pub(in crate::service) async fn new_code(
        &self,
        ctx: &RequestContext,
        pickup_id: &str,
        actor: &Actor,
    ) -> Result<Option<(String, Code)>, MailError> {
        let Some(beginning) = &self.settings.link else { return Ok(None) };
        let code = self.pickup.renew(ctx, pickup_id, actor).await?;
        Ok(code.map(|code| (format!("{beginning}/p/{pickup_id}"), code)))
    }
}
