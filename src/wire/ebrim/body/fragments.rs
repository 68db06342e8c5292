//! The fixed pieces of XML. A number, once given, is never given to another piece: add at the end only.
//!
//! The URNs stand here as text and not by their names in `model::vocabulary`, because what is stored must not change when a
//! constant does; a test holds both together.

use crate::model::vocabulary as v;

macro_rules! fragments {
    ($($number:literal $name:ident = $text:literal,)*) => {
        $(pub(super) const $name: u8 = $number;)*

        /// The pieces by number; empty where there is none.
        pub(super) const TEXTS: [&str; 256] = {
            let mut texts = [""; 256];
            $(
                assert!(texts[$number].is_empty(), "a number given twice");
                texts[$number] = $text;
            )*
            texts
        };
    };
}

fragments! {
    0x10 EXTRINSIC_OBJECT = r#"<rim:ExtrinsicObject id=""#,
    0x11 REGISTRY_PACKAGE = r#"<rim:RegistryPackage id=""#,
    0x12 ASSOCIATION = r#"<rim:Association id=""#,
    0x13 QUOTE = r#"""#,
    0x14 TAG_END = r#"">"#,
    0x15 OBJECT_TYPE = r#" objectType=""#,
    0x16 STABLE_STATUS = r#" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1" status=""#,
    0x17 ON_DEMAND_STATUS = r#" objectType="urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248" status=""#,
    0x18 PACKAGE_STATUS = r#" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage" status=""#,
    0x19 ASSOCIATION_STATUS = r#" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association" status=""#,
    0x1A STATUS_ATTRIBUTE = r#"" status=""#,
    0x1B MIME_TYPE = r#"" mimeType=""#,
    0x1C ASSOCIATION_TYPE_ATTRIBUTE = r#"" associationType=""#,
    0x1D SOURCE_OBJECT = r#"" sourceObject=""#,
    0x1E TARGET_OBJECT = r#"" targetObject=""#,
    0x1F EXTRINSIC_OBJECT_END = r#"</rim:ExtrinsicObject>"#,
    0x20 REGISTRY_PACKAGE_END = r#"</rim:RegistryPackage>"#,
    0x21 ASSOCIATION_END = r#"</rim:Association>"#,
    0x22 SLOT = r#"<rim:Slot name=""#,
    0x23 FIRST_VALUE = r#""><rim:ValueList><rim:Value>"#,
    0x24 NEXT_VALUE = r#"</rim:Value><rim:Value>"#,
    0x25 SLOT_END = r#"</rim:Value></rim:ValueList></rim:Slot>"#,
    0x26 NO_VALUES = r#""><rim:ValueList/></rim:Slot>"#,
    0x27 NAME = r#"<rim:Name>"#,
    0x28 NAME_END = r#"</rim:Name>"#,
    0x29 DESCRIPTION = r#"<rim:Description>"#,
    0x2A DESCRIPTION_END = r#"</rim:Description>"#,
    0x2B STRING = r#"<rim:LocalizedString value=""#,
    0x2C STRING_LANG = r#"<rim:LocalizedString xml:lang=""#,
    0x2D STRING_CHARSET = r#"<rim:LocalizedString charset=""#,
    0x2E AND_CHARSET = r#"" charset=""#,
    0x2F AND_UTF_8 = r#"" charset="UTF-8" value=""#,
    0x30 AND_VALUE = r#"" value=""#,
    0x31 STRING_END = r#""/>"#,
    0x32 CLASSIFICATION = r#"<rim:Classification id=""#,
    0x33 CLASSIFIED_OBJECT = r#"" classifiedObject=""#,
    0x34 CLASSIFICATION_TYPE = r#"" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification""#,
    0x35 SCHEME_ATTRIBUTE = r#" classificationScheme=""#,
    0x36 NODE_ATTRIBUTE = r#" classificationNode=""#,
    0x37 NODE_REPRESENTATION = r#" nodeRepresentation=""#,
    0x38 EMPTY_NODE_REPRESENTATION = r#" nodeRepresentation="""#,
    0x39 GREATER = r#">"#,
    0x3A CLASSIFICATION_END = r#"</rim:Classification>"#,
    0x3B IDENTIFIER = r#"<rim:ExternalIdentifier id=""#,
    0x3C REGISTRY_OBJECT = r#"" registryObject=""#,
    0x3D IDENTIFIER_TYPE = r#"" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier" identificationScheme=""#,
    0x3E IDENTIFIER_END = r#"</rim:ExternalIdentifier>"#,
    0x3F SLOT_CREATION_TIME = r#"<rim:Slot name="creationTime"><rim:ValueList><rim:Value>"#,
    0x40 SLOT_LANGUAGE_CODE = r#"<rim:Slot name="languageCode"><rim:ValueList><rim:Value>"#,
    0x41 SLOT_LEGAL_AUTHENTICATOR = r#"<rim:Slot name="legalAuthenticator"><rim:ValueList><rim:Value>"#,
    0x42 SLOT_SERVICE_START_TIME = r#"<rim:Slot name="serviceStartTime"><rim:ValueList><rim:Value>"#,
    0x43 SLOT_SERVICE_STOP_TIME = r#"<rim:Slot name="serviceStopTime"><rim:ValueList><rim:Value>"#,
    0x44 SLOT_SOURCE_PATIENT_ID = r#"<rim:Slot name="sourcePatientId"><rim:ValueList><rim:Value>"#,
    0x45 SLOT_SOURCE_PATIENT_INFO = r#"<rim:Slot name="sourcePatientInfo"><rim:ValueList><rim:Value>"#,
    0x46 SLOT_HASH = r#"<rim:Slot name="hash"><rim:ValueList><rim:Value>"#,
    0x47 SLOT_SIZE = r#"<rim:Slot name="size"><rim:ValueList><rim:Value>"#,
    0x48 SLOT_URI = r#"<rim:Slot name="URI"><rim:ValueList><rim:Value>"#,
    0x49 SLOT_REFERENCE_ID_LIST = r#"<rim:Slot name="urn:ihe:iti:xds:2013:referenceIdList"><rim:ValueList><rim:Value>"#,
    0x4A SLOT_SUBMISSION_TIME = r#"<rim:Slot name="submissionTime"><rim:ValueList><rim:Value>"#,
    0x4B SLOT_INTENDED_RECIPIENT = r#"<rim:Slot name="intendedRecipient"><rim:ValueList><rim:Value>"#,
    0x4C SLOT_SUBMISSION_SET_STATUS = r#"<rim:Slot name="SubmissionSetStatus"><rim:ValueList><rim:Value>"#,
    0x4D SLOT_AUTHOR_PERSON = r#"<rim:Slot name="authorPerson"><rim:ValueList><rim:Value>"#,
    0x4E SLOT_AUTHOR_INSTITUTION = r#"<rim:Slot name="authorInstitution"><rim:ValueList><rim:Value>"#,
    0x4F SLOT_AUTHOR_ROLE = r#"<rim:Slot name="authorRole"><rim:ValueList><rim:Value>"#,
    0x50 SLOT_AUTHOR_SPECIALTY = r#"<rim:Slot name="authorSpecialty"><rim:ValueList><rim:Value>"#,
    0x51 SLOT_AUTHOR_TELECOMMUNICATION = r#"<rim:Slot name="authorTelecommunication"><rim:ValueList><rim:Value>"#,
    0x52 SLOT_CODING_SCHEME = r#"<rim:Slot name="codingScheme"><rim:ValueList><rim:Value>"#,
    0x53 DE_AUTHOR = r#" classificationScheme="urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d""#,
    0x54 DE_CLASS_CODE = r#" classificationScheme="urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a""#,
    0x55 DE_CONFIDENTIALITY_CODE = r#" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f""#,
    0x56 DE_EVENT_CODE_LIST = r#" classificationScheme="urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4""#,
    0x57 DE_FORMAT_CODE = r#" classificationScheme="urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d""#,
    0x58 DE_HEALTHCARE_FACILITY_TYPE_CODE = r#" classificationScheme="urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1""#,
    0x59 DE_PRACTICE_SETTING_CODE = r#" classificationScheme="urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead""#,
    0x5A DE_TYPE_CODE = r#" classificationScheme="urn:uuid:f0306f51-975f-434e-a61c-c59651d33983""#,
    0x5B SS_AUTHOR = r#" classificationScheme="urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d""#,
    0x5C SS_CONTENT_TYPE_CODE = r#" classificationScheme="urn:uuid:aa543740-bdda-424e-8c96-df4873be8500""#,
    0x5D FD_CODE_LIST = r#" classificationScheme="urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5""#,
    0x5E ASSOCIATION_DOCUMENTATION = r#" classificationScheme="urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3""#,
    0x5F SUBMISSION_SET_NODE = r#" classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd""#,
    0x60 FOLDER_NODE = r#" classificationNode="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2""#,
    0x61 DE_PATIENT_ID = r#"urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" value=""#,
    0x62 DE_PATIENT_ID_END = r#""><rim:Name><rim:LocalizedString value="XDSDocumentEntry.patientId"/></rim:Name></rim:ExternalIdentifier>"#,
    0x63 DE_UNIQUE_ID = r#"urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab" value=""#,
    0x64 DE_UNIQUE_ID_END = r#""><rim:Name><rim:LocalizedString value="XDSDocumentEntry.uniqueId"/></rim:Name></rim:ExternalIdentifier>"#,
    0x65 SS_PATIENT_ID = r#"urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446" value=""#,
    0x66 SS_PATIENT_ID_END = r#""><rim:Name><rim:LocalizedString value="XDSSubmissionSet.patientId"/></rim:Name></rim:ExternalIdentifier>"#,
    0x67 SS_SOURCE_ID = r#"urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832" value=""#,
    0x68 SS_SOURCE_ID_END = r#""><rim:Name><rim:LocalizedString value="XDSSubmissionSet.sourceId"/></rim:Name></rim:ExternalIdentifier>"#,
    0x69 SS_UNIQUE_ID = r#"urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8" value=""#,
    0x6A SS_UNIQUE_ID_END = r#""><rim:Name><rim:LocalizedString value="XDSSubmissionSet.uniqueId"/></rim:Name></rim:ExternalIdentifier>"#,
    0x6B FD_PATIENT_ID = r#"urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a" value=""#,
    0x6C FD_PATIENT_ID_END = r#""><rim:Name><rim:LocalizedString value="XDSFolder.patientId"/></rim:Name></rim:ExternalIdentifier>"#,
    0x6D FD_UNIQUE_ID = r#"urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a" value=""#,
    0x6E FD_UNIQUE_ID_END = r#""><rim:Name><rim:LocalizedString value="XDSFolder.uniqueId"/></rim:Name></rim:ExternalIdentifier>"#,
}

/// The beginning of a slot with this name, up to its first value.
pub(super) fn slot(name: &str) -> Option<u8> {
    Some(match name {
        v::SLOT_CREATION_TIME => SLOT_CREATION_TIME,
        v::SLOT_LANGUAGE_CODE => SLOT_LANGUAGE_CODE,
        v::SLOT_LEGAL_AUTHENTICATOR => SLOT_LEGAL_AUTHENTICATOR,
        v::SLOT_SERVICE_START_TIME => SLOT_SERVICE_START_TIME,
        v::SLOT_SERVICE_STOP_TIME => SLOT_SERVICE_STOP_TIME,
        v::SLOT_SOURCE_PATIENT_ID => SLOT_SOURCE_PATIENT_ID,
        v::SLOT_SOURCE_PATIENT_INFO => SLOT_SOURCE_PATIENT_INFO,
        v::SLOT_HASH => SLOT_HASH,
        v::SLOT_SIZE => SLOT_SIZE,
        v::SLOT_URI => SLOT_URI,
        v::SLOT_REFERENCE_ID_LIST => SLOT_REFERENCE_ID_LIST,
        v::SLOT_SUBMISSION_TIME => SLOT_SUBMISSION_TIME,
        v::SLOT_INTENDED_RECIPIENT => SLOT_INTENDED_RECIPIENT,
        v::SLOT_SUBMISSION_SET_STATUS => SLOT_SUBMISSION_SET_STATUS,
        v::SLOT_AUTHOR_PERSON => SLOT_AUTHOR_PERSON,
        v::SLOT_AUTHOR_INSTITUTION => SLOT_AUTHOR_INSTITUTION,
        v::SLOT_AUTHOR_ROLE => SLOT_AUTHOR_ROLE,
        v::SLOT_AUTHOR_SPECIALTY => SLOT_AUTHOR_SPECIALTY,
        v::SLOT_AUTHOR_TELECOMMUNICATION => SLOT_AUTHOR_TELECOMMUNICATION,
        v::SLOT_CODING_SCHEME => SLOT_CODING_SCHEME,
        _ => return None,
    })
}

/// The attribute classificationScheme with this value.
pub(super) fn classification_scheme(urn: &str) -> Option<u8> {
    let known = [
        (v::DE_AUTHOR, DE_AUTHOR),
        (v::DE_CLASS_CODE, DE_CLASS_CODE),
        (v::DE_CONFIDENTIALITY_CODE, DE_CONFIDENTIALITY_CODE),
        (v::DE_EVENT_CODE_LIST, DE_EVENT_CODE_LIST),
        (v::DE_FORMAT_CODE, DE_FORMAT_CODE),
        (v::DE_HEALTHCARE_FACILITY_TYPE_CODE, DE_HEALTHCARE_FACILITY_TYPE_CODE),
        (v::DE_PRACTICE_SETTING_CODE, DE_PRACTICE_SETTING_CODE),
        (v::DE_TYPE_CODE, DE_TYPE_CODE),
        (v::SS_AUTHOR, SS_AUTHOR),
        (v::SS_CONTENT_TYPE_CODE, SS_CONTENT_TYPE_CODE),
        (v::FD_CODE_LIST, FD_CODE_LIST),
        (v::ASSOCIATION_DOCUMENTATION, ASSOCIATION_DOCUMENTATION),
    ];
    find(&known, urn)
}

/// The attribute classificationNode with this value.
pub(super) fn classification_node(urn: &str) -> Option<u8> {
    find(&[(v::SUBMISSION_SET_NODE, SUBMISSION_SET_NODE), (v::FOLDER_NODE, FOLDER_NODE)], urn)
}

/// Before and after the value of an identifier of this scheme.
pub(super) fn identification_scheme(urn: &str) -> Option<(u8, u8)> {
    let known = [
        (v::DE_PATIENT_ID, (DE_PATIENT_ID, DE_PATIENT_ID_END)),
        (v::DE_UNIQUE_ID, (DE_UNIQUE_ID, DE_UNIQUE_ID_END)),
        (v::SS_PATIENT_ID, (SS_PATIENT_ID, SS_PATIENT_ID_END)),
        (v::SS_SOURCE_ID, (SS_SOURCE_ID, SS_SOURCE_ID_END)),
        (v::SS_UNIQUE_ID, (SS_UNIQUE_ID, SS_UNIQUE_ID_END)),
        (v::FD_PATIENT_ID, (FD_PATIENT_ID, FD_PATIENT_ID_END)),
        (v::FD_UNIQUE_ID, (FD_UNIQUE_ID, FD_UNIQUE_ID_END)),
    ];
    find(&known, urn)
}

/// Whether the value of identifiers of this scheme is a hole.
pub(super) const fn is_patient_id(scheme: u8) -> bool {
    matches!(scheme, DE_PATIENT_ID | SS_PATIENT_ID | FD_PATIENT_ID)
}

/// Hexadecimal digits may be in any case.
fn find<T: Copy>(known: &[(&str, T)], urn: &str) -> Option<T> {
    known.iter().find(|(name, _)| name.eq_ignore_ascii_case(urn)).map(|(_, found)| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_say_what_the_vocabulary_says() {
        for name in [
            v::SLOT_CREATION_TIME,
            v::SLOT_LANGUAGE_CODE,
            v::SLOT_LEGAL_AUTHENTICATOR,
            v::SLOT_SERVICE_START_TIME,
            v::SLOT_SERVICE_STOP_TIME,
            v::SLOT_SOURCE_PATIENT_ID,
            v::SLOT_SOURCE_PATIENT_INFO,
            v::SLOT_HASH,
            v::SLOT_SIZE,
            v::SLOT_URI,
            v::SLOT_REFERENCE_ID_LIST,
            v::SLOT_SUBMISSION_TIME,
            v::SLOT_INTENDED_RECIPIENT,
            v::SLOT_SUBMISSION_SET_STATUS,
            v::SLOT_AUTHOR_PERSON,
            v::SLOT_AUTHOR_INSTITUTION,
            v::SLOT_AUTHOR_ROLE,
            v::SLOT_AUTHOR_SPECIALTY,
            v::SLOT_AUTHOR_TELECOMMUNICATION,
            v::SLOT_CODING_SCHEME,
        ] {
            let text = TEXTS[usize::from(slot(name).unwrap())];
            assert_eq!(text, format!(r#"<rim:Slot name="{name}"><rim:ValueList><rim:Value>"#));
        }
        for urn in [
            v::DE_AUTHOR,
            v::DE_CLASS_CODE,
            v::DE_CONFIDENTIALITY_CODE,
            v::DE_EVENT_CODE_LIST,
            v::DE_FORMAT_CODE,
            v::DE_HEALTHCARE_FACILITY_TYPE_CODE,
            v::DE_PRACTICE_SETTING_CODE,
            v::DE_TYPE_CODE,
            v::SS_AUTHOR,
            v::SS_CONTENT_TYPE_CODE,
            v::FD_CODE_LIST,
            v::ASSOCIATION_DOCUMENTATION,
        ] {
            let text = TEXTS[usize::from(classification_scheme(urn).unwrap())];
            assert_eq!(text, format!(r#" classificationScheme="{urn}""#));
        }
        for urn in [v::SUBMISSION_SET_NODE, v::FOLDER_NODE] {
            let text = TEXTS[usize::from(classification_node(urn).unwrap())];
            assert_eq!(text, format!(r#" classificationNode="{urn}""#));
        }
        for urn in [
            v::DE_PATIENT_ID,
            v::DE_UNIQUE_ID,
            v::SS_PATIENT_ID,
            v::SS_SOURCE_ID,
            v::SS_UNIQUE_ID,
            v::FD_PATIENT_ID,
            v::FD_UNIQUE_ID,
        ] {
            let text = TEXTS[usize::from(identification_scheme(urn).unwrap().0)];
            assert_eq!(text, format!(r#"{urn}" value=""#));
        }
        for (fragment, urn) in [
            (STABLE_STATUS, v::OBJECT_TYPE_STABLE),
            (ON_DEMAND_STATUS, v::OBJECT_TYPE_ON_DEMAND),
            (PACKAGE_STATUS, v::OBJECT_TYPE_REGISTRY_PACKAGE),
            (ASSOCIATION_STATUS, v::OBJECT_TYPE_ASSOCIATION),
            (CLASSIFICATION_TYPE, v::OBJECT_TYPE_CLASSIFICATION),
            (IDENTIFIER_TYPE, v::OBJECT_TYPE_EXTERNAL_IDENTIFIER),
        ] {
            assert!(TEXTS[usize::from(fragment)].contains(&format!(r#"objectType="{urn}""#)));
        }
    }
}
