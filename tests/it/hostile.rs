//! Rows of the table of hostile input (spec security, section 5) that need a server of their own or look at more than one
//! answer. The others are in `bad_input`.

use std::{
    fs, io,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;

use crate::{
    harness::{
        Query, TestServer,
        calls::{include, provide_xml},
        http::{Connection, post_head},
        plain,
        sample::{self, Submission, names::DE_AUTHOR},
        scratch,
        servers::Store,
        soap::{self, Part, Transaction},
    },
    iti41,
    layers::rust_files,
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_in_04_large_parts_lie_in_a_private_folder_and_go_with_their_request,
        s_in_12_a_huge_text_is_a_fault,
        s_in_22_no_address_in_a_message_is_visited,
        s_in_24_markup_of_a_sender_stays_text,
        s_in_31_maps_are_hashed_at_random,
    ]
    .into()
}

const DEADLINE: Duration = Duration::from_secs(60);

fn server(settings: &[(&str, &str)]) -> TestServer {
    let prepared = TestServer::prepare(Store::Sqlite).expect("a directory");
    settings.iter().fold(prepared, |prepared, (key, value)| prepared.setting(key, value)).start().expect("it starts")
}

fn s_in_04_large_parts_lie_in_a_private_folder_and_go_with_their_request() {
    let server = server(&[]);
    let data = &server.prepared.data;
    let incoming = || {
        let files = scratch::files_below(&data.join("documents").join("tmp"));
        files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum::<u64>()
    };
    let patient = sample::patient();
    let document = sample::provided(&patient);
    let submission = Submission::with(&patient, &[&document]);
    let body = provide_xml(&submission, &[(&document.id(), include("cid:one@test.invalid"))]);
    let root = Part::root(&soap::envelope(Transaction::Iti41.action(), &sample::uuid(), &body));
    let package = soap::package(&[root, Part::new("one@test.invalid", "text/plain", &vec![b'x'; 8 << 20])]);
    let content_type = soap::mtom_content_type(Transaction::Iti41.action());
    let head = post_head(&server.address, "/xds/repository", &content_type, package.len());
    let mut connection = Connection::open(&server.address).expect("connected");
    connection.send(&[head.as_bytes(), &package[..6 << 20]].concat()).expect("sent");
    let began = Instant::now();
    while incoming() < 1 << 20 {
        assert!(began.elapsed() < DEADLINE, "{} octets lie there", incoming());
        server.query(&Query::find_documents(&patient)).expect_success();
    }
    for folder in [data.join("documents"), data.join("documents").join("tmp")] {
        let mode = fs::metadata(&folder).expect("a folder").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is for nobody else", folder.display());
    }
    drop(connection);
    while incoming() > 0 {
        assert!(began.elapsed() < DEADLINE, "{} octets still lie there", incoming());
        server.query(&Query::find_documents(&patient)).expect_success();
    }
    assert_eq!(server.query(&Query::find_documents(&patient)).expect_success().objects().len(), 0);
}

fn s_in_12_a_huge_text_is_a_fault() {
    let server = server(&[("limits.xml_text", "64 KiB")]);
    let patient = sample::patient();
    let send = |octets: usize| {
        let document = sample::provided(&patient);
        let content = "QUFB".repeat(octets / 4);
        let body = provide_xml(&Submission::with(&patient, &[&document]), &[(&document.id(), content)]);
        server.simple(Transaction::Iti41, &body)
    };
    send(64 << 10).expect_success();
    let reason = send((64 << 10) + 4).expect_fault(400, "Sender", "");
    assert!(reason.contains("65536"), "{reason}");
}

fn s_in_22_no_address_in_a_message_is_visited() {
    let trap = TcpListener::bind("127.0.0.1:0").expect("a port");
    trap.set_nonblocking(true).expect("it can");
    let url = format!("http://{}/trap", trap.local_addr().expect("an address"));
    let server = server(&[]);
    let patient = sample::patient();
    let document = sample::provided(&patient).slot("URI", &[&url]).slot("urn:example:link", &[&url]);
    let cda = format!(
        "<?xml-stylesheet type=\"text/xsl\" href=\"{url}\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"urn:hl7-org:v3 {url}\">\
         <text><reference value=\"{url}\"/></text></ClinicalDocument>"
    );
    let elements = [(&*document.id(), include("cid:one@test.invalid"))];
    let body = provide_xml(&Submission::with(&patient, &[&document]), &elements);
    let located = format!(
        "<xds:ProvideAndRegisterDocumentSetRequest xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"urn:ihe:iti:xds-b:2007 {url}\""
    );
    let body = body.replace("<xds:ProvideAndRegisterDocumentSetRequest", &located);
    let part = Part::new("one@test.invalid", "text/xml", cda.as_bytes());
    server.mtom(Transaction::Iti41, &body, &[part]).expect_success();
    assert_eq!(iti41::fetch(&server, &patient, &document).1, cda.as_bytes());
    // An Include that is an address is no part (R-SOAP-05).
    let other = sample::provided(&patient);
    let body = provide_xml(&Submission::with(&patient, &[&other]), &[(&other.id(), include(&url))]);
    server.mtom(Transaction::Iti41, &body, &[]).expect_refused("XDSMissingDocument", &["cid"]);
    let visited = trap.accept().map(|(_, peer)| peer);
    assert!(visited.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock), "somebody came");
}

fn s_in_24_markup_of_a_sender_stays_text() {
    let server = server(&[]);
    let odd = "\"/><rs:RegistryError errorCode='x'/><!-- ]]> \u{2028} &amp; '";
    let answer = server.query(&Query::new(odd));
    answer.expect_refused("XDSUnknownStoredQuery", &[odd]);
    let patient = sample::patient();
    let document = sample::document(&patient)
        .named(Some(odd))
        .slot("urn:example:odd", &[odd])
        .author(DE_AUTHOR, &[("authorInstitution", &["A \"B\" <C> & 'D'"])]);
    server.register(&Submission::with(&patient, &[&document])).expect_success();
    let found = server.query(&Query::find_documents(&patient)).expect_success().objects();
    assert_eq!((found.len(), found[0].name.as_deref(), found[0].value("urn:example:odd")), (1, Some(odd), Some(odd)));
}

fn s_in_31_maps_are_hashed_at_random() {
    // Only the standard library's maps with their random keys are used; any other hasher must be named in the source.
    let words = ["BuildHasherDefault", "with_hasher", "DefaultHasher", "ahash", "fxhash", "FxHash", "rustc_hash"];
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src);
    assert!(files.len() > 100, "{} files", files.len());
    for file in files {
        let text = fs::read_to_string(&file).expect("source can be read");
        let found: Vec<_> = words.iter().filter(|word| text.contains(*word)).collect();
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}
