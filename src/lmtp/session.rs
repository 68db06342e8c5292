//! One conversation with the relay.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    time::{Instant, timeout, timeout_at},
};

use super::{
    command::Command,
    incoming::{Dots, Line, Reader},
};
use crate::service::{
    jobs::Clock,
    mail::{Inbox, Incoming},
    xdm::jobs::{Spool, SpoolError},
};

/// Mistakes after which a client is sent away.
const MISTAKES: u32 = 20;
/// Addressees of one mail (RFC 5321 §4.5.3.1.8).
const RECIPIENTS: usize = 100;
/// A whole mail may take so many times the time for the next octets of it.
const PATIENCE: u32 = 6;
/// Of a mail that is too long the rest is read, up to so many times what it may be, so that the answer is heard.
const EXCESS: u64 = 4;

/// What a conversation needs.
pub(super) struct Terms {
    /// The name that we say.
    pub(super) hello: String,
    /// Time for the next line, or the next octets of a mail.
    pub(super) idle: Duration,
    pub(super) inbox: Inbox,
    pub(super) clock: Clock,
}

pub(super) struct Session {
    reader: Reader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    terms: Arc<Terms>,
    greeted: bool,
    envelope: Option<Envelope>,
    mistakes: u32,
}

struct Envelope {
    from: String,
    to: Vec<String>,
}

/// Whether the conversation goes on.
enum Next {
    On,
    Over,
}

/// What became of the octets of a mail.
enum Kept {
    Whole(Spool),
    TooLong,
    Trouble(&'static str),
}

const TOO_LONG: &str = "552 5.3.4 the mail is longer than is taken here";
const DISK_FULL: &str = "452 4.3.1 there is no room for the mail, try again later";
const TROUBLE: &str = "451 4.3.0 trouble of this server, try again later";
const ORDER: &str = "503 5.5.1 this command does not belong here";
const GONE: &str = "421 4.3.2 this server stops";
const SLOW: &str = "421 4.4.2 it took too long";

impl Session {
    pub(super) fn new(io: TcpStream, terms: Arc<Terms>) -> Self {
        let (reader, writer) = io.into_split();
        Self { reader: Reader::new(reader), writer, terms, greeted: false, envelope: None, mistakes: 0 }
    }

    /// Talks until the client has gone, or `stop` is ready between two commands.
    ///
    /// # Errors
    /// When the connection broke.
    pub(super) async fn talk(mut self, stop: impl Future<Output = ()>) -> io::Result<()> {
        tokio::pin!(stop);
        self.say(&format!("220 {} knoop takes mail", self.terms.hello)).await?;
        loop {
            let line = tokio::select! {
                biased;
                () = &mut stop => return self.say(GONE).await,
                line = timeout(self.terms.idle, self.reader.line()) => line,
            };
            let next = match line {
                Err(_) => return self.say(SLOW).await,
                Ok(line) => match line? {
                    Line::End => return Ok(()),
                    Line::TooLong => return self.say("500 5.5.6 the line is too long").await,
                    Line::Text(line) => match Command::read(&line) {
                        Ok(command) => self.obey(command).await?,
                        Err(refusal) => self.refuse(refusal).await?,
                    },
                },
            };
            if matches!(next, Next::Over) {
                return Ok(());
            }
        }
    }

    async fn obey(&mut self, command: Command) -> io::Result<Next> {
        match command {
            Command::Hello => {
                (self.greeted, self.envelope) = (true, None);
                let (hello, size) = (&self.terms.hello, self.terms.inbox.max_bytes());
                let offers = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"].map(|word| format!("250-{word}\r\n"));
                let text = format!("250-{hello}\r\n{}250 SIZE {size}", offers.concat());
                self.say(&text).await?;
            }
            Command::Mail { .. } if !self.greeted || self.envelope.is_some() => return self.refuse(ORDER).await,
            Command::Mail { size, .. } if size.is_some_and(|size| size > self.terms.inbox.max_bytes()) => {
                return self.refuse(TOO_LONG).await;
            }
            Command::Mail { from, .. } => {
                self.envelope = Some(Envelope { from, to: Vec::new() });
                self.say("250 2.1.0 go on").await?;
            }
            Command::Recipient(to) => return self.recipient(to).await,
            Command::Data => match self.envelope.take() {
                Some(envelope) if !envelope.to.is_empty() => return self.data(envelope).await,
                envelope => {
                    self.envelope = envelope;
                    return self.refuse("503 5.5.1 there is nobody whom it is for").await;
                }
            },
            Command::Reset => {
                self.envelope = None;
                self.say("250 2.0.0 forgotten").await?;
            }
            Command::Nothing => self.say("250 2.0.0 nothing done").await?,
            Command::Verify => self.say("252 2.5.0 send a mail and see").await?,
            Command::Quit => {
                self.say("221 2.0.0 goodbye").await?;
                return Ok(Next::Over);
            }
        }
        Ok(Next::On)
    }

    async fn recipient(&mut self, to: String) -> io::Result<Next> {
        let Some(envelope) = &mut self.envelope else { return self.refuse(ORDER).await };
        if !self.terms.inbox.admits(&to) {
            return self.refuse("550 5.1.1 nobody is known here by this address").await;
        }
        if envelope.to.len() >= RECIPIENTS {
            return self.refuse("452 4.5.3 too many addressees").await;
        }
        envelope.to.push(to);
        self.say("250 2.1.5 go on").await?;
        Ok(Next::On)
    }

    /// Takes a mail: one reply for each addressee, when it is kept (RFC 2033 §4.2).
    async fn data(&mut self, envelope: Envelope) -> io::Result<Next> {
        self.say("354 the mail, and a dot on a line of its own").await?;
        let deadline = Instant::now() + self.terms.idle * PATIENCE;
        let (kept, next) = match timeout_at(deadline, self.octets()).await.unwrap_or_else(|_| Err(slow())) {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.say(SLOW).await?;
                return Ok(Next::Over);
            }
            Err(error) => return Err(error),
        };
        let reply = match kept {
            Kept::Whole(spool) => self.keep(spool, &envelope).await,
            Kept::TooLong => TOO_LONG,
            Kept::Trouble(reply) => reply,
        };
        let replies: Vec<&str> = envelope.to.iter().map(|_| reply).collect();
        self.say(&replies.join("\r\n")).await?;
        Ok(next)
    }

    /// Reads a mail to its end, whatever becomes of it; one without an end ends the conversation.
    async fn octets(&mut self) -> io::Result<(Kept, Next)> {
        let most = self.terms.inbox.max_bytes().saturating_mul(EXCESS);
        let mut kept = match self.terms.inbox.spool() {
            Ok(spool) => Kept::Whole(spool),
            Err(error) => Kept::Trouble(trouble(&error.into())),
        };
        let (mut dots, mut block, mut octets) = (Dots::default(), Vec::new(), 0_u64);
        loop {
            block.clear();
            let read = timeout(self.terms.idle, self.reader.mail(&mut dots, &mut block)).await;
            let ended = read.map_err(|_| slow())??;
            octets += block.len() as u64;
            if let Kept::Whole(spool) = &mut kept
                && let Err(error) = spool.write(&block).await
            {
                kept = match error {
                    SpoolError::TooLarge(_) => Kept::TooLong,
                    error => Kept::Trouble(trouble(&error)),
                };
            }
            if ended {
                return Ok((kept, Next::On));
            }
            if octets > most {
                return Ok((Kept::TooLong, Next::Over));
            }
        }
    }

    async fn keep(&self, spool: Spool, envelope: &Envelope) -> &'static str {
        let mail = match spool.finish().await {
            Ok(mail) => mail,
            Err(error) => return trouble(&error),
        };
        let (octets, recipient) = (mail.octets, envelope.to.first().cloned().unwrap_or_default());
        let incoming = Incoming { mail, return_path: envelope.from.clone(), recipient };
        match self.terms.inbox.take(incoming, (self.terms.clock)()).await {
            Ok(is_new) => {
                tracing::info!(octets, is_new, "took a mail");
                "250 2.0.0 kept"
            }
            Err(error) => {
                tracing::error!(%error, "a mail could not be kept");
                TROUBLE
            }
        }
    }

    async fn refuse(&mut self, reply: &str) -> io::Result<Next> {
        self.mistakes += 1;
        if self.mistakes > MISTAKES {
            self.say("421 4.7.0 too many mistakes").await?;
            return Ok(Next::Over);
        }
        self.say(reply).await?;
        Ok(Next::On)
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        say(&mut self.writer, text, self.terms.idle).await
    }
}

/// Sends a reply; a client that does not listen is left.
pub(super) async fn say(writer: &mut (impl AsyncWrite + Unpin), text: &str, within: Duration) -> io::Result<()> {
    let line = format!("{text}\r\n");
    let sent = timeout(within, async {
        writer.write_all(line.as_bytes()).await?;
        writer.flush().await
    });
    sent.await.map_err(|_| slow())?
}

fn slow() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// The reply to trouble of our own; what it was stays in the log.
fn trouble(error: &SpoolError) -> &'static str {
    tracing::error!(%error, "a mail could not be written");
    if error.is_full() { DISK_FULL } else { TROUBLE }
}
