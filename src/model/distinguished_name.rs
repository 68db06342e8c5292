//! Names in certificates, in one spelling.

/// A distinguished name as RFC 4514 writes it, most specific part first, in the one spelling that is compared: types in
/// capitals, no blanks around `=`, `,` and `+`, escapes only where they must be.
///
/// Values are compared as they are, with their case: an issuer writes its own name alike into every certificate.
///
/// Source: RFC 4514 §2 and §3; S-TLS-16.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DistinguishedName(Box<str>);

/// Why a text is not a distinguished name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a distinguished name is written like CN=Example CA,O=Example,C=NL")]
pub struct DistinguishedNameError;

impl DistinguishedName {
    /// The text that is compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(parts: &[Part]) -> Self {
        let mut out = String::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                out.push(if part.joined { '+' } else { ',' });
            }
            out.push_str(&part.kind);
            out.push('=');
            write_value(&mut out, &part.value);
        }
        Self(out.into())
    }
}

impl std::fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for DistinguishedName {
    type Err = DistinguishedNameError;

    /// Reads what RFC 4514 allows, and the order of `openssl x509 -issuer`, which ends with the common name.
    fn from_str(text: &str) -> Result<Self, DistinguishedNameError> {
        let mut parts = read(text)?;
        let is_common_name = |part: Option<&Part>| part.is_some_and(|part| part.kind == "CN");
        let single = parts.iter().all(|part| !part.joined);
        if single && is_common_name(parts.last()) && !is_common_name(parts.first()) {
            parts.reverse();
        }
        Ok(Self::of(&parts))
    }
}

/// One attribute; `joined` to the one before it by `+`.
struct Part {
    kind: String,
    value: String,
    joined: bool,
}

fn read(text: &str) -> Result<Vec<Part>, DistinguishedNameError> {
    let mut parts = Vec::new();
    let (mut rest, mut joined) = (text.trim_start(), false);
    loop {
        let (kind, after) = rest.split_once('=').ok_or(DistinguishedNameError)?;
        let kind = kind.trim().to_ascii_uppercase();
        if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')) {
            return Err(DistinguishedNameError);
        }
        let (value, after) = read_value(after)?;
        parts.push(Part { kind, value, joined });
        let mut chars = after.chars();
        joined = match chars.next() {
            None => return Ok(parts),
            Some(separator) => separator == '+',
        };
        rest = chars.as_str();
    }
}

/// A value up to its separator, with escapes undone, and what follows, beginning with the separator.
fn read_value(text: &str) -> Result<(String, &str), DistinguishedNameError> {
    let text = text.trim_start();
    // The length up to which blanks at the end do not go: that of what was escaped.
    let (mut out, mut kept) = (Vec::new(), 0);
    let mut bytes = text.bytes().enumerate();
    let mut end = text.len();
    while let Some((place, byte)) = bytes.next() {
        match byte {
            b',' | b'+' => {
                end = place;
                break;
            }
            b'\\' => {
                let (_, first) = bytes.next().ok_or(DistinguishedNameError)?;
                let escaped = match char::from(first).to_digit(16) {
                    Some(high) => {
                        let (_, second) = bytes.next().ok_or(DistinguishedNameError)?;
                        let low = char::from(second).to_digit(16).ok_or(DistinguishedNameError)?;
                        u8::try_from(high * 16 + low).map_err(|_| DistinguishedNameError)?
                    }
                    None => first,
                };
                out.push(escaped);
                kept = out.len();
            }
            b'"' | b';' | b'<' | b'>' | 0 => return Err(DistinguishedNameError),
            _ => out.push(byte),
        }
    }
    while out.len() > kept && out.last() == Some(&b' ') {
        out.pop();
    }
    let value = String::from_utf8(out).map_err(|_| DistinguishedNameError)?;
    Ok((value, &text[end..]))
}

fn write_value(out: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (place, c) in value.chars().enumerate() {
        let edge = (c == ' ' && (place == 0 || place == last)) || (c == '#' && place == 0);
        if edge || matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            out.push('\\');
            out.push(c);
        } else if c.is_control() {
            let mut octets = [0; 4];
            c.encode_utf8(&mut octets).bytes().for_each(|octet| out.push_str(&format!("\\{octet:02X}")));
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> String {
        text.parse::<DistinguishedName>().unwrap_or_else(|_| panic!("{text}")).to_string()
    }

    #[test]
    fn the_spellings_of_a_name_are_one() {
        let same = "CN=Región CA,O=Zorg\\, Midden,C=NL";
        for text in [
            same,
            "cn = Región CA, o=Zorg\\2C Midden , C=NL",
            "CN=Regi\\C3\\B3n CA,O=Zorg\\, Midden,C=NL",
            "C = NL, O = Zorg\\, Midden, CN = Región CA",
        ] {
            assert_eq!(name(text), same, "{text}");
        }
        assert_eq!(name(same), name(&name(same)));
    }

    #[test]
    fn names_that_differ_stay_apart() {
        assert_ne!(name("CN=a,O=b"), name("CN=A,O=b"));
        assert_ne!(name("CN=a+O=b"), name("CN=a,O=b"));
        assert_ne!(name("CN=a\\,O=b"), name("CN=a,O=b"));
        assert_ne!(name("CN=a\\ "), name("CN=a"));
        assert_eq!(name("CN=\\ a\\ ,O=\\#1\\00"), "CN=\\ a\\ ,O=\\#1\\00");
        assert_eq!(name("1.2.3=x,O="), "1.2.3=x,O=");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "CN", "=x", "CN=a,", "CN=a,,O=b", "CN=a;O=b", "CN=a\\", "CN=a\\4", "CN=\\FF", "C N=x"] {
            assert_eq!(text.parse::<DistinguishedName>(), Err(DistinguishedNameError), "{text}");
        }
    }
}
