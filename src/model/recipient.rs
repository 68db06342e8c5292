//! For whom a submission is meant.

use std::{fmt, str::FromStr};

use super::{Xcn, XcnError, Xon, XonError, Xtn, XtnError};

/// SubmissionSet.intendedRecipient: `organisation|person|address`, at least one of them.
///
/// Source: ITI TF-3 §4.2.3.3.7 (R-META-20).
#[derive(Clone, PartialEq, Eq)]
pub struct IntendedRecipient {
    text: Box<str>,
    /// The organisation.
    pub organisation: Option<Xon>,
    /// The person.
    pub person: Option<Xcn>,
    /// The address.
    pub telecommunication: Option<Xtn>,
}

/// Why a text is not an [`IntendedRecipient`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntendedRecipientError {
    /// All parts empty.
    #[error("all parts are empty")]
    Nobody,
    /// More than three parts.
    #[error("more than three parts between bars")]
    TooManyParts,
    /// The organisation.
    #[error("organisation: {0}")]
    Organisation(#[from] XonError),
    /// The person.
    #[error("person: {0}")]
    Person(#[from] XcnError),
    /// The address.
    #[error("telecommunication: {0}")]
    Telecommunication(#[from] XtnError),
}

fn part<T: FromStr>(text: Option<&str>) -> Result<Option<T>, T::Err> {
    text.filter(|t| !t.is_empty()).map(str::parse).transpose()
}

impl FromStr for IntendedRecipient {
    type Err = IntendedRecipientError;

    fn from_str(s: &str) -> Result<Self, IntendedRecipientError> {
        let mut parts = s.split('|');
        let (xon, xcn, xtn) = (parts.next(), parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(IntendedRecipientError::TooManyParts);
        }
        let recipient =
            Self { text: s.into(), organisation: part(xon)?, person: part(xcn)?, telecommunication: part(xtn)? };
        if recipient.organisation.is_none() && recipient.person.is_none() && recipient.telecommunication.is_none() {
            return Err(IntendedRecipientError::Nobody);
        }
        Ok(recipient)
    }
}

impl fmt::Display for IntendedRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for IntendedRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntendedRecipient")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_20_what_an_intended_recipient_is() {
        for (good, present) in [
            ("Clinic^^^^^^^^^2.999|^Berger^Max|^^Internet^max@clinic.example", [true, true, true]),
            ("Clinic", [true, false, false]),
            ("|^Berger^Max", [false, true, false]),
            ("||^^Internet^max@clinic.example", [false, false, true]),
            ("Clinic||", [true, false, false]),
        ] {
            let read = good.parse::<IntendedRecipient>().unwrap();
            assert_eq!(read.to_string(), good);
            let found = [read.organisation.is_some(), read.person.is_some(), read.telecommunication.is_some()];
            assert_eq!(found, present, "{good}");
        }
        for (bad, error) in [
            ("", IntendedRecipientError::Nobody),
            ("||", IntendedRecipientError::Nobody),
            ("Clinic|^Berger||x", IntendedRecipientError::TooManyParts),
            ("Clinic^x", IntendedRecipientError::Organisation(XonError::ExtraComponent)),
            ("|^^Max", IntendedRecipientError::Person(XcnError::Nobody)),
            ("||x", IntendedRecipientError::Telecommunication(XtnError::NoEquipment)),
        ] {
            assert_eq!(bad.parse::<IntendedRecipient>(), Err(error), "{bad}");
        }
    }
}
