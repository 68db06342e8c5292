//! From the URI of a document to a name of the medium, as text alone.
//!
//! Source: ITI TF-3 §4.2.3.2.27; RFC 3986; spec xdm R-32-13, R-32-14, H-06.

use percent_encoding::percent_decode_str;

use crate::model::nfc;

/// Longest URI that is looked at, in octets.
const LONGEST: usize = 4096;

/// What a URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The name in the medium.
    pub path: String,
    /// Whether it was written with backslashes.
    pub backslash: bool,
}

/// Resolves the URI of a document against the directory of its METADATA.XML. `root` is the directory above which nothing
/// lies, and `folder` lies in it.
///
/// # Errors
/// Why it is not followed: it leaves the medium, or is no relative path.
pub fn resolve_uri(root: &str, folder: &str, uri: &str) -> Result<Resolved, &'static str> {
    if uri.is_empty() {
        return Err("the URI is empty");
    }
    if uri.len() > LONGEST {
        return Err("the URI is too long");
    }
    if uri.contains(['?', '#']) {
        return Err("the URI has a query or a fragment");
    }
    if has_scheme(uri) {
        return Err("the URI has a scheme or a drive");
    }
    if has_broken_escape(uri) {
        return Err("the URI has a % that begins no escape");
    }
    let decoded = percent_decode_str(uri).decode_utf8().map_err(|_| "the URI is not UTF-8")?;
    if decoded.contains('\0') {
        return Err("the URI holds NUL");
    }
    let backslash = decoded.contains('\\');
    let decoded = decoded.replace('\\', "/");
    if decoded.starts_with('/') || has_scheme(&decoded) {
        return Err("the URI begins with a root, a host or a drive");
    }
    let below = match root {
        "" => folder,
        root => folder.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default(),
    };
    let mut parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or("the URI leads out of the medium")?),
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Err("the URI names the medium itself");
    }
    let above = if root.is_empty() { None } else { Some(root) };
    let path = above.into_iter().chain(parts).collect::<Vec<_>>().join("/");
    Ok(Resolved { path: nfc(&path).to_string(), backslash })
}

/// `file:` and `C:` alike: letters up to a colon, before any slash.
fn has_scheme(uri: &str) -> bool {
    let first = uri.split(['/', '\\']).next().unwrap_or_default();
    let Some((scheme, _)) = first.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn has_broken_escape(uri: &str) -> bool {
    uri.split('%').skip(1).any(|rest| {
        let digits = rest.as_bytes().get(..2).unwrap_or_default();
        digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(uri: &str) -> Option<String> {
        resolve_uri("", "IHE_XDM/SUBSET01", uri).ok().map(|resolved| resolved.path)
    }

    #[test]
    fn r_32_13_a_uri_counts_from_the_directory_of_its_metadata() {
        for (uri, expected) in [
            ("DOC00001.TXT", "IHE_XDM/SUBSET01/DOC00001.TXT"),
            ("./DOC00002//A.XML", "IHE_XDM/SUBSET01/DOC00002/A.XML"),
            ("../SUBSET02/A.XML", "IHE_XDM/SUBSET02/A.XML"),
            ("../../DICOM/IM1", "DICOM/IM1"),
            ("A%20B.TXT", "IHE_XDM/SUBSET01/A B.TXT"),
            ("e%CC%81.TXT", "IHE_XDM/SUBSET01/é.TXT"),
            ("1:2.TXT", "IHE_XDM/SUBSET01/1:2.TXT"),
        ] {
            assert_eq!(path(uri).as_deref(), Some(expected), "{uri}");
        }
        let wrapped = resolve_uri("W", "W/IHE_XDM/SUBSET01", "../../DICOM/IM1");
        assert_eq!(wrapped.map(|it| it.path).as_deref(), Ok("W/DICOM/IM1"));
    }

    #[test]
    fn h_06_a_uri_that_leaves_the_medium_is_not_followed() {
        for uri in [
            "../../../etc/passwd",
            "../../..",
            "../..",
            "a/../../../../x",
            "%2e%2e/%2e%2e/%2e%2e/x",
            "..%2f..%2f..%2fx",
            "..\\..\\..\\x",
            "%5c%5chost%5cx",
            "/etc/passwd",
            "%2Fetc/passwd",
            "//host/x",
            "\\\\host\\x",
            "C:\\x",
            "c%3Ax",
            "file:///etc/passwd",
            "http://h/x",
            "urn:oid:2.999",
            "x?y",
            "x#y",
            "a%00b",
            "a%zz",
            "a%2",
            "%FF",
            "",
        ] {
            assert_eq!(path(uri), None, "{uri}");
        }
        assert!(resolve_uri("W", "W/IHE_XDM/S", "../../../x").is_err(), "the wrapper is the root");
        assert_eq!(path(&"A".repeat(LONGEST + 1)), None);
    }

    #[test]
    fn r_32_14_backslashes_are_told() {
        let resolved = resolve_uri("", "IHE_XDM/SUBSET01", "DOC\\A.TXT");
        assert_eq!(resolved, Ok(Resolved { path: "IHE_XDM/SUBSET01/DOC/A.TXT".into(), backslash: true }));
    }

    #[test]
    fn r_32_53_no_uri_leads_out_of_the_medium() {
        bolero::check!().with_iterations(20_000).with_type::<String>().for_each(|uri| {
            for (root, folder) in [("", "IHE_XDM/S"), ("W", "W/IHE_XDM/S")] {
                if let Ok(resolved) = resolve_uri(root, folder, uri) {
                    let parts: Vec<&str> = resolved.path.split('/').collect();
                    assert!(parts.iter().all(|part| !matches!(*part, "" | "." | "..")), "{uri:?}");
                    assert!(root.is_empty() || (parts.first() == Some(&root) && parts.len() > 1), "{uri:?}");
                    assert!(!resolved.path.contains(['\0', '\\']), "{uri:?}");
                }
            }
        });
    }
}
