//! Forty patients who do not exist, with numbers of the test range that pass the eleven-test.

use super::dice::Dice;
use crate::model::bsn::{BSN_AUTHORITY, check_bsn};

/// How many there are.
pub(super) const PATIENTS: usize = 40;

const FAMILY: [&str; 10] = [
    "Voorbeeld",
    "Testman",
    "van der Proef",
    "Oefening",
    "de Fictie",
    "Verzinsel",
    "Schijn",
    "van Demo",
    "Probeersel",
    "Denkbeeld",
];
const GIVEN_F: [&str; 8] = ["Anna", "Bregje", "Carla", "Dieuwke", "Eva", "Fenna", "Greetje", "Hilde"];
const GIVEN_M: [&str; 8] = ["Adam", "Bram", "Cees", "Daan", "Evert", "Frits", "Gijs", "Huub"];

/// A patient.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) bsn: String,
    /// Number in the hospital's own system.
    pub(super) hospital_number: String,
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    /// YYYYMMDD.
    pub(super) birth_date: String,
    /// F or M.
    pub(super) sex: &'static str,
}

impl Person {
    /// The identity in the affinity domain, as CX.
    pub(super) fn patient_id(&self) -> String {
        format!("{}^^^&{BSN_AUTHORITY}&ISO", self.bsn)
    }

    /// The identity in the hospital, as CX.
    pub(super) fn source_patient_id(&self) -> String {
        format!("{}^^^&{}&ISO", self.hospital_number, super::data::HOSPITAL)
    }

    /// Given and family name.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// The values of sourcePatientInfo.
    pub(super) fn source_patient_info(&self) -> Vec<String> {
        vec![
            format!("PID-3|{}", self.source_patient_id()),
            format!("PID-5|{}^{}^^^", self.family, self.given),
            format!("PID-7|{}", self.birth_date),
            format!("PID-8|{}", self.sex),
        ]
    }
}

/// All of them, the same for the same dice.
pub(super) fn people(dice: &mut Dice) -> Vec<Person> {
    let numbers = (999_900_000..1_000_000_000_u32).map(|n| n.to_string()).filter(|n| check_bsn(n).is_ok());
    numbers
        .take(PATIENTS)
        .enumerate()
        .map(|(index, bsn)| {
            let female = index % 2 == 0;
            let names = if female { &GIVEN_F } else { &GIVEN_M };
            Person {
                bsn,
                hospital_number: format!("P{:06}", 100 + index),
                given: names[index / 2 % names.len()],
                family: FAMILY[(index + index / 16) % FAMILY.len()],
                birth_date: format!("{}{:02}{:02}", 1930 + dice.below(80), 1 + dice.below(12), 1 + dice.below(28)),
                sex: if female { "F" } else { "M" },
            }
        })
        .collect()
}
