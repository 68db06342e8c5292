//! Telephone numbers and mail addresses, as XTN.

use std::{fmt, str::FromStr};

/// A telecommunication address. Kept as sent. Source: ITI TF-3 §4.2.3.1.7 (R-META-19).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Xtn(Box<str>);

/// Why a text is not an [`Xtn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XtnError {
    /// Component 3 is `Internet`, component 4 is empty.
    #[error("component 4 (the mail address) is empty")]
    NoAddress,
    /// Component 3 is missing.
    #[error("component 3 (equipment type, or Internet) is empty")]
    NoEquipment,
    /// A telephone without component 7.
    #[error("component 7 (the local number) is empty")]
    NoNumber,
    /// A component that this kind of address does not have.
    #[error("a component that this kind of address does not have is present")]
    ExtraComponent,
    /// A mail address whose use code is not NET.
    #[error("component 2 of a mail address is empty or NET")]
    Use,
}

impl Xtn {
    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Xtn {
    type Err = XtnError;

    fn from_str(s: &str) -> Result<Self, XtnError> {
        let components: Vec<&str> = s.split('^').collect();
        let get = |number: usize| components.get(number - 1).copied().unwrap_or_default();
        let others_empty =
            |allowed: &[usize]| components.iter().enumerate().all(|(i, c)| c.is_empty() || allowed.contains(&(i + 1)));
        match get(3) {
            "" => Err(XtnError::NoEquipment),
            "Internet" if !matches!(get(2), "" | "NET") => Err(XtnError::Use),
            "Internet" if get(4).is_empty() => Err(XtnError::NoAddress),
            "Internet" if !others_empty(&[2, 3, 4]) => Err(XtnError::ExtraComponent),
            "Internet" => Ok(Self(s.into())),
            _ if get(7).is_empty() => Err(XtnError::NoNumber),
            _ if !others_empty(&[2, 3, 5, 6, 7, 8]) => Err(XtnError::ExtraComponent),
            _ => Ok(Self(s.into())),
        }
    }
}

impl fmt::Display for Xtn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Xtn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xtn")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_meta_19_what_an_address_is() {
        for good in [
            "^^Internet^anna.hofer@clinic.example",
            "^NET^Internet^anna.hofer@clinic.example",
            "^^PH^^31^20^5551234^12",
            "^PRN^CP^^^^0612345678",
        ] {
            assert_eq!(good.parse::<Xtn>().unwrap().to_string(), good);
        }
        for (bad, error) in [
            ("", XtnError::NoEquipment),
            ("020-5551234", XtnError::NoEquipment),
            ("^^Internet", XtnError::NoAddress),
            ("^WPN^Internet^a@b", XtnError::Use),
            ("^NET^Internet^a@b^^^5", XtnError::ExtraComponent),
            ("^PRN^PH", XtnError::NoNumber),
            ("x^PRN^PH^^^^5551234", XtnError::ExtraComponent),
        ] {
            assert_eq!(bad.parse::<Xtn>(), Err(error), "{bad}");
        }
    }
}
