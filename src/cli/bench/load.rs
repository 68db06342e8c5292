//! The requests of a benchmark.

use bytes::Bytes;

use super::{BenchArgs, Transaction, template::Template};
use crate::{
    cli::{
        Failure, clock, found,
        metadata::{AuthorMetadata, CodeLists, EntryMetadata, SetMetadata, submission},
        peer,
    },
    client::{DocumentSource, Outgoing, OutgoingDocument, Peer, Query, action},
    model::{
        AvailabilityStatus, Oid, PatientId, RequestContext,
        bsn::check_bsn,
        rim::{DocumentRequest, SubmitObjectsRequest},
    },
    wire::xds::{iti18, iti41, iti42, iti43},
};

/// Patients whose documents are looked up before ITI-43.
const LOOKED_UP: usize = 50;
/// First number of the invented patients, beyond those of the demo.
const FIRST_BSN: u32 = 999_910_000;
/// Repository of documents that are registered and not sent.
const NO_REPOSITORY: &str = "2.999.1.2.9";
/// Content of documents that are registered and not sent: none (D16).
const HASH_OF_NOTHING: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

/// One request.
pub(super) struct Request {
    pub(super) outgoing: Outgoing,
    pub(super) octets_out: u64,
}

/// Makes the requests.
pub(super) struct Load {
    peer: Peer,
    transaction: Transaction,
    /// Their BSNs.
    patients: Vec<String>,
    /// Body of the request; marks are the uniqueIds and, last, the BSN.
    template: Template,
    /// Unique for this run.
    run: u64,
    docs: u32,
    document: Bytes,
    /// What ITI-43 asks for.
    requests: Vec<DocumentRequest>,
}

impl Load {
    /// Builds templates, and for ITI-43 finds out what there is.
    pub(super) async fn prepare(args: &BenchArgs) -> Result<Self, Failure> {
        let mut ctx = clock::context();
        let patients = patients(args.patients as usize);
        let marks = marks(args.docs);
        let mut octets = Vec::new();
        match args.transaction {
            Transaction::Iti18 => {
                let patient: PatientId = mark_patient(args).parse()?;
                let query = Query::find_documents(&patient, &[AvailabilityStatus::Approved]);
                let query = if args.object_ref { query.object_refs() } else { query };
                iti18::write_request(&mut octets, &query.build());
            }
            Transaction::Iti42 => iti42::write_request(&mut octets, &metadata(args, &ctx)?),
            Transaction::Iti41 => {
                let ids: Vec<(String, String)> = (0..args.docs).map(|n| (entry_id(n), content_mark(n))).collect();
                let pairs: Vec<(&str, &str)> = ids.iter().map(|(id, cid)| (id.as_str(), cid.as_str())).collect();
                iti41::write_request(&mut octets, &metadata(args, &ctx)?, &pairs);
            }
            Transaction::Iti43 => {}
        }
        let requests = match args.transaction {
            Transaction::Iti43 => look_up(args, &patients, &mut ctx).await?,
            _ => Vec::new(),
        };
        Ok(Self {
            peer: peer::peer(&args.to, &args.peer)?,
            transaction: args.transaction,
            patients,
            template: Template::new(octets, &marks),
            run: u64::from_be_bytes(ctx.fresh_uuid().as_bytes()[8..].try_into()?) >> 8,
            docs: args.docs,
            document: match args.transaction {
                Transaction::Iti41 => vec![b'x'; usize::try_from(args.bytes)?].into(),
                _ => Bytes::new(),
            },
            requests,
        })
    }

    /// Documents that one request concerns.
    pub(super) fn documents(&self) -> u32 {
        match self.transaction {
            Transaction::Iti18 => 0,
            Transaction::Iti41 | Transaction::Iti42 | Transaction::Iti43 => self.docs,
        }
    }

    /// The request with this number.
    pub(super) fn request(&self, number: u64) -> Request {
        let bsn = &self.patients[usize::try_from(number).unwrap_or_default() % self.patients.len()];
        let message_id = format!("urn:uuid:{:08x}-0000-4000-8000-{number:012x}", self.run >> 24);
        match self.transaction {
            Transaction::Iti18 => self.simple(action::REGISTRY_STORED_QUERY, &message_id, self.fill(number, bsn)),
            Transaction::Iti42 => self.simple(action::REGISTER, &message_id, self.fill(number, bsn)),
            Transaction::Iti41 => self.iti41(&message_id, self.fill(number, bsn)),
            Transaction::Iti43 => self.iti43(&message_id, number),
        }
    }

    fn fill(&self, number: u64, bsn: &str) -> Vec<u8> {
        let mut texts: Vec<String> = (0..=self.docs).map(|index| self.unique_id(number, index)).collect();
        texts.push(bsn.to_owned());
        self.template.fill(&texts)
    }

    fn unique_id(&self, number: u64, index: u32) -> String {
        format!("2.25.1{:017}{number:015}{index:04}", self.run % 100_000_000_000_000_000)
    }

    fn simple(&self, action: &'static str, message_id: &str, body: Vec<u8>) -> Request {
        let octets_out = body.len() as u64;
        let outgoing = Outgoing::simple(self.peer.addressed(), action, message_id, |out| out.extend_from_slice(&body));
        Request { outgoing, octets_out }
    }

    fn iti41(&self, message_id: &str, body: Vec<u8>) -> Request {
        let documents: Vec<OutgoingDocument> = (0..self.docs)
            .map(|n| OutgoingDocument {
                id: entry_id(n),
                mime_type: "application/octet-stream".to_owned(),
                source: DocumentSource::Bytes(self.document.clone()),
            })
            .collect();
        let octets_out = body.len() as u64 + self.document.len() as u64 * u64::from(self.docs);
        let to = self.peer.addressed();
        let outgoing =
            Outgoing::package(to, action::PROVIDE_AND_REGISTER, message_id, &documents, |out, content_ids| {
                // Content-IDs have no fixed width, so they are put in here.
                let mut rest = body.as_slice();
                for (n, id) in (0_u32..).zip(content_ids) {
                    let mark = content_mark(n);
                    if let Some(place) = memchr::memmem::find(rest, mark.as_bytes()) {
                        out.extend_from_slice(&rest[..place]);
                        out.extend_from_slice(id.as_bytes());
                        rest = &rest[place + mark.len()..];
                    }
                }
                out.extend_from_slice(rest);
            });
        Request { outgoing, octets_out }
    }

    fn iti43(&self, message_id: &str, number: u64) -> Request {
        let count = self.docs as usize;
        let first = usize::try_from(number).unwrap_or_default() * count;
        let requests: Vec<DocumentRequest> =
            (first..first + count).map(|index| self.requests[index % self.requests.len()].clone()).collect();
        let mut body = Vec::new();
        iti43::write_request(&mut body, &requests);
        let octets_out = body.len() as u64;
        let outgoing = Outgoing::package(self.peer.addressed(), action::RETRIEVE, message_id, &[], |out, _| {
            out.extend_from_slice(&body)
        });
        Request { outgoing, octets_out }
    }
}

/// The code of the first error of an answer that did not succeed.
pub(super) fn first_error_code(root: &[u8]) -> String {
    let attribute = b"errorCode=\"";
    let begin = memchr::memmem::find(root, attribute).map(|place| place + attribute.len());
    let code = begin.and_then(|begin| root[begin..].split(|b| *b == b'"').next());
    code.map_or_else(|| "no error code".to_owned(), |code| String::from_utf8_lossy(code).into_owned())
}

/// Characters of a uniqueId that is made here.
const UNIQUE_ID_WIDTH: usize = 42;
/// Stands for the BSN in a template.
const BSN_MARK: &str = "987654321";

fn mark_patient(args: &BenchArgs) -> String {
    cx(BSN_MARK, &args.authority)
}

fn cx(bsn: &str, authority: &Oid) -> String {
    format!("{bsn}^^^&{authority}&ISO")
}

fn mark_unique_id(index: u32) -> String {
    format!("2.25.{:0<width$}{index:04}", "9", width = UNIQUE_ID_WIDTH - "2.25.0000".len())
}

fn marks(docs: u32) -> Vec<String> {
    let mut marks: Vec<String> = (0..=docs).map(mark_unique_id).collect();
    marks.push(BSN_MARK.to_owned());
    marks
}

fn entry_id(index: u32) -> String {
    format!("Document{}", index + 1)
}

fn content_mark(index: u32) -> String {
    format!("content-mark-{index:04}-")
}

/// BSNs of invented patients, of the test range.
fn patients(count: usize) -> Vec<String> {
    let numbers = (FIRST_BSN..=999_999_999).map(|n| n.to_string()).filter(|n| check_bsn(n).is_ok());
    numbers.take(count).collect()
}

fn metadata(args: &BenchArgs, ctx: &RequestContext) -> Result<SubmitObjectsRequest, Failure> {
    let lists = CodeLists::built_in();
    let author = AuthorMetadata {
        person: "900000001^Voorbeeld^A^^^drs.^^^&2.999.1.2.1&ISO".to_owned(),
        institution: "Bench Hospital^^^^^^^^^2.999.1.2".to_owned(),
        role: "Specialist".to_owned(),
        specialty: "Radiology".to_owned(),
    };
    let time = ctx.now_dtm();
    let registered = args.transaction == Transaction::Iti42;
    let types = lists.all("type")?;
    let entries: Result<Vec<EntryMetadata>, Failure> = (0..args.docs)
        .map(|index| {
            let type_code = types[index as usize % types.len()].clone();
            Ok(EntryMetadata {
                id: entry_id(index),
                unique_id: mark_unique_id(index + 1),
                mime_type: "application/octet-stream".to_owned(),
                patient_id: mark_patient(args),
                source_patient_id: mark_patient(args),
                source_patient_info: vec!["PID-5|Voorbeeld^B^^^".to_owned(), "PID-7|19560527".to_owned()],
                title: type_code.display_name.to_string(),
                comments: "Made by knoop bench".to_owned(),
                creation_time: time.clone(),
                service_start_time: time.clone(),
                service_stop_time: time.clone(),
                language_code: "en-GB".to_owned(),
                author: author.clone(),
                class_code: lists.class_of(&type_code)?,
                format_code: lists.first("format")?,
                facility_code: lists.first("facility")?,
                practice_setting_code: lists.first("practice")?,
                confidentiality_codes: vec![lists.first("confidentiality")?],
                event_codes: vec![lists.first("event")?],
                reference_ids: vec!["ACC000001^^^&2.999.1.2&ISO^urn:ihe:iti:xds:2013:accession".to_owned()],
                hash: if registered { HASH_OF_NOTHING.to_owned() } else { String::new() },
                size_bytes: registered.then_some(0),
                repository_unique_id: registered.then(|| NO_REPOSITORY.to_owned()),
                type_code,
            })
        })
        .collect();
    let set = SetMetadata {
        unique_id: mark_unique_id(0),
        source_id: "2.999.1.2".to_owned(),
        patient_id: mark_patient(args),
        title: "Bench".to_owned(),
        submission_time: time,
        content_type_code: lists.first("content")?,
        author,
    };
    Ok(submission(&set, &entries?, Vec::new(), &[]))
}

/// Documents of the first patients that have any in a repository that keeps bytes.
async fn look_up(args: &BenchArgs, bsns: &[String], ctx: &mut RequestContext) -> Result<Vec<DocumentRequest>, Failure> {
    let peer = peer::peer(&args.to, &args.peer)?;
    let mut requests = Vec::new();
    for bsn in bsns.iter().take(LOOKED_UP) {
        let query = Query::find_documents(&cx(bsn, &args.authority).parse()?, &[AvailabilityStatus::Approved]).build();
        let message_id = ctx.fresh_uuid().to_string();
        let answer = peer.stored_query(&message_id, &query).await.map_err(|error| peer::failed(&args.to, error))?;
        let kept = found::documents(&answer.objects).into_iter().filter(|d| d.repository_unique_id != NO_REPOSITORY);
        requests.extend(kept.map(|document| DocumentRequest {
            home_community_id: None,
            repository_unique_id: document.repository_unique_id.into(),
            document_unique_id: document.unique_id.into(),
        }));
    }
    if requests.is_empty() {
        return Err(Failure::wrong_use("there are no documents to retrieve; run knoop bench iti41 first"));
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::PeerSettings;

    #[test]
    fn unique_ids_of_one_run_differ_and_have_the_width_of_their_mark() {
        let load = |number, index| {
            let load = Load {
                peer: Peer::new("http://localhost/".parse().expect("an address"), &PeerSettings::default())
                    .expect("a peer"),
                transaction: Transaction::Iti42,
                patients: patients(3),
                template: Template::new(Vec::new(), &marks(1)),
                run: u64::MAX >> 8,
                docs: 1,
                document: Bytes::new(),
                requests: Vec::new(),
            };
            load.unique_id(number, index)
        };
        assert_eq!(load(0, 0).len(), UNIQUE_ID_WIDTH);
        assert_eq!(mark_unique_id(0).len(), UNIQUE_ID_WIDTH);
        assert_ne!(load(0, 1), load(1, 0));
        assert!(load(u64::from(u32::MAX), 100).parse::<crate::model::Oid>().is_ok());
    }

    #[test]
    fn the_first_error_code_is_found() {
        assert_eq!(
            first_error_code(b"<rs:RegistryError errorCode=\"XDSRegistryBusy\" severity=\"x\"/>"),
            "XDSRegistryBusy"
        );
        assert_eq!(first_error_code(b"<a/>"), "no error code");
    }
}
