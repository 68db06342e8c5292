//! The person behind a request, as a verified assertion tells of them.
//!
//! Source: ITI TF-2 §3.40, spec security §3.2.

use std::fmt;

use super::PatientId;

/// A coded value of HL7 v3 (CE, CV): only code and codeSystem are compared.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Coded {
    /// code
    pub code: Box<str>,
    /// codeSystem, an OID mostly
    pub system: Box<str>,
    /// codeSystemName
    pub system_name: Box<str>,
    /// displayName
    pub display: Box<str>,
}

impl PartialEq for Coded {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && self.system == other.system
    }
}

impl Eq for Coded {}

/// An instance identifier of HL7 v3 (II).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceIdentifier {
    /// root, an OID
    pub root: Box<str>,
    /// extension
    pub extension: Box<str>,
}

/// The attributes that an assertion must have. Source: spec security §3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttributeProfile {
    /// Those of IHE XUA and XSPA.
    #[default]
    Ihe,
    /// Those between Dutch gateways (K-20).
    NlGateway,
}

/// What a verified user assertion says. Made only from signed bytes (S-SIG-01).
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Issuer, an entity id.
    pub issuer: Box<str>,
    /// NameID, whole.
    pub name_id: Box<str>,
    /// NameID/@SPProvidedID.
    pub alias: Box<str>,
    /// ID of the assertion.
    pub assertion_id: Box<str>,
    /// SHA-256 of the signed bytes.
    pub digest: [u8; 32],
    /// End of its validity, milliseconds since 1970.
    pub not_on_or_after_ms: i64,
    /// AuthnContextClassRef or AuthnContextDeclRef.
    pub assurance: Box<str>,
    /// subject-id, the name of the person.
    pub name: Box<str>,
    /// organization, its name.
    pub organisation_name: Box<str>,
    /// organization-id, or the provider-institution of the profile `nl-gateway`.
    pub organisation_id: Option<Box<str>>,
    /// homeCommunityId.
    pub home: Option<Box<str>>,
    /// subject:role.
    pub roles: Vec<Coded>,
    /// purposeofuse.
    pub purposes: Vec<Coded>,
    /// resource-id.
    pub patient: Option<PatientId>,
    /// bppc:2007:docid, a hint (S-CON-07).
    pub consent_document: Option<Box<str>>,
    /// xua:2012:acp, a hint (S-CON-07).
    pub consent_policy: Option<Box<str>>,
    /// provider-identifier; with a mandate that of the responsible person.
    pub provider: Option<InstanceIdentifier>,
    /// mandated: the person who acts for the responsible one.
    pub mandated: Option<InstanceIdentifier>,
    /// npi.
    pub npi: Option<Box<str>>,
    /// consulting-healthcare-facility-type-code: the requesting category.
    pub requesting_category: Option<Coded>,
    /// appc event-code: the data category asked for.
    pub data_categories: Vec<Coded>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User")
    }
}
