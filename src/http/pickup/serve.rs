//! The listener of the page.

use std::{future::Future, io, sync::Arc, time::Duration};

use actix_http::{Extensions, HttpService};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App,
    dev::{AppConfig, Server},
    rt::net::TcpStream,
    web,
};

use super::{
    PickupListener,
    door::{Door, Guest},
    handler,
};
use crate::http::connection::Connection;

const SHUTDOWN_SECONDS: u64 = 8;
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const DISCONNECT: Duration = Duration::from_secs(5);

/// Starts it.
///
/// # Errors
/// When the socket cannot be used.
pub(in crate::http) fn server(listener: PickupListener) -> io::Result<Server> {
    let PickupListener { listener, tls, limits, headers_timeout, stall_timeout, page } = listener;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let door = Arc::new(Door::new(tls, limits));
    let builder = Server::build().workers(1).shutdown_timeout(SHUTDOWN_SECONDS).disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("pickup", listener, move || {
        let stopping = stopping.clone();
        let stopped = move || -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
            let stopping = stopping.clone();
            Box::pin(async move { stopping.notified().await })
        };
        let app = App::new().app_data(web::Data::from(Arc::clone(&page))).configure(handler::configure);
        let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .client_request_timeout(headers_timeout)
            .client_disconnect_timeout(DISCONNECT)
            .keep_alive(KEEP_ALIVE)
            .local_addr(address)
            .on_connect_ext(|_: &Connection<Guest>, _: &mut Extensions| {})
            .graceful_shutdown_signal(stopped)
            .h1(map_config(app, |()| AppConfig::default()));
        let door = Arc::clone(&door);
        fn_service(move |io: TcpStream| {
            let (peer, door) = (io.peer_addr().ok(), Arc::clone(&door));
            // Answers are written whole; waiting for more to send would only delay them.
            let _ = io.set_nodelay(true);
            async move { Ok((Connection::new(door.admit(io).await?, headers_timeout, stall_timeout), peer)) }
        })
        .and_then(http)
    })?;
    Ok(server.run())
}
