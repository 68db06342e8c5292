//! Which sockets to open, and opening them before anything else is touched.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context;

use crate::{cli::Failure, config::Config, http::Listeners};

/// Which sockets to open.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Sockets {
    /// Plain HTTP on this port of 127.0.0.1.
    pub insecure_loopback: Option<u16>,
    /// Health and metrics.
    pub operations: Option<SocketAddr>,
}

impl Sockets {
    /// Those of the configuration, the command line's first; `--listen none` leaves only the latter.
    pub(in crate::cli) fn of(config: &Config, insecure_loopback: Option<u16>, only_named: bool) -> Self {
        let listeners = &config.listeners;
        Self {
            insecure_loopback: insecure_loopback.or(listeners.insecure_loopback.filter(|_| !only_named)),
            operations: listeners.operations.filter(|_| !only_named),
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    Ok(TcpListener::bind(address).with_context(|| format!("cannot listen on {address}: is the port taken?"))?)
}

/// The sockets of a server, bound before anything else is touched, so that a taken port is told at once.
pub(in crate::cli) struct Bound {
    pub(super) listeners: Listeners,
    /// Address of the SOAP listener.
    pub soap: Option<SocketAddr>,
    /// Address of the operator's listener.
    pub operations: Option<SocketAddr>,
}

impl Bound {
    /// Binds them.
    ///
    /// # Errors
    /// When a port is taken, or the insecure listener is asked for in production.
    pub(in crate::cli) fn new(config: &Config, sockets: Sockets) -> Result<Self, Failure> {
        if config.production && sockets.insecure_loopback.is_some() {
            return Err(Failure::wrong_use("--insecure-loopback does not exist when production = true"));
        }
        let soap = sockets.insecure_loopback.map(|port| bind((Ipv4Addr::LOCALHOST, port).into())).transpose()?;
        let operations = sockets.operations.map(bind).transpose()?;
        let address = |listener: &Option<TcpListener>| listener.as_ref().and_then(|l| l.local_addr().ok());
        let (soap_address, operations_address) = (address(&soap), address(&operations));
        if soap_address.is_some() {
            tracing::warn!(
                "plain HTTP without any authentication is open on 127.0.0.1; for tests and a local proxy only"
            );
        }
        Ok(Self { listeners: Listeners { soap, operations }, soap: soap_address, operations: operations_address })
    }

    /// The line that says that requests are taken.
    pub(in crate::cli) fn ready_line(&self) -> String {
        let part = |name: &str, address: Option<SocketAddr>| {
            address.map(|address| format!(" {name}=http://{address}")).unwrap_or_default()
        };
        format!("ready{}{}", part("soap", self.soap), part("operations", self.operations))
    }
}
