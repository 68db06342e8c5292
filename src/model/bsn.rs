//! The Dutch citizen service number.
//!
//! Source: Regeling burgerservicenummer (eleven-test: weights 9 to 2 and -1, sum divisible by 11).

/// Assigning authority of the BSN.
pub const BSN_AUTHORITY: &str = "2.16.840.1.113883.2.4.6.3";

/// Why a number is not a BSN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BsnError {
    /// Not nine digits.
    #[error("a BSN has nine digits")]
    Digits,
    /// A wrong sum.
    #[error("the BSN does not pass the eleven-test; a digit is wrong or two were swapped")]
    ElevenTest,
}

/// Checks a BSN of nine digits.
///
/// # Errors
/// When it is none.
pub fn check_bsn(text: &str) -> Result<(), BsnError> {
    if text.len() != 9 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BsnError::Digits);
    }
    let weights = [9, 8, 7, 6, 5, 4, 3, 2, -1];
    let sum: i32 = text.bytes().zip(weights).map(|(digit, weight)| i32::from(digit - b'0') * weight).sum();
    if sum % 11 == 0 && text != "000000000" { Ok(()) } else { Err(BsnError::ElevenTest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleven_test_finds_swapped_and_wrong_digits() {
        assert_eq!(check_bsn("999900006"), Ok(()));
        assert_eq!(check_bsn("999900060"), Err(BsnError::ElevenTest));
        assert_eq!(check_bsn("999900007"), Err(BsnError::ElevenTest));
        assert_eq!(check_bsn("000000000"), Err(BsnError::ElevenTest));
        assert_eq!(check_bsn("99990000"), Err(BsnError::Digits));
        assert_eq!(check_bsn("99990000é"), Err(BsnError::Digits));
    }
}
