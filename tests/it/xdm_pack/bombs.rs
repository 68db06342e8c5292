//! H-09: content that packs very well is no bomb to who gets it.

use std::io::Write;

use libtest_mimic::Trial;
use zip::{CompressionMethod, ZipArchive};

use super::{fresh_server, package::pack, provide};
use crate::harness::{TestServer, plain, sample};

pub fn trials() -> Vec<Trial> {
    plain![h_09_no_importer_takes_what_was_packed_for_a_bomb, h_09_a_long_text_is_deflated_all_the_same].into()
}

/// Packs documents; the package, which an importer takes.
fn taken(server: &TestServer, documents: &[(&str, &[u8])]) -> std::path::PathBuf {
    let patient = sample::patient();
    provide(server, &patient, documents);
    let (package, _) = pack(server, &["--patient", &patient]);
    let checked = server.prepared.command(&["xdm", "check", &package.display().to_string()]).output();
    let checked = checked.expect("it runs");
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && !told.contains("XdmBomb"), "{told}");
    package
}

fn h_09_no_importer_takes_what_was_packed_for_a_bomb() {
    let server = fresh_server();
    let white = vec![0xff; 11 << 20];
    let blank = vec![b' '; 11 << 20];
    // Its beginning does not tell how well the rest packs.
    let rows = (0..6000_u64).flat_map(|n| [n.wrapping_mul(0x9E37_79B9_7F4A_7C15), 0]);
    let late: Vec<u8> = rows.flat_map(u64::to_le_bytes).chain(white.iter().copied()).collect();
    for document in [("image/bmp", white.as_slice()), ("text/plain", &blank), ("image/bmp", &late)] {
        taken(&server, &[document]);
    }
    // None of them alone.
    taken(&server, &[("text/plain", &blank[..3 << 20]); 5]);
    taken(&server, &[("image/bmp", &white[..3 << 20]); 5]);
}

fn h_09_a_long_text_is_deflated_all_the_same() {
    let server = fresh_server();
    let mut text = Vec::new();
    for n in 0..200_000_u64 {
        let _ = writeln!(text, "<row number=\"{n}\" value=\"{}\"/>", n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
    assert!(text.len() > 8 << 20, "{}", text.len());
    let text = text.repeat(2);
    let package = taken(&server, &[("text/xml", &text)]);
    let mut archive = ZipArchive::new(std::fs::File::open(package).expect("a file")).expect("a zip file");
    let entry = archive.by_name("IHE_XDM/SUBSET01/DOC00001.XML").expect("the document");
    assert_eq!(entry.compression(), CompressionMethod::Deflated);
    assert!(entry.compressed_size() < entry.size() / 2);
}
