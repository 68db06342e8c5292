//! Envelopes and MTOM packages, written and taken apart without help from `src`.

use super::http::find;

/// The namespaces that sample messages use.
pub const NAMESPACES: &str = "xmlns:lcm=\"urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0\" \
    xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\" xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\" \
    xmlns:query=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\" xmlns:xds=\"urn:ihe:iti:xds-b:2007\"";
/// SOAP 1.2.
pub const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// WS-Addressing.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";

/// The four transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// Registry Stored Query.
    Iti18,
    /// Provide and Register Document Set-b.
    Iti41,
    /// Register Document Set-b.
    Iti42,
    /// Retrieve Document Set.
    Iti43,
}

impl Transaction {
    /// wsa:Action of the request.
    pub fn action(self) -> &'static str {
        match self {
            Self::Iti18 => "urn:ihe:iti:2007:RegistryStoredQuery",
            Self::Iti41 => "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
            Self::Iti42 => "urn:ihe:iti:2007:RegisterDocumentSet-b",
            Self::Iti43 => "urn:ihe:iti:2007:RetrieveDocumentSet",
        }
    }

    /// Where it is sent.
    pub fn path(self) -> &'static str {
        match self {
            Self::Iti18 | Self::Iti42 => "/xds/registry",
            Self::Iti41 | Self::Iti43 => "/xds/repository",
        }
    }

    /// The content type of a SIMPLE SOAP request.
    pub fn simple_content_type(self) -> String {
        format!("application/soap+xml; charset=UTF-8; action=\"{}\"", self.action())
    }
}

/// XML-escaped text.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An envelope with the headers that every sender writes.
pub fn envelope(action: &str, message_id: &str, body: &str) -> String {
    let headers = format!(
        "<wsa:Action soap:mustUnderstand=\"1\">{action}</wsa:Action><wsa:MessageID>{message_id}</wsa:MessageID>\
         <wsa:ReplyTo><wsa:Address>{WSA}/anonymous</wsa:Address></wsa:ReplyTo>\
         <wsa:To>http://localhost/xds</wsa:To>"
    );
    envelope_with(&headers, body)
}

/// An envelope with exactly these headers.
pub fn envelope_with(headers: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soap:Envelope xmlns:soap=\"{SOAP12}\" xmlns:wsa=\"{WSA}\">\
         <soap:Header>{headers}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

/// A part of a MIME package.
#[derive(Clone)]
pub struct Part {
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Octets as they lie in the package.
    pub body: Vec<u8>,
}

impl Part {
    /// A binary part.
    pub fn new(content_id: &str, content_type: &str, body: &[u8]) -> Self {
        let headers = vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("content-transfer-encoding".to_owned(), "binary".to_owned()),
            ("content-id".to_owned(), format!("<{content_id}>")),
        ];
        Self { headers, body: body.to_vec() }
    }

    /// The root part of an MTOM package.
    pub fn root(xml: &str) -> Self {
        Self::new(
            "root@test.invalid",
            "application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"",
            xml.as_bytes(),
        )
    }

    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Content-ID without brackets.
    pub fn content_id(&self) -> Option<&str> {
        self.header("content-id").map(|v| v.trim_start_matches('<').trim_end_matches('>'))
    }
}

/// The boundary of every package written here.
pub const BOUNDARY: &str = "----knoop-test-7f3a";

/// Content type of an MTOM package with the root part of [`Part::root`].
pub fn mtom_content_type(action: &str) -> String {
    format!(
        "multipart/related; boundary=\"{BOUNDARY}\"; type=\"application/xop+xml\"; start=\"<root@test.invalid>\"; \
         start-info=\"application/soap+xml\"; action=\"{action}\""
    )
}

/// A MIME package.
pub fn package(parts: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
        for (name, value) in &part.headers {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&part.body);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    out
}

/// The value of a parameter of a header field, without quotes.
pub fn parameter(field: &str, name: &str) -> Option<String> {
    let at = field.to_ascii_lowercase().find(&format!("{name}="))? + name.len() + 1;
    let rest = &field[at..];
    Some(match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or("").to_owned(),
        None => rest.split(';').next().unwrap_or("").trim().to_owned(),
    })
}

/// The parts of a package. It must be written as RFC 2046 says: nothing is forgiven here.
pub fn unpack(content_type: &str, body: &[u8]) -> Result<Vec<Part>, String> {
    let boundary = parameter(content_type, "boundary").ok_or("no boundary")?;
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(format!("--{boundary}").as_bytes()).ok_or("does not begin with the boundary")?;
    let mut parts = Vec::new();
    loop {
        if let Some(tail) = rest.strip_prefix(b"--") {
            let ended = tail.is_empty() || tail == b"\r\n";
            return if ended { Ok(parts) } else { Err("bytes after the last boundary".to_owned()) };
        }
        rest = rest.strip_prefix(b"\r\n").ok_or("no line end after the boundary")?;
        let end = find(rest, b"\r\n\r\n").ok_or("no end of part headers")?;
        let headers = String::from_utf8_lossy(&rest[..end])
            .split("\r\n")
            .filter_map(|l| l.split_once(':'))
            .map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned()))
            .collect();
        let content = &rest[end + 4..];
        let stop = find_fast(content, delimiter.as_bytes()).ok_or("no closing boundary")?;
        parts.push(Part { headers, body: content[..stop].to_vec() });
        rest = &content[stop + delimiter.len()..];
    }
}

/// As [`find`], quick enough for large documents.
fn find_fast(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|b| *b == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}
