//! Listeners, from open to closed.

use std::{
    future::{Future, ready},
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_http::{Extensions, HttpService, error::DispatchError};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App, HttpServer,
    dev::{AppConfig, Server},
    middleware::from_fn,
    rt::net::TcpStream,
    web,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Endpoint, Operations, PickupListener, TlsLimits,
    connection::Connection,
    fhir,
    handshake::{Door, Secured},
    health,
    identify::{Arrival, Peer},
    judged::judged,
    pickup, routes, xdm,
};
use crate::security::tls::Live;

/// Requests that are being answered when the server is told to stop get this long.
const SHUTDOWN_SECONDS: u64 = 8;
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const DISCONNECT: Duration = Duration::from_secs(5);

/// Sockets that were bound already, so that a taken port is found before anything starts.
pub struct Listeners {
    /// Plain HTTP on loopback.
    pub soap: Option<TcpListener>,
    /// Mutual TLS.
    pub https: Option<TlsListener>,
    /// Health and metrics.
    pub operations: Option<TcpListener>,
    /// The page from which packages are fetched.
    pub pickup: Option<PickupListener>,
}

/// The listener for partners.
pub struct TlsListener {
    /// Its socket.
    pub listener: TcpListener,
    /// Certificates and trust.
    pub tls: Arc<Live>,
    /// What one address may have open.
    pub limits: TlsLimits,
}

/// Serves until `stop` is done, then finishes what is being answered, within ten seconds in all.
/// # Errors
/// When a listener cannot be used.
pub async fn serve(
    listeners: Listeners,
    endpoint: Arc<Endpoint>,
    operations: Arc<Operations>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut servers = Vec::new();
    if let Some(listener) = listeners.soap {
        let from_here = |io: &Connection<TcpStream>| Arrival { local: io.io().local_addr().ok(), peer: Peer::Loopback };
        servers.push(soap(listener, Arc::clone(&endpoint), from_here)?);
    }
    if let Some(listener) = listeners.https {
        servers.push(https(listener, endpoint)?);
    }
    if let Some(listener) = listeners.operations {
        let operations = web::Data::from(operations.clone());
        let app = move || App::new().app_data(operations.clone()).configure(health::configure);
        let server = HttpServer::new(app).workers(1).shutdown_timeout(1).disable_signals().listen(listener)?;
        servers.push(server.run());
    }
    if let Some(listener) = listeners.pickup {
        servers.push(pickup::server(listener)?);
    }
    let handles: Vec<_> = servers.iter().map(Server::handle).collect();
    let running: Vec<_> = servers.into_iter().map(tokio::spawn).collect();
    stop.await;
    operations.stopping.store(true, Ordering::Relaxed);
    futures_util::future::join_all(handles.iter().map(|handle| handle.stop(true))).await;
    for server in running {
        server.await.map_err(io::Error::other)??;
    }
    Ok(())
}

/// The SOAP listener without TLS. `arrive` says who is at the other end of each connection.
pub(super) fn soap(
    listener: TcpListener,
    endpoint: Arc<Endpoint>,
    arrive: impl Fn(&Connection<TcpStream>) -> Arrival + Clone + Send + 'static,
) -> io::Result<Server> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (head_timeout, stall_timeout) = (endpoint.settings.headers_timeout, endpoint.settings.slow_window);
    let builder = Server::build().shutdown_timeout(SHUTDOWN_SECONDS).disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("soap", listener, move || {
        let stopping = stopping.clone();
        let stopped = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        let arrive = arrive.clone();
        let known =
            move |connection: &Connection<TcpStream>, data: &mut Extensions| drop(data.insert(arrive(connection)));
        let http = http_service(Arc::clone(&endpoint), address, stopped, known);
        fn_service(move |io: TcpStream| {
            let peer = prepare(&io);
            ready(Ok((Connection::new(io, head_timeout, stall_timeout), peer)))
        })
        .and_then(http)
    })?;
    Ok(server.run())
}

/// The SOAP listener with mutual TLS.
fn https(listener: TlsListener, endpoint: Arc<Endpoint>) -> io::Result<Server> {
    let TlsListener { listener, tls, limits } = listener;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (head_timeout, stall_timeout) = (endpoint.settings.headers_timeout, endpoint.settings.slow_window);
    let door = Arc::new(Door::new(Arc::clone(&tls), limits, Arc::clone(&endpoint)));
    let builder = Server::build().shutdown_timeout(SHUTDOWN_SECONDS).disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("https", listener, move || {
        let tls = Arc::clone(&tls);
        let known = move |connection: &Connection<Secured>, data: &mut Extensions| {
            data.insert(Arc::clone(&tls));
            let peer = connection.io().peer();
            data.insert(Arc::clone(peer));
            data.insert(Arrival { local: Some(address), peer: Peer::Certificate(Arc::clone(&peer.facts)) });
        };
        let stopping = stopping.clone();
        let stopped = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        let http = http_service(Arc::clone(&endpoint), address, stopped, known);
        let door = Arc::clone(&door);
        fn_service(move |io: TcpStream| {
            let (peer, door) = (prepare(&io), Arc::clone(&door));
            async move { Ok((Connection::new(door.admit(io, peer).await?, head_timeout, stall_timeout), peer)) }
        })
        .and_then(http)
    })?;
    Ok(server.run())
}

/// Who calls.
fn prepare(io: &TcpStream) -> Option<SocketAddr> {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = io.set_nodelay(true);
    io.peer_addr().ok()
}

/// HTTP/1.1 over connections that are watched. `connected` puts what is known of a connection where handlers find it.
fn http_service<IO: AsyncRead + AsyncWrite + Unpin + 'static, S: Future<Output = ()> + 'static>(
    endpoint: Arc<Endpoint>,
    address: SocketAddr,
    stopping: impl Fn() -> S + 'static,
    connected: impl Fn(&Connection<IO>, &mut Extensions) + 'static,
) -> impl ServiceFactory<
    (Connection<IO>, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> {
    let head_timeout = endpoint.settings.headers_timeout;
    let app = App::new()
        .app_data(web::Data::from(Arc::clone(&endpoint)))
        .wrap(from_fn(move |request, next| judged(Arc::clone(&endpoint), request, next)))
        .configure(fhir::configure)
        .configure(xdm::configure)
        .configure(routes::configure);
    let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .client_request_timeout(head_timeout)
        .client_disconnect_timeout(DISCONNECT)
        .keep_alive(KEEP_ALIVE)
        .local_addr(address)
        .on_connect_ext(connected)
        .graceful_shutdown_signal(stopping)
        .h1(map_config(app, |()| AppConfig::default()))
}
