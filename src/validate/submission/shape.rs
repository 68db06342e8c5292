//! Which slots, classifications and external identifiers each kind of object may have, and how many.
//!
//! Source: ITI TF-3 §4.2.1, §4.2.3 (spec §2.1, §2.2: R-42-05 to R-42-08).

use std::collections::HashSet;

use crate::{
    model::{
        Finding, XdsErrorCode,
        rim::{Classification, RegistryObject, Slot},
        vocabulary as v,
    },
    validate::{
        Rules,
        report::{Report, shown},
    },
};

use super::ids::{same_id, same_urn};

/// How many of something an object may have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Multiplicity {
    One,
    Many,
}
use Multiplicity::{Many, One};

/// What an object of one kind may be made of.
pub(super) struct Shape {
    /// Name of the kind with its article, for messages.
    name: &'static str,
    slots: &'static [&'static str],
    classifications: &'static [(&'static str, &'static str, Multiplicity)],
    identifiers: &'static [(&'static str, &'static str)],
    node: Option<&'static str>,
    limited_metadata: Option<&'static str>,
}

/// DocumentEntry.
pub(super) const DOCUMENT_ENTRY: Shape = Shape {
    name: "a DocumentEntry",
    slots: &[
        v::SLOT_CREATION_TIME,
        v::SLOT_HASH,
        v::SLOT_LANGUAGE_CODE,
        v::SLOT_LEGAL_AUTHENTICATOR,
        v::SLOT_REFERENCE_ID_LIST,
        v::SLOT_REPOSITORY_UNIQUE_ID,
        v::SLOT_SERVICE_START_TIME,
        v::SLOT_SERVICE_STOP_TIME,
        v::SLOT_SIZE,
        v::SLOT_SOURCE_PATIENT_ID,
        v::SLOT_SOURCE_PATIENT_INFO,
        v::SLOT_URI,
        v::SLOT_DOCUMENT_AVAILABILITY,
    ],
    classifications: &[
        (v::DE_AUTHOR, "author", Many),
        (v::DE_CLASS_CODE, "classCode", One),
        (v::DE_CONFIDENTIALITY_CODE, "confidentialityCode", Many),
        (v::DE_EVENT_CODE_LIST, "eventCodeList", Many),
        (v::DE_FORMAT_CODE, "formatCode", One),
        (v::DE_HEALTHCARE_FACILITY_TYPE_CODE, "healthcareFacilityTypeCode", One),
        (v::DE_PRACTICE_SETTING_CODE, "practiceSettingCode", One),
        (v::DE_TYPE_CODE, "typeCode", One),
    ],
    identifiers: &[(v::DE_PATIENT_ID, "patientId"), (v::DE_UNIQUE_ID, "uniqueId")],
    node: None,
    limited_metadata: Some(v::DE_LIMITED_METADATA),
};

/// SubmissionSet.
pub(super) const SUBMISSION_SET: Shape = Shape {
    name: "a SubmissionSet",
    slots: &[v::SLOT_SUBMISSION_TIME, v::SLOT_INTENDED_RECIPIENT],
    classifications: &[(v::SS_AUTHOR, "author", Many), (v::SS_CONTENT_TYPE_CODE, "contentTypeCode", One)],
    identifiers: &[(v::SS_PATIENT_ID, "patientId"), (v::SS_SOURCE_ID, "sourceId"), (v::SS_UNIQUE_ID, "uniqueId")],
    node: Some(v::SUBMISSION_SET_NODE),
    limited_metadata: Some(v::SS_LIMITED_METADATA),
};

/// Folder.
pub(super) const FOLDER: Shape = Shape {
    name: "a Folder",
    slots: &[v::SLOT_LAST_UPDATE_TIME],
    classifications: &[(v::FD_CODE_LIST, "codeList", Many)],
    identifiers: &[(v::FD_PATIENT_ID, "patientId"), (v::FD_UNIQUE_ID, "uniqueId")],
    node: Some(v::FOLDER_NODE),
    limited_metadata: Some(v::FD_LIMITED_METADATA),
};

/// Association.
pub(super) const ASSOCIATION: Shape = Shape {
    name: "an Association",
    slots: &[v::SLOT_SUBMISSION_SET_STATUS],
    classifications: &[(v::ASSOCIATION_DOCUMENTATION, "documentation", One)],
    identifiers: &[],
    node: None,
    limited_metadata: None,
};

/// The attribute that an external identifier is, by its scheme.
pub(super) fn identifier_name(scheme: &str) -> &'static str {
    let known = [&DOCUMENT_ENTRY, &SUBMISSION_SET, &FOLDER].into_iter().flat_map(|shape| shape.identifiers);
    known.into_iter().find(|(known, _)| *known == scheme).map_or("ExternalIdentifier", |(_, name)| name)
}

impl Shape {
    /// Checks what an object is made of, and drops extra metadata that are not to be kept.
    pub(super) fn check(
        &self,
        object: &mut RegistryObject,
        label: &str,
        rules: &Rules,
        report: &mut Report,
        warnings: &mut Vec<Finding>,
    ) {
        self.check_slots(object, label, rules, report, warnings);
        self.check_classifications(object, label, report);
        self.check_identifiers(object, label, report);
    }

    fn check_slots(
        &self,
        object: &mut RegistryObject,
        label: &str,
        rules: &Rules,
        report: &mut Report,
        warnings: &mut Vec<Finding>,
    ) {
        let mut names = HashSet::with_capacity(object.slots.len());
        for Slot { name, .. } in &object.slots {
            if !names.insert(&**name) {
                report.metadata("R-META-11", format!("{label}: the slot {} is there twice", shown(name)));
            }
            if !self.slots.contains(&&**name) && !is_extra_metadata(name) && !rules.allowed_slots.contains(name) {
                let context = format!(
                    "{label}: {} has no slot {}; extra metadata have a URN as name, not beginning with urn:ihe:",
                    self.name,
                    shown(name)
                );
                report.metadata("R-42-05", context);
            }
        }
        if !rules.save_extra_metadata {
            object.slots.retain(|Slot { name, .. }| {
                let keep = self.slots.contains(&&**name) || !is_extra_metadata(name);
                if !keep {
                    let context = format!("{label}: slot {} was not saved", shown(name));
                    warnings.push(Finding::warning(XdsErrorCode::ExtraMetadataNotSaved, "R-42-06", context));
                }
                keep
            });
        }
    }

    fn check_classifications(&self, object: &mut RegistryObject, label: &str, report: &mut Report) {
        let mut seen = HashSet::new();
        let id = object.id.clone();
        for classification in &mut object.classifications {
            check_belongs(classification, id.as_deref(), label, report);
            let scheme = classification.classification_scheme.as_deref().filter(|s| !s.is_empty());
            let node = classification.classification_node.as_deref().filter(|n| !n.is_empty());
            match (scheme, node) {
                (Some(scheme), Some(_)) => report.metadata(
                    "R-META-22",
                    format!(
                        "{label}: the Classification of scheme {} must not have a classificationNode",
                        shown(scheme)
                    ),
                ),
                (Some(scheme), None) => match self.classifications.iter().find(|c| same_urn(c.0, scheme)) {
                    None => report.metadata(
                        "R-42-07",
                        format!("{label}: {} has no classificationScheme {}", self.name, shown(scheme)),
                    ),
                    Some((known, attribute, multiplicity)) => {
                        classification.classification_scheme = Some((*known).into());
                        if !seen.insert(*known) && *multiplicity == One {
                            report.metadata("R-42-08", format!("{label}: {attribute} is there twice, once is allowed"));
                        }
                    }
                },
                (None, Some(node)) if self.node.is_some_and(|n| same_urn(n, node)) => {}
                (None, Some(node)) if self.limited_metadata.is_some_and(|n| same_urn(n, node)) => report.metadata(
                    "R-META-35",
                    format!("{label}: limitedMetadata is for media and XDR; a registry needs the whole metadata"),
                ),
                (None, Some(node)) => report
                    .metadata("R-42-07", format!("{label}: {} has no classificationNode {}", self.name, shown(node))),
                (None, None) => report.metadata(
                    "R-42-07",
                    format!("{label}: a Classification has neither classificationScheme nor classificationNode"),
                ),
            }
        }
    }

    fn check_identifiers(&self, object: &mut RegistryObject, label: &str, report: &mut Report) {
        let mut seen = HashSet::new();
        let id = object.id.clone();
        for identifier in &mut object.external_identifiers {
            if is_other_type(identifier.object_type.as_deref(), v::OBJECT_TYPE_EXTERNAL_IDENTIFIER) {
                let context = format!("{label}: the objectType of an ExternalIdentifier is another one's");
                report.metadata("R-META-01", context);
            }
            let scheme = &identifier.identification_scheme;
            if !identifier.registry_object.as_deref().is_some_and(|object| same_id(object, id.as_deref())) {
                let found = shown(identifier.registry_object.as_deref().unwrap_or_default());
                let context = format!(
                    "{label}: registryObject {found} of the ExternalIdentifier {} is not the id of its object",
                    shown(scheme)
                );
                report.metadata("R-42-08", context);
            }
            match self.identifiers.iter().find(|known| same_urn(known.0, scheme)) {
                None => report.metadata(
                    "R-42-07",
                    format!("{label}: {} has no identificationScheme {}", self.name, shown(scheme)),
                ),
                Some((known, attribute)) => {
                    identifier.identification_scheme = (*known).into();
                    if !seen.insert(*known) {
                        report.metadata("R-42-08", format!("{label}: {attribute} is there twice, once is allowed"));
                    }
                }
            }
        }
    }
}

fn check_belongs(classification: &Classification, id: Option<&str>, label: &str, report: &mut Report) {
    if is_other_type(classification.object_type.as_deref(), v::OBJECT_TYPE_CLASSIFICATION) {
        report.metadata("R-META-01", format!("{label}: the objectType of a Classification is another one's"));
    }
    if !classification.classified_object.as_deref().is_some_and(|object| same_id(object, id)) {
        let found = shown(classification.classified_object.as_deref().unwrap_or_default());
        let context = format!("{label}: classifiedObject {found} of a Classification is not the id of its object");
        report.metadata("R-42-08", context);
    }
}

/// Whether an objectType is there and names another kind; it may be absent (spec §2.1).
fn is_other_type(found: Option<&str>, expected: &str) -> bool {
    found.is_some_and(|found| !found.is_empty() && !same_urn(expected, found))
}

/// Whether a slot name is that of extra metadata: a URN of somebody else. Source: ITI TF-3 §4.2.3.1.6.
fn is_extra_metadata(name: &str) -> bool {
    let mut parts = name.splitn(3, ':');
    let urn = parts.next().is_some_and(|p| p.eq_ignore_ascii_case("urn"));
    let namespace = parts.next().unwrap_or_default();
    let rest = parts.next().is_some_and(|p| !p.is_empty());
    let fits = (2..=32).contains(&namespace.len())
        && !namespace.starts_with('-')
        && namespace.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    urn && rest && fits && !namespace.eq_ignore_ascii_case("ihe")
}

#[cfg(test)]
mod tests {
    use super::is_extra_metadata;

    #[test]
    fn r_42_05_extra_metadata_are_urns_of_others() {
        for name in ["urn:example.org:ward", "urn:oid:1.2.3", "URN:nl-hospital:x", "urn:uuid:x"] {
            assert!(is_extra_metadata(name), "{name}");
        }
        for name in
            ["ward", "urn:ihe:iti:xds:2013:unknown", "URN:IHE:x", "urn:x", "urn:example:", "urn::x", "http://x/y", ""]
        {
            assert!(!is_extra_metadata(name), "{name}");
        }
    }
}
