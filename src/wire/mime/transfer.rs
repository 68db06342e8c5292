//! Content-Transfer-Encoding, decoded while octets stream.

use bytes::{Bytes, BytesMut};

use super::MimeError;

/// How the octets of a part were made fit for transport. Source: RFC 2045 §6; spec §8, 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncoding {
    /// binary, 8bit, 7bit or nothing said: as they are.
    Identity,
    /// base64.
    Base64,
    /// quoted-printable.
    QuotedPrintable,
}

impl TransferEncoding {
    /// The encoding with this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().trim_matches('"').to_ascii_lowercase().as_str() {
            "" | "binary" | "8bit" | "7bit" => Some(Self::Identity),
            "base64" => Some(Self::Base64),
            "quoted-printable" => Some(Self::QuotedPrintable),
            _ => None,
        }
    }
}

/// A decoder for one part.
#[derive(Debug)]
pub enum Decoder {
    /// Hands octets through.
    Identity,
    /// base64.
    Base64(Base64),
    /// quoted-printable.
    QuotedPrintable(QuotedPrintable),
}

impl Decoder {
    /// A fresh decoder.
    pub fn new(encoding: TransferEncoding) -> Self {
        match encoding {
            TransferEncoding::Identity => Self::Identity,
            TransferEncoding::Base64 => Self::Base64(Base64::default()),
            TransferEncoding::QuotedPrintable => Self::QuotedPrintable(QuotedPrintable::default()),
        }
    }

    /// Decodes what arrived; the result may be empty.
    /// # Errors
    /// Octets that the encoding does not know.
    pub fn decode(&mut self, data: Bytes) -> Result<Bytes, MimeError> {
        match self {
            Self::Identity => Ok(data),
            Self::Base64(decoder) => decoder.decode(&data).map(BytesMut::freeze),
            Self::QuotedPrintable(decoder) => decoder.decode(&data).map(BytesMut::freeze),
        }
    }

    /// What is left at the end of the part.
    /// # Errors
    /// An end in the middle of a group.
    pub fn finish(&mut self) -> Result<Bytes, MimeError> {
        match self {
            Self::Identity => Ok(Bytes::new()),
            Self::Base64(decoder) => decoder.finish().map(BytesMut::freeze),
            Self::QuotedPrintable(decoder) => decoder.finish().map(BytesMut::freeze),
        }
    }
}

/// Up to 24 bits that are not yet whole octets.
#[derive(Debug, Default)]
pub struct Base64 {
    bits: u32,
    sextets: u8,
    padding: u8,
}

impl Base64 {
    fn decode(&mut self, data: &[u8]) -> Result<BytesMut, MimeError> {
        let mut out = BytesMut::with_capacity(data.len() / 4 * 3 + 3);
        for &octet in data {
            let sextet = match octet {
                b'A'..=b'Z' => octet - b'A',
                b'a'..=b'z' => octet - b'a' + 26,
                b'0'..=b'9' => octet - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' if self.sextets >= 2 && self.sextets + self.padding < 4 => {
                    self.padding += 1;
                    continue;
                }
                b' ' | b'\t' | b'\r' | b'\n' => continue,
                _ => return Err(MimeError::TransferEncoding),
            };
            if self.padding > 0 {
                return Err(MimeError::TransferEncoding);
            }
            self.bits = self.bits << 6 | u32::from(sextet);
            self.sextets += 1;
            if self.sextets == 4 {
                out.extend_from_slice(&self.bits.to_be_bytes()[1..]);
                (self.bits, self.sextets) = (0, 0);
            }
        }
        Ok(out)
    }

    fn finish(&mut self) -> Result<BytesMut, MimeError> {
        let mut out = BytesMut::new();
        match (self.sextets, self.padding) {
            (0, 0) => {}
            (2, 2 | 0) => out.extend_from_slice(&(self.bits << 12).to_be_bytes()[1..2]),
            (3, 1 | 0) => out.extend_from_slice(&(self.bits << 6).to_be_bytes()[1..3]),
            _ => return Err(MimeError::TransferEncoding),
        }
        Ok(out)
    }
}

/// Blanks that may yet turn out to be at the end of a line, and a begun escape.
#[derive(Debug, Default)]
pub struct QuotedPrintable {
    held: Vec<u8>,
}

/// Longer runs of blanks are data, whatever follows.
const HELD_MAX: usize = 998;

impl QuotedPrintable {
    fn decode(&mut self, data: &[u8]) -> Result<BytesMut, MimeError> {
        let mut out = BytesMut::with_capacity(data.len());
        for &octet in data {
            match (self.held.first(), octet) {
                (Some(b'='), _) => self.escape(octet, &mut out)?,
                (_, b' ' | b'\t') if self.held.len() < HELD_MAX => self.held.push(octet),
                (_, b'\r' | b'\n') => {
                    // Blanks before a line end were added on the way.
                    self.held.clear();
                    out.extend_from_slice(&[octet]);
                }
                (_, b'=') => {
                    out.extend_from_slice(&self.held);
                    self.held.clear();
                    self.held.push(octet);
                }
                _ => {
                    out.extend_from_slice(&self.held);
                    self.held.clear();
                    out.extend_from_slice(&[octet]);
                }
            }
        }
        Ok(out)
    }

    /// `held` begins with `=`; takes one more octet of the escape or soft line break.
    fn escape(&mut self, octet: u8, out: &mut BytesMut) -> Result<(), MimeError> {
        match (self.held.get(1).copied(), octet) {
            (_, b'\n') if self.held.iter().skip(1).all(|c| matches!(c, b' ' | b'\t' | b'\r')) => self.held.clear(),
            (None | Some(b' ' | b'\t'), b' ' | b'\t' | b'\r') if self.held.len() < HELD_MAX => self.held.push(octet),
            (None, _) if octet.is_ascii_hexdigit() => self.held.push(octet),
            (Some(high), _) if high.is_ascii_hexdigit() && octet.is_ascii_hexdigit() => {
                out.extend_from_slice(&[nibble(high) << 4 | nibble(octet)]);
                self.held.clear();
            }
            _ => return Err(MimeError::TransferEncoding),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<BytesMut, MimeError> {
        match self.held.as_slice() {
            // A soft line break whose line end belongs to the delimiter, or blanks at the end of the last line.
            [] | [b'='] | [b' ' | b'\t', ..] => Ok(BytesMut::new()),
            _ => Err(MimeError::TransferEncoding),
        }
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use bytes::Bytes;

    use super::{Decoder, MimeError, TransferEncoding};

    fn decode(encoding: TransferEncoding, data: &[u8], step: usize) -> Result<Vec<u8>, MimeError> {
        let mut decoder = Decoder::new(encoding);
        let mut out = Vec::new();
        for chunk in data.chunks(step) {
            out.extend_from_slice(&decoder.decode(Bytes::copy_from_slice(chunk))?);
        }
        out.extend_from_slice(&decoder.finish()?);
        Ok(out)
    }

    #[test]
    fn pitfall_6_base64_in_any_chunking() {
        for length in 0..40_u8 {
            let data: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            let mut text = STANDARD.encode(&data);
            if text.len() > 6 {
                text.insert_str(6, "\r\n\t ");
            }
            for step in 1..9 {
                assert_eq!(decode(TransferEncoding::Base64, text.as_bytes(), step).expect("legal"), data);
            }
        }
        for bad in ["A", "AB=C", "=", "AB===", "A*BC", "AAAA=", "ABC=D", "AB="] {
            assert_eq!(decode(TransferEncoding::Base64, bad.as_bytes(), 3), Err(MimeError::TransferEncoding), "{bad}");
        }
    }

    #[test]
    fn pitfall_6_quoted_printable_in_any_chunking() {
        for (text, decoded) in [
            ("a=3Db=e9\r\nc", "a=b\u{e9}\r\nc".chars().map(|c| c as u8).collect::<Vec<_>>()),
            ("soft=\r\nline= \t\r\nend", b"softlineend".to_vec()),
            ("blank \t\r\nkept here", b"blank\r\nkept here".to_vec()),
            ("last line=", b"last line".to_vec()),
            ("last blank ", b"last blank".to_vec()),
        ] {
            for step in 1..9 {
                let got = decode(TransferEncoding::QuotedPrintable, text.as_bytes(), step);
                assert_eq!(got.expect("legal"), decoded, "{text:?} by {step}");
            }
        }
        for bad in ["=3", "=ZZ", "=3G", "= x"] {
            assert_eq!(
                decode(TransferEncoding::QuotedPrintable, bad.as_bytes(), 2),
                Err(MimeError::TransferEncoding),
                "{bad}"
            );
        }
    }

    #[test]
    fn names_of_encodings() {
        assert_eq!(TransferEncoding::from_name("8BIT"), Some(TransferEncoding::Identity));
        assert_eq!(TransferEncoding::from_name(" Base64"), Some(TransferEncoding::Base64));
        assert_eq!(TransferEncoding::from_name("x-uuencode"), None);
    }
}
