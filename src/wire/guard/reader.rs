//! The pull reader.

use std::{borrow::Cow, ops::Range};

use quick_xml::events::Event as Token;

use super::{
    Element, Watch, XmlError, XmlLimits,
    attributes::read_tag,
    element::Attribute,
    namespaces::Bindings,
    text::{find_forbidden, is_blank, normalise_line_ends, resolve_reference, trim},
};

/// What the reader found next.
#[derive(Debug)]
pub enum Event<'a> {
    /// A start tag; an empty element is a start and an end.
    Start(Element<'a>),
    /// The end of the innermost element.
    End,
    /// Text that is not only white space, whole up to the next tag: references resolved, CDATA joined, not trimmed.
    Text(Cow<'a, str>),
    /// The end of the document.
    Eof,
}

/// Reads XML event by event and refuses what [`super`] says. After an error every call repeats it.
pub struct XmlReader<'a> {
    text: &'a str,
    tokens: quick_xml::Reader<&'a [u8]>,
    limits: XmlLimits,
    bindings: Bindings<'a>,
    spare: Vec<Attribute<'a>>,
    depth: usize,
    nodes: usize,
    state: State,
    end_pending: bool,
    failed: Option<XmlError>,
    tag: Range<usize>,
    watch: Option<Box<Watch>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing read yet.
    Fresh,
    /// Before the root element.
    Prolog,
    /// Within the root element.
    Root,
    /// After it.
    Epilog,
}

impl<'a> XmlReader<'a> {
    /// Reads this text, which [`super::decode_charset`] made.
    pub fn new(text: &'a str, limits: &XmlLimits) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut tokens = quick_xml::Reader::from_str(text);
        tokens.config_mut().check_comments = true;
        Self {
            text,
            tokens,
            limits: limits.clone(),
            bindings: Bindings::default(),
            spare: Vec::new(),
            depth: 0,
            nodes: 0,
            state: State::Fresh,
            end_pending: false,
            failed: None,
            tag: 0..0,
            watch: None,
        }
    }

    /// How many octets of the text have been read.
    pub fn position(&self) -> usize {
        usize::try_from(self.tokens.buffer_position()).unwrap_or(usize::MAX)
    }

    /// Where the start tag that was read last begins, in octets of the text.
    pub const fn element_start(&self) -> usize {
        self.tag.start
    }

    /// Where the start tag that was read last stands, from its `<` to behind its `>`.
    pub fn tag(&self) -> Range<usize> {
        self.tag.clone()
    }

    /// The text exactly as it came, from an offset up to where it has been read.
    pub fn since(&self, start: usize) -> &'a str {
        self.slice(start..self.position())
    }

    /// The text as it was received between two positions.
    pub fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// From here on `watch` sees every start tag.
    pub fn watch_with(&mut self, watch: Watch) {
        self.watch = Some(Box::new(watch));
    }

    /// Who watches.
    pub fn watch(&mut self) -> Option<&mut Watch> {
        self.watch.as_deref_mut()
    }

    /// Ends the watching.
    pub fn take_watch(&mut self) -> Option<Watch> {
        self.watch.take().map(|watch| *watch)
    }

    /// The next event. Comments, processing instructions and text of white space alone are passed over.
    ///
    /// # Errors
    /// When the text is refused.
    #[expect(clippy::should_implement_trait, reason = "an error ends the reading; an iterator would go on")]
    pub fn next(&mut self) -> Result<Event<'a>, XmlError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let event = self.read();
        if let Err(error) = &event {
            self.failed = Some(error.clone());
        }
        event
    }

    /// Passes over the rest of the element whose start was read last.
    ///
    /// # Errors
    /// When the text is refused.
    pub fn skip_element(&mut self) -> Result<(), XmlError> {
        let mut open = 1_usize;
        while open > 0 {
            match self.next()? {
                Event::Start(element) => {
                    open += 1;
                    self.recycle(element);
                }
                Event::End => open -= 1,
                Event::Text(_) => {}
                Event::Eof => return Err(self.malformed("the document ends within an element")),
            }
        }
        Ok(())
    }

    /// The trimmed text of the element whose start was read last, up to its end.
    ///
    /// # Errors
    /// When the text is refused, or the element has child elements.
    pub fn text(&mut self) -> Result<Cow<'a, str>, XmlError> {
        match self.next()? {
            Event::End => Ok(Cow::Borrowed("")),
            Event::Text(text) => match self.next()? {
                Event::End => Ok(trim(text)),
                _ => Err(XmlError::Unexpected { what: "an element where only text stands" }),
            },
            _ => Err(XmlError::Unexpected { what: "an element where only text stands" }),
        }
    }

    /// Takes back an element that is done with, to use its memory again.
    pub fn recycle(&mut self, element: Element<'a>) {
        self.spare = element.attributes;
        self.spare.clear();
    }

    fn read(&mut self) -> Result<Event<'a>, XmlError> {
        if self.end_pending {
            self.end_pending = false;
            return Ok(self.leave());
        }
        if self.state == State::Fresh {
            if let Some(offset) = find_forbidden(self.text) {
                return Err(XmlError::Malformed { problem: "a character that XML does not allow", offset });
            }
            if self.text.starts_with("<?xml") {
                self.token()?;
            }
            self.state = State::Prolog;
        }
        loop {
            match self.token()? {
                Token::Start(tag) => return self.enter(tag.len(), 1),
                Token::Empty(tag) => {
                    self.end_pending = true;
                    return self.enter(tag.len(), 2);
                }
                Token::End(_) if self.depth > 0 => return Ok(self.leave()),
                Token::End(_) => return Err(self.malformed("an end tag without start")),
                Token::Text(text) => {
                    let text = self.read_text(Token::Text(text))?;
                    if !is_blank(&text) {
                        return self.place_text(text);
                    }
                }
                token @ (Token::CData(_) | Token::GeneralRef(_)) => {
                    let text = self.read_text(token)?;
                    if self.depth == 0 || !is_blank(&text) {
                        return self.place_text(text);
                    }
                }
                Token::Comment(_) | Token::PI(_) => self.count_node()?,
                Token::Decl(_) => return Err(self.malformed("an XML declaration that is not at the start")),
                Token::DocType(_) => return Err(XmlError::Doctype),
                Token::Eof if self.state == State::Epilog => return Ok(Event::Eof),
                Token::Eof => return Err(self.malformed("the document ends too early")),
            }
        }
    }

    fn place_text(&self, text: Cow<'a, str>) -> Result<Event<'a>, XmlError> {
        if self.depth > 0 { Ok(Event::Text(text)) } else { Err(self.malformed("text outside the root element")) }
    }

    /// The next token; a document type declaration is refused before it is looked at.
    fn token(&mut self) -> Result<Token<'a>, XmlError> {
        if let [b'<', b'!', b'D' | b'd', ..] = self.rest() {
            return Err(XmlError::Doctype);
        }
        let token = self.tokens.read_event().map_err(|error| XmlError::Malformed {
            problem: describe(&error),
            offset: usize::try_from(self.tokens.error_position()).unwrap_or(usize::MAX),
        })?;
        if let Token::PI(instruction) = &token
            && instruction.target().eq_ignore_ascii_case("xml")
        {
            return Err(self.malformed("an XML declaration that is not at the start"));
        }
        Ok(token)
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.position()..).unwrap_or_default()
    }

    fn enter(&mut self, tag_len: usize, closing_len: usize) -> Result<Event<'a>, XmlError> {
        match (self.state, self.depth) {
            (State::Prolog, _) => self.state = State::Root,
            (State::Epilog, _) => return Err(self.malformed("a second root element")),
            _ => {}
        }
        if self.depth == self.limits.depth {
            return Err(XmlError::Limit { what: "elements within each other", limit: self.limits.depth });
        }
        self.count_node()?;
        self.depth += 1;
        // The token owns no lifetime of its own, so its text is taken from the input.
        let end = self.position().saturating_sub(closing_len);
        let tag = end.checked_sub(tag_len).and_then(|start| self.text.get(start..end)).unwrap_or_default();
        self.tag = end.saturating_sub(tag_len + 1)..self.position();
        let spare = std::mem::take(&mut self.spare);
        match read_tag(tag, spare, &mut self.bindings, self.depth, &self.limits) {
            Ok(element) => {
                if let Some(watch) = &mut self.watch {
                    watch.see(&element);
                }
                Ok(Event::Start(element))
            }
            Err(XmlError::Malformed { problem, .. }) => Err(self.malformed(problem)),
            Err(error) => Err(error),
        }
    }

    fn leave(&mut self) -> Event<'a> {
        self.depth = self.depth.saturating_sub(1);
        self.bindings.leave(self.depth);
        if self.depth == 0 {
            self.state = State::Epilog;
        }
        Event::End
    }

    fn count_node(&mut self) -> Result<(), XmlError> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(XmlError::Limit { what: "elements", limit: self.limits.nodes });
        }
        Ok(())
    }

    /// Joins text, references and CDATA up to the next tag.
    fn read_text(&mut self, first: Token<'a>) -> Result<Cow<'a, str>, XmlError> {
        let mut run = Cow::Borrowed("");
        let mut token = first;
        loop {
            match token {
                Token::Text(text) => {
                    let text = text.into_inner();
                    if memchr::memchr(b'>', text.as_bytes()).is_some_and(|_| text.contains("]]>")) {
                        return Err(self.malformed("]]> in text"));
                    }
                    self.append(&mut run, normalise_line_ends(text))?;
                }
                Token::CData(text) => {
                    self.count_node()?;
                    self.append(&mut run, normalise_line_ends(text.into_inner()))?;
                }
                Token::GeneralRef(reference) => {
                    let c = resolve_reference(&reference)?;
                    self.append(&mut run, Cow::Owned(c.into()))?;
                }
                Token::Comment(_) | Token::PI(_) => self.count_node()?,
                _ => return Err(self.malformed("markup within text")),
            }
            match self.rest() {
                [] | [b'<', b'/' | b':' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.., ..] => return Ok(run),
                _ => token = self.token()?,
            }
        }
    }

    fn append(&self, run: &mut Cow<'a, str>, text: Cow<'a, str>) -> Result<(), XmlError> {
        if run.len() + text.len() > self.limits.text_bytes {
            return Err(XmlError::Limit { what: "octets of text", limit: self.limits.text_bytes });
        }
        if run.is_empty() {
            *run = text;
        } else {
            run.to_mut().push_str(&text);
        }
        Ok(())
    }

    fn malformed(&self, problem: &'static str) -> XmlError {
        XmlError::Malformed { problem, offset: self.position() }
    }
}

fn describe(error: &quick_xml::Error) -> &'static str {
    use quick_xml::errors::IllFormedError as Ill;
    match error {
        quick_xml::Error::Syntax(_) => "markup without end",
        quick_xml::Error::IllFormed(Ill::MismatchedEndTag { .. }) => "an end tag that is not that of the open element",
        quick_xml::Error::IllFormed(Ill::UnmatchedEndTag(_)) => "an end tag without start",
        quick_xml::Error::IllFormed(Ill::DoubleHyphenInComment) => "two hyphens in a comment",
        quick_xml::Error::IllFormed(Ill::UnclosedReference) => "& that begins no reference",
        _ => "broken markup",
    }
}
