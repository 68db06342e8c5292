//! Authors and intended recipients.
//!
//! Source: ITI TF-3 §4.2.3.1.4, §4.2.3.1.7, §4.2.3.3.7 (R-META-17 to R-META-21, R-META-30).

use super::attributes::Attributes;
use crate::{
    model::{IntendedRecipient, IntendedRecipientError, Oid, Xcn, Xon, Xtn, rim::Classification, vocabulary as v},
    validate::Tolerance,
};

/// The values of a sub-attribute, empty ones left out.
fn values<'a>(author: &'a Classification, slot: &str) -> impl Iterator<Item = &'a str> {
    let slot = author.slots.iter().find(|s| &*s.name == slot);
    slot.into_iter().flat_map(|s| s.values.iter()).map(|value| &**value).filter(|value| !value.is_empty())
}

/// Checks one author and returns its authorPerson.
pub(super) fn check<'a>(attributes: &mut Attributes<'_>, author: &'a Classification) -> Option<&'a str> {
    if let Some(code) = author.node_representation.as_deref().filter(|code| !code.is_empty()) {
        attributes.refuse_value("R-META-30", "nodeRepresentation of author", code, "it must be present and empty");
    }
    let mut persons = values(author, v::SLOT_AUTHOR_PERSON);
    let person = persons.next();
    if persons.next().is_some() {
        let problem = "authorPerson has several values; write one author (Classification) for each person";
        attributes.refuse("R-META-30", problem);
    }
    if let Some(person) = person {
        attributes.parse::<Xcn>("R-META-17", v::SLOT_AUTHOR_PERSON, person);
    }
    let mut named = person.is_some();
    for institution in values(author, v::SLOT_AUTHOR_INSTITUTION) {
        named = true;
        attributes.parse::<Xon>("R-META-18", v::SLOT_AUTHOR_INSTITUTION, institution);
    }
    for address in values(author, v::SLOT_AUTHOR_TELECOMMUNICATION) {
        named = true;
        check_telecommunication(attributes, address);
    }
    for slot in [v::SLOT_AUTHOR_ROLE, v::SLOT_AUTHOR_SPECIALTY] {
        for value in values(author, slot).filter(|value| !is_coded_string(value)) {
            attributes.refuse_value("R-META-21", slot, value, "write plain text, or code^^^&oid&ISO");
        }
    }
    if !named {
        let problem = "author names nobody: authorPerson, authorInstitution or authorTelecommunication must be there";
        attributes.refuse("R-META-30", problem);
    }
    person
}

fn check_telecommunication(attributes: &mut Attributes<'_>, address: &str) {
    if let Err(error) = address.parse::<Xtn>() {
        if attributes.rules.legacy_telephone && is_legacy_telephone(address) {
            attributes.report.tolerate(Tolerance::LegacyTelephone);
        } else {
            attributes.refuse_value("R-META-19", v::SLOT_AUTHOR_TELECOMMUNICATION, address, error);
        }
    }
}

/// Before HL7 2.5 a number stood in component 1, later in 12, as one text.
fn is_legacy_telephone(address: &str) -> bool {
    let is_number = |c: &str| c.bytes().any(|b| b.is_ascii_digit());
    address.split('^').enumerate().any(|(index, component)| matches!(index, 0 | 11) && is_number(component))
}

/// Plain text, or `code^^^&oid&ISO` (R-META-21).
fn is_coded_string(value: &str) -> bool {
    let mut components = value.trim_end_matches('^').split('^');
    let has_code = components.next().is_some_and(|code| !code.is_empty());
    let Some(second) = components.next() else { return has_code };
    let third_empty = components.next() == Some("");
    let authority = components.next().and_then(|c| c.strip_prefix('&')).and_then(|c| c.strip_suffix("&ISO"));
    has_code
        && second.is_empty()
        && third_empty
        && authority.is_some_and(|oid| oid.parse::<Oid>().is_ok())
        && components.next().is_none()
}

/// Checks the intended recipients of a submission set (R-META-20).
pub(super) fn check_recipients(attributes: &mut Attributes<'_>) {
    let recipients: Vec<&str> = attributes.values(v::SLOT_INTENDED_RECIPIENT).collect();
    for recipient in recipients {
        match recipient.parse::<IntendedRecipient>() {
            Ok(_) => {}
            Err(IntendedRecipientError::Telecommunication(_))
                if attributes.rules.legacy_telephone
                    && recipient.split('|').nth(2).is_some_and(is_legacy_telephone) =>
            {
                attributes.report.tolerate(Tolerance::LegacyTelephone);
            }
            Err(error) => attributes.refuse_value("R-META-20", v::SLOT_INTENDED_RECIPIENT, recipient, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_21_roles_are_plain_text_or_coded() {
        for value in ["Attending", "PRF^^^&2.16.840.1.113883.5.90&ISO", "PRF^^^&1.2.3&ISO^^"] {
            assert!(is_coded_string(value), "{value}");
        }
        for value in ["", "^^^&1.2.3&ISO", "PRF^x", "PRF^^^1.2.3", "PRF^^^&1.2.3&DNS", "PRF^^^&1.2.3&ISO^x"] {
            assert!(!is_coded_string(value), "{value}");
        }
    }
}
