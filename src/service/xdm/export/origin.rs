//! Where documents come from: registry and repository of this process, of a peer, or a folder of files.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek},
    path::PathBuf,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::{ExportError, draft::Wanted};
use crate::{
    client::{PartsTo, Peer, RetrievedContent},
    model::{
        QueryAnswer, RegistryResponse, RequestContext, ResponseStatus, XdsErrorCode,
        rim::{AdhocQueryRequest, DocumentRequest, RegistryObject},
    },
    service::{Registry, Repository, registry::PatientNumbers, repository::DocumentReader},
    wire::xdm::metadata_write::from_store,
};

/// Where documents come from.
#[expect(clippy::large_enum_variant, reason = "one for each export")]
pub enum Origin {
    /// Registry and repository of this process.
    Here(Here),
    /// Those of somebody else.
    Peers(Peers),
    /// Files.
    Files(Files),
}

/// Registry and repository of this process, which ask for access and record as for any other caller.
pub struct Here {
    /// The registry.
    pub registry: Registry,
    /// The repository.
    pub repository: Repository,
    /// The request element of a query, for the audit trail (S-AUD-17).
    pub written: fn(&AdhocQueryRequest) -> String,
}

/// Somebody else's registry and repository.
pub struct Peers {
    /// The registry.
    pub registry: Peer,
    /// The repository.
    pub repository: Peer,
    /// Where documents lie on their way.
    pub folder: PathBuf,
}

/// Files, and who knows what they are.
pub struct Files {
    /// In the order in which they stand in the package.
    pub paths: Arc<[PathBuf]>,
    /// Gives the entry of a file by its place among them. It is asked once for each: there may be many.
    pub describe: Describe,
}

/// Gives the entry of a document.
pub type Describe = Box<
    dyn for<'a> Fn(&'a mut RequestContext, usize) -> BoxFuture<'a, Result<RegistryObject, ExportError>> + Send + Sync,
>;

/// Octets that are read from a file at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// The octets of one document.
pub(super) enum Source {
    Reader(DocumentReader),
    Temporary(NamedTempFile),
    Bytes(Vec<u8>),
    File(PathBuf),
}

/// Takes a document block by block.
pub(super) trait Blocks: Send + Sized + 'static {
    /// What is known in the end.
    type End: Send;

    fn block(&mut self, octets: &[u8]) -> Result<(), ExportError>;

    fn finish(self) -> Result<Self::End, ExportError>;
}

impl Source {
    /// Gives the whole document to somebody, where work that takes time hurts nobody.
    pub(super) async fn read_to<T: Blocks>(self, mut taker: T) -> Result<T::End, ExportError> {
        let aborted = |_| ExportError::Aborted;
        if let Self::Reader(mut reader) = self {
            while let Some(block) = reader.next().await {
                let block = block?;
                let taken = spawn_blocking(move || taker.block(&block).map(|()| taker));
                taker = taken.await.map_err(aborted)??;
            }
            return spawn_blocking(move || taker.finish()).await.map_err(aborted)?;
        }
        let taken = spawn_blocking(move || {
            match self {
                Self::Bytes(bytes) => taker.block(&bytes)?,
                Self::File(path) => file(&mut File::open(path)?, &mut taker)?,
                Self::Temporary(mut temporary) => {
                    temporary.rewind()?;
                    file(temporary.as_file_mut(), &mut taker)?;
                }
                Self::Reader(_) => {}
            }
            taker.finish()
        });
        taken.await.map_err(aborted)?
    }
}

fn file(file: &mut File, taker: &mut impl Blocks) -> Result<(), ExportError> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let count = file.read(&mut block)?;
        match block.get(..count) {
            Some(octets) if !octets.is_empty() => taker.block(octets)?,
            _ => return Ok(()),
        }
    }
}

impl Origin {
    /// The whole objects that a query finds.
    pub(super) async fn objects(
        &self,
        ctx: &mut RequestContext,
        query: &AdhocQueryRequest,
    ) -> Result<Vec<RegistryObject>, ExportError> {
        match self {
            Self::Here(here) => match here.ask(ctx, query).await? {
                QueryAnswer::LeafClass(objects) => objects
                    .iter()
                    .map(|object| from_store(object).map_err(|error| ExportError::Object(error.to_string())))
                    .collect(),
                QueryAnswer::ObjectRef(_) => Ok(Vec::new()),
            },
            Self::Peers(peers) => {
                let message_id = ctx.fresh_uuid().to_string();
                let answer = peers.registry.stored_query(&message_id, query).await?;
                refuse_unless_whole(answer.response.into_response(XdsErrorCode::RegistryError))?;
                Ok(answer.objects.objects)
            }
            Self::Files(_) => Ok(Vec::new()),
        }
    }

    /// The ids of what a query finds.
    pub(super) async fn ids(
        &self,
        ctx: &mut RequestContext,
        query: &AdhocQueryRequest,
    ) -> Result<Vec<String>, ExportError> {
        match self {
            Self::Here(here) => match here.ask(ctx, query).await? {
                QueryAnswer::ObjectRef(ids) => Ok(ids.iter().map(|(id, _)| id.to_string()).collect()),
                QueryAnswer::LeafClass(_) => Ok(Vec::new()),
            },
            Self::Peers(peers) => {
                let message_id = ctx.fresh_uuid().to_string();
                let answer = peers.registry.stored_query(&message_id, query).await?;
                refuse_unless_whole(answer.response.into_response(XdsErrorCode::RegistryError))?;
                Ok(answer.object_refs.iter().map(ToString::to_string).collect())
            }
            Self::Files(_) => Ok(Vec::new()),
        }
    }

    /// The numbers of a patient, where the registry of this process knows them.
    pub(super) async fn numbers_of(&self, patient: &str) -> Result<Option<PatientNumbers>, ExportError> {
        match (self, patient.parse()) {
            (Self::Here(here), Ok(patient)) => Ok(Some(here.registry.numbers_of(&patient).await?)),
            (Self::Here(_) | Self::Peers(_) | Self::Files(_), _) => Ok(None),
        }
    }

    /// The octets of documents, in their order; fails unless all are given (R-32-62, policy `whole`).
    pub(super) async fn retrieve(
        &self,
        ctx: &mut RequestContext,
        documents: &[&Wanted],
    ) -> Result<Vec<Source>, ExportError> {
        let requests: Vec<DocumentRequest> = documents
            .iter()
            .map(|document| DocumentRequest {
                home_community_id: document.home.as_deref().map(Into::into),
                repository_unique_id: (*document.repository_unique_id).into(),
                document_unique_id: (*document.unique_id).into(),
            })
            .collect();
        match self {
            Self::Here(here) => {
                let retrieval = here.repository.retrieve(ctx, &requests).await;
                if retrieval.documents.len() < documents.len() {
                    return Err(ExportError::Refused(retrieval.response.findings));
                }
                Ok(retrieval.documents.into_iter().map(|document| Source::Reader(document.reader)).collect())
            }
            Self::Peers(peers) => peers.retrieve(ctx, &requests).await,
            Self::Files(files) => documents
                .iter()
                .map(|document| {
                    let path = document.file.and_then(|number| files.paths.get(number));
                    let missing = || ExportError::Missing(document.unique_id.to_string());
                    path.map(|path| Source::File(path.clone())).ok_or_else(missing)
                })
                .collect(),
        }
    }
}

impl Here {
    async fn ask(&self, ctx: &mut RequestContext, query: &AdhocQueryRequest) -> Result<QueryAnswer, ExportError> {
        let (response, answer) = self.registry.stored_query(ctx, query, &(self.written)(query)).await;
        refuse_unless_whole(response)?;
        Ok(answer)
    }
}

impl Peers {
    async fn retrieve(
        &self,
        ctx: &mut RequestContext,
        requests: &[DocumentRequest],
    ) -> Result<Vec<Source>, ExportError> {
        let message_id = ctx.fresh_uuid().to_string();
        let answer = self.repository.retrieve(&message_id, requests, &PartsTo::Directory(self.folder.clone())).await?;
        let response = answer.response.into_response(XdsErrorCode::RegistryError);
        if response.status == ResponseStatus::Failure {
            return Err(ExportError::Refused(response.findings));
        }
        // Which one a partial answer lacks is named below.
        let mut given: HashMap<Box<str>, RetrievedContent> =
            answer.documents.into_iter().map(|it| (it.request.document_unique_id, it.content)).collect();
        let source = |request: &DocumentRequest| match given.remove(&request.document_unique_id) {
            Some(RetrievedContent::File(file)) => Ok(Source::Temporary(file)),
            Some(RetrievedContent::Inline(bytes)) => Ok(Source::Bytes(bytes)),
            Some(RetrievedContent::Nowhere) | None => Err(ExportError::Missing(request.document_unique_id.to_string())),
        };
        requests.iter().map(source).collect()
    }
}

/// A query that was answered in part is not answered (R-32-62, policy `whole`).
fn refuse_unless_whole(response: RegistryResponse) -> Result<(), ExportError> {
    match response.status {
        ResponseStatus::Failure | ResponseStatus::PartialSuccess => Err(ExportError::Refused(response.findings)),
        ResponseStatus::Success => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_62_an_answer_in_part_is_no_answer() {
        let of = |status| refuse_unless_whole(RegistryResponse { status, findings: Vec::new() }).is_ok();
        let all = [ResponseStatus::Success, ResponseStatus::PartialSuccess, ResponseStatus::Failure];
        assert_eq!(all.map(of), [true, false, false]);
    }
}
