use super::*;

/// A DICOM file: meta, and these explicit little endian elements.
pub(in crate::wire::xdm) fn file(sop_class: &str, elements: &[(Tag, &[u8; 2], &[u8])]) -> Vec<u8> {
    let mut out = vec![0; PREAMBLE];
    out.extend_from_slice(b"DICM");
    push(&mut out, 0x0002_0002, b"UI", sop_class.as_bytes());
    push(&mut out, 0x0002_0010, b"UI", b"1.2.840.10008.1.2.1");
    for (tag, vr, value) in elements {
        push(&mut out, *tag, vr, value);
    }
    out
}

fn push(out: &mut Vec<u8>, tag: Tag, vr: &[u8; 2], value: &[u8]) {
    out.extend_from_slice(&((tag >> 16) as u16).to_le_bytes());
    out.extend_from_slice(&(tag as u16).to_le_bytes());
    out.extend_from_slice(vr);
    let length = value.len() + value.len() % 2;
    if LONG.contains(&vr) {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(length as u32).to_le_bytes());
    } else {
        out.extend_from_slice(&(length as u16).to_le_bytes());
    }
    out.extend_from_slice(value);
    out.extend(std::iter::repeat_n(b' ', length - value.len()));
}

/// Sequences within sequences, all of undefined length.
fn nested(depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..depth {
        out.extend_from_slice(b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff");
    }
    for _ in 0..depth {
        out.extend_from_slice(b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0");
    }
    out
}

fn found(file: &[u8]) -> Vec<(Tag, String)> {
    let header = Header::read(file).unwrap();
    header.elements().map(|it| it.map(|it| (it.tag, text(it.value).to_owned())).unwrap()).collect()
}

#[test]
fn a_deep_nest_costs_no_stack() {
    let mut bytes = file("1.2", &[(0x0008_0018, b"UI", b"1.2.3")]);
    bytes.extend(nested(40_000));
    push(&mut bytes, 0x0010_0020, b"LO", b"P1");
    let found = found(&bytes);
    assert_eq!(found.first(), Some(&(0x0008_0018, "1.2.3".to_owned())));
    assert_eq!(found.last(), Some(&(0x0010_0020, "P1".to_owned())));
}

#[test]
fn the_walk_ends_before_the_pixels() {
    let pixels: &[u8] = &[7; 100];
    let bytes = file("1.2", &[(0x0010_0020, b"LO", b"P1"), (0x7FE0_0010, b"OW", pixels)]);
    assert_eq!(found(&bytes), [(0x0010_0020, "P1".to_owned())]);
    assert_eq!(found(&bytes[..bytes.len() - 90]), [(0x0010_0020, "P1".to_owned())], "a part of the pixels is enough");
}

#[test]
fn what_is_cut_off_is_told_wherever_it_is_cut() {
    let bytes = file("1.2", &[(0x0008_1115, b"SQ", &nested(3)), (0x0010_0020, b"LO", b"P1")]);
    let start = bytes.len() - 10 - 12 - nested(3).len();
    for end in 0..bytes.len() {
        let cut = bytes.get(..end).unwrap();
        let Ok(header) = Header::read(cut) else { continue };
        let read: Result<Vec<_>, _> = header.elements().collect();
        let whole = [start, bytes.len() - 10].contains(&end);
        assert_eq!(read.is_ok(), whole, "{end} of {}", bytes.len());
    }
    assert_eq!(Header::read(b"no").unwrap_err(), HeaderError::NotDicom);
}

#[test]
fn an_item_is_read_alone() {
    let item = b"\xfe\xff\x00\xe0\x0c\0\0\0\x08\x00\x00\x01SH\x04\x0018-4\xfe\xff\x00\xe0\0\0\0\0";
    let bytes = file("1.2", &[(0x0040_A043, b"SQ", item)]);
    let header = Header::read(&bytes).unwrap();
    let sequence = header.elements().next().unwrap().unwrap();
    let inner: Vec<_> = header.first_item(sequence.value).map(|it| text(it.unwrap().value).to_owned()).collect();
    assert_eq!(inner, ["18-4"]);
}
