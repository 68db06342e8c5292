use super::{Dicomdir, DicomdirError, read_dicomdir};
use crate::wire::xdm::{dicom_header::HeaderError, dicomdir::DicomDir, samples::dicom_object};

/// How a DICOMDIR is written.
#[derive(Clone, Copy)]
struct Form {
    is_implicit: bool,
    /// Sequence and items of undefined length.
    is_open: bool,
}

const REGULAR: Form = Form { is_implicit: false, is_open: false };
const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn push(out: &mut Vec<u8>, is_implicit: bool, tag: u32, vr: &[u8; 2], value: &[u8]) {
    out.extend(((tag >> 16) as u16).to_le_bytes());
    out.extend((tag as u16).to_le_bytes());
    let length = value.len() + value.len() % 2;
    match (is_implicit, vr) {
        (true, _) => out.extend((length as u32).to_le_bytes()),
        (false, b"SQ") => {
            out.extend(b"SQ\0\0");
            out.extend((length as u32).to_le_bytes());
        }
        (false, _) => {
            out.extend(vr);
            out.extend((length as u16).to_le_bytes());
        }
    }
    out.extend(value);
    out.extend(std::iter::repeat_n(b' ', length - value.len()));
}

/// Type, File ID, in use, index of the next record and of the one below, from 1.
type Entry<'a> = (&'a str, &'a str, bool, usize, usize);

/// A DICOMDIR of these records, written in two passes: the second one knows the offsets.
fn dicomdir(form: Form, records: &[Entry<'_>]) -> Vec<u8> {
    let mut offsets = vec![0; records.len() + 1];
    loop {
        let (octets, found) = written(form, records, &offsets);
        if found == offsets {
            return octets;
        }
        offsets = found;
    }
}

fn written(form: Form, records: &[Entry<'_>], offsets: &[u32]) -> (Vec<u8>, Vec<u32>) {
    let mut out = vec![0; 128];
    out.extend(b"DICM");
    push(&mut out, false, 0x0002_0002, b"UI", b"1.2.840.10008.1.3.10");
    let syntax = if form.is_implicit { IMPLICIT } else { EXPLICIT };
    push(&mut out, false, 0x0002_0010, b"UI", syntax.as_bytes());
    let link = |index: usize| offsets.get(index).copied().unwrap_or(7777).to_le_bytes();
    push(&mut out, form.is_implicit, 0x0004_1200, b"UL", &link(1.min(records.len())));
    push(&mut out, form.is_implicit, 0x0004_1212, b"US", &[0, 0]);
    push(&mut out, form.is_implicit, 0x0004_1220, b"SQ", b"");
    let length_at = out.len() - 4;
    let mut found = vec![0];
    for (kind, file_id, in_use, next, lower) in records {
        found.push(out.len() as u32);
        let mut item = Vec::new();
        push(&mut item, form.is_implicit, 0x0004_1400, b"UL", &link(*next));
        push(&mut item, form.is_implicit, 0x0004_1410, b"US", if *in_use { &[0xFF, 0xFF] } else { &[0, 0] });
        push(&mut item, form.is_implicit, 0x0004_1420, b"UL", &link(*lower));
        push(&mut item, form.is_implicit, 0x0004_1430, b"CS", kind.as_bytes());
        if !file_id.is_empty() {
            push(&mut item, form.is_implicit, 0x0004_1500, b"CS", file_id.as_bytes());
            push(&mut item, form.is_implicit, 0x0004_1511, b"UI", format!("2.999.{}", file_id.len()).as_bytes());
        }
        push(&mut item, form.is_implicit, 0x0020_0013, b"IS", b"1");
        out.extend(b"\xfe\xff\x00\xe0");
        out.extend(if form.is_open { u32::MAX } else { item.len() as u32 }.to_le_bytes());
        out.extend(item);
        if form.is_open {
            out.extend(b"\xfe\xff\x0d\xe0\0\0\0\0");
        }
    }
    let length = if form.is_open { u32::MAX } else { (out.len() - length_at - 4) as u32 };
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    if form.is_open {
        out.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    }
    (out, found)
}

const STUDY: [Entry<'static>; 5] = [
    ("PATIENT", "", true, 0, 2),
    ("STUDY", "", true, 0, 3),
    ("SERIES", "", true, 0, 4),
    ("IMAGE", "DICOM\\IM1", true, 5, 0),
    ("IMAGE", "DICOM\\IM2", true, 0, 0),
];

fn files<'a>(dicomdir: &'a Dicomdir<'_>) -> Vec<&'a str> {
    dicomdir.references().map(|record| std::str::from_utf8(record.file_id).expect("ASCII")).collect()
}

#[test]
fn r_32_46_records_are_read_in_each_form() {
    for is_implicit in [false, true] {
        for is_open in [false, true] {
            let octets = dicomdir(Form { is_implicit, is_open }, &STUDY);
            let read = read_dicomdir(&octets, 100).expect("in order");
            assert_eq!(files(&read), ["DICOM\\IM1", "DICOM\\IM2"]);
            assert_eq!((read.unreached, read.broken_links), (0, 0), "the offsets are those of the items");
            assert_eq!(read.is_explicit_little, !is_implicit);
            let first = read.references().next().expect("an image");
            assert_eq!((first.number, first.kind, first.sop_instance), (4, "IMAGE", "2.999.9"));
            assert_eq!(octets[first.offset..first.offset + 4], *b"\xfe\xff\x00\xe0");
        }
    }
}

#[test]
fn r_32_45_what_we_write_is_read() {
    let mut dir = DicomDir::new(std::io::Cursor::new(Vec::new()));
    for (number, series) in [(1, "1.1"), (2, "1.1"), (3, "1.2")] {
        let octets = dicom_object(&format!("2.999.1.{number}"), "P1", "2.999.1", series);
        dir.add(&format!("DICOM/SET00001/IM00000{number}"), &octets).expect("listed");
    }
    let mut octets = Vec::new();
    dir.write(&mut octets).expect("written");
    let read = read_dicomdir(&octets, 100).expect("in order");
    assert_eq!((read.records.len(), read.references().count()), (7, 3));
    assert_eq!((read.unreached, read.broken_links, read.is_explicit_little), (0, 0, true));
    let instances: Vec<&str> = read.references().map(|record| record.sop_instance).collect();
    assert_eq!(instances, ["2.999.1.1", "2.999.1.2", "2.999.1.3"]);
    assert!(read.references().all(|record| record.transfer_syntax == EXPLICIT && !record.sop_class.is_empty()));
}

#[test]
fn r_32_46_records_out_of_use_are_none_and_those_out_of_reach_are_counted() {
    let mut records = STUDY;
    records[3].2 = false;
    let octets = dicomdir(REGULAR, &records);
    let read = read_dicomdir(&octets, 100).expect("in order");
    assert_eq!((files(&read), read.unreached, read.broken_links), (vec!["DICOM\\IM2"], 1, 1), "nothing is skipped");
    let mut records = STUDY;
    records[2].4 = 99;
    let octets = dicomdir(REGULAR, &records);
    let read = read_dicomdir(&octets, 100).expect("in order");
    assert_eq!((read.references().count(), read.unreached, read.broken_links), (2, 2, 1));
    let mut records = STUDY;
    (records[3].3, records[2].4, records[4].0) = (0, 4, "MRDR");
    let octets = dicomdir(REGULAR, &records);
    let read = read_dicomdir(&octets, 100).expect("in order");
    assert_eq!((read.references().count(), read.unreached), (2, 0), "others lead to it in another way");
}

#[test]
fn r_32_46_offsets_that_go_round_end() {
    let mut records = STUDY;
    (records[4].3, records[4].4, records[3].4) = (4, 1, 4);
    let octets = dicomdir(REGULAR, &records);
    let read = read_dicomdir(&octets, 100).expect("in order");
    assert_eq!((read.references().count(), read.unreached, read.broken_links), (2, 0, 3));
}

#[test]
fn r_32_46_what_is_no_dicomdir_is_told() {
    let read = |octets: &[u8]| read_dicomdir(octets, 4).map(drop);
    assert_eq!(read(b"x"), Err(DicomdirError::Header(HeaderError::NotDicom)));
    assert_eq!(read(&dicom_object("2.999.1", "P1", "2.999.2", "2.999.3")), Err(DicomdirError::SopClass));
    let octets = dicomdir(REGULAR, &STUDY);
    assert_eq!(read(&octets), Err(DicomdirError::TooMany));
    let empty = dicomdir(REGULAR, &[]);
    assert_eq!(read(&empty), Ok(()));
    assert_eq!(read(&empty[..empty.len() - 12]), Err(DicomdirError::NoRecords));
    for end in 0..octets.len() {
        assert!(read_dicomdir(&octets[..end], 100).is_err(), "cut at {end} of {}", octets.len());
    }
}

#[test]
fn r_32_53_no_octets_make_the_reader_of_dicomdirs_fail_otherwise_than_by_an_error() {
    let look = |octets: &[u8]| {
        let Ok(read) = read_dicomdir(octets, 1_000) else { return };
        assert!(read.unreached <= read.records.len() && read.broken_links <= 2 * read.records.len() + 1);
        for record in read.references() {
            assert_eq!(octets.get(record.offset..record.offset + 2).map(<[u8]>::len), Some(2));
            let Ok(file) = super::referenced_file("", record.file_id) else { continue };
            assert!(file.paths.iter().all(|path| !path.split('/').any(|part| matches!(part, "" | "." | ".."))));
        }
    };
    bolero::check!().with_iterations(3_000).for_each(|octets: &[u8]| look(octets));
    for form in [REGULAR, Form { is_implicit: true, is_open: true }, Form { is_implicit: false, is_open: true }] {
        let seed = dicomdir(form, &STUDY);
        bolero::check!().with_iterations(3_000).with_type::<Vec<(u16, u8)>>().for_each(|changes| {
            let mut octets = seed.clone();
            for (at, value) in changes {
                let at = usize::from(*at) % octets.len();
                octets[at] = *value;
            }
            look(&octets);
        });
    }
}
