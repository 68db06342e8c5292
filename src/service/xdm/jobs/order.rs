//! What a node orders to be packed, as JSON, and what that means to the exporter.
//!
//! Source: R-32-48 to R-32-50, R-32-60.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Priority;
use crate::{
    model::{
        Code, CodeValue, IntendedRecipient, Oid, Organisation, PatientId, Xcn, Xon,
        bsn::{BSN_AUTHORITY, check_bsn},
        escape_component,
        xdm::{Delivery, SetLimits},
    },
    service::xdm::export::{Addressing, Detail, ExportRequest, Homes, Selection, Sender, Sets, Target, WithoutBsn},
    wire::xdm::index_page::Language,
};

/// Documents that one order may name.
const MOST_DOCUMENTS: usize = 10_000;
/// Characters of a line that a person writes.
const MOST_TEXT: usize = 1_000;

/// Who makes packages here.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    /// sourceId: the OID of this installation.
    pub source_id: Oid,
    /// How the institution is reached.
    pub contact: String,
    /// contentTypeCode of new submission sets where the order names none.
    pub content_type: Code,
    /// The file that leads from own numbers back to BSNs.
    pub numbers: PathBuf,
    /// What becomes of the communities of documents (R-32-16).
    pub homes: Homes,
    /// What one submission set may come to.
    pub set_limits: SetLimits,
}

/// An order of a package. Exactly one of `patient`, `documents`, `submissionSet` and `folder` says what goes into it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExportOrder {
    /// All documents of this patient, CX.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// These documents, by uniqueId or entryUUID.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// Those of a submission set, by uniqueId or entryUUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission_set: Option<String>,
    /// Those in a folder, by uniqueId or entryUUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// How it leaves: `package` (the default), `mail`, `reference`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// For whom it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Recipient>,
    /// A line to the receiver.
    pub comment: String,
    /// The ground of the push, such as a referral.
    pub reason: String,
    /// Place in the queue: `high`, `normal` (the default), `background`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Medical urgency, a code of the sender.
    pub urgency: String,
    /// The person who sends it, XCN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// contentTypeCode, `CODE^NAME^SCHEME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The submission sets with which the documents came, instead of a new one for each patient.
    pub as_submitted: bool,
    /// Deprecated documents too.
    pub deprecated: bool,
    /// Say only what must be said of each document.
    pub limited: bool,
    /// Language of INDEX.HTM: `nl` (the default) or `en`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// For a receiver that may not have the BSN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_bsn: Option<WithoutBsnOrder>,
}

/// For whom a package is.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Recipient {
    /// The institution: a name, or an XON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Its department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// The person, XCN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The mail address to which the package, or the reference to it, goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// For a receiver that may not have the BSN (K-32).
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WithoutBsnOrder {
    /// The own number of the patient where the documents name none, CX.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Documents that a person has looked at and lets go, by uniqueId.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confirmed: Vec<String>,
}

/// What is wrong with an order: the field, and why. Repeats no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct ExportOrderError {
    /// As it stands in JSON.
    pub field: &'static str,
    /// In words.
    pub why: &'static str,
}

const fn wrong(field: &'static str, why: &'static str) -> ExportOrderError {
    ExportOrderError { field, why }
}

impl ExportOrder {
    /// How it leaves.
    pub fn delivery(&self) -> Delivery {
        self.delivery.as_deref().and_then(Delivery::from_word).unwrap_or(Delivery::Package)
    }

    /// Its place in the queue.
    pub fn priority(&self) -> Priority {
        self.priority.as_deref().and_then(Priority::from_word).unwrap_or(Priority::Normal)
    }

    /// Whether everything in it can be understood.
    ///
    /// # Errors
    /// The first field that cannot.
    pub fn check(&self, sender: &Organisation, settings: &ExportSettings) -> Result<(), ExportOrderError> {
        let target = Target::Zip(PathBuf::new());
        self.request(sender, settings, target).map(drop)?;
        let known = [Delivery::Package, Delivery::Mail, Delivery::Reference];
        let delivery = self.delivery.as_deref().map(Delivery::from_word);
        if delivery.is_some_and(|it| it.is_none_or(|it| !known.contains(&it))) {
            return Err(wrong("delivery", "one of package, mail, reference"));
        }
        let written = self.recipient.as_ref().and_then(|recipient| recipient.address.as_ref());
        match (self.delivery(), written) {
            (Delivery::Mail | Delivery::Reference, Some(_)) if self.address().is_none() => {
                return Err(wrong("recipient.address", "a mail address"));
            }
            (Delivery::Mail | Delivery::Reference, None) => {
                return Err(wrong("recipient.address", "where is it to be sent?"));
            }
            (Delivery::Package | Delivery::Folder, Some(_)) => {
                return Err(wrong("recipient.address", "only with delivery mail or reference"));
            }
            _ => {}
        }
        if self.priority.as_deref().is_some_and(|word| Priority::from_word(word).is_none()) {
            return Err(wrong("priority", "one of high, normal, background"));
        }
        for (field, text) in [("comment", &self.comment), ("reason", &self.reason), ("urgency", &self.urgency)] {
            if text.chars().count() > MOST_TEXT {
                return Err(wrong(field, "at most 1000 characters"));
            }
        }
        Ok(())
    }

    /// The same in terms of the exporter; `sender` is the organisation of the node that orders.
    ///
    /// # Errors
    /// The first field that cannot be understood.
    pub fn request(
        &self,
        sender: &Organisation,
        settings: &ExportSettings,
        target: Target,
    ) -> Result<ExportRequest, ExportOrderError> {
        let content_type = match &self.content_type {
            Some(text) => code(text).ok_or(wrong("contentType", "a code is CODE^NAME^SCHEME"))?,
            None => settings.content_type.clone(),
        };
        if self.as_submitted && self.without_bsn.is_some() {
            return Err(wrong("withoutBsn", "not with asSubmitted"));
        }
        Ok(ExportRequest {
            selection: self.selection()?,
            with_deprecated: self.deprecated,
            sets: if self.as_submitted { Sets::AsSubmitted } else { Sets::New },
            detail: if self.limited { Detail::Limited } else { Detail::Full },
            homes: settings.homes.clone(),
            sender: Sender {
                institution: institution(sender),
                person: parsed::<Xcn>("author", "an XCN", self.author.as_deref())?,
                contact: settings.contact.clone(),
                source_id: settings.source_id.clone(),
                content_type,
            },
            addressing: Addressing {
                recipients: self.recipient.as_ref().map(Recipient::read).transpose()?.flatten().into_iter().collect(),
                comment: self.comment.clone(),
                reason: self.reason.clone(),
                priority: self.priority.clone().unwrap_or_default(),
                urgency: self.urgency.clone(),
            },
            without_bsn: self.without_bsn.as_ref().map(|order| order.read(settings)).transpose()?,
            language: match self.language.as_deref() {
                None | Some("nl") => Language::Dutch,
                Some("en") => Language::English,
                Some(_) => return Err(wrong("language", "one of nl, en")),
            },
            target,
            set_limits: settings.set_limits,
            room: None,
        })
    }

    fn selection(&self) -> Result<Selection, ExportOrderError> {
        const ONE: ExportOrderError = wrong("patient", "exactly one of patient, documents, submissionSet, folder");
        if self.documents.len() > MOST_DOCUMENTS {
            return Err(wrong("documents", "at most 10000"));
        }
        let documents = Some(&self.documents).filter(|ids| !ids.is_empty());
        match (&self.patient, documents, &self.submission_set, &self.folder) {
            (Some(patient), None, None, None) => Ok(Selection::Patient(known_patient("patient", patient)?)),
            (None, Some(ids), None, None) => Ok(Selection::Documents(ids.clone())),
            (None, None, Some(id), None) => Ok(Selection::SubmissionSet(id.clone())),
            (None, None, None, Some(id)) => Ok(Selection::Folder(id.clone())),
            _ => Err(ONE),
        }
    }
}

impl Recipient {
    /// intendedRecipient. XDS knows no department: it stands behind the name of the institution.
    fn read(&self) -> Result<Option<IntendedRecipient>, ExportOrderError> {
        parsed::<Xon>("recipient.organisation", "a name, or an XON", self.organisation.as_deref())?;
        parsed::<Xcn>("recipient.person", "an XCN", self.person.as_deref())?;
        let mut organisation = self.organisation.clone().unwrap_or_default();
        if let Some(department) = &self.department {
            let department = escape_component(department);
            organisation = match organisation.split_once('^') {
                Some((name, rest)) => format!("{name}, {department}^{rest}"),
                None if organisation.is_empty() => {
                    return Err(wrong("recipient.department", "it is one of an organisation"));
                }
                None => format!("{organisation}, {department}"),
            };
        }
        let person = self.person.as_ref().map(|person| format!("|{person}")).unwrap_or_default();
        let text = format!("{organisation}{person}");
        match text.is_empty() {
            true => Ok(None),
            false => text.parse().map(Some).map_err(|_| wrong("recipient", "it cannot be written as XON|XCN")),
        }
    }
}

impl WithoutBsnOrder {
    fn read(&self, settings: &ExportSettings) -> Result<WithoutBsn, ExportOrderError> {
        let number = parsed::<PatientId>("withoutBsn.number", "a number as CX", self.number.as_deref())?;
        if number.as_ref().is_some_and(|number| number.authority().as_str() == BSN_AUTHORITY) {
            return Err(wrong("withoutBsn.number", "it is a BSN"));
        }
        Ok(WithoutBsn { number, confirmed: self.confirmed.clone(), table: settings.numbers.clone() })
    }
}

/// The institution that sends: the organisation behind the node.
fn institution(sender: &Organisation) -> Option<Xon> {
    let name = escape_component(&sender.name);
    format!("{name}^^^^^^^^^{}", sender.id).parse().or_else(|_| name.parse()).ok()
}

/// `CODE^NAME^SCHEME`.
fn code(text: &str) -> Option<Code> {
    let parts: Vec<&str> = text.split('^').collect();
    let [code, name, scheme] = parts.as_slice() else { return None };
    Some(Code { value: CodeValue::new(code, scheme).ok()?, display_name: (*name).into() })
}

fn parsed<T: std::str::FromStr>(
    field: &'static str,
    why: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, ExportOrderError> {
    text.map(|text| text.parse().map_err(|_| wrong(field, why))).transpose()
}

/// A patient number; a BSN must be one.
pub(super) fn known_patient(field: &'static str, text: &str) -> Result<PatientId, ExportOrderError> {
    let patient: PatientId = text.parse().map_err(|_| wrong(field, "a patient as CX: ID^^^&OID&ISO"))?;
    match patient.authority().as_str() == BSN_AUTHORITY && check_bsn(patient.id()).is_err() {
        true => Err(wrong(field, "no BSN: it does not pass the eleven-test")),
        false => Ok(patient),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Node, xdm::PackageLimits};

    fn settings() -> ExportSettings {
        ExportSettings {
            source_id: "2.999.1.3".parse().expect("an OID"),
            contact: String::new(),
            content_type: code("34133-9^Summary^2.16.840.1.113883.6.1").expect("a code"),
            numbers: PathBuf::from("numbers.jsonl"),
            homes: Homes::LeftOut,
            set_limits: PackageLimits::default().of_sets_made(),
        }
    }

    fn checked(json: &str) -> Result<(), String> {
        let order: ExportOrder = serde_json::from_str(json).map_err(|error| error.to_string())?;
        order.check(&Node::loopback().organisation, &settings()).map_err(|error| error.to_string())
    }

    #[test]
    fn r_32_60_an_order_says_what_goes_into_the_package_and_for_whom() {
        for json in [
            r#"{"patient":"999900006^^^&2.16.840.1.113883.2.4.6.3&ISO"}"#,
            r#"{"documents":["1"],"delivery":"mail","recipient":{"address":"a@b.example"},"priority":"high","urgency":"2"}"#,
            r#"{"documents":["1"],"delivery":"reference","recipient":{"organisation":"E","address":"a@b.example"}}"#,
            r#"{"submissionSet":"2.25.1","asSubmitted":true,"language":"en"}"#,
            r#"{"folder":"2.25.1","recipient":{"organisation":"Example Hospital","department":"A & E","person":"^Roe^Max"}}"#,
            r#"{"documents":["2.25.1"],"withoutBsn":{"number":"A1^^^&2.999.1.1&ISO"},"contentType":"a^b^2.999"}"#,
        ] {
            assert_eq!(checked(json), Ok(()), "{json}");
        }
    }

    #[test]
    fn r_32_60_what_cannot_be_understood_is_named_without_its_value() {
        for (json, field) in [
            (r#"{}"#, "patient: exactly one"),
            (r#"{"patient":"x","documents":["1"]}"#, "patient: exactly one"),
            (r#"{"patient":"999900007^^^&2.16.840.1.113883.2.4.6.3&ISO"}"#, "patient: no BSN"),
            (r#"{"patient":"999900006"}"#, "patient: a patient as CX"),
            (r#"{"documents":["1"],"delivery":"folder"}"#, "delivery: one of"),
            (r#"{"documents":["1"],"delivery":"mail"}"#, "recipient.address: where"),
            (
                r#"{"documents":["1"],"delivery":"reference","recipient":{"address":"a b"}}"#,
                "recipient.address: a mail",
            ),
            (r#"{"documents":["1"],"recipient":{"address":"a@b.example"}}"#, "recipient.address: only with"),
            (r#"{"documents":["1"],"priority":"urgent"}"#, "priority: one of"),
            (r#"{"documents":["1"],"language":"de"}"#, "language: one of"),
            (r#"{"documents":["1"],"contentType":"a"}"#, "contentType: a code"),
            (r#"{"documents":["1"],"asSubmitted":true,"withoutBsn":{}}"#, "withoutBsn: not with"),
            (
                r#"{"documents":["1"],"withoutBsn":{"number":"999900006^^^&2.16.840.1.113883.2.4.6.3&ISO"}}"#,
                "it is a BSN",
            ),
            (r#"{"documents":["1"],"recipient":{"department":"x"}}"#, "recipient.department: "),
            (r#"{"document":["1"]}"#, "unknown field"),
        ] {
            let problem = checked(json).expect_err(json);
            assert!(problem.contains(field), "{json}: {problem}");
            assert!(!problem.contains("99990000"), "{problem}");
        }
    }
}
