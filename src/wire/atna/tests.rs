//! Messages, headers and frames; the rows of the tables stand in `tests/it/atna`.

use bolero::check;
use proptest::prelude::*;

use super::*;
use crate::model::{AuditAction, AuditCode, AuditEvent, AuditLocal, AuditObject, AuditOutcome, AuditParticipant};

fn event() -> AuditEvent {
    AuditEvent {
        trace_id: "urn:uuid:00000000-0000-4000-8000-000000000001".to_owned(),
        occurred_ms: 1_795_248_000_119,
        event_id: AuditCode::new("110112", "DCM", "Query"),
        event_types: vec![AuditCode::new("ITI-18", "IHE Transactions", "Registry Stored Query")],
        action: AuditAction::E,
        outcome: AuditOutcome::Success,
        reason: String::new(),
        purposes: Vec::new(),
        participants: vec![AuditParticipant { user_id: "a".to_owned(), ..AuditParticipant::default() }],
        objects: vec![query("<AdhocQueryRequest/>")],
        local: AuditLocal::default(),
    }
}

fn query(text: &str) -> AuditObject {
    AuditObject {
        id: "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d".to_owned(),
        type_code: 2,
        role: Some(24),
        life_cycle: None,
        id_type: AuditCode::new("ITI-18", "IHE Transactions", "Registry Stored Query"),
        sensitivity: String::new(),
        name: String::new(),
        query: Some(text.to_owned()),
        details: vec![("QueryEncoding".into(), "UTF-8".to_owned())],
    }
}

fn source() -> AuditSource {
    AuditSource { enterprise_site_id: "2.999.31".to_owned(), source_id: "knoop1".to_owned() }
}

fn message(event: &AuditEvent) -> String {
    String::from_utf8(audit_message(event, &source(), MessageParts::default())).expect("UTF-8")
}

fn details(message: &str) -> Vec<(String, String)> {
    use base64::Engine as _;
    let document = roxmltree::Document::parse(message).expect("well-formed");
    let details = document.descendants().filter(|node| node.has_tag_name("ParticipantObjectDetail"));
    details
        .map(|node| {
            let value = node.attribute("value").expect("a value");
            let value = base64::engine::general_purpose::STANDARD.decode(value).expect("base64");
            (node.attribute("type").expect("a type").to_owned(), String::from_utf8(value).expect("UTF-8"))
        })
        .collect()
}

#[test]
fn s_aud_18_a_title_of_a_stranger_stays_one_value_of_one_line() {
    let mut event = event();
    event.participants[0].user_name = "x\r\n<110>1 \"&'\0\u{FFFF}".to_owned();
    event.reason = "knoop:X a\nb".to_owned();
    let message = message(&event);
    assert!(!message.contains(['\r', '\n', '\0']), "{message}");
    let document = roxmltree::Document::parse(&message).expect("well-formed");
    let participant = document.descendants().find(|node| node.has_tag_name("ActiveParticipant")).unwrap();
    assert_eq!(participant.attribute("UserName"), Some("x  <110>1 \"&'\u{FFFD}\u{FFFD}"));
    let reason = document.descendants().find(|node| node.has_tag_name("EventOutcomeDescription")).unwrap();
    assert_eq!(reason.text(), Some("knoop:X a b"));
}

#[test]
fn s_aud_17_a_long_query_is_cut_and_says_so() {
    let mut event = event();
    event.objects = vec![query(&"é".repeat(QUERY_BYTES))];
    let message = message(&event);
    let expected = [("QueryEncoding", "UTF-8".to_owned()), ("knoop:truncated", (2 * QUERY_BYTES).to_string())];
    assert_eq!(details(&message), expected.map(|(kind, value)| (kind.to_owned(), value)));
    let document = roxmltree::Document::parse(&message).expect("well-formed");
    let query = document.descendants().find(|node| node.has_tag_name("ParticipantObjectQuery")).unwrap();
    assert_eq!(query.text().unwrap().len(), QUERY_BYTES.div_ceil(3) * 4);
}

#[test]
fn s_aud_17_a_query_of_the_limit_is_whole() {
    let mut event = event();
    event.objects = vec![query(&"q".repeat(QUERY_BYTES))];
    assert_eq!(details(&message(&event)), [("QueryEncoding".to_owned(), "UTF-8".to_owned())]);
}

#[test]
fn s_aud_18_no_attribute_has_more_than_1024_characters() {
    let mut event = event();
    event.participants[0].user_id = "é".repeat(5000);
    event.objects[0].details = vec![("Alert Description".into(), "a".repeat(5000))];
    let message = message(&event);
    let document = roxmltree::Document::parse(&message).expect("well-formed");
    let longest = document.descendants().flat_map(|node| node.attributes()).map(|a| a.value().chars().count()).max();
    assert_eq!(longest, Some(1024));
}

#[test]
fn what_is_kept_locally_is_not_written() {
    let mut event = event();
    event.local.withheld = vec!["2.999.77.1".to_owned()];
    event.local.policy = "geheim".to_owned();
    let message = message(&event);
    assert!(!message.contains("2.999.77.1") && !message.contains("geheim") && !message.contains("urn:uuid:00000000"));
}

#[test]
fn s_aud_33_the_trace_is_an_object_of_type_4() {
    let mut event = event();
    event.objects = vec![trace_object(&event.trace_id, "17")];
    let message = message(&event);
    assert!(message.contains("ParticipantObjectTypeCode=\"4\"") && message.contains("codeSystemName=\"w3c\""));
    assert_eq!(details(&message), [("knoop:entry".to_owned(), "17".to_owned())]);
}

#[test]
fn s_aud_40_to_42_the_header_is_that_of_the_example() {
    let sender = SyslogSender::new("knoop1.regio-a.example", "knoop", "4711");
    let message = sender.message(severity(&event()), 1_795_248_000_123, b"<AuditMessage>");
    let expected = "<85>1 2026-11-21T08:00:00.123Z knoop1.regio-a.example knoop 4711 IHE+RFC-3881 - <AuditMessage>";
    assert_eq!(String::from_utf8(message).unwrap(), expected);
}

#[test]
fn s_aud_40_serious_outcomes_and_alerts_are_warnings() {
    let with = |outcome, id: &'static str| AuditEvent { outcome, event_id: AuditCode::new(id, "DCM", "x"), ..event() };
    assert_eq!(severity(&with(AuditOutcome::Success, "110112")), 5);
    assert_eq!(severity(&with(AuditOutcome::Minor, "110112")), 5);
    assert_eq!(severity(&with(AuditOutcome::Serious, "110112")), 4);
    assert_eq!(severity(&with(AuditOutcome::Major, "110112")), 4);
    assert_eq!(severity(&with(AuditOutcome::Success, "110113")), 4);
}

#[test]
fn s_aud_41_header_fields_hold_printable_ascii_of_bounded_length() {
    let sender = SyslogSender::new(&format!("host naam\n{}", "x".repeat(300)), "", &"9".repeat(200));
    let message = String::from_utf8(sender.message(5, 0, b"")).unwrap();
    let fields: Vec<&str> = message.split(' ').collect();
    assert_eq!(fields.len(), 8);
    assert!(fields[2].starts_with("host_naam_xxx") && fields[2].len() == 255, "{message}");
    assert_eq!((fields[3], fields[4].len(), fields[5]), ("-", 128, MSGID));
}

#[test]
fn s_aud_43_a_frame_begins_with_its_length_in_octets() {
    assert_eq!(frame("é1".as_bytes()), "3 é1".as_bytes());
}

#[test]
fn s_aud_45_a_long_datagram_goes_without_its_query_and_says_so() {
    let sender = SyslogSender::new("h", "knoop", "1");
    let mut event = event();
    event.objects = vec![query(&"q".repeat(4000))];
    let short = String::from_utf8(datagram(&sender, &event, &source(), 1024)).unwrap();
    assert!(!short.contains("ParticipantObjectQuery"), "{short}");
    let xml = &short[short.find("<AuditMessage").unwrap()..];
    assert!(details(xml).contains(&("knoop:truncated".to_owned(), "4000".to_owned())));
    let whole = datagram(&sender, &event, &source(), 65_507);
    assert!(String::from_utf8(whole).unwrap().contains("ParticipantObjectQuery"));
}

#[test]
fn s_aud_45_no_message_is_larger_than_a_datagram() {
    let sender = SyslogSender::new("h", "knoop", "1");
    let mut event = event();
    event.objects = (0..1000).map(|_| query("q")).collect();
    let message = datagram(&sender, &event, &source(), 1024);
    assert!(message.len() <= 65_507, "{}", message.len());
    let text = String::from_utf8(message).unwrap();
    let details = details(&text[text.find("<AuditMessage").unwrap()..]);
    assert_eq!(details.last().unwrap(), &("knoop:truncated".to_owned(), "1000".to_owned()));
}

fn read_all(stream: &[u8], step: usize) -> Result<Vec<Vec<u8>>, FrameError> {
    let (mut reader, mut messages) = (FrameReader::default(), Vec::new());
    for octets in stream.chunks(step.max(1)) {
        reader.push(octets);
        while let Some(message) = reader.next_message()? {
            messages.push(message.to_vec());
        }
    }
    Ok(messages)
}

#[test]
fn s_aud_44_lengths_that_are_none_are_refused() {
    for (stream, error) in [
        (&b"012 x"[..], FrameError::NoLength),
        (b"0 ", FrameError::NoLength),
        (b" x", FrameError::NoLength),
        (b"<85>1", FrameError::NoLength),
        (b"3xabc", FrameError::NoLength),
        (b"-3 abc", FrameError::NoLength),
        (b"12345678 ", FrameError::TooLong),
    ] {
        assert_eq!(read_all(stream, 1), Err(error), "{}", stream.escape_ascii());
        assert_eq!(read_all(stream, 100), Err(error), "{}", stream.escape_ascii());
    }
    assert_eq!(read_all(b"9999999 x", 1), Ok(Vec::new()), "seven digits are a length");
}

#[test]
fn s_aud_42_a_byte_order_mark_is_tolerated() {
    assert_eq!(read_all(b"4 \xEF\xBB\xBFx", 100), Ok(vec![b"x".to_vec()]));
}

proptest! {
    #[test]
    fn s_aud_44_frames_come_out_as_they_went_in_however_they_are_cut(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
        step in 1_usize..700,
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        let expected: Vec<Vec<u8>> = messages
            .into_iter()
            .map(|message| message.strip_prefix(b"\xEF\xBB\xBF").map_or(message.clone(), <[u8]>::to_vec))
            .collect();
        prop_assert_eq!(read_all(&stream, step), Ok(expected));
    }

    #[test]
    fn s_aud_18_any_text_makes_one_well_formed_line(name in any::<String>(), reason in any::<String>()) {
        let mut event = event();
        event.participants[0].user_name = name;
        event.reason = reason;
        let message = message(&event);
        prop_assert!(!message.contains(['\r', '\n']));
        prop_assert!(roxmltree::Document::parse(&message).is_ok());
    }
}

#[test]
fn s_aud_44_a_frame_of_a_mebibyte_passes() {
    let message = vec![b'x'; 1 << 20];
    assert_eq!(read_all(&frame(&message), 1447), Ok(vec![message]));
}

#[test]
fn any_octets_end_in_messages_or_an_error() {
    check!().with_iterations(20_000).with_type::<(Vec<u8>, u8)>().for_each(|(stream, step)| {
        let at_once = read_all(stream, stream.len());
        let in_pieces = read_all(stream, usize::from(*step));
        assert_eq!(at_once.is_ok(), in_pieces.is_ok());
        if let (Ok(at_once), Ok(in_pieces)) = (at_once, in_pieces) {
            assert_eq!(at_once, in_pieces);
        }
    });
}
