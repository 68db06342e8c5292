//! Sample submissions and queries. Defaults are in order; a test changes what it is about.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    privacy::{BIRTH_DATE, NAME_MARK, PATIENT_MARK, TITLE_MARK},
    soap::{NAMESPACES, escape},
};

/// Names of the standard. Source: ITI TF-3 §4.2.
pub mod names {
    pub const DE_AUTHOR: &str = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d";
    pub const CLASS_CODE: &str = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a";
    pub const CONFIDENTIALITY_CODE: &str = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f";
    pub const EVENT_CODE_LIST: &str = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4";
    pub const FORMAT_CODE: &str = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d";
    pub const FACILITY_TYPE_CODE: &str = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1";
    pub const PRACTICE_SETTING_CODE: &str = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead";
    pub const TYPE_CODE: &str = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983";
    pub const DE_PATIENT_ID: &str = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427";
    pub const DE_UNIQUE_ID: &str = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab";
    pub const SS_AUTHOR: &str = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d";
    pub const CONTENT_TYPE_CODE: &str = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500";
    pub const SS_PATIENT_ID: &str = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446";
    pub const SS_SOURCE_ID: &str = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832";
    pub const SS_UNIQUE_ID: &str = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8";
    pub const SS_NODE: &str = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd";
    pub const CODE_LIST: &str = "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5";
    pub const FD_PATIENT_ID: &str = "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a";
    pub const FD_UNIQUE_ID: &str = "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a";
    pub const FD_NODE: &str = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2";
    pub const DOCUMENTATION: &str = "urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3";
    pub const STABLE: &str = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1";
    pub const ON_DEMAND: &str = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248";
    pub const HAS_MEMBER: &str = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember";
    pub const RPLC: &str = "urn:ihe:iti:2007:AssociationType:RPLC";
    pub const APND: &str = "urn:ihe:iti:2007:AssociationType:APND";
    pub const XFRM: &str = "urn:ihe:iti:2007:AssociationType:XFRM";
    pub const XFRM_RPLC: &str = "urn:ihe:iti:2007:AssociationType:XFRM_RPLC";
    pub const SIGNS: &str = "urn:ihe:iti:2007:AssociationType:signs";
    pub const SNAPSHOT: &str = "urn:ihe:iti:2010:AssociationType:IsSnapshotOf";
    pub const REFERENCE_IDS: &str = "urn:ihe:iti:xds:2013:referenceIdList";
    pub const APPROVED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved";
    pub const DEPRECATED: &str = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated";
    pub const LOINC: &str = "2.16.840.1.113883.6.1";
    pub const SNOMED: &str = "2.16.840.1.113883.6.96";
}
use names::*;

static COUNT: AtomicU64 = AtomicU64::new(1);

fn random() -> u64 {
    RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A random number.
pub fn number() -> u64 {
    random()
}

/// A fresh OID.
pub fn oid() -> String {
    format!("2.25.{}{:010}", random(), random() % 10_000_000_000)
}

/// A fresh UUID as on the wire.
pub fn uuid() -> String {
    let (a, b) = (random(), random());
    let (c, d) = (0x4000 | (b & 0xfff), 0x8000 | (b >> 12 & 0x3fff));
    format!("urn:uuid:{:08x}-{:04x}-{c:04x}-{d:04x}-{:012x}", a >> 32, a >> 16 & 0xffff, random() & 0xffff_ffff_ffff)
}

/// A fresh patient, as CX.
pub fn patient() -> String {
    format!("{PATIENT_MARK}-{:x}-{}^^^&2.999.7.1&ISO", random(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A Classification as it is sent.
#[derive(Clone)]
pub struct Classification {
    /// @id.
    pub id: String,
    /// Other attributes.
    pub attributes: Vec<(String, String)>,
    /// Slots.
    pub slots: Vec<(String, Vec<String>)>,
    /// Name.
    pub name: Option<String>,
}

/// An object of a submission: any of the three kinds, every part open to change.
#[derive(Clone)]
pub struct Object {
    /// Element name.
    pub element: &'static str,
    /// Attributes, `id` first.
    pub attributes: Vec<(String, String)>,
    /// Slots in order.
    pub slots: Vec<(String, Vec<String>)>,
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Classifications in order.
    pub classifications: Vec<Classification>,
    /// External identifiers: scheme and value.
    pub identifiers: Vec<(String, String)>,
    /// XML put at the end of the element.
    pub raw: String,
}

impl Object {
    fn new(element: &'static str, id: &str) -> Self {
        Self {
            element,
            attributes: vec![("id".to_owned(), id.to_owned())],
            slots: Vec::new(),
            name: None,
            description: None,
            classifications: Vec::new(),
            identifiers: Vec::new(),
            raw: String::new(),
        }
    }

    /// @id.
    pub fn id(&self) -> String {
        self.get("id")
    }

    /// The value of an attribute, or nothing.
    pub fn get(&self, name: &str) -> String {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
    }

    /// Gives it another id; classifications and identifiers follow.
    pub fn with_id(self, id: &str) -> Self {
        self.set("id", id)
    }

    /// Sets an attribute.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        match self.attributes.iter_mut().find(|(n, _)| n == name) {
            Some(attribute) => attribute.1 = value.to_owned(),
            None => self.attributes.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Takes an attribute away.
    pub fn unset(mut self, name: &str) -> Self {
        self.attributes.retain(|(n, _)| n != name);
        self
    }

    /// Sets a slot; a new one comes last.
    pub fn slot(mut self, name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        match self.slots.iter_mut().find(|(n, _)| n == name) {
            Some(slot) => slot.1 = values,
            None => self.slots.push((name.to_owned(), values)),
        }
        self
    }

    /// Adds a slot even where there is one of this name.
    pub fn another_slot(mut self, name: &str, values: &[&str]) -> Self {
        self.slots.push((name.to_owned(), values.iter().map(|v| (*v).to_owned()).collect()));
        self
    }

    /// Takes a slot away.
    pub fn without_slot(mut self, name: &str) -> Self {
        self.slots.retain(|(n, _)| n != name);
        self
    }

    /// The first value of a slot.
    pub fn value(&self, name: &str) -> String {
        self.slots.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.first().cloned()).unwrap_or_default()
    }

    /// The only code of a scheme.
    pub fn code(self, scheme: &str, code: &str, system: &str) -> Self {
        self.without_scheme(scheme).another_code(scheme, code, system)
    }

    /// One more code of a scheme.
    pub fn another_code(mut self, scheme: &str, code: &str, system: &str) -> Self {
        self.classifications.push(coded(scheme, code, system));
        self
    }

    /// One more Classification.
    pub fn classification(mut self, classification: Classification) -> Self {
        self.classifications.push(classification);
        self
    }

    /// Takes the Classifications of a scheme or node away.
    pub fn without_scheme(mut self, scheme: &str) -> Self {
        self.classifications.retain(|c| !c.attributes.iter().any(|(_, v)| v == scheme));
        self
    }

    /// Changes each Classification of a scheme.
    pub fn change_scheme(mut self, scheme: &str, change: impl Fn(&mut Classification)) -> Self {
        let of_scheme = self.classifications.iter_mut().filter(|c| c.attributes.iter().any(|(_, v)| v == scheme));
        of_scheme.for_each(change);
        self
    }

    /// Adds an author with these slots.
    pub fn author(mut self, scheme: &str, slots: &[(&str, &[&str])]) -> Self {
        let slots = slots.iter().map(|(n, v)| ((*n).to_owned(), v.iter().map(|v| (*v).to_owned()).collect())).collect();
        let attributes = vec![
            ("classificationScheme".to_owned(), scheme.to_owned()),
            ("nodeRepresentation".to_owned(), String::new()),
        ];
        self.classifications.push(Classification { id: format!("cl-{:x}", random()), attributes, slots, name: None });
        self
    }

    /// Sets an external identifier.
    pub fn identifier(mut self, scheme: &str, value: &str) -> Self {
        match self.identifiers.iter_mut().find(|(s, _)| s == scheme) {
            Some(identifier) => identifier.1 = value.to_owned(),
            None => self.identifiers.push((scheme.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds an external identifier even where there is one of this scheme.
    pub fn another_identifier(mut self, scheme: &str, value: &str) -> Self {
        self.identifiers.push((scheme.to_owned(), value.to_owned()));
        self
    }

    /// Takes an external identifier away.
    pub fn without_identifier(mut self, scheme: &str) -> Self {
        self.identifiers.retain(|(s, _)| s != scheme);
        self
    }

    /// The value of an external identifier.
    pub fn identified(&self, scheme: &str) -> String {
        self.identifiers.iter().find(|(s, _)| s == scheme).map(|(_, v)| v.clone()).unwrap_or_default()
    }

    /// uniqueId of a document, set or folder.
    pub fn unique_id(&self) -> String {
        [DE_UNIQUE_ID, SS_UNIQUE_ID, FD_UNIQUE_ID]
            .into_iter()
            .map(|s| self.identified(s))
            .find(|v| !v.is_empty())
            .unwrap_or_default()
    }

    /// Name.
    pub fn named(mut self, name: Option<&str>) -> Self {
        self.name = name.map(str::to_owned);
        self
    }

    /// Description.
    pub fn described(mut self, description: &str) -> Self {
        self.description = Some(description.to_owned());
        self
    }

    /// XML at the end of the element.
    pub fn raw(mut self, xml: &str) -> Self {
        self.raw.push_str(xml);
        self
    }

    /// The element.
    pub fn xml(&self) -> String {
        let id = escape(&self.id());
        let mut out = format!("<rim:{}{}>", self.element, attributes(&self.attributes));
        out.push_str(&slots(&self.slots));
        for (tag, text) in [("Name", &self.name), ("Description", &self.description)] {
            out.push_str(&text.as_ref().map(|t| localized(tag, t)).unwrap_or_default());
        }
        for c in &self.classifications {
            let own = c.attributes.iter().any(|(n, _)| n == "classifiedObject");
            let classified = if own { String::new() } else { format!(" classifiedObject=\"{id}\"") };
            out.push_str(&format!(
                "<rim:Classification id=\"{}\"{classified}{}>",
                escape(&c.id),
                attributes(&c.attributes)
            ));
            out.push_str(&slots(&c.slots));
            out.push_str(&c.name.as_ref().map(|n| localized("Name", n)).unwrap_or_default());
            out.push_str("</rim:Classification>");
        }
        for (scheme, value) in &self.identifiers {
            out.push_str(&format!(
                "<rim:ExternalIdentifier id=\"ei-{:x}\" registryObject=\"{id}\" identificationScheme=\"{}\" value=\"{}\">\
                 <rim:Name><rim:LocalizedString value=\"identifier\"/></rim:Name></rim:ExternalIdentifier>",
                random(),
                escape(scheme),
                escape(value)
            ));
        }
        format!("{out}{}</rim:{}>", self.raw, self.element)
    }
}

fn attributes(list: &[(String, String)]) -> String {
    list.iter().map(|(n, v)| format!(" {n}=\"{}\"", escape(v))).collect()
}

fn slots(list: &[(String, Vec<String>)]) -> String {
    let value = |v: &String| format!("<rim:Value>{}</rim:Value>", escape(v));
    list.iter()
        .map(|(name, values)| {
            let values: String = values.iter().map(value).collect();
            format!("<rim:Slot name=\"{}\"><rim:ValueList>{values}</rim:ValueList></rim:Slot>", escape(name))
        })
        .collect()
}

fn localized(tag: &str, text: &str) -> String {
    format!(
        "<rim:{tag}><rim:LocalizedString xml:lang=\"nl-NL\" charset=\"UTF-8\" value=\"{}\"/></rim:{tag}>",
        escape(text)
    )
}

/// A coded Classification.
pub fn coded(scheme: &str, code: &str, system: &str) -> Classification {
    Classification {
        id: format!("cl-{:x}", random()),
        attributes: vec![
            ("classificationScheme".to_owned(), scheme.to_owned()),
            ("nodeRepresentation".to_owned(), code.to_owned()),
        ],
        slots: vec![("codingScheme".to_owned(), vec![system.to_owned()])],
        name: Some(format!("display of {code}")),
    }
}

/// A marking Classification.
pub fn mark(node: &str) -> Classification {
    Classification {
        id: format!("cl-{:x}", random()),
        attributes: vec![("classificationNode".to_owned(), node.to_owned())],
        slots: Vec::new(),
        name: None,
    }
}

/// A stable DocumentEntry as a repository would register it.
pub fn document(patient: &str) -> Object {
    let hash = format!("{:016x}{:016x}{:08x}", random(), random(), random() as u32);
    let person = format!("4711^{NAME_MARK}^Anna^^^Dr^^^&2.999.7.2&ISO");
    let info = format!("PID-5|{NAME_MARK}^Erika^^^^^L");
    let mut object = provided(patient)
        .slot("legalAuthenticator", &[&person])
        .slot("sourcePatientInfo", &[&format!("PID-3|{patient}"), &info, &format!("PID-7|{BIRTH_DATE}"), "PID-8|F"])
        .slot("repositoryUniqueId", &["2.999.10.1"])
        .slot("size", &["43"])
        .slot("hash", &[&hash]);
    object.description = Some(format!("{TITLE_MARK} opmerking"));
    object
}

/// A stable DocumentEntry as a source would provide it (ITI-41).
pub fn provided(patient: &str) -> Object {
    let id = format!("Document{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let person = format!("4711^{NAME_MARK}^Anna^^^Dr^^^&2.999.7.2&ISO");
    Object::new("ExtrinsicObject", &id)
        .set("mimeType", "text/plain")
        .set("objectType", STABLE)
        .slot("creationTime", &["20240305141500"])
        .slot("languageCode", &["nl-NL"])
        .slot("serviceStartTime", &["202403010800"])
        .slot("serviceStopTime", &["202403051200"])
        .slot("sourcePatientId", &[patient])
        .named(Some(&format!("{TITLE_MARK} ontslagbrief")))
        .author(
            DE_AUTHOR,
            &[
                ("authorPerson", &[person.as_str()]),
                ("authorInstitution", &["Sample Clinic^^^^^^^^^2.999.7.3"]),
                ("authorRole", &["PRF^^^&2.16.840.1.113883.5.90&ISO"]),
                ("authorSpecialty", &["Cardiology"]),
                ("authorTelecommunication", &["^^Internet^anna@clinic.invalid"]),
            ],
        )
        .code(CLASS_CODE, "18842-5", LOINC)
        .code(CONFIDENTIALITY_CODE, "N", "2.16.840.1.113883.5.25")
        .code(FORMAT_CODE, "urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3")
        .code(FACILITY_TYPE_CODE, "22232009", SNOMED)
        .code(PRACTICE_SETTING_CODE, "394579002", SNOMED)
        .code(TYPE_CODE, "11490-0", LOINC)
        .identifier(DE_PATIENT_ID, patient)
        .identifier(DE_UNIQUE_ID, &oid())
}

/// A SubmissionSet.
pub fn submission_set(patient: &str) -> Object {
    let person = format!("^{NAME_MARK}^Anna");
    Object::new("RegistryPackage", "SubmissionSet01")
        .slot("submissionTime", &["20240305142001"])
        .named(Some(&format!("{TITLE_MARK} zending")))
        .classification(mark(SS_NODE))
        .author(SS_AUTHOR, &[("authorPerson", &[person.as_str()])])
        .code(CONTENT_TYPE_CODE, "DISCH", "2.999.30.1")
        .identifier(SS_PATIENT_ID, patient)
        .identifier(SS_SOURCE_ID, "2.999.40.1")
        .identifier(SS_UNIQUE_ID, &oid())
}

/// A Folder.
pub fn folder(patient: &str) -> Object {
    Object::new("RegistryPackage", &format!("Folder{}", COUNT.fetch_add(1, Ordering::Relaxed)))
        .named(Some(&format!("{TITLE_MARK} map")))
        .classification(mark(FD_NODE))
        .code(CODE_LIST, "EPISODE", "2.999.30.2")
        .identifier(FD_PATIENT_ID, patient)
        .identifier(FD_UNIQUE_ID, &oid())
}

/// An Association.
pub fn association(kind: &str, source: &str, target: &str) -> Object {
    Object::new("Association", &format!("Association{}", COUNT.fetch_add(1, Ordering::Relaxed)))
        .set("associationType", kind)
        .set("sourceObject", source)
        .set("targetObject", target)
}

/// A submission: a set and what belongs to it.
#[derive(Clone)]
pub struct Submission {
    /// The SubmissionSet.
    pub set: Object,
    /// Everything else, in order.
    pub objects: Vec<Object>,
    /// XML put at the end of the list.
    pub raw: String,
}

impl Submission {
    /// A set without content.
    pub fn of(patient: &str) -> Self {
        Self { set: submission_set(patient), objects: Vec::new(), raw: String::new() }
    }

    /// A set with these documents.
    pub fn with(patient: &str, documents: &[&Object]) -> Self {
        documents.iter().fold(Self::of(patient), |s, d| s.document(d))
    }

    /// Adds a document and its membership of the set.
    pub fn document(mut self, document: &Object) -> Self {
        self.objects.push(document.clone());
        let target = document.id();
        self.reference("Original", &target)
    }

    /// Adds a folder and its membership of the set.
    pub fn folder(mut self, folder: &Object) -> Self {
        self.objects.push(folder.clone());
        let member = association(HAS_MEMBER, &self.set.id(), &folder.id());
        self.object(member)
    }

    /// Adds a membership of the set with this SubmissionSetStatus.
    pub fn reference(self, status: &str, target: &str) -> Self {
        let member = association(HAS_MEMBER, &self.set.id(), target).slot("SubmissionSetStatus", &[status]);
        self.object(member)
    }

    /// Puts a document into a folder, by ids, and that membership into the set.
    pub fn member(self, folder: &str, document: &str) -> Self {
        let member = association(HAS_MEMBER, folder, document);
        let of_set = association(HAS_MEMBER, &self.set.id(), &member.id());
        self.object(member).object(of_set)
    }

    /// Adds a relationship.
    pub fn relate(self, kind: &str, source: &str, target: &str) -> Self {
        self.object(association(kind, source, target))
    }

    /// Adds any object.
    pub fn object(mut self, object: Object) -> Self {
        self.objects.push(object);
        self
    }

    /// Changes the set.
    pub fn set(mut self, change: impl FnOnce(Object) -> Object) -> Self {
        self.set = change(self.set);
        self
    }

    /// XML at the end of the list.
    pub fn raw(mut self, xml: &str) -> Self {
        self.raw.push_str(xml);
        self
    }

    /// lcm:SubmitObjectsRequest.
    pub fn xml(&self) -> String {
        let objects: String = self.objects.iter().map(Object::xml).collect();
        format!(
            "<lcm:SubmitObjectsRequest {NAMESPACES}><rim:RegistryObjectList>{}{objects}{}</rim:RegistryObjectList>\
             </lcm:SubmitObjectsRequest>",
            self.set.xml(),
            self.raw
        )
    }
}
