//! A CDA document with one section.
//!
//! Source: HL7 CDA Release 2 (header §4.2, body §4.3).

use quick_xml::escape::escape;

use super::Paper;
use crate::{cli::demo::data::HOSPITAL, model::bsn::BSN_AUTHORITY};

/// Writes the document.
pub(in crate::cli::demo) fn cda(paper: &Paper<'_>) -> Vec<u8> {
    let person = paper.person;
    let code = paper.type_code;
    let code = format!(
        r#"<code code="{}" codeSystem="{}" displayName="{}"/>"#,
        escape(code.value.code()),
        escape(code.value.coding_scheme()),
        escape(&*code.display_name)
    );
    let paragraphs: String =
        paper.paragraphs.iter().map(|p| format!("<paragraph>{}</paragraph>", escape(p.as_str()))).collect();
    let gender = format!(r#"<administrativeGenderCode code="{}" codeSystem="2.16.840.1.113883.5.1"/>"#, person.sex);
    let title = escape(paper.title);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <realmCode code="NL"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <id root="{id}"/>
  {code}
  <title>{title}</title>
  <effectiveTime value="{time}+0000"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="en-GB"/>
  <recordTarget>
    <patientRole>
      <id root="{BSN_AUTHORITY}" extension="{bsn}"/>
      <id root="{HOSPITAL}" extension="{number}"/>
      <patient>
        <name><given>{given}</given><family>{family}</family></name>
        {gender}
        <birthTime value="{birth}"/>
      </patient>
    </patientRole>
  </recordTarget>
  <author>
    <time value="{time}+0000"/>
    <assignedAuthor>
      <id root="{HOSPITAL}" extension="demo"/>
      <assignedPerson><name>{doctor}</name></assignedPerson>
    </assignedAuthor>
  </author>
  <custodian>
    <assignedCustodian>
      <representedCustodianOrganization><id root="{HOSPITAL}"/><name>Demo Hospital</name></representedCustodianOrganization>
    </assignedCustodian>
  </custodian>
  <component>
    <structuredBody>
      <component>
        <section>
          {code}
          <title>{title}</title>
          <text>{paragraphs}</text>
        </section>
      </component>
    </structuredBody>
  </component>
</ClinicalDocument>
"#,
        id = paper.unique_id,
        time = paper.time,
        bsn = person.bsn,
        number = person.hospital_number,
        given = escape(person.given),
        family = escape(person.family),
        birth = person.birth_date,
        doctor = escape(paper.doctor),
    )
    .into_bytes()
}
