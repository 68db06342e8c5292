//! How fast ebRIM is read and answered: ITI-42 with 20 entries against bare events of the same text, and the bodies of 20
//! entries turned into an ITI-18 answer. Times are to be compared within one run only.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use knoop::{
    model::{
        AvailabilityStatus, DocumentEntryType, EntryUuid, QueryAnswer, RegistryResponse, StoredEntry, StoredObject,
        rim::SubmitObjectsRequest,
    },
    wire::{
        ebrim::body::{self, AnswerStyle},
        guard::{Event, XmlLimits, XmlReader},
        xds::{iti18, iti42},
    },
};

const ENTRIES: usize = 20;

/// Scheme, code, coding scheme and name of the coded attributes of an entry.
const CODES: [[&str; 4]; 7] = [
    ["urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", "SUMMARIES", "1.3.6.1.4.1.19376.1.2.6.1", "Summaries"],
    ["urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", "N", "2.16.840.1.113883.5.25", "Normal"],
    ["urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", "CT", "1.2.840.10008.2.16.4", "Computed Tomography"],
    [
        "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d",
        "urn:ihe:iti:xds-sd:pdf:2008",
        "1.3.6.1.4.1.19376.1.2.3",
        "PDF in CDA",
    ],
    ["urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", "35971002", "2.16.840.1.113883.6.96", "Ambulatory care site"],
    ["urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", "394585009", "2.16.840.1.113883.6.96", "Gynaecology"],
    ["urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", "18842-5", "2.16.840.1.113883.6.1", "Discharge summary"],
];

const SLOTS: [(&str, &str); 10] = [
    ("creationTime", "20130728101500"),
    ("languageCode", "nl-NL"),
    ("serviceStartTime", "201307280915"),
    ("serviceStopTime", "201307280945"),
    ("sourcePatientId", "999000007^^^&amp;2.16.840.1.113883.2.4.6.3&amp;ISO"),
    ("sourcePatientInfo", "PID-5|Voorbeeld^K^^^^</rim:Value><rim:Value>PID-7|19560527</rim:Value><rim:Value>PID-8|F"),
    ("urn:ihe:iti:xds:2013:referenceIdList", "ACC037715273^^^&amp;2.999.3&amp;ISO^urn:ihe:iti:xds:2013:accession"),
    ("hash", "23ca36421aa2976c6029905d7a3435c85c208d6f"),
    ("size", "4250100"),
    ("repositoryUniqueId", "2.999.900001.1"),
];

fn slot(name: &str, values: &str) -> String {
    format!(r#"<rim:Slot name="{name}"><rim:ValueList><rim:Value>{values}</rim:Value></rim:ValueList></rim:Slot>"#)
}

fn name(value: &str) -> String {
    format!(r#"<rim:Name><rim:LocalizedString xml:lang="nl-NL" charset="UTF-8" value="{value}"/></rim:Name>"#)
}

fn entry(number: usize) -> String {
    let author: String = [
        ("authorPerson", "030835242^Bos^A^^^drs.^^^&amp;2.16.528.1.1007.3.1&amp;ISO"),
        ("authorInstitution", "Ziekenhuis Noord^^^^^&amp;2.16.528.1.1007.3.3&amp;ISO^^^^00900001"),
        ("authorRole", "Radioloog"),
        ("authorSpecialty", "Radiologie"),
    ]
    .iter()
    .map(|(name, value)| slot(name, value))
    .collect();
    let classification = |scheme: &str, code: &str, content: &str| {
        format!(
            r#"<rim:Classification id="c" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification" classificationScheme="{scheme}" classifiedObject="Document{number:02}" nodeRepresentation="{code}">{content}</rim:Classification>"#
        )
    };
    let identifier = |scheme: &str, value: &str, fixed: &str| {
        format!(
            r#"<rim:ExternalIdentifier id="i" objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier" registryObject="Document{number:02}" identificationScheme="{scheme}" value="{value}">{}</rim:ExternalIdentifier>"#,
            name(fixed)
        )
    };
    let mut text = format!(
        r#"<rim:ExtrinsicObject id="Document{number:02}" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1" mimeType="application/pdf">"#
    );
    text.extend(SLOTS.iter().map(|(name, values)| slot(name, values)));
    text += &name("Ontslagbrief");
    text += &classification("urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d", "", &author);
    text.extend(CODES.iter().map(|[scheme, code, coding_scheme, display]| {
        classification(scheme, code, &(slot("codingScheme", coding_scheme) + &name(display)))
    }));
    text += &identifier(
        "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
        "999000007^^^&amp;2.16.840.1.113883.2.4.6.3&amp;ISO",
        "XDSDocumentEntry.patientId",
    );
    text += &identifier(
        "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab",
        &format!("2.25.9043254622502891535011649073257159{number:02}"),
        "XDSDocumentEntry.uniqueId",
    );
    text + "</rim:ExtrinsicObject>"
}

fn request() -> String {
    let entries: String = (1..=ENTRIES).map(entry).collect();
    format!(
        r#"<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"><rim:RegistryObjectList>{entries}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"#
    )
}

fn read(text: &str) -> SubmitObjectsRequest {
    let mut reader = XmlReader::new(text, &XmlLimits::default());
    assert!(matches!(reader.next(), Ok(Event::Start(_))));
    iti42::read_request(&mut reader).expect("the sample is well-formed ebRIM")
}

fn count_bare_events(text: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut count = 0;
    while !matches!(reader.read_event().expect("the sample is well-formed"), quick_xml::events::Event::Eof) {
        count += 1;
    }
    count
}

fn count_guarded_events(text: &str) -> usize {
    let mut reader = XmlReader::new(text, &XmlLimits::default());
    let mut count = 0;
    loop {
        match reader.next().expect("the sample is well-formed") {
            Event::Eof => return count,
            Event::Start(element) => reader.recycle(element),
            _ => {}
        }
        count += 1;
    }
}

fn stored(request: &SubmitObjectsRequest) -> QueryAnswer {
    let mut fresh = || EntryUuid::from_bytes([7; 16]);
    let entry = |object| {
        StoredObject::DocumentEntry(StoredEntry {
            entry_uuid: EntryUuid::from_bytes([1; 16]),
            status: AvailabilityStatus::Approved,
            object_type: DocumentEntryType::Stable,
            patient_id: "999000007^^^&2.16.840.1.113883.2.4.6.3&ISO".into(),
            home: None,
            repository_unique_id: "2.999.900001.1".parse().expect("an OID"),
            availability: None,
            logical_id: EntryUuid::from_bytes([1; 16]),
            version: 1,
            body: body::encode(object, &mut fresh),
        })
    };
    QueryAnswer::LeafClass(request.objects.iter().map(entry).collect())
}

fn answer(objects: &QueryAnswer, out: &mut Vec<u8>) {
    out.clear();
    iti18::write_response(out, &RegistryResponse::success(), objects, &AnswerStyle::default())
        .expect("the bodies were just made");
}

fn codec(criterion: &mut Criterion) {
    let text = request();
    let mut group = criterion.benchmark_group("iti42, 20 entries");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("bare quick-xml events", |b| b.iter(|| count_bare_events(&text)));
    group.bench_function("events with limits and namespaces", |b| b.iter(|| count_guarded_events(&text)));
    group.bench_function("ebRIM read", |b| b.iter(|| read(&text)));
    let request = read(&text);
    group.bench_function("bodies encoded", |b| b.iter(|| stored(&request)));
    group.finish();

    let objects = stored(&request);
    let mut out = Vec::new();
    answer(&objects, &mut out);
    let mut group = criterion.benchmark_group("iti18 LeafClass, 20 entries");
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function("bodies answered", |b| b.iter(|| answer(&objects, &mut out)));
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
