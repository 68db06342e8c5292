//! The numbers that are searched for: BSNs, and what may be one among the numbers that are taken away.
//!
//! A BSN is not always said to be one: it comes without its authority, with another, or in a form that nobody reads as a
//! patient identifier. So each number that is taken away counts as one if it passes the eleven-test. One in eleven numbers of
//! a hospital passes it by chance; one that stays in the package is searched for only where it is said to be a BSN.

use std::collections::BTreeSet;

use super::{OTHER_NUMBERS, is_own, scanner::is_authority_in};
use crate::{
    model::{SourcePatientInfo, bsn::check_bsn, rim::RegistryObject, vocabulary as v},
    service::xdm::export::metadata::slot,
    wire::xdm::dicom_patient::TakenNumber,
};

/// PID field of the patient identifiers.
const IDENTIFIERS: u8 = 3;
/// PID field of the social security number.
const SOCIAL_SECURITY: u8 = 19;

/// The numbers of one package.
#[derive(Default)]
pub(super) struct Searched {
    /// Said to be BSNs.
    named: BTreeSet<String>,
    /// Taken away, and may be BSNs.
    suspected: BTreeSet<String>,
    /// Numbers of hospitals that stay.
    kept: BTreeSet<String>,
}

impl Searched {
    /// A number that is a BSN.
    pub(super) fn name(&mut self, bsn: &str) {
        self.named.insert(bsn.to_owned());
    }

    /// A number that stands for a BSN.
    pub(super) fn keep(&mut self, number: &str) {
        self.kept.extend(possible_bsns(number));
    }

    /// The numbers of an entry of the package as it was: those of hospitals stay in it.
    pub(super) fn entry(&mut self, entry: &RegistryObject) {
        self.other_entry(entry);
        for own in identifiers(entry).filter_map(is_own) {
            self.keep(own.id());
        }
    }

    /// The numbers of an entry that is not in the package: none of them stays in it.
    pub(super) fn other_entry(&mut self, entry: &RegistryObject) {
        for cx in identifiers(entry).filter(|cx| is_own(cx).is_none()) {
            self.taken_away(cx, false);
        }
        for (field, repetition) in told(entry).filter(|(field, _)| OTHER_NUMBERS.contains(field)) {
            self.taken_away(repetition, field == SOCIAL_SECURITY);
        }
    }

    /// What was taken out of a DICOM header.
    pub(super) fn header(&mut self, taken: &[TakenNumber]) {
        for TakenNumber { number, issuer } in taken {
            self.suspect(&String::from_utf8_lossy(number), is_authority_in(issuer));
        }
    }

    /// All that are to be found.
    pub(super) fn all(&self) -> BTreeSet<String> {
        self.suspected.difference(&self.kept).chain(&self.named).cloned().collect()
    }

    fn taken_away(&mut self, cx: &str, is_named: bool) {
        let (number, _) = cx.split_once('^').unwrap_or((cx, ""));
        self.suspect(number, is_named || is_authority_in(cx.as_bytes()));
    }

    fn suspect(&mut self, number: &str, is_named: bool) {
        let into = if is_named { &mut self.named } else { &mut self.suspected };
        into.extend(possible_bsns(number));
    }
}

/// What an entry has as patient identifiers, CX.
fn identifiers(entry: &RegistryObject) -> impl Iterator<Item = &str> {
    let patient = entry.external_identifier(v::DE_PATIENT_ID).unwrap_or_default();
    let listed = told(entry).filter(|(field, _)| *field == IDENTIFIERS).map(|(_, repetition)| repetition);
    [patient, slot(entry, v::SLOT_SOURCE_PATIENT_ID)].into_iter().chain(listed)
}

/// The repetitions of the PID fields of an entry.
fn told(entry: &RegistryObject) -> impl Iterator<Item = (u8, &str)> {
    let info = entry.slot(v::SLOT_SOURCE_PATIENT_INFO).map(|slot| slot.values.as_slice()).unwrap_or_default();
    let fields = info.iter().filter_map(|value| {
        let SourcePatientInfo { field, .. } = value.parse().ok()?;
        Some((field, value.split_once('|')?.1))
    });
    fields.flat_map(|(field, data)| data.split('~').map(move |repetition| (field, repetition)))
}

/// The numbers of nine digits in a text that pass the eleven-test; of eight, the first one is a zero that was left out.
fn possible_bsns(text: &str) -> impl Iterator<Item = String> + '_ {
    let joined: String = text.chars().filter(|letter| !matches!(letter, '.' | '-' | ' ')).collect();
    // The arcs of an OID are no numbers of their own.
    let runs = text.split(|letter: char| !letter.is_ascii_digit() && letter != '.').map(|run| run.trim_matches('.'));
    let numbers = runs.map(str::to_owned).chain([joined]).filter(|number| matches!(number.len(), 8 | 9));
    numbers.map(|number| format!("{number:0>9}")).filter(|number| check_bsn(number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::rim::RimKind, service::xdm::export::metadata::set_slot};

    #[test]
    fn k_32_what_may_be_a_bsn() {
        let found = |text| possible_bsns(text).collect::<BTreeSet<_>>();
        for text in ["999900018", "9999.00.018", "9999 00 018", "999900018.", "BSN:999900018", "\u{e9}\0999900018 1"] {
            assert_eq!(found(text), ["999900018".to_owned()].into(), "{text}");
        }
        assert_eq!(found("99990003"), ["099990003".to_owned()].into());
        for text in ["", "999900019", "1999900018", "A0012345", "2.999.999900018", "000000000"] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn k_32_a_number_that_stays_is_searched_for_only_if_it_is_said_to_be_a_bsn() {
        let taken = |number: &str, issuer: &str| TakenNumber { number: number.into(), issuer: issuer.into() };
        let mut searched = Searched::default();
        searched.keep("999900006");
        searched.header(&[taken("999900006", "2.999.1.1"), taken("999900018", "")]);
        assert_eq!(searched.all(), ["999900018".to_owned()].into());
        searched.header(&[taken("999900006", "NLMINBIZA")]);
        assert_eq!(searched.all().len(), 2);
    }

    #[test]
    fn k_32_what_another_entry_keeps_does_not_stay_in_the_package() {
        let taken = TakenNumber { number: b"999900006".to_vec(), issuer: b"2.999.1.1".to_vec() };
        let mut entry = RegistryObject::new(RimKind::ExtrinsicObject { mime_type: None });
        set_slot(&mut entry, v::SLOT_SOURCE_PATIENT_ID, "999900006^^^&2.999.7.1&ISO");
        for (is_in_package, expected) in [(true, 0), (false, 1)] {
            let mut searched = Searched::default();
            match is_in_package {
                true => searched.entry(&entry),
                false => searched.other_entry(&entry),
            }
            searched.header(std::slice::from_ref(&taken));
            assert_eq!(searched.all().len(), expected);
        }
    }
}
