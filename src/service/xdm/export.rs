//! Portable Media Creator: documents of the own repository, of somebody else's, or of a folder become a package.
//!
//! First everything is planned: which documents, their names, the whole METADATA.XML and INDEX.HTM, kept in temporary
//! files; then the octets flow from repository to package, each hashed on its way and compared with what is said of it. A
//! package appears under its name when it is whole, on the disk, and in the audit trail.
//!
//! Source: ITI TF-2 §3.32 (R-32-48 to R-32-51, R-32-60 to R-32-62).

mod divided;
mod draft;
mod error;
mod gather;
mod generations;
mod metadata;
mod origin;
mod package;
mod record;
mod request;
mod sheet;
mod submission_set;
mod without_bsn;

use std::{path::Path, sync::Arc};

pub use error::ExportError;
pub use origin::{Describe, Files, Here, Origin, Peers};
pub use package::{Progress, Watcher};
pub use record::Record;
pub use request::{Addressing, Detail, ExportRequest, Homes, Room, Selection, Sender, Sets, Target, WithoutBsn};

use crate::{model::RequestContext, service::audit::events::Verdict, wire::xdm::names};
use draft::{Draft, Plan};
use package::Package;
use record::Identity;
use without_bsn::{NumberTable, Search};

/// A package that was made.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// Its submission sets.
    pub sets: Vec<ExportedSet>,
    /// Octets of all documents.
    pub document_bytes: u64,
    /// DICOM objects that the DICOMDIR names.
    pub dicom_objects: usize,
    /// Where there may be no BSN: DICOM objects, by their uniqueId at the origin. What their pictures show is not searched.
    pub unsearched: Vec<Arc<str>>,
    /// What was left out or made up, in words without patient data.
    pub warnings: Vec<String>,
}

/// A submission set of a package.
#[derive(Clone, Debug)]
pub struct ExportedSet {
    /// Its directory.
    pub directory: String,
    /// uniqueId.
    pub unique_id: String,
    /// The patient as the origin knows them, CX.
    pub patient_id: Option<String>,
    /// Which part it is, and of how many, where a set was divided.
    pub part: Option<(usize, usize)>,
    /// The documents in it: uniqueId and path on the medium.
    pub documents: Vec<(Arc<str>, String)>,
}

/// Makes a package.
///
/// # Errors
/// When nothing was found, something cannot be read, or a document is not what its metadata say. Nothing is left under the
/// name of the package then.
pub async fn export(
    ctx: &mut RequestContext,
    origin: &Origin,
    request: &ExportRequest,
    record: Option<&Record>,
    watcher: Watcher,
) -> Result<Exported, ExportError> {
    let mut identities = vec![Identity::asked_for(request)];
    let told = attempt(ctx, origin, request, record, watcher, &mut identities).await;
    if let (Err(error), Some(record)) = (&told, record) {
        record.tell(ctx, request, &identities, &Record::verdict(error)).await?;
    }
    told
}

/// Makes a package; tells of it when all that is left is to give it its name. Who fails after that is told of as well.
async fn attempt(
    ctx: &mut RequestContext,
    origin: &Origin,
    request: &ExportRequest,
    record: Option<&Record>,
    watcher: Watcher,
    identities: &mut Vec<Identity>,
) -> Result<Exported, ExportError> {
    let mut plan = gather::plan(ctx, origin, request).await?;
    *identities = plan.identities();
    watcher(Progress::Planned { bytes: plan.document_bytes() });
    if let Some(room) = &request.room
        && !room.keep(plan.document_bytes()).await?
    {
        return Err(ExportError::Full);
    }
    let lines = std::mem::take(&mut plan.table);
    let (package, exported) = make(ctx, origin, request, plan, watcher).await?;
    let table = match &request.without_bsn {
        Some(order) => Some(NumberTable::open(order).await?),
        None => None,
    };
    // A package that cannot be told of is none (S-AUD-50).
    if let Some(record) = record {
        record.tell(ctx, request, identities, &Verdict::success()).await?;
    }
    if let Some(table) = table {
        table.keep(lines).await?;
    }
    package.keep().await?;
    Ok(exported)
}

async fn make(
    ctx: &mut RequestContext,
    origin: &Origin,
    request: &ExportRequest,
    mut plan: Plan,
    watcher: Watcher,
) -> Result<(package::Finished, Exported), ExportError> {
    if matches!(request.target, Target::Tree(_)) {
        plan.refuse_large()?;
    }
    let confirmed = request.without_bsn.iter().flat_map(|order| order.confirmed.iter().cloned());
    let search = plan.scanner.take().map(|scanner| Search::new(scanner, confirmed));
    let mut package = Package::create(&request.target, watcher, search)?;
    let now = ctx.now_dtm();
    package.control(names::README, "text/plain", &now, &sheet::readme(request, &plan)).await?;
    let index = sheet::index(request, &mut plan, ctx.now)?;
    package.spooled(names::INDEX, "text/html", &now, index).await?;
    package.directory(names::IHE_XDM, &now).await?;
    for draft in &mut plan.drafts {
        let directory = format!("{}/{}", names::IHE_XDM, draft.directory);
        package.directory(&directory, &now).await?;
        let metadata = draft.take_metadata()?;
        let path = format!("{directory}/{}", names::METADATA);
        package.spooled(&path, "text/xml", &now, metadata).await?;
        copy(ctx, origin, draft, &mut package, Place::InSet).await?;
    }
    if plan.has_dicom() {
        package.directory(names::DICOM, &now).await?;
        for draft in plan.drafts.iter().filter(|draft| draft.has_dicom()) {
            package.directory(&draft.dicom_directory()?, &now).await?;
            copy(ctx, origin, draft, &mut package, Place::UnderDicom).await?;
        }
        package.dicomdir(&now).await?;
    }
    let (finished, written) = package.finish().await?;
    let mut exported = Exported {
        document_bytes: plan.document_bytes(),
        dicom_objects: written.dicom_objects,
        sets: plan.drafts.into_iter().map(Draft::told).collect(),
        unsearched: written.pictures,
        warnings: plan.warnings,
    };
    let count = exported.unsearched.len();
    if count > 0 {
        let text =
            format!("{count} DICOM objects are pictures: look at them, no program reads a BSN in what they show");
        exported.warnings.push(text);
    }
    exported.warnings.extend(written.warnings);
    Ok((finished, exported))
}

/// Where the documents of a set lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    InSet,
    UnderDicom,
}

/// Documents that are asked for at a time.
const BATCH: usize = 50;

async fn copy(
    ctx: &mut RequestContext,
    origin: &Origin,
    draft: &Draft,
    package: &mut Package,
    place: Place,
) -> Result<(), ExportError> {
    let wanted: Vec<&draft::PlannedDocument> = draft.documents.iter().filter(|it| it.is_file_at(place)).collect();
    for batch in wanted.chunks(BATCH) {
        let batch_wanted: Vec<&draft::Wanted> = batch.iter().map(|document| &document.wanted).collect();
        let mut sources = origin.retrieve(ctx, &batch_wanted).await?.into_iter();
        for document in batch {
            let source = sources.next().ok_or_else(|| ExportError::Missing(document.unique_id.to_string()))?;
            package.document(document, source).await?;
        }
    }
    for document in draft.documents.iter().filter(|it| !it.parts.is_empty() && place == Place::InSet) {
        for directory in &document.directories {
            package.directory(directory, &document.created).await?;
        }
        for part in &document.parts {
            package.part(document, part).await?;
        }
    }
    Ok(())
}

/// Whether a path is free to be written to.
fn is_free(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err()
}
