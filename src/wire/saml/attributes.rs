//! Attributes of an assertion, and the HL7 v3 values in them.

use crate::wire::guard::{Element, Event, Ns, XmlError, XmlReader};

use super::children;

/// One saml2:Attribute; the same name may come several times.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attribute {
    /// @Name.
    pub name: Box<str>,
    /// Text of each value that holds only text.
    pub texts: Vec<Box<str>>,
    /// HL7 v3 elements in its values.
    pub coded: Vec<Hl7Value>,
}

/// An element of HL7 v3 (Role, PurposeOfUse, id …): the attributes of CE, CV and II.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hl7Value {
    /// Local name of the element.
    pub element: Box<str>,
    /// code
    pub code: Box<str>,
    /// codeSystem
    pub code_system: Box<str>,
    /// codeSystemName
    pub code_system_name: Box<str>,
    /// displayName
    pub display_name: Box<str>,
    /// root
    pub root: Box<str>,
    /// extension
    pub extension: Box<str>,
}

impl Hl7Value {
    fn read(element: &Element<'_>) -> Self {
        let get = |name| element.attribute(name).unwrap_or_default().trim().into();
        Self {
            element: element.local().into(),
            code: get("code"),
            code_system: get("codeSystem"),
            code_system_name: get("codeSystemName"),
            display_name: get("displayName"),
            root: get("root"),
            extension: get("extension"),
        }
    }
}

/// Reads a saml2:AttributeStatement.
pub(super) fn read_statement(
    reader: &mut XmlReader<'_>,
    attributes: &mut Vec<Attribute>,
    fault: &mut Option<&'static str>,
) -> Result<(), XmlError> {
    children(reader, |reader, child| match (child.ns, child.local()) {
        (Ns::Saml2, "Attribute") => {
            let name = child.attribute("Name").unwrap_or_default().trim().into();
            let mut attribute = Attribute { name, ..Attribute::default() };
            children(reader, |reader, value| match (value.ns, value.local()) {
                (Ns::Saml2, "AttributeValue") => read_value(reader, &mut attribute),
                _ => reader.skip_element(),
            })?;
            attributes.push(attribute);
            Ok(())
        }
        (Ns::Saml2, "EncryptedAttribute") => {
            *fault = Some("EncryptedAttribute");
            reader.skip_element()
        }
        _ => reader.skip_element(),
    })
}

/// A value is a text, or elements; text around elements says nothing.
fn read_value(reader: &mut XmlReader<'_>, attribute: &mut Attribute) -> Result<(), XmlError> {
    let (mut text, mut elements) = (String::new(), false);
    loop {
        match reader.next()? {
            Event::Text(part) => text.push_str(&part),
            Event::Start(element) => {
                elements = true;
                if element.ns == Ns::Hl7 {
                    attribute.coded.push(Hl7Value::read(&element));
                }
                reader.skip_element()?;
            }
            Event::End => break,
            Event::Eof => return Err(XmlError::Unexpected { what: "the end of the document" }),
        }
    }
    if !elements {
        attribute.texts.push(text.trim().into());
    }
    Ok(())
}
