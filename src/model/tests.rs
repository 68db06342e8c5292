//! What holds for every value type: reading gives back what was written, no text makes a reader panic, and nothing of a
//! patient is printed.

use std::{fmt::Debug, str::FromStr};

use proptest::prelude::*;

use super::*;

fn round_trip<T: FromStr<Err: Debug> + ToString + PartialEq>(value: &T) -> bool {
    value.to_string().parse::<T>().expect("what is written can be read") == *value
}

/// Types that keep what was sent.
fn is_kept<T: FromStr<Err: Debug> + ToString>(text: &str) -> bool {
    text.parse::<T>().expect("a good value").to_string() == text
}

fn oid() -> impl Strategy<Value = Oid> {
    "[0-2](\\.(0|[1-9][0-9]{0,5})){1,8}".prop_map(|text| text.parse().expect("an OID"))
}

fn dtm() -> impl Strategy<Value = String> {
    (0..10_000_u32, 1..=12_u32, 1..=28_u32, 0..24_u32, 0..60_u32, 0..60_u32, 0..6_usize).prop_map(
        |(year, month, day, hour, minute, second, precision)| {
            let mut text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
            text.truncate(4 + 2 * precision);
            text
        },
    )
}

/// A component of HL7 without separators.
const COMPONENT: &str = "[^\\^|&~\\\\\\pC]{1,12}";

fn xcn() -> impl Strategy<Value = String> {
    (COMPONENT, COMPONENT, oid()).prop_map(|(id, name, oid)| format!("{id}^{name}^^^^^^^&{oid}&ISO"))
}

fn xon() -> impl Strategy<Value = String> {
    (COMPONENT, oid(), COMPONENT).prop_map(|(name, oid, id)| format!("{name}^^^^^&{oid}&ISO^^^^{id}"))
}

fn xtn() -> impl Strategy<Value = String> {
    prop_oneof![
        COMPONENT.prop_map(|address| format!("^^Internet^{address}")),
        COMPONENT.prop_map(|number| format!("^PRN^PH^^^^{number}")),
    ]
}

proptest! {
    #[test]
    fn oids(oid in oid()) {
        prop_assert!(round_trip(&oid));
        prop_assert!(round_trip(&HomeCommunityId::new(oid)));
    }

    #[test]
    fn entry_uuids(bytes: [u8; 16]) {
        let uuid = EntryUuid::from_bytes(bytes);
        prop_assert!(round_trip(&uuid));
        let mut written = Vec::new();
        uuid.write_to(&mut written);
        prop_assert_eq!(String::from_utf8(written).unwrap(), uuid.to_string());
        prop_assert_eq!(uuid.to_string().to_uppercase().parse(), Ok(uuid));
    }

    #[test]
    fn object_ids(text in ".{0,40}") {
        if let Ok(id) = text.parse::<ObjectId>() {
            prop_assert!(round_trip(&id));
        }
    }

    #[test]
    fn patient_ids(id in ".{1,30}", oid in oid()) {
        let patient = PatientId::new(&id, oid).unwrap();
        prop_assert!(round_trip(&patient));
        let with_tail: PatientId = format!("{patient}^^^").parse().unwrap();
        prop_assert_eq!(with_tail, patient);
    }

    #[test]
    fn escapes(text in ".{0,30}") {
        let escaped = escape_component(&text);
        prop_assert!(!escaped.contains(['|', '^', '~', '&']));
        let unescaped = unescape_component(&escaped);
        prop_assert_eq!(unescaped.as_deref(), Some(&*text));
    }

    #[test]
    fn times(text in dtm()) {
        let time: Dtm = text.parse().unwrap();
        prop_assert!(is_kept::<Dtm>(&text) && round_trip(&time));
        let earliest: Dtm = time.earliest_text().parse().unwrap();
        prop_assert!(!earliest.is_after(&time) && !time.is_after(&earliest));
        prop_assert!(time.earliest_text().starts_with(&text));
    }

    #[test]
    fn hashes(bytes: [u8; 20]) {
        prop_assert!(round_trip(&Sha1Hash::from_bytes(bytes)));
    }

    #[test]
    fn codes(code in ".{1,20}", scheme in "[^\\^]{1,20}") {
        prop_assert!(round_trip(&CodeValue::new(&code, &scheme).unwrap()));
    }

    #[test]
    fn persons_and_organisations(xcn in xcn(), xon in xon(), xtn in xtn()) {
        prop_assert!(is_kept::<Xcn>(&xcn) && is_kept::<Xon>(&xon) && is_kept::<Xtn>(&xtn));
        let (all, address_only) = (format!("{xon}|{xcn}|{xtn}"), format!("||{xtn}"));
        prop_assert!(is_kept::<IntendedRecipient>(&all) && is_kept::<IntendedRecipient>(&address_only));
    }

    #[test]
    fn reference_ids(id in COMPONENT, oid in oid()) {
        let order = format!("{id}^^^&{oid}&ISO^{}", vocabulary::CXI_ORDER);
        let study = format!("{oid}^^^^{}", vocabulary::CXI_STUDY_INSTANCE_UID);
        prop_assert!(is_kept::<ReferenceId>(&order) && is_kept::<ReferenceId>(&study));
    }

    #[test]
    fn languages_media_types_and_unique_ids(
        tag in "[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,3}",
        media_type in "[a-z]{1,10}/[a-z0-9.+-]{1,20}(; ?[a-z]{1,8}=[a-z0-9]{1,8})?",
        unique_id in "\\PC{1,256}",
    ) {
        prop_assert!(is_kept::<LanguageTag>(&tag));
        prop_assert!(is_kept::<MediaType>(&media_type));
        prop_assert!(is_kept::<DocumentUniqueId>(&unique_id));
    }

    #[test]
    fn source_patient_info(field in 1..=39_u8, data in ".{0,40}") {
        let info: SourcePatientInfo = format!("PID-{field}|{data}").parse().unwrap();
        prop_assert_eq!((info.field, &*info.data), (field, &*data));
    }
}

/// What a reader accepts, it can write and read again; what it refuses has a reason. Nothing panics.
fn survives<T: FromStr<Err: ToString> + ToString + PartialEq + Debug>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => assert_eq!(value.to_string().parse().ok(), Some(value)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[test]
fn any_bytes_are_read_or_refused() {
    bolero::check!().with_iterations(5000).for_each(|input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        survives::<PatientId>(&text);
        survives::<Xcn>(&text);
        survives::<Xon>(&text);
        survives::<Xtn>(&text);
        survives::<IntendedRecipient>(&text);
        survives::<ReferenceId>(&text);
        survives::<Dtm>(&text);
        survives::<Oid>(&text);
        survives::<HomeCommunityId>(&text);
        survives::<EntryUuid>(&text);
        survives::<ObjectId>(&text);
        survives::<CodeValue>(&text);
        survives::<Sha1Hash>(&text);
        survives::<LanguageTag>(&text);
        survives::<MediaType>(&text);
        survives::<DocumentUniqueId>(&text);
        if let Ok(info) = text.parse::<SourcePatientInfo>() {
            assert!((1..=39).contains(&info.field));
        }
    });
}

/// The same with texts that look like CX, XCN and times, so that the rules behind the first are reached.
#[test]
fn anything_alike_is_read_or_refused() {
    let alphabet: Vec<char> = "^^^^&&ISO|~\\.0123456789urn:od-é ".chars().collect();
    bolero::check!().with_iterations(5000).for_each(|input: &[u8]| {
        let text: String = input.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()]).collect();
        for text in [text.clone(), format!("{text}^^^&1.2&ISO"), format!("P1^^^&{text}&ISO"), format!("2024{text}")] {
            survives::<PatientId>(&text);
            survives::<Xcn>(&text);
            survives::<Xon>(&text);
            survives::<Xtn>(&text);
            survives::<IntendedRecipient>(&text);
            survives::<ReferenceId>(&text);
            survives::<Dtm>(&text);
            survives::<CodeValue>(&text);
        }
    });
}

#[test]
fn nothing_of_a_patient_is_printed() {
    const SECRET: &str = "Muster";
    let slot = rim::Slot { name: "sourcePatientInfo".into(), values: vec![format!("PID-5|{SECRET}").into()] };
    let mut object = rim::RegistryObject::new(rim::RimKind::RegistryPackage);
    object.slots.push(slot.clone());
    object.name.push(rim::LocalizedString { value: SECRET.into(), ..Default::default() });
    object.external_identifiers.push(rim::ExternalIdentifier { value: SECRET.into(), ..Default::default() });
    let patient_id = format!("{SECRET}^^^&1.2&ISO");
    let folder = StoredFolder {
        entry_uuid: EntryUuid::from_bytes([0; 16]),
        status: AvailabilityStatus::Approved,
        patient_id: patient_id.as_str().into(),
        home: None,
        last_update_time: "2024".into(),
        logical_id: EntryUuid::from_bytes([0; 16]),
        version: 1,
        body: Body::from_bytes(SECRET.into()),
    };
    let printed = [
        format!("{:?}", patient_id.parse::<PatientId>().unwrap()),
        format!("{:?}", patient_id.parse::<ReferenceId>()),
        format!("{:?}", format!("{SECRET}^^^NS^x").parse::<ReferenceId>().unwrap()),
        format!("{:?}", format!("^{SECRET}").parse::<Xcn>().unwrap()),
        format!("{:?}", format!("^^Internet^{SECRET}").parse::<Xtn>().unwrap()),
        format!("{:?}", format!("|^{SECRET}").parse::<IntendedRecipient>().unwrap()),
        format!("{:?}", format!("PID-5|{SECRET}").parse::<SourcePatientInfo>().unwrap()),
        format!("{:?}", stored_query::LikePattern(SECRET.into())),
        format!("{:?}", Finding::error(XdsErrorCode::RegistryError, "R-1", SECRET)),
        format!("{slot:?} {object:?}"),
        format!("{:?}", StoredObject::Folder(folder)),
    ];
    for text in printed {
        assert!(!text.contains(SECRET), "{text}");
    }
}
