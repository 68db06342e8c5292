//! Values of the command line that name nodes and organisations.

use crate::model::{HomeCommunityId, Oid};

/// Characters of the name of a node.
const NAME_MAX: usize = 64;
/// Characters of the name of an organisation.
const ORGANISATION_NAME_MAX: usize = 100;
/// Characters of a category.
const CATEGORY_MAX: usize = 40;
/// Characters of an entity id.
const ISSUER_MAX: usize = 1024;
/// The arc of URA numbers. Source: K-20.
const URA: &str = "2.16.528.1.1007.3.3";

/// Name of a node.
pub(super) fn node_name(text: &str) -> Result<Box<str>, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.len() <= NAME_MAX && text.chars().all(plain) {
        Ok(text.into())
    } else {
        Err(format!(
            "a name is at most {NAME_MAX} letters, digits, '.', '_' and '-', and begins with a letter or digit"
        ))
    }
}

/// OID of an organisation, or its URA number.
pub(in crate::cli) fn organisation_id(text: &str) -> Result<Box<str>, String> {
    let is_ura = !text.is_empty() && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_digit());
    let id = match text.trim_start_matches('0') {
        number if is_ura && !number.is_empty() => format!("{URA}.{number}"),
        _ => text.strip_prefix("urn:oid:").unwrap_or(text).to_owned(),
    };
    id.parse::<Oid>().map(|oid| oid.as_str().into()).map_err(|error| format!("{error}; a URA number is taken as well"))
}

/// Name of an organisation.
pub(in crate::cli) fn organisation_name(text: &str) -> Result<Box<str>, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > ORGANISATION_NAME_MAX || text.chars().any(char::is_control) {
        return Err(format!("a name is 1 to {ORGANISATION_NAME_MAX} characters"));
    }
    Ok(text.into())
}

/// Category of an organisation, for consent.
pub(in crate::cli) fn category(text: &str) -> Result<Box<str>, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= CATEGORY_MAX && text.bytes().all(plain) {
        return Ok(text.into());
    }
    Err("a category is one word in small letters: huisarts, apotheek, ziekenhuis, vvt, ggz, lab, ambulance …"
        .to_owned())
}

/// homeCommunityId, with or without `urn:oid:`.
pub(in crate::cli) fn home(text: &str) -> Result<HomeCommunityId, String> {
    let oid: Oid = text.strip_prefix("urn:oid:").unwrap_or(text).parse().map_err(|error| format!("{error}"))?;
    Ok(HomeCommunityId::new(oid))
}

/// Issuer of assertions, an entity id.
pub(super) fn issuer_of_assertions(text: &str) -> Result<Box<str>, String> {
    if text.is_empty() || text.len() > ISSUER_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("an entity id is at most {ISSUER_MAX} octets without blanks"));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_is_named_by_oid_or_ura() {
        for (text, id) in [
            ("2.999.7", "2.999.7"),
            ("urn:oid:2.999.7", "2.999.7"),
            ("12345678", "2.16.528.1.1007.3.3.12345678"),
            ("00001234", "2.16.528.1.1007.3.3.1234"),
        ] {
            assert_eq!(organisation_id(text).as_deref(), Ok(id), "{text}");
        }
        for wrong in ["", "0", "123456789", "abc", "2.999.01"] {
            assert!(organisation_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_that_would_confuse_a_log_are_refused() {
        assert!(node_name("sfg-ehr_2.a").is_ok());
        for wrong in ["", "-x", ".x", "a b", "a\n", "é", "a/b", &"a".repeat(65)] {
            assert!(node_name(wrong).is_err(), "{wrong}");
        }
        assert!(category("ggz").is_ok());
        for wrong in ["", "Ziekenhuis", "a b", "1a"] {
            assert!(category(wrong).is_err(), "{wrong}");
        }
        assert_eq!(organisation_name(" Sint Fictief ").as_deref(), Ok("Sint Fictief"));
        assert!(organisation_name(" ").is_err() && organisation_name("a\nb").is_err());
        assert_eq!(home("2.999").map(|home| home.to_string()).as_deref(), Ok("urn:oid:2.999"));
        assert!(home("x").is_err());
        assert!(issuer_of_assertions("https://sts.example/a b").is_err());
    }
}
