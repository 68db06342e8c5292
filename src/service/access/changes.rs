//! Changes of consent that people make: each in one transaction, with its event.

use super::record;
use crate::{
    model::{
        AuditEvent, PatientId, RequestContext,
        consent::{AgreementRecord, ConsentAnswer},
    },
    service::{Auditor, audit::events::Parties},
    store::{RecordedAnswer, Store, StoreError, Tx, UnknownPatients},
};

/// An answer with its patient.
#[derive(Clone, Debug)]
pub struct GivenAnswer {
    /// Whose answer it is.
    pub patient: PatientId,
    /// What was answered.
    pub answer: ConsentAnswer,
}

/// Who changes something, from where, when, and where that is recorded.
#[derive(Clone)]
pub struct Author {
    /// The person.
    pub by: Box<str>,
    /// `operator`, `import` …; answers of one origin follow one another.
    pub origin: &'static str,
    /// Time and identifiers.
    pub ctx: RequestContext,
    /// The audit trail.
    pub auditor: Auditor,
}

impl Author {
    fn now_ms(&self) -> i64 {
        self.ctx.now.as_millisecond()
    }

    pub(super) fn parties(&self) -> Parties<'_> {
        Parties::own(&self.ctx, &self.auditor.settings().source_id)
    }

    /// Keeps the event in the transaction of the change.
    async fn tell(&self, tx: &mut Tx, event: impl FnOnce() -> AuditEvent) -> Result<(), StoreError> {
        if self.auditor.records() { tx.insert_audit(&event()).await } else { Ok(()) }
    }
}

/// Records answers, all of them or none; their keys. None where a patient is not known and may not be made.
///
/// # Errors
/// [`StoreError`].
pub async fn record_answers(
    store: &Store,
    given: Vec<GivenAnswer>,
    unknown: UnknownPatients,
    author: &Author,
) -> Result<Option<Vec<i64>>, StoreError> {
    let author = author.clone();
    store
        .write(move |tx| {
            let (given, author) = (given.clone(), author.clone());
            Box::pin(async move {
                let mut patients: Vec<PatientId> = given.iter().map(|it| it.patient.clone()).collect();
                patients.sort_unstable();
                patients.dedup();
                let rows = tx.lock_patients(&patients, unknown, author.now_ms()).await?;
                let mut keys = Vec::with_capacity(given.len());
                for GivenAnswer { patient, answer } in given {
                    let row = patients.binary_search(&patient).ok().and_then(|index| *rows.get(index)?);
                    let Some(row) = row else { return Ok(None) };
                    let answer = RecordedAnswer {
                        patient_key: row.patient_key,
                        answer,
                        origin: author.origin.into(),
                        recorded_by: author.by.clone(),
                        recorded_ms: author.now_ms(),
                    };
                    keys.push(tx.insert_consent(&answer).await?);
                }
                for patient in &patients {
                    let event = || record::consent_changed(&author, &patient.to_string(), "consent was recorded");
                    author.tell(tx, event).await?;
                }
                Ok(Some(keys))
            })
        })
        .await
}

/// Withdraws an answer; false when there is none that stands.
///
/// # Errors
/// [`StoreError`].
pub async fn withdraw_answer(store: &Store, key: i64, author: &Author) -> Result<bool, StoreError> {
    let author = author.clone();
    store
        .write(move |tx| {
            let author = author.clone();
            Box::pin(async move {
                let withdrawn = tx.withdraw_consent(key, &author.by, author.now_ms()).await?;
                if let Some(patient) = &withdrawn {
                    let event = || record::consent_changed(&author, &patient.to_string(), "consent was withdrawn");
                    author.tell(tx, event).await?;
                }
                Ok(withdrawn.is_some())
            })
        })
        .await
}

/// Records an agreement between two regions; its key.
///
/// # Errors
/// [`StoreError`].
pub async fn record_agreement(store: &Store, new: AgreementRecord, author: &Author) -> Result<i64, StoreError> {
    let author = author.clone();
    store
        .write(move |tx| {
            let (new, author) = (new.clone(), author.clone());
            Box::pin(async move {
                let key = tx.insert_agreement(&new).await?;
                let object = format!("knoop:agreement/{key}");
                author.tell(tx, || record::configuration_changed(&author, &object, "recorded")).await?;
                Ok(key)
            })
        })
        .await
}

/// Ends an agreement now; false when there is none that lasts.
///
/// # Errors
/// [`StoreError`].
pub async fn end_agreement(store: &Store, key: i64, author: &Author) -> Result<bool, StoreError> {
    let author = author.clone();
    store
        .write(move |tx| {
            let author = author.clone();
            Box::pin(async move {
                let ended = tx.end_agreement(key, author.now_ms()).await?;
                if ended {
                    let object = format!("knoop:agreement/{key}");
                    author.tell(tx, || record::configuration_changed(&author, &object, "ended")).await?;
                }
                Ok(ended)
            })
        })
        .await
}

/// Closes an emergency after its review; false when there is none that is open.
///
/// # Errors
/// [`StoreError`].
pub async fn close_emergency(store: &Store, key: i64, author: &Author) -> Result<bool, StoreError> {
    let author = author.clone();
    store
        .write(move |tx| {
            let author = author.clone();
            Box::pin(async move {
                let closed = tx.close_grant(key, &author.by, author.now_ms()).await?;
                if closed {
                    let object = format!("knoop:emergency/{key}");
                    author.tell(tx, || record::configuration_changed(&author, &object, "reviewed")).await?;
                }
                Ok(closed)
            })
        })
        .await
}
