//! Directory trees. Source: spec xdm R-32-54, H-08.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::sample::{Doc, NOTE, checked_medium, codes, metadata};
use crate::{
    model::xdm::{PackageLimits, PackageOutcome, PackageReport},
    service::xdm::ImportSettings,
    wire::xdm::{Found, Medium, MediumError},
};

/// H-28.
const DUPLICATE: &str = "XDSRepositoryDuplicateUniqueIdInMessage";

fn tree() -> (tempfile::TempDir, PathBuf) {
    let top = tempfile::tempdir().expect("a directory");
    let set = top.path().join("IHE_XDM/SUBSET01");
    fs::create_dir_all(&set).expect("a directory");
    let metadata = metadata(1, &[Doc::new(1, "DOC00001.TXT", NOTE)]);
    for (path, octets) in [
        (top.path().join("INDEX.HTM"), &b"<html/>"[..]),
        (top.path().join("README.TXT"), b"read me"),
        (set.join("METADATA.XML"), metadata.as_bytes()),
        (set.join("DOC00001.TXT"), NOTE),
    ] {
        fs::write(path, octets).expect("a file");
    }
    (top, set)
}

fn checked(top: &Path) -> PackageReport {
    let settings = ImportSettings::default();
    match Medium::of_tree(top, &settings.limits) {
        Ok(medium) => checked_medium(medium, &settings),
        Err(MediumError::Rejected(finding)) => PackageReport::rejected(finding),
        Err(MediumError::Io(error)) => panic!("{error}"),
    }
}

fn rejected(top: &Path) -> String {
    let report = checked(top);
    assert_eq!(report.outcome, PackageOutcome::Rejected);
    report.findings[0].code.as_str().to_owned()
}

#[test]
fn a_tree_in_order() {
    let (top, _set) = tree();
    let report = checked(top.path());
    assert_eq!((codes(&report), report.outcome, report.files), (vec![], PackageOutcome::All, 4));
    assert_eq!(report.sets[0].documents[0].verified, Some(true));
}

#[test]
fn r_32_54_links_and_pipes_are_refused() {
    let (top, set) = tree();
    symlink("/etc/passwd", set.join("LINK.TXT")).expect("a link");
    assert_eq!(rejected(top.path()), "XdmSpecialFile");
    let (top, set) = tree();
    symlink("/", set.join("DIR")).expect("a link");
    assert_eq!(rejected(top.path()), "XdmSpecialFile");
    let (top, set) = tree();
    let socket = std::os::unix::net::UnixListener::bind(set.join("SOCKET")).expect("a socket");
    assert_eq!(rejected(top.path()), "XdmSpecialFile");
    drop(socket);
}

#[test]
fn r_32_54_what_is_replaced_by_a_link_meanwhile_is_not_followed() {
    let (top, set) = tree();
    let medium = Medium::of_tree(top.path(), &PackageLimits::default()).expect("in order");
    let Found::Exact(id) = medium.table().find("IHE_XDM/SUBSET01/DOC00001.TXT") else { panic!("is there") };
    assert!(medium.open(id).is_ok());
    fs::remove_file(set.join("DOC00001.TXT")).expect("removed");
    symlink("/etc/passwd", set.join("DOC00001.TXT")).expect("a link");
    assert!(medium.open(id).is_err(), "a link in place of a file");
    fs::rename(&set, top.path().join("MOVED")).expect("moved");
    symlink(top.path().join("MOVED"), &set).expect("a link");
    fs::remove_file(set.join("DOC00001.TXT")).expect("removed");
    fs::write(set.join("DOC00001.TXT"), NOTE).expect("written");
    assert!(medium.open(id).is_err(), "a link in place of a directory");
}

#[test]
fn limits_hold_for_trees_too() {
    let (top, set) = tree();
    let few = PackageLimits { entries: 3, ..PackageLimits::default() };
    assert!(
        matches!(Medium::of_tree(top.path(), &few), Err(MediumError::Rejected(it)) if it.code.as_str() == "XdmTooManyEntries")
    );
    let small = PackageLimits { package_bytes: 20, ..PackageLimits::default() };
    assert!(
        matches!(Medium::of_tree(top.path(), &small), Err(MediumError::Rejected(it)) if it.code.as_str() == "XdmTooLarge")
    );
    fs::create_dir_all(set.join("A/".repeat(40))).expect("deep");
    assert_eq!(codes(&checked(top.path())), [], "what is too deep is not looked at");
}

#[test]
fn names_of_the_file_system_are_found_in_their_one_form() {
    let (top, set) = tree();
    fs::rename(set.join("DOC00001.TXT"), set.join("De\u{301}.TXT")).expect("renamed");
    fs::write(set.join("METADATA.XML"), metadata(1, &[Doc::new(1, "D%C3%A9.TXT", NOTE)])).expect("written");
    let report = checked(top.path());
    assert_eq!((report.outcome, report.sets[0].documents[0].verified), (PackageOutcome::All, Some(true)));
}

#[test]
fn h_28_one_unique_id_with_two_contents_where_no_crc_and_no_hash_is_told() {
    for (other, expected) in [(&b"twice"[..], vec![]), (b"other", vec![DUPLICATE, DUPLICATE])] {
        let (top, set) = tree();
        let second = top.path().join("IHE_XDM/SUBSET02");
        fs::create_dir_all(&second).expect("a directory");
        let [one, mut two] = [Doc::new(1, "A.TXT", b"twice"), Doc::new(2, "A.TXT", b"twice")];
        two.unique_id.clone_from(&one.unique_id);
        for (number, folder, doc, octets) in [(1, &set, one, &b"twice"[..]), (2, &second, two, other)] {
            let metadata = metadata(number, &[Doc { hash: None, ..doc }]);
            fs::write(folder.join("METADATA.XML"), metadata).expect("written");
            fs::write(folder.join("A.TXT"), octets).expect("written");
        }
        let found: Vec<&str> = codes(&checked(top.path())).into_iter().map(|(code, _)| code).collect();
        let found: Vec<&str> = found.into_iter().filter(|code| *code != "XdmHashMissing").collect();
        assert_eq!(found, expected);
    }
}
