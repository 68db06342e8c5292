//! Stage 3: reading attributes out of an object, each by its rule.
//!
//! Source: ITI TF-3 §4.2.3.1 (R-META-10 to R-META-30, R-42-15, R-42-16, R-42-18).

use std::{fmt::Display, str::FromStr};

use super::{shape, structure::Draft};
use crate::{
    model::{
        Code, CodeValue, HomeCommunityId, PatientId, PatientIdError, nfc,
        rim::{Classification, LocalizedString, RegistryObject, Slot},
        vocabulary as v,
    },
    validate::{
        Rules, Tolerance,
        report::{Report, one_of, shown},
    },
};

/// Longest value of a slot, an external identifier, a code or a mimeType (LongName of ebRIM).
const LONG_NAME: usize = 256;

/// Reads the attributes of one object and reports what is wrong with them.
pub(super) struct Attributes<'a> {
    pub(super) object: &'a RegistryObject,
    pub(super) label: &'a str,
    pub(super) rules: &'a Rules,
    pub(super) report: &'a mut Report,
}

impl<'a> Attributes<'a> {
    /// Begins with what holds for any object: lengths, one Name, a well-formed home.
    pub(super) fn new(draft: &'a Draft, rules: &'a Rules, report: &'a mut Report) -> Self {
        let mut attributes = Self { object: &draft.object, label: &draft.label, rules, report };
        attributes.check_lengths();
        if draft.object.name_elements > 1 {
            let names = draft.object.name_elements;
            attributes.refuse("R-META-27", format_args!("title has {names} Name elements, one is allowed"));
        }
        attributes
    }

    /// Reports a fault of this object.
    pub(super) fn refuse(&mut self, rule: &str, problem: impl Display) {
        self.report.metadata(rule, format!("{}: {problem}", self.label));
    }

    /// Reports a value that is not what its rule says.
    pub(super) fn refuse_value(&mut self, rule: &str, attribute: &str, value: &str, expected: impl Display) {
        self.refuse(rule, format_args!("{attribute} {} is refused: {expected}", shown(value)));
    }

    fn missing(&mut self, attribute: &str) {
        self.refuse("R-42-15", format_args!("missing {attribute}"));
    }

    fn check_lengths(&mut self) {
        let object = self.object;
        self.check_slot_lengths(&object.slots);
        for classification in &object.classifications {
            self.check_slot_lengths(&classification.slots);
            if let Some(code) = classification.node_representation.as_deref() {
                self.check_length("nodeRepresentation", code);
            }
        }
        for identifier in &object.external_identifiers {
            // R-META-31 holds the length of this one.
            if &*identifier.identification_scheme != v::DE_UNIQUE_ID {
                self.check_length(shape::identifier_name(&identifier.identification_scheme), &identifier.value);
            }
        }
    }

    fn check_slot_lengths(&mut self, slots: &[Slot]) {
        for slot in slots {
            self.check_length("the name of a slot", &slot.name);
            for value in &slot.values {
                self.check_length(&slot.name, value);
            }
        }
    }

    fn check_length(&mut self, attribute: &str, value: &str) {
        // No text has more characters than octets.
        let length = if value.len() > LONG_NAME { value.chars().count() } else { 0 };
        if length > LONG_NAME {
            let expected = format_args!("{length} characters, at most {LONG_NAME} are allowed");
            self.refuse_value("R-META-10", attribute, value, expected);
        }
    }

    /// The value of a single-valued slot; empty is absent (R-META-10).
    pub(super) fn optional(&mut self, slot: &str) -> Option<&'a str> {
        let values = &self.object.slot(slot)?.values;
        if values.len() > 1 {
            self.refuse("R-META-10", format_args!("{slot} has {} values, one is allowed", values.len()));
            return None;
        }
        values.first().map(|value| &**value).filter(|value| !value.is_empty())
    }

    /// The value of a single-valued slot that must be there.
    pub(super) fn required(&mut self, slot: &str) -> Option<&'a str> {
        let is_many = self.object.slot(slot).is_some_and(|s| s.values.len() > 1);
        let value = self.optional(slot);
        if value.is_none() && !is_many {
            self.missing(slot);
        }
        value
    }

    /// All values of a slot but empty ones.
    pub(super) fn values(&self, slot: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let values = self.object.slot(slot).map(|s| s.values.as_slice()).unwrap_or_default();
        values.iter().map(|value| &**value).filter(|value| !value.is_empty())
    }

    /// Reads a value by its type.
    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self, rule: &str, attribute: &str, value: &str) -> Option<T> {
        match value.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.refuse_value(rule, attribute, value, error);
                None
            }
        }
    }

    /// A patient identifier; the most frequent reject, so its message says what is wrong (spec §8, 20).
    pub(super) fn patient_id(&mut self, attribute: &str, value: &str) -> Option<PatientId> {
        match value.parse::<PatientId>() {
            Ok(id) => {
                if value.ends_with('^') {
                    self.report.tolerate(Tolerance::TrailingComponents);
                }
                Some(id)
            }
            Err(error) => {
                let hint = match error {
                    PatientIdError::EscapedTwice => "",
                    _ => "; write id^^^&oid&ISO",
                };
                self.refuse_value("R-META-15", attribute, value, format_args!("{error}{hint}"));
                None
            }
        }
    }

    /// The value of an external identifier that must be there.
    pub(super) fn identifier(&mut self, scheme: &str, attribute: &str) -> Option<&'a str> {
        let value = self.object.external_identifier(scheme).filter(|value| !value.is_empty());
        if value.is_none() {
            self.missing(attribute);
        }
        value
    }

    /// homeCommunityId.
    pub(super) fn home(&mut self) -> Option<HomeCommunityId> {
        let home = self.object.home.as_deref().filter(|home| !home.is_empty())?;
        self.parse("R-META-14", "home", home)
    }

    /// The title in its first language, if there is one and it is not too long.
    pub(super) fn title(&mut self, longest: usize) -> Option<Box<str>> {
        for title in &self.object.name {
            let length = title.value.chars().count();
            if length > longest {
                self.refuse_value(
                    "R-META-27",
                    "title",
                    &title.value,
                    format_args!("{length} characters, at most {longest} are allowed"),
                );
            }
        }
        self.object.name.first().map(|title| title.value.clone()).filter(|title| !title.is_empty())
    }

    /// The title, which must be there.
    pub(super) fn required_title(&mut self, longest: usize) -> Option<Box<str>> {
        let title = self.title(longest);
        if title.is_none() {
            self.missing("title (Name)");
        }
        title
    }

    fn classifications(&self, scheme: &'static str) -> impl Iterator<Item = &'a Classification> + use<'a> {
        self.object.classifications.iter().filter(move |c| c.classification_scheme.as_deref() == Some(scheme))
    }

    /// All codes of an attribute; faulty ones are reported and left out.
    pub(super) fn codes(&mut self, scheme: &'static str, attribute: &str) -> Vec<Code> {
        self.classifications(scheme).filter_map(|c| self.code(attribute, c)).collect()
    }

    /// All codes of an attribute that needs at least one.
    pub(super) fn required_codes(&mut self, scheme: &'static str, attribute: &str) -> Vec<Code> {
        if self.classifications(scheme).next().is_none() {
            self.missing(attribute);
        }
        self.codes(scheme, attribute)
    }

    /// The one code of an attribute that must have one.
    pub(super) fn required_code(&mut self, scheme: &'static str, attribute: &str) -> Option<Code> {
        self.required_codes(scheme, attribute).into_iter().next()
    }

    /// Source: ITI TF-3 §4.2.3.1.2 (R-META-22, R-42-18).
    fn code(&mut self, attribute: &str, classification: &Classification) -> Option<Code> {
        let code = classification.node_representation.as_deref().unwrap_or_default();
        if code.is_empty() {
            self.refuse("R-META-22", format_args!("{attribute} has no nodeRepresentation (the code)"));
        }
        let mut schemes = classification.slots.iter().filter(|slot| &*slot.name == v::SLOT_CODING_SCHEME);
        let scheme = match (schemes.next(), schemes.next()) {
            (Some(Slot { values, .. }), None) => match values.as_slice() {
                [one] if !one.is_empty() => Some(&**one),
                _ => None,
            },
            _ => None,
        };
        if scheme.is_none() {
            let problem = format_args!("{attribute} {} needs one slot codingScheme with one value", shown(code));
            self.refuse("R-META-22", problem);
        }
        let display_name = first_text(&classification.name);
        if display_name.is_none() {
            let problem = format_args!("{attribute} {} has no Name (the displayName)", shown(code));
            self.refuse("R-META-22", problem);
        }
        let value = match CodeValue::new(code, scheme?) {
            Ok(value) => value,
            // An empty code was reported above.
            Err(_) if code.is_empty() => return None,
            Err(error) => {
                self.refuse_value("R-META-22", attribute, code, error);
                return None;
            }
        };
        if let Some(allowed) = self.rules.value_sets.get(attribute)
            && !allowed.contains(&value)
        {
            let allowed = one_of(allowed.iter().map(ToString::to_string));
            let expected = format_args!("not in the value set of this registry; {allowed}");
            self.refuse_value("R-42-18", attribute, &value.to_string(), expected);
        }
        Some(Code { value, display_name: display_name?.into() })
    }

    /// Checks the authors and returns the authorPerson values of all (R-META-30).
    pub(super) fn authors(&mut self, scheme: &'static str) -> Vec<Box<str>> {
        let authors: Vec<_> = self.classifications(scheme).collect();
        authors.into_iter().filter_map(|author| super::author::check(self, author)).map(|p| nfc(p).into()).collect()
    }
}

fn first_text(strings: &[LocalizedString]) -> Option<&str> {
    strings.first().map(|s| &*s.value).filter(|value| !value.is_empty())
}
