//! Packages for tests.

use openssl::sha::sha1;

use crate::{
    model::xdm::{PackageReport, Weight},
    service::xdm::import::{ImportSettings, examine, verify, verify::hexadecimal},
    wire::xdm::{
        Medium, MediumError,
        samples::{ZipEntry, file_of, zip},
    },
};

/// A document with its metadata; `None` leaves a slot out.
#[derive(Clone, Debug)]
pub(super) struct Doc {
    pub id: String,
    pub unique_id: String,
    pub uri: Option<String>,
    pub mime_type: &'static str,
    pub hash: Option<String>,
    pub size: Option<String>,
    pub patient: &'static str,
    /// More attributes of the element, and more of its content.
    pub attributes: &'static str,
    pub content: &'static str,
    pub codes: bool,
}

impl Doc {
    pub(super) fn new(number: usize, uri: &str, octets: &[u8]) -> Self {
        Self {
            id: format!("urn:uuid:0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e4{number:03}"),
            unique_id: format!("2.999.20.77.{number}"),
            uri: Some(uri.to_owned()),
            mime_type: "text/plain",
            hash: Some(hexadecimal(&sha1(octets))),
            size: Some(octets.len().to_string()),
            patient: PATIENT,
            attributes: "",
            content: "",
            codes: true,
        }
    }
}

pub(super) const PATIENT: &str = "P-0001^^^&amp;2.999.10.1&amp;ISO";
pub(super) const NOTE: &[u8] = b"Discharge note for a made-up patient.\n";

fn slot(name: &str, value: &str) -> String {
    format!("<rim:Slot name=\"{name}\"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>")
}

fn code(object: &str, scheme: &str, code: &str) -> String {
    format!(
        "<rim:Classification id=\"c-{scheme}-{object}\" classifiedObject=\"{object}\" \
         classificationScheme=\"urn:uuid:{scheme}\" nodeRepresentation=\"{code}\">{}<rim:Name><rim:LocalizedString \
         value=\"{code}\"/></rim:Name></rim:Classification>",
        slot("codingScheme", "2.999.6")
    )
}

fn identifier(object: &str, scheme: &str, value: &str) -> String {
    format!(
        "<rim:ExternalIdentifier id=\"e-{scheme}-{object}\" registryObject=\"{object}\" \
         identificationScheme=\"urn:uuid:{scheme}\" value=\"{value}\"><rim:Name><rim:LocalizedString value=\"x\"/>\
         </rim:Name></rim:ExternalIdentifier>"
    )
}

fn entry(doc: &Doc) -> String {
    let optional = |name, value: &Option<String>| value.as_deref().map(|it| slot(name, it)).unwrap_or_default();
    let schemes = [
        "41a5887f-8865-4c09-adf7-e362475b143a",
        "f4f85eac-e6cb-4883-b524-f2705394840f",
        "a09d5840-386c-46f2-b5ad-9c3699a4309d",
        "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
        "cccf5598-8b07-4b77-a05e-ae952c785ead",
        "f0306f51-975f-434e-a61c-c59651d33983",
    ];
    let codes: String = schemes.iter().filter(|_| doc.codes).map(|scheme| code(&doc.id, scheme, "N")).collect();
    let patient = identifier(&doc.id, "58a6f841-87b3-4a3e-92fd-a8ffeff98427", doc.patient);
    [
        format!(
            "<rim:ExtrinsicObject id=\"{}\" mimeType=\"{}\" objectType=\"urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1\" \
             status=\"urn:oasis:names:tc:ebxml-regrep:StatusType:Approved\" {}>",
            doc.id, doc.mime_type, doc.attributes
        ),
        slot("creationTime", "20260314091500"),
        optional("hash", &doc.hash),
        slot("languageCode", "nl-NL"),
        optional("size", &doc.size),
        slot("sourcePatientId", "MRN-77^^^&amp;2.999.20.1&amp;ISO"),
        optional("URI", &doc.uri),
        doc.content.to_owned(),
        format!("<rim:Name><rim:LocalizedString value=\"Title of {}\"/></rim:Name>", doc.unique_id),
        codes,
        if doc.patient.is_empty() { String::new() } else { patient },
        identifier(&doc.id, "2e82c1f6-a085-4c72-9da3-8640a32e42ab", &doc.unique_id),
        "</rim:ExtrinsicObject>".to_owned(),
    ]
    .concat()
}

/// METADATA.XML of the set with this number; `patient` is that of the set.
pub(super) fn metadata_of(number: usize, docs: &[Doc], patient: &str) -> String {
    let set = format!("urn:uuid:0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e5{number:03}");
    let members: String = (0..)
        .zip(docs)
        .map(|(n, doc)| {
            format!(
                "<rim:Association id=\"urn:uuid:0d6f1b7e-4c1f-4a53-9d0b-6a1c{number:03x}e6{n:03}\" \
                 associationType=\"urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember\" sourceObject=\"{set}\" \
                 targetObject=\"{}\">{}</rim:Association>",
                doc.id,
                slot("SubmissionSetStatus", "Original")
            )
        })
        .collect();
    let package = [
        format!("<rim:RegistryPackage id=\"{set}\">"),
        slot("submissionTime", &format!("2026031409{number:02}00")),
        format!(
            "<rim:Classification id=\"m\" classifiedObject=\"{set}\" \
             classificationNode=\"urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd\"/>"
        ),
        code(&set, "aa543740-bdda-424e-8c96-df4873be8500", "N"),
        if patient.is_empty() {
            String::new()
        } else {
            identifier(&set, "6b5aea1a-874d-4603-a4bc-96a0a7b38446", patient)
        },
        identifier(&set, "554ac39e-e3fe-47fe-b233-965d2a147832", "2.999.20"),
        identifier(&set, "96fdda7c-d067-4183-912e-bf5ee74998a8", &format!("2.999.20.900.{number}")),
        "</rim:RegistryPackage>".to_owned(),
    ]
    .concat();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><lcm:SubmitObjectsRequest \
         xmlns:lcm=\"urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0\" xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\">\
         <rim:RegistryObjectList>{}{package}{members}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>",
        docs.iter().map(entry).collect::<String>()
    )
}

pub(super) fn metadata(number: usize, docs: &[Doc]) -> String {
    metadata_of(number, docs, PATIENT)
}

/// The files that every package has.
pub(super) fn frame() -> Vec<ZipEntry> {
    vec![ZipEntry::stored("INDEX.HTM", b"<html/>"), ZipEntry::stored("README.TXT", b"read me")]
}

/// A package of one set with one document, both changed.
pub(super) fn package(change: impl FnOnce(&mut Doc, &mut ZipEntry)) -> Vec<ZipEntry> {
    let (mut doc, mut file) =
        (Doc::new(1, "DOC00001.TXT", NOTE), ZipEntry::deflated("IHE_XDM/SUBSET01/DOC00001.TXT", NOTE));
    change(&mut doc, &mut file);
    let metadata = ZipEntry::deflated("IHE_XDM/SUBSET01/METADATA.XML", metadata(1, &[doc]).as_bytes());
    [frame(), vec![metadata, file]].concat()
}

/// What is found in an archive of these entries.
pub(super) fn checked_with(entries: &[ZipEntry], settings: &ImportSettings) -> PackageReport {
    match Medium::of_archive(file_of(&zip(entries)), &settings.limits) {
        Ok(medium) => checked_medium(medium, settings),
        Err(MediumError::Rejected(finding)) => PackageReport::rejected(finding),
        Err(MediumError::Io(error)) => panic!("{error}"),
    }
}

pub(super) fn checked_medium(medium: Medium, settings: &ImportSettings) -> PackageReport {
    match examine(medium, settings) {
        Ok(mut examined) => {
            verify(&mut examined, &|_| {});
            examined.report
        }
        Err(report) => report,
    }
}

pub(super) fn checked(entries: &[ZipEntry]) -> PackageReport {
    checked_with(entries, &ImportSettings::default())
}

/// Codes of everything that was found, with what each means.
pub(super) fn codes(report: &PackageReport) -> Vec<(&'static str, Weight)> {
    report.all_findings().map(|finding| (finding.code.as_str(), finding.weight)).collect()
}

pub(super) fn warning(code: &'static str) -> (&'static str, Weight) {
    (code, Weight::Warning)
}

pub(super) fn error(code: &'static str) -> (&'static str, Weight) {
    (code, Weight::Error)
}
