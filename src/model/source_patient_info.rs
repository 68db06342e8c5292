//! Who the patient was to the source.

use std::str::FromStr;

/// One value of sourcePatientInfo: `PID-n|data`. `Debug` prints no value.
///
/// Source: ITI TF-3 §4.2.3.2.23 (R-META-29).
#[derive(Clone, PartialEq, Eq)]
pub struct SourcePatientInfo {
    /// The number of the PID field.
    pub field: u8,
    /// The field in HL7 v2.5 encoding; may be empty.
    pub data: Box<str>,
}

/// A text that is not `PID-n|data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value of sourcePatientInfo is PID-n|data, n from 1 to 39")]
pub struct SourcePatientInfoError;

impl FromStr for SourcePatientInfo {
    type Err = SourcePatientInfoError;

    fn from_str(s: &str) -> Result<Self, SourcePatientInfoError> {
        let (name, data) = s.split_once('|').ok_or(SourcePatientInfoError)?;
        let number = name.strip_prefix("PID-").ok_or(SourcePatientInfoError)?;
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(SourcePatientInfoError);
        }
        let field = number.parse().ok().filter(|n| (1..=39).contains(n)).ok_or(SourcePatientInfoError)?;
        Ok(Self { field, data: data.into() })
    }
}

impl std::fmt::Debug for SourcePatientInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourcePatientInfo(PID-{})", self.field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_29_what_source_patient_info_is() {
        for (good, field, data) in
            [("PID-3|K-0815^^^&2.999&ISO", 3, "K-0815^^^&2.999&ISO"), ("PID-5|", 5, ""), ("PID-39|a|b", 39, "a|b")]
        {
            let read = good.parse::<SourcePatientInfo>().unwrap();
            assert_eq!((read.field, &*read.data), (field, data));
        }
        for bad in ["", "PID-5", "PID-0|x", "PID-40|x", "PID-+5|x", "PID-|x", "PV1-3|x", "pid-5|x", "PID-999|x"] {
            assert_eq!(bad.parse::<SourcePatientInfo>(), Err(SourcePatientInfoError), "{bad}");
        }
    }
}
