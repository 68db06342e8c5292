//! ITI-42 Register Document Set-b: lcm:SubmitObjectsRequest.
//!
//! Source: ITI TF-2 §3.42.4.1.

use crate::{
    model::rim::SubmitObjectsRequest,
    wire::{
        ebrim::{
            DecodeError, for_each_child, misplaced, read_object_list, read_slot_list, write_classification,
            write_registry_object, write_slot,
        },
        guard::{Ns, XmlReader},
    },
};

/// Reads lcm:SubmitObjectsRequest after its start, up to its end.
///
/// # Errors
/// When the XML is refused or something stands where the schema has no place for it.
pub fn read_request(reader: &mut XmlReader<'_>) -> Result<SubmitObjectsRequest, DecodeError> {
    let mut request = SubmitObjectsRequest::default();
    for_each_child(reader, |reader, child| match (child.ns, child.local()) {
        (Ns::Rs, "RequestSlotList") => {
            read_slot_list(reader, &mut request.request_slots).map_err(|e| e.within("RequestSlotList"))
        }
        (Ns::Rim, "RegistryObjectList") => {
            read_object_list(reader, &mut request, None).map_err(|e| e.within("RegistryObjectList"))
        }
        _ => Err(misplaced(&child)),
    })
    .map_err(|e| e.within("SubmitObjectsRequest"))?;
    Ok(request)
}

/// Writes lcm:SubmitObjectsRequest.
pub fn write_request(out: &mut Vec<u8>, request: &SubmitObjectsRequest) {
    out.extend_from_slice(
        b"<lcm:SubmitObjectsRequest xmlns:lcm=\"urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0\" \
          xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\" \
          xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\">",
    );
    if !request.request_slots.is_empty() {
        out.extend_from_slice(b"<rs:RequestSlotList>");
        for slot in &request.request_slots {
            write_slot(out, slot);
        }
        out.extend_from_slice(b"</rs:RequestSlotList>");
    }
    out.extend_from_slice(b"<rim:RegistryObjectList>");
    for object in &request.objects {
        write_registry_object(out, object);
    }
    for classification in &request.classifications {
        write_classification(out, classification);
    }
    out.extend_from_slice(b"</rim:RegistryObjectList></lcm:SubmitObjectsRequest>");
}
