//! Elements of ebRIM in any nesting, mostly where they belong, so that the reader gets far.

use std::fmt::Write as _;

use super::{answer, read};

/// Each with its attributes and what it may hold.
const ELEMENTS: [(&str, &str, &[usize]); 14] = [
    ("RegistryObjectList", "", &[1, 2, 3, 9]),
    ("ExtrinsicObject", " id='a' mimeType='b' objectType='c' status='d' home='e' lid='f'", &[4, 7, 8, 9, 10, 11]),
    ("RegistryPackage", " id='&lt;'", &[4, 7, 8, 9, 10, 11]),
    ("Association", " id='a' sourceObject='b' targetObject='c' associationType='d'", &[4, 7, 9]),
    ("Slot", " name='a'", &[5]),
    ("ValueList", "", &[6]),
    ("Value", "", &[]),
    ("Name", "", &[12]),
    ("Description", "", &[12]),
    ("Classification", " id='' classifiedObject='b' classificationNode='c' nodeRepresentation='d'", &[4, 7, 8, 10]),
    ("ExternalIdentifier", " identificationScheme='a' registryObject='b' value='c'", &[7, 8, 4]),
    ("VersionInfo", " versionName='1.1'", &[]),
    ("LocalizedString", " xml:lang='nl' charset='UTF-8' value='a &amp; b'", &[]),
    ("p:other", " xmlns:p='urn:p' p:q='r'", &[1, 4]),
];

/// Each octet opens an element, closes one or writes text; one in sixteen opens what does not belong there.
fn markup(octets: &[u8]) -> String {
    let (mut text, mut open) = (String::new(), vec![0]);
    for octet in octets {
        let (action, choice) = (octet % 16, usize::from(octet / 16));
        let parent = *open.last().expect("the list stays open");
        let child = match action {
            0 => Some(choice % (ELEMENTS.len() - 1) + 1),
            1..=8 => ELEMENTS[parent].2.get(choice % ELEMENTS[parent].2.len().max(1)).copied(),
            9 => {
                text.push_str(["\n", " ", "x", "<![CDATA[<y]]>", "&#233;", "<!-- z -->"][choice % 6]);
                continue;
            }
            _ => None,
        };
        if let Some(child) = child {
            let (name, attributes, _) = ELEMENTS[child];
            write!(text, "<{name}{attributes}>").expect("a String takes any text");
            open.push(child);
        } else if parent != 0 {
            open.pop();
            write!(text, "</{}>", ELEMENTS[parent].0).expect("a String takes any text");
        }
    }
    open.iter().skip(1).rev().for_each(|element| text.push_str(&format!("</{}>", ELEMENTS[*element].0)));
    text
}

#[test]
fn whatever_is_read_can_be_answered_and_the_answer_read() {
    bolero::check!().with_iterations(3000).for_each(|octets: &[u8]| {
        let text = markup(octets);
        for object in read(&text).map(|list| list.objects).unwrap_or_default() {
            let answer = answer(&object);
            assert!(read(&answer).is_ok(), "{text} {answer}");
        }
    });
}

#[test]
fn the_nesting_gets_far() {
    let text = markup(&[0x11, 0x01, 0x01, 0x01, 0x29, 0x0f, 0x0f, 0x0f]);
    assert!(
        text.ends_with("<Slot name='a'><ValueList><Value>x</Value></ValueList></Slot></RegistryPackage>"),
        "{text}"
    );
    assert_eq!(read(&text).unwrap().objects[0].slots[0].values, ["x".into()]);
}
