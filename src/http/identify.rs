//! From a connection to the node behind it. Nothing of a message is read before this.
//!
//! Source: S-TLS-16, S-TLS-17, S-TLS-22; design section 5.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};

use super::{
    Endpoint,
    report::{Report, Told},
    strangers::{self, Refused},
};
use crate::{
    model::{Caller, CertificateFacts, NodeRecord, SerialNumber},
    security::{directory::NotAdmitted, tls::PeerCertificate},
};

/// What is known of a connection; it is put among the data of the connection when that is accepted.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// Where it was accepted.
    pub(super) local: Option<SocketAddr>,
    /// Who called.
    pub(super) peer: Peer,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub enum Peer {
    /// Somebody on this machine, on the insecure listener.
    Loopback,
    /// The holder of a certificate that TLS has verified.
    Certificate(Arc<CertificateFacts>),
}

/// A sender who is known and may take part.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) caller: Caller,
    /// Everything that the operator said of the node.
    pub(super) record: Arc<NodeRecord>,
    /// The address that was called, without query.
    pub(super) endpoint: Arc<str>,
    /// What TLS verified, if it did.
    pub(super) certificate: Option<Arc<PeerCertificate>>,
}

/// A sender who is not let in.
#[derive(Debug)]
pub(super) struct Stranger {
    why: NotAdmitted,
    facts: Option<Arc<CertificateFacts>>,
    address: Option<IpAddr>,
}

/// The node that sent a request.
///
/// # Errors
/// A connection without a certificate that belongs to an active node; it is told nothing but 403.
pub(super) fn identify(request: &HttpRequest, endpoint: &Endpoint) -> Result<Admission, Stranger> {
    let (caller, record, arrival) = admit(request, endpoint)?;
    let certificate = request.conn_data::<Arc<PeerCertificate>>().cloned();
    Ok(Admission { caller, record, endpoint: called(request, arrival).into(), certificate })
}

/// The caller as it is known now, where a request took its time.
///
/// # Errors
/// As [`identify`].
pub(super) fn again(request: &HttpRequest, endpoint: &Endpoint) -> Result<Caller, Stranger> {
    admit(request, endpoint).map(|(caller, ..)| caller)
}

fn admit<'r>(
    request: &'r HttpRequest,
    endpoint: &Endpoint,
) -> Result<(Caller, Arc<NodeRecord>, &'r Arrival), Stranger> {
    let address = request.peer_addr().map(|address| address.ip());
    // A listener that says nothing of its connections lets nobody in.
    let arrival = request.conn_data::<Arrival>();
    let arrival = arrival.ok_or(Stranger { why: NotAdmitted::NotMapped, facts: None, address })?;
    let (record, subject) = match &arrival.peer {
        Peer::Loopback => (Arc::clone(endpoint.nodes.loopback()), "loopback".into()),
        Peer::Certificate(facts) => {
            let admitted = endpoint.nodes.with(|directory| directory.admit(facts, address).cloned());
            let stranger = |why| Stranger { why, facts: Some(Arc::clone(facts)), address };
            (admitted.map_err(stranger)?, facts.subject.as_ref().into())
        }
    };
    Ok((Caller { node: Arc::clone(&record.node), subject, address }, record, arrival))
}

/// The answer to whoever is not let in, where no message is read.
pub(super) async fn turned_away(request: &HttpRequest, endpoint: &Endpoint) -> Option<HttpResponse> {
    let stranger = identify(request, endpoint).err()?;
    let mut report = Report::default();
    let status = stranger.refuse(endpoint, &mut report).await;
    report.close(endpoint, 0, 0, Duration::ZERO);
    // The body, if there is one, is not read: the connection ends here.
    Some(HttpResponse::build(status).force_close().finish())
}

impl Stranger {
    /// Refused by HTTP alone. The same certificate and reason is told once in a while only.
    pub(super) async fn refuse(&self, endpoint: &Endpoint, report: &mut Report) -> StatusCode {
        let status = StatusCode::FORBIDDEN;
        if let Some(record) = self.why.record() {
            report.node(&record.node.name);
        }
        report.refused(vec![Told::refused(status, self.why.to_string())]);
        let source = self.facts.as_ref().map(|facts| facts.fingerprint.to_string()).unwrap_or_default();
        match endpoint.repeats.tell(&source, reason(&self.why), Instant::now()) {
            Some(untold) => {
                node_not_admitted(self, untold);
                let refused = Refused {
                    subject: self.facts.as_ref().map(|facts| &*facts.subject),
                    address: self.address,
                    expired: false,
                    reason: reason(&self.why),
                    text: "the node was not let in".to_owned(),
                    repeated: untold,
                };
                strangers::record(endpoint, &refused).await;
            }
            None => report.hush(),
        }
        status
    }
}

/// A word for each reason.
fn reason(why: &NotAdmitted) -> &'static str {
    match why {
        NotAdmitted::NotMapped => "not_mapped",
        NotAdmitted::Ambiguous => "ambiguous",
        NotAdmitted::NodeSuspended(_) => "node_suspended",
        NotAdmitted::OrganisationSuspended(_) => "organisation_suspended",
        NotAdmitted::WrongAddress(_) => "wrong_address",
    }
}

/// The security event "node authentication failure" (spec §2.6, 110113 / 110126): once in 60 seconds for each certificate
/// and reason, with the number of those in between (S-TLS-22). What the log says is what `knoop node add` wants to know.
fn node_not_admitted(stranger: &Stranger, untold: u64) {
    let Stranger { why, facts, address } = stranger;
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    let node = why.record().map(|record| &*record.node.name).unwrap_or_default();
    match facts {
        Some(facts) => tracing::warn!(
            reason = reason(why),
            node,
            address,
            subject = &*facts.subject,
            issuer = facts.issuer_text(),
            serial = facts.serial.as_ref().map(SerialNumber::as_str),
            fingerprint = %facts.fingerprint,
            untold,
            "did not let a node in: {why}"
        ),
        None => tracing::warn!(reason = reason(why), address, untold, "did not let a connection in: {why}"),
    }
}

/// The security event "authorisation denied" (the row of the transaction with outcome 8, S-TLS-17).
pub(super) fn role_refused(admission: &Admission, transaction: &'static str) {
    tracing::warn!(node = %admission.caller.name(), transaction, "refused a transaction that the node has no role for");
}

/// Longest host and port that is believed.
const HOST_MAX: usize = 261;

/// scheme://host:port/path as the client called it. Only what the client itself wrote counts, no header of a proxy.
fn called(request: &HttpRequest, arrival: &Arrival) -> String {
    let scheme = match arrival.peer {
        Peer::Loopback => "http",
        Peer::Certificate(_) => "https",
    };
    let plain = |host: &&str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
        !host.is_empty() && host.len() <= HOST_MAX && host.bytes().all(allowed)
    };
    let named = request.uri().authority().map(|authority| authority.as_str());
    let named = named.or_else(|| request.headers().get(header::HOST).and_then(|host| host.to_str().ok()));
    let host = match named.filter(plain) {
        Some(host) => host.to_owned(),
        None => arrival.local.map(|address| address.to_string()).unwrap_or_default(),
    };
    format!("{scheme}://{host}{}", request.path())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn called_at(request: TestRequest, peer: Peer) -> String {
        let local = Some(SocketAddr::from(([127, 0, 0, 1], 8443)));
        called(&request.to_http_request(), &Arrival { local, peer })
    }

    fn certificate() -> Peer {
        let facts = CertificateFacts::new([1; 32], "CN=ehr", "CN=CA", "1", []);
        Peer::Certificate(Arc::new(facts))
    }

    #[test]
    fn the_address_is_as_the_client_called_it_without_query() {
        let request = || TestRequest::with_uri("/xds/registry?a=b");
        let with_host = |host| called_at(request().insert_header((header::HOST, host)), certificate());
        assert_eq!(with_host("knoop.example:8443"), "https://knoop.example:8443/xds/registry");
        assert_eq!(with_host("[2001:db8::1]:8443"), "https://[2001:db8::1]:8443/xds/registry");
        assert_eq!(called_at(request(), Peer::Loopback), "http://127.0.0.1:8443/xds/registry");
    }

    #[test]
    fn neither_a_proxy_nor_nonsense_says_where_we_were_called() {
        let request = TestRequest::with_uri("/xds")
            .insert_header(("Forwarded", "host=evil.example;proto=http"))
            .insert_header(("X-Forwarded-Host", "evil.example"))
            .insert_header((header::HOST, "knoop.example"));
        assert_eq!(called_at(request, certificate()), "https://knoop.example/xds");
        for host in ["", "a b", "a/b", "a@b", "a\"b", &"a".repeat(300)] {
            let request = TestRequest::with_uri("/xds").insert_header((header::HOST, host));
            assert_eq!(called_at(request, certificate()), "https://127.0.0.1:8443/xds", "{host}");
        }
    }
}
