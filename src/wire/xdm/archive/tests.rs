//! Every archive that section 11 rejects by its table alone, made in code. Source: spec xdm §11 (R-32-53).

use std::sync::Arc;

use super::read_table;
use crate::{
    model::xdm::PackageLimits,
    wire::xdm::{
        medium::{Flaw, Found, Medium, MediumError, Table},
        samples::{ZipEnd, ZipEntry, file_of, zip, zip_with},
    },
};

fn read_with(octets: &[u8], limits: &PackageLimits) -> Result<Table, &'static str> {
    match read_table(&Arc::new(file_of(octets)), limits) {
        Ok(table) => Ok(table),
        Err(MediumError::Rejected(finding)) => Err(finding.code.as_str()),
        Err(MediumError::Io(error)) => panic!("{error}"),
    }
}

fn read(octets: &[u8]) -> Result<Table, &'static str> {
    read_with(octets, &PackageLimits::default())
}

fn rejected(octets: &[u8]) -> &'static str {
    read(octets).expect_err("must be rejected")
}

fn entries() -> Vec<ZipEntry> {
    let text = "a discharge note, a discharge note, a discharge note";
    vec![ZipEntry::stored("IHE_XDM/S/METADATA.XML", b"<x/>"), ZipEntry::deflated("IHE_XDM/S/A.TXT", text.as_bytes())]
}

/// The entries with the second one changed.
fn with(change: impl FnOnce(&mut ZipEntry)) -> Vec<u8> {
    let mut entries = entries();
    change(&mut entries[1]);
    zip(&entries)
}

fn flaws(octets: &[u8], path: &str) -> Vec<Flaw> {
    let table = read(octets).expect("not rejected");
    let Found::Exact(id) = table.find(path) else { panic!("{path} is not there") };
    table.flaws(id).collect()
}

/// What a test does to an entry.
type Change = fn(&mut ZipEntry);

fn zip64(values: &[u64]) -> Vec<u8> {
    let length = u16::try_from(values.len() * 8).expect("short");
    let values = values.iter().flat_map(|value| value.to_le_bytes());
    [1_u16.to_le_bytes(), length.to_le_bytes()].into_iter().flatten().chain(values).collect()
}

#[test]
fn an_archive_in_order_is_read_and_its_entries_too() {
    let medium = Medium::of_archive(file_of(&zip(&entries())), &PackageLimits::default()).expect("in order");
    let table = medium.table();
    assert_eq!((table.len(), table.files()), (2, 2));
    let Found::Exact(id) = table.find("IHE_XDM/S/A.TXT") else { panic!("not found") };
    let (mut content, mut text, mut block) = (medium.open(id).expect("opens"), Vec::new(), [0; 10]);
    while let n @ 1.. = content.read(&mut block).expect("in order") {
        text.extend_from_slice(&block[..n]);
    }
    assert_eq!(text, b"a discharge note, a discharge note, a discharge note");
    assert_eq!(table.crc32(id), Some(crc32fast::hash(&text)));
    assert_eq!(table.find("ihe_xdm/s/a.txt"), Found::Folded(id));
    assert_eq!(table.find("IHE_XDM/S"), Found::Nothing);
}

#[test]
fn h_01_not_a_zip_and_prefix_data() {
    assert_eq!(rejected(b""), "XdmNotAZip");
    assert_eq!(rejected(b"%PDF-1.7 and so on, longer than any end record"), "XdmNotAZip");
    let moved = ZipEnd { prefix: b"MZ self-extractor".to_vec(), ..ZipEnd::default() };
    assert_eq!(rejected(&zip_with(&entries(), &moved)), "XdmPrefixData");
    let unmoved = [b"MZ self-extractor".to_vec(), zip(&entries())].concat();
    assert_eq!(rejected(&unmoved), "XdmPrefixData");
    let disguised = [b"PK\x03\x04".to_vec(), zip(&entries())].concat();
    assert_eq!(rejected(&disguised), "XdmPrefixData");
    let hidden = ZipEnd { prefix: b"PK\x03\x04 octets that no entry has".to_vec(), ..ZipEnd::default() };
    assert_eq!(rejected(&zip_with(&entries(), &hidden)), "XdmPrefixData");
}

#[test]
fn h_02_truncated() {
    let whole = zip(&entries());
    for length in [30, 60, whole.len() / 2, whole.len() - 23, whole.len() - 22] {
        assert_eq!(rejected(&whole[..length]), "XdmTruncated", "{length}");
    }
    let outside = ZipEnd { directory_offset: Some(1 << 20), ..ZipEnd::default() };
    assert_eq!(rejected(&zip_with(&entries(), &outside)), "XdmTruncated");
    let longer = ZipEnd { directory_bytes: Some(1 << 20), ..ZipEnd::default() };
    assert_eq!(rejected(&zip_with(&entries(), &longer)), "XdmTruncated");
    let part = ZipEnd { disk: 1, ..ZipEnd::default() };
    assert_eq!(rejected(&zip_with(&entries(), &part)), "XdmTruncated");
}

#[test]
fn h_03_two_end_records_and_trailing_data() {
    let whole = zip(&entries());
    let trailing = [whole.clone(), b"trailing".to_vec()].concat();
    assert_eq!(rejected(&trailing), "XdmAmbiguousEnd");
    let end = whole[whole.len() - 22..].to_vec();
    let game = ZipEnd { comment: end, ..ZipEnd::default() };
    assert_eq!(rejected(&zip_with(&entries(), &game)), "XdmAmbiguousEnd");
    let remark = ZipEnd { comment: b"made by hand, PK\x05\x06 in it".to_vec(), ..ZipEnd::default() };
    assert!(read(&zip_with(&entries(), &remark)).is_ok(), "a comment alone is none");
}

#[test]
fn h_04_zip_slip() {
    for name in ["../../etc/x", "IHE_XDM/../../x", "IHE_XDM\\..\\..\\x", "..", "a/.."] {
        assert_eq!(rejected(&zip(&[ZipEntry::stored(name, b"x")])), "XdmPathTraversal", "{name}");
    }
}

#[test]
fn h_05_absolute_names() {
    for name in ["/x", "C:\\x", "\\\\host\\x", "//host/x", "c:x"] {
        assert_eq!(rejected(&zip(&[ZipEntry::stored(name, b"x")])), "XdmAbsolutePath", "{name}");
    }
}

#[test]
fn h_08_links_and_devices() {
    for mode in [0o120_777_u32, 0o060_644, 0o020_644, 0o010_644, 0o140_644] {
        assert_eq!(rejected(&with(|entry| entry.attributes = mode << 16)), "XdmSpecialFile", "{mode:o}");
        let by_dos = with(|entry| (entry.attributes, entry.made_by) = (mode << 16, 20));
        assert_eq!(rejected(&by_dos), "XdmSpecialFile", "{mode:o}, whatever system it says that it is of");
    }
    assert!(read(&with(|entry| entry.attributes = 0)).is_ok());
}

#[test]
fn h_09_bomb_by_ratio() {
    let declared = |size: u32| with(|entry| entry.size = size);
    assert_eq!(rejected(&declared(11 << 20)), "XdmBomb");
    assert!(read(&declared(9 << 20)).is_ok(), "below ten MiB the ratio does not matter");
    let many: Vec<ZipEntry> = (0..200)
        .map(|n| ZipEntry { size: 1 << 20, ..ZipEntry::deflated(&format!("IHE_XDM/S/{n}.TXT"), &[b'a'; 4000]) })
        .collect();
    assert_eq!(rejected(&zip(&many)), "XdmBomb", "many small ones together");
}

#[test]
fn h_10_bomb_by_overlap() {
    let mut same = entries();
    same.push(ZipEntry { header_offset: Some(0), ..same[0].clone() });
    assert_eq!(rejected(&zip(&same)), "XdmOverlap");
    // Quoted overlap: the first entry's data hold the second one's header.
    let inner = zip(&[ZipEntry::stored("IHE_XDM/S/B.TXT", b"inner")]);
    let header_offset = u32::try_from(30 + "IHE_XDM/S/A.TXT".len()).expect("small");
    let outer = [
        ZipEntry::stored("IHE_XDM/S/A.TXT", &inner[..30 + 15 + 5]),
        ZipEntry { header_offset: Some(header_offset), ..ZipEntry::stored("IHE_XDM/S/B.TXT", b"inner") },
    ];
    assert_eq!(rejected(&zip(&outer)), "XdmOverlap");
    let into_the_directory = with(|entry| {
        (entry.packed_size, entry.size, entry.method) = (Some(500), 500, 0);
    });
    assert_eq!(rejected(&into_the_directory), "XdmOverlap");
}

#[test]
fn h_13_local_header_differs() {
    let cases: [(&str, Change); 8] = [
        ("name", |it| it.local_name = Some(b"IHE_XDM/S/B.TXT".to_vec())),
        ("length of the name", |it| it.local_name = Some(b"IHE_XDM/S/A.TX".to_vec())),
        ("method", |it| it.local_method = Some(0)),
        ("flags", |it| it.local_flags = Some(0)),
        ("size", |it| it.local_size = Some(1)),
        ("crc", |it| it.local_crc = Some(1)),
        ("place", |it| it.header_offset = Some(60)),
        ("stored with two sizes", |it| (it.method, it.size) = (0, 7)),
    ];
    for (what, change) in cases {
        assert_eq!(rejected(&with(change)), "XdmHeaderMismatch", "{what}");
    }
}

#[test]
fn h_14_duplicate_names_are_marked() {
    let mut twice = entries();
    twice.push(ZipEntry::stored("IHE_XDM/S/A.TXT", b"other"));
    twice.push(ZipEntry::stored("IHE_XDM//S/./B.TXT", b"x"));
    twice.push(ZipEntry::stored("IHE_XDM/S/B.TXT", b"y"));
    let octets = zip(&twice);
    assert_eq!(flaws(&octets, "IHE_XDM/S/A.TXT"), [Flaw::Duplicate]);
    assert_eq!(flaws(&octets, "IHE_XDM/S/B.TXT"), [Flaw::Duplicate], "equal after normalisation");
    assert_eq!(flaws(&octets, "IHE_XDM/S/METADATA.XML"), []);
}

#[test]
fn h_15_names_that_differ_in_case() {
    let names = ["A.TXT", "a.txt", "B.txt"].map(|name| ZipEntry::stored(name, b"x"));
    let table = read(&zip(&names)).expect("not rejected");
    assert!(matches!(table.find("A.TXT"), Found::Exact(id) if table.path(id) == "A.TXT"));
    assert!(matches!(table.find("a.txt"), Found::Exact(id) if table.path(id) == "a.txt"));
    assert_eq!(table.find("A.txt"), Found::Several);
    assert!(matches!(table.find("b.TXT"), Found::Folded(id) if table.path(id) == "B.txt"));
}

#[test]
fn h_16_names_that_deceive() {
    let names =
        ["\u{e9}.TXT", "e\u{301}.TXT", "A\u{202e}B.TXT", "C\u{200b}.TXT"].map(|name| ZipEntry::stored(name, b"x"));
    let octets = zip(&names);
    assert_eq!(flaws(&octets, "\u{e9}.TXT"), [Flaw::SameInNfc]);
    assert_eq!(flaws(&octets, "A\u{202e}B.TXT"), [Flaw::Deceiving]);
    assert_eq!(flaws(&octets, "C\u{200b}.TXT"), [Flaw::Deceiving]);
}

#[test]
fn h_17_backslashes() {
    let octets = zip(&[ZipEntry::stored("IHE_XDM\\S\\A.TXT", b"x"), ZipEntry::stored("IHE_XDM/S/A.TXT", b"y")]);
    assert!(flaws(&octets, "IHE_XDM/S/A.TXT").contains(&Flaw::Duplicate), "the rows on names count again");
}

#[test]
fn h_18_names_in_cp437_and_broken_utf_8() {
    let cp437 = ZipEntry { flags: 0, name: b"\x82.TXT".to_vec(), ..ZipEntry::stored("", b"x") };
    assert_eq!(flaws(&zip(&[cp437]), "\u{e9}.TXT"), []);
    let broken = ZipEntry { name: b"\xFF.TXT".to_vec(), ..ZipEntry::stored("", b"x") };
    assert_eq!(flaws(&zip(&[broken]), "\u{fffd}.TXT"), [Flaw::Unreadable]);
}

#[test]
fn h_19_odd_names_and_nul() {
    for name in ["A\n.TXT", "A.", "A ", "CON", "NUL.TXT"] {
        assert_eq!(flaws(&zip(&[ZipEntry::stored(name, b"x")]), name), [Flaw::Odd], "{name:?}");
    }
    assert_eq!(rejected(&zip(&[ZipEntry::stored("A\0.TXT", b"x")])), "XdmUnsafeName");
    let long = "A".repeat(300);
    assert_eq!(flaws(&zip(&[ZipEntry::stored(&long, b"x")]), &long[..255]), [Flaw::TooLong]);
    let names = [&long[..255], &long, &long[..255], &long[..254]];
    let table = read(&zip(&names.map(|name| ZipEntry::stored(name, b"x")))).expect("not rejected");
    let mut found: Vec<Vec<Flaw>> = table.ids().map(|id| table.flaws(id).collect()).collect();
    found.sort_by_key(|flaws| format!("{flaws:?}"));
    let expected = [vec![Flaw::Duplicate], vec![Flaw::Duplicate], vec![Flaw::TooLong], vec![]];
    assert!(expected.iter().all(|flaws| found.contains(flaws)) && found.len() == 4, "{found:?}");
    assert_eq!(found.iter().filter(|flaws| **flaws == [Flaw::Duplicate]).count(), 2, "a name that is cut hides none");
}

#[test]
fn h_20_encrypted_entries() {
    for flags in [1_u16, 1 | 1 << 6, 1 | 1 << 13] {
        assert_eq!(flaws(&with(|entry| entry.flags = flags), "IHE_XDM/S/A.TXT"), [Flaw::Encrypted], "{flags:b}");
    }
    let aes = with(|entry| {
        (entry.flags, entry.method) = (1, 99);
        entry.extra = vec![0x01, 0x99, 7, 0, 2, 0, b'A', b'E', 3, 8, 0];
    });
    assert_eq!(flaws(&aes, "IHE_XDM/S/A.TXT"), [Flaw::Encrypted, Flaw::Method]);
}

#[test]
fn h_21_unknown_methods() {
    for method in [1, 6, 9, 12, 14, 93, 95, 98] {
        assert_eq!(flaws(&with(|entry| entry.method = method), "IHE_XDM/S/A.TXT"), [Flaw::Method], "{method}");
    }
}

#[test]
fn h_30_zip64_that_cannot_be() {
    let cases: [(&str, Change); 6] = [
        ("a full size without field", |it| it.size = u32::MAX),
        ("a field without a full size", |it| it.extra = zip64(&[1])),
        ("a field that is too short", |it| (it.size, it.extra) = (u32::MAX, vec![1, 0, 4, 0, 0, 0, 0, 0])),
        ("a field that is too long", |it| (it.size, it.extra) = (u32::MAX, zip64(&[1, 2]))),
        ("a field longer than all fields", |it| it.extra = vec![1, 0, 255, 0, 0]),
        ("two fields", |it| it.extra = [zip64(&[]), zip64(&[])].concat()),
    ];
    for (what, change) in cases {
        assert_eq!(rejected(&with(change)), "XdmZip64Invalid", "{what}");
    }
    let absurd = with(|it| {
        (it.header_offset, it.extra) = (Some(u32::MAX), zip64(&[u64::MAX - 10]));
    });
    assert_eq!(rejected(&absurd), "XdmHeaderMismatch", "an offset beyond the file has no header");
    for entries in [1, 3, 0] {
        let end = ZipEnd { entries: Some(entries), ..ZipEnd::default() };
        assert_eq!(rejected(&zip_with(&self::entries(), &end)), "XdmZip64Invalid", "{entries} entries");
    }
}

/// zip64 records for an archive whose directory lies here.
fn zip64_end(entries: u64, offset: u64, bytes: u64, length: u64, at: u64) -> Vec<u8> {
    let mut out = b"PK\x06\x06".to_vec();
    out.extend(length.to_le_bytes());
    out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [entries, entries, bytes, offset] {
        out.extend(value.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(at.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out
}

#[test]
fn h_30_the_zip64_end_record() {
    let plain = zip(&entries());
    let field = |at: usize| u64::from(u32::from_le_bytes(plain[plain.len() - at..][..4].try_into().expect("four")));
    let (bytes, offset) = (field(10), field(6));
    let at = offset + bytes;
    let build = |before_end: Vec<u8>, entries, directory_offset| {
        let end = ZipEnd { before_end, entries: Some(entries), directory_offset, ..ZipEnd::default() };
        read(&zip_with(&self::entries(), &end)).map(|table| table.len())
    };
    let full = Some(u32::MAX);
    assert_eq!(build(zip64_end(2, offset, bytes, 44, at), 0xFFFF, full), Ok(2));
    assert_eq!(build(zip64_end(2, offset, bytes, 44, at), 2, None), Ok(2), "equal values do no harm");
    for (what, records, entries) in [
        ("another number of entries", zip64_end(1, offset, bytes, 44, at), 2),
        ("a number that is none", zip64_end(u64::MAX, offset, bytes, 44, at), 0xFFFF),
        ("an offset beyond all numbers", zip64_end(2, u64::MAX, bytes, 44, at), 0xFFFF),
        ("a wrong length", zip64_end(2, offset, bytes, 45, at), 0xFFFF),
        ("a locator that leads elsewhere", zip64_end(2, offset, bytes, 44, 0), 0xFFFF),
        ("a locator that leads nowhere", zip64_end(2, offset, bytes, 44, u64::MAX), 0xFFFF),
    ] {
        let found = build(records, entries, full);
        assert!(matches!(found, Err("XdmZip64Invalid" | "XdmTooManyEntries")), "{what}: {found:?}");
    }
}

#[test]
fn h_31_descriptors_do_not_matter() {
    let octets = with(|entry| {
        entry.flags |= 1 << 3;
        (entry.local_size, entry.local_crc) = (Some(0), Some(0));
        entry.after = b"PK\x07\x08 nonsense".to_vec();
    });
    assert_eq!(flaws(&octets, "IHE_XDM/S/A.TXT"), []);
    let absent = with(|entry| {
        entry.flags |= 1 << 3;
        (entry.local_size, entry.local_crc) = (Some(0), Some(0));
    });
    assert_eq!(flaws(&absent, "IHE_XDM/S/A.TXT"), []);
}

#[test]
fn h_32_more_entries_than_are_read() {
    let limits = PackageLimits { entries: 1, ..PackageLimits::default() };
    assert_eq!(read_with(&zip(&entries()), &limits).err(), Some("XdmTooManyEntries"));
    let empty: Vec<ZipEntry> = (0..50).map(|n| ZipEntry::stored(&format!("{n}"), b"")).collect();
    let limits = PackageLimits { entries: 49, ..PackageLimits::default() };
    assert_eq!(read_with(&zip(&empty), &limits).err(), Some("XdmTooManyEntries"));
    let limits = PackageLimits { package_bytes: 10, ..PackageLimits::default() };
    assert_eq!(read_with(&zip(&entries()), &limits).err(), Some("XdmTooLarge"));
}

#[test]
fn r_32_53_no_octets_make_the_table_pass_fail_otherwise_than_by_a_code() {
    let seed = zip(&entries());
    bolero::check!().with_iterations(4_000).with_type::<Vec<(u16, u8)>>().for_each(|changes| {
        let mut octets = seed.clone();
        for (at, value) in changes {
            let at = usize::from(*at) % octets.len();
            octets[at] = *value;
        }
        let limits = PackageLimits { entries: 1_000, ..PackageLimits::default() };
        if let Ok(medium) = Medium::of_archive(file_of(&octets), &limits) {
            for id in medium.table().ids() {
                let Ok(mut content) = medium.open(id) else { continue };
                let (mut total, mut block) = (0_u64, [0; 512]);
                while let Ok(read @ 1..) = content.read(&mut block) {
                    total += read as u64;
                }
                assert!(total <= medium.table().size_bytes(id), "never more than declared");
            }
        }
    });
    bolero::check!().with_iterations(2_000).for_each(|octets: &[u8]| {
        let _ = Medium::of_archive(file_of(octets), &PackageLimits::default());
    });
}
