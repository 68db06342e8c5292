//! The job that hands a mail to the relay.

use std::sync::Arc;

use jiff::Timestamp;
use lettre::Address;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::MailService;
use crate::{
    client::SmtpError,
    model::{AuditEvent, AuditOutcome, Caller, Ids, RequestContext},
    security::smime::{SmimeError, SmimeKeys},
    service::{
        audit::events::{self, Actor, Medium, Parties, Submitted, Verdict},
        jobs::{Clock, Handler, Outcome},
    },
    store::{MailRow, MailState, StoreError},
    wire::mail::{self, ComposeError, Envelope, Link, Notice},
};

/// What stands in the job.
#[derive(Deserialize)]
struct Payload {
    mail: String,
}

/// Why a mail is not made.
#[derive(Debug, thiserror::Error)]
enum NotMade {
    #[error("the package cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Smime(#[from] SmimeError),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("the mail is longer than email.max_bytes")]
    TooLong,
    #[error("what was ordered cannot be read")]
    Order,
}

impl MailService {
    /// The handler of [`super::SEND_MAIL`].
    pub fn send_mail(self, clock: Clock) -> Handler {
        let service = Arc::new(self);
        Arc::new(move |job| {
            let (service, now_ms) = (Arc::clone(&service), clock());
            Box::pin(async move {
                let Ok(Payload { mail }) = serde_json::from_str(&job.payload) else {
                    return Outcome::Failed("the job cannot be read".to_owned());
                };
                service.hand_over(&mail, now_ms).await.unwrap_or_else(|error| Outcome::Again(error.to_string()))
            })
        })
    }

    async fn hand_over(&self, id: &str, now_ms: i64) -> Result<Outcome, StoreError> {
        let Some(row) = self.store.read().await?.find_mail(id).await? else {
            return Ok(Outcome::Failed("there is no such mail".to_owned()));
        };
        match row.state {
            MailState::Waiting => {}
            // The process died while the relay was being talked to.
            MailState::Sending => return self.perhaps(&row, now_ms).await,
            _ => return Ok(Outcome::Done),
        }
        let made = match self.make(&row, now_ms).await {
            Ok(made) => made,
            Err(error) => return self.give_up(&row, MailState::Waiting, error.to_string(), now_ms).await,
        };
        let (Ok(to), from) = (row.mail.recipient.parse::<Address>(), &self.settings.from) else {
            return self.give_up(&row, MailState::Waiting, NotMade::Order.to_string(), now_ms).await;
        };
        if !self.step(&row, (MailState::Waiting, MailState::Sending), None, None, Vec::new()).await? {
            return Ok(Outcome::Done);
        }
        match self.relay.send(Some(from), &to, &made).await {
            Ok(()) => {
                let events = self.events(&row, Verdict::success(), now_ms);
                self.step(&row, (MailState::Sending, MailState::Sent), None, Some(now_ms), events).await?;
                self.forget_package(&row);
                Ok(Outcome::Done)
            }
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

    /// The octets of the mail. Blocks of work go to another thread: a package is up to the longest mail.
    async fn make(&self, row: &MailRow, now_ms: i64) -> Result<Vec<u8>, NotMade> {
        let notice: Notice = serde_json::from_str(&row.mail.notice).map_err(|_| NotMade::Order)?;
        let now = Timestamp::from_millisecond(now_ms).map_err(|_| NotMade::Order)?;
        let envelope = Envelope {
            from: self.settings.from.clone(),
            to: row.mail.recipient.parse().map_err(|_| NotMade::Order)?,
            message_id: row.mail.message_id.clone(),
            date_s: now.as_second().unsigned_abs(),
            notify: self.settings.notify && row.mail.pickup_id.is_none(),
        };
        if let Some(pickup_id) = &row.mail.pickup_id {
            let found = self.store.read().await.map_err(|_| NotMade::Order)?.find_pickup(pickup_id).await;
            let found = found.map_err(|_| NotMade::Order)?.ok_or(NotMade::Order)?;
            let beginning = self.settings.link.as_deref().ok_or(NotMade::Order)?;
            let link = Link { url: format!("{beginning}/p/{pickup_id}"), until: local(found.expires_ms) };
            return Ok(mail::reference(&envelope, &notice, &link)?);
        }
        let (settings, package) = (self.settings.clone(), self.spool.path(&row.mail.id));
        let making = spawn_blocking(move || {
            let package = std::fs::read(package)?;
            let keys = SmimeKeys::load(&settings.smime)?;
            let to = envelope.to.to_string();
            let made = if settings.allow_unsigned && keys.certificates_of(&to)?.is_empty() {
                mail::plain(&envelope, &notice, package)?
            } else {
                let entity = mail::package_entity(&notice, package);
                let signature = keys.sign(&entity)?;
                let boundary: String = envelope.message_id.chars().filter(char::is_ascii_alphanumeric).collect();
                let whole = mail::signed(&entity, &signature, &format!("s{}", boundary.get(..40).unwrap_or(&boundary)));
                drop(entity);
                mail::encrypted(&envelope, keys.encrypt(&whole, &[&to], now)?, true)?
            };
            if made.len() as u64 > settings.max_bytes {
                return Err(NotMade::TooLong);
            }
            Ok(made)
        });
        making.await.map_err(|_| NotMade::Order)?
    }

    async fn perhaps(&self, row: &MailRow, now_ms: i64) -> Result<Outcome, StoreError> {
        let why = SmtpError::Unknown.to_string();
        let events = self.events(row, Verdict::failure(AuditOutcome::Minor, "MailPerhapsSent", ""), now_ms);
        self.step(row, (MailState::Sending, MailState::PerhapsSent), Some(&why), None, events).await?;
        Ok(Outcome::Failed(why))
    }

    async fn give_up(&self, row: &MailRow, from: MailState, why: String, now_ms: i64) -> Result<Outcome, StoreError> {
        let events = self.events(row, Verdict::failure(AuditOutcome::Minor, "MailNotSent", ""), now_ms);
        self.step(row, (from, MailState::Failed), Some(&why), None, events).await?;
        self.forget_package(row);
        Ok(Outcome::Failed(why))
    }

    async fn step(
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

    fn forget_package(&self, row: &MailRow) {
        if let Err(error) = self.spool.remove(&row.mail.id) {
            tracing::warn!(%error, "the package of a mail that ended could not be deleted");
        }
    }

    /// Row 26 for each submission set of the package. With a link nothing has left yet: that is told when it is fetched.
    fn events(&self, row: &MailRow, verdict: Verdict, now_ms: i64) -> Vec<AuditEvent> {
        if !self.auditor.records() || row.mail.pickup_id.is_some() {
            return Vec::new();
        }
        let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let ctx = RequestContext::new(Caller::loopback(), now, "".into(), Ids::Random);
        let parties = Parties::own(&ctx, &self.auditor.settings().source_id);
        let actor = Actor { user_id: row.mail.created_by.clone() };
        let sets: Vec<(String, String)> = serde_json::from_str(&row.mail.sets).unwrap_or_default();
        let event = |(patient, set): &(String, String)| {
            let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
            let (patient, set) = (filled(patient), filled(set));
            let submitted = Submitted { patient: patient.as_deref(), submission_set: set.as_deref() };
            let medium = Medium::email(&row.mail.recipient);
            events::distributed_on_media(&parties, Some(&actor), medium, submitted, verdict.clone())
        };
        sets.iter().map(event).collect()
    }
}

/// As people in the Netherlands read it; UTC where the machine knows no time zones.
fn local(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or_default();
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap_or(jiff::tz::TimeZone::UTC);
    time.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string()
}
