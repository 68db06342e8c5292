//! The most restrictive of several confidentiality codes, which every registry object carries as its own column.

use crate::{model::Code, store::sql::claims::nfc};

/// HL7 Confidentiality (2.16.840.1.113883.5.25), least to most restrictive.
const LEVELS: [&str; 6] = ["U", "L", "M", "N", "R", "V"];
const HL7_CONFIDENTIALITY: &str = "2.16.840.1.113883.5.25";

/// `code^^scheme` of the most restrictive code, empty where there is none. A code of another scheme says nothing about
/// its place, so it counts as Normal; of equals the first one counts.
pub(super) fn most_restrictive<'a>(codes: impl IntoIterator<Item = &'a Code>) -> String {
    let normal = LEVELS.iter().position(|level| *level == "N").unwrap_or_default();
    let rank = |code: &Code| {
        let known = (code.value.coding_scheme() == HL7_CONFIDENTIALITY)
            .then(|| LEVELS.iter().position(|level| *level == code.value.code()));
        known.flatten().unwrap_or(normal)
    };
    let mut most: Option<(usize, &Code)> = None;
    for code in codes {
        if most.is_none_or(|(level, _)| rank(code) > level) {
            most = Some((rank(code), code));
        }
    }
    most.map(|(_, code)| nfc(&code.value.to_string())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CodeValue;

    fn code(code: &str, scheme: &str) -> Code {
        Code { value: CodeValue::new(code, scheme).unwrap(), display_name: code.into() }
    }

    #[test]
    fn restricted_outranks_normal_and_unknown_codes() {
        let codes = [code("N", HL7_CONFIDENTIALITY), code("X", "2.999.1"), code("R", HL7_CONFIDENTIALITY)];
        assert_eq!(most_restrictive(&codes), "R^^2.16.840.1.113883.5.25");
        assert_eq!(most_restrictive(&codes[..2]), "N^^2.16.840.1.113883.5.25");
        assert_eq!(most_restrictive(&[]), "");
    }
}
