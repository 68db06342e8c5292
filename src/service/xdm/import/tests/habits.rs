//! What real packages get wrong, rebuilt. Source: spec xdm §13.

use openssl::sha::sha256;

use super::sample::{Doc, NOTE, checked, checked_with, codes, error, metadata, package, warning};
use crate::{
    model::xdm::{PackageOutcome, PackageTolerances, SetState, Weight},
    service::xdm::{ImportSettings, import::verify::hexadecimal},
    wire::xdm::samples::ZipEntry,
};

/// The names of a package changed.
fn renamed(change: impl Fn(&str) -> String) -> Vec<ZipEntry> {
    let mut entries = package(|_, _| {});
    for entry in &mut entries {
        entry.name = change(std::str::from_utf8(&entry.name).expect("text")).into_bytes();
    }
    entries
}

fn strictly(entries: &[ZipEntry], change: fn(&mut PackageTolerances)) -> Vec<(&'static str, Weight)> {
    let mut settings = ImportSettings::default();
    change(&mut settings.tolerances);
    codes(&checked_with(entries, &settings))
}

#[test]
fn names_in_lower_case() {
    let entries = renamed(|name| {
        name.replace("INDEX.HTM", "index.htm")
            .replace("README.TXT", "readme.txt")
            .replace("METADATA.XML", "METADATA.xml")
    });
    let folded = warning("XdmCaseFolded");
    assert_eq!(codes(&checked(&entries)), [folded, folded, folded]);
    assert!(strictly(&entries, |it| it.fold_case = false).contains(&error("XdmNoMetadata")));
    let lower = renamed(|name| name.to_lowercase());
    assert!(codes(&checked(&lower)).iter().all(|it| it.0 == "XdmCaseFolded" || it.0 == "XdmNameNotIso9660"));
}

#[test]
fn what_operating_systems_leave_behind() {
    let mut entries = package(|_, _| {});
    for name in [
        "__MACOSX/IHE_XDM/SUBSET01/._METADATA.XML",
        "IHE_XDM/.DS_Store",
        "IHE_XDM/SUBSET01/.DS_Store",
        "IHE_XDM/SUBSET01/._METADATA.XML",
        "IHE_XDM/.svn/entries",
        "IHE_XDM/Thumbs.db",
    ] {
        entries.push(ZipEntry::stored(name, b"x"));
    }
    let report = checked(&entries);
    assert_eq!((codes(&report), report.sets.len()), (vec![], 1));
}

#[test]
fn the_whole_tree_in_one_folder() {
    let wrapped = renamed(|name| format!("My Export/{name}"));
    let report = checked(&wrapped);
    assert_eq!((codes(&report)[0], report.outcome), (warning("XdmWrapped"), PackageOutcome::All));
    assert_eq!(strictly(&wrapped, |it| it.wrapper = false), [error("XdmNoIheXdm")]);
    let twice = [package(|_, _| {}), wrapped.clone()].concat();
    let report = checked(&twice);
    assert_eq!((codes(&report), report.sets.len()), (vec![], 1), "where both are there, the root counts");
    let two = [wrapped, renamed(|name| format!("Other/{name}"))].concat();
    assert_eq!(codes(&checked(&two)), [error("XdmNoIheXdm")]);
}

#[test]
fn any_name_of_a_set_and_the_prefix_that_is_none() {
    for name in ["LUCY_0", "CCD1", "SUBSET"] {
        let entries = renamed(|path| path.replace("SUBSET01", name));
        assert_eq!(codes(&checked(&entries)), [], "{name}");
    }
    let prefix = renamed(|path| path.replace("SUBSET01/", "SUBSET01"));
    let report = checked(&prefix);
    assert_eq!((codes(&report), report.outcome), (vec![error("XdmNoMetadata")], PackageOutcome::Rejected));
    assert!(report.findings[0].text.contains("a directory of its own"), "{}", report.findings[0].text);
}

#[test]
fn r_32_37_a_uri_attribute_and_no_hash() {
    let attribute = package(|doc, _| (doc.uri, doc.attributes) = (None, "uri=\"DOC00001.TXT\""));
    assert_eq!(codes(&checked(&attribute)), [warning("XdmUriAttribute")]);
    assert_eq!(strictly(&attribute, |it| it.uri_attribute = false), [error("XdmUriMissing")]);
    let bare = package(|doc, _| (doc.hash, doc.size) = (None, None));
    let report = checked(&bare);
    assert_eq!((codes(&report), report.outcome), (vec![warning("XdmHashMissing")], PackageOutcome::All));
    assert_eq!(report.sets[0].documents[0].verified, None, "never treated as verified");
    assert_eq!(strictly(&bare, |it| it.missing_hash = false), [error("XdmHashMissing")]);
}

#[test]
fn hashes_in_upper_case_and_of_another_kind() {
    assert_eq!(codes(&checked(&package(|doc, _| doc.hash = doc.hash.take().map(|it| it.to_uppercase())))), []);
    let sha256 = package(|doc, _| doc.hash = Some(hexadecimal(&sha256(NOTE)).to_uppercase()));
    let report = checked(&sha256);
    assert_eq!((codes(&report), report.sets[0].documents[0].verified), (vec![warning("XdmHashIsSha256")], Some(true)));
    assert_eq!(strictly(&sha256, |it| it.sha256 = false), [error("XdmHashMismatch")]);
    let wrong = package(|doc, _| doc.hash = Some("0".repeat(64)));
    assert!(codes(&checked(&wrong)).contains(&error("XdmHashMismatch")));
}

#[test]
fn slots_of_no_use() {
    let repository = package(|doc, _| {
        doc.content = "<rim:Slot name=\"repositoryUniqueId\"><rim:ValueList><rim:Value>0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e4d01\
                       </rim:Value></rim:ValueList></rim:Slot>";
    });
    assert_eq!(codes(&checked(&repository)), [], "a repositoryUniqueId is ignored");
    let empty = package(|doc, _| {
        doc.content = "<rim:Slot name=\"serviceStartTime\"><rim:ValueList><rim:Value/></rim:ValueList></rim:Slot>";
    });
    assert_eq!(codes(&checked(&empty)), [warning("XdmEmptySlot")]);
}

#[test]
fn r_32_18_ids_that_are_no_urn() {
    for id in ["Document01", "0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e4d01"] {
        let entries = package(|doc, _| doc.id = id.into());
        assert_eq!(codes(&checked(&entries)), [warning("XdmSymbolicId")], "{id}");
        assert_eq!(strictly(&entries, |it| it.symbolic_ids = false)[0], error("XdmSymbolicId"), "{id}");
    }
}

#[test]
fn r_32_10_names_beyond_8_3() {
    let long = package(|doc, file| {
        doc.uri = Some("CCDA_AMBULATORY.XML".into());
        file.name = b"IHE_XDM/SUBSET01/CCDA_AMBULATORY.XML".to_vec();
    });
    assert_eq!(codes(&checked(&long)), [warning("XdmNameNotIso9660")]);
}

#[test]
fn r_32_23_no_readme_and_no_index() {
    let entries = package(|_, _| {}).split_off(2);
    assert_eq!(codes(&checked(&entries)), [warning("XdmMissingIndexHtm"), warning("XdmMissingReadmeTxt")]);
}

#[test]
fn an_empty_document_waits_for_a_look() {
    let empty = package(|doc, file| {
        let (new_doc, new_file) =
            (Doc::new(1, "DOC00001.TXT", b""), ZipEntry::stored("IHE_XDM/SUBSET01/DOC00001.TXT", b""));
        (*doc, *file) = (new_doc, new_file);
    });
    let report = checked(&empty);
    assert_eq!((codes(&report), report.sets[0].state), (vec![("XdmEmptyDocument", Weight::Held)], SetState::Held));
    assert_eq!(report.sets[0].documents[0].verified, Some(true), "da39a3ee… and 0");
}

#[test]
fn the_mark_of_the_set_may_stand_beside_it() {
    let text = metadata(1, &[Doc::new(1, "DOC00001.TXT", NOTE)]);
    let start = text.find("<rim:Classification id=\"m\"").expect("the mark");
    let end = start + text[start..].find("/>").expect("its end") + 2;
    let (mark, without) = (text[start..end].to_owned(), [&text[..start], &text[end..]].concat());
    let beside = without.replace("</rim:RegistryObjectList>", &format!("{mark}</rim:RegistryObjectList>"));
    let mut entries = package(|_, _| {});
    entries[2] = ZipEntry::stored("IHE_XDM/SUBSET01/METADATA.XML", beside.as_bytes());
    let report = checked(&entries);
    assert_eq!((codes(&report), &*report.sets[0].unique_id), (vec![], "2.999.20.900.1"));
}

#[test]
fn h_17_backslashes_in_names_and_uris() {
    let names = renamed(|name| name.replace('/', "\\"));
    assert_eq!(codes(&checked(&names)), [warning("XdmBackslash")]);
    assert!(strictly(&names, |it| it.backslash = false).contains(&error("XdmBackslash")));
    let uri = package(|doc, _| doc.uri = Some("..\\SUBSET01\\DOC00001.TXT".into()));
    assert_eq!(codes(&checked(&uri)), [warning("XdmBackslash")]);
    assert_eq!(strictly(&uri, |it| it.backslash = false), [error("XdmBackslash")]);
}

#[test]
fn h_15_twins_of_what_describes_the_package_are_told() {
    let with = |name: &str, octets: &[u8]| {
        let mut entries = package(|_, _| {});
        entries.push(ZipEntry::stored(name, octets));
        checked(&entries)
    };
    let told = warning("XdmAmbiguousName");
    let other = with("ihe_xdm/SUBSET01/METADATA.XML", b"<x/>");
    assert_eq!((codes(&other), other.outcome, other.sets.len()), (vec![told], PackageOutcome::All, 1));
    assert_eq!(other.findings[0].file, "ihe_xdm");
    let metadata = with("IHE_XDM/SUBSET01/metadata.xml", b"<x/>");
    assert_eq!((codes(&metadata), &*metadata.sets[0].findings[0].file), (vec![told], "IHE_XDM/SUBSET01/metadata.xml"));
    let empty = with("IHE_XDM/subset01/OTHER.TXT", b"x");
    assert_eq!((codes(&empty), empty.sets.len(), empty.outcome), (vec![told], 1, PackageOutcome::All));
    assert_eq!(empty.sets[0].findings[0].file, "IHE_XDM/subset01");
    let both = with("IHE_XDM/subset01/METADATA.XML", b"<x/>");
    assert_eq!(both.sets.len(), 2, "each is a set");
    assert_eq!(codes(&both), [told, told, error("XdmMetadataMalformed")]);
    let two = renamed(|name| name.replace("IHE_XDM", "Ihe_xdm"));
    let several = [two, vec![ZipEntry::stored("ihe_Xdm/S/METADATA.XML", b"<x/>")]].concat();
    assert_eq!(codes(&checked(&several)), [error("XdmAmbiguousName")], "nobody can say which one is meant");
    let wrapped = renamed(|name| format!("EXPORT/{name}"));
    let wrapped = [wrapped, vec![ZipEntry::stored("EXPORT/ihe_xdm/S/METADATA.XML", b"<x/>")]].concat();
    assert_eq!(codes(&checked(&wrapped)), [warning("XdmWrapped"), told]);
}

#[test]
fn r_32_36_a_wrong_hash_or_size_puts_the_package_into_quarantine() {
    assert!(!checked(&package(|_, _| {})).quarantined);
    assert!(!checked(&package(|doc, _| doc.uri = Some("NONE.TXT".into()))).quarantined, "another fault");
    assert!(checked(&package(|doc, _| doc.hash = Some("0".repeat(40)))).quarantined);
    assert!(checked(&package(|doc, _| doc.size = Some("1".into()))).quarantined);
}
