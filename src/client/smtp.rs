//! Handing mail to the relay of the house: SMTP, with TLS by our own rules of trust.
//!
//! `lettre` speaks the protocol; the connection is ours, so that the relay is judged as every peer is (S-TLS-08, S-TLS-10). After
//! STARTTLS the conversation begins anew, and nothing that was said before it counts (RFC 3207 §4.2).

use std::{fmt, io, iter, net::SocketAddr, pin::Pin, sync::Arc, task::Poll, time::Duration};

use lettre::{
    Address,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, AsyncTokioStream},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf},
    net::TcpStream,
    time::{error::Elapsed, timeout},
};
use tokio_openssl::SslStream;

use crate::security::tls::Live;

/// How the connection to the relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// STARTTLS, and nothing is said without (port 587 or 25).
    StartTls,
    /// TLS from the first octet (port 465).
    Implicit,
    /// None; for a relay on this machine only.
    None,
}

/// The relay.
#[derive(Clone)]
pub struct SmtpRelay {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS.
    pub tls: SmtpTls,
    /// Whom to trust; nothing can be reached with TLS without.
    pub trust: Option<Arc<Live>>,
    /// Whether the certificate must name the host.
    pub check_host: bool,
    /// User and password, where the relay asks for them; never said without TLS.
    pub login: Option<(String, SecretString)>,
    /// The name that this side says.
    pub hello: String,
    /// Time for the connection, and for TLS.
    pub connect_timeout: Duration,
    /// Time for each answer, and for the message with its own: a relay may look up names and lists before it answers. Minutes.
    /// Source: RFC 5321 §4.5.3.2.
    pub send_timeout: Duration,
}

impl fmt::Debug for SmtpRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, tls, .. } = self;
        f.debug_struct("SmtpRelay").field("host", host).field("port", port).field("tls", tls).finish_non_exhaustive()
    }
}

/// What became of a mail that the relay did not take. `Display` names no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// There is no relay to talk to, or it does not want to talk with us: its greeting, TLS, our password. Nothing was sent.
    #[error("the mail relay cannot be reached: {0}")]
    NotReached(String),
    /// It said no for now (4xx), with this code. Nothing was sent.
    #[error("the mail relay refused for now ({0})")]
    Later(u16),
    /// It said no (5xx) to this mail, with this code: to its sender, its addressee or what is in it. Nothing was sent.
    #[error("the mail relay refused ({0})")]
    Refused(u16),
    /// The connection broke after the whole message went out and before the relay said that it has it: it may have been sent.
    #[error("the connection to the mail relay broke before it said whether it took the mail")]
    Unknown,
}

impl SmtpRelay {
    /// Hands over one message for one addressee.
    ///
    /// # Errors
    /// [`SmtpError`]; only [`SmtpError::Unknown`] leaves it open whether the mail was sent.
    pub async fn send(&self, from: Option<&Address>, to: &Address, message: &[u8]) -> Result<(), SmtpError> {
        let mut connection = self.connect().await?;
        let refused_by = |error| refused(&error);
        self.within(connection.command(Mail::new(from.cloned(), Vec::new()))).await?.map_err(refused_by)?;
        self.within(connection.command(Rcpt::new(to.clone(), Vec::new()))).await?.map_err(refused_by)?;
        self.within(connection.command(Data)).await?.map_err(refused_by)?;
        // What follows the message is asked for when the message was written, and before the dot that ends it.
        let mut is_whole = false;
        let parts = iter::once(message).chain(iter::from_fn(|| {
            is_whole = true;
            None
        }));
        let sent = timeout(self.send_timeout, connection.message_iter(parts)).await;
        match sent {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.status().is_some() => return Err(refused(&error)),
            _ if is_whole => return Err(SmtpError::Unknown),
            // A message without its end is none.
            _ => return Err(not_reached("the connection broke before the whole mail went out")),
        }
        // The mail is the relay's now; how it says goodbye changes nothing.
        let _ = timeout(Duration::from_secs(2), connection.quit()).await;
        Ok(())
    }

    /// What is awaited for an answer.
    async fn within<T>(&self, answer: impl Future<Output = T>) -> Result<T, SmtpError> {
        timeout(self.send_timeout, answer).await.map_err(slow)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let tcp = timeout(self.connect_timeout, TcpStream::connect((&*self.host, self.port))).await;
        let tcp = tcp.map_err(slow)?.map_err(not_reached)?;
        let address = tcp.peer_addr().map_err(not_reached)?;
        tcp.set_nodelay(true).map_err(not_reached)?;
        let stream: Box<dyn AsyncTokioStream> = match self.tls {
            SmtpTls::None if address.ip().is_loopback() => Box::new(tcp),
            SmtpTls::None => return Err(not_reached("without TLS only a relay on this machine is used")),
            SmtpTls::Implicit => Box::new(Secured::new(self.secure(tcp, address).await?, address, &[])),
            SmtpTls::StartTls => {
                let tcp = self.within(self.ask_for_tls(tcp)).await??;
                // The answer to STARTTLS stands for the greeting, which a relay does not repeat.
                Box::new(Secured::new(self.secure(tcp, address).await?, address, b"220 TLS\r\n"))
            }
        };
        let hello = ClientId::Domain(self.hello.clone());
        let connection = self.within(AsyncSmtpConnection::connect_with_transport(stream, &hello)).await?;
        let mut connection = connection.map_err(|error| unwilling(&error))?;
        if let Some((user, password)) = self.login.as_ref().filter(|_| self.tls != SmtpTls::None) {
            let login = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let asked = self.within(connection.auth(&[Mechanism::Plain, Mechanism::Login], &login)).await?;
            asked.map_err(|error| unwilling(&error))?;
        }
        Ok(connection)
    }

    async fn secure(&self, tcp: TcpStream, address: SocketAddr) -> Result<SslStream<TcpStream>, SmtpError> {
        let trust = self.trust.as_ref().ok_or_else(|| not_reached("nothing says which certificates to trust"))?;
        let (ssl, handshake) = trust.call(&self.host, self.check_host).map_err(not_reached)?;
        let mut stream = SslStream::new(ssl, tcp).map_err(not_reached)?;
        let untrusted = |reason: crate::security::tls::Reason| {
            not_reached(format!("its certificate is refused: {reason}; {}", reason.how_to_mend()))
        };
        let shaken = timeout(self.connect_timeout, Pin::new(&mut stream).connect()).await.map_err(slow)?;
        if let Err(error) = shaken {
            return Err(handshake.refused().map_or_else(|| not_reached(error), untrusted));
        }
        trust.admit(handshake, stream.ssl(), address).map_err(untrusted)?;
        Ok(stream)
    }

    /// The conversation before TLS.
    async fn ask_for_tls(&self, tcp: TcpStream) -> Result<TcpStream, SmtpError> {
        let mut stream = BufReader::new(tcp);
        answer(&mut stream, 220).await?;
        let hello = format!("EHLO {}\r\n", self.hello);
        stream.get_mut().write_all(hello.as_bytes()).await.map_err(not_reached)?;
        answer(&mut stream, 250).await?;
        stream.get_mut().write_all(b"STARTTLS\r\n").await.map_err(not_reached)?;
        answer(&mut stream, 220).await?;
        if !stream.buffer().is_empty() {
            return Err(not_reached("something came in the clear after STARTTLS"));
        }
        Ok(stream.into_inner())
    }
}

/// Lines of an answer that are read at most, and octets of all.
const ANSWER_LINES: usize = 100;
const ANSWER_BYTES: u64 = 16 << 10;

/// Reads one answer and asks for this code.
async fn answer(stream: &mut BufReader<TcpStream>, wanted: u16) -> Result<(), SmtpError> {
    let mut bounded = stream.take(ANSWER_BYTES);
    for _ in 0..ANSWER_LINES {
        let mut line = Vec::new();
        bounded.read_until(b'\n', &mut line).await.map_err(not_reached)?;
        let code = line.get(..3).and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| code.parse().ok());
        let code: u16 = code.ok_or_else(|| not_reached("it does not speak SMTP"))?;
        match line.get(3) {
            Some(b'-') => {}
            _ if code == wanted => return Ok(()),
            _ => return Err(not_reached(format!("it answered {code} before it took a mail"))),
        }
    }
    Err(not_reached("it does not come to an end"))
}

fn slow(_: Elapsed) -> SmtpError {
    not_reached("it took too long to answer")
}

fn not_reached(why: impl fmt::Display) -> SmtpError {
    SmtpError::NotReached(why.to_string())
}

/// Trouble before the mail was spoken of: whatever the code, the mail is not at fault.
fn unwilling(error: &lettre::transport::smtp::Error) -> SmtpError {
    match error.status().map(u16::from) {
        Some(code) => not_reached(format!("it answered {code} before it took a mail")),
        None => not_reached("the connection broke, or what came is no SMTP"),
    }
}

fn refused(error: &lettre::transport::smtp::Error) -> SmtpError {
    match error.status().map(u16::from) {
        Some(code) if error.is_transient() => SmtpError::Later(code),
        Some(code) => SmtpError::Refused(code),
        None => not_reached("the connection broke, or what came is no SMTP"),
    }
}

/// A TLS connection that gives these octets first.
struct Secured {
    stream: SslStream<TcpStream>,
    address: SocketAddr,
    first: &'static [u8],
}

impl Secured {
    fn new(stream: SslStream<TcpStream>, address: SocketAddr, first: &'static [u8]) -> Self {
        Self { stream, address, first }
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secured")
    }
}

impl AsyncTokioStream for Secured {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() && buf.remaining() > 0 {
            let (now, later) = self.first.split_at(self.first.len().min(buf.remaining()));
            buf.put_slice(now);
            self.first = later;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
