//! The words of PDF, as octets pass: names, strings without their escapes, brackets, all else.
//!
//! Source: ISO 32000-1 §7.2, §7.3.

/// Octets of a name or word that are kept; none that matters is longer.
const WORD_BYTES: usize = 64;

/// Takes what is read.
pub(super) trait Reader {
    /// A name, without its slash.
    fn name(&mut self, name: &[u8]);
    /// A number or an operator; true stops the reading behind it.
    fn word(&mut self, word: &[u8]) -> bool;
    /// A bracket: `<<`, `>>`, `[` or `]`.
    fn bracket(&mut self, bracket: Bracket);
    /// An octet of a string.
    fn letter(&mut self, letter: u8);
    /// A string ends.
    fn string_ends(&mut self);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket {
    Dictionary,
    DictionaryEnd,
    Array,
    ArrayEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Comment,
    Name,
    Word,
    /// With parentheses within it.
    Literal(u32),
    Escape(u32),
    /// Digits of an octal escape, and their value.
    Octal(u32, u8, u32),
    /// A carriage return after a backslash: a line feed goes with it.
    Break(u32),
    /// With the first half of an octet.
    Hex(Option<u8>),
    Less,
    Greater,
}

/// What is between two blocks.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    state: State,
    word: Vec<u8>,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { state: State::Between, word: Vec::new() }
    }

    /// Reads on; how many octets were read. Fewer than there are where the reader stopped.
    pub(super) fn read(&mut self, octets: &[u8], reader: &mut impl Reader) -> usize {
        let mut at = 0;
        while let Some(octet) = octets.get(at) {
            match self.step(*octet, reader) {
                Step::Taken => at += 1,
                Step::Again => {}
                Step::Stop => return at,
            }
        }
        at
    }

    /// Ends; false where a string is not closed.
    pub(super) fn end(&mut self, reader: &mut impl Reader) -> bool {
        let _ = self.step(b'\n', reader);
        matches!(self.state, State::Between)
    }

    fn step(&mut self, octet: u8, reader: &mut impl Reader) -> Step {
        match self.state {
            State::Between => self.begin(octet, reader),
            State::Comment => {
                if matches!(octet, b'\r' | b'\n') {
                    self.state = State::Between;
                }
            }
            State::Name | State::Word if is_regular(octet) => {
                if self.word.len() < WORD_BYTES {
                    self.word.push(octet);
                }
            }
            State::Name => {
                reader.name(&unescaped(&self.word));
                self.state = State::Between;
                return Step::Again;
            }
            State::Word => {
                self.state = State::Between;
                return if reader.word(&self.word) { Step::Stop } else { Step::Again };
            }
            State::Literal(depth) => self.literal(depth, octet, reader),
            State::Escape(depth) => self.escape(depth, octet, reader),
            State::Octal(count, value, depth) => match octet {
                b'0'..=b'7' if count < 3 => {
                    self.state = State::Octal(count + 1, value.wrapping_mul(8).wrapping_add(octet - b'0'), depth);
                }
                _ => {
                    reader.letter(value);
                    self.state = State::Literal(depth);
                    return Step::Again;
                }
            },
            State::Break(depth) => {
                self.state = State::Literal(depth);
                if octet != b'\n' {
                    return Step::Again;
                }
            }
            State::Hex(half) => match (octet, char::from(octet).to_digit(16).and_then(|it| u8::try_from(it).ok())) {
                (b'>', _) => {
                    if let Some(half) = half {
                        reader.letter(half << 4);
                    }
                    reader.string_ends();
                    self.state = State::Between;
                }
                (_, Some(digit)) => {
                    if let Some(half) = half {
                        reader.letter(half << 4 | digit);
                    }
                    self.state = State::Hex(half.is_none().then_some(digit));
                }
                (_, None) => {}
            },
            State::Less => {
                if octet == b'<' {
                    reader.bracket(Bracket::Dictionary);
                    self.state = State::Between;
                } else {
                    self.state = State::Hex(None);
                    return Step::Again;
                }
            }
            State::Greater => {
                self.state = State::Between;
                if octet != b'>' {
                    return Step::Again;
                }
                reader.bracket(Bracket::DictionaryEnd);
            }
        }
        Step::Taken
    }

    fn begin(&mut self, octet: u8, reader: &mut impl Reader) {
        self.word.clear();
        self.state = match octet {
            b'%' => State::Comment,
            b'/' => State::Name,
            b'(' => State::Literal(0),
            b'<' => State::Less,
            b'>' => State::Greater,
            _ if is_regular(octet) => {
                self.word.push(octet);
                State::Word
            }
            b'[' | b']' => {
                reader.bracket(if octet == b'[' { Bracket::Array } else { Bracket::ArrayEnd });
                State::Between
            }
            _ => State::Between,
        };
    }

    fn literal(&mut self, depth: u32, octet: u8, reader: &mut impl Reader) {
        match octet {
            b'\\' => self.state = State::Escape(depth),
            b'(' => {
                reader.letter(octet);
                self.state = State::Literal(depth.saturating_add(1));
            }
            b')' => match depth.checked_sub(1) {
                Some(depth) => {
                    reader.letter(octet);
                    self.state = State::Literal(depth);
                }
                None => {
                    reader.string_ends();
                    self.state = State::Between;
                }
            },
            _ => reader.letter(octet),
        }
    }

    fn escape(&mut self, depth: u32, octet: u8, reader: &mut impl Reader) {
        self.state = match octet {
            b'0'..=b'7' => State::Octal(1, octet - b'0', depth),
            b'\r' => State::Break(depth),
            _ => State::Literal(depth),
        };
        match octet {
            b'0'..=b'7' | b'\r' | b'\n' => {}
            b'n' | b'r' | b't' | b'b' | b'f' => reader.letter(b' '),
            _ => reader.letter(octet),
        }
    }
}

enum Step {
    Taken,
    /// The octet belongs to what follows.
    Again,
    Stop,
}

fn is_regular(octet: u8) -> bool {
    let is_blank = matches!(octet, 0 | b'\t' | b'\n' | 12 | b'\r' | b' ');
    let is_delimiter = matches!(octet, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%');
    !is_blank && !is_delimiter
}

/// A name in which `#` and two digits stand for an octet.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((octet, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let stands_for = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *octet == b'#');
        out.push(stands_for.unwrap_or(*octet));
        rest = if stands_for.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(String);

    impl Reader for Told {
        fn name(&mut self, name: &[u8]) {
            self.0 += &format!("/{} ", String::from_utf8_lossy(name));
        }

        fn word(&mut self, word: &[u8]) -> bool {
            self.0 += &format!("{} ", String::from_utf8_lossy(word));
            word == b"stream"
        }

        fn bracket(&mut self, bracket: Bracket) {
            self.0 += match bracket {
                Bracket::Dictionary => "<< ",
                Bracket::DictionaryEnd => ">> ",
                Bracket::Array => "[ ",
                Bracket::ArrayEnd => "] ",
            };
        }

        fn letter(&mut self, letter: u8) {
            self.0.push(char::from(letter));
        }

        fn string_ends(&mut self) {
            self.0 += "| ";
        }
    }

    #[test]
    fn the_words_of_pdf_are_read_in_whatever_blocks_they_come() {
        let text = b"<</A#42 1 0 R/B[(a(b)\\)\\061\\\r\n2\\x)<3 1 3>]>> % (no\n(9)-20.5(8)TJ<<>>stream\r\n(x";
        let said = "<< /AB 1 0 R /B [ a(b))12x| 10| ] >> 9| -20.5 8| TJ << >> stream ";
        for block in 1..text.len() {
            let (mut tokens, mut told, mut rest) = (Tokens::new(), Told::default(), &b""[..]);
            for octets in text.chunks(block) {
                let read = tokens.read(octets, &mut told);
                if read < octets.len() {
                    rest = &octets[read..];
                    break;
                }
            }
            assert_eq!(told.0, said, "in blocks of {block}");
            assert!(rest.starts_with(b"\r"), "what follows is left");
        }
    }

    #[test]
    fn a_string_without_an_end_is_told() {
        for (text, is_closed) in [(&b"(a)"[..], true), (b"(a", false), (b"<41", false), (b"/Name", true), (b"", true)] {
            let mut tokens = Tokens::new();
            tokens.read(text, &mut Told::default());
            assert_eq!(tokens.end(&mut Told::default()), is_closed);
        }
    }
}
