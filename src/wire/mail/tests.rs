use lettre::Address;

use super::{
    Content, Disposition, Entity, Envelope, Incoming, Link, MailError, MailLimits, Notice, NoticePriority, Outcome,
    Party, canonical, encrypted, link_entity, package_entity, plain, receipt, reference, signed,
};
use crate::wire::xdm::index_page::Language;

const LIMITS: MailLimits = MailLimits { header_bytes: 64 << 10, parts: 50, depth: 5 };

fn envelope() -> Envelope {
    let address = |text: &str| text.parse::<Address>().unwrap();
    Envelope {
        from: address("knoop@ziekenhuis.example"),
        to: address("kliniek@kliniek.example"),
        message_id: "<1-2@ziekenhuis.example>".to_owned(),
        date_s: 1_780_000_000,
        notify: true,
    }
}

fn notice() -> Notice {
    Notice {
        sender: Party {
            institution: "Ziekenhuis Voorbeeld".into(),
            department: None,
            person: Some("dr. Afzender".into()),
        },
        recipient: Party {
            institution: "Kliniek".into(),
            department: Some("Polikliniek".into()),
            person: Some("dr. Ontvanger".into()),
        },
        ground: Some("Verwijzing".into()),
        comment: Some("Betreft mevrouw Proefpersoon\r\nBcc: x@y".into()),
        priority: Some(NoticePriority::High),
        urgency: Some("2".into()),
        ..Notice::default()
    }
}

fn package() -> Vec<u8> {
    let mut package = b"PK\x03\x04".to_vec();
    package.extend((0..5_000_u32).map(|n| (n * 7 % 251) as u8));
    package
}

fn open<'a>(content: &'a Content<'_>) -> Vec<&'a [u8]> {
    match content {
        Content::Open(found) => found.iter().map(|found| &*found.octets).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn r_32_24_and_r_32_25_the_package_is_found_in_what_was_written() {
    let mail = plain(&envelope(), &notice(), package()).unwrap();
    let text = String::from_utf8(mail.clone()).expect("seven bits");
    assert!(text.contains("Subject: XDM/1.0/DDM\r\n"), "{text}");
    assert!(text.contains("Content-Type: application/zip; name=\"XDM.ZIP\"\r\n"), "{text}");
    assert!(text.contains("Content-Disposition: attachment; filename=\"XDM.ZIP\"\r\n"), "{text}");
    assert!(text.contains("Disposition-Notification-To: knoop@ziekenhuis.example\r\n"), "{text}");
    let incoming = Incoming::read(&mail, &LIMITS).unwrap();
    assert_eq!(incoming.from, "knoop@ziekenhuis.example");
    assert_eq!(incoming.message_id.as_deref(), Some("<1-2@ziekenhuis.example>"));
    assert_eq!(incoming.notify.as_deref(), Some("knoop@ziekenhuis.example"));
    assert!(incoming.says_package);
    assert_eq!(open(&incoming.entity.content(&LIMITS).unwrap()), [package()]);
}

#[test]
fn r_32_24_outside_the_encryption_nothing_names_a_patient() {
    let mail = encrypted(&envelope(), b"not really".to_vec(), true).unwrap();
    let link = Link { url: "https://pickup.example/p/0123".into(), until: "2026-06-15 12:00".into() };
    let open = reference(&envelope(), &notice(), &link).unwrap();
    let unsealed = plain(&envelope(), &notice(), package()).unwrap();
    for mail in [mail, open, unsealed] {
        let text = String::from_utf8(mail).expect("seven bits");
        for hidden in ["Proefpersoon", "Verwijzing", "Afzender", "Ontvanger", "Polikliniek"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
    let sealed = String::from_utf8(link_entity(&notice(), &link)).expect("seven bits");
    assert!(sealed.contains("Betreft mevrouw Proefpersoon") && sealed.contains("dr. Ontvanger"), "{sealed}");
    assert!(sealed.contains("Prioriteit: hoog") && sealed.contains(&link.url), "{sealed}");
}

#[test]
fn one_line_of_free_text_stays_one_line() {
    let text = notice().with_package(false);
    assert!(text.contains("Toelichting: Betreft mevrouw Proefpersoon Bcc: x@y\r\n"), "{text}");
    assert!(text.contains("Voor: Kliniek, Polikliniek, dr. Ontvanger\r\n"), "{text}");
    let english = Notice { language: Language::English, ..notice() };
    assert!(english.with_package(false).contains("Priority: high\r\n"));
}

#[test]
fn r_32_26_the_signed_octets_are_exactly_those_that_were_written() {
    let entity = package_entity(&notice(), package());
    assert!(matches!(canonical(&entity), std::borrow::Cow::Borrowed(_)), "every line ends in CR LF");
    let whole = signed(&entity, b"\x30\x03sig", "b-1");
    let read = Entity::read(&whole, &LIMITS).unwrap();
    match read.content(&LIMITS).unwrap() {
        Content::Signed { entity: found, signature } => {
            assert_eq!((found, signature.as_slice()), (entity.as_slice(), b"\x30\x03sig".as_slice()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(open(&Entity::read(&entity, &LIMITS).unwrap().content(&LIMITS).unwrap()), [package()]);
}

#[test]
fn r_32_28_and_r_32_30_a_receipt_is_read_as_it_was_meant() {
    for outcome in [Outcome::Success, Outcome::Failure("XdmHashMismatch, set 2 of 3".into())] {
        let mail = receipt(&envelope(), "<9@x.example>", &outcome).unwrap();
        let incoming = Incoming::read(&mail, &LIMITS).unwrap();
        assert_eq!(incoming.entity.essence(), "multipart/report", "{}", String::from_utf8_lossy(&mail));
        let expected = Disposition { original_message_id: Some("<9@x.example>".into()), outcome };
        match incoming.entity.content(&LIMITS).unwrap() {
            Content::Receipt(found) => assert_eq!(found, expected),
            other => panic!("{other:?} {}", String::from_utf8_lossy(&mail)),
        }
    }
}

fn report(disposition: &str) -> Content<'static> {
    let text = format!(
        "From: a@b.example\r\nContent-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x\r\n\
         Content-Type: message/disposition-notification\r\n\r\nOriginal-Message-ID: <1@x>\r\n\
         Disposition: {disposition}\r\nError: it broke\r\n--x--\r\n"
    );
    Incoming::read(text.leak().as_bytes(), &LIMITS).unwrap().entity.content(&LIMITS).unwrap()
}

#[test]
fn r_32_29_success_is_read_unless_the_modifier_says_error_or_failure() {
    for (disposition, success) in [
        ("automatic-action/MDN-sent-automatically; displayed", true),
        ("automatic-action/MDN-sent-automatically; processed", true),
        ("automatic-action/MDN-sent-automatically;dispatched", true),
        ("automatic-action/MDN-sent-automatically; deleted/error", false),
        ("automatic-action/MDN-sent-automatically; processed/Error", false),
        ("automatic-action/MDN-sent-automatically; processed/error: authentication-FAILURE", false),
        ("manual-action/MDN-sent-manually; deleted", false),
    ] {
        match report(disposition) {
            Content::Receipt(found) => {
                assert_eq!(found.outcome == Outcome::Success, success, "{disposition}");
                assert_eq!(found.original_message_id.as_deref(), Some("<1@x>"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn r_32_24_and_r_32_27_habits_on_the_way_are_borne() {
    let mail = plain(&envelope(), &notice(), package()).unwrap();
    let text = String::from_utf8(mail).unwrap();
    let renamed = text
        .replace("Subject: XDM/1.0/DDM", "Subject: [EXT] Fwd: xdm/1.0/ddm routing")
        .replace("application/zip; name=\"XDM.ZIP\"", "application/octet-stream")
        .replace("filename=\"XDM.ZIP\"", "filename=\"a.dat\"");
    let incoming = Incoming::read(renamed.as_bytes(), &LIMITS).unwrap();
    assert!(incoming.says_package);
    assert_eq!(open(&incoming.entity.content(&LIMITS).unwrap()), [package()]);
    // A file with bare line feeds, as of a maildir.
    let unix = renamed.replace("\r\n", "\n");
    let lines = canonical(unix.as_bytes());
    assert_eq!(&*lines, renamed.as_bytes());
    // Forwarded as an attachment.
    let forwarded = format!("From: c@d.example\r\nContent-Type: message/rfc822\r\n\r\n{renamed}");
    let incoming = Incoming::read(forwarded.as_bytes(), &LIMITS).unwrap();
    assert_eq!((incoming.from.as_str(), incoming.says_package), ("c@d.example", false));
    assert_eq!(open(&incoming.entity.content(&LIMITS).unwrap()), [package()]);
}

#[test]
fn what_cannot_be_read_in_one_way_is_refused() {
    let read = |text: &str| Incoming::read(text.as_bytes(), &LIMITS).map(|_| ());
    assert_eq!(read("no headers"), Err(MailError::Headers));
    assert_eq!(read("Subject: x\r\n\r\n"), Err(MailError::From));
    assert_eq!(read("From: a@b, c@d\r\n\r\n"), Err(MailError::From));
    assert_eq!(read("From: a@b\r\nFrom: c@d\r\n\r\n"), Err(MailError::From));
    let twice = "From: a@b\r\nContent-Type: text/plain\r\nContent-Type: application/zip\r\n\r\n";
    assert_eq!(read(twice), Err(MailError::ContentType));
    let long = format!("From: a@b\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    assert_eq!(read(&long), Err(MailError::Headers));
}

/// A mail of these parts, and what is found in it.
fn parts(parts: &[&str]) -> Result<usize, MailError> {
    let parts: String = parts.iter().map(|part| format!("--x\r\n{part}\r\n")).collect();
    let mail = format!("From: a@b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{parts}--x--\r\n");
    let content = Incoming::read(mail.as_bytes(), &LIMITS).unwrap().entity.content(&LIMITS)?;
    Ok(open(&content).len())
}

#[test]
fn r_32_27_an_attachment_that_cannot_be_read_stands_in_no_ones_way() {
    let package = "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==";
    for (other, wrong) in [
        ("Content-Transfer-Encoding: quoted-printable\r\n\r\n100 %=ZZ", MailError::Encoding),
        ("Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a", MailError::Encoding),
        ("Content-Transfer-Encoding: base64\r\n\r\n!!!!", MailError::Encoding),
        ("Content-Type: text\r\n\r\nhello", MailError::ContentType),
        ("Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nhello", MailError::ContentType),
        ("Content-Type: message/rfc822\r\n\r\nnothing", MailError::Headers),
    ] {
        assert_eq!(parts(&[other, package]), Ok(1), "{other}");
        assert_eq!(parts(&[package, other]), Ok(1), "{other}");
        assert_eq!(parts(&[other, "\r\nhello"]), Err(wrong), "it may have been the package: {other}");
        assert_eq!(parts(&vec![other; 51]), Err(MailError::TooManyParts), "{other}");
    }
    // What begins as a package, and cannot be read to its end.
    let broken = package.replace("==", "=!");
    let quoted = "Content-Transfer-Encoding: quoted-printable\r\n\r\n=50K=03=04=ZZ";
    for broken in [&*broken, quoted] {
        assert_eq!(parts(&[broken, package]), Err(MailError::Encoding), "{broken}");
    }
    // What holds parts is taken apart, or the mail is not.
    for within in [
        "Content-Transfer-Encoding: x-uuencode\r\nContent-Type: multipart/mixed; boundary=y",
        "Content-Type: multipart/mixed",
    ] {
        assert!(parts(&[&format!("{within}\r\n\r\n--y\r\n\r\nPK\r\n--y--"), package]).is_err(), "{within}");
    }
}

#[test]
fn depth_and_number_of_parts_are_bounded() {
    let deep = (0..100_000).fold(String::from("From: a@b\r\n"), |mut text, _| {
        text.push_str("Content-Type: message/rfc822\r\n\r\n");
        text
    });
    let content = |text: &str| Incoming::read(text.as_bytes(), &LIMITS).unwrap().entity.content(&LIMITS).map(|_| ());
    assert_eq!(content(&deep), Err(MailError::TooDeep));
    let wide =
        format!("From: a@b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{}", "--x\r\n\r\n\r\n".repeat(99));
    assert_eq!(content(&wide), Err(MailError::TooManyParts));
}

#[test]
fn a_boundary_counts_at_the_beginning_of_a_line_and_nowhere_else() {
    let text = "From: a@b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble --x\r\n--x \r\n\r\nPK1 --x\r\n\
                --xy\r\n--x\r\n\r\nPK2\r\n--x--\r\nepilogue\r\n--x\r\n\r\nPK3\r\n";
    let incoming = Incoming::read(text.as_bytes(), &LIMITS).unwrap();
    let expected: [&[u8]; 2] = [b"PK1 --x\r\n--xy", b"PK2"];
    assert_eq!(open(&incoming.entity.content(&LIMITS).unwrap()), expected);
}

proptest::proptest! {
    #[test]
    fn any_package_comes_out_as_it_went_in(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..4_000)) {
        let mut package = b"PK".to_vec();
        package.extend(octets);
        let mail = plain(&envelope(), &notice(), package.clone()).unwrap();
        let incoming = Incoming::read(&mail, &LIMITS).unwrap();
        let content = incoming.entity.content(&LIMITS).unwrap();
        proptest::prop_assert_eq!(open(&content), [package]);
    }
}

/// Pieces of mails, so that the fuzzer comes further than to the first header.
const PIECES: [&str; 16] = [
    "From: a@b.example\r\n",
    "Subject: XDM/1.0/DDM\r\n",
    "Content-Type: multipart/mixed; boundary=x\r\n",
    "Content-Type: multipart/signed; boundary=\"x\"\r\n",
    "Content-Type: multipart/report; boundary=x\r\n",
    "Content-Type: message/rfc822\r\n",
    "Content-Type: message/disposition-notification\r\n",
    "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n",
    "Content-Type: application/pkcs7-signature\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "Disposition: a; displayed/error\r\n",
    "\r\n",
    "--x\r\n",
    "--x--\r\n",
    "UEsDBA==\r\n",
    "--x",
];

#[test]
fn nothing_in_a_mail_makes_the_reader_panic() {
    bolero::check!().with_iterations(30_000).with_type::<Vec<(u8, Vec<u8>)>>().for_each(|pieces| {
        let mut mail = b"From: a@b.example\r\n".to_vec();
        for (piece, raw) in pieces.iter().take(64) {
            match PIECES.get(usize::from(*piece % 20)) {
                Some(piece) => mail.extend_from_slice(piece.as_bytes()),
                None => mail.extend_from_slice(raw),
            }
        }
        let mail = canonical(&mail);
        if let Ok(incoming) = Incoming::read(&mail, &LIMITS) {
            let _ = incoming.entity.content(&LIMITS);
        }
    });
}
