//! Steps 13 and 15: from a verified assertion to a user.

use std::collections::BTreeSet;

use super::{
    Presentation, Verified,
    refusal::{Reason, Refusal},
    settings::AssertionSettings,
};
use crate::{
    model::{
        AttributeProfile, Coded, InstanceIdentifier, Node, NodeRole, PatientId, User,
        bsn::{BSN_AUTHORITY, check_bsn},
    },
    wire::saml::{Assertion, Hl7Value},
};

const SUBJECT_ID: &str = "urn:oasis:names:tc:xspa:1.0:subject:subject-id";
const ORGANISATION: &str = "urn:oasis:names:tc:xspa:1.0:subject:organization";
const ORGANISATION_ID: &str = "urn:oasis:names:tc:xspa:1.0:subject:organization-id";
const HOME: &str = "urn:ihe:iti:xca:2010:homeCommunityId";
const ROLE: &str = "urn:oasis:names:tc:xacml:2.0:subject:role";
const PURPOSE: &str = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";
const RESOURCE_ID: &str = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";
const CONSENT_DOCUMENT: &str = "urn:ihe:iti:bppc:2007:docid";
const CONSENT_POLICY: &str = "urn:ihe:iti:xua:2012:acp";
const PROVIDER: &str = "urn:ihe:iti:xua:2017:subject:provider-identifier";
const NPI: &str = "urn:oasis:names:tc:xspa:1.0:subject:npi";
const INSTITUTION: &str = "urn:nl:otv:names:tc:1.0:subject:provider-institution";
const MANDATED: &str = "urn:nl:otv:names:tc:1.0:subject:mandated";
const REQUESTING_CATEGORY: &str = "urn:nl:otv:names:tc:1.0:subject:consulting-healthcare-facility-type-code";
const DATA_CATEGORY: &str = "urn:ihe:iti:appc:2016:document-entry:event-code";

/// URA, the number of a UZI subscriber.
const URA: &str = "2.16.528.1.1007.3.3";
/// UZI number of a person.
const UZI: &str = "2.16.528.1.1007.3.1";

/// Transactions between communities.
const XCA: [&str; 3] = ["ITI-38", "ITI-39", "ITI-55"];
/// Transactions that may be about one patient, for whom resource-id can be demanded.
const ABOUT_A_PATIENT: [&str; 4] = ["ITI-18", "ITI-38", "ITI-39", "ITI-43"];

/// The user that the assertion tells of.
///
/// # Errors
/// When organisation or community are not the node's (step 13), or attributes are missing, contradict each other or are
/// not known here (step 15).
pub fn claims(
    verified: &Verified,
    presentation: &Presentation<'_>,
    settings: &AssertionSettings,
) -> Result<User, Refusal> {
    let user = read(verified, presentation.profile)?;
    organisation(&user, presentation.node)?;
    required(&user, presentation, settings)?;
    Ok(user)
}

fn read(verified: &Verified, profile: AttributeProfile) -> Result<User, Refusal> {
    let values = Values(&verified.assertion);
    let organisation_id = match profile {
        AttributeProfile::Ihe => values.one_text(ORGANISATION_ID)?.map(|id| plain_oid(&id).into()),
        AttributeProfile::NlGateway => values
            .one_identifier(INSTITUTION)?
            .map(|id| match &*id.root {
                URA => Ok(format!("{URA}.{}", id.extension).into()),
                _ => Err(Refusal::new(Reason::Attributes, "provider-institution is no URA")),
            })
            .transpose()?,
    };
    let provider = values.one_identifier(PROVIDER)?;
    if profile == AttributeProfile::NlGateway && provider.as_ref().is_some_and(|id| &*id.root != UZI) {
        return Err(Refusal::new(Reason::Attributes, "provider-identifier is no UZI number"));
    }
    let role_element = match profile {
        AttributeProfile::Ihe => Some("Role"),
        AttributeProfile::NlGateway => None,
    };
    let purpose_element = role_element.map(|_| "PurposeOfUse");
    let assertion = &verified.assertion;
    Ok(User {
        issuer: assertion.issuer.clone(),
        name_id: assertion.name_id.clone(),
        alias: assertion.alias.clone(),
        assertion_id: assertion.id.clone(),
        digest: verified.digest(),
        not_on_or_after_ms: verified.not_on_or_after().as_millisecond(),
        assurance: verified.assurance.clone(),
        name: values.one_text(SUBJECT_ID)?.unwrap_or_default(),
        organisation_name: values.one_text(ORGANISATION)?.unwrap_or_default(),
        organisation_id,
        home: values.one_text(HOME)?,
        roles: values.coded(ROLE, role_element),
        purposes: values.coded(PURPOSE, purpose_element),
        patient: values.one_text(RESOURCE_ID)?.map(|text| patient(&text)).transpose()?,
        consent_document: values.texts(CONSENT_DOCUMENT).next().map(Into::into),
        consent_policy: values.texts(CONSENT_POLICY).next().map(Into::into),
        provider,
        mandated: values.one_identifier(MANDATED)?,
        npi: values.one_text(NPI)?,
        requesting_category: values.coded(REQUESTING_CATEGORY, None).into_iter().next(),
        data_categories: values.coded(DATA_CATEGORY, None),
    })
}

/// Whether a node brings users of other organisations than its own: a gateway, of its communities. For which organisation it
/// asks is what the assertion says.
pub fn speaks_for_communities(node: &Node) -> bool {
    node.has_role(NodeRole::InitiatingGateway) && !node.homes.is_empty()
}

/// Step 13. A gateway speaks for the organisations of its communities; anybody else for its own organisation.
fn organisation(user: &User, node: &Node) -> Result<(), Refusal> {
    let refuse = |detail| Err(Refusal::new(Reason::Organisation, detail));
    if let Some(id) = &user.organisation_id
        && !speaks_for_communities(node)
        && **id != *plain_oid(&node.organisation.id)
    {
        return refuse("another organisation");
    }
    if let Some(home) = &user.home {
        let of_node = |known: &crate::model::HomeCommunityId| known.to_string() == **home;
        if !node.homes.iter().any(of_node) {
            return refuse("another community");
        }
    }
    Ok(())
}

/// Step 15.
fn required(user: &User, presentation: &Presentation<'_>, settings: &AssertionSettings) -> Result<(), Refusal> {
    let nl = presentation.profile == AttributeProfile::NlGateway;
    let xca = XCA.contains(&presentation.transaction);
    let about_a_patient = ABOUT_A_PATIENT.contains(&presentation.transaction);
    for (absent, detail) in [
        (user.name_id.is_empty(), "no NameID"),
        (!nl && user.name.is_empty(), "no subject-id"),
        (user.organisation_id.is_none(), "no organisation"),
        (user.roles.is_empty(), "no role"),
        (user.purposes.is_empty(), "no purpose of use"),
        (nl && user.provider.is_none(), "no provider-identifier"),
        (!nl && xca && user.home.is_none(), "no homeCommunityId"),
        (settings.require_resource_id && about_a_patient && user.patient.is_none(), "no resource-id"),
    ] {
        if absent {
            return Err(Refusal::new(Reason::Attributes, detail));
        }
    }
    known(&user.roles, &settings.role_systems, "a role of an unknown code system")?;
    known(&user.purposes, &settings.purpose_systems, "a purpose of an unknown code system")
}

fn known(codes: &[Coded], systems: &BTreeSet<Box<str>>, detail: &'static str) -> Result<(), Refusal> {
    match codes.iter().all(|code| !code.code.is_empty() && systems.contains(&code.system)) {
        true => Ok(()),
        false => Err(Refusal::new(Reason::Attributes, detail)),
    }
}

/// An OID without the prefix that some write before it.
pub fn plain_oid(text: &str) -> &str {
    text.strip_prefix("urn:oid:").unwrap_or(text)
}

fn patient(text: &str) -> Result<PatientId, Refusal> {
    let patient: PatientId = text.parse().map_err(|_| Refusal::new(Reason::Attributes, "resource-id is no CX"))?;
    if patient.authority().as_str() == BSN_AUTHORITY && check_bsn(patient.id()).is_err() {
        return Err(Refusal::new(Reason::Attributes, "resource-id is no BSN"));
    }
    Ok(patient)
}

/// The attributes by name: several statements, attributes and values are one union.
struct Values<'a>(&'a Assertion);

impl<'a> Values<'a> {
    fn texts(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let named = self.0.attributes.iter().filter(move |attribute| &*attribute.name == name);
        named.flat_map(|attribute| attribute.texts.iter().map(|text| &**text)).filter(|text| !text.is_empty())
    }

    fn hl7(&self, name: &'static str) -> impl Iterator<Item = &'a Hl7Value> {
        let named = self.0.attributes.iter().filter(move |attribute| &*attribute.name == name);
        named.flat_map(|attribute| attribute.coded.iter())
    }

    /// The text that all values agree on.
    fn one_text(&self, name: &'static str) -> Result<Option<Box<str>>, Refusal> {
        let mut texts = self.texts(name);
        let first = texts.next();
        match first.is_some_and(|first| texts.any(|other| other != first)) {
            true => Err(Refusal::new(Reason::Attributes, "an attribute with values that differ")),
            false => Ok(first.map(Into::into)),
        }
    }

    fn one_identifier(&self, name: &'static str) -> Result<Option<InstanceIdentifier>, Refusal> {
        let mut values = self.hl7(name).map(|value| InstanceIdentifier {
            root: plain_oid(&value.root).into(),
            extension: value.extension.clone(),
        });
        let first = values.next();
        match first.as_ref().is_some_and(|first| values.any(|other| other != *first)) {
            true => Err(Refusal::new(Reason::Attributes, "an attribute with values that differ")),
            false => Ok(first),
        }
    }

    /// Coded values; the element's name counts where a profile fixes it.
    fn coded(&self, name: &'static str, element: Option<&str>) -> Vec<Coded> {
        let values = self.hl7(name).filter(|value| element.is_none_or(|element| &*value.element == element));
        let coded = values.map(|value| Coded {
            code: value.code.clone(),
            system: plain_oid(&value.code_system).into(),
            system_name: value.code_system_name.clone(),
            display: value.display_name.clone(),
        });
        let mut codes: Vec<Coded> = Vec::new();
        for code in coded {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        codes
    }
}
