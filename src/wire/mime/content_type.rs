//! The value of a Content-Type header.

use std::borrow::Cow;

/// A media type with its parameters, read as partners write it: any order and case, quoted or not, quoted pairs inside.
///
/// Source: RFC 2045 §5.1; spec §8, 3 and 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    essence: String,
    parameters: Vec<(String, String)>,
}

/// Why a Content-Type was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentTypeError {
    /// Not `type/subtype`.
    #[error("a Content-Type begins with type/subtype")]
    Essence,
    /// A quoted value without its closing quote.
    #[error("a quoted parameter of the Content-Type has no end")]
    Quote,
    /// Two values for one parameter.
    #[error("a parameter of the Content-Type is given twice with different values")]
    Repeated,
    /// Control characters.
    #[error("a Content-Type holds no control characters")]
    Control,
}

impl ContentType {
    /// Reads the value of a header.
    /// # Errors
    /// What cannot be read in one way only.
    pub fn parse(text: &str) -> Result<Self, ContentTypeError> {
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(ContentTypeError::Control);
        }
        let (essence, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let essence = essence.trim().to_ascii_lowercase();
        match essence.split_once('/') {
            Some((kind, subtype)) if !kind.is_empty() && !subtype.is_empty() && !essence.contains([' ', '\t', '"']) => {
            }
            _ => return Err(ContentTypeError::Essence),
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        loop {
            rest = rest.trim_start_matches([';', ' ', '\t']);
            if rest.is_empty() {
                return Ok(Self { essence, parameters });
            }
            let (name, value, tail) = parameter(rest)?;
            rest = tail;
            if name.is_empty() {
                continue;
            }
            match parameters.iter().find(|(known, _)| *known == name) {
                Some((_, known)) if *known == value => {}
                Some(_) => return Err(ContentTypeError::Repeated),
                None => parameters.push((name, value.into_owned())),
            }
        }
    }

    /// `type/subtype` in lower case.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// A parameter by its name in lower case, unquoted.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The charset parameter.
    pub fn charset(&self) -> Option<&str> {
        self.parameter("charset")
    }

    /// The action parameter, also where it stands inside `start-info` or `type` (spec §8, 3).
    pub fn action(&self) -> Option<String> {
        let nested = |name: &str| {
            let inner = Self::parse(self.parameter(name)?).ok()?;
            inner.parameter("action").map(str::to_owned)
        };
        self.parameter("action").map(str::to_owned).or_else(|| nested("start-info")).or_else(|| nested("type"))
    }
}

/// One `name=value` from the front of `text`, and what follows its semicolon. A parameter without `=` has no name.
fn parameter(text: &str) -> Result<(String, Cow<'_, str>, &str), ContentTypeError> {
    let end_of_name = text.find(['=', ';']).unwrap_or(text.len());
    let name = text[..end_of_name].trim().to_ascii_lowercase();
    let Some(value) = text[end_of_name..].strip_prefix('=') else {
        return Ok((String::new(), Cow::Borrowed(""), &text[end_of_name..]));
    };
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        // Partners leave values unquoted that should be (`boundary=uuid:…`): all up to the semicolon is the value.
        let (value, tail) = value.split_once(';').unwrap_or((value, ""));
        return Ok((name, Cow::Borrowed(value.trim_end()), tail));
    };
    let mut unquoted = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let tail = &quoted[at + 1..];
                return Ok((name, Cow::Owned(unquoted), tail.find(';').map_or("", |semicolon| &tail[semicolon..])));
            }
            '\\' => unquoted.push(chars.next().ok_or(ContentTypeError::Quote)?.1),
            c => unquoted.push(c),
        }
    }
    Err(ContentTypeError::Quote)
}

#[cfg(test)]
mod tests {
    use super::{ContentType, ContentTypeError};

    fn parse(text: &str) -> ContentType {
        ContentType::parse(text).expect("readable")
    }

    #[test]
    fn r_soap_01_parameters_in_any_order_and_case() {
        let t = parse(
            "Multipart/Related; START=\"<root@x>\";Boundary=b-41 ; type=application/xop+xml;start-info=\"application/soap+xml\"",
        );
        assert_eq!(t.essence(), "multipart/related");
        assert_eq!(t.parameter("boundary"), Some("b-41"));
        assert_eq!(t.parameter("start"), Some("<root@x>"));
        assert_eq!(t.parameter("type"), Some("application/xop+xml"));
        assert_eq!(t.parameter("start-info"), Some("application/soap+xml"));
        assert_eq!(t.action(), None);
    }

    #[test]
    fn pitfall_3_an_action_inside_quotes_is_found() {
        let t = parse(
            r#"multipart/related; boundary="b"; type="application/xop+xml"; start-info="application/soap+xml; action=\"urn:ihe:iti:2007:X\"""#,
        );
        assert_eq!(t.parameter("boundary"), Some("b"));
        assert_eq!(t.action().as_deref(), Some("urn:ihe:iti:2007:X"));
        assert_eq!(parse("application/soap+xml; action=urn:x").action().as_deref(), Some("urn:x"));
    }

    #[test]
    fn pitfall_4_odd_boundaries() {
        for (text, boundary) in [
            ("multipart/related; boundary=uuid:1-2=3/4?5", "uuid:1-2=3/4?5"),
            ("multipart/related; boundary=\"a b:c/d=?\"; x=y", "a b:c/d=?"),
            ("multipart/related;boundary=----=_Part_1.2 ;type=x", "----=_Part_1.2"),
            ("multipart/related; boundary = \"q\"", "q"),
        ] {
            assert_eq!(parse(text).parameter("boundary"), Some(boundary), "{text}");
        }
    }

    #[test]
    fn harmless_oddities_are_read() {
        let t = parse("application/soap+xml;; charset=\"utf-8\" ; flag ;charset=utf-8;");
        assert_eq!(t.charset(), Some("utf-8"));
        assert_eq!(parse("text/xml; action=").parameter("action"), Some(""));
    }

    #[test]
    fn ambiguity_is_refused() {
        for (text, error) in [
            ("", ContentTypeError::Essence),
            ("application", ContentTypeError::Essence),
            ("a b/c", ContentTypeError::Essence),
            ("multipart/related; boundary=\"abc", ContentTypeError::Quote),
            ("multipart/related; boundary=\"abc\\", ContentTypeError::Quote),
            ("multipart/related; boundary=a; boundary=b", ContentTypeError::Repeated),
            ("multipart/related; boundary=a\r\nx: y", ContentTypeError::Control),
        ] {
            assert_eq!(ContentType::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn nothing_panics() {
        bolero::check!().with_iterations(20_000).with_type::<String>().for_each(|text| {
            if let Ok(t) = ContentType::parse(text) {
                assert!(t.essence().contains('/'));
                let _ = t.action();
            }
        });
    }
}
