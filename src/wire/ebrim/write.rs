//! ebRIM to XML, as it was sent: for a remote registry and for the client commands. The prefix is `rim`, which the
//! element around it declares. Children stand in the order of the schema (spec §1.6).

use super::escape::{write_attribute, write_escaped, write_optional_attribute};
use crate::model::rim::{Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot};

/// Writes an ExtrinsicObject, RegistryPackage or Association.
pub fn write_registry_object(out: &mut Vec<u8>, object: &RegistryObject) {
    let element = match object.kind {
        RimKind::ExtrinsicObject { .. } => "rim:ExtrinsicObject",
        RimKind::RegistryPackage => "rim:RegistryPackage",
        RimKind::Association { .. } => "rim:Association",
    };
    open(out, element);
    write_optional_attribute(out, "id", object.id.as_deref());
    write_optional_attribute(out, "home", object.home.as_deref());
    write_optional_attribute(out, "lid", object.lid.as_deref());
    write_optional_attribute(out, "objectType", object.object_type.as_deref());
    write_optional_attribute(out, "status", object.status.as_deref());
    match &object.kind {
        RimKind::ExtrinsicObject { mime_type } => write_optional_attribute(out, "mimeType", mime_type.as_deref()),
        RimKind::RegistryPackage => {}
        RimKind::Association { association_type, source_object, target_object } => {
            write_attribute(out, "associationType", association_type);
            write_attribute(out, "sourceObject", source_object);
            write_attribute(out, "targetObject", target_object);
        }
    }
    out.push(b'>');
    for slot in &object.slots {
        write_slot(out, slot);
    }
    write_names(out, object);
    write_strings(out, "rim:Description", &object.description);
    if let Some(version_name) = &object.version_name {
        open(out, "rim:VersionInfo");
        write_attribute(out, "versionName", version_name);
        out.extend_from_slice(b"/>");
    }
    for classification in &object.classifications {
        write_classification(out, classification);
    }
    for identifier in &object.external_identifiers {
        write_external_identifier(out, identifier);
    }
    close(out, element);
}

/// As many Name elements as were sent, so that a remote registry finds the same fault.
fn write_names(out: &mut Vec<u8>, object: &RegistryObject) {
    write_strings(out, "rim:Name", &object.name);
    for _ in usize::from(!object.name.is_empty())..object.name_elements {
        out.extend_from_slice(b"<rim:Name/>");
    }
}

fn open(out: &mut Vec<u8>, element: &str) {
    out.push(b'<');
    out.extend_from_slice(element.as_bytes());
}

fn close(out: &mut Vec<u8>, element: &str) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(element.as_bytes());
    out.push(b'>');
}

/// Writes a rim:Slot.
pub(crate) fn write_slot(out: &mut Vec<u8>, slot: &Slot) {
    open(out, "rim:Slot");
    write_attribute(out, "name", &slot.name);
    out.extend_from_slice(b"><rim:ValueList>");
    for value in &slot.values {
        out.extend_from_slice(b"<rim:Value>");
        write_escaped(out, value);
        out.extend_from_slice(b"</rim:Value>");
    }
    out.extend_from_slice(b"</rim:ValueList></rim:Slot>");
}

fn write_strings(out: &mut Vec<u8>, element: &str, strings: &[LocalizedString]) {
    if strings.is_empty() {
        return;
    }
    open(out, element);
    out.push(b'>');
    for string in strings {
        open(out, "rim:LocalizedString");
        write_optional_attribute(out, "xml:lang", string.lang.as_deref());
        write_optional_attribute(out, "charset", string.charset.as_deref());
        write_attribute(out, "value", &string.value);
        out.extend_from_slice(b"/>");
    }
    close(out, element);
}

/// Writes a rim:Classification.
pub(crate) fn write_classification(out: &mut Vec<u8>, classification: &Classification) {
    open(out, "rim:Classification");
    write_optional_attribute(out, "id", classification.id.as_deref());
    write_optional_attribute(out, "objectType", classification.object_type.as_deref());
    write_optional_attribute(out, "classificationScheme", classification.classification_scheme.as_deref());
    write_optional_attribute(out, "classificationNode", classification.classification_node.as_deref());
    write_optional_attribute(out, "classifiedObject", classification.classified_object.as_deref());
    write_optional_attribute(out, "nodeRepresentation", classification.node_representation.as_deref());
    out.push(b'>');
    for slot in &classification.slots {
        write_slot(out, slot);
    }
    write_strings(out, "rim:Name", &classification.name);
    write_strings(out, "rim:Description", &classification.description);
    close(out, "rim:Classification");
}

fn write_external_identifier(out: &mut Vec<u8>, identifier: &ExternalIdentifier) {
    open(out, "rim:ExternalIdentifier");
    write_optional_attribute(out, "id", identifier.id.as_deref());
    write_optional_attribute(out, "objectType", identifier.object_type.as_deref());
    write_optional_attribute(out, "registryObject", identifier.registry_object.as_deref());
    write_attribute(out, "identificationScheme", &identifier.identification_scheme);
    write_attribute(out, "value", &identifier.value);
    out.push(b'>');
    write_strings(out, "rim:Name", &identifier.name);
    close(out, "rim:ExternalIdentifier");
}
