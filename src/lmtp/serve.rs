//! The listener, from open to closed.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use tokio::{net::TcpListener as Listener, sync::watch, task::JoinSet};

use super::session::{Session, Terms, say};
use crate::service::{jobs::Clock, mail::Inbox};

/// A mail that is coming when the server is told to stop gets this long.
const GRACE: Duration = Duration::from_secs(5);
/// Pause after a connection that could not be taken.
const AGAIN: Duration = Duration::from_millis(200);

/// The listener.
pub struct LmtpListener {
    /// Its socket.
    pub listener: TcpListener,
    /// The name that this side says.
    pub hello: String,
    /// Connections at a time.
    pub connections: usize,
    /// Time for the next line of a client, or the next octets of a mail.
    pub idle: Duration,
}

/// Takes mails until `stop` is done, then lets those that are coming come to their end, for some seconds.
///
/// # Errors
/// When the socket cannot be used.
pub async fn serve(
    listener: LmtpListener,
    inbox: Inbox,
    clock: Clock,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let LmtpListener { listener, hello, connections, idle } = listener;
    listener.set_nonblocking(true)?;
    let listener = Listener::from_std(listener)?;
    let terms = Arc::new(Terms { hello, idle, inbox, clock });
    let (stopping, stopped) = watch::channel(false);
    let mut sessions = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = sessions.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let mut io = match accepted {
            Ok((io, _)) => io,
            Err(error) => {
                tracing::warn!(%error, "a connection with mail could not be taken");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        // Replies are written whole; waiting for more to send would only delay them.
        let _ = io.set_nodelay(true);
        if sessions.len() >= connections {
            tracing::warn!("more connections with mail than email.lmtp_connections");
            let _ = say(&mut io, "421 4.3.2 too many connections, try again later", AGAIN).await;
            continue;
        }
        let (terms, mut stopped) = (Arc::clone(&terms), stopped.clone());
        sessions.spawn(async move {
            let stop = async {
                // An error means that the sender is gone, which is a stop as well.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            if let Err(error) = Session::new(io, terms).talk(stop).await {
                tracing::debug!(%error, "a connection with mail broke");
            }
        });
    }
    let _ = stopping.send(true);
    let all = async { while sessions.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        sessions.shutdown().await;
    }
    Ok(())
}
