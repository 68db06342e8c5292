//! Identifiers of orders, studies and workflows that a document belongs to.

use std::{fmt, str::FromStr};

use super::{Oid, vocabulary, xcn::is_universal_authority};

/// A value of referenceIdList: CXi. Kept as sent. `Debug` prints no value.
///
/// Source: ITI TF-3 §4.2.3.2.28 (R-META-16).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReferenceId(Box<str>);

/// Why a text is not a [`ReferenceId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceIdError {
    /// Component 1 is empty.
    #[error("component 1 (the identifier) is empty, one is required")]
    NoId,
    /// Components 2 or 3 hold something, or there are more than six.
    #[error("components 2 and 3 must be empty, and there are at most 6")]
    ExtraComponent,
    /// Component 5 is empty.
    #[error("component 5 (the kind of identifier) is empty, a URN or a local value is required")]
    NoType,
    /// Component 4 is neither empty, a namespace, nor `&oid&ISO`.
    #[error("component 4 must be a namespace id or &oid&ISO")]
    Authority,
    /// This kind of identifier needs an assigning authority.
    #[error("component 4 (the assigning authority) is empty, one is required for this kind of identifier")]
    NoAuthority,
    /// Nobody can tell whose identifier this is.
    #[error("component 4 (the assigning authority) is empty, one is required unless component 1 is an OID or a URI")]
    NotUnique,
    /// This kind of identifier is globally unique: an OID with nothing but its kind.
    #[error("component 1 must be an OID, and component 4 empty, for this kind of identifier")]
    NotOid,
}

impl ReferenceId {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn component(&self, number: usize) -> &str {
        self.0.split('^').nth(number - 1).unwrap_or_default()
    }

    /// The identifier, component 1.
    pub fn id(&self) -> &str {
        self.component(1)
    }

    /// The kind of identifier, component 5.
    pub fn kind(&self) -> &str {
        self.component(5)
    }
}

impl FromStr for ReferenceId {
    type Err = ReferenceIdError;

    fn from_str(s: &str) -> Result<Self, ReferenceIdError> {
        let it = Self(s.into());
        let (id, authority, kind) = (it.component(1), it.component(4), it.component(5));
        if id.is_empty() {
            return Err(ReferenceIdError::NoId);
        }
        if !it.component(2).is_empty() || !it.component(3).is_empty() || s.split('^').skip(6).any(|c| !c.is_empty()) {
            return Err(ReferenceIdError::ExtraComponent);
        }
        if kind.is_empty() {
            return Err(ReferenceIdError::NoType);
        }
        if authority.contains('&') && !is_universal_authority(authority) {
            return Err(ReferenceIdError::Authority);
        }
        let unique = id.parse::<Oid>().is_ok();
        match kind {
            vocabulary::CXI_WORKFLOW_INSTANCE | vocabulary::CXI_STUDY_INSTANCE_UID
                if !unique || !authority.is_empty() =>
            {
                Err(ReferenceIdError::NotOid)
            }
            vocabulary::CXI_ORDER | vocabulary::CXI_REFERRAL | vocabulary::CXI_ENCOUNTER if authority.is_empty() => {
                Err(ReferenceIdError::NoAuthority)
            }
            // A uniqueId is opaque, and unique by what it is.
            vocabulary::CXI_UNIQUE_ID => Ok(it),
            _ if authority.is_empty() && !unique && !is_uri(id) => Err(ReferenceIdError::NotUnique),
            _ => Ok(it),
        }
    }
}

/// Whether a text begins with a scheme: a URN of a UUID, a URL.
fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(letters) && !rest.is_empty()
    })
}

impl fmt::Display for ReferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ReferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferenceId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_16_what_a_reference_id_is() {
        for good in [
            "A-17^^^&2.999&ISO^urn:ihe:iti:xds:2013:accession",
            "2.999.1^^^^urn:ihe:iti:xds:2013:accession",
            "A-17^^^HIS^urn:ihe:iti:xds:2013:order",
            "DS-77^^^&2.999.20.1&ISO^urn:ihe:iti:xds:2013:uniqueId",
            "2.999.5^^^^urn:ihe:iti:xdw:2013:workflowInstanceId",
            "1.2.840.5^^^^urn:ihe:iti:xds:2016:studyInstanceUID",
            "E1^^^&2.999&ISO^urn:ihe:iti:xds:2015:encounterId",
            "DS-77^^^^urn:ihe:iti:xds:2013:uniqueId",
            "x^^^HIS^local-kind",
            "urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211^^^^local-kind",
            "2.999.4^^^^local-kind^urn:oid:2.999",
        ] {
            let read = good.parse::<ReferenceId>().unwrap();
            assert_eq!(read.to_string(), good);
            assert_eq!(read.kind(), good.split('^').nth(4).unwrap());
            assert_eq!(read.id(), good.split('^').next().unwrap());
        }
        for (bad, error) in [
            ("", ReferenceIdError::NoId),
            ("^^^&2.999&ISO^urn:ihe:iti:xds:2013:order", ReferenceIdError::NoId),
            ("x^1^^^local-kind", ReferenceIdError::ExtraComponent),
            ("x^^^^local-kind^urn:oid:2.999^more", ReferenceIdError::ExtraComponent),
            ("x", ReferenceIdError::NoType),
            ("x^^^&2.999&ISO", ReferenceIdError::NoType),
            ("x^^^HIS&2.999&ISO^urn:ihe:iti:xds:2013:order", ReferenceIdError::Authority),
            ("x^^^^urn:ihe:iti:xds:2013:accession", ReferenceIdError::NotUnique),
            ("x^^^^local-kind", ReferenceIdError::NotUnique),
            (":x^^^^local-kind", ReferenceIdError::NotUnique),
            ("x^^^^urn:ihe:iti:xds:2013:order", ReferenceIdError::NoAuthority),
            ("x^^^^urn:ihe:iti:xds:2013:referral", ReferenceIdError::NoAuthority),
            ("x^^^^urn:ihe:iti:xds:2015:encounterId", ReferenceIdError::NoAuthority),
            ("x^^^^urn:ihe:iti:xdw:2013:workflowInstanceId", ReferenceIdError::NotOid),
            ("1.2^^^&2.999&ISO^urn:ihe:iti:xds:2016:studyInstanceUID", ReferenceIdError::NotOid),
        ] {
            assert_eq!(bad.parse::<ReferenceId>(), Err(error), "{bad}");
        }
    }
}
