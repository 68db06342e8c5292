//! Archives that need zip64. Source: R-32-29, spec xdm section 10.

use libtest_mimic::Trial;

use super::{codes, document, prepared, python, report, set_of, tree};
use crate::harness::{plain, sample, servers::Store};

pub fn trials() -> impl Iterator<Item = Trial> {
    plain![r_32_29_more_members_than_a_plain_zip_counts, r_32_29_members_beyond_four_gigabytes].into_iter()
}

/// So many members that their number needs zip64.
const MANY: &str = "import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_STORED) as package:
    for number in range(70000):
        package.writestr(f'IMAGES/IM{number:06}', b'x')
    for folder, _, names in os.walk('.'):
        for name in sorted(names):
            package.write(os.path.join(folder, name))";

/// The package behind a member of 5 GiB, which is a hole in the file.
const FAR: &str = "import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_STORED) as package:
    hole = zipfile.ZipInfo('HOLE.BIN')
    hole.file_size = hole.compress_size = 5 << 30
    hole.CRC, hole.header_offset = 0, 0
    package.fp.write(hole.FileHeader(zip64=True))
    package.fp.seek(5 << 30, os.SEEK_CUR)
    package.filelist.append(hole)
    package.start_dir = package.fp.tell()
    for folder, _, names in os.walk('.'):
        for name in sorted(names):
            package.write(os.path.join(folder, name))";

/// Checks and imports a package of one document that a script makes.
fn taken(script: &str, files: u64) {
    let patient = sample::patient();
    let good = document(&patient, "A.TXT", b"good");
    let top = tree(&[(&set_of(&patient, &[&good]), &[("A.TXT", b"good")])]);
    let package = top.with_extension("zip");
    python(script, &top, &package);
    let (prepared, name) = (prepared(Store::Sqlite), package.display().to_string());
    let found = report(0, &prepared, &["check", &name]);
    assert_eq!((codes(&found), found["outcome"].as_str()), (vec![], Some("all")));
    assert_eq!((found["files"].as_u64(), &found["sets"][0]["documents"][0]["verified"]), (Some(files), &true.into()));
    assert_eq!(super::import(0, &prepared, &package, &[])["outcome"], "all");
    std::fs::remove_file(package).expect("removed");
}

fn r_32_29_more_members_than_a_plain_zip_counts() {
    taken(MANY, 70_004);
}

fn r_32_29_members_beyond_four_gigabytes() {
    taken(FAR, 5);
}
