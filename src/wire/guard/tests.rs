use super::*;

/// Everything the reader says about a text, one line per event.
fn read_with(text: &str, limits: &XmlLimits) -> Result<Vec<String>, XmlError> {
    let mut reader = XmlReader::new(text, limits);
    let mut seen = Vec::new();
    loop {
        seen.push(match reader.next()? {
            Event::Start(element) => {
                let mut line = format!("<{}|{}", element.namespace_uri().unwrap_or("-"), element.local());
                for (ns, name, value) in element.attributes() {
                    line.push_str(&format!(" {ns:?}:{name}={value}"));
                }
                line
            }
            Event::End => ">".to_owned(),
            Event::Text(text) => text.into_owned(),
            Event::Eof => return Ok(seen),
        });
    }
}

fn read(text: &str) -> Result<Vec<String>, XmlError> {
    read_with(text, &XmlLimits::default())
}

#[test]
fn names_are_resolved_whatever_the_prefix() {
    let expected = ["<urn:ihe:iti:xds-b:2007|a None:x=1 Soap12:mustUnderstand=true", "<-|b", ">", ">"];
    let soap = "http://www.w3.org/2003/05/soap-envelope";
    for text in [
        format!("<a xmlns='urn:ihe:iti:xds-b:2007' x='1' s:mustUnderstand='true' xmlns:s='{soap}'><b xmlns=''/></a>"),
        format!(
            "<p:a xmlns:q='{soap}' xmlns:p='urn:ihe:iti:xds-b:2007' x = \"1\"\n q:mustUnderstand='true' ><b></b ></p:a >"
        ),
    ] {
        assert_eq!(read(&text).unwrap(), expected);
    }
}

#[test]
fn a_prefix_ends_with_its_element() {
    assert_eq!(
        read("<a xmlns:p='urn:1'><b xmlns:p='urn:2'><p:c/></b><p:c/></a>").unwrap(),
        ["<-|a", "<-|b", "<urn:2|c", ">", ">", "<urn:1|c", ">", ">"]
    );
    assert_eq!(read("<a><b xmlns:p='urn:2'/><p:c/></a>"), Err(XmlError::UndeclaredPrefix));
}

#[test]
fn text_is_joined_and_white_space_passed_over() {
    let text = "<?xml version='1.0'?>\n<!-- a --><a>\r\n <b>1 &lt;<![CDATA[<&]]> x<!-- c -->y&#x41;<?pi z?>\r\nq</b>\n</a>\n<!-- z -->";
    assert_eq!(read(text).unwrap(), ["<-|a", "<-|b", "1 <<& xyA\nq", ">", ">"]);
}

#[test]
fn attribute_values_are_normalised() {
    assert_eq!(read("<a b='1\t2\r\n3&#10;&amp;&quot;>'/>").unwrap(), ["<-|a None:b=1 2 3\n&\">", ">"]);
}

#[test]
fn s_in_07_a_document_type_is_refused() {
    for text in [
        "<!DOCTYPE a><a/>",
        "<!doctype a><a/>",
        "<?xml version='1.0'?>\n<!-- x --><!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
        "<!DOCTYPE a [",
        "<a><!DOCTYPE a></a>",
    ] {
        assert_eq!(read(text), Err(XmlError::Doctype), "{text}");
    }
}

#[test]
fn s_in_07_only_predefined_entities_and_characters_of_xml() {
    for text in ["<a>&e;</a>", "<a b='&e;'/>", "<a>&#0;</a>", "<a>&#x1;</a>", "<a>&#xFFFE;</a>", "<a>&#xD800;</a>"] {
        assert_eq!(read(text), Err(XmlError::Entity), "{text}");
    }
    for text in ["<a>&#x110000;</a>", "<a>&#+1;</a>", "<a>&#;</a>", "<a>&;</a>", "<a b='&amp'/>"] {
        assert_eq!(read(text), Err(XmlError::Entity), "{text}");
    }
}

#[test]
fn s_in_09_to_12_limits_are_held() {
    let limits =
        XmlLimits { depth: 3, nodes: 6, attributes: 2, namespaces: 2, value_bytes: 4, name_bytes: 8, text_bytes: 6 };
    for (fits, exceeds) in [
        ("<a><a><a/></a></a>", "<a><a><a><a/></a></a></a>"),
        ("<a><a/><a/><a/><a/><!----></a>", "<a><a/><a/><a/><a/><!----><a/></a>"),
        ("<a b='1' c='2'/>", "<a b='1' c='2' d='3'/>"),
        ("<a xmlns='u:1' xmlns:b='u:2'/>", "<a xmlns='u:1' xmlns:b='u:2' xmlns:c='u:3'/>"),
        ("<a b='1234'/>", "<a b='12345'/>"),
        ("<abcdefgh/>", "<abcdefghi/>"),
        ("<a abcdefgh='1'/>", "<a abcdefghi='1'/>"),
        ("<a>12&amp;<![CDATA[456]]></a>", "<a>12&amp;<![CDATA[4567]]></a>"),
    ] {
        assert!(read_with(fits, &limits).is_ok(), "{fits}");
        assert!(matches!(read_with(exceeds, &limits), Err(XmlError::Limit { .. })), "{exceeds}");
    }
}

#[test]
fn s_in_09_deep_nesting_needs_no_stack() {
    let text = "<a>".repeat(100_000);
    assert_eq!(read(&text), Err(XmlError::Limit { what: "elements within each other", limit: 128 }));
    let deep = XmlLimits { depth: usize::MAX, ..XmlLimits::default() };
    assert!(matches!(read_with(&text, &deep), Err(XmlError::Malformed { .. })));
}

#[test]
fn s_in_13_namespace_tricks_are_refused() {
    assert_eq!(read("<p:a/>"), Err(XmlError::UndeclaredPrefix));
    assert_eq!(read("<a p:b='1'/>"), Err(XmlError::UndeclaredPrefix));
    assert_eq!(read("<xmlns:a/>"), Err(XmlError::UndeclaredPrefix));
    for uri in ["rim", "/rim", "1:x", "../x"] {
        assert_eq!(read(&format!("<a xmlns='{uri}'/>")), Err(XmlError::RelativeNamespace), "{uri}");
    }
    assert_eq!(read("<a xmlns:p=''/>"), Err(XmlError::RelativeNamespace));
    for text in [
        "<a xmlns:xml='urn:x'/>",
        "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:xmlns='urn:x'/>",
        "<a xmlns:p='urn:1' xmlns:q='urn:1' p:b='' q:b=''/>",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    assert_eq!(read("<a xmlns='URN:ihe:iti:xds-b:2007'/>").unwrap(), ["<URN:ihe:iti:xds-b:2007|a", ">"]);
    assert_eq!(read("<a xml:lang='nl'/>").unwrap(), ["<-|a Xml:lang=nl", ">"]);
}

#[test]
fn s_in_14_characters_that_xml_does_not_know_are_refused() {
    for c in ['\0', '\u{1}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        assert!(matches!(read(&format!("<a>{}{c}</a>", " ".repeat(300))), Err(XmlError::Malformed { .. })), "{c:?}");
    }
    assert_eq!(read("<a>\u{fffd}\u{85}\u{10ffff}</a>").unwrap()[1], "\u{fffd}\u{85}\u{10ffff}");
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        " ",
        "x",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a/>&amp;",
        "<a/><![CDATA[]]>",
        "<a b/>",
        "<a b=1/>",
        "<a b='1'c='2'/>",
        "<a b='1' b='2'/>",
        "<a xmlns='urn:1' xmlns='urn:1'/>",
        "<a b='<'/>",
        "<a b='1/>",
        "<a / >",
        "< a/>",
        "<1a/>",
        "<a:/>",
        "<:a/>",
        "<a:b:c xmlns:a='urn:1'/>",
        "<a$/>",
        "<a>]]></a>",
        "<a>&</a>",
        "<a><!-- -- --></a>",
        "<a><!-- </a>",
        "<a><![CDATA[ </a>",
        "<a><?xml version='1.0'?></a>",
        " <?xml version='1.0'?><a/>",
        "<?XML version='1.0'?><a/>",
        "<a>x< b/></a>",
        "<a></a b='1'>",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn an_error_is_final() {
    let mut reader = XmlReader::new("<a></b><c/>", &XmlLimits::default());
    assert!(matches!(reader.next(), Ok(Event::Start(_))));
    let error = reader.next().unwrap_err();
    assert_eq!(reader.next().unwrap_err(), error);
}

#[test]
fn elements_are_skipped_whole_and_text_read_trimmed() {
    let mut reader =
        XmlReader::new("<a><b>x<c><d/>y</c></b><e> 1 <![CDATA[ 2]]>\n</e><f/><g><h/></g></a>", &XmlLimits::default());
    let mut start = || loop {
        if let Event::Start(_) = reader.next().unwrap() {
            return reader.position();
        }
    };
    start();
    start();
    reader.skip_element().unwrap();
    assert!(matches!(reader.next(), Ok(Event::Start(e)) if e.local() == "e"));
    assert_eq!(reader.text().unwrap(), "1  2");
    assert!(matches!(reader.next(), Ok(Event::Start(e)) if e.local() == "f"));
    assert_eq!(reader.text().unwrap(), "");
    assert!(matches!(reader.next(), Ok(Event::Start(e)) if e.local() == "g"));
    assert!(matches!(reader.text(), Err(XmlError::Unexpected { .. })));
}

#[test]
fn messages_repeat_nothing_of_the_request() {
    for text in ["<secret></hidden>", "<a secret='&hidden;'/>", "<a>&secret;</a>", "<secret:a/>", "<a xmlns='secret'/>"]
    {
        let error = read(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret") && !error.to_string().contains("hidden"), "{error}");
    }
}

#[test]
fn any_text_is_read_without_panic() {
    bolero::check!().with_iterations(2000).for_each(|bytes: &[u8]| {
        let limits = XmlLimits { depth: 8, nodes: 50, ..XmlLimits::default() };
        if let Ok(text) = decode_charset(bytes, None) {
            let _ = read_with(&text, &limits);
        }
        // Most octets are no XML: the same again over an alphabet of markup.
        const ALPHABET: [&str; 20] = [
            "<",
            "</",
            "/>",
            ">",
            "a",
            "b:",
            " ",
            "=",
            "'",
            "\"",
            "&",
            "amp;",
            "#x41;",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<?",
            "?>",
            "xmlns",
        ];
        let markup: String = bytes.iter().map(|b| ALPHABET[usize::from(*b) % ALPHABET.len()]).collect();
        let _ = read_with(&markup, &limits);
        let _ = read_with(&format!("<a>{markup}</a>"), &limits);
    });
}

/// What the reader accepts, another parser understands in the same way.
#[test]
fn s_in_16_another_parser_agrees() {
    bolero::check!().with_iterations(3000).for_each(|bytes: &[u8]| {
        const ALPHABET: [&str; 20] = [
            "<a>",
            "</a>",
            "<b/>",
            "<b c='1'/>",
            "x",
            " ",
            "&amp;",
            "&#65;",
            "<!-- c -->",
            "<![CDATA[<x]]>",
            "<p:b/>",
            "<a xmlns='urn:1'>",
            "<a xmlns:p='urn:2'>",
            "\r\n",
            "é",
            "<?pi x?>",
            "<b c='&lt;' p:d=\"'\"/>",
            "<a xmlns=''>",
            "</a >",
            "\n",
        ];
        let inner: String = bytes.iter().map(|b| ALPHABET[usize::from(*b) % ALPHABET.len()]).collect();
        let closing = inner.matches("<a").count().saturating_sub(inner.matches("</a").count());
        let text = format!("<r xmlns:p='urn:0'>{inner}{}</r>", "</a>".repeat(closing));
        let ours = read(&text);
        let theirs = roxmltree::Document::parse(&text);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{text} {ours:?} {theirs:?}");
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            let starts = |line: &&String| line.starts_with('<') && line.contains('|');
            let names: Vec<String> = theirs
                .descendants()
                .filter(roxmltree::Node::is_element)
                .map(|n| {
                    format!(
                        "<{}|{}",
                        n.tag_name().namespace().filter(|uri| !uri.is_empty()).unwrap_or("-"),
                        n.tag_name().name()
                    )
                })
                .collect();
            let ours: Vec<&str> = ours.iter().filter(starts).filter_map(|l| l.split(' ').next()).collect();
            assert_eq!(ours, names, "{text}");
        }
    });
}
