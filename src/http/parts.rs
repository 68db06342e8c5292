//! MTOM packages on their way in: the root part to memory, documents to the document store as they arrive.
//!
//! The root part mostly comes first, is decoded at once, and tells which parts are wanted. A root part that comes later is
//! found by `start`; until then every part of a node that may send documents is stored under its Content-ID (R-41-20).

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::{
    assertion::Sender,
    body::{Body, BodyError},
    decode::{Decoded, Refused},
    routes::Request,
    spool_room::{NoRoom, SpoolShare},
};
use crate::{
    model::NodeRole,
    service::repository::{DocumentError, Incoming, Received, Repository},
    wire::{
        mime::{ContentType, MimeError, Part, PartHeaders, Scanner},
        mtom::{RootPart, Start, content_ids},
        soap::{Fault, Rejected},
        xds::DocumentContent,
    },
};

/// Why a message could not be taken in.
pub(super) enum IntakeError {
    /// HTTP alone answers.
    Body(BodyError),
    /// A fault answers.
    Refused(Refused),
    /// Others have all the room for documents; the sender comes again.
    NoRoom,
}

impl From<BodyError> for IntakeError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<Fault> for IntakeError {
    fn from(fault: Fault) -> Self {
        Self::Refused(Refused::from(Rejected { fault, relates_to: None, action: None }))
    }
}

impl From<MimeError> for IntakeError {
    fn from(error: MimeError) -> Self {
        Self::from(Fault::from(error))
    }
}

/// What became of a part.
pub(super) enum Content {
    /// Kept under a temporary name.
    Stored(Received),
    /// Larger than one document may be.
    TooLarge,
    /// The store could not take it.
    Failed(DocumentError),
}

/// A message that came in whole.
pub(super) struct Message {
    pub(super) decoded: Decoded,
    /// By Content-ID.
    pub(super) parts: HashMap<Box<str>, Content>,
    /// Parts that were not asked for.
    pub(super) unreferenced: usize,
    /// Room of its documents, held until it is answered.
    pub(super) share: Option<SpoolShare>,
}

/// How the root part is decoded: octets and the charset of its Content-Type.
pub(super) type Decode<'a> = dyn Fn(&[u8], Option<&ContentType>) -> Result<Decoded, Refused> + 'a;

/// Reads a whole multipart/related body.
pub(super) async fn read_package(
    body: &mut Body,
    outer: &ContentType,
    sender: Sender<'_>,
    decode: &Decode<'_>,
) -> Result<Message, IntakeError> {
    let boundary = outer.parameter("boundary").unwrap_or_default();
    let mut scanner = Scanner::new(boundary, sender.endpoint.settings.mime.clone())?;
    let mut intake = Intake {
        start: Start::new(outer),
        share: sender.endpoint.spool_room.share(),
        sender,
        decode,
        decoded: None,
        wanted: None,
        candidate: None,
        parts: HashMap::new(),
        unreferenced: 0,
    };
    let mut open = Open::Skipped;
    let mut index = 0;
    loop {
        match scanner.next()? {
            Part::NeedMore => match body.next().await? {
                Some(data) => scanner.push(&data),
                None => scanner.finish(),
            },
            Part::Headers(headers) => {
                open = intake.begin(index, headers).await;
                index += 1;
            }
            Part::Data(data) => open = intake.take(open, data).await?,
            Part::EndOfPart => {
                let ended = std::mem::replace(&mut open, Open::Skipped);
                intake.end(ended).await?;
            }
            Part::Done => return intake.finish().await,
        }
    }
}

/// A part in memory that is, or may be, the root.
struct Held {
    headers: PartHeaders,
    octets: Vec<u8>,
}

/// The part that is being read.
enum Open {
    Root(Held),
    /// The root, should `start` point nowhere; else a document.
    Perhaps(Held),
    Document {
        id: Option<Box<str>>,
        incoming: Box<Incoming>,
    },
    /// Its octets go, its fate is known.
    Lost {
        id: Option<Box<str>>,
        content: Content,
    },
    Skipped,
}

struct Intake<'a> {
    start: Start,
    share: SpoolShare,
    sender: Sender<'a>,
    decode: &'a Decode<'a>,
    decoded: Option<Decoded>,
    /// Content-IDs that the root part refers to, once it is known.
    wanted: Option<HashSet<Box<str>>>,
    candidate: Option<Held>,
    parts: HashMap<Box<str>, Content>,
    unreferenced: usize,
}

impl Intake<'_> {
    async fn begin(&mut self, index: usize, headers: PartHeaders) -> Open {
        let judged = match self.decoded {
            None => self.start.judge(index, headers.content_id.as_deref(), headers.essence()),
            Some(_) => RootPart::No,
        };
        let held = |headers| Held { headers, octets: Vec::new() };
        match judged {
            RootPart::Yes => Open::Root(held(headers)),
            RootPart::Perhaps if self.candidate.is_none() || headers.essence() == crate::wire::mtom::XOP_MEDIA_TYPE => {
                Open::Perhaps(held(headers))
            }
            _ => self.document(headers.content_id),
        }
    }

    fn document(&mut self, id: Option<Box<str>>) -> Open {
        let wanted = match (&self.wanted, &id) {
            (Some(wanted), Some(id)) => wanted.contains(id),
            (None, Some(_)) => self.sender.admission.caller.node.has_role(NodeRole::Source),
            (_, None) => false,
        };
        match &self.sender.endpoint.repository {
            Some(repository) if wanted => receive(repository, id),
            _ => {
                self.unreferenced += 1;
                Open::Skipped
            }
        }
    }

    async fn take(&mut self, open: Open, data: Bytes) -> Result<Open, IntakeError> {
        let limit = self.sender.endpoint.settings.root_part_bytes;
        Ok(match open {
            Open::Root(mut held) => {
                if (held.octets.len() + data.len()) as u64 > limit {
                    return Err(Fault::TooLarge { what: "root part", limit }.into());
                }
                held.octets.extend_from_slice(&data);
                Open::Root(held)
            }
            Open::Perhaps(mut held) => {
                if (held.octets.len() + data.len()) as u64 <= limit {
                    held.octets.extend_from_slice(&data);
                    Open::Perhaps(held)
                } else {
                    // Too large for a root part, so it is a document.
                    let open = self.document(held.headers.content_id.take());
                    let open = self.write(open, held.octets.into()).await?;
                    self.write(open, data).await?
                }
            }
            open => self.write(open, data).await?,
        })
    }

    async fn write(&mut self, open: Open, data: Bytes) -> Result<Open, IntakeError> {
        let Open::Document { id, mut incoming } = open else { return Ok(open) };
        if incoming.size_bytes() + data.len() as u64 > self.sender.endpoint.settings.document_bytes {
            return Ok(Open::Lost { id, content: Content::TooLarge });
        }
        self.share.take(data.len() as u64).map_err(|NoRoom| IntakeError::NoRoom)?;
        Ok(match incoming.write(data).await {
            Ok(()) => Open::Document { id, incoming },
            Err(error) => Open::Lost { id, content: Content::Failed(error) },
        })
    }

    async fn end(&mut self, open: Open) -> Result<(), IntakeError> {
        match open {
            Open::Root(held) => self.root(&held).await?,
            Open::Perhaps(held) => {
                // A part that says it is a root is a better candidate than one that merely comes first.
                if let Some(before) = self.candidate.replace(held) {
                    if before.headers.essence() == crate::wire::mtom::XOP_MEDIA_TYPE {
                        let later = self.candidate.replace(before);
                        self.store(later).await?;
                    } else {
                        self.store(Some(before)).await?;
                    }
                }
            }
            Open::Document { id: Some(id), incoming } => {
                let content = incoming.finish().await.map_or_else(Content::Failed, Content::Stored);
                self.parts.insert(id, content);
            }
            Open::Lost { id: Some(id), content } => drop(self.parts.insert(id, content)),
            Open::Document { id: None, .. } | Open::Lost { id: None, .. } | Open::Skipped => {}
        }
        Ok(())
    }

    /// Keeps as a document what was held as a candidate.
    async fn store(&mut self, held: Option<Held>) -> Result<(), IntakeError> {
        let Some(held) = held else { return Ok(()) };
        let open = self.document(held.headers.content_id);
        let open = self.write(open, held.octets.into()).await?;
        let stored = match open {
            Open::Document { id: Some(id), incoming } => {
                Some((id, incoming.finish().await.map_or_else(Content::Failed, Content::Stored)))
            }
            Open::Lost { id: Some(id), content } => Some((id, content)),
            _ => None,
        };
        self.parts.extend(stored);
        Ok(())
    }

    /// Documents that come after the root part are taken in only when their sender may send them.
    async fn root(&mut self, held: &Held) -> Result<(), IntakeError> {
        let decoded = (self.decode)(&held.octets, held.headers.content_type.as_ref());
        let mut decoded = decoded.map_err(IntakeError::Refused)?;
        self.sender.judge(&mut decoded).await.map_err(IntakeError::Refused)?;
        self.wanted = Some(references(&decoded));
        self.decoded = Some(decoded);
        Ok(())
    }

    async fn finish(mut self) -> Result<Message, IntakeError> {
        match self.candidate.take() {
            Some(held) if self.decoded.is_none() => self.root(&held).await?,
            held => self.store(held).await?,
        }
        let decoded = self.decoded.ok_or(Fault::Envelope("the package has no root part"))?;
        // What came before the root part was stored before anybody knew whether it is wanted.
        let wanted = self.wanted.unwrap_or_default();
        let before = self.parts.len();
        self.parts.retain(|id, _| wanted.contains(id));
        let unreferenced = self.unreferenced + before - self.parts.len();
        Ok(Message { decoded, parts: self.parts, unreferenced, share: Some(self.share) })
    }
}

fn receive(repository: &Repository, id: Option<Box<str>>) -> Open {
    match repository.receive() {
        Ok(incoming) => Open::Document { id, incoming: Box::new(incoming) },
        Err(error) => Open::Lost { id, content: Content::Failed(error) },
    }
}

/// Every Content-ID that the documents of the request may mean.
fn references(decoded: &Decoded) -> HashSet<Box<str>> {
    let Ok(Request::ProvideAndRegister(request)) = &decoded.request else { return HashSet::new() };
    let hrefs = request.documents.iter().filter_map(|document| match &document.content {
        DocumentContent::Include(href) => content_ids(href),
        _ => None,
    });
    hrefs.flatten().collect()
}
