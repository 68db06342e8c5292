//! From slots to typed parameters, every fault reported.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3 (R-18-06 to R-18-18, R-18-23, S-IN-27).

use std::fmt::Display;

use super::{
    draft::Draft,
    table::{Parameter, Target, Use},
    value::{self, Item, Notation},
};
use crate::{
    model::{
        AssociationType, AvailabilityStatus, CodeValue, DocumentAvailability, DocumentEntryType, Dtm, EntryUuid,
        XdsErrorCode, nfc, rim::Slot, stored_query::LikePattern,
    },
    validate::{
        QueryRules, Tolerance,
        report::{Report, shown},
    },
};

/// Reads parameters into a draft.
pub(super) struct Reader<'a> {
    pub(super) rules: &'a QueryRules,
    pub(super) report: &'a mut Report,
    pub(super) draft: &'a mut Draft,
}

impl Reader<'_> {
    /// Reads all slots of one parameter.
    pub(super) fn read(&mut self, parameter: &Parameter, slots: &[&Slot]) {
        let name = parameter.name;
        if slots.is_empty() {
            if parameter.usage == Use::Required {
                self.missing(name);
            }
            return;
        }
        if slots.len() > 1 && !parameter.target.may_repeat() {
            let problem = format!("{name} is there {} times; it may not be repeated", slots.len());
            self.report.error(XdsErrorCode::StoredQueryParamNumber, "R-18-07", problem);
            return;
        }
        for slot in slots {
            if let Some(items) = self.items(parameter, slot) {
                self.accept(parameter, items);
            }
        }
    }

    fn missing(&mut self, name: &str) {
        let problem = format!("Required parameter {name} is missing");
        self.report.error(XdsErrorCode::StoredQueryMissingParam, "R-18-20", problem);
    }

    fn refuse(&mut self, rule: &str, name: &str, value: &str, problem: impl Display) {
        let context = format!("{name} {} is refused: {problem}", shown(value));
        self.report.error(XdsErrorCode::RegistryError, rule, context);
    }

    /// The items of a slot, all its values in one list; `None` if there was a fault.
    fn items(&mut self, parameter: &Parameter, slot: &Slot) -> Option<Vec<Item>> {
        let name = parameter.name;
        let mut items = Vec::new();
        if slot.values.is_empty() {
            self.refuse("R-18-09", name, "", "the slot has no value");
            return None;
        }
        for text in &slot.values {
            let mut value = match value::parse(text) {
                Ok(value) => value,
                Err(error) => {
                    self.refuse("R-18-05", name, text, error);
                    return None;
                }
            };
            self.note_habits(parameter, &mut value);
            if !self.rules.lenient_values && !value.tolerated.is_empty() {
                self.refuse("R-18-05", name, text, "lists stand in parentheses, text in single quotes");
                return None;
            }
            self.report.tolerated.extend(value.tolerated);
            items.extend(value.items);
        }
        if items.len() > self.rules.values_per_parameter {
            let most = self.rules.values_per_parameter;
            let problem = format!("{name} has {} values, at most {most} are taken", items.len());
            self.report.error(XdsErrorCode::TooManyResults, "S-IN-27", problem);
            return None;
        }
        if items.len() > 1 && !parameter.target.takes_list() {
            let problem = format!("{name} has {} values, one is allowed", items.len());
            self.report.error(XdsErrorCode::StoredQueryParamNumber, "R-18-08", problem);
            return None;
        }
        Some(items)
    }

    /// Notes what is not written as it should be, but beyond doubt (R-18-09).
    fn note_habits(&mut self, parameter: &Parameter, value: &mut value::Value) {
        match (parameter.target.takes_list(), value.in_parentheses) {
            (true, false) => value.tolerated.insert(Tolerance::MissingParentheses),
            (false, true) if value.items.len() == 1 => value.tolerated.insert(Tolerance::SuperfluousParentheses),
            _ => false,
        };
        for item in &value.items {
            let habit = match (parameter.target.is_number(), item.notation) {
                (true, Notation::Quoted) => Tolerance::QuotedNumber,
                (false, Notation::Number) => Tolerance::UnquotedText,
                _ => continue,
            };
            value.tolerated.insert(habit);
        }
    }

    fn accept(&mut self, parameter: &Parameter, items: Vec<Item>) {
        let name = parameter.name;
        let texts = items.iter().map(|item| nfc(&item.text));
        let first = items.first().map(|item| &*item.text).unwrap_or_default();
        match parameter.target {
            Target::Patient => match first.parse() {
                Ok(id) => self.draft.patient_id = Some(id),
                Err(error) => self.refuse("R-18-15", name, first, error),
            },
            Target::Status(place) => {
                let status = self.status(&items);
                if status.is_empty() {
                    let problem =
                        format!("Required parameter {name} holds no status of the standard, such as {APPROVED}");
                    self.report.error(XdsErrorCode::StoredQueryMissingParam, "R-18-17", problem);
                }
                *place(self.draft) = status;
            }
            Target::AssociationStatus => self.draft.association_status = Some(self.status(&items)),
            Target::ObjectTypes => {
                self.draft.entries.object_types =
                    distinct(items.iter().filter_map(|item| DocumentEntryType::from_urn(&item.text)));
            }
            Target::Codes(place) => *place(self.draft) = self.codes(name, &items),
            Target::AllCodes(place) => {
                let codes = self.codes(name, &items);
                place(self.draft).push(codes);
            }
            Target::Patterns(place) => *place(self.draft) = texts.map(|text| LikePattern(text.into())).collect(),
            Target::Pattern => self.draft.author_person = texts.map(|text| LikePattern(text.into())).next(),
            Target::AllPatterns(place) => {
                let patterns = texts.map(|text| LikePattern(text.into())).collect();
                place(self.draft).push(patterns);
            }
            Target::Time(place) => match first.parse::<Dtm>() {
                Ok(time) => *place(self.draft) = Some(time),
                Err(error) => self.refuse("R-18-11", name, first, error),
            },
            Target::Texts(place) => *place(self.draft) = texts.map(Into::into).collect(),
            Target::Uuids(place) | Target::OneUuid(place) => {
                let uuids = distinct(items.iter().filter_map(|item| item.text.parse::<EntryUuid>().ok()));
                *place(self.draft) = Some(uuids);
            }
            Target::UniqueIds | Target::OneUniqueId => {
                self.draft.unique_ids = Some(items.iter().map(|item| item.text.as_str().into()).collect());
            }
            Target::AssociationTypes => self.draft.association_types = self.association_types(&items),
            Target::Availability => self.availability(&items),
            Target::MetadataLevel => match first {
                "1" => self.draft.metadata_level = Some(1),
                "2" => self.draft.metadata_level = Some(2),
                other => self.refuse("R-18-60", name, other, "it is 1 or 2"),
            },
        }
    }

    /// States not understood are ignored (R-18-17).
    fn status(&mut self, items: &[Item]) -> Vec<AvailabilityStatus> {
        let mut read = |text: &str| {
            let short = match text {
                "Approved" => Some(AvailabilityStatus::Approved),
                "Deprecated" => Some(AvailabilityStatus::Deprecated),
                _ => None,
            };
            AvailabilityStatus::from_urn(text).or_else(|| {
                let short = short.filter(|_| self.rules.short_status)?;
                self.report.tolerate(Tolerance::ShortStatus);
                Some(short)
            })
        };
        distinct(items.iter().filter_map(|item| read(&item.text)))
    }

    fn codes(&mut self, name: &str, items: &[Item]) -> Vec<CodeValue> {
        let mut codes = Vec::with_capacity(items.len());
        for item in items {
            match item.text.parse() {
                Ok(code) => codes.push(code),
                Err(error) => self.refuse("R-18-10", name, &item.text, error),
            }
        }
        codes
    }

    /// Types not understood match nothing (R-18-43).
    fn association_types(&mut self, items: &[Item]) -> Vec<AssociationType> {
        let mut read = |text: &str| {
            AssociationType::from_urn(text).or_else(|| {
                let is_short = |urn: &str| urn.rsplit(':').next() == Some(text);
                let known = AssociationType::ALL.into_iter().find(|known| is_short(known.as_urn()));
                let known = known.filter(|_| self.rules.short_association_types)?;
                self.report.tolerate(Tolerance::ShortAssociationType);
                Some(known)
            })
        };
        distinct(items.iter().filter_map(|item| read(&item.text)))
    }

    /// Absent means online, so a misspelt value must not go unseen (R-18-62).
    fn availability(&mut self, items: &[Item]) {
        for item in items {
            match DocumentAvailability::from_urn(&item.text) {
                Some(availability) => self.draft.entries.availability.push(availability),
                None => {
                    let problem = "it is urn:ihe:iti:2010:DocumentAvailability:Online or …:Offline";
                    self.refuse("R-18-62", "$XDSDocumentEntryDocumentAvailability", &item.text, problem);
                }
            }
        }
    }
}

const APPROVED: &str = crate::model::vocabulary::STATUS_APPROVED;

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut out = Vec::new();
    for value in values {
        if !out.contains(&value) {
            out.push(value);
        }
    }
    out
}
