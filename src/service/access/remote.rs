//! A consent service that is asked for each request, and how long its yes is believed.
//!
//! Source: S-CON-03.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;

use crate::{
    model::{Organisation, PatientId, consent::DataCategory},
    security::access::{Claims, RemoteAnswer},
};

/// Longest wait for an answer; none in time is indeterminate.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a yes is believed. A no is asked again each time.
const BELIEVED_MS: i64 = 60_000;
/// Answers that are kept; beyond that all are forgotten.
const KEPT: usize = 10_000;

/// Asks a consent service one question.
pub type ConsentAnswerer = Arc<dyn Fn(ConsentQuestion) -> BoxFuture<'static, RemoteAnswer> + Send + Sync>;

/// What a consent service is asked, as it is sent.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentQuestion {
    /// CX.
    pub patient: String,
    /// Id of the organisation that holds the data.
    pub source_organisation: String,
    /// Its category.
    pub source_category: String,
    /// Category of data.
    pub data_category: String,
    /// Id of the organisation that asks.
    pub requesting_organisation: String,
    /// Its category.
    pub requesting_category: String,
    /// Purposes.
    pub purposes: Vec<String>,
    /// Roles of the person.
    pub roles: Vec<String>,
}

impl std::fmt::Debug for ConsentQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ConsentQuestion")
    }
}

/// The question about data of one category that one organisation holds.
pub(super) fn question(
    requester: &Organisation,
    claims: &Claims,
    patient: &PatientId,
    source: &Organisation,
    data_category: &DataCategory,
) -> ConsentQuestion {
    ConsentQuestion {
        patient: patient.to_string(),
        source_organisation: source.id.to_string(),
        source_category: source.category.to_string(),
        data_category: data_category.to_string(),
        requesting_organisation: requester.id.to_string(),
        requesting_category: requester.category.to_string(),
        purposes: claims.purposes.iter().map(|purpose| format!("{purpose:?}").to_uppercase()).collect(),
        roles: claims.roles.iter().map(ToString::to_string).collect(),
    }
}

/// A consent service.
pub(super) struct RemoteConsent {
    answerer: ConsentAnswerer,
    believed: Mutex<HashMap<ConsentQuestion, i64>>,
}

impl RemoteConsent {
    pub(super) fn new(answerer: ConsentAnswerer) -> Self {
        Self { answerer, believed: Mutex::default() }
    }

    fn believed(&self) -> MutexGuard<'_, HashMap<ConsentQuestion, i64>> {
        self.believed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All questions at once, so that together they take no longer than one.
    pub(super) async fn ask(
        &self,
        questions: Vec<ConsentQuestion>,
        now_ms: i64,
    ) -> HashMap<ConsentQuestion, RemoteAnswer> {
        let is_believed = |question: &ConsentQuestion| {
            self.believed().get(question).is_some_and(|since_ms| (0..BELIEVED_MS).contains(&(now_ms - since_ms)))
        };
        let (known, unknown): (Vec<_>, Vec<_>) = questions.into_iter().partition(is_believed);
        let answers = unknown.into_iter().map(|question| async {
            let answer = tokio::time::timeout(TIMEOUT, (self.answerer)(question.clone())).await;
            (question, answer.unwrap_or(RemoteAnswer::Indeterminate))
        });
        let mut said: HashMap<_, _> = join_all(answers).await.into_iter().collect();
        let mut believed = self.believed();
        if believed.len() + said.len() > KEPT {
            believed.clear();
        }
        let yes = said.iter().filter(|(_, answer)| **answer == RemoteAnswer::Permit);
        believed.extend(yes.map(|(question, _)| (question.clone(), now_ms)));
        drop(believed);
        said.extend(known.into_iter().map(|question| (question, RemoteAnswer::Permit)));
        said
    }
}
