//! One document that is searched on its way: what it is tells its content, not its name alone.

use std::io;

use super::{Scanner, markup::Text, office::Office, pdf, pdf::Pdf};
use crate::wire::xdm::names::{DICOM_MEDIA_TYPE, bare_media_type};

/// A PDF may begin so many octets behind the beginning of its file. Source: ISO 32000-1 annex H.3.
const HEAD_BYTES: usize = 1024;

/// What a document is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service::xdm::export) enum Said {
    /// Text, also as XML or JSON.
    Text,
    /// A DICOM object.
    Dicom,
    /// Something else.
    Other,
}

impl Said {
    /// By a media type.
    pub(in crate::service::xdm::export) fn of(media_type: &str) -> Self {
        let bare = bare_media_type(media_type);
        let is_text = bare.starts_with("text/")
            || bare.ends_with("+xml")
            || bare.ends_with("+json")
            || matches!(&*bare, "application/xml" | "application/json");
        match &*bare {
            DICOM_MEDIA_TYPE => Self::Dicom,
            // Digits may be drawn in a picture of XML.
            _ if bare.starts_with("image/") => Self::Other,
            _ if is_text => Self::Text,
            _ => Self::Other,
        }
    }
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A BSN.
    Bsn,
    /// None.
    Nothing,
    /// No program can tell.
    Unread,
}

enum How {
    /// Not known yet: the first octets.
    Begins(Vec<u8>),
    Text(Box<Text>),
    Pdf(Box<Pdf>),
    Office(Office),
    /// A DICOM object, with the end of what has passed.
    Dicom(Vec<u8>),
    /// Nobody reads it.
    Unread,
}

/// A document that is searched.
pub(super) struct Reading {
    said: Said,
    /// Searches all octets as they are.
    scanner: Scanner,
    how: How,
}

impl Reading {
    pub(super) fn new(said: Said, scanner: &Scanner) -> Self {
        let how = if said == Said::Dicom { How::Dicom(Vec::new()) } else { How::Begins(Vec::new()) };
        Self { said, scanner: scanner.afresh(), how }
    }

    /// Whether a BSN was found so far.
    pub(super) fn finds(&mut self, octets: &[u8]) -> io::Result<bool> {
        Ok(self.scanner.finds(octets) | self.within(octets)?)
    }

    /// Ends it.
    pub(super) fn ends(mut self) -> io::Result<Seen> {
        let mut found = self.scanner.ends();
        if let How::Begins(head) = &mut self.how {
            let head = std::mem::take(head);
            self.how = self.how_to_read(&head)?;
            found |= self.within(&head)?;
        }
        let (within, is_read) = match self.how {
            How::Text(text) => text.ends(),
            How::Pdf(pdf) => pdf.ends(),
            How::Office(office) => office.ends()?,
            How::Dicom(_) => (false, true),
            How::Begins(_) | How::Unread => (false, false),
        };
        Ok(match found | within {
            true => Seen::Bsn,
            false if is_read && !self.scanner.gave_up() => Seen::Nothing,
            false => Seen::Unread,
        })
    }

    fn within(&mut self, octets: &[u8]) -> io::Result<bool> {
        match &mut self.how {
            How::Begins(head) => {
                head.extend_from_slice(octets);
                if head.len() < HEAD_BYTES {
                    return Ok(false);
                }
                let head = std::mem::take(head);
                self.how = self.how_to_read(&head)?;
                self.within(&head)
            }
            How::Text(text) => Ok(text.finds(octets)),
            How::Pdf(pdf) => Ok(pdf.finds(octets)),
            How::Office(office) => office.keep(octets).map(|()| false),
            How::Dicom(tail) => {
                // A report may be a PDF within the object.
                let seam = [tail.as_slice(), octets.get(..pdf::MAGIC.len()).unwrap_or(octets)].concat();
                let begins = memchr::memmem::find(&seam, pdf::MAGIC).map(|at| at.saturating_sub(tail.len()));
                let begins = begins.or_else(|| memchr::memmem::find(octets, pdf::MAGIC));
                let Some(at) = begins else {
                    tail.extend_from_slice(
                        octets.get(octets.len().saturating_sub(pdf::MAGIC.len())..).unwrap_or_default(),
                    );
                    let surplus = tail.len().saturating_sub(pdf::MAGIC.len());
                    tail.drain(..surplus);
                    return Ok(false);
                };
                self.how = How::Pdf(Box::new(Pdf::new(&self.scanner)));
                self.within(octets.get(at..).unwrap_or_default())
            }
            How::Unread => Ok(false),
        }
    }

    /// How a document is read that begins with these octets.
    fn how_to_read(&self, head: &[u8]) -> io::Result<How> {
        let head = head.get(..HEAD_BYTES).unwrap_or(head);
        Ok(match self.said {
            _ if head.starts_with(super::office::MAGIC) => How::Office(Office::new(&self.scanner)?),
            _ if memchr::memmem::find(head, pdf::MAGIC).is_some() => How::Pdf(Box::new(Pdf::new(&self.scanner))),
            Said::Text => How::Text(Box::new(Text::new(&self.scanner))),
            Said::Dicom | Said::Other => How::Unread,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of what the readers know, and of what they do not.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let known: [&[u8]; 36] = [
            b"%PDF-1.4\n",
            b"9 0 obj ",
            b"endobj ",
            b"stream\n",
            b"stream\r\n",
            b"endstream ",
            b"<<",
            b">>",
            b"[",
            b"]",
            b"(",
            b")",
            b"<",
            b">",
            b"/Filter/FlateDecode",
            b"/DecodeParms 8 0 R",
            b"/Subtype/Type1/BaseFont/Helvetica",
            b"BT ",
            b"ET ",
            b" Tj ",
            b" BDC ",
            b" EMC ",
            b" BI ",
            b" ID ",
            b" EI ",
            b"\\",
            b"%",
            b"PK\x03\x04",
            b"\xFE\xFF",
            b"\0",
            b"&#57;",
            b"<![CDATA[",
            b"BSN: ",
            b"9999",
            b"00006",
            b"999900018",
        ];
        let known = prop::sample::select(known.to_vec()).prop_map(<[u8]>::to_vec);
        let piece = prop_oneof![9 => known, 1 => prop::collection::vec(any::<u8>(), 0..20)];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// Whatever comes, and in whatever blocks: it comes to the same.
        #[test]
        fn k_32_what_is_seen_does_not_hang_on_the_blocks(
            begin in prop::sample::select(vec!["", "%PDF-1.7\n", "PK\x03\x04", "<a>"]),
            octets in pieces(),
            media_type in prop::sample::select(vec!["text/plain", "application/pdf", "application/dicom"]),
            block in 1_usize..40,
        ) {
            let octets = [begin.as_bytes(), &octets].concat();
            prop_assert_eq!(seen(media_type, &octets, block), seen(media_type, &octets, octets.len().max(1)));
        }
    }

    fn seen(media_type: &str, octets: &[u8], block: usize) -> Seen {
        let mut reading = Reading::new(Said::of(media_type), &Scanner::new(&["999900006".to_owned()].into()));
        for block in octets.chunks(block) {
            if reading.finds(block).expect("room") {
                return Seen::Bsn;
            }
        }
        reading.ends().expect("room")
    }

    #[test]
    fn k_32_the_content_tells_what_a_document_is() {
        let pdf = b"%PDF-1.4\nBT (999900006) Tj ET";
        let within = [&[0; 130][..], b"DICM", b"%PDF-1.4\n4 0 obj<</Title(99990000\\066)>>"].concat();
        let long = "Een brief van woorden. ".repeat(200);
        for block in [1, 5, 10_000] {
            for (media_type, octets, expected) in [
                ("text/plain", &b"een brief"[..], Seen::Nothing),
                ("text/plain; charset=utf-8", long.as_bytes(), Seen::Nothing),
                ("application/hl7+xml", b"<a>9999<b/>00006</a>", Seen::Bsn),
                ("text/plain", b"", Seen::Nothing),
                ("text/plain", pdf, Seen::Bsn),
                ("text/plain", b"%PDF-1.4\n", Seen::Unread),
                ("text/xml", b"PK\x03\x04 and no more", Seen::Unread),
                ("image/jpeg", b"\xFF\xD8\xFF", Seen::Unread),
                ("image/svg+xml", b"<svg/>", Seen::Unread),
                ("application/octet-stream", b"999900006", Seen::Bsn),
                ("application/dicom", &[0; 200], Seen::Nothing),
                ("application/dicom", b"DICM BSN 999900018", Seen::Bsn),
                ("application/dicom", &within, Seen::Bsn),
                ("application/dicom", b"DICM%PDF-1.4\n", Seen::Unread),
            ] {
                assert_eq!(seen(media_type, octets, block), expected, "{media_type} in blocks of {block}");
            }
        }
    }

    #[test]
    fn k_32_a_document_that_speaks_of_the_bsn_without_end_is_for_a_person() {
        for (count, expected) in [(1000, Seen::Nothing), (250_000, Seen::Unread)] {
            assert_eq!(seen("text/plain", "BSN: x. ".repeat(count).as_bytes(), 100_000), expected, "{count} times");
        }
    }
}
