//! Documents of a set, read from the medium: into the store, or to be looked at only.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::{ImportError, Importer, Running};
use crate::{
    model::{
        rim::SubmitObjectsRequest,
        xdm::{SetReport, SetState},
    },
    service::{
        repository::{Received, SubmittedDocument},
        xdm::import::{
            documents::StatedDocument,
            examine::{content_finding, next_block},
            submission::entries,
            verify::{HEAD_BYTES, Measured, Progress, block_bytes, hexadecimal, judge, measure},
        },
    },
    wire::xdm::{ContentError, EntryId, Medium},
};

/// How often it is asked, while the documents of a set come in, whether it is to be taken still.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Importer {
    /// Reads the documents of a set and keeps none.
    pub(super) async fn try_documents(
        &self,
        running: &Running<'_>,
        documents: &[StatedDocument],
        set: &mut SetReport,
    ) -> Result<(), ImportError> {
        for (number, document) in documents.iter().enumerate() {
            let (Some(entry), Some(report)) = (document.entry, set.documents.get_mut(number)) else { continue };
            let (medium, stated) = (running.examined.medium.clone(), document.clone());
            let measured = spawn_blocking(move || measure(&medium, entry, &stated)).await?;
            (running.progress)(running.examined.medium.table().size_bytes(entry));
            match measured {
                Ok(measured) => {
                    set.findings.extend(judge(&running.examined.medium, entry, document, &measured, report));
                }
                Err(error) => set.findings.push(content_finding(&error, &report.file)),
            }
        }
        self.decide(running.choice, set);
        Ok(())
    }

    /// Brings the documents of a set into the store; none when one of them is not what it should be, or the package was withdrawn: then
    /// all are gone.
    pub(super) async fn receive_all(
        &self,
        running: &Running<'_>,
        documents: &[StatedDocument],
        submit: &SubmitObjectsRequest,
        set: &mut SetReport,
    ) -> Result<Option<Vec<SubmittedDocument>>, ImportError> {
        let ids: Vec<Box<str>> = entries(submit).map(|entry| entry.id.clone().unwrap_or_default()).collect();
        let mut submitted = Vec::with_capacity(documents.len());
        let mut asked = Instant::now();
        for (number, (document, id)) in documents.iter().zip(ids).enumerate() {
            if asked.elapsed() >= ASK_AGAIN {
                asked = Instant::now();
                if !self.is_wanted().await? {
                    set.state = SetState::Skipped;
                    return Ok(None);
                }
            }
            let (Some(entry), Some(report)) = (document.entry, set.documents.get_mut(number)) else { continue };
            match self.receive(&running.examined.medium, entry, running.progress).await? {
                Ok((received, head)) => {
                    let measured = Measured {
                        size_bytes: received.size_bytes,
                        sha1: received.sha1,
                        sha256: Some(hexadecimal(&received.sha256)),
                        crc32: received.crc32,
                        head,
                    };
                    set.findings.extend(judge(&running.examined.medium, entry, document, &measured, report));
                    submitted.push(SubmittedDocument { id, content: Ok(received) });
                }
                Err(error) => {
                    report.verified = Some(false);
                    set.findings.push(content_finding(&error, &report.file).at(&*report.unique_id));
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
        progress: Progress<'_>,
    ) -> Result<Result<(Received, Vec<u8>), ContentError>, ImportError> {
        let mut incoming = self.repository.receive()?;
        let mut content = match medium.open(entry) {
            Ok(content) => content,
            Err(error) => return Ok(Err(error)),
        };
        let block_bytes = block_bytes(medium, entry);
        let mut head = Vec::new();
        loop {
            let (back, read) = spawn_blocking(move || {
                let mut block = vec![0; block_bytes];
                let filled = next_block(&mut content, &mut block).map(|filled| filled.map_or(0, <[u8]>::len));
                let read = filled.map(|filled| {
                    block.truncate(filled);
                    Bytes::from(block)
                });
                (content, read)
            })
            .await?;
            content = back;
            let block = match read {
                Ok(block) => block,
                Err(error) => return Ok(Err(error)),
            };
            if block.is_empty() {
                return Ok(Ok((incoming.finish().await?, head)));
            }
            if head.is_empty() {
                head.extend(block.iter().take(HEAD_BYTES));
            }
            progress(block.len() as u64);
            incoming.write(block).await?;
        }
    }
}
