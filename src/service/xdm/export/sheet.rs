//! The two files for people: README.TXT and INDEX.HTM.

use std::io::Seek;

use tempfile::SpooledTempFile;

use super::{ExportRequest, draft::Plan};
use crate::wire::xdm::{
    index_page::{self, IndexPage, PageHead},
    readme::Readme,
};

const APPLICATION: &str = concat!("knoop ", env!("CARGO_PKG_VERSION"));
const VENDOR: &str = concat!("Free software, see ", env!("CARGO_PKG_REPOSITORY"));
const IN_MEMORY: usize = 256 * 1024;

fn institution(request: &ExportRequest) -> String {
    request.sender.institution.as_ref().map(|it| index_page::readable_xon(&it.to_string())).unwrap_or_default()
}

pub(super) fn readme(request: &ExportRequest, plan: &Plan) -> Vec<u8> {
    Readme {
        institution: &institution(request),
        contact: &request.sender.contact,
        application: APPLICATION,
        vendor: VENDOR,
        has_dicom: plan.has_dicom(),
    }
    .write()
}

/// INDEX.HTM, at its beginning.
pub(super) fn index(
    request: &ExportRequest,
    plan: &mut Plan,
    now: jiff::Timestamp,
) -> std::io::Result<SpooledTempFile> {
    let page = IndexPage::new(request.language);
    let mut out = SpooledTempFile::new(IN_MEMORY);
    let addressing = &request.addressing;
    let recipients: Vec<String> = addressing
        .recipients
        .iter()
        .map(|recipient| {
            let organisation = recipient.organisation.as_ref().map(|it| index_page::readable_xon(&it.to_string()));
            let person = recipient.person.as_ref().map(|it| index_page::person(it.as_str()));
            let parts: Vec<String> = [person, organisation].into_iter().flatten().collect();
            if parts.is_empty() { recipient.to_string() } else { parts.join(", ") }
        })
        .collect();
    let head = PageHead {
        institution: &institution(request),
        contact: &request.sender.contact,
        made: &index_page::days_and_times(&now.strftime("%Y%m%d%H%M%S").to_string()),
        recipient: &recipients.join("; "),
        comment: &addressing.comment,
        reason: &addressing.reason,
        priority: &addressing.priority,
        urgency: &addressing.urgency,
        has_dicom: plan.has_dicom(),
    };
    page.head(&mut out, &head)?;
    for draft in &mut plan.drafts {
        draft.list(&mut out, &page)?;
    }
    page.end(&mut out, &[])?;
    out.rewind()?;
    Ok(out)
}
