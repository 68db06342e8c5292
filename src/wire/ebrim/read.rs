//! ebRIM from XML. Children are taken in any order, as senders give them (spec §8, 17); unknown attributes are ignored.

use crate::{
    model::rim::{
        Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot, SubmitObjectsRequest,
    },
    wire::{
        ebrim::DecodeError,
        guard::{Element, Event, Ns, XmlReader},
    },
};

/// Reads a rim:RegistryObjectList after its start, up to its end.
///
/// # Errors
/// `Xml` when the XML is refused, `Content` for an element or text where the schema has no place for it.
pub fn read_registry_object_list(reader: &mut XmlReader<'_>) -> Result<SubmitObjectsRequest, DecodeError> {
    let mut list = SubmitObjectsRequest::default();
    read_object_list(reader, &mut list, None)?;
    Ok(list)
}

/// The same into a list that exists; ids of ObjectRefs go into `object_refs`, if it is given.
pub(crate) fn read_object_list(
    reader: &mut XmlReader<'_>,
    list: &mut SubmitObjectsRequest,
    mut object_refs: Option<&mut Vec<Box<str>>>,
) -> Result<(), DecodeError> {
    let mut number = 0;
    for_each_child(reader, |reader, element| {
        number += 1;
        let local = element.local();
        let kind = match (element.ns, local) {
            (Ns::Rim, "ExtrinsicObject") => RimKind::ExtrinsicObject { mime_type: None },
            (Ns::Rim, "RegistryPackage") => RimKind::RegistryPackage,
            (Ns::Rim, "Association") => RimKind::Association {
                association_type: Box::default(),
                source_object: Box::default(),
                target_object: Box::default(),
            },
            (Ns::Rim, "Classification") => {
                let classification = read_classification(reader, element);
                list.classifications.push(classification.map_err(|e| e.within(&segment(local, number)))?);
                return Ok(());
            }
            (Ns::Rim, "ObjectRef") => {
                if let Some(refs) = &mut object_refs {
                    refs.extend(element.attribute("id").map(boxed));
                }
                return Ok(reader.skip_element()?);
            }
            _ => {
                list.foreign_elements.push(local.into());
                return Ok(reader.skip_element()?);
            }
        };
        let object = read_object(reader, element, kind);
        list.objects.push(object.map_err(|e| e.within(&segment(local, number)))?);
        Ok(())
    })
}

fn segment(local: &str, number: usize) -> String {
    format!("{local}[{number}]")
}

/// Calls `read` with the start of each child, up to the end of the element that was entered last.
pub(crate) fn for_each_child<'a>(
    reader: &mut XmlReader<'a>,
    mut read: impl FnMut(&mut XmlReader<'a>, Element<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    loop {
        match reader.next()? {
            Event::Start(element) => read(reader, element)?,
            Event::End | Event::Eof => return Ok(()),
            Event::Text(_) => return Err(DecodeError::content("text between elements")),
        }
    }
}

/// An element that has no place here.
pub(crate) fn misplaced(element: &Element<'_>) -> DecodeError {
    DecodeError::content(format!("element {} has no place here", element.local()))
}

fn boxed(value: &str) -> Box<str> {
    value.trim_ascii().into()
}

fn boxed_non_empty(value: &str) -> Option<Box<str>> {
    Some(boxed(value)).filter(|value| !value.is_empty())
}

fn read_object<'a>(
    reader: &mut XmlReader<'a>,
    element: Element<'a>,
    kind: RimKind,
) -> Result<RegistryObject, DecodeError> {
    let mut object = RegistryObject::new(kind);
    for (ns, name, value) in element.attributes() {
        if ns != Ns::None {
            continue;
        }
        match name {
            "id" => object.id = boxed_non_empty(value),
            "lid" => object.lid = Some(boxed(value)),
            "home" => object.home = boxed_non_empty(value),
            "status" => object.status = Some(boxed(value)),
            "objectType" => object.object_type = Some(boxed(value)),
            _ => match (&mut object.kind, name) {
                (RimKind::ExtrinsicObject { mime_type }, "mimeType") => *mime_type = Some(boxed(value)),
                (RimKind::Association { association_type, .. }, "associationType") => *association_type = boxed(value),
                (RimKind::Association { source_object, .. }, "sourceObject") => *source_object = boxed(value),
                (RimKind::Association { target_object, .. }, "targetObject") => *target_object = boxed(value),
                _ => {}
            },
        }
    }
    let is_extrinsic = matches!(object.kind, RimKind::ExtrinsicObject { .. });
    reader.recycle(element);
    for_each_child(reader, |reader, child| {
        match (child.ns, child.local()) {
            (Ns::Rim, "Slot") => object.slots.push(read_slot(reader, child)?),
            (Ns::Rim, "Name") => {
                object.name_elements += 1;
                read_strings(reader, &mut object.name).map_err(|e| e.within("Name"))?;
            }
            (Ns::Rim, "Description") => {
                read_strings(reader, &mut object.description).map_err(|e| e.within("Description"))?;
            }
            (Ns::Rim, "VersionInfo") => {
                object.version_name = child.attribute("versionName").map(boxed);
                reader.skip_element()?;
            }
            (Ns::Rim, "Classification") => {
                let classification = read_classification(reader, child);
                object.classifications.push(classification.map_err(|e| e.within("Classification"))?);
            }
            (Ns::Rim, "ExternalIdentifier") => {
                let identifier = read_external_identifier(reader, child);
                object.external_identifiers.push(identifier.map_err(|e| e.within("ExternalIdentifier"))?);
            }
            // In the schema, but nothing that Document Sharing uses.
            (Ns::Rim, "ContentVersionInfo") | (Ns::Xds, "Document") if is_extrinsic => reader.skip_element()?,
            _ => return Err(misplaced(&child)),
        }
        Ok(())
    })?;
    Ok(object)
}

/// Reads a rim:Slot whose start was read last.
pub(crate) fn read_slot<'a>(reader: &mut XmlReader<'a>, element: Element<'a>) -> Result<Slot, DecodeError> {
    let name = element.attribute("name").map(boxed).unwrap_or_default();
    reader.recycle(element);
    let mut values = Vec::new();
    let read = for_each_child(reader, |reader, list| {
        if !list.is(Ns::Rim, "ValueList") {
            return Err(misplaced(&list));
        }
        reader.recycle(list);
        for_each_child(reader, |reader, value| {
            if !value.is(Ns::Rim, "Value") {
                return Err(misplaced(&value));
            }
            reader.recycle(value);
            values.push(Box::from(&*reader.text().map_err(|e| DecodeError::from(e).within("Value"))?));
            Ok(())
        })
    });
    match read {
        Ok(()) => Ok(Slot { name, values }),
        Err(error) => Err(error.within("Slot")),
    }
}

/// Reads rim:Slot children up to the end of the element that holds them.
pub(crate) fn read_slot_list(reader: &mut XmlReader<'_>, slots: &mut Vec<Slot>) -> Result<(), DecodeError> {
    for_each_child(reader, |reader, child| {
        if !child.is(Ns::Rim, "Slot") {
            return Err(misplaced(&child));
        }
        slots.push(read_slot(reader, child)?);
        Ok(())
    })
}

fn read_strings(reader: &mut XmlReader<'_>, strings: &mut Vec<LocalizedString>) -> Result<(), DecodeError> {
    for_each_child(reader, |reader, child| {
        if !child.is(Ns::Rim, "LocalizedString") {
            return Err(misplaced(&child));
        }
        strings.push(LocalizedString {
            lang: child.attribute_ns(Ns::Xml, "lang").map(boxed),
            charset: child.attribute("charset").map(boxed),
            value: child.attribute("value").map(boxed).unwrap_or_default(),
        });
        reader.recycle(child);
        Ok(reader.skip_element()?)
    })
}

fn read_classification<'a>(reader: &mut XmlReader<'a>, element: Element<'a>) -> Result<Classification, DecodeError> {
    let mut classification = Classification::default();
    for (ns, name, value) in element.attributes() {
        if ns != Ns::None {
            continue;
        }
        match name {
            "id" => classification.id = boxed_non_empty(value),
            "classificationScheme" => classification.classification_scheme = boxed_non_empty(value),
            "classificationNode" => classification.classification_node = boxed_non_empty(value),
            "classifiedObject" => classification.classified_object = boxed_non_empty(value),
            "nodeRepresentation" => classification.node_representation = Some(boxed(value)),
            "objectType" => classification.object_type = Some(boxed(value)),
            _ => {}
        }
    }
    reader.recycle(element);
    for_each_child(reader, |reader, child| {
        match (child.ns, child.local()) {
            (Ns::Rim, "Slot") => classification.slots.push(read_slot(reader, child)?),
            (Ns::Rim, "Name") => read_strings(reader, &mut classification.name).map_err(|e| e.within("Name"))?,
            (Ns::Rim, "Description") => {
                read_strings(reader, &mut classification.description).map_err(|e| e.within("Description"))?;
            }
            _ => skip_part_of_registry_object(reader, &child)?,
        }
        Ok(())
    })?;
    Ok(classification)
}

fn read_external_identifier<'a>(
    reader: &mut XmlReader<'a>,
    element: Element<'a>,
) -> Result<ExternalIdentifier, DecodeError> {
    let mut identifier = ExternalIdentifier::default();
    for (ns, name, value) in element.attributes() {
        if ns != Ns::None {
            continue;
        }
        match name {
            "id" => identifier.id = boxed_non_empty(value),
            "registryObject" => identifier.registry_object = boxed_non_empty(value),
            "identificationScheme" => identifier.identification_scheme = boxed(value),
            "value" => identifier.value = boxed(value),
            "objectType" => identifier.object_type = Some(boxed(value)),
            _ => {}
        }
    }
    reader.recycle(element);
    for_each_child(reader, |reader, child| {
        match (child.ns, child.local()) {
            (Ns::Rim, "Name") => read_strings(reader, &mut identifier.name).map_err(|e| e.within("Name"))?,
            _ => skip_part_of_registry_object(reader, &child)?,
        }
        Ok(())
    })?;
    Ok(identifier)
}

/// The schema gives classifications and identifiers all that a registry object has; Document Sharing gives it no meaning.
fn skip_part_of_registry_object(reader: &mut XmlReader<'_>, child: &Element<'_>) -> Result<(), DecodeError> {
    match (child.ns, child.local()) {
        (Ns::Rim, "Slot" | "Description" | "VersionInfo" | "Classification" | "ExternalIdentifier") => {
            Ok(reader.skip_element()?)
        }
        _ => Err(misplaced(child)),
    }
}
