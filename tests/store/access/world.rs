//! A registry and a repository with partners of several organisations.

use std::sync::Arc;

use knoop::{
    client::{ConsentService, PeerSettings},
    model::{
        Caller, Coded, HomeCommunityId, Ids, Node, NodeRole, Organisation, PatientId, QueryAnswer, RegistryResponse,
        RequestContext, ResponseStatus, Standing, User, XdsErrorCode,
        consent::{AgreementRecord, Answer, ConsentAnswer, Period},
        rim::{AdhocQueryRequest, DocumentRequest, SubmitObjectsRequest},
    },
    security::access::{Policy, RemoteAnswer},
    service::{
        Access, AccessSettings, AuditSettings, Auditor, Registry, RegistrySettings, Repository, RepositorySettings,
        access::ConsentQuestion,
        audit::events::DiscoveryQuery,
        discovery::PatientDiscovery,
        repository::{RegistryLink, SubmittedDocument},
    },
    store::{
        AuditSearch, RecordedAnswer, Store, StoreError, UnknownPatients,
        documents::{DocumentSettings, DocumentStore},
    },
    wire::{
        ebrim::body::{self, AnswerStyle},
        xds::iti18,
    },
};

use super::rim::{Submission, query};

/// Keys of organisations.
pub const A: i64 = 2;
pub const B: i64 = 3;
pub const C: i64 = 4;
pub const PHARMACY: i64 = 5;
pub const D: i64 = 6;
pub const LAB: i64 = 7;
/// The patient of the acceptance table.
pub const PATIENT: &str = "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO";

const REPOSITORY: &str = "2.999.1.2.1";
const POLICIES: &str = r#"
    [[privacy_policy]]
    code = "share^^2.999.6"
    effect = "permit"
    data = ["letters"]
    requester = "category:ziekenhuis"

    [[privacy_policy]]
    code = "nobody^^2.999.6"
    effect = "forbid"
"#;

/// Actors over one store, and the time.
pub struct World {
    pub store: Store,
    pub registry: Registry,
    pub repository: Repository,
    discovery: PatientDiscovery,
    pub auditor: Auditor,
    pub now: jiff::Timestamp,
    _folder: tempfile::TempDir,
}

fn organisations() -> Vec<Arc<Organisation>> {
    let table = [
        (A, "2.999.10", "ziekenhuis", "urn:oid:2.999.100"),
        (B, "2.999.20", "ziekenhuis", "urn:oid:2.999.100"),
        (C, "2.999.21", "ziekenhuis", "urn:oid:2.999.100"),
        (PHARMACY, "2.999.30", "apotheek", "urn:oid:2.999.100"),
        (D, "2.999.40", "ziekenhuis", "urn:oid:2.999.200"),
        (LAB, "2.999.50", "lab", ""),
    ];
    let organisation = |(key, id, category, region): (i64, &str, &str, &str)| {
        Arc::new(Organisation {
            key,
            id: id.into(),
            name: format!("organisation {key}").into(),
            category: category.into(),
            region: region.parse().ok(),
            standing: Standing::Active,
        })
    };
    table.map(organisation).into()
}

/// Puts the organisations into the database, once.
async fn add_organisations(store: &Store) {
    let added: Result<(), StoreError> = store
        .write(|tx| {
            Box::pin(async move {
                let known = tx.organisations().await?;
                for it in organisations().iter().filter(|it| !known.iter().any(|known| known.id == it.id)) {
                    assert_eq!(tx.add_organisation(it).await?, it.key);
                }
                Ok(())
            })
        })
        .await;
    added.unwrap();
}

fn organisation(key: i64) -> Arc<Organisation> {
    organisations().into_iter().find(|it| it.key == key).unwrap()
}

impl World {
    pub async fn new(store: Store) -> Self {
        Self::with(store, |_| {}).await
    }

    /// With other access rules.
    pub async fn with(store: Store, change: impl FnOnce(&mut AccessSettings)) -> Self {
        Self::limited(store, RegistrySettings::default(), change).await
    }

    /// With another registry.
    pub async fn limited(store: Store, registry: RegistrySettings, change: impl FnOnce(&mut AccessSettings)) -> Self {
        add_organisations(&store).await;
        let folder = tempfile::tempdir().unwrap();
        let documents = DocumentStore::open(&DocumentSettings::Files { folder: folder.path().into() }).unwrap();
        let policy = Policy::from_toml(&format!("{}{POLICIES}", Policy::DEFAULT)).unwrap();
        let mut settings = AccessSettings::new(policy);
        settings.region = "urn:oid:2.999.100".parse().ok();
        change(&mut settings);
        let auditor = Auditor::new(store.clone(), AuditSettings::default());
        let access = Access::new(store.clone(), settings, auditor.clone());
        let discovery = PatientDiscovery::new(access.clone(), auditor.clone());
        let registry = Registry::new(store.clone(), registry, body::encode, auditor.clone(), access.clone());
        let settings = RepositorySettings {
            repository_unique_id: REPOSITORY.parse().unwrap(),
            home_community_id: None,
            pending_lease_ms: 3_600_000,
            document_request_limit: 100,
        };
        let link = RegistryLink::Local(registry.clone());
        let repository = Repository::new(store.clone(), documents, link, settings, auditor.clone(), access);
        let now = "2026-01-02T09:00:00Z".parse().unwrap();
        Self { store, registry, repository, discovery, auditor, now, _folder: folder }
    }

    /// A request of an organisation's system, for a person or for nobody.
    pub fn ctx(&self, key: i64, user: Option<User>) -> RequestContext {
        let node = Node {
            key,
            name: format!("node {key}").into(),
            organisation: organisation(key),
            roles: vec![NodeRole::Source, NodeRole::Consumer, NodeRole::Repository],
            homes: Vec::new(),
            issuers: Vec::new(),
            standing: Standing::Active,
        };
        let caller = Caller { node: Arc::new(node), subject: "CN=test".into(), address: None };
        let mut ctx = RequestContext::new(caller, self.now, "".into(), Ids::Random);
        ctx.user = user.map(Arc::new);
        ctx
    }

    /// The same, of a system that may file consent documents.
    pub fn consent_source(&self, key: i64) -> RequestContext {
        let mut ctx = self.ctx(key, None);
        let mut node = (*ctx.caller.node).clone();
        node.roles.push(NodeRole::ConsentSource);
        ctx.caller.node = Arc::new(node);
        ctx
    }

    /// ITI-41.
    pub async fn provide(&self, ctx: &mut RequestContext, submission: &Submission) -> RegistryResponse {
        let mut documents = Vec::new();
        for document in &submission.documents {
            let mut incoming = self.repository.receive().unwrap();
            incoming.write(document.bytes.clone().into()).await.unwrap();
            let content = Ok(incoming.finish().await.unwrap());
            documents.push(SubmittedDocument { id: document.entry_uuid.as_str().into(), content });
        }
        self.repository.provide_and_register(ctx, submission.request.clone(), documents).await
    }

    /// ITI-41 that succeeds.
    pub async fn submit(&self, key: i64, submission: &Submission) {
        let response = self.provide(&mut self.ctx(key, None), submission).await;
        assert_eq!(response.status, ResponseStatus::Success, "{:?}", response.findings);
    }

    /// ITI-42.
    pub async fn register(&self, ctx: &mut RequestContext, request: SubmitObjectsRequest) -> RegistryResponse {
        self.registry.register(ctx, request).await
    }

    /// ITI-18: the answer as it is written.
    pub async fn ask(&self, ctx: &mut RequestContext, request: &AdhocQueryRequest, return_type: &str) -> String {
        let request = AdhocQueryRequest { return_type: Some(return_type.into()), ..request.clone() };
        let (response, answer) = self.registry.stored_query(ctx, &request, "<query/>").await;
        let mut out = Vec::new();
        iti18::write_response(&mut out, &response, &answer, &AnswerStyle::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The uniqueIds of documents that FindDocuments shows for a patient, sorted.
    pub async fn finds(&self, ctx: &mut RequestContext, patient: &str) -> Vec<String> {
        let approved = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')".to_owned();
        let parameters =
            [("$XDSDocumentEntryPatientId", format!("'{patient}'")), ("$XDSDocumentEntryStatus", approved)];
        let mut request = query(knoop::model::vocabulary::QUERY_FIND_DOCUMENTS, &parameters);
        request.return_type = Some("LeafClass".into());
        let (response, answer) = self.registry.stored_query(ctx, &request, "<query/>").await;
        assert_eq!(response, RegistryResponse::success());
        let QueryAnswer::LeafClass(objects) = answer else { panic!("not LeafClass") };
        let unique_id = |object| {
            let object = body::decode(object).unwrap();
            object.external_identifier(knoop::model::vocabulary::DE_UNIQUE_ID).unwrap().to_owned()
        };
        let mut found: Vec<String> = objects.iter().map(unique_id).collect();
        found.sort_unstable();
        found
    }

    /// Of whom the answer to ITI-55 tells where this patient matches.
    pub async fn discovers(&self, ctx: &RequestContext, patient: &str) -> Vec<String> {
        let query = DiscoveryQuery {
            query_id: "urn:uuid:00000000-0000-4000-8000-000000000055",
            received: "<queryByParameter/>",
            home: None,
        };
        let told = self.discovery.tell(ctx, &query, vec![patient.parse().unwrap()]).await.unwrap();
        told.iter().map(ToString::to_string).collect()
    }

    /// ITI-43 of these documents: status, error codes, and how many were given.
    pub async fn retrieves(
        &self,
        ctx: &mut RequestContext,
        unique_ids: &[&str],
    ) -> (ResponseStatus, Vec<XdsErrorCode>, usize) {
        let request = |unique_id: &&str| DocumentRequest {
            home_community_id: None,
            repository_unique_id: REPOSITORY.into(),
            document_unique_id: (*unique_id).into(),
        };
        let requests: Vec<DocumentRequest> = unique_ids.iter().map(request).collect();
        let retrieval = self.repository.retrieve(ctx, &requests).await;
        let codes = retrieval.response.findings.iter().map(|finding| finding.code).collect();
        (retrieval.response.status, codes, retrieval.documents.len())
    }

    /// Records an answer; its key.
    pub async fn answer(&self, patient: &str, source: &str, data: &str, requester: &str, answer: Answer) -> i64 {
        let patient: PatientId = patient.parse().unwrap();
        let now_ms = self.now.as_millisecond();
        let answer = ConsentAnswer {
            source: source.parse().unwrap(),
            data: data.parse().unwrap(),
            requester: requester.parse().unwrap(),
            answer,
            period: Period { from_ms: 0, until_ms: None },
        };
        let key: Result<i64, StoreError> = self
            .store
            .write(move |tx| {
                let (patient, answer) = (patient.clone(), answer.clone());
                Box::pin(async move {
                    let rows = tx.lock_patients(&[patient], UnknownPatients::Create, now_ms).await?;
                    let answer = RecordedAnswer {
                        patient_key: rows[0].unwrap().patient_key,
                        answer,
                        origin: "operator".into(),
                        recorded_by: "test".into(),
                        recorded_ms: now_ms,
                    };
                    tx.insert_consent(&answer).await
                })
            })
            .await;
        key.unwrap()
    }

    /// Takes an answer back.
    pub async fn withdraw(&self, key: i64) {
        let now_ms = self.now.as_millisecond();
        let withdrawn: Result<_, StoreError> =
            self.store.write(move |tx| Box::pin(async move { tx.withdraw_consent(key, "test", now_ms).await })).await;
        assert!(withdrawn.is_ok_and(|patient| patient.is_some()), "an answer was in force");
    }

    /// What the audit trail keeps of an event about the patient, newest first.
    pub async fn audited(&self, event: &str, outcome: i64) -> Vec<String> {
        self.audited_about(Some(PATIENT), event, outcome).await
    }

    /// The same, about this patient or about anybody and nobody.
    pub async fn audited_about(&self, patient: Option<&str>, event: &str, outcome: i64) -> Vec<String> {
        let search = AuditSearch {
            patient: patient.map(str::to_owned),
            event: Some(event.to_owned()),
            outcome: Some(outcome),
            ..AuditSearch::default()
        };
        self.store.search_audit(&search, 100).await.unwrap().into_iter().map(|found| found.body).collect()
    }

    /// Records that both regions agreed.
    pub async fn agree(&self) {
        let region = |text: &str| text.parse::<HomeCommunityId>().unwrap();
        let agreement = AgreementRecord {
            key: 0,
            regions: [region("urn:oid:2.999.200"), region("urn:oid:2.999.100")],
            period: Period { from_ms: 0, until_ms: None },
            recorded_by: "test".into(),
            recorded_ms: 0,
        };
        let key: Result<i64, StoreError> = self
            .store
            .write(move |tx| {
                let agreement = agreement.clone();
                Box::pin(async move { tx.insert_agreement(&agreement).await })
            })
            .await;
        key.unwrap();
    }

    /// C-02: letters of hospitals may be seen by hospitals.
    pub async fn permit_letters(&self, patient: &str) -> i64 {
        self.answer(patient, "category:ziekenhuis", "letters", "category:ziekenhuis", Answer::Permit).await
    }
}

/// A consent service at this address.
pub fn consent_service(url: &str) -> knoop::service::access::ConsentAnswerer {
    let service = ConsentService::new(url.parse().unwrap(), &PeerSettings::default()).unwrap();
    Arc::new(move |question: ConsentQuestion| {
        let service = service.clone();
        Box::pin(async move {
            match serde_json::to_vec(&question) {
                Ok(question) => service.ask(question).await,
                Err(_) => RemoteAnswer::Indeterminate,
            }
        })
    })
}

/// A physician who treats, surely known.
pub fn physician() -> User {
    person("309343006", "TREAT", "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI")
}

/// Somebody with this role, purpose and assurance.
pub fn person(role: &str, purpose: &str, assurance: &str) -> User {
    let coded = |code: &str, system: &str| Coded { code: code.into(), system: system.into(), ..Coded::default() };
    User {
        issuer: "https://sts.example".into(),
        name_id: "physician-1".into(),
        alias: "".into(),
        assertion_id: "_1".into(),
        digest: [0; 32],
        not_on_or_after_ms: i64::MAX,
        assurance: assurance.into(),
        name: "".into(),
        organisation_name: "".into(),
        organisation_id: None,
        home: None,
        roles: vec![coded(role, "2.16.840.1.113883.6.96")],
        purposes: vec![coded(purpose, "2.16.840.1.113883.5.8")],
        patient: None,
        consent_document: None,
        consent_policy: None,
        provider: None,
        mandated: None,
        npi: None,
        requesting_category: None,
        data_categories: Vec::new(),
    }
}

/// A physician in an emergency.
pub fn emergency() -> User {
    person("309343006", "ETREAT", "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI")
}
