//! What a server answered, and what a test expects of it.

use roxmltree::{Document, Node};

use super::{
    http::Response,
    schemas,
    soap::{self, Part, SOAP12, Transaction, WSA},
};

/// `urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:`
const STATUS: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:";

/// An entry of a RegistryErrorList.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    /// errorCode.
    pub code: String,
    /// codeContext.
    pub context: String,
    /// location.
    pub location: String,
    /// The last word of severity: Error or Warning.
    pub severity: String,
}

/// A registry object of an answer, or an ObjectRef.
#[derive(Clone, Debug)]
pub struct Found {
    /// Local name of the element.
    pub element: String,
    /// Attributes in order.
    pub attributes: Vec<(String, String)>,
    /// Slots in order.
    pub slots: Vec<(String, Vec<String>)>,
    /// Classifications in order.
    pub classifications: Vec<Self>,
    /// External identifiers in order.
    pub identifiers: Vec<Self>,
    /// Name, first language.
    pub name: Option<String>,
    /// Description, first language.
    pub description: Option<String>,
    /// VersionInfo/@versionName.
    pub version: Option<String>,
    /// The element as it came.
    pub xml: String,
}

impl Found {
    fn read(node: Node<'_, '_>) -> Self {
        let children = |name: &str| node.children().filter(|c| c.tag_name().name() == name).map(Self::read).collect();
        let text = |name: &str| {
            let element = node.children().find(|c| c.tag_name().name() == name)?;
            Some(element.first_element_child()?.attribute("value")?.to_owned())
        };
        let slots = node.children().filter(|c| c.tag_name().name() == "Slot").map(|slot| {
            let values = slot.descendants().filter(|v| v.tag_name().name() == "Value");
            let values = values.map(|v| v.text().unwrap_or("").to_owned()).collect();
            (slot.attribute("name").unwrap_or("").to_owned(), values)
        });
        let version = node.children().find(|c| c.tag_name().name() == "VersionInfo");
        Self {
            element: node.tag_name().name().to_owned(),
            attributes: node.attributes().map(|a| (a.name().to_owned(), a.value().to_owned())).collect(),
            slots: slots.collect(),
            classifications: children("Classification"),
            identifiers: children("ExternalIdentifier"),
            name: text("Name"),
            description: text("Description"),
            version: version.and_then(|v| v.attribute("versionName")).map(str::to_owned),
            xml: node.document().input_text()[node.range()].to_owned(),
        }
    }

    /// The value of an attribute.
    pub fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == attribute).map(|(_, v)| v.as_str())
    }

    /// @id.
    pub fn id(&self) -> &str {
        self.get("id").expect("an id")
    }

    /// The last word of @status.
    pub fn status(&self) -> &str {
        self.get("status").and_then(|s| s.rsplit(':').next()).unwrap_or("")
    }

    /// The values of a slot.
    pub fn slot(&self, name: &str) -> Option<&[String]> {
        self.slots.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice())
    }

    /// The first value of a slot.
    pub fn value(&self, slot: &str) -> Option<&str> {
        self.slot(slot)?.first().map(String::as_str)
    }

    /// nodeRepresentation of the classifications of a scheme.
    pub fn codes(&self, scheme: &str) -> Vec<&str> {
        let of_scheme = self.classifications.iter().filter(|c| c.get("classificationScheme") == Some(scheme));
        of_scheme.filter_map(|c| c.get("nodeRepresentation")).collect()
    }

    /// The value of an external identifier.
    pub fn identifier(&self, scheme: &str) -> Option<&str> {
        self.identifiers.iter().find(|i| i.get("identificationScheme") == Some(scheme))?.get("value")
    }
}

/// An answer over HTTP to a SOAP request.
pub struct Answer {
    /// As it came.
    pub http: Response,
    /// The envelope.
    pub root: String,
    /// The other parts of an MTOM package.
    pub parts: Vec<Part>,
    /// Whether it came as MTOM.
    pub is_mtom: bool,
}

impl Answer {
    /// Reads an answer and keeps its body for the check against the schemas.
    pub fn read(http: Response) -> Self {
        assert!(!http.cut_short, "the answer was cut short");
        let content_type = http.header("content-type").unwrap_or("").to_owned();
        let is_mtom = content_type.to_ascii_lowercase().starts_with("multipart/");
        let (root, parts) = if is_mtom {
            let mut parts = soap::unpack(&content_type, &http.body).expect("a MIME package");
            assert_eq!(soap::parameter(&content_type, "type").as_deref(), Some("application/xop+xml"), "R-SOAP-01");
            assert_eq!(
                soap::parameter(&content_type, "start-info").as_deref(),
                Some("application/soap+xml"),
                "R-SOAP-01"
            );
            let root = parts.remove(0);
            let root_type = root.header("content-type").unwrap_or("").to_owned();
            assert!(root_type.starts_with("application/xop+xml"), "R-SOAP-01: {root_type}");
            assert_eq!(soap::parameter(&root_type, "type").as_deref(), Some("application/soap+xml"), "R-SOAP-01");
            (root.body, parts)
        } else {
            (http.body.clone(), Vec::new())
        };
        let answer = Self { root: String::from_utf8(root).expect("UTF-8"), http, parts, is_mtom };
        if let Ok(document) = Document::parse(&answer.root)
            && let Some(body) = body_of(&document)
        {
            schemas::keep(body);
        }
        answer
    }

    /// The envelope as a tree.
    pub fn document(&self) -> Document<'_> {
        Document::parse(&self.root).unwrap_or_else(|e| panic!("HTTP {}: {e}: {}", self.http.status, self.root))
    }

    /// The last word of the response's status.
    pub fn status(&self) -> String {
        let document = self.document();
        let body = body_of(&document).unwrap_or_else(|| panic!("no body: {}", self.root));
        let response = body.descendants().find(|n| n.attribute("status").is_some() && n.tag_name().name() != "Fault");
        let status = response.and_then(|n| n.attribute("status")).unwrap_or_else(|| panic!("no status: {}", self.root));
        status.rsplit(':').next().unwrap_or("").to_owned()
    }

    /// Errors and warnings.
    pub fn errors(&self) -> Vec<RegistryError> {
        let document = self.document();
        let errors = document.descendants().filter(|n| n.tag_name().name() == "RegistryError");
        errors
            .map(|n| {
                let get = |name: &str| n.attribute(name).unwrap_or("").to_owned();
                let severity = get("severity").rsplit(':').next().unwrap_or("").to_owned();
                RegistryError {
                    code: get("errorCode"),
                    context: get("codeContext"),
                    location: get("location"),
                    severity,
                }
            })
            .collect()
    }

    /// Accepted, without remarks.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert_eq!(self.http.status, 200, "{}", self.root);
        assert_eq!(self.status(), "Success", "{:?}", self.errors());
        assert_eq!(self.errors(), [], "a clean success has no error list");
        assert!(self.root.contains(&format!("{STATUS}Success")));
        self
    }

    /// Refused with exactly these codes, in any order, all of them errors.
    #[track_caller]
    pub fn expect_codes(&self, codes: &[&str]) {
        assert_eq!(self.http.status, 200, "{}", self.root);
        assert_eq!(self.status(), "Failure", "{}", self.root);
        let errors = self.errors();
        let mut have: Vec<&str> = errors.iter().map(|e| e.code.as_str()).collect();
        let mut want = codes.to_vec();
        have.sort_unstable();
        want.sort_unstable();
        assert_eq!(have, want, "{errors:?}");
        assert!(errors.iter().all(|e| e.severity == "Error" && !e.context.is_empty()), "{errors:?}");
    }

    /// Refused with one error of this code, whose context holds all of these texts.
    #[track_caller]
    pub fn expect_refused(&self, code: &str, context: &[&str]) {
        self.expect_codes(&[code]);
        let error = &self.errors()[0];
        for text in context {
            assert!(error.context.contains(text), "{text:?} is not in the context of {error:?}");
        }
    }

    /// Objects of the answer, in order.
    pub fn objects(&self) -> Vec<Found> {
        let document = self.document();
        let list = document.descendants().find(|n| n.tag_name().name() == "RegistryObjectList");
        let list = list.unwrap_or_else(|| panic!("no RegistryObjectList: {}", self.root));
        list.children().filter(Node::is_element).map(Found::read).collect()
    }

    /// The ids of all objects, sorted.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.objects().iter().map(|o| o.id().to_owned()).collect();
        ids.sort();
        ids
    }

    /// Success with exactly these objects, in any order.
    #[track_caller]
    pub fn expect_ids(self, ids: &[&str]) -> Self {
        let answer = self.expect_success();
        let mut want: Vec<String> = ids.iter().map(|s| (*s).to_owned()).collect();
        want.sort();
        assert_eq!(answer.ids(), want);
        answer
    }

    /// A fault: HTTP status, code, subcode (empty: none). Returns its reason.
    #[track_caller]
    pub fn expect_fault(&self, http_status: u16, code: &str, subcode: &str) -> String {
        assert_eq!(self.http.status, http_status, "{}", self.root);
        let document = self.document();
        let fault = document.descendants().find(|n| n.has_tag_name((SOAP12, "Fault")));
        let fault = fault.unwrap_or_else(|| panic!("no fault: {}", self.root));
        let value_of = |parent: &str| {
            let parent = fault.descendants().find(|n| n.has_tag_name((SOAP12, parent)))?;
            let value = parent.children().find(|n| n.has_tag_name((SOAP12, "Value")))?;
            let (prefix, local) = value.text()?.trim().split_once(':')?;
            Some((value.lookup_namespace_uri(Some(prefix))?.to_owned(), local.to_owned()))
        };
        assert_eq!(value_of("Code"), Some((SOAP12.to_owned(), code.to_owned())), "{}", self.root);
        let have = value_of("Subcode").map(|(_, local)| local).unwrap_or_default();
        assert_eq!(have, subcode, "{}", self.root);
        let text = fault.descendants().find(|n| n.has_tag_name((SOAP12, "Text"))).and_then(|n| n.text());
        text.expect("a reason").to_owned()
    }

    /// The text of a WS-Addressing header.
    pub fn header(&self, name: &str) -> Option<String> {
        let document = self.document();
        let header = document.descendants().find(|n| n.has_tag_name((WSA, name)))?;
        header.text().map(|t| t.trim().to_owned())
    }

    /// The documents of an ITI-43 answer: uniqueId, mimeType, octets.
    pub fn documents(&self) -> Vec<(String, String, Vec<u8>)> {
        let document = self.document();
        let responses = document.descendants().filter(|n| n.tag_name().name() == "DocumentResponse");
        responses
            .map(|r| {
                let child = |name: &str| r.children().find(|n| n.tag_name().name() == name);
                let text = |name: &str| child(name).and_then(|n| n.text()).unwrap_or("").to_owned();
                let content = child("Document").expect("a Document");
                let bytes = match content.first_element_child() {
                    Some(include) => self.part(include.attribute("href").expect("a href")).body.clone(),
                    None => decode_base64(content.text().unwrap_or("")),
                };
                (text("DocumentUniqueId"), text("mimeType"), bytes)
            })
            .collect()
    }

    /// The part that a cid names.
    pub fn part(&self, href: &str) -> &Part {
        let cid = href.strip_prefix("cid:").expect("a cid").replace("%40", "@");
        let part = self.parts.iter().find(|p| p.content_id() == Some(&cid));
        part.unwrap_or_else(|| panic!("no part {cid}"))
    }

    /// What every answer of a transaction must have: Action, RelatesTo, a MessageID of its own.
    #[track_caller]
    pub fn expect_addressing(&self, transaction: Transaction, message_id: &str) {
        assert_eq!(self.header("Action"), Some(format!("{}Response", transaction.action())));
        assert_eq!(self.header("RelatesTo").as_deref(), Some(message_id));
        assert!(self.header("MessageID").is_some_and(|m| m.starts_with("urn:uuid:") && m != message_id));
        let document = self.document();
        let action = document.descendants().find(|n| n.has_tag_name((WSA, "Action"))).expect("an Action");
        assert_eq!(action.attribute((SOAP12, "mustUnderstand")), Some("1"));
    }
}

/// The element inside the SOAP body.
pub fn body_of<'a, 'i>(document: &'a Document<'i>) -> Option<Node<'a, 'i>> {
    document.descendants().find(|n| n.has_tag_name((SOAP12, "Body")))?.first_element_child()
}

fn decode_base64(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let clean: String = text.split_whitespace().collect();
    STANDARD.decode(clean).expect("base64")
}
