//! The one table of transactions: which action, which body, which actor, on which path.

use actix_web::web;

use super::{endpoint::Endpoint, handler, wsdl};
use crate::{
    model::{
        Node, NodeRole, XdsErrorCode,
        rim::{AdhocQueryRequest, DocumentRequest, SubmitObjectsRequest},
    },
    service::Actor,
    wire::{
        ebrim::DecodeError,
        guard::{Ns, XmlReader},
        xds::{iti18, iti41, iti42, iti43},
    },
};

/// A path that takes SOAP messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// /xds/registry
    Registry,
    /// /xds/repository
    Repository,
    /// /xds, which takes everything
    All,
}

/// A request as its reader made it.
pub(super) enum Request {
    /// ITI-18, with its element exactly as it came (S-AUD-17)
    StoredQuery(AdhocQueryRequest, Box<str>),
    /// ITI-41
    ProvideAndRegister(iti41::ProvideAndRegister),
    /// ITI-42
    Register(SubmitObjectsRequest),
    /// ITI-43
    Retrieve(Vec<DocumentRequest>),
}

/// One row of the table. Source: spec §1.1.
pub(super) struct Transaction {
    /// As people say it.
    pub(super) number: &'static str,
    /// wsa:Action of the request.
    pub(super) action: &'static str,
    /// wsa:Action of the answer.
    pub(super) response_action: &'static str,
    /// The element in the body.
    pub(super) body: (Ns, &'static str),
    /// MTOM is what the standard asks for.
    pub(super) mtom: bool,
    /// A node may call it that has one of these (S-TLS-17).
    pub(super) callers: &'static [NodeRole],
    /// Who answers.
    pub(super) actor: Actor,
    /// The code for a body that is not valid against its schema (spec §1.5).
    pub(super) schema_error: XdsErrorCode,
    /// Reads the element in the body.
    pub(super) read: fn(&mut XmlReader<'_>) -> Result<Request, DecodeError>,
}

/// Every transaction that is served.
pub(super) static TRANSACTIONS: [Transaction; 4] = [
    Transaction {
        number: "ITI-18",
        action: "urn:ihe:iti:2007:RegistryStoredQuery",
        response_action: "urn:ihe:iti:2007:RegistryStoredQueryResponse",
        body: (Ns::Query, "AdhocQueryRequest"),
        mtom: false,
        callers: &[NodeRole::Consumer, NodeRole::InitiatingGateway],
        actor: Actor::Registry,
        schema_error: XdsErrorCode::RegistryError,
        read: |reader| {
            let start = reader.element_start();
            iti18::read_request(reader).map(|query| Request::StoredQuery(query, reader.since(start).into()))
        },
    },
    Transaction {
        number: "ITI-41",
        action: "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
        response_action: "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
        body: (Ns::Xds, "ProvideAndRegisterDocumentSetRequest"),
        mtom: true,
        callers: &[NodeRole::Source],
        actor: Actor::Repository,
        schema_error: XdsErrorCode::RepositoryMetadataError,
        read: |reader| iti41::read_request(reader).map(Request::ProvideAndRegister),
    },
    Transaction {
        number: "ITI-42",
        action: "urn:ihe:iti:2007:RegisterDocumentSet-b",
        response_action: "urn:ihe:iti:2007:RegisterDocumentSet-bResponse",
        body: (Ns::Lcm, "SubmitObjectsRequest"),
        mtom: false,
        callers: &[NodeRole::Repository],
        actor: Actor::Registry,
        schema_error: XdsErrorCode::RegistryMetadataError,
        read: |reader| iti42::read_request(reader).map(Request::Register),
    },
    Transaction {
        number: "ITI-43",
        action: "urn:ihe:iti:2007:RetrieveDocumentSet",
        response_action: "urn:ihe:iti:2007:RetrieveDocumentSetResponse",
        body: (Ns::Xds, "RetrieveDocumentSetRequest"),
        mtom: true,
        callers: &[NodeRole::Consumer, NodeRole::InitiatingGateway],
        actor: Actor::Repository,
        schema_error: XdsErrorCode::RepositoryError,
        read: |reader| iti43::read_request(reader).map(Request::Retrieve),
    },
];

impl Transaction {
    /// Whether a node may call it (S-TLS-17).
    pub(super) fn is_for(&self, node: &Node) -> bool {
        self.callers.iter().any(|role| node.has_role(*role))
    }
}

/// Numbers of all transactions that may be served: `ITI-18` …
pub fn transactions() -> impl Iterator<Item = &'static str> {
    TRANSACTIONS.iter().map(|transaction| transaction.number)
}

impl Place {
    /// The paths of the SOAP listener.
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("/xds", Self::All), ("/xds/registry", Self::Registry), ("/xds/repository", Self::Repository)];

    /// What is taken here, given the roles that are switched on.
    pub(super) fn transactions(self, endpoint: &Endpoint) -> impl Iterator<Item = &'static Transaction> {
        let (registry, repository) = (endpoint.registry.is_some(), endpoint.repository.is_some());
        TRANSACTIONS.iter().filter(move |transaction| match transaction.actor {
            Actor::Registry => registry && self != Self::Repository,
            Actor::Repository => repository && self != Self::Registry,
        })
    }
}

/// Puts every path of the SOAP listener into an application.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    for (path, place) in Place::ALL {
        let resource = web::resource(path)
            .app_data(web::Data::new(place))
            .route(web::post().to(handler::post))
            .route(web::get().to(wsdl::get))
            .default_service(web::to(wsdl::method_not_allowed));
        config.service(resource);
    }
    config.default_service(web::to(wsdl::not_found));
}
