use super::{Joint, MultipartError, PartHead, Piece, Splitter, is_multipart};
use crate::wire::{mime::MimeError, mtom::RootPart};

/// The parts of a body that comes in blocks of this size.
fn split_by(block: usize, media_type: &str, body: &[u8]) -> Result<Vec<(PartHead, Vec<u8>)>, MultipartError> {
    let mut splitter = Splitter::new(media_type);
    let (mut blocks, mut parts) = (body.chunks(block), Vec::new());
    loop {
        match splitter.next()? {
            Piece::NeedMore => match blocks.next() {
                Some(octets) => splitter.push(octets),
                None => splitter.finish(),
            },
            Piece::Begin(head) => parts.push((head, Vec::new())),
            Piece::Data(octets) => parts.last_mut().expect("has begun").1.extend(octets),
            Piece::End => {}
            Piece::Done => return Ok(parts),
        }
    }
}

fn split(media_type: &str, body: &[u8]) -> Result<Vec<(PartHead, Vec<u8>)>, MultipartError> {
    let whole = split_by(body.len().max(1), media_type, body);
    for block in [1, 7] {
        assert_eq!(split_by(block, media_type, body), whole, "in blocks of {block}");
    }
    whole
}

/// A body of files: name, media type, octets.
fn joined(unique_id: &str, files: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let joint = Joint::new(unique_id, files.iter().map(|(name, _, octets)| (*name, octets.len() as u64)));
    let mut out = Vec::new();
    for (index, (name, media_type, octets)) in files.iter().enumerate() {
        let before = match index {
            0 => joint.head(name, media_type),
            index => joint.between(index, name, media_type),
        };
        out.extend(before.bytes().chain(octets.iter().copied()));
    }
    out.extend(joint.tail().bytes());
    out
}

#[test]
fn r_32_52_what_is_joined_is_taken_apart_again() {
    let files: [(&str, &str, &[u8]); 4] = [
        ("CDA.XML", "text/xml", b"<ClinicalDocument/>\r\n"),
        ("IMG/\u{c9} 1.JPG", "image/jpeg", b"\xff\xd8\r\n--knoop-\r\n\0"),
        ("EMPTY.TXT", "text/plain", b""),
        ("DOC00001.BIN", "application/octet-stream", b"\r\n"),
    ];
    let body = joined("2.999.1", &files);
    let parts = split("multipart/related", &body).expect("in order");
    let found: Vec<(Option<&str>, &str, &[u8])> =
        parts.iter().map(|(head, octets)| (head.location.as_deref(), &*head.media_type, &**octets)).collect();
    assert_eq!(found, files.map(|(name, media_type, octets)| (Some(name), media_type, octets)));
    let starts = parts.iter().map(|(head, _)| head.is_start).collect::<Vec<_>>();
    assert_eq!(starts, [RootPart::Yes, RootPart::No, RootPart::No, RootPart::No]);
    assert_eq!(joined("2.999.1", &files), body, "R-32-56: the same files make the same octets");
    assert_ne!(joined("2.999.2", &files), body);
}

#[test]
fn r_32_52_a_start_part_that_is_merely_counted_says_no_name() {
    let of = |name| joined("2.999.1", &[(name, "text/xml", b"<x/>"), ("A.JPG", "image/jpeg", b"1")]);
    assert_eq!(of("DOC00001.XML"), of("DOC00007.XML"), "its number is another one in each package");
    assert_ne!(of("DOC00001.XML"), of("CDA.XML"));
    assert_eq!(split("multipart/related", &of("DOC00001.XML")).expect("in order")[0].0.location, None);
}

#[test]
fn r_32_52_bodies_of_others_are_taken_apart_wherever_their_boundary_is_told() {
    let body = "--a b\r\nContent-Type: text/xml\r\nContent-ID: <1@x>\r\n\r\none\r\n--a b\r\nContent-ID: <2@x>\r\n\r\ntwo\r\n--a b--\r\n";
    let starts = |media_type: &str, body: &str| {
        let parts = split(media_type, body.as_bytes()).expect("in order");
        assert_eq!(parts.iter().map(|(_, octets)| &**octets).collect::<Vec<_>>(), [&b"one"[..], b"two"]);
        parts.iter().map(|(head, _)| head.is_start).collect::<Vec<_>>()
    };
    let (yes, perhaps, no) = (RootPart::Yes, RootPart::Perhaps, RootPart::No);
    assert_eq!(starts("multipart/related", body), [yes, no], "the first line");
    assert_eq!(starts("Multipart/Related; boundary=\"a b\"; start=\"<2@x>\"", body), [perhaps, yes], "the media type");
    let with_head =
        format!("Content-Type: multipart/related;\r\n\tboundary=\"a b\"; start=\"2@x\"\r\n\r\n--not it\r\n{body}");
    assert_eq!(starts("multipart/related", &with_head), [perhaps, yes], "header fields");
    assert_eq!(starts("multipart/related", &format!("A preamble.\r\n\r\n{body}")), [yes, no], "behind a preamble");
    let encoded = "--b\nContent-Transfer-Encoding: base64\n\nb25l\n--b\n\ntwo\n--b--";
    assert!(split("multipart/related", encoded.replace('\n', "\r\n").as_bytes()).is_ok());
}

#[test]
fn r_32_52_what_is_no_such_body_is_told() {
    let error = |body: &[u8]| split("multipart/related", body).expect_err("must be refused");
    assert_eq!(error(b""), MultipartError::NoBoundary);
    assert_eq!(error(b"<ClinicalDocument/>"), MultipartError::NoBoundary);
    assert_eq!(error(&[b'x'; 20_000]), MultipartError::NoBoundary);
    assert_eq!(error(b"--\r\n\r\nx"), MultipartError::NoBoundary);
    assert_eq!(error(b"--b--\r\n"), MultipartError::Mime(MimeError::Truncated), "the line is no boundary of another");
    assert_eq!(error(b"--b\r\n\r\nx"), MultipartError::Mime(MimeError::Truncated));
    let empty = split("multipart/related; boundary=b", b"--b--\r\n");
    assert_eq!(empty, Err(MultipartError::Empty));
    let nested = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\nx\r\n--b--";
    assert_eq!(error(nested), MultipartError::Mime(MimeError::Nested));
}

#[test]
fn r_32_05_which_documents_have_several_parts() {
    for (media_type, several) in
        [("multipart/related", true), ("Multipart/Related; boundary=x", true), ("multipart/mixed", false), ("", false)]
    {
        assert_eq!(is_multipart(media_type), several, "{media_type}");
    }
}

#[test]
fn r_32_53_no_octets_make_the_splitter_fail_otherwise_than_by_an_error() {
    let look = |octets: &[u8]| {
        let whole = split_by(octets.len().max(1), "multipart/related", octets);
        assert_eq!(split_by(3, "multipart/related", octets), whole, "however it comes");
        let contents: usize = whole.iter().flatten().map(|(_, octets)| octets.len()).sum();
        assert!(contents <= octets.len());
    };
    bolero::check!().with_iterations(3_000).for_each(|octets: &[u8]| look(octets));
    let seed = joined("2.999.1", &[("CDA.XML", "text/xml", b"<x/>"), ("IMG.JPG", "image/jpeg", b"\r\n--x")]);
    bolero::check!().with_iterations(3_000).with_type::<Vec<(u16, u8)>>().for_each(|changes| {
        let mut octets = seed.clone();
        for (at, value) in changes {
            let at = usize::from(*at) % octets.len();
            octets[at] = *value;
        }
        look(&octets);
    });
}
