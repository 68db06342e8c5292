//! Stored queries as a consumer asks them.
//!
//! Source: ITI TF-2 §3.18.4.1.2 (coding of parameters, R-18-05 to R-18-08).

use crate::model::{
    AvailabilityStatus, CodeValue, Dtm, PatientId,
    rim::{AdhocQueryRequest, Slot},
    vocabulary as v,
};

/// A stored query under construction; returns whole objects.
pub struct Query(AdhocQueryRequest);

impl Query {
    /// The query with this id.
    pub fn new(id: &str) -> Self {
        Self(AdhocQueryRequest {
            query_id: id.into(),
            return_type: Some("LeafClass".into()),
            ..AdhocQueryRequest::default()
        })
    }

    /// FindDocuments of a patient in these states.
    pub fn find_documents(patient: &PatientId, status: &[AvailabilityStatus]) -> Self {
        Self::new(v::QUERY_FIND_DOCUMENTS)
            .one("$XDSDocumentEntryPatientId", &patient.to_string())
            .list("$XDSDocumentEntryStatus", status.iter().map(|status| status.as_urn().to_owned()))
    }

    /// GetDocuments by uniqueId.
    pub fn get_documents(unique_ids: &[String]) -> Self {
        Self::new(v::QUERY_GET_DOCUMENTS).list("$XDSDocumentEntryUniqueId", unique_ids.iter().cloned())
    }

    /// References instead of whole objects.
    pub fn object_refs(mut self) -> Self {
        self.0.return_type = Some("ObjectRef".into());
        self
    }

    /// A single text.
    pub fn one(self, name: &str, value: &str) -> Self {
        let value = quoted(value);
        self.slot(name, value)
    }

    /// A list; an empty one is left out.
    pub fn list(self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<String> = values.into_iter().map(|value| quoted(&value)).collect();
        if values.is_empty() { self } else { self.slot(name, format!("({})", values.join(","))) }
    }

    /// A list of codes.
    pub fn codes(self, name: &str, codes: &[CodeValue]) -> Self {
        self.list(name, codes.iter().map(ToString::to_string))
    }

    /// A time, if there is one.
    pub fn time(self, name: &str, time: Option<&Dtm>) -> Self {
        match time {
            Some(time) => self.slot(name, time.to_string()),
            None => self,
        }
    }

    /// The request.
    pub fn build(self) -> AdhocQueryRequest {
        self.0
    }

    fn slot(mut self, name: &str, value: String) -> Self {
        self.0.slots.push(Slot { name: name.into(), values: vec![value.into()] });
        self
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
