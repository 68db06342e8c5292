//! The audit trail as nodes with the role of an audit viewer may read it. Every look is recorded itself.
//!
//! Source: ITI TF-2 §3.81, spec security §2.8 (S-AUD-70, S-AUD-71).

use std::{collections::BTreeSet, sync::Arc};

use super::audit::{
    Auditor,
    events::{denied, log_used},
};
use crate::{
    model::{AuditEvent, AuditOutcome, NetworkAccessPoint, RequestContext},
    security::access::Reason,
    store::{AuditSearch, Store, StoreError},
};

/// Rows that are looked at for one page; a filter that fits few events then gives a short page and a way on.
const LOOKED_AT: usize = 20_000;
/// Rows that are read at once.
const READ_AT_ONCE: usize = 100;
/// Octets of events of one page, so that a page of long queries stays bounded.
const PAGE_BYTES: usize = 8 << 20;

/// A value that is searched, with the name of its system where one was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// System as events name it: `DCM`, an OID, an issuer.
    pub system: Option<String>,
    /// The value.
    pub value: String,
}

impl Token {
    /// As patients stand in the trail, where the authority is given.
    fn cx(&self) -> Option<String> {
        self.system.as_ref().map(|authority| format!("{}^^^&{authority}&ISO", self.value))
    }

    fn fits(&self, system: &str, value: &str) -> bool {
        self.value == value && self.system.as_deref().is_none_or(|wanted| wanted == system)
    }
}

/// Which events. An empty list does not matter; of several values one must fit.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Not before this time, milliseconds since 1970.
    pub from_ms: i64,
    /// Before this time.
    pub to_ms: i64,
    /// Patients; the system is the OID of the assigning authority.
    pub patients: Vec<Token>,
    /// Beginning of the network address of a participant.
    pub addresses: Vec<String>,
    /// UserID of a participant; the system is the issuer of the assertion.
    pub agents: Vec<Token>,
    /// Identifier of an object.
    pub entities: Vec<Token>,
    /// ParticipantObjectTypeCode.
    pub entity_types: Vec<Token>,
    /// ParticipantObjectTypeCodeRole.
    pub entity_roles: Vec<Token>,
    /// AuditSourceID.
    pub sources: Vec<Token>,
    /// EventID.
    pub types: Vec<Token>,
    /// EventTypeCode.
    pub subtypes: Vec<Token>,
    /// EventActionCode.
    pub actions: Vec<Token>,
    /// EventOutcomeIndicator.
    pub outcomes: Vec<Token>,
}

/// A place in the order of the answer: time and key of the last event that was looked at.
pub type Place = (i64, i64);

/// Some events, newest first.
#[derive(Clone)]
pub struct AuditPage {
    /// Key and event.
    pub events: Vec<(i64, AuditEvent)>,
    /// Where to go on, if there may be more.
    pub next: Option<Place>,
}

/// Reads the trail.
#[derive(Clone)]
pub struct AuditView {
    store: Store,
    auditor: Auditor,
    site_id: Arc<str>,
}

impl AuditView {
    /// A view on this store; `site_id` is AuditEnterpriseSiteID, empty if there is none.
    pub fn new(store: Store, auditor: Auditor, site_id: &str) -> Self {
        Self { store, auditor, site_id: site_id.into() }
    }

    /// AuditEnterpriseSiteID of the events.
    pub fn site_id(&self) -> &str {
        &self.site_id
    }

    /// AuditSourceID of the events.
    pub fn source_id(&self) -> &str {
        &self.auditor.settings().source_id
    }

    /// The newest events that fit, at most `count`, after a place where one is given. Recorded before it is answered, once for
    /// each patient who was asked for or of whom something was found by an identifier (S-AUD-10).
    ///
    /// # Errors
    /// When the trail cannot be read, or the look cannot be recorded.
    pub async fn search(
        &self,
        ctx: &RequestContext,
        log: &str,
        filter: &AuditFilter,
        count: usize,
        after: Option<Place>,
    ) -> Result<AuditPage, StoreError> {
        let page = self.page(filter, count, after).await?;
        let (parties, patients) = (self.auditor.parties(ctx), filter.patients_of(&page));
        let mut looks: Vec<AuditEvent> =
            patients.iter().map(|patient| log_used(&parties, None, log, Some(patient))).collect();
        if looks.is_empty() {
            looks.push(log_used(&parties, None, log, None));
        }
        self.auditor.record(looks).await?;
        Ok(page)
    }

    /// Records that a look was refused.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn refuse(
        &self,
        ctx: &RequestContext,
        log: &str,
        outcome: AuditOutcome,
        reason: &'static str,
    ) -> Result<(), StoreError> {
        let parties = self.auditor.parties(ctx);
        let mut event = log_used(&parties, None, log, None);
        event.outcome = outcome;
        reason.clone_into(&mut event.reason);
        let mut events = vec![event];
        if outcome == AuditOutcome::Serious {
            let (code, text) = (Reason::Node.as_str(), "the node may not read the audit trail");
            events.push(denied(&parties, None, log, code, text));
        }
        self.auditor.record(events).await
    }

    async fn page(&self, filter: &AuditFilter, count: usize, after: Option<Place>) -> Result<AuditPage, StoreError> {
        let mut search = filter.search(after);
        let (mut events, mut octets, mut looked_at) = (Vec::new(), 0, 0);
        loop {
            let found = self.store.search_audit(&search, READ_AT_ONCE as i64).await?;
            let is_last = found.len() < READ_AT_ONCE;
            looked_at += found.len();
            for row in found {
                if events.len() == count || octets >= PAGE_BYTES {
                    return Ok(AuditPage { events, next: search.after });
                }
                search.after = Some((row.occurred_ms, row.audit_key));
                // What cannot be read is told by `audit verify`.
                if let Ok(event) = serde_json::from_str::<AuditEvent>(&row.body)
                    && filter.fits(&event, self.source_id())
                {
                    octets += row.body.len();
                    events.push((row.audit_key, event));
                }
            }
            if is_last || looked_at >= LOOKED_AT {
                let next = search.after.filter(|_| !is_last);
                return Ok(AuditPage { events, next });
            }
        }
    }
}

impl AuditFilter {
    /// What the store finds by an index; the rest is judged by [`AuditFilter::fits`].
    fn search(&self, after: Option<Place>) -> AuditSearch {
        let one = |tokens: &[Token]| match tokens {
            [token] => Some(token.value.clone()),
            _ => None,
        };
        let patient = match self.patients.as_slice() {
            [token] => token.cx(),
            _ => None,
        };
        AuditSearch {
            patient,
            from_ms: Some(self.from_ms),
            to_ms: Some(self.to_ms),
            event: one(&self.subtypes),
            outcome: one(&self.outcomes).and_then(|outcome| outcome.parse().ok()),
            after,
            ..AuditSearch::default()
        }
    }

    /// The patients whose trail a page is: those who were asked for, and those whom an identifier without its authority, or one
    /// of any object, found.
    fn patients_of(&self, page: &AuditPage) -> BTreeSet<String> {
        let asked = self.patients.iter().map(|token| token.cx().unwrap_or_else(|| token.value.clone()));
        let wanted = |id: &str| {
            let of_object = |token: &Token| token.value == id || is_patient(token, id);
            self.patients.iter().any(|token| is_patient(token, id)) || self.entities.iter().any(of_object)
        };
        let objects = page.events.iter().flat_map(|(_, event)| &event.objects);
        let found = objects.filter(|object| object.is_patient() && wanted(&object.id)).map(|object| object.id.clone());
        asked.chain(found).collect()
    }

    fn fits(&self, event: &AuditEvent, source_id: &str) -> bool {
        let outcome = event.outcome.number().to_string();
        let action = format!("{:?}", event.action);
        let any = |tokens: &[Token], fits: &dyn Fn(&Token) -> bool| tokens.is_empty() || tokens.iter().any(fits);
        any(&self.types, &|token| token.fits(&event.event_id.system, &event.event_id.code))
            && any(&self.subtypes, &|token| event.event_types.iter().any(|code| token.fits(&code.system, &code.code)))
            && any(&self.outcomes, &|token| token.value == outcome)
            && any(&self.actions, &|token| token.value == action)
            && any(&self.sources, &|token| token.value == source_id)
            && any(&self.patients, &|token| event.objects.iter().any(|o| o.is_patient() && is_patient(token, &o.id)))
            && any(&self.entities, &|token| {
                event.objects.iter().any(|o| o.id == token.value || is_patient(token, &o.id))
            })
            && any(&self.entity_types, &|token| event.objects.iter().any(|o| o.type_code.to_string() == token.value))
            && any(&self.entity_roles, &|token| {
                event.objects.iter().any(|o| o.role.is_some_and(|role| role.to_string() == token.value))
            })
            && any(&self.agents, &|token| {
                let person = |name: &str| name.ends_with(&format!("@{}>", token.system.as_deref().unwrap_or_default()));
                let agents = event.participants.iter().filter(|agent| agent.user_id == token.value);
                agents.into_iter().any(|agent| token.system.is_none() || person(&agent.user_name))
            })
            && (self.addresses.is_empty() || event.participants.iter().any(|agent| self.is_at(agent.network.as_ref())))
    }

    /// A search for a text fits its beginning, whatever the case (FHIR R4 §3.1.1.4.8).
    fn is_at(&self, network: Option<&NetworkAccessPoint>) -> bool {
        let Some(
            NetworkAccessPoint::Host(address)
            | NetworkAccessPoint::Ip(address)
            | NetworkAccessPoint::Mail(address)
            | NetworkAccessPoint::Uri(address),
        ) = network
        else {
            return false;
        };
        let address = address.to_lowercase();
        self.addresses.iter().any(|beginning| address.starts_with(&beginning.to_lowercase()))
    }
}

/// Whether a patient id (CX) is the one that is searched.
fn is_patient(token: &Token, id: &str) -> bool {
    match token.cx() {
        Some(cx) => id == cx,
        None => id.split_once("^^^").is_some_and(|(value, _)| value == token.value),
    }
}
