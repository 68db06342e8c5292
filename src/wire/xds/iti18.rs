//! ITI-18 Registry Stored Query: query:AdhocQueryRequest and query:AdhocQueryResponse.
//!
//! Source: ITI TF-2 §3.18.4.1 (R-18-01 to R-18-04, R-18-50 to R-18-52).

use super::registry_response::{self, PeerResponse};
use crate::{
    model::{
        QueryAnswer, RegistryResponse,
        rim::{AdhocQueryRequest, SubmitObjectsRequest},
    },
    wire::{
        ebrim::{
            DecodeError,
            body::{self, AnswerStyle, BodyError},
            escape::{write_attribute, write_optional_attribute},
            for_each_child, misplaced, read_object_list, read_slot, write_slot,
        },
        guard::{Element, Ns, XmlReader},
    },
};

/// query:AdhocQueryResponse of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryResponse {
    /// Status and errors.
    pub response: PeerResponse,
    /// Objects of a LeafClass answer, in the shape of a submission.
    pub objects: SubmitObjectsRequest,
    /// Ids of an ObjectRef answer.
    pub object_refs: Vec<Box<str>>,
}

/// Reads query:AdhocQueryRequest after its start, up to its end. What is missing stays empty.
///
/// # Errors
/// When the XML is refused or something stands where the schema has no place for it.
pub fn read_request(reader: &mut XmlReader<'_>) -> Result<AdhocQueryRequest, DecodeError> {
    let mut request = AdhocQueryRequest::default();
    for_each_child(reader, |reader, child| match (child.ns, child.local()) {
        (Ns::Query, "ResponseOption") => {
            request.return_type = child.attribute("returnType").map(|value| value.trim_ascii().into());
            Ok(reader.skip_element()?)
        }
        (Ns::Rim, "AdhocQuery") => read_query(reader, &child, &mut request).map_err(|e| e.within("AdhocQuery")),
        (Ns::Rs, "RequestSlotList") => Ok(reader.skip_element()?),
        _ => Err(misplaced(&child)),
    })
    .map_err(|e| e.within("AdhocQueryRequest"))?;
    Ok(request)
}

fn read_query<'a>(
    reader: &mut XmlReader<'a>,
    element: &Element<'a>,
    request: &mut AdhocQueryRequest,
) -> Result<(), DecodeError> {
    request.query_id = element.attribute("id").unwrap_or_default().trim_ascii().into();
    request.home = element.attribute("home").map(str::trim_ascii).filter(|home| !home.is_empty()).map(Into::into);
    for_each_child(reader, |reader, child| {
        match (child.ns, child.local()) {
            (Ns::Rim, "Slot") => request.slots.push(read_slot(reader, child)?),
            // In the schema, but nothing that a stored query uses.
            (Ns::Rim, "Name" | "Description" | "VersionInfo" | "Classification" | "ExternalIdentifier")
            | (Ns::Rim, "QueryExpression") => reader.skip_element()?,
            _ => return Err(misplaced(&child)),
        }
        Ok(())
    })
}

/// Writes query:AdhocQueryRequest; a return type that is absent is left to the schema's default.
pub fn write_request(out: &mut Vec<u8>, request: &AdhocQueryRequest) {
    out.extend_from_slice(
        b"<query:AdhocQueryRequest xmlns:query=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\" \
          xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"><query:ResponseOption returnComposedObjects=\"true\"",
    );
    write_optional_attribute(out, "returnType", request.return_type.as_deref());
    out.extend_from_slice(b"/><rim:AdhocQuery");
    write_attribute(out, "id", &request.query_id);
    write_optional_attribute(out, "home", request.home.as_deref());
    out.push(b'>');
    for slot in &request.slots {
        write_slot(out, slot);
    }
    out.extend_from_slice(b"</rim:AdhocQuery></query:AdhocQueryRequest>");
}

/// Writes query:AdhocQueryResponse: errors, then objects. The list of objects is always there (decision D9).
///
/// # Errors
/// When the body of an object is damaged; what was written then is of no use.
pub fn write_response(
    out: &mut Vec<u8>,
    response: &RegistryResponse,
    answer: &QueryAnswer,
    style: &AnswerStyle,
) -> Result<(), BodyError> {
    out.extend_from_slice(
        b"<query:AdhocQueryResponse xmlns:query=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\" \
          xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\" \
          xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"",
    );
    write_attribute(out, "status", response.status.as_urn());
    out.push(b'>');
    registry_response::write_error_list(out, response);
    out.extend_from_slice(b"<rim:RegistryObjectList>");
    match answer {
        QueryAnswer::LeafClass(objects) => {
            for object in objects {
                body::write_object(out, object, style)?;
            }
        }
        QueryAnswer::ObjectRef(references) => {
            for (entry_uuid, home) in references {
                out.extend_from_slice(b"<rim:ObjectRef id=\"");
                entry_uuid.write_to(out);
                out.push(b'"');
                if let Some(home) = style.home.as_ref().or(home.as_ref()) {
                    out.extend_from_slice(b" home=\"urn:oid:");
                    out.extend_from_slice(home.oid().as_str().as_bytes());
                    out.push(b'"');
                }
                out.extend_from_slice(b"/>");
            }
        }
    }
    out.extend_from_slice(b"</rim:RegistryObjectList></query:AdhocQueryResponse>");
    Ok(())
}

/// Reads query:AdhocQueryResponse. `element` is its start, read last.
///
/// # Errors
/// When the XML is refused or something stands where the schema has no place for it.
pub fn read_response<'a>(reader: &mut XmlReader<'a>, element: &Element<'a>) -> Result<QueryResponse, DecodeError> {
    let mut objects = SubmitObjectsRequest::default();
    let mut object_refs = Vec::new();
    let response = registry_response::read_response(reader, element, |reader, child| {
        if !child.is(Ns::Rim, "RegistryObjectList") {
            return Err(misplaced(&child));
        }
        read_object_list(reader, &mut objects, Some(&mut object_refs)).map_err(|e| e.within("RegistryObjectList"))
    })
    .map_err(|e| e.within("AdhocQueryResponse"))?;
    Ok(QueryResponse { response, objects, object_refs })
}
