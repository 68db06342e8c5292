//! Documents of a set, read from the medium: into the store, or to be looked at only.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::{ImportError, Importer, Numbered, Running};
use crate::{
    model::{
        rim::SubmitObjectsRequest,
        xdm::{SetReport, SetState},
    },
    service::{
        repository::{Received, SubmittedDocument},
        xdm::import::{
            documents::StatedDocument,
            octets::{DocumentOctets, Unread},
            submission::entries,
            verify::{HEAD_BYTES, Measured, Progress, hexadecimal, judge, measure},
        },
    },
    wire::xdm::{EntryId, Medium},
};

/// How often it is asked, while the documents of a set come in, whether it is to be taken still.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Importer {
    /// Reads documents of a set and keeps none.
    pub(super) async fn try_documents(
        &self,
        running: &Running<'_>,
        documents: &[Numbered<'_>],
        set: &mut SetReport,
    ) -> Result<(), ImportError> {
        for (number, document) in documents.iter().copied() {
            let (Some(entry), Some(report)) = (document.entry, set.documents.get_mut(number)) else { continue };
            let (medium, stated) = (running.examined.medium.clone(), document.clone());
            let measured = spawn_blocking(move || measure(&medium, entry, &stated)).await?;
            (running.progress)(running.examined.medium.table().size_bytes(entry));
            match measured {
                Ok(measured) => {
                    set.findings.extend(judge(&running.examined.medium, entry, document, &measured, report));
                }
                Err(unread) => set.findings.push(unread.finding()),
            }
        }
        self.decide(running.choice, set);
        Ok(())
    }

    /// Brings documents of a set, those of its entries, into the store; none when one of them is not what it should be, or the package was withdrawn: then
    /// all are gone.
    pub(super) async fn receive_all(
        &self,
        running: &Running<'_>,
        documents: &[Numbered<'_>],
        submit: &SubmitObjectsRequest,
        set: &mut SetReport,
    ) -> Result<Option<Vec<SubmittedDocument>>, ImportError> {
        let ids: Vec<Box<str>> = entries(submit).map(|entry| entry.id.clone().unwrap_or_default()).collect();
        let mut submitted = Vec::with_capacity(documents.len());
        let mut asked = Instant::now();
        for ((number, document), id) in documents.iter().copied().zip(ids) {
            if asked.elapsed() >= ASK_AGAIN {
                asked = Instant::now();
                if !self.is_wanted().await? {
                    set.state = SetState::Skipped;
                    return Ok(None);
                }
            }
            let (Some(entry), Some(report)) = (document.entry, set.documents.get_mut(number)) else { continue };
            match self.receive(&running.examined.medium, entry, document, running.progress).await? {
                Ok((received, measured)) => {
                    set.findings.extend(judge(&running.examined.medium, entry, document, &measured, report));
                    submitted.push(SubmittedDocument { id, content: Ok(received) });
                }
                Err(unread) => {
                    report.verified = Some(false);
                    set.findings.push(unread.finding().at(&*report.unique_id));
                }
            }
        }
        self.decide(running.choice, set);
        Ok((set.state != SetState::Failed).then_some(submitted))
    }

    /// Reads one document into the store, block by block.
    async fn receive(
        &self,
        medium: &Medium,
        entry: EntryId,
        document: &StatedDocument,
        progress: Progress<'_>,
    ) -> Result<Result<(Received, Measured), Unread>, ImportError> {
        let mut incoming = self.repository.receive()?;
        // The store hashes what it keeps, which of several parts is something else.
        let mut octets = DocumentOctets::new(medium, entry, document, document.parts.is_some());
        let block_bytes = octets.block_bytes();
        let mut head = Vec::new();
        loop {
            let (back, read) = spawn_blocking(move || {
                let mut block = vec![0; block_bytes];
                let read = octets.read(&mut block).map(|count| {
                    block.truncate(count);
                    Bytes::from(block)
                });
                (octets, read)
            })
            .await?;
            octets = back;
            let block = match read {
                Ok(block) => block,
                Err(unread) => return Ok(Err(unread)),
            };
            if block.is_empty() {
                break;
            }
            if head.is_empty() {
                head.extend(block.iter().take(HEAD_BYTES));
            }
            progress(block.len() as u64);
            incoming.write(block).await?;
        }
        let received = incoming.finish().await?;
        let measured = octets.measured().unwrap_or_else(|| Measured {
            size_bytes: received.size_bytes,
            sha1: received.sha1,
            sha256: Some(hexadecimal(&received.sha256)),
            crc32: received.crc32,
            head,
            kept: (received.sha1, received.size_bytes),
        });
        Ok(Ok((received, measured)))
    }
}
