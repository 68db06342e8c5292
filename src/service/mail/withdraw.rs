//! Taking back a mail that was not sent yet.

use super::{MailError, MailService};
use crate::{
    model::{AuditOutcome, RequestContext},
    service::audit::events::{Actor, Verdict},
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
}
