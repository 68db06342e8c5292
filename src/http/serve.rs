//! Listeners, from open to closed.

use std::{
    future::{Future, ready},
    io,
    net::TcpListener,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_http::HttpService;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App, HttpServer,
    dev::{AppConfig, Server},
    rt::net::TcpStream,
    web,
};

use super::{Endpoint, Operations, connection::Connection, health, routes};

/// Requests that are being answered when the server is told to stop get this long.
const SHUTDOWN_SECONDS: u64 = 8;
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const DISCONNECT: Duration = Duration::from_secs(5);

/// Sockets that were bound already, so that a taken port is found before anything starts.
pub struct Listeners {
    /// Plain HTTP on loopback.
    pub soap: Option<TcpListener>,
    /// Health and metrics.
    pub operations: Option<TcpListener>,
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
        servers.push(soap(listener, endpoint)?);
    }
    if let Some(listener) = listeners.operations {
        let operations = web::Data::from(operations.clone());
        let app = move || App::new().app_data(operations.clone()).configure(health::configure);
        let server = HttpServer::new(app).workers(1).shutdown_timeout(1).disable_signals().listen(listener)?;
        servers.push(server.run());
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

/// The SOAP listener: HTTP/1.1 over connections that are watched.
fn soap(listener: TcpListener, endpoint: Arc<Endpoint>) -> io::Result<Server> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let head_timeout = endpoint.settings.headers_timeout;
    let builder = Server::build().shutdown_timeout(SHUTDOWN_SECONDS).disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("soap", listener, move || {
        let app = App::new().app_data(web::Data::from(endpoint.clone())).configure(routes::configure);
        let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
        let stopping = stopping.clone();
        let http = HttpService::build()
            .client_request_timeout(head_timeout)
            .client_disconnect_timeout(DISCONNECT)
            .keep_alive(KEEP_ALIVE)
            .local_addr(address)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(move |io: TcpStream| {
            // Answers are written whole; waiting for more to send would only delay them.
            let _ = io.set_nodelay(true);
            let peer = io.peer_addr().ok();
            ready(Ok((Connection::new(io, head_timeout), peer)))
        })
        .and_then(http)
    })?;
    Ok(server.run())
}
