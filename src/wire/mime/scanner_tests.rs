use bytes::Bytes;

use super::{MimeError, MimeLimits, Part, Scanner};

/// Content-ID and octets of each part.
type Parts = Vec<(Option<String>, Vec<u8>)>;

fn split_with(boundary: &str, body: &[u8], step: usize, limits: MimeLimits) -> Result<Parts, MimeError> {
    let mut scanner = Scanner::new(boundary, limits)?;
    let mut parts: Parts = Vec::new();
    let mut open = false;
    let mut chunks = body.chunks(step.max(1));
    loop {
        match scanner.next()? {
            Part::NeedMore => match chunks.next() {
                Some(chunk) => scanner.push(chunk),
                None => scanner.finish(),
            },
            Part::Headers(h) => {
                assert!(!open, "a part begins inside another");
                open = true;
                parts.push((h.content_id.map(String::from), Vec::new()));
            }
            Part::Data(data) => {
                assert!(open && !data.is_empty());
                parts.last_mut().expect("open").1.extend_from_slice(&data);
            }
            Part::EndOfPart => {
                assert!(open);
                open = false;
            }
            Part::Done => {
                assert!(!open);
                assert_eq!(scanner.next(), Ok(Part::Done));
                return Ok(parts);
            }
        }
    }
}

fn split(boundary: &str, body: &str) -> Result<Parts, MimeError> {
    split_with(boundary, body.as_bytes(), body.len(), MimeLimits::default())
}

fn part(id: &str, octets: &str) -> (Option<String>, Vec<u8>) {
    ((!id.is_empty()).then(|| id.to_owned()), octets.as_bytes().to_vec())
}

fn bodies() -> Vec<(&'static str, &'static str, Parts)> {
    vec![
        (
            "b",
            "--b\r\nContent-ID: <a>\r\n\r\none\r\n--b\r\nContent-ID: <c>\r\n\r\n\r\ntwo\r\n\r\n--b--\r\n",
            vec![part("a", "one"), part("c", "\r\ntwo\r\n")],
        ),
        // empty parts, with and without headers, and the shared line end of headers and delimiter
        (
            "b",
            "--b\r\n\r\n\r\n--b\r\n\r\n--b\r\nContent-ID: x\r\n\r\n--b\r\nContent-ID: y\r\n\r\n\r\n--b--",
            vec![part("", ""), part("", ""), part("x", ""), part("y", "")],
        ),
        // preamble, blanks after boundaries, epilogue
        ("q q", "look: --q q\r\n--q q \t\r\n\r\nA\r\n--q q--  \r\nepilogue\r\n--q q\r\n", vec![part("", "A")]),
        // look-alikes are data
        (
            "bb",
            "--bb\r\n\r\n\r\n--bbb\r\n--b\r\n--bb-\r\n--bb--x\r\n --bb\r\n\n--bb\r\r\n--bb--",
            vec![part("", "\r\n--bbb\r\n--b\r\n--bb-\r\n--bb--x\r\n --bb\r\n\n--bb\r")],
        ),
        // bare line feeds in headers, look-alike at the very start of a body
        ("b", "--b\nContent-ID: <a>\nX: y\n\n--bx\r\n--b--\n", vec![part("a", "--bx")]),
        // transfer encodings
        (
            "b",
            "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nT25l\r\nIHR3bw==\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\n--b--",
            vec![part("", "One two"), part("", "a=b")],
        ),
        ("b", "--b--", vec![]),
    ]
}

#[test]
fn every_chunk_size_gives_the_same_parts() {
    for (boundary, body, expected) in bodies() {
        for step in 1..=body.len() {
            let got = split_with(boundary, body.as_bytes(), step, MimeLimits::default());
            assert_eq!(got.as_ref(), Ok(&expected), "{body:?} by {step}");
        }
    }
}

#[test]
fn s_in_18_a_body_cut_anywhere_is_refused() {
    for (boundary, body, _) in bodies() {
        let closing = format!("--{boundary}--");
        let end = if body.contains("look") || boundary == "bb" {
            body.rfind("\r\n--q q--").or_else(|| body.rfind("\r\n--bb--")).expect("closing delimiter") + 2
        } else {
            body.rfind(&closing).expect("closing delimiter")
        } + closing.len();
        for cut in 0..end {
            for step in [1, 7, body.len()] {
                let got = split_with(boundary, &body.as_bytes()[..cut], step, MimeLimits::default());
                // Cut right after `--bb--` of the look-alike the line is a closing delimiter without its line end.
                let lookalike = boundary == "bb" && body[..cut].ends_with("\r\n--bb--");
                assert!(lookalike || got.is_err(), "{body:?} cut at {cut}");
            }
        }
        assert!(split_with(boundary, &body.as_bytes()[..end], 3, MimeLimits::default()).is_ok(), "{body:?}");
    }
}

#[test]
fn pitfall_42_leading_line_ends_and_byte_order_marks_are_content() {
    let got = split("b", "--b\r\n\r\n\u{feff}\r\nx\r\n\r\n--b--\r\n").expect("legal");
    assert_eq!(got, vec![part("", "\u{feff}\r\nx\r\n")]);
}

#[test]
fn s_in_17_parts_and_headers_are_counted() {
    let limits = MimeLimits { parts: 3, header_bytes: 40, ..MimeLimits::default() };
    let body = "--b\r\n\r\nx\r\n".repeat(3) + "--b--";
    assert_eq!(split_with("b", body.as_bytes(), 5, limits.clone()).map(|p| p.len()), Ok(3));
    let body = "--b\r\n\r\nx\r\n".repeat(4) + "--b--";
    assert_eq!(split_with("b", body.as_bytes(), 5, limits.clone()), Err(MimeError::TooManyParts));
    let body = format!("--b\r\nX-Long: {}\r\n\r\n\r\n--b--", "x".repeat(40));
    for step in [1, 1000] {
        assert_eq!(split_with("b", body.as_bytes(), step, limits.clone()), Err(MimeError::HeadersTooLong));
    }
    let endless = format!("--b\r\nX-Long: {}", "x".repeat(9000));
    assert_eq!(split("b", &endless), Err(MimeError::HeadersTooLong));
    let many = format!("--b\r\n{}\r\n\r\n--b--", "X: y\r\n".repeat(33));
    assert_eq!(split("b", &many), Err(MimeError::TooManyHeaders));
}

#[test]
fn s_in_18_boundaries_preamble_epilogue_and_nesting() {
    for bad in ["", " ", "a\r\nb", "a\0", &"x".repeat(201)] {
        assert_eq!(split(bad, "").err(), Some(MimeError::Boundary), "{bad:?}");
    }
    let long = "x".repeat(200);
    assert!(split(&long, &format!("--{long}\r\n\r\n\r\n--{long}--")).is_ok());
    assert_eq!(split("b", &format!("--b\r\n\r\n\r\n--b--\r\n{}", "e".repeat(1024))).map(|p| p.len()), Ok(1));
    assert_eq!(split("b", &format!("--b\r\n\r\n\r\n--b--\r\n{}", "e".repeat(1025))), Err(MimeError::Epilogue));
    assert_eq!(split("b", &"p".repeat(10_000)), Err(MimeError::Preamble));
    assert_eq!(split("b", "--b\r\nContent-Type: multipart/mixed\r\n\r\n--b--"), Err(MimeError::Nested));
    assert_eq!(split("b", ""), Err(MimeError::Truncated));
    assert_eq!(split("b", "no delimiter at all"), Err(MimeError::Truncated));
}

#[test]
fn s_in_19_content_ids_are_unique() {
    let twice = "--b\r\nContent-ID: <a>\r\n\r\n\r\n--b\r\nContent-ID: a\r\n\r\n\r\n--b--";
    assert_eq!(split("b", twice), Err(MimeError::DuplicateContentId));
    let other_case = "--b\r\nContent-ID: <a>\r\n\r\n\r\n--b\r\nContent-ID: A\r\n\r\n\r\n--b--";
    assert_eq!(split("b", other_case).map(|p| p.len()), Ok(2), "Content-IDs are compared with regard to case");
}

#[test]
fn large_data_comes_out_as_it_comes_in() {
    let mut scanner = Scanner::new("b", MimeLimits::default()).expect("legal");
    scanner.push(b"--b\r\n\r\n");
    assert!(matches!(scanner.next(), Ok(Part::Headers(_))));
    let block = Bytes::from(vec![7_u8; 1 << 16]);
    let mut total = 0;
    for _ in 0..64 {
        scanner.push(&block);
        while let Ok(Part::Data(data)) = scanner.next() {
            total += data.len();
        }
        assert!(scanner.buffer.len() < 16, "at most one boundary is held back");
    }
    assert!(total >= 63 << 16);
}

/// A reader of whole bodies, as simple as can be, for comparison.
fn reference(boundary: &str, body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut text = b"\r\n".to_vec();
    text.extend_from_slice(body);
    let (mut parts, mut start, mut at) = (Vec::new(), None::<usize>, 0);
    loop {
        let hit = at + memchr::memmem::find(&text[at..], delimiter.as_bytes())?;
        let rest = &text[hit + delimiter.len()..];
        let (closing, rest) = rest.strip_prefix(b"--").map_or((false, rest), |rest| (true, rest));
        let end = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let ends = rest[end..].starts_with(b"\r\n")
            || rest[end..].starts_with(b"\n")
            || closing && matches!(&rest[end..], b"" | b"\r");
        if end > super::PADDING_MAX || !ends {
            at = hit + 2;
            continue;
        }
        if let Some(start) = start {
            parts.push(text.get(start..hit).unwrap_or_default().to_vec());
        }
        if closing {
            return Some(parts);
        }
        let skip = end + if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        let from = text.len() - rest.len() + skip;
        // Only header blocks that are empty are understood here.
        let blank = if text[from..].starts_with(b"\r\n") { 2 } else { return None };
        start = Some(from + blank);
        at = from;
    }
}

#[test]
fn fuzz_the_splitter_never_panics_and_agrees_with_a_simple_one() {
    bolero::check!().with_iterations(30_000).with_type::<(Vec<u8>, u8)>().for_each(|(seed, step)| {
        // Few symbols, so that delimiters happen.
        let symbols: [&[u8]; 12] = [
            b"\r\n",
            b"--b",
            b"--",
            b"b",
            b"\r",
            b"\n",
            b" ",
            b"\r\n--b",
            b"\r\n--b\r\n\r\n",
            b"x",
            b"--b\r\n\r\n",
            b"\r\n--b--",
        ];
        let mut body = b"--b\r\n\r\n".to_vec();
        seed.iter().take(60).for_each(|s| body.extend_from_slice(symbols[usize::from(*s) % symbols.len()]));
        let whole = split_with("b", &body, body.len(), MimeLimits::default());
        let stepped = split_with("b", &body, usize::from(*step) % 9 + 1, MimeLimits::default());
        assert_eq!(whole, stepped);
        if let (Ok(parts), Some(expected)) = (&whole, reference("b", &body)) {
            let octets: Vec<Vec<u8>> = parts.iter().map(|(_, octets)| octets.clone()).collect();
            assert_eq!(octets, expected);
        }
    });
}

#[test]
fn fuzz_arbitrary_octets_never_panic() {
    bolero::check!().with_iterations(30_000).with_type::<(Vec<u8>, u8)>().for_each(|(body, step)| {
        let whole = split_with("b", body, body.len(), MimeLimits::default());
        assert_eq!(whole, split_with("b", body, usize::from(*step) + 1, MimeLimits::default()));
    });
}
