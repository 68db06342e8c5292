//! Which sockets to open, and opening them before anything else is touched.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
};

use anyhow::Context;

use super::{Tls, settings::tls_limits};
use crate::{
    cli::Failure,
    config::Config,
    http::{Listeners, PickupListener, PickupPage, TlsListener},
};

/// Which sockets to open.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Sockets {
    /// Mutual TLS.
    pub https: Option<SocketAddr>,
    /// Plain HTTP on this port of 127.0.0.1.
    pub insecure_loopback: Option<u16>,
    /// Health and metrics.
    pub operations: Option<SocketAddr>,
    /// The page from which packages are fetched.
    pub pickup: Option<SocketAddr>,
    /// Mail that comes in.
    pub lmtp: Option<SocketAddr>,
}

/// Sockets that the command line names.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Named {
    /// Mutual TLS.
    pub https: Option<SocketAddr>,
    /// Plain HTTP on this port of 127.0.0.1.
    pub insecure_loopback: Option<u16>,
    /// `--listen none`: no others.
    pub only: bool,
}

impl Sockets {
    /// Those of the configuration, the command line's first. Without a certificate there is no TLS to listen with.
    ///
    /// # Errors
    /// When TLS is asked for on the command line and there is no certificate.
    pub(in crate::cli) fn of(config: &Config, named: Named) -> Result<Self, Failure> {
        let listeners = &config.listeners;
        let has_certificate = config.tls.certificate_file.is_some();
        if named.https.is_some() && !has_certificate {
            return Err(Failure::wrong_use(
                "--soap needs tls.certificate_file and tls.key_file; knoop init makes both",
            ));
        }
        Ok(Self {
            https: named.https.or(listeners.soap.filter(|_| !named.only && has_certificate)),
            insecure_loopback: named.insecure_loopback.or(listeners.insecure_loopback.filter(|_| !named.only)),
            operations: listeners.operations.filter(|_| !named.only),
            pickup: config.pickup.listen.filter(|_| !named.only),
            lmtp: config.email.lmtp.filter(|_| !named.only),
        })
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    Ok(TcpListener::bind(address).with_context(|| format!("cannot listen on {address}: is the port taken?"))?)
}

/// The sockets of a server, bound before anything else is touched, so that a taken port is told at once.
pub(in crate::cli) struct Bound {
    sockets: [Option<TcpListener>; 4],
    mail: Option<TcpListener>,
    /// Address of the listener with mutual TLS.
    pub https: Option<SocketAddr>,
    /// Address of the SOAP listener without TLS.
    pub soap: Option<SocketAddr>,
    /// Address of the operator's listener.
    pub operations: Option<SocketAddr>,
    /// Address of the page from which packages are fetched.
    pub pickup: Option<SocketAddr>,
    /// Address at which mail comes in.
    pub lmtp: Option<SocketAddr>,
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
        let https = sockets.https.map(bind).transpose()?;
        let soap = sockets.insecure_loopback.map(|port| bind((Ipv4Addr::LOCALHOST, port).into())).transpose()?;
        let operations = sockets.operations.map(bind).transpose()?;
        let pickup = sockets.pickup.map(bind).transpose()?;
        let mail = sockets.lmtp.map(bind).transpose()?;
        if soap.is_some() {
            tracing::warn!(
                "plain HTTP without any authentication is open on 127.0.0.1; for tests and a local proxy only"
            );
        }
        let address = |listener: &Option<TcpListener>| listener.as_ref().and_then(|l| l.local_addr().ok());
        Ok(Self {
            https: address(&https),
            soap: address(&soap),
            operations: address(&operations),
            pickup: address(&pickup),
            lmtp: address(&mail),
            sockets: [https, soap, operations, pickup],
            mail,
        })
    }

    /// The line that says that requests are taken.
    pub(in crate::cli) fn ready_line(&self) -> String {
        let part = |name: &str, scheme: &str, address: Option<SocketAddr>| {
            address.map(|address| format!(" {name}={scheme}://{address}")).unwrap_or_default()
        };
        let [https, soap] = [part("https", "https", self.https), part("soap", "http", self.soap)];
        let [operations, pickup] = [part("operations", "http", self.operations), part("pickup", "https", self.pickup)];
        let lmtp = part("lmtp", "lmtp", self.lmtp);
        format!("ready{https}{soap}{operations}{pickup}{lmtp}")
    }

    /// The socket at which mail comes in.
    pub(super) fn take_mail(&mut self) -> Option<TcpListener> {
        self.mail.take()
    }

    /// The sockets with what belongs to them.
    pub(super) fn listeners(self, config: &Config, tls: &Tls, page: Option<Arc<PickupPage>>) -> Listeners {
        let [https, soap, operations, pickup] = self.sockets;
        let https = https.zip(tls.server.clone()).map(|(listener, tls)| TlsListener {
            listener,
            tls,
            limits: tls_limits(config),
        });
        let pickup = pickup.zip(tls.pickup.clone()).zip(page).map(|((listener, tls), page)| PickupListener {
            listener,
            tls,
            limits: tls_limits(config),
            headers_timeout: config.limits.headers_timeout,
            stall_timeout: config.limits.body_window,
            page,
        });
        Listeners { soap, https, operations, pickup }
    }
}
