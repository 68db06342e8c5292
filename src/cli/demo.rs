//! `knoop demo`: a server with invented patients.

mod data;
mod dice;
mod paper;
mod people;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::Args;
use futures_util::TryStreamExt;

use super::{
    ConfigArgs, Failure, ListenNone,
    assembly::{self, Actors, Bound, Named, Sockets, Tls, stop_signal},
    clock,
};
use crate::{
    config::{AnchorConfig, Config, RevocationConfig},
    model::{Caller, Ids, RequestContext, ResponseStatus},
    security::development::Pki,
    service::{Repository, repository::SubmittedDocument},
    telemetry,
};

/// What `demo` may be told.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// The directory of the demo
    #[arg(long, value_name = "DIR", default_value = "./knoop-demo")]
    pub(super) data: PathBuf,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// SOAP with mutual TLS on this address [default: 127.0.0.1:8443]; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) soap: Option<SocketAddr>,
    /// Plain HTTP on this port of 127.0.0.1; 0 takes a free port
    #[arg(long, value_name = "PORT", default_value_t = 8089)]
    pub(super) insecure_loopback: u16,
    /// Open no listener but those named on the command line
    #[arg(long, value_name = "none")]
    pub(super) listen: Option<ListenNone>,
}

pub(super) fn run(args: DemoArgs) -> Result<(), Failure> {
    let mut config = args.config.load()?;
    config.data = args.data;
    telemetry::start(&config.logging)?;
    let pki = certificates(&mut config)?;
    let only = args.listen.is_some();
    let https = args.soap.or(pki.as_ref().filter(|_| !only).map(|_| SocketAddr::from(([127, 0, 0, 1], 8443))));
    let named = Named { https, insecure_loopback: Some(args.insecure_loopback), only };
    actix_web::rt::System::new().block_on(demo(&config, Sockets::of(&config, named)?, pki.as_ref()))
}

/// Certificates of the demo's own, where the configuration names none.
fn certificates(config: &mut Config) -> Result<Option<Pki>, Failure> {
    if config.tls.certificate_file.is_some() || config.production {
        return Ok(None);
    }
    let pki = Pki::new(config.data.join("pki"));
    if !pki.exists() {
        pki.make(&[], clock::now())?;
    }
    let revocation = RevocationConfig::of_file(pki.crl());
    let anchor =
        AnchorConfig { name: "development".to_owned(), file: pki.certificate("ca"), revocation: Some(revocation) };
    config.tls.certificate_file = Some(pki.certificate("server"));
    config.tls.key_file = Some(pki.key("server"));
    config.tls.trust.anchors.push(anchor);
    Ok(Some(pki))
}

async fn demo(config: &Config, sockets: Sockets, pki: Option<&Pki>) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let bound = Bound::new(config, sockets)?;
    let actors = Actors::open(config, Tls::load(config)?, true).await?;
    let repository = actors.repository.as_ref().context("the demo needs the repository role")?;
    if actors.is_empty().await? {
        fill(repository).await?;
    }
    print!("{}", guide(config, &bound, pki));
    assembly::run(config, actors, bound, stop).await
}

/// Submits everything, a few at a time, as a source would.
async fn fill(repository: &Repository) -> Result<(), Failure> {
    let submissions = futures_util::stream::iter(data::submissions().map(Ok::<_, Failure>));
    // One after the other where a submission replaces a document of an earlier one, so in order throughout.
    submissions.try_for_each(|submission| submit(repository, submission)).await
}

#[expect(clippy::disallowed_methods, reason = "the demo's own submissions get their time here")]
async fn submit(repository: &Repository, (metadata, documents): data::DemoSubmission) -> Result<(), Failure> {
    let mut submitted = Vec::with_capacity(documents.len());
    for (id, bytes) in documents {
        let mut incoming = repository.receive()?;
        incoming.write(bytes.into()).await?;
        submitted.push(SubmittedDocument { id: id.into(), content: Ok(incoming.finish().await?) });
    }
    let mut ctx = RequestContext::new(Caller::loopback(), jiff::Timestamp::now(), "".into(), Ids::Random);
    let response = repository.provide_and_register(&mut ctx, metadata, submitted).await;
    match response.status {
        ResponseStatus::Success => Ok(()),
        _ => {
            let codes: Vec<&str> = response.findings.iter().map(|finding| finding.code.as_str()).collect();
            Err(Failure::Fault(anyhow::anyhow!("the demo's documents were refused: {}", codes.join(", "))))
        }
    }
}

/// Where to point a client, and three commands to try.
fn guide(config: &Config, bound: &Bound, pki: Option<&Pki>) -> String {
    let base = bound.soap.map(|address| format!("http://{address}/xds")).unwrap_or_default();
    let patient = data::patient_ids().into_iter().next().unwrap_or_default();
    let program = std::env::current_exe().map_or_else(|_| "knoop".to_owned(), |path| path.display().to_string());
    let repository = &config.repository.repository_unique_id;
    let operations =
        bound.operations.map(|a| format!("  health, metrics    http://{a}/health/ready  http://{a}/metrics\n"));
    format!(
        "knoop demo: {patients} invented patients with {documents} documents in {data}\n\n\
         Point an XDS client at\n\
         \x20 ITI-18, 41, 42, 43  {base}   (WSDL: {base}?wsdl)\n\
         \x20 repositoryUniqueId  {repository}\n\
         {operations}{mutual}\n\
         Try, in another terminal:\n\
         \x20 {program} find --from {base} --patient '{patient}'\n\
         \x20 {program} fetch --from {base} --patient '{patient}' --out documents\n\
         \x20 {program} submit README.md --to {base} --patient '{patient}' --type 34133-9^^2.16.840.1.113883.6.1\n\n\
         Stop with Ctrl-C.\n",
        patients = data::patient_ids().len(),
        documents = data::DOCUMENTS,
        data = config.data.display(),
        operations = operations.unwrap_or_default(),
        mutual = pki.zip(bound.https).map(|(pki, address)| mutual_tls(pki, address)).unwrap_or_default(),
    )
}

/// How to come in by the door that partners take.
fn mutual_tls(pki: &Pki, address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "  with mutual TLS     https://localhost:{port}/xds, for example\n\
         \x20   curl --cacert {} --cert {} --key {} 'https://localhost:{port}/xds?wsdl'\n",
        pki.certificate("ca").display(),
        pki.certificate("client").display(),
        pki.key("client").display(),
    )
}
