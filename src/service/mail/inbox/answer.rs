//! The end of a mail that came: what became of it is written down, with the receipt where one is wanted. Source: R-32-28,
//! R-32-30, R-32-35, R-32-41.

use std::time::Duration;

use jiff::Timestamp;

use super::Inbox;
use crate::{
    model::{AuditEvent, AuditOutcome, Caller, Ids, RequestContext},
    service::{
        audit::events::{self, MediaImport, MediaKind, Submitted, Verdict},
        jobs::Clock,
        mail::receipt::{code_of, is_untold, why_not},
    },
    store::{ReceivedHead, ReceivedMail, ReceivedState, StoreError},
};

/// How often mails whose package ended are looked for when nothing tells of one: another process may have taken it back.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Inbox {
    /// Settles mails whose packages ended, until `stop` is ready.
    pub async fn answer_until(self, clock: Clock, stop: impl Future<Output = ()>) {
        let mut endings = self.shared.packages.endings();
        tokio::pin!(stop);
        loop {
            endings.mark_unchanged();
            if let Err(error) = self.answer_ended(clock()).await {
                tracing::warn!(%error, "what became of mails could not be written down");
            }
            tokio::select! {
                () = &mut stop => return,
                _ = endings.changed() => {}
                () = self.shared.opened.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Settles each mail on whose package nobody is to work any more.
    async fn answer_ended(&self, now_ms: i64) -> Result<(), StoreError> {
        loop {
            let ended = self.shared.store.read().await?.ended_received_mails().await?;
            if ended.is_empty() {
                return Ok(());
            }
            for row in ended {
                let package = match row.package {
                    Some(id) => self.shared.store.read().await?.find_xdm_package(id).await?,
                    None => None,
                };
                let why = why_not(package.as_ref());
                let untold = why.as_deref().filter(|_| package.as_ref().is_some_and(is_untold));
                let event = untold.and_then(|why| self.refused_event(&row, code_of(why), now_ms));
                self.settle(&row, why, event, now_ms).await?;
            }
        }
    }

    /// Gives up a mail that cannot be used: a code says why. Its file stays for whoever wants to look at it.
    pub(super) async fn refuse(
        &self,
        row: &ReceivedMail,
        head: ReceivedHead,
        code: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        tracing::info!(mail = %row.id, problem = code, "refused a mail");
        let row = ReceivedMail { head, ..row.clone() };
        self.settle(&row, Some(code.to_owned()), self.refused_event(&row, code, now_ms), now_ms).await
    }

    /// The same for one that could not be dealt with through trouble of our own, often enough. Its sender hears of it as of any
    /// other: what it says of itself needs no key.
    pub(super) async fn refuse_unopened(&self, id: &str, code: &str, now_ms: i64) -> Result<(), StoreError> {
        match self.shared.store.read().await?.find_received_mail(id).await? {
            Some(row) if row.state == ReceivedState::Waiting => {
                let head = self.head_again(&row).await;
                self.refuse(&row, head, code, now_ms).await
            }
            _ => Ok(()),
        }
    }

    /// Row 27 of a mail of which nothing came to the importer.
    fn refused_event(&self, row: &ReceivedMail, code: &str, now_ms: i64) -> Option<AuditEvent> {
        let auditor = &self.shared.auditor;
        let name = format!("urn:knoop:mail:{}", row.id);
        let media = MediaImport { name: &name, kind: MediaKind::Email, operator: None, overridden: false };
        let verdict = Verdict::failure(AuditOutcome::Minor, code, "");
        let event = || events::media_imported(&auditor.parties(&own(now_ms)), &media, Submitted::default(), verdict);
        auditor.records().then(event)
    }

    /// Writes down what became of a mail, and orders the receipt: both or neither, and once.
    async fn settle(
        &self,
        row: &ReceivedMail,
        problem: Option<String>,
        event: Option<AuditEvent>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let receipt = match &self.shared.mail {
            Some(mail) => mail.receipt(&mut own(now_ms), row, problem.as_deref()).unwrap_or_else(|error| {
                tracing::error!(%error, "a receipt cannot be made");
                None
            }),
            None => None,
        };
        let state = if problem.is_some() { ReceivedState::Refused } else { ReceivedState::Done };
        let row = row.clone();
        let settled = self.shared.store.write(move |tx| {
            let (row, problem, event, receipt) = (row.clone(), problem.clone(), event.clone(), receipt.clone());
            Box::pin(async move {
                if !tx.settle_received_mail(&row.id, state, problem.as_deref(), &row.head, now_ms).await? {
                    return Ok(());
                }
                tx.insert_audits(event.as_slice()).await?;
                if let Some((mail, job)) = receipt
                    && tx.note_mail_answered(&row.id, &mail.id).await?
                {
                    tx.insert_mail(&mail).await?;
                    tx.enqueue(&job, now_ms).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        settled.await?;
        self.shared.bell.notify_one();
        Ok(())
    }
}

/// A request that nobody made.
fn own(now_ms: i64) -> RequestContext {
    RequestContext::new(
        Caller::loopback(),
        Timestamp::from_millisecond(now_ms).unwrap_or_default(),
        "".into(),
        Ids::Random,
    )
}
