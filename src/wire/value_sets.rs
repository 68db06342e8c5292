//! Value sets of a community from a `codes.xml`, as the test tools of IHE keep it.
//!
//! Uses `model` and `wire::guard`. Small and rare, so `yaserde` reads it; the guard looks at it first, like at all XML. An
//! element `CodeType` is one attribute, an element `Code` one code of it; attributes are known by `classScheme`, and by
//! `name` where there is none. The codes of `mimeType` have no coding scheme and are given apart.
//!
//! Source: ITI TF-3 §4.2.3.2 (R-42-18, R-META-25).

use yaserde::YaDeserialize;

use super::guard::{Event, Ns, XmlError, XmlLimits, XmlReader};
use crate::model::{CodeValue, vocabulary as v};

/// The allowed codes of each attribute, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueSets {
    /// Name of the attribute (`classCode`, `codeList` for folders, `documentation` for associations, …) and its codes.
    pub codes: Vec<(Box<str>, Vec<CodeValue>)>,
    /// Media types.
    pub media_types: Vec<Box<str>>,
}

/// Why a `codes.xml` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueSetError {
    /// Not XML that is read.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Not the elements that are expected.
    #[error("not a codes.xml: {0}")]
    Structure(String),
    /// A code without value or scheme.
    #[error("attribute {attribute}: code {code:?} has no code or no codingScheme")]
    Code {
        /// The attribute.
        attribute: Box<str>,
        /// The code as it stands there.
        code: String,
    },
}

#[derive(Debug, YaDeserialize)]
#[yaserde(rename = "Codes")]
struct Codes {
    #[yaserde(rename = "CodeType")]
    code_types: Vec<CodeType>,
}

#[derive(Debug, YaDeserialize)]
#[yaserde(rename = "CodeType")]
struct CodeType {
    #[yaserde(attribute = true)]
    name: String,
    #[yaserde(attribute = true, rename = "classScheme")]
    class_scheme: Option<String>,
    #[yaserde(rename = "Code")]
    codes: Vec<CodeElement>,
}

#[derive(Debug, YaDeserialize)]
#[yaserde(rename = "Code")]
struct CodeElement {
    #[yaserde(attribute = true)]
    code: String,
    #[yaserde(attribute = true, rename = "codingScheme")]
    coding_scheme: Option<String>,
}

/// Reads the text of a `codes.xml`. An attribute that is given twice has the codes of both.
///
/// # Errors
/// When it is not such a file, or a code has no coding scheme.
pub fn read(text: &str) -> Result<ValueSets, ValueSetError> {
    let mut reader = XmlReader::new(text, &XmlLimits::default());
    // yaserde takes any root element.
    let is_codes = matches!(reader.next()?, Event::Start(root) if root.is(Ns::None, "Codes"));
    while !matches!(reader.next()?, Event::Eof) {}
    if !is_codes {
        return Err(ValueSetError::Structure("the root element is not Codes".to_owned()));
    }
    let file: Codes = yaserde::de::from_str(text).map_err(|error| ValueSetError::Structure(error.to_string()))?;
    let mut sets = ValueSets::default();
    for code_type in file.code_types {
        if code_type.name == "mimeType" {
            sets.media_types.extend(code_type.codes.into_iter().map(|code| code.code.into_boxed_str()));
            continue;
        }
        let attribute = attribute_name(&code_type);
        let index = sets.codes.iter().position(|(name, _)| *name == attribute).unwrap_or_else(|| {
            sets.codes.push((attribute.clone(), Vec::new()));
            sets.codes.len() - 1
        });
        let Some((_, codes)) = sets.codes.get_mut(index) else { continue };
        for code in code_type.codes {
            let value = CodeValue::new(code.code.trim(), code.coding_scheme.as_deref().unwrap_or_default().trim());
            codes.push(value.map_err(|_| ValueSetError::Code { attribute: attribute.clone(), code: code.code })?);
        }
    }
    Ok(sets)
}

fn attribute_name(code_type: &CodeType) -> Box<str> {
    let known = [
        (v::DE_CLASS_CODE, "classCode"),
        (v::DE_CONFIDENTIALITY_CODE, "confidentialityCode"),
        (v::DE_EVENT_CODE_LIST, "eventCodeList"),
        (v::DE_FORMAT_CODE, "formatCode"),
        (v::DE_HEALTHCARE_FACILITY_TYPE_CODE, "healthcareFacilityTypeCode"),
        (v::DE_PRACTICE_SETTING_CODE, "practiceSettingCode"),
        (v::DE_TYPE_CODE, "typeCode"),
        (v::SS_CONTENT_TYPE_CODE, "contentTypeCode"),
        (v::FD_CODE_LIST, "codeList"),
        (v::ASSOCIATION_DOCUMENTATION, "documentation"),
    ];
    let scheme = code_type.class_scheme.as_deref().unwrap_or_default();
    known
        .iter()
        .find(|(urn, _)| urn.eq_ignore_ascii_case(scheme))
        .map_or_else(|| code_type.name.as_str().into(), |(_, name)| (*name).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <Codes>
          <AssigningAuthority id="2.999.1"/>
          <CodeType name="classCode" classScheme="urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a">
            <Code code="REPORTS" display="Reports" codingScheme="2.999.2"/>
            <Code code="IMAGES &amp; more" display="" codingScheme="2.999.2" />
          </CodeType>
          <CodeType name="folderCodeList" classScheme="urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5">
            <Code code="F" display="f" codingScheme="2.999.3"/>
          </CodeType>
          <CodeType name="mimeType"><Code code="application/pdf" display="PDF" ext="pdf"/></CodeType>
          <CodeType name="classCode" classScheme="urn:uuid:41A5887F-8865-4c09-adf7-e362475b143a">
            <Code code="NOTES" display="Notes" codingScheme="2.999.2"/>
          </CodeType>
        </Codes>"#;

    #[test]
    fn r_42_18_value_sets_are_read_from_codes_xml() {
        let sets = read(FILE).unwrap();
        let codes = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<CodeValue>>();
        assert_eq!(
            sets.codes,
            [
                ("classCode".into(), codes(&["REPORTS^^2.999.2", "IMAGES & more^^2.999.2", "NOTES^^2.999.2"])),
                ("codeList".into(), codes(&["F^^2.999.3"])),
            ]
        );
        assert_eq!(sets.media_types, ["application/pdf".into()]);
    }

    #[test]
    fn what_is_no_codes_xml_is_refused() {
        assert!(matches!(read("<!DOCTYPE Codes><Codes/>"), Err(ValueSetError::Xml(XmlError::Doctype))));
        assert!(matches!(read("<Codes>"), Err(ValueSetError::Xml(_))));
        assert!(matches!(read("<Other/>"), Err(ValueSetError::Structure(_))));
        let no_scheme = r#"<Codes><CodeType name="x" classScheme="y"><Code code="1" display="z"/></CodeType></Codes>"#;
        assert!(matches!(read(no_scheme), Err(ValueSetError::Code { .. })));
    }
}
