//! Answers that are longer than memory should hold: pieces of known length, sent one after the other.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody, SizedStream};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::sync::OwnedSemaphorePermit;

use crate::service::repository::DocumentReader;

/// A piece of an answer.
pub(super) enum Piece {
    /// Octets at hand.
    Octets(Bytes),
    /// A document as it is.
    Document(DocumentReader),
    /// A document as base64.
    Base64(DocumentReader),
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Octets(octets) => octets.len() as u64,
            Self::Document(reader) => reader.size_bytes(),
            Self::Base64(reader) => reader.size_bytes().div_ceil(3) * 4,
        }
    }
}

/// Octets of all pieces together.
pub(super) fn length(pieces: &[Piece]) -> u64 {
    pieces.iter().map(Piece::length).sum()
}

/// A body of these pieces, with its exact length. A document that cannot be read to its end ends the connection in the
/// middle of the body (R-43-15).
pub(super) fn body(pieces: Vec<Piece>) -> SizedStream<impl Stream<Item = Result<Bytes, io::Error>>> {
    let length = length(&pieces);
    let sending = Sending { pieces: pieces.into_iter(), current: None, carry: BytesMut::new() };
    let stream = stream::try_unfold(sending, |mut sending| async move {
        let octets = sending.next().await?;
        Ok(octets.map(|octets| (octets, sending)))
    });
    SizedStream::new(length, Box::pin(stream))
}

struct Sending {
    pieces: std::vec::IntoIter<Piece>,
    current: Option<(DocumentReader, bool)>,
    /// Octets that do not yet make a group of base64.
    carry: BytesMut,
}

impl Sending {
    async fn next(&mut self) -> Result<Option<Bytes>, io::Error> {
        loop {
            let octets = match &mut self.current {
                Some((reader, as_base64)) => {
                    let as_base64 = *as_base64;
                    match reader.next().await {
                        Some(Ok(block)) if as_base64 => self.encode(&block),
                        Some(Ok(block)) => block,
                        Some(Err(error)) => {
                            tracing::error!(%error, "a document could not be read while it was sent");
                            return Err(io::Error::other("a document could not be read"));
                        }
                        None => {
                            self.current = None;
                            Bytes::from(STANDARD.encode(self.carry.split()))
                        }
                    }
                }
                None => match self.pieces.next() {
                    Some(Piece::Octets(octets)) => octets,
                    Some(Piece::Document(reader)) => {
                        self.current = Some((reader, false));
                        continue;
                    }
                    Some(Piece::Base64(reader)) => {
                        self.current = Some((reader, true));
                        continue;
                    }
                    None => return Ok(None),
                },
            };
            if !octets.is_empty() {
                return Ok(Some(octets));
            }
        }
    }

    fn encode(&mut self, block: &[u8]) -> Bytes {
        self.carry.extend_from_slice(block);
        let whole = self.carry.len() / 3 * 3;
        Bytes::from(STANDARD.encode(self.carry.split_to(whole)))
    }
}

/// An answer in memory that gives its room back when it is sent. Handed over in slices, so that it is not copied whole.
pub(super) struct Held {
    octets: Bytes,
    _room: OwnedSemaphorePermit,
}

/// Octets handed to the connection at a time.
const SLICE: usize = 64 << 10;

impl Held {
    pub(super) fn new(octets: Bytes, room: OwnedSemaphorePermit) -> Self {
        Self { octets, _room: room }
    }
}

impl MessageBody for Held {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.octets.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let length = self.octets.len().min(SLICE);
        let slice = self.octets.split_to(length);
        Poll::Ready((!slice.is_empty()).then_some(Ok(slice)))
    }
}
