//! The four transactions as a partner would call them.

use super::{
    Answer, TestServer, http,
    sample::{Submission, names::APPROVED, uuid},
    soap::{self, NAMESPACES, Part, Transaction, escape},
};

/// Ids of the stored queries. Source: ITI TF-2 §3.18.4.1.2.4.
pub mod queries {
    pub const FIND_DOCUMENTS: &str = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d";
    pub const FIND_SUBMISSION_SETS: &str = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9";
    pub const FIND_FOLDERS: &str = "urn:uuid:958f3006-baad-4929-a4de-ff1114824431";
    pub const GET_ALL: &str = "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3";
    pub const GET_DOCUMENTS: &str = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4";
    pub const GET_FOLDERS: &str = "urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4";
    pub const GET_ASSOCIATIONS: &str = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155";
    pub const GET_DOCUMENTS_AND_ASSOCIATIONS: &str = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a";
    pub const GET_SUBMISSION_SETS: &str = "urn:uuid:51224314-5390-4169-9b91-b1980040715a";
    pub const GET_SUBMISSION_SET_AND_CONTENTS: &str = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83";
    pub const GET_FOLDER_AND_CONTENTS: &str = "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7";
    pub const GET_FOLDERS_FOR_DOCUMENT: &str = "urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578";
    pub const GET_RELATED_DOCUMENTS: &str = "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6";
    pub const FIND_DOCUMENTS_BY_REFERENCE_ID: &str = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492";
}

/// A stored query. Values are written as given, XML-escaped only.
#[derive(Clone)]
pub struct Query {
    id: String,
    return_type: Option<&'static str>,
    slots: Vec<(String, Vec<String>)>,
}

impl Query {
    /// A query without parameters that asks for LeafClass.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), return_type: Some("LeafClass"), slots: Vec::new() }
    }

    /// FindDocuments of a patient, Approved.
    pub fn find_documents(patient: &str) -> Self {
        Self::new(queries::FIND_DOCUMENTS)
            .text("$XDSDocumentEntryPatientId", patient)
            .list("$XDSDocumentEntryStatus", &[APPROVED])
    }

    /// GetDocuments by entryUUID.
    pub fn get_documents(ids: &[&str]) -> Self {
        Self::new(queries::GET_DOCUMENTS).list("$XDSDocumentEntryEntryUUID", ids)
    }

    /// Asks for ObjectRef.
    pub fn object_ref(mut self) -> Self {
        self.return_type = Some("ObjectRef");
        self
    }

    /// Asks for this returnType, or for none.
    pub fn returning(mut self, return_type: Option<&'static str>) -> Self {
        self.return_type = return_type;
        self
    }

    /// A slot with these values, one more even where there is one.
    pub fn slot(mut self, name: &str, values: &[&str]) -> Self {
        self.slots.push((name.to_owned(), values.iter().map(|v| (*v).to_owned()).collect()));
        self
    }

    /// A single string in quotes.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.slot(name, &[&quote(value)])
    }

    /// A list of strings in quotes and parentheses.
    pub fn list(self, name: &str, values: &[&str]) -> Self {
        let items: Vec<String> = values.iter().map(|v| quote(v)).collect();
        self.slot(name, &[&format!("({})", items.join(","))])
    }

    /// A number.
    pub fn number(self, name: &str, value: &str) -> Self {
        self.slot(name, &[value])
    }

    /// Takes a parameter away.
    pub fn without(mut self, name: &str) -> Self {
        self.slots.retain(|(n, _)| n != name);
        self
    }

    /// query:AdhocQueryRequest.
    pub fn xml(&self) -> String {
        let value = |v: &String| format!("<rim:Value>{}</rim:Value>", escape(v));
        let slot = |(name, values): &(String, Vec<String>)| {
            let values: String = values.iter().map(value).collect();
            format!("<rim:Slot name=\"{}\"><rim:ValueList>{values}</rim:ValueList></rim:Slot>", escape(name))
        };
        let slots: String = self.slots.iter().map(slot).collect();
        let return_type = self.return_type.map(|t| format!(" returnType=\"{t}\"")).unwrap_or_default();
        format!(
            "<query:AdhocQueryRequest {NAMESPACES}><query:ResponseOption returnComposedObjects=\"true\"{return_type}/>\
             <rim:AdhocQuery id=\"{}\">{slots}</rim:AdhocQuery></query:AdhocQueryRequest>",
            escape(&self.id)
        )
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What is asked for in ITI-43: home, repository, document.
pub type DocumentRequest<'a> = (Option<&'a str>, &'a str, &'a str);

/// xds:RetrieveDocumentSetRequest.
pub fn retrieve_xml(requests: &[DocumentRequest<'_>]) -> String {
    let items: String = requests
        .iter()
        .map(|(home, repository, document)| {
            let home = home.map(|h| format!("<xds:HomeCommunityId>{}</xds:HomeCommunityId>", escape(h)));
            format!(
                "<xds:DocumentRequest>{}<xds:RepositoryUniqueId>{}</xds:RepositoryUniqueId>\
                 <xds:DocumentUniqueId>{}</xds:DocumentUniqueId></xds:DocumentRequest>",
                home.unwrap_or_default(),
                escape(repository),
                escape(document)
            )
        })
        .collect();
    format!("<xds:RetrieveDocumentSetRequest {NAMESPACES}>{items}</xds:RetrieveDocumentSetRequest>")
}

/// xds:ProvideAndRegisterDocumentSetRequest with the given content of each Document element.
pub fn provide_xml(submission: &Submission, documents: &[(&str, String)]) -> String {
    let documents: String = documents
        .iter()
        .map(|(id, content)| format!("<xds:Document id=\"{}\">{content}</xds:Document>", escape(id)))
        .collect();
    format!(
        "<xds:ProvideAndRegisterDocumentSetRequest {NAMESPACES}>{}{documents}\
         </xds:ProvideAndRegisterDocumentSetRequest>",
        submission.xml()
    )
}

/// xop:Include of a cid.
pub fn include(href: &str) -> String {
    format!("<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"{}\"/>", escape(href))
}

impl TestServer {
    /// ITI-42.
    pub fn register(&self, submission: &Submission) -> Answer {
        self.simple(Transaction::Iti42, &submission.xml())
    }

    /// ITI-42 that must succeed; the entryUUIDs of `unique_ids`, in order.
    #[track_caller]
    pub fn registered(&self, submission: &Submission) -> Vec<String> {
        self.register(submission).expect_success();
        submission
            .objects
            .iter()
            .filter(|o| o.element != "Association")
            .map(|o| self.entry_uuid(&o.unique_id()))
            .collect()
    }

    /// entryUUID of the one DocumentEntry or Folder with this uniqueId.
    #[track_caller]
    pub fn entry_uuid(&self, unique_id: &str) -> String {
        let documents = Query::new(queries::GET_DOCUMENTS).list("$XDSDocumentEntryUniqueId", &[unique_id]).object_ref();
        let mut ids = self.query(&documents).expect_success().ids();
        let folders = Query::new(queries::GET_FOLDERS).list("$XDSFolderUniqueId", &[unique_id]).object_ref();
        ids.extend(self.query(&folders).expect_success().ids());
        assert_eq!(ids.len(), 1, "objects with uniqueId {unique_id}");
        ids.remove(0)
    }

    /// ITI-18.
    pub fn query(&self, query: &Query) -> Answer {
        self.simple(Transaction::Iti18, &query.xml())
    }

    /// One object that must be there.
    #[track_caller]
    pub fn entry(&self, id: &str) -> super::Found {
        let mut found = self.query(&Query::get_documents(&[id])).expect_success().objects();
        assert_eq!(found.len(), 1, "entries {id}");
        found.remove(0)
    }

    /// ITI-41 as MTOM, one part for each document.
    pub fn provide(&self, submission: &Submission, documents: &[(&str, &[u8])]) -> Answer {
        let elements: Vec<(&str, String)> = documents
            .iter()
            .enumerate()
            .map(|(n, (id, _))| (*id, include(&format!("cid:document{n}%40test.invalid"))))
            .collect();
        let parts: Vec<Part> = documents
            .iter()
            .enumerate()
            .map(|(n, (_, bytes))| Part::new(&format!("document{n}@test.invalid"), "application/octet-stream", bytes))
            .collect();
        self.mtom(Transaction::Iti41, &provide_xml(submission, &elements), &parts)
    }

    /// ITI-43 as MTOM.
    pub fn retrieve(&self, requests: &[DocumentRequest<'_>]) -> Answer {
        self.mtom(Transaction::Iti43, &retrieve_xml(requests), &[])
    }

    /// A SIMPLE SOAP request with this body; the answer must be SIMPLE SOAP too.
    pub fn simple(&self, transaction: Transaction, body: &str) -> Answer {
        let message_id = uuid();
        let envelope = soap::envelope(transaction.action(), &message_id, body);
        let content_type = transaction.simple_content_type();
        let answer = self.send(transaction.path(), &content_type, envelope.as_bytes());
        assert!(!answer.is_mtom, "R-SOAP-06: SIMPLE SOAP is answered in kind");
        if answer.http.status == 200 {
            answer.expect_addressing(transaction, &message_id);
        }
        answer
    }

    /// An MTOM request with this body; the answer must be MTOM too.
    pub fn mtom(&self, transaction: Transaction, body: &str, parts: &[Part]) -> Answer {
        let message_id = uuid();
        let mut all = vec![Part::root(&soap::envelope(transaction.action(), &message_id, body))];
        all.extend_from_slice(parts);
        let content_type = soap::mtom_content_type(transaction.action());
        let answer = self.send(transaction.path(), &content_type, &soap::package(&all));
        if answer.http.status == 200 {
            assert!(answer.is_mtom, "R-SOAP-06: MTOM is answered in kind");
            answer.expect_addressing(transaction, &message_id);
        }
        answer
    }

    /// Any bytes to any path.
    pub fn send(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        Answer::read(http::post(&self.address, path, content_type, body).expect("an answer"))
    }
}
