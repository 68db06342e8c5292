//! `knoop serve`.

use std::net::SocketAddr;

use clap::Args;

use super::{
    DataArgs, Failure, ListenNone,
    assembly::{self, Actors, Bound, Named, Sockets, Tls, stop_signal},
};
use crate::{config::Config, telemetry};

/// What `serve` may be told.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  knoop serve --data /var/lib/knoop --insecure-loopback 8089")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// SOAP with mutual TLS on this address instead of listeners.soap; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) soap: Option<SocketAddr>,
    /// Plain HTTP on this port of 127.0.0.1, for tests and a local TLS proxy; 0 takes a free port
    #[arg(long, value_name = "PORT")]
    pub(super) insecure_loopback: Option<u16>,
    /// Open no listener but those named on the command line
    #[arg(long, value_name = "none")]
    pub(super) listen: Option<ListenNone>,
    /// Do not bring the database to this version; refuse to start if it is older
    #[arg(long)]
    pub(super) no_migrate: bool,
}

pub(super) fn run(args: ServeArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    telemetry::start(&config.logging)?;
    actix_web::rt::System::new().block_on(serve(&config, &args))
}

async fn serve(config: &Config, args: &ServeArgs) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let named = Named { https: args.soap, insecure_loopback: args.insecure_loopback, only: args.listen.is_some() };
    let bound = Bound::new(config, Sockets::of(config, named)?)?;
    let tls = Tls::load(config)?;
    let actors = Actors::open(config, tls, !args.no_migrate).await?;
    assembly::run(config, actors, bound, stop).await
}
