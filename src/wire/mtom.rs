//! MTOM packages: which part belongs to which reference, and packages that knoop writes.
//!
//! Uses `wire::mime` and `wire::soap`'s names; does no I/O. Outgoing packages are told as head, part heads and tail, so
//! that their length is known before the first octet and documents stream between the pieces.
//!
//! Source: SOAP MTOM; XOP §4; ITI TF-2 Appendix V.3 (R-SOAP-01..05).

use super::mime::ContentType;

/// Media type of a root part.
pub const XOP_MEDIA_TYPE: &str = "application/xop+xml";

/// What the outer Content-Type says about finding the root part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start(Option<Box<str>>);

/// Which part is the root, as far as the headers of one part tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootPart {
    /// This one, for certain.
    Yes,
    /// This one, if `start` should point nowhere.
    Perhaps,
    /// Another.
    No,
}

impl Start {
    /// From the parameters of multipart/related; `start` with or without angle brackets.
    pub fn new(outer: &ContentType) -> Self {
        let start = outer.parameter("start").map(super::mime::strip_brackets);
        Self(start.filter(|id| !id.is_empty()).map(Into::into))
    }

    /// Where nothing is said: the first part.
    pub fn unknown() -> Self {
        Self(None)
    }

    /// Judges a part by its place (from 0), Content-ID and media type.
    pub fn judge(&self, index: usize, content_id: Option<&str>, essence: &str) -> RootPart {
        match &self.0 {
            None if index == 0 => RootPart::Yes,
            None => RootPart::No,
            Some(start) if content_id == Some(&**start) => RootPart::Yes,
            Some(_) if index == 0 || essence == XOP_MEDIA_TYPE => RootPart::Perhaps,
            Some(_) => RootPart::No,
        }
    }
}

/// The Content-IDs that an `href` may mean, in the order in which they are tried (R-SOAP-05); none if it is no `cid:`.
pub fn content_ids(href: &str) -> Option<[Box<str>; 2]> {
    let href = href.trim();
    let (scheme, id) = href.split_at_checked(4)?;
    if !scheme.eq_ignore_ascii_case("cid:") {
        return None;
    }
    let decoded =
        percent_encoding::percent_decode_str(id).decode_utf8().map_or_else(|_| id.into(), |text| (*text).into());
    Some([decoded, id.into()])
}

/// The frame of an outgoing package.
#[derive(Clone, Debug)]
pub struct Package {
    boundary: String,
}

impl Package {
    /// A package whose boundary and Content-IDs are made of this random text of letters, digits and hyphens.
    pub fn new(unique: &str) -> Self {
        Self { boundary: format!("knoop-{unique}") }
    }

    /// Content-Type of the whole message.
    pub fn content_type(&self, action: &str) -> String {
        format!(
            "multipart/related; type=\"application/xop+xml\"; boundary=\"{}\"; start=\"<{}>\"; \
             start-info=\"application/soap+xml\"; action=\"{action}\"",
            self.boundary,
            self.root_id()
        )
    }

    /// Content-ID of a document, from 0.
    pub fn document_id(&self, index: usize) -> String {
        format!("document.{index}.{}@knoop", self.boundary)
    }

    /// All up to the first octet of the root part.
    pub fn head(&self) -> String {
        format!(
            "--{}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n\
             Content-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n",
            self.boundary,
            self.root_id()
        )
    }

    /// All between two parts: ends the one before and begins a document.
    pub fn document_head(&self, index: usize, mime_type: &str) -> String {
        format!(
            "\r\n--{}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{}>\r\n\r\n",
            self.boundary,
            header_value(mime_type),
            self.document_id(index)
        )
    }

    /// All after the last part.
    pub fn tail(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    fn root_id(&self) -> String {
        format!("root.{}@knoop", self.boundary)
    }
}

/// The mimeType where it is a legal header value that no reader takes for a multipart (R-43-09).
fn header_value(mime_type: &str) -> &str {
    let legal = mime_type.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && ContentType::parse(mime_type).is_ok_and(|t| !t.essence().starts_with("multipart/"));
    if legal { mime_type } else { "application/octet-stream" }
}

#[cfg(test)]
mod tests {
    use super::{Package, RootPart, Start, content_ids, header_value};
    use crate::wire::mime::{ContentType, MimeLimits, Part, Scanner};

    fn ids(href: &str) -> Option<(String, String)> {
        content_ids(href).map(|[decoded, raw]| (decoded.into(), raw.into()))
    }

    #[test]
    fn r_soap_05_pitfall_7_references_are_decoded_once() {
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(ids("cid:doc%401%3Ax"), pair("doc@1:x", "doc%401%3Ax"));
        assert_eq!(ids("CID:a+b"), pair("a+b", "a+b"));
        assert_eq!(ids("cid:a%2540b"), pair("a%40b", "a%2540b"));
        assert_eq!(ids("cid:%ff"), pair("%ff", "%ff"));
        for other in ["http://x/cid:a", "file:///etc/passwd", "", "doc1", "ci\u{e9}"] {
            assert_eq!(ids(other), None);
        }
    }

    #[test]
    fn s_in_20_pitfall_5_the_root_part_is_found() {
        let start = |text: &str| Start::new(&ContentType::parse(text).expect("legal"));
        let without = start("multipart/related; boundary=b");
        assert_eq!(without.judge(0, None, "text/xml"), RootPart::Yes);
        assert_eq!(without.judge(1, Some("r"), "application/xop+xml"), RootPart::No);
        for text in ["multipart/related; start=\"<r@x>\"", "multipart/related; start=r@x"] {
            let with = start(text);
            assert_eq!(with.judge(3, Some("r@x"), ""), RootPart::Yes);
            assert_eq!(with.judge(0, Some("R@x"), "text/plain"), RootPart::Perhaps);
            assert_eq!(with.judge(1, Some("d"), "application/xop+xml"), RootPart::Perhaps);
            assert_eq!(with.judge(1, None, "text/plain"), RootPart::No);
        }
    }

    #[test]
    fn r_soap_02_a_package_is_read_by_our_own_splitter() {
        let package = Package::new("5e1c");
        let t = ContentType::parse(&package.content_type("urn:x")).expect("legal");
        assert_eq!(t.parameter("type"), Some("application/xop+xml"));
        assert_eq!(t.parameter("start-info"), Some("application/soap+xml"));
        let mut scanner = Scanner::new(t.parameter("boundary").expect("there"), MimeLimits::default()).expect("legal");
        let head = package.document_head(0, "text/plain\r\nX: y");
        scanner.push([&package.head(), "<root/>", &head, "doc", &package.tail()].concat().as_bytes());
        scanner.finish();
        let mut seen = Vec::new();
        loop {
            match scanner.next().expect("whole") {
                Part::Headers(h) => seen.push(h.content_id.expect("every part has one").to_string()),
                Part::Data(data) => seen.push(String::from_utf8(data.to_vec()).expect("text")),
                Part::Done => break,
                _ => {}
            }
        }
        assert_eq!(seen[1..], ["<root/>".to_owned(), package.document_id(0), "doc".to_owned()]);
        assert_eq!(Start::new(&t).judge(0, Some(&seen[0]), ""), RootPart::Yes);
    }

    #[test]
    fn r_43_09_odd_mime_types_do_not_reach_the_header() {
        assert_eq!(header_value("application/dicom; x=\"y\""), "application/dicom; x=\"y\"");
        for odd in ["text/plain\r\nX: y", "nonsense", "text/pl\u{e9}in", "multipart/mixed"] {
            assert_eq!(header_value(odd), "application/octet-stream");
        }
    }
}
