//! rs:RegistryResponse: the answer to ITI-41 and ITI-42, and the head of those to ITI-18 and ITI-43.
//!
//! Source: ITI TF-3 §4.2.4; ebRS 3.0 §2.1.3 (spec §1.6, §7).

use crate::{
    model::{Finding, RegistryResponse, ResponseStatus, Severity, XdsErrorCode},
    wire::{
        ebrim::{
            DecodeError,
            escape::{write_attribute, write_escaped},
        },
        guard::{Element, Event, Ns, XmlReader},
    },
};

/// Writes rs:RegistryResponse.
pub fn write(out: &mut Vec<u8>, response: &RegistryResponse) {
    out.extend_from_slice(b"<rs:RegistryResponse xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\"");
    write_attribute(out, "status", response.status.as_urn());
    if response.findings.is_empty() {
        out.extend_from_slice(b"/>");
    } else {
        out.push(b'>');
        write_error_list(out, response);
        out.extend_from_slice(b"</rs:RegistryResponse>");
    }
}

/// Writes rs:RegistryErrorList, each finding once; nothing when there is none. The prefix is `rs`.
pub(super) fn write_error_list(out: &mut Vec<u8>, response: &RegistryResponse) {
    let Some(highest) = response.highest_severity() else { return };
    out.extend_from_slice(b"<rs:RegistryErrorList");
    write_attribute(out, "highestSeverity", highest.as_urn());
    out.push(b'>');
    for (index, finding) in response.findings.iter().enumerate() {
        if response.findings.iter().take(index).any(|earlier| earlier == finding) {
            continue;
        }
        out.extend_from_slice(b"<rs:RegistryError");
        write_attribute(out, "errorCode", finding.code.as_str());
        write_attribute(out, "codeContext", &finding.context);
        if !finding.location.is_empty() {
            write_attribute(out, "location", &finding.location);
        }
        out.extend_from_slice(b" severity=\"");
        write_escaped(out, finding.severity.as_urn());
        out.extend_from_slice(b"\"/>");
    }
    out.extend_from_slice(b"</rs:RegistryErrorList>");
}

/// A response of a peer, whose codes may be unknown here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerResponse {
    /// status as sent.
    pub status: Box<str>,
    /// Errors and warnings in order.
    pub errors: Vec<PeerError>,
}

/// One rs:RegistryError of a peer.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerError {
    /// errorCode as sent.
    pub code: Box<str>,
    /// codeContext as sent.
    pub context: Box<str>,
    /// location as sent.
    pub location: Box<str>,
    /// Error unless it says Warning.
    pub severity: Severity,
}

impl std::fmt::Debug for PeerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PeerError({}, {})", self.code, self.severity.as_urn())
    }
}

impl PeerResponse {
    /// The status, if it is one that is known.
    pub fn known_status(&self) -> Option<ResponseStatus> {
        ResponseStatus::from_urn(&self.status)
    }

    /// The response in model terms, to be passed on (R-41-12). A code that knoop does not know becomes `unknown`, and its
    /// name goes before the context; an unknown status becomes Failure.
    pub fn into_response(self, unknown: XdsErrorCode) -> RegistryResponse {
        let status = self.known_status().unwrap_or(ResponseStatus::Failure);
        let findings = self.errors.into_iter().map(|error| {
            let code = XdsErrorCode::from_wire(&error.code);
            let context = match code {
                Some(_) => error.context.into_string(),
                None => format!("{}: {}", error.code, error.context),
            };
            Finding {
                code: code.unwrap_or(unknown),
                context,
                location: error.location.into_string(),
                severity: error.severity,
            }
        });
        RegistryResponse { status, findings: findings.collect() }
    }
}

/// Reads rs:RegistryResponse. `element` is its start, read last.
///
/// # Errors
/// When the XML is refused or something stands where the schema has no place for it.
pub fn read<'a>(reader: &mut XmlReader<'a>, element: &Element<'a>) -> Result<PeerResponse, DecodeError> {
    read_response(reader, element, |_, element| {
        Err(DecodeError::content(format!("element {} has no place here", element.local())))
    })
}

/// Reads an element of type rs:RegistryResponseType; `read_more` takes the children that an extension adds.
pub(super) fn read_response<'a>(
    reader: &mut XmlReader<'a>,
    element: &Element<'a>,
    mut read_more: impl FnMut(&mut XmlReader<'a>, Element<'a>) -> Result<(), DecodeError>,
) -> Result<PeerResponse, DecodeError> {
    let mut response = PeerResponse { status: text_of(element, "status"), errors: Vec::new() };
    loop {
        match reader.next()? {
            Event::Start(child) if child.is(Ns::Rs, "RegistryErrorList") => {
                read_error_list(reader, &mut response.errors).map_err(|e| e.within("RegistryErrorList"))?;
            }
            Event::Start(child) if child.is(Ns::Rs, "ResponseSlotList") => reader.skip_element()?,
            Event::Start(child) => read_more(reader, child)?,
            Event::End | Event::Eof => return Ok(response),
            Event::Text(_) => return Err(DecodeError::content("text between elements")),
        }
    }
}

fn read_error_list(reader: &mut XmlReader<'_>, errors: &mut Vec<PeerError>) -> Result<(), DecodeError> {
    loop {
        match reader.next()? {
            Event::Start(error) if error.is(Ns::Rs, "RegistryError") => {
                let is_warning = error.attribute("severity").is_some_and(|s| s.trim_ascii().ends_with(":Warning"));
                errors.push(PeerError {
                    code: text_of(&error, "errorCode"),
                    context: text_of(&error, "codeContext"),
                    location: text_of(&error, "location"),
                    severity: if is_warning { Severity::Warning } else { Severity::Error },
                });
                reader.skip_element()?;
            }
            Event::Start(_) => reader.skip_element()?,
            Event::End | Event::Eof => return Ok(()),
            Event::Text(_) => {}
        }
    }
}

fn text_of(element: &Element<'_>, attribute: &str) -> Box<str> {
    element.attribute(attribute).unwrap_or_default().trim_ascii().into()
}
