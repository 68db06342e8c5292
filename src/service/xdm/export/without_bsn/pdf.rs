//! The text of a PDF, as far as a program can read it, in whatever blocks it comes: strings of objects, what pages show in
//! fonts whose codes are letters, and whatever else stands in streams. What a program cannot read, a person must look at:
//! pictures, files within, forms of XML, encryption, fonts whose codes are numbers of shapes, other filters than Flate, and a
//! document without text.
//!
//! Nothing is looked up: streams are found where they stand, in any order, also those that nothing refers to any more.
//!
//! Source: ISO 32000-1 §7; spec cross-community K-32; design section 6.

mod objects;
mod page;
mod tokens;

use flate2::{Decompress, FlushDecompress, Status};

use self::{
    objects::{Dictionary, Holds, Objects, Packed},
    page::Page,
    tokens::Tokens,
};
use super::Scanner;

/// How a PDF begins.
pub(super) const MAGIC: &[u8] = b"%PDF-";
/// Octets that the streams of one document may unpack to.
const UNPACKED_BYTES: u64 = 256 << 20;
/// Octets that are unpacked at a time.
const BLOCK_BYTES: usize = 32 << 10;
const END: &[u8] = b"endstream";

/// Where the reading is.
enum State {
    Objects,
    /// Behind the word `stream`; the line may not have ended.
    Begins,
    Flate(Box<Decompress>),
    Plain,
    /// Until the stream ends.
    PassedOver,
}

/// A PDF that is read.
pub(super) struct Pdf {
    state: State,
    tokens: Tokens,
    objects: Objects,
    /// What the stream holds that is read.
    holds: Holds,
    inner: Inner,
    /// The last octets of a stream: its end may have begun in them.
    held_back: Vec<u8>,
    /// Octets that may still be unpacked.
    left_bytes: u64,
    /// Something was met that no program reads.
    is_unread: bool,
    has_text: bool,
    found: bool,
    strings: Scanner,
    joined: Scanner,
    apart: Scanner,
    within: Scanner,
}

/// What reads a stream.
struct Inner {
    tokens: Tokens,
    objects: Objects,
    page: Page,
}

impl Inner {
    fn new() -> Self {
        Self { tokens: Tokens::new(), objects: Objects::default(), page: Page::default() }
    }
}

impl Pdf {
    pub(super) fn new(scanner: &Scanner) -> Self {
        Self {
            state: State::Objects,
            tokens: Tokens::new(),
            objects: Objects::default(),
            holds: Holds::Content,
            inner: Inner::new(),
            held_back: Vec::new(),
            left_bytes: UNPACKED_BYTES,
            is_unread: false,
            has_text: false,
            found: false,
            strings: scanner.another(),
            joined: scanner.another(),
            apart: scanner.another(),
            within: scanner.another(),
        }
    }

    /// Whether a BSN was found so far.
    pub(super) fn finds(&mut self, mut octets: &[u8]) -> bool {
        while !octets.is_empty() {
            octets = self.some(octets);
        }
        self.search_objects();
        self.found
    }

    /// Ends it: whether a BSN was found, and whether the search says anything.
    pub(super) fn ends(mut self) -> (bool, bool) {
        let is_whole = matches!(self.state, State::Objects) && self.tokens.end(&mut self.objects);
        self.search_objects();
        let scanners = [&self.strings, &self.joined, &self.apart, &self.within];
        let found = self.found | scanners.into_iter().any(Scanner::ends);
        let is_read = is_whole && self.objects.is_whole() && !self.objects.is_unread && !self.is_unread;
        (found, is_read && self.has_text)
    }

    /// Reads some octets; the rest is returned.
    fn some<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        match &mut self.state {
            State::Objects => {
                let read = self.tokens.read(octets, &mut self.objects);
                let rest = octets.get(read..).unwrap_or_default();
                if !rest.is_empty() {
                    self.state = State::Begins;
                }
                rest
            }
            State::Begins => match octets.split_first() {
                Some((b'\r' | b' ' | b'\t', rest)) => rest,
                Some((b'\n', rest)) => {
                    self.begin();
                    rest
                }
                // A carriage return alone ended the line.
                _ => {
                    self.begin();
                    octets
                }
            },
            State::Flate(_) => self.unpack(octets),
            State::Plain | State::PassedOver => self.until_end(octets),
        }
    }

    fn begin(&mut self) {
        let Dictionary { packed, holds, is_predicted, .. } = self.objects.last.take().unwrap_or_default();
        self.holds = holds;
        self.inner = Inner::new();
        self.state = match (holds, packed) {
            (Holds::Closed, _) => {
                self.is_unread = true;
                State::PassedOver
            }
            (Holds::NoText, _) => State::PassedOver,
            (_, Packed::Not) => State::Plain,
            (_, Packed::Flate) if !is_predicted => State::Flate(Box::new(Decompress::new(true))),
            (_, Packed::Flate | Packed::Otherwise) => {
                self.is_unread = true;
                State::PassedOver
            }
        };
    }

    /// Unpacks until the stream says that it ends.
    fn unpack<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let mut rest = octets;
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let State::Flate(inflate) = &mut self.state else { return rest };
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(rest, &mut block, FlushDecompress::None);
            let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or_default();
            let (read, made) = (count(inflate.total_in(), before.0), count(inflate.total_out(), before.1));
            rest = rest.get(read..).unwrap_or_default();
            let left = self.left_bytes.checked_sub(made as u64);
            self.left_bytes = left.unwrap_or_default();
            let unpacked = block.get(..made).unwrap_or_default();
            self.content(unpacked);
            let is_broken = status.is_err() || left.is_none();
            if is_broken || matches!(status, Ok(Status::StreamEnd)) {
                self.is_unread |= is_broken;
                self.content_ends();
                self.state = State::PassedOver;
                return rest;
            }
            if made < BLOCK_BYTES && (rest.is_empty() || read == 0) {
                // Without progress there is none any more.
                if !rest.is_empty() {
                    self.is_unread = true;
                    self.state = State::PassedOver;
                }
                return rest;
            }
        }
    }

    /// Reads, or passes over, a stream until the word that ends it.
    fn until_end<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let begin = octets.get(..octets.len().min(END.len() - 1)).unwrap_or_default();
        let seam = [self.held_back.as_slice(), begin].concat();
        let held = self.held_back.len();
        // Where the word ends, counted in these octets.
        let end = memchr::memmem::find(&seam, END).map(|at| (at, (at + END.len()).saturating_sub(held)));
        let end = end.or_else(|| memchr::memmem::find(octets, END).map(|at| (at + held, at + END.len())));
        let is_read = matches!(self.state, State::Plain);
        let Some((length, after)) = end else {
            let all = [self.held_back.as_slice(), octets].concat();
            let sure = all.len().saturating_sub(END.len() - 1);
            if is_read {
                self.content(all.get(..sure).unwrap_or_default());
            }
            self.held_back = all.get(sure..).unwrap_or_default().to_vec();
            return &[];
        };
        if is_read {
            let mut content = std::mem::take(&mut self.held_back);
            match length.checked_sub(held) {
                Some(more) => content.extend_from_slice(octets.get(..more).unwrap_or_default()),
                None => content.truncate(length),
            }
            self.content(&content);
            self.content_ends();
        }
        self.held_back.clear();
        self.state = State::Objects;
        octets.get(after..).unwrap_or_default()
    }

    /// Octets of a stream, unpacked.
    fn content(&mut self, octets: &[u8]) {
        self.found |= self.within.finds(octets);
        let Inner { tokens, objects, page } = &mut self.inner;
        if self.holds == Holds::Objects {
            let mut at = 0;
            while at < octets.len() {
                at += tokens.read(octets.get(at..).unwrap_or_default(), objects);
            }
            self.found |= self.strings.finds(&objects.text);
            objects.text.clear();
        } else {
            tokens.read(octets, page);
            self.found |= self.joined.finds(&page.joined) | self.apart.finds(&page.apart);
            page.joined.clear();
            page.apart.clear();
        }
    }

    fn content_ends(&mut self) {
        let Inner { tokens, objects, page } = &mut self.inner;
        if self.holds == Holds::Objects {
            let is_whole = tokens.end(objects) && objects.is_whole();
            self.is_unread |= objects.is_unread || !is_whole;
            self.found |= self.strings.finds(&objects.text);
        } else {
            tokens.end(page);
            self.is_unread |= page.has_picture;
            self.has_text |= page.has_text;
        }
        // What a page shows may go on in another stream.
        self.found |= self.joined.ends();
        for scanner in [&mut self.apart, &mut self.within] {
            self.found |= scanner.ends();
            scanner.restart();
        }
    }

    fn search_objects(&mut self) {
        self.found |= self.strings.finds(&self.objects.text);
        self.objects.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    const PLAIN_FONT: &str = "<</Type/Font/Subtype/TrueType/BaseFont/ABCDEF+Calibri/Encoding/WinAnsiEncoding>>";

    fn packed(octets: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(octets).expect("memory");
        encoder.finish().expect("memory")
    }

    fn stream(dictionary: &str, octets: &[u8]) -> Vec<u8> {
        [
            format!("5 0 obj <<{dictionary}/Length {}>> stream\r\n", octets.len()).as_bytes(),
            octets,
            b"\nendstream endobj\n",
        ]
        .concat()
    }

    /// A page that shows this, with more objects.
    fn pdf(shown: &str, more: &[&[u8]]) -> Vec<u8> {
        let page = stream("/Filter/FlateDecode", &packed(format!("BT /F1 12 Tf {shown} ET").as_bytes()));
        let font = format!("%PDF-1.7\n1 0 obj {PLAIN_FONT} endobj\n");
        [font.as_bytes(), &page, &more.concat(), b"trailer <</Root 1 0 R>> startxref 9 %%EOF\n"].concat()
    }

    fn read(octets: &[u8], block: usize) -> (bool, bool) {
        let mut pdf = Pdf::new(&Scanner::new(&["999900006".to_owned()].into()));
        let found = octets.chunks(block).fold(false, |found, block| found | pdf.finds(block));
        let (at_the_end, is_read) = pdf.ends();
        (found | at_the_end, is_read)
    }

    const LETTER: &str = "(Een brief over niets) Tj";

    #[test]
    fn k_32_a_bsn_in_a_pdf_is_found_however_it_is_written() {
        let info = b"7 0 obj <</Title <FEFF003900390039003900300030003000300036>>> endobj\n";
        let objects = stream("/Type/ObjStm/Filter/FlateDecode", &packed(b"9 0 <</Contents (9999000\\060\\066)>>"));
        let plain = stream("", b"BT (999900006) Tj ET");
        let xml = stream("/Type/Metadata/Filter/FlateDecode", &packed(b"<rdf>BSN 999900018</rdf>"));
        let pdfs = [
            pdf("(Pat. 999900006) Tj", &[]),
            pdf("[(99)-20(99)0.5 (0000)(6)] TJ", &[]),
            pdf("<39393939 3030303036> Tj", &[]),
            pdf("(9) Tj 5 0 Td (9) Tj 5 0 Td (9900006) Tj", &[]),
            pdf("(9\\0719\\\r\n900006) Tj", &[]),
            pdf("(BSN:) Tj 0 -12 Td (999900018) Tj 0 -12 Td (12-01-1980) Tj", &[]),
            pdf(LETTER, &[info]),
            pdf(LETTER, &[&stream("/Filter[/FlateDecode]", &packed(b"BT(999900006)'ET"))]),
            pdf(LETTER, &[&objects]),
            pdf(LETTER, &[&plain]),
            pdf(LETTER, &[&xml]),
            pdf("(9999) Tj /Span <</Lang(nl-NL)/ActualText(een)>> BDC (00006) Tj EMC", &[]),
            pdf("/Span <</ActualText(999900006)>> BDC (een brief) Tj EMC", &[]),
            pdf("(99) Tj /P << (open) BDC (99) Tj (00006) Tj", &[]),
            pdf("(een brief) Tj (9999) Tj", &[&stream("", b"(00006) Tj ET")]),
        ];
        for (number, octets) in pdfs.iter().enumerate() {
            for block in [1, 7, 100_000] {
                assert!(read(octets, block).0, "number {number} in blocks of {block}");
            }
        }
    }

    #[test]
    fn k_32_a_pdf_is_read_where_its_text_is() {
        let font = format!("9 0 obj {PLAIN_FONT} endobj\n");
        let standard = b"9 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj\n";
        let shapes = stream("/Length1 9/Filter/FlateDecode", b"not even packed");
        let table = stream("/Type/XRef/DecodeParms<</Predictor 12>>/Filter/FlateDecode", b"123");
        let odd = stream("", b"a stream with (a bracket");
        let plain = stream("/Filter[/FlateDecode]/DecodeParms[null]", &packed(b"BT (een brief) Tj ET"));
        let more = [font.as_bytes(), standard, &shapes, &table, &odd, &plain];
        for octets in [pdf(LETTER, &[]), pdf(LETTER, &more)] {
            for block in [1, 7, 100_000] {
                assert_eq!(read(&octets, block), (false, true), "in blocks of {block}");
            }
        }
    }

    #[test]
    fn k_32_what_no_program_reads_in_a_pdf_is_told() {
        let text = packed(LETTER.as_bytes());
        let parts: [(&str, Vec<u8>); 15] = [
            ("shapes", b"9 0 obj <</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H>> endobj\n".to_vec()),
            ("codes", b"9 0 obj <</Subtype/Type1/BaseFont/X/Encoding <</Differences[1/nine]>>>> endobj\n".to_vec()),
            ("codes of its own", b"9 0 obj <</Subtype/TrueType/BaseFont/ABCDEF+X>> endobj\n".to_vec()),
            ("a reference", b"9 0 obj <</Subtype/Type1/BaseFont/Helvetica/Encoding 8 0 R>> endobj\n".to_vec()),
            ("a picture", stream("/Subtype/Image/Filter/DCTDecode", b"x")),
            ("a file", stream("/Type/EmbeddedFile", b"x")),
            ("a form", b"9 0 obj <</XFA 8 0 R>> endobj\n".to_vec()),
            ("encryption", b"trailer <</Encrypt 8 0 R>>\n".to_vec()),
            ("another filter", stream("/Filter[/ASCII85Decode/FlateDecode]", b"x")),
            ("a filter elsewhere", stream("/Filter 8 0 R", &text)),
            ("a predictor", stream("/Filter/FlateDecode/DecodeParms<</Predictor 15>>", &text)),
            ("a predictor elsewhere", stream("/Filter/FlateDecode/DecodeParms 8 0 R", &text)),
            ("predictors elsewhere", stream("/DecodeParms[8 0 R]/Filter[/FlateDecode]", &text)),
            ("damage", stream("/Filter/FlateDecode", b"\x78\x9cnothing of that kind")),
            ("an end that is missing", b"9 0 obj <</Length 9>> stream\nx".to_vec()),
        ];
        for (what, part) in parts {
            for block in [1, 7, 100_000] {
                assert!(!read(&pdf(LETTER, &[&part]), block).1, "{what} in blocks of {block}");
            }
        }
        assert!(!read(&pdf("", &[]), 100).1, "no text");
        assert!(!read(&pdf("/Span <</ActualText(een)>> BDC EMC", &[]), 100).1, "no text that is shown");
        assert!(!read(&pdf("ET BI /W 1 ID x EI BT (a letter) Tj", &[]), 100).1, "a picture among operators");
        assert!(!read(b"%PDF-1.7\n(", 100).1, "a string without an end");
    }

    #[test]
    fn k_32_a_pdf_of_many_streams_is_read_to_its_end() {
        let many = b"<<>>stream\nx endstream ".repeat(40_000);
        let last = stream("", b"BT (999900006) Tj ET");
        for (last, found) in [(&last[..], true), (b"", false)] {
            let octets = pdf(LETTER, &[&many, last]);
            assert_eq!(read(&octets, octets.len()), (found, true));
        }
    }

    #[test]
    fn k_32_a_pdf_that_unpacks_without_end_is_given_up() {
        let bomb = pdf(LETTER, &[&stream("/Filter/FlateDecode", &packed(&[b' '; 100_000]))]);
        for (left_bytes, is_read) in [(200_000, true), (100_000, false)] {
            let mut pdf = Pdf { left_bytes, ..Pdf::new(&Scanner::new(&[].into())) };
            assert!(!pdf.finds(&bomb));
            assert_eq!(pdf.ends(), (false, is_read), "with {left_bytes} octets");
        }
    }
}
