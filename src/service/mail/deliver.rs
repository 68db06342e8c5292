//! The job that hands a mail to the relay.

use std::sync::Arc;

use jiff::Timestamp;
use lettre::Address;
use serde::Deserialize;

use super::{MailService, SEND_MAIL, SENDING, make::NotMade};
use crate::{
    client::SmtpError,
    model::{
        AuditEvent, AuditOutcome, Caller, Ids, RequestContext,
        xdm::{PackageId, PackageState},
    },
    service::{
        audit::events::{self, Actor, Medium, Parties, Verdict},
        jobs::{Clock, Handler, Outcome},
        xdm::PackageSets,
    },
    store::{MailRow, MailState, StoreError},
};

/// What stands in the job.
#[derive(Deserialize)]
struct Payload {
    mail: String,
}

impl MailService {
    /// The handler of [`super::SEND_MAIL`].
    pub fn send_mail(self, clock: Clock) -> Handler {
        let service = Arc::new(self);
        Arc::new(move |job| {
            let (service, now_ms) = (Arc::clone(&service), clock());
            let last = job.attempts >= SENDING.attempts;
            Box::pin(async move {
                let Ok(Payload { mail }) = serde_json::from_str(&job.payload) else {
                    return Outcome::Failed("the job cannot be read".to_owned());
                };
                let trouble = |error: StoreError| Outcome::Again(error.to_string());
                match service.hand_over(&mail, now_ms).await.unwrap_or_else(trouble) {
                    Outcome::Again(why) if last => service.end(&mail, why, now_ms).await.unwrap_or_else(trouble),
                    outcome => outcome,
                }
            })
        })
    }

    /// Settles mails that no job works on any more: it ended without this process, by hand or with the one that did it.
    pub(super) async fn settle_stranded(&self, now_ms: i64) -> Result<(), StoreError> {
        let stranded = self.store.read().await?.stranded_mails(SEND_MAIL).await?;
        for id in stranded {
            self.end(&id, "its job has ended".to_owned(), now_ms).await?;
        }
        Ok(())
    }

    /// Settles a mail that is not tried again.
    async fn end(&self, id: &str, why: String, now_ms: i64) -> Result<Outcome, StoreError> {
        let found = self.store.read().await?.find_mail(id).await?;
        match found {
            Some(row) if row.state == MailState::Waiting => self.give_up(&row, MailState::Waiting, why, now_ms).await,
            Some(row) if row.state == MailState::Sending => self.perhaps(&row, now_ms).await,
            _ => Ok(Outcome::Failed(why)),
        }
    }

    async fn hand_over(&self, id: &str, now_ms: i64) -> Result<Outcome, StoreError> {
        let Some(row) = self.store.read().await?.find_mail(id).await? else {
            return Ok(Outcome::Failed("there is no such mail".to_owned()));
        };
        match row.state {
            MailState::Waiting => {}
            // The process died while the relay was being talked to.
            MailState::Sending => return self.perhaps(&row, now_ms).await,
            // A receipt came before the relay's answer was written down.
            MailState::Confirmed | MailState::Refused if row.sent_ms.is_none() => return self.sent(&row, now_ms).await,
            _ => return Ok(Outcome::Done),
        }
        if self.is_taken_back(id).await? {
            return self.leave(&row, now_ms).await;
        }
        let page = match &row.mail.pickup_id {
            None => None,
            Some(id) => {
                let found = self.store.read().await?.find_pickup(id).await?;
                let there = found.filter(|page| page.withdrawn_ms.is_none() && page.expires_ms > now_ms);
                let Some(page) = there else {
                    let why = "the package that it links to was withdrawn, or its time is over";
                    return self.give_up(&row, MailState::Waiting, why.to_owned(), now_ms).await;
                };
                Some(page)
            }
        };
        let made = match (self.make(&row, page.as_ref(), now_ms).await, row.mail.recipient.parse::<Address>()) {
            (Ok(made), Ok(to)) => Ok((made, to)),
            (Err(error), _) => Err(error),
            (_, Err(_)) => Err(NotMade::Order),
        };
        let (made, to) = match made {
            Ok(made) => made,
            Err(error) => {
                let why = error.to_string();
                self.step(&row, (MailState::Waiting, MailState::Waiting), Some(&why), None, Vec::new()).await?;
                return Ok(Outcome::Again(why));
            }
        };
        if !self.step(&row, (MailState::Waiting, MailState::Sending), None, None, Vec::new()).await? {
            return Ok(Outcome::Done);
        }
        // Nobody is told of a receipt that does not arrive (RFC 8098 §2.1).
        let from = row.mail.receipt.is_none().then_some(&self.settings.from);
        match self.relay.send(from, &to, &made).await {
            Ok(()) => self.sent(&row, now_ms).await,
            Err(error @ (SmtpError::NotReached(_) | SmtpError::Later(_))) => {
                let why = error.to_string();
                self.step(&row, (MailState::Sending, MailState::Waiting), Some(&why), None, Vec::new()).await?;
                Ok(Outcome::Again(why))
            }
            Err(error @ SmtpError::Refused(_)) => {
                self.give_up(&row, MailState::Sending, error.to_string(), now_ms).await
            }
            Err(SmtpError::Unknown) => self.perhaps(&row, now_ms).await,
        }
    }

    /// Whether the package whose mail this is was taken back, perhaps while the relay was being talked to.
    async fn is_taken_back(&self, id: &str) -> Result<bool, StoreError> {
        let Ok(package) = id.parse::<PackageId>() else { return Ok(false) };
        let package = self.store.read().await?.find_xdm_package(package).await?;
        Ok(package.is_some_and(|package| package.state == PackageState::Withdrawn))
    }

    /// Does not send it. What it links to goes first: once the mail is withdrawn, nobody comes back to it.
    async fn leave(&self, row: &MailRow, now_ms: i64) -> Result<Outcome, StoreError> {
        if let Some(pickup_id) = &row.mail.pickup_id
            && let Err(error) = self.pickup.withdraw(&own(now_ms), pickup_id, &orderer(row)).await
        {
            return Ok(Outcome::Again(error.to_string()));
        }
        let verdict = Verdict::failure(AuditOutcome::Minor, "MailWithdrawn", "");
        let events = self.events(row, &orderer(row), verdict, now_ms);
        self.step(row, (MailState::Waiting, MailState::Withdrawn), None, None, events).await?;
        self.forget_package(row);
        Ok(Outcome::Done)
    }

    /// The relay has it. What left is in the audit, even where a receipt was noted before this was.
    async fn sent(&self, row: &MailRow, now_ms: i64) -> Result<Outcome, StoreError> {
        let (id, events) = (row.mail.id.clone(), self.events(row, &orderer(row), Verdict::success(), now_ms));
        let noted = self.store.write(move |tx| {
            let (id, events) = (id.clone(), events.clone());
            Box::pin(async move {
                if !tx.move_mail(&id, (MailState::Sending, MailState::Sent), None, Some(now_ms)).await? {
                    tx.note_mail_sent(&id, now_ms).await?;
                }
                tx.insert_audits(&events).await
            })
        });
        noted.await?;
        self.forget_package(row);
        Ok(Outcome::Done)
    }

    async fn perhaps(&self, row: &MailRow, now_ms: i64) -> Result<Outcome, StoreError> {
        let why = SmtpError::Unknown.to_string();
        let verdict = Verdict::failure(AuditOutcome::Minor, "MailPerhapsSent", "");
        let events = self.events(row, &orderer(row), verdict, now_ms);
        if !self.step(row, (MailState::Sending, MailState::PerhapsSent), Some(&why), None, events).await? {
            // A receipt came: it was sent.
            return self.sent(row, now_ms).await;
        }
        Ok(Outcome::Failed(why))
    }

    async fn give_up(&self, row: &MailRow, from: MailState, why: String, now_ms: i64) -> Result<Outcome, StoreError> {
        let verdict = Verdict::failure(AuditOutcome::Minor, "MailNotSent", "");
        let events = self.events(row, &orderer(row), verdict, now_ms);
        self.step(row, (from, MailState::Failed), Some(&why), None, events).await?;
        self.forget_package(row);
        Ok(Outcome::Failed(why))
    }

    pub(super) async fn step(
        &self,
        row: &MailRow,
        step: (MailState, MailState),
        problem: Option<&str>,
        sent_ms: Option<i64>,
        events: Vec<AuditEvent>,
    ) -> Result<bool, StoreError> {
        let (id, problem) = (row.mail.id.clone(), problem.map(str::to_owned));
        let moved = self.store.write(move |tx| {
            let (id, problem, events) = (id.clone(), problem.clone(), events.clone());
            Box::pin(async move {
                let moved = tx.move_mail(&id, step, problem.as_deref(), sent_ms).await?;
                if moved {
                    tx.insert_audits(&events).await?;
                }
                Ok::<_, StoreError>(moved)
            })
        });
        moved.await
    }

    pub(super) fn forget_package(&self, row: &MailRow) {
        if let Err(error) = self.spool.remove(&row.mail.id) {
            tracing::warn!(%error, "the package of a mail that ended could not be deleted");
        }
    }

    /// Row 26 for each submission set of the package. With a link nothing has left yet: that is told when it is fetched. A
    /// receipt carries nothing.
    pub(super) fn events(&self, row: &MailRow, actor: &Actor, verdict: Verdict, now_ms: i64) -> Vec<AuditEvent> {
        if !self.auditor.records() || row.mail.pickup_id.is_some() || row.mail.receipt.is_some() {
            return Vec::new();
        }
        let ctx = own(now_ms);
        let parties = Parties::own(&ctx, &self.auditor.settings().source_id);
        let medium = Medium::email(&row.mail.recipient);
        let event = |submitted| events::distributed_on_media(&parties, Some(actor), medium, submitted, verdict.clone());
        PackageSets::from_json(&row.mail.sets).submitted().map(event).collect()
    }
}

/// A request that nobody made.
fn own(now_ms: i64) -> RequestContext {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
    RequestContext::new(Caller::loopback(), now, "".into(), Ids::Random)
}

/// Who ordered a mail.
fn orderer(row: &MailRow) -> Actor {
    Actor { user_id: row.mail.created_by.clone() }
}
