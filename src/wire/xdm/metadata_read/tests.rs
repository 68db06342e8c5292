//! Section 13 and H-29, as far as METADATA.XML is concerned.

use super::*;
use crate::model::xdm::Weight;

const HEAD: &str = r#"<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
    xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"><rim:RegistryObjectList>"#;
const TAIL: &str = "</rim:RegistryObjectList></lcm:SubmitObjectsRequest>";

fn whole(objects: &str) -> String {
    format!("{HEAD}{objects}{TAIL}")
}

fn read(octets: &[u8]) -> Result<MetadataFile, &'static str> {
    read_metadata(octets, "METADATA.XML", &PackageTolerances::default()).map_err(|finding| finding.code.as_str())
}

fn codes(text: &str, tolerances: &PackageTolerances) -> Vec<(&'static str, Weight)> {
    let file = read_metadata(text.as_bytes(), "METADATA.XML", tolerances).expect("can be read");
    file.findings.iter().map(|finding| (finding.code.as_str(), finding.weight)).collect()
}

const ENTRY: &str = r#"<rim:ExtrinsicObject id="urn:uuid:0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e4d01" mimeType="text/plain">
    <rim:Slot name="URI"><rim:ValueList><rim:Value>DOC00001.TXT</rim:Value></rim:ValueList></rim:Slot>
</rim:ExtrinsicObject>"#;

#[test]
fn r_32_12_forms_of_the_file() {
    let text = whole(ENTRY);
    let plain = read(text.as_bytes()).expect("in order");
    assert_eq!((plain.submit.objects.len(), plain.findings.len()), (1, 0));
    let bom = [b"\xEF\xBB\xBF".to_vec(), text.clone().into_bytes()].concat();
    let utf_16 = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let stylesheet = format!("<?xml version=\"1.0\"?><?xml-stylesheet href=\"http://x/y.xsl\"?>{text}").into_bytes();
    let unprefixed = text.replace("<rim:", "<").replace("</rim:", "</").replace("xmlns:rim", "xmlns").into_bytes();
    for (what, octets) in
        [("BOM", bom), ("UTF-16", utf_16), ("stylesheet", stylesheet), ("default namespace", unprefixed)]
    {
        assert_eq!(read(&octets).as_ref(), Ok(&plain), "{what}");
    }
}

#[test]
fn h_29_what_is_no_metadata() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
    let external = "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">";
    let attribute = whole(&format!("<rim:ExtrinsicObject id=\"{}\"/>", "a".repeat(20 << 10)));
    let text = whole(&format!(
        "<rim:ExtrinsicObject><rim:Slot name=\"x\"><rim:ValueList><rim:Value>{}</rim:Value></rim:ValueList></rim:Slot>\
         </rim:ExtrinsicObject>",
        "a".repeat(2 << 20)
    ));
    let deep = whole(&"<rim:RegistryPackage>".repeat(100));
    for (what, octets) in [
        ("DOCTYPE", format!("{bomb}{}", whole(ENTRY))),
        ("external entity", format!("{external}{}", whole(ENTRY))),
        ("unknown entity", whole("&x;")),
        ("huge attribute", attribute),
        ("huge text", text),
        ("depth", deep),
        ("cut off", whole(ENTRY).replace(TAIL, "")),
        ("something after", format!("{}<x/>", whole(ENTRY))),
        ("empty", String::new()),
        ("another root", "<html/>".to_owned()),
        (
            "an envelope",
            format!("<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\">{}</s:Envelope>", whole(ENTRY)),
        ),
    ] {
        assert_eq!(read(octets.as_bytes()).err(), Some("XdmMetadataMalformed"), "{what}");
    }
    assert_eq!(read(b"\xFF\xFF").err(), Some("XdmMetadataMalformed"));
}

#[test]
fn h_29_ebrim_2_1_is_named() {
    for namespace in ["urn:oasis:names:tc:ebxml-regrep:registry:xsd:2.1", "urn:oasis:names:tc:ebxml-regrep:rim:xsd:2.1"]
    {
        let old =
            format!("<SubmitObjectsRequest xmlns=\"{namespace}\"><LeafRegistryObjectList/></SubmitObjectsRequest>");
        assert_eq!(read(old.as_bytes()).err(), Some("XdmMetadataVersion"), "{namespace}");
    }
}

#[test]
fn a_fault_names_its_place() {
    let text = whole(&format!("{ENTRY}<rim:ExtrinsicObject><rim:Wrong/></rim:ExtrinsicObject>"));
    let finding = read_metadata(text.as_bytes(), "F", &PackageTolerances::default()).expect_err("misplaced");
    assert_eq!((&*finding.file, &*finding.place), ("F", "SubmitObjectsRequest/RegistryObjectList/ExtrinsicObject[2]"));
}

#[test]
fn section_13_a_slot_with_an_empty_value_is_absent() {
    let empty = ENTRY.replace("DOC00001.TXT", " ");
    let file = read(whole(&empty).as_bytes()).expect("can be read");
    assert!(file.submit.objects[0].slots.is_empty());
    assert_eq!(codes(&whole(&empty), &PackageTolerances::default()), [("XdmEmptySlot", Weight::Warning)]);
    let strict = PackageTolerances { empty_slots: false, ..PackageTolerances::default() };
    assert_eq!(codes(&whole(&empty), &strict), []);
}

#[test]
fn r_32_37_a_uri_attribute_stands_for_the_slot() {
    let attribute = "<rim:ExtrinsicObject id=\"urn:uuid:0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e4d01\" uri=\"A&amp;B.TXT\"/>";
    let both = ENTRY.replace("mimeType", "uri=\"OTHER.TXT\" mimeType");
    let text = whole(&format!("{both}{attribute}"));
    let file = read(text.as_bytes()).expect("can be read");
    let uri = |index: usize| file.submit.objects[index].slot("URI").expect("a slot").values[0].clone();
    assert_eq!([uri(0), uri(1)], ["DOC00001.TXT".into(), "A&B.TXT".into()], "a slot wins over the attribute");
    assert_eq!(codes(&text, &PackageTolerances::default()), [("XdmUriAttribute", Weight::Warning)]);
    let strict = PackageTolerances { uri_attribute: false, ..PackageTolerances::default() };
    assert_eq!(codes(&text, &strict), []);
}

#[test]
fn r_32_18_symbolic_ids_and_bare_uuids() {
    for id in ["Document01", "0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e4d01"] {
        let text = whole(&ENTRY.replace("urn:uuid:0d6f1b7e-4c1f-4a53-9d0b-6a1c2f3e4d01", id));
        assert_eq!(codes(&text, &PackageTolerances::default()), [("XdmSymbolicId", Weight::Warning)], "{id}");
        let strict = PackageTolerances { symbolic_ids: false, ..PackageTolerances::default() };
        assert_eq!(codes(&text, &strict), [("XdmSymbolicId", Weight::Error)], "{id}");
    }
}

#[test]
fn r_32_53_no_octets_make_the_reader_fail_otherwise_than_by_a_code() {
    bolero::check!().with_iterations(3_000).for_each(|octets: &[u8]| {
        let _ = read(octets);
    });
    let seed = whole(ENTRY).into_bytes();
    bolero::check!().with_iterations(3_000).with_type::<Vec<(u16, u8)>>().for_each(|changes| {
        let mut octets = seed.clone();
        for (at, value) in changes {
            let at = usize::from(*at) % octets.len();
            octets[at] = *value;
        }
        let _ = read(&octets);
    });
}
