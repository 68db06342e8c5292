//! The elements before the pixel data of a DICOM object, read without recursion and without copying.
//!
//! Knows the three transfer syntaxes that are not compressed as a whole: every other one is explicit little endian in its
//! header. A walk over bytes rather than a tree of objects: a file that nests sequences by the thousand costs no stack, and
//! where an element lies in the file is known.
//!
//! Source: DICOM PS3.5 §7, PS3.10 §7.1.

/// Octets of an object in which its header is looked for.
pub const HEAD_BYTES: usize = 1 << 20;

const PREAMBLE: usize = 128;
const UNDEFINED: u32 = 0xFFFF_FFFF;
const ITEM: u32 = 0xFFFE_E000;
const ITEM_END: u32 = 0xFFFE_E00D;
const SEQUENCE_END: u32 = 0xFFFE_E0DD;
/// Pixel data of all kinds, and what stands behind them.
const PIXELS: u32 = 0x7FE0_0008;

const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// Value representations with a length of four octets.
const LONG: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

/// Why a header cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No preamble and DICM.
    #[error("no DICOM file: preamble and DICM are missing")]
    NotDicom,
    /// The file meta information is broken or says no transfer syntax.
    #[error("the file meta information cannot be read")]
    Meta,
    /// Deflated as a whole.
    #[error("the data set is deflated")]
    Deflated,
    /// An element that ends nowhere.
    #[error("the header is cut off or broken")]
    Broken,
    /// A text that no element can hold.
    #[error("a text is too long for its element")]
    TooLong,
}

/// Group and element of what is read.
pub type Tag = u32;

/// The header of one object.
#[derive(Debug)]
pub struct Header<'a> {
    /// Transfer Syntax UID.
    pub transfer_syntax: &'a str,
    /// Media Storage SOP Class UID.
    pub sop_class: &'a str,
    /// Media Storage SOP Instance UID.
    pub sop_instance: &'a str,
    syntax: Syntax,
    data_set: &'a [u8],
    data_set_at: usize,
}

/// How elements are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Syntax {
    is_implicit: bool,
    is_big: bool,
}

/// One element: its value as it stands in the file, with the items of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Group and element.
    pub tag: Tag,
    /// Its octets.
    pub value: &'a [u8],
    /// Where these begin, counted from the first element of this level.
    pub value_at: usize,
    /// Where the next element begins, counted from the first one of this level.
    pub end: usize,
}

impl<'a> Header<'a> {
    /// Reads the file meta information of an object that begins with these octets.
    ///
    /// # Errors
    /// When it is no DICOM file, or one that cannot be read without inflating it.
    pub fn read(head: &'a [u8]) -> Result<Self, HeaderError> {
        if head.get(PREAMBLE..PREAMBLE + 4) != Some(b"DICM") {
            return Err(HeaderError::NotDicom);
        }
        let explicit = Syntax { is_implicit: false, is_big: false };
        let (mut transfer_syntax, mut sop_class, mut sop_instance) = ("", "", "");
        let mut walk = Walk { bytes: head, at: PREAMBLE + 4, syntax: explicit };
        loop {
            let start = walk.at;
            if head.get(start..start + 2).is_none_or(|group| group != [2, 0]) {
                walk.at = start;
                break;
            }
            let element = walk.next().map_err(|_| HeaderError::Meta)?.ok_or(HeaderError::Meta)?;
            match element.tag {
                0x0002_0002 => sop_class = text(element.value),
                0x0002_0003 => sop_instance = text(element.value),
                0x0002_0010 => transfer_syntax = text(element.value),
                _ => {}
            }
        }
        let syntax = match transfer_syntax {
            "" => return Err(HeaderError::Meta),
            DEFLATED => return Err(HeaderError::Deflated),
            other => Syntax { is_implicit: other == IMPLICIT_LITTLE, is_big: other == EXPLICIT_BIG },
        };
        let data_set = head.get(walk.at..).unwrap_or_default();
        Ok(Self { transfer_syntax, sop_class, sop_instance, syntax, data_set, data_set_at: walk.at })
    }

    /// Where the first element of the data set begins in the file.
    pub fn data_set_at(&self) -> usize {
        self.data_set_at
    }

    /// The number of an element of four octets (UL); 0 where it has another length.
    pub fn number32(&self, element: &Element<'_>) -> u32 {
        let octets = <[u8; 4]>::try_from(element.value).unwrap_or_default();
        if self.syntax.is_big { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) }
    }

    /// Appends an element of text (LO) as this object writes its elements.
    ///
    /// # Errors
    /// [`HeaderError::TooLong`]; nothing is appended then.
    pub fn push_text(&self, out: &mut Vec<u8>, tag: Tag, value: &[u8]) -> Result<(), HeaderError> {
        let padding = value.len() % 2;
        let length = u16::try_from(value.len() + padding).map_err(|_| HeaderError::TooLong)?;
        let two = |number: u16| if self.syntax.is_big { number.to_be_bytes() } else { number.to_le_bytes() };
        out.extend_from_slice(&two((tag >> 16) as u16));
        out.extend_from_slice(&two(tag as u16));
        if self.syntax.is_implicit {
            out.extend_from_slice(&u32::from(length).to_le_bytes());
        } else {
            out.extend_from_slice(b"LO");
            out.extend_from_slice(&two(length));
        }
        out.extend_from_slice(value);
        out.extend(std::iter::repeat_n(b' ', padding));
        Ok(())
    }

    /// The top-level elements before the pixel data, in the order of the file.
    ///
    /// # Errors
    /// [`HeaderError::Broken`], after which there are no more.
    pub fn elements(&self) -> Elements<'a> {
        Elements { walk: Some(Walk { bytes: self.data_set, at: 0, syntax: self.syntax }) }
    }

    /// The elements of the first item of a sequence's value.
    pub fn first_item(&self, value: &'a [u8]) -> Elements<'a> {
        let walk = Walk { bytes: value, at: 0, syntax: self.syntax };
        Elements { walk: walk.into_item() }
    }

    /// The items of a sequence's value, each with the place where it begins in that value.
    ///
    /// # Errors
    /// [`HeaderError::Broken`], after which there are no more.
    pub fn items(&self, value: &'a [u8]) -> Items<'a> {
        Items { walk: Some(Walk { bytes: value, at: 0, syntax: self.syntax }) }
    }
}

/// A value as text, without its padding.
pub fn text(value: &[u8]) -> &str {
    std::str::from_utf8(trimmed(value)).unwrap_or_default()
}

/// A value without its padding.
pub fn trimmed(value: &[u8]) -> &[u8] {
    let is_padding = |b: &u8| matches!(b, b' ' | 0);
    let end = value.iter().rposition(|b| !is_padding(b)).map_or(0, |last| last + 1);
    value.get(..end).unwrap_or_default().trim_ascii_start()
}

/// Elements of one level.
#[derive(Debug)]
pub struct Elements<'a> {
    walk: Option<Walk<'a>>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.walk.as_mut()?.next();
        match found {
            Ok(Some(element)) if element.tag < PIXELS => Some(Ok(element)),
            Ok(_) => {
                self.walk = None;
                None
            }
            Err(error) => {
                self.walk = None;
                Some(Err(error))
            }
        }
    }
}

/// Items of a sequence.
#[derive(Debug)]
pub struct Items<'a> {
    walk: Option<Walk<'a>>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<(usize, Elements<'a>), HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let walk = self.walk.as_mut()?;
        let at = walk.at;
        match walk.next_item() {
            Ok(Some(item)) => Some(Ok((at, Elements { walk: Some(item) }))),
            Ok(None) => {
                self.walk = None;
                None
            }
            Err(error) => {
                self.walk = None;
                Some(Err(error))
            }
        }
    }
}

#[derive(Debug)]
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    syntax: Syntax,
}

/// Tag, value representation where it is written, and length of an element.
struct Start {
    tag: Tag,
    vr: Option<[u8; 2]>,
    length: u32,
    /// Where its value begins.
    value: usize,
}

impl<'a> Walk<'a> {
    /// The next element; none at the end, or where an item ends.
    fn next(&mut self) -> Result<Option<Element<'a>>, HeaderError> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let start = self.start(self.at, self.syntax).ok_or(HeaderError::Broken)?;
        if start.tag >= PIXELS {
            return Ok(Some(Element { tag: start.tag, value: &[], value_at: self.at, end: self.at }));
        }
        let (end, next) = if start.length == UNDEFINED {
            let inner = Syntax { is_implicit: self.syntax.is_implicit || start.vr == Some(*b"UN"), ..self.syntax };
            let next = self.skip_undefined(start.value, inner).ok_or(HeaderError::Broken)?;
            // Without the delimiter.
            (next - 8, next)
        } else {
            let end = start.value.checked_add(start.length as usize).ok_or(HeaderError::Broken)?;
            (end, end)
        };
        let value = self.bytes.get(start.value..end).ok_or(HeaderError::Broken)?;
        self.at = next;
        Ok(Some(Element { tag: start.tag, value, value_at: start.value, end: next }))
    }

    /// A walk over the first item here.
    fn into_item(self) -> Option<Self> {
        let start = self.start(self.at, self.syntax).filter(|start| start.tag == ITEM)?;
        let rest = self.bytes.get(start.value..)?;
        let bytes = match start.length {
            // Its end is a tag beyond all others, which ends the walk.
            UNDEFINED => rest,
            length => rest.get(..length as usize)?,
        };
        Some(Self { bytes, at: 0, syntax: self.syntax })
    }

    /// A walk over the item here, after which this one stands at the next; none where there are no more.
    fn next_item(&mut self) -> Result<Option<Self>, HeaderError> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let start = self.start(self.at, self.syntax).ok_or(HeaderError::Broken)?;
        if start.tag != ITEM {
            return Err(HeaderError::Broken);
        }
        let (end, next) = match start.length {
            UNDEFINED => {
                let next = self.skip_undefined(start.value, self.syntax).ok_or(HeaderError::Broken)?;
                // Without the delimiter.
                (next - 8, next)
            }
            length => {
                let end = start.value.checked_add(length as usize).ok_or(HeaderError::Broken)?;
                (end, end)
            }
        };
        let bytes = self.bytes.get(start.value..end).ok_or(HeaderError::Broken)?;
        self.at = next;
        Ok(Some(Self { bytes, at: 0, syntax: self.syntax }))
    }

    /// Where a sequence of undefined length is over, its delimiter included; `at` is where its first item begins.
    fn skip_undefined(&self, mut at: usize, syntax: Syntax) -> Option<usize> {
        // How the elements of each open sequence and item are written.
        let mut open = vec![syntax];
        while let Some(syntax) = open.last().copied() {
            let start = self.start(at, syntax)?;
            at = start.value;
            match (start.tag, start.length) {
                (ITEM_END | SEQUENCE_END, _) => {
                    open.pop();
                }
                (ITEM, UNDEFINED) => open.push(syntax),
                (_, UNDEFINED) => {
                    let is_implicit = syntax.is_implicit || start.vr == Some(*b"UN");
                    open.push(Syntax { is_implicit, ..syntax });
                }
                (_, length) => at = at.checked_add(length as usize).filter(|at| *at <= self.bytes.len())?,
            }
        }
        Some(at)
    }

    fn start(&self, at: usize, syntax: Syntax) -> Option<Start> {
        let two = |at: usize| Some(number16(self.bytes.get(at..at + 2)?, syntax.is_big));
        let four = |at: usize| Some(u32::from(two(at)?) << 16 | u32::from(two(at + 2)?));
        let length32 = |at: usize| {
            let bytes: [u8; 4] = self.bytes.get(at..at + 4)?.try_into().ok()?;
            Some(if syntax.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
        };
        let tag = four(at)?;
        if syntax.is_implicit || tag >> 16 == 0xFFFE {
            return Some(Start { tag, vr: None, length: length32(at + 4)?, value: at + 8 });
        }
        let vr: [u8; 2] = self.bytes.get(at + 4..at + 6)?.try_into().ok()?;
        if LONG.contains(&&vr) {
            return Some(Start { tag, vr: Some(vr), length: length32(at + 8)?, value: at + 12 });
        }
        Some(Start { tag, vr: Some(vr), length: u32::from(two(at + 6)?), value: at + 8 })
    }
}

fn number16(bytes: &[u8], is_big: bool) -> u16 {
    match *bytes {
        [a, b] if is_big => u16::from_be_bytes([a, b]),
        [a, b] => u16::from_le_bytes([a, b]),
        _ => 0,
    }
}

#[cfg(test)]
pub(super) mod tests;
