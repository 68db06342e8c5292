//! The pick-up page, as an addressee's browser meets it, and the sender's commands.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::harness::{
    TestServer,
    http::{Connection, Response},
    sample, scratch,
    servers::{Prepared, Store},
    tls::Client,
    trail, trials,
};

/// A test that has a store of its own.
type OnStore = fn(Store);

pub fn trials() -> Vec<Trial> {
    let own: [(&'static str, OnStore); 11] = [
        ("s_tls_31_the_right_code_opens_the_package_once", right),
        ("s_tls_31_five_wrong_codes_lock_and_a_new_code_unlocks", locked),
        ("s_tls_31_many_guesses_at_once_are_no_more_guesses", at_once),
        ("s_tls_34_the_right_code_twice_at_once_is_recorded_twice", raced),
        ("who_is_in_and_sends_the_code_again_stays_in", again),
        ("s_tls_34_what_expired_or_was_taken_back_is_gone", gone),
        ("s_tls_33_no_script_no_cache_no_names", headers),
        ("s_tls_30_too_many_requests_of_one_address_wait", rate),
        ("s_tls_34_every_download_is_recorded_whatever_its_range", recorded),
        ("r_32_41_offer_and_download_tell_the_patient_and_the_set", about),
        ("r_32_60_a_download_goes_on_where_it_broke_off", resumed),
    ];
    own.into_iter().flat_map(|(name, test)| trials::own(module_path!(), name, test)).collect()
}

pub const PATIENT: &str = "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO";

/// A package of one document about an invented patient.
pub fn package() -> PathBuf {
    package_of(2_000)
}

/// The same with a document of so many lines, which compress to half their length.
pub fn package_of(lines: usize) -> PathBuf {
    let folder = scratch::directory(&format!("mailed-{}", sample::number()));
    fs::create_dir_all(folder.join("scans")).expect("room");
    let text: String = (0..lines).map(|_| format!("{:016x}\n", sample::number())).collect();
    fs::write(folder.join("scans/letter.txt"), text).expect("room");
    let all = format!("[all]\npatient = \"{PATIENT}\"\ntype = \"18748-4\"\npatient_info = [\"PID-5|Fictief^Ada\"]\n");
    fs::write(folder.join("all.toml"), all).expect("room");
    let made = Command::new(env!("CARGO_BIN_EXE_knoop"))
        .args(["xdm", "pack", "XDM.ZIP", "--files", "scans", "--metadata", "all.toml"])
        .current_dir(&folder)
        .output()
        .expect("the program runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder.join("XDM.ZIP")
}

pub fn prepared(store: Store) -> Prepared {
    let prepared = TestServer::prepare(store).expect("a store").with_tls();
    let file = |name: &str| prepared.pki_file(name).display().to_string();
    let (certificate, key) = (file("server.pem"), file("server.key"));
    prepared
        .setting("pickup.listen", "127.0.0.1:0")
        .setting("pickup.url", "https://pickup.example")
        .setting("pickup.certificate_file", &certificate)
        .setting("pickup.key_file", &key)
        .setting("pickup.requests_per_minute", "1000")
        .setting("email.institution", "Ziekenhuis <Voorbeeld>")
}

pub fn knoop(prepared: &Prepared, arguments: &[&str]) -> Output {
    let data = prepared.data.display().to_string();
    let arguments: Vec<&str> = ["xdm"].iter().chain(arguments).chain(&["--data", &data]).copied().collect();
    prepared.command(&arguments).output().expect("the program runs")
}

#[track_caller]
pub fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A package on the page.
struct Offered {
    id: String,
    code: String,
}

fn offer(server: &TestServer, package: &Path) -> Offered {
    let arguments = ["offer", &package.display().to_string(), "--to", "Kliniek Voorbeeld", "--json"];
    let offered = json(&knoop(&server.prepared, &arguments));
    let text = |key: &str| offered[key].as_str().expect("a text").to_owned();
    assert_eq!(text("link"), format!("https://pickup.example/p/{}", text("id")));
    Offered { id: text("id"), code: text("code") }
}

fn ask(server: &TestServer, request: &str) -> Response {
    let address = server.pickup.as_deref().expect("the page is on");
    let mut connection = Connection::over(Client::anonymous().connect(address).expect("TLS without certificate"));
    connection.send(request.as_bytes()).expect("sent");
    connection.receive().expect("an answer")
}

fn get(server: &TestServer, path: &str, more: &str) -> Response {
    ask(server, &format!("GET {path} HTTP/1.1\r\nHost: pickup.example\r\n{more}\r\n"))
}

fn post(server: &TestServer, id: &str, code: &str) -> Response {
    post_holding(server, id, code, "")
}

fn post_holding(server: &TestServer, id: &str, code: &str, cookie: &str) -> Response {
    let body = format!("code={code}");
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let head = format!("POST /p/{id} HTTP/1.1\r\nHost: pickup.example\r\n{cookie}{kind}\r\n");
    ask(server, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))
}

/// The Cookie header of whoever gave the right code.
#[track_caller]
fn opened(server: &TestServer, offered: &Offered) -> String {
    let answer = post(server, &offered.id, &offered.code.to_lowercase());
    assert_eq!(answer.status, 303, "{}", answer.text());
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    for wanted in ["__Secure-pickup=", "HttpOnly", "SameSite=Strict", "Secure"] {
        assert!(cookie.contains(wanted), "{cookie}");
    }
    assert!(cookie.contains(&format!("Path=/p/{}", offered.id)), "{cookie}");
    format!("Cookie: {}\r\n", cookie.split(';').next().expect("a value"))
}

fn zip_path(offered: &Offered) -> String {
    format!("/p/{}/XDM.ZIP", offered.id)
}

/// The events of the page: EventID, EventTypeCode, outcome; oldest first.
fn told(server: &TestServer) -> Vec<(String, String, String)> {
    let all = trail::events(server, &[]);
    let is_of_page = |event: &&Value| {
        event["objects"].as_array().is_some_and(|objects| {
            objects.iter().any(|object| object["id"].as_str().is_some_and(|id| id.starts_with("urn:knoop:pickup:")))
        })
    };
    let short = |event: &Value| {
        let (id, _, kind, outcome) = trail::kind(event);
        (id.to_owned(), kind.to_owned(), outcome.to_owned())
    };
    all.iter().filter(is_of_page).map(short).collect()
}

fn has(told: &[(String, String, String)], id: &str, kind: &str, outcome: &str) -> bool {
    told.iter().any(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()) == (id, kind, outcome))
}

fn right(store: Store) {
    let server = prepared(store).start().expect("a server");
    let package = package();
    let offered = offer(&server, &package);
    let form = get(&server, &format!("/p/{}", offered.id), "Accept-Language: en-GB,nl;q=0.5\r\n");
    assert_eq!(form.status, 200);
    assert!(form.text().contains("<html lang=\"en\">") && form.text().contains("Ziekenhuis &lt;Voorbeeld&gt;"));
    assert_eq!(get(&server, &zip_path(&offered), "").status, 403, "no code, no package");
    let cookie = opened(&server, &offered);
    let page = get(&server, &format!("/p/{}", offered.id), &cookie);
    assert!(page.text().contains(&zip_path(&offered)), "{}", page.text());
    let fetched = get(&server, &zip_path(&offered), &cookie);
    assert_eq!(fetched.status, 200);
    assert_eq!(fetched.header("content-type"), Some("application/zip"));
    assert_eq!(fetched.header("content-disposition"), Some("attachment; filename=\"XDM.ZIP\""));
    assert!(fetched.body == fs::read(&package).expect("a package"), "the octets of the package");
    // The code is used; nobody else gets in with it.
    let again = post(&server, &offered.id, &offered.code);
    assert_eq!(again.status, 410, "{}", again.text());
    assert!(again.header("set-cookie").is_none());
    let other = format!("Cookie: __Secure-pickup={}\r\n", "0".repeat(64));
    assert_eq!(get(&server, &zip_path(&offered), &other).status, 410);
    let told = told(&server);
    assert!(has(&told, "110106", "ITI-32", "Success"), "offered, and fetched: {told:?}");
    assert!(has(&told, "110114", "110122", "Success"), "{told:?}");
    assert!(has(&told, "110114", "110122", "Serious"), "{told:?}");
    let listed = json(&knoop(&server.prepared, &["offers", "--json"]));
    assert_eq!(
        (listed[0]["state"].as_str(), listed[0]["recipient"].as_str()),
        (Some("opened"), Some("Kliniek Voorbeeld"))
    );
    let visits: Vec<&str> =
        listed[0]["visits"].as_array().expect("visits").iter().filter_map(|visit| visit["what"].as_str()).collect();
    assert!(visits.contains(&"right code") && visits.contains(&"download"), "{visits:?}");
    trail::is_whole(&server.prepared);
}

fn locked(store: Store) {
    let server = prepared(store).start().expect("a server");
    let offered = offer(&server, &package());
    for left in (1..5).rev() {
        let wrong = post(&server, &offered.id, "ABCDE-FGHJK");
        assert_eq!(wrong.status, 403);
        assert!(wrong.text().contains(&format!("Pogingen over: {left}.")), "{}", wrong.text());
    }
    let last = post(&server, &offered.id, "nonsense");
    assert!(last.status == 403 && last.text().contains("vergrendeld"), "{}", last.text());
    let right = post(&server, &offered.id, &offered.code);
    assert_eq!((right.status, right.header("set-cookie")), (403, None), "{}", right.text());
    let told = told(&server);
    assert_eq!(told.iter().filter(|(id, _, outcome)| id == "110114" && outcome == "Minor").count(), 5, "{told:?}");
    assert!(has(&told, "110114", "110122", "Serious"), "{told:?}");
    assert_eq!(json(&knoop(&server.prepared, &["offers", "--json"]))[0]["state"], "locked");
    let renewed = knoop(&server.prepared, &["offers", "--new-code", &offered.id]);
    assert!(renewed.status.success());
    assert_eq!(post(&server, &offered.id, &offered.code).status, 403, "the old code is nothing any more");
    let code = String::from_utf8_lossy(&renewed.stdout).trim().to_owned();
    opened(&server, &Offered { code, ..offered });
}

fn at_once(store: Store) {
    let server = prepared(store).start().expect("a server");
    let offered = offer(&server, &package());
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| assert_eq!(post(&server, &offered.id, "ABCDE-FGHJK").status, 403));
        }
    });
    assert_eq!(json(&knoop(&server.prepared, &["offers", "--json"]))[0]["state"], "locked");
    assert_eq!(post(&server, &offered.id, &offered.code).status, 403);
}

fn raced(store: Store) {
    let server = prepared(store).start().expect("a server");
    let offered = offer(&server, &package());
    let (visitors, start) = (4, std::sync::Barrier::new(4));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let visit = || {
            start.wait();
            post(&server, &offered.id, &offered.code).status
        };
        let all: Vec<_> = (0..visitors).map(|_| scope.spawn(visit)).collect();
        all.into_iter().map(|visitor| visitor.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 410).count(), visitors - 1, "{statuses:?}");
    let told = told(&server);
    assert_eq!(told.iter().filter(|(id, ..)| id == "110114").count(), visitors, "{told:?}");
    assert_eq!(told.iter().filter(|(id, _, outcome)| id == "110114" && outcome == "Serious").count(), visitors - 1);
    let listed = json(&knoop(&server.prepared, &["offers", "--json"]));
    assert_eq!(listed[0]["visits"].as_array().map(Vec::len), Some(visitors), "{listed}");
}

fn again(store: Store) {
    let server = prepared(store).start().expect("a server");
    let offered = offer(&server, &package());
    let cookie = opened(&server, &offered);
    for code in [&*offered.code, "ABCDE-FGHJK"] {
        let answer = post_holding(&server, &offered.id, code, &cookie);
        let place = format!("/p/{}", offered.id);
        assert_eq!((answer.status, answer.header("location")), (303, Some(&*place)), "{}", answer.text());
        assert_eq!(answer.header("set-cookie"), None, "what it holds stays good");
    }
    assert_eq!(get(&server, &zip_path(&offered), &cookie).status, 200);
    let other = format!("Cookie: __Secure-pickup={}\r\n", "0".repeat(64));
    assert_eq!(post_holding(&server, &offered.id, &offered.code, &other).status, 410, "nobody else gets in");
}

fn gone(store: Store) {
    let server = prepared(store).setting("pickup.expires", "1 ms").start().expect("a server");
    let expired = offer(&server, &package());
    let shown = get(&server, &format!("/p/{}", expired.id), "");
    assert_eq!(shown.status, 410);
    assert!(has(&told(&server), "110114", "110122", "Serious"), "who only looks is recorded as well");
    let answer = post(&server, &expired.id, &expired.code);
    assert!(answer.status == 410 && answer.text().contains("termijn"), "{}", answer.text());
    assert!(has(&told(&server), "110114", "110122", "Serious"));
    let server = prepared(store).start().expect("a server");
    let withdrawn = offer(&server, &package());
    let cookie = opened(&server, &withdrawn);
    assert_eq!(get(&server, &zip_path(&withdrawn), &cookie).status, 200);
    assert!(knoop(&server.prepared, &["offers", "--withdraw", &withdrawn.id]).status.success());
    for answer in [get(&server, &zip_path(&withdrawn), &cookie), post(&server, &withdrawn.id, &withdrawn.code)] {
        assert!(answer.status == 410 && answer.text().contains("ingetrokken"), "{}", answer.text());
    }
    assert!(scratch::files_below(&server.prepared.data.join("xdm")).is_empty(), "the file is gone too");
    assert!(!knoop(&server.prepared, &["offers", "--withdraw", &withdrawn.id]).status.success());
}

fn headers(store: Store) {
    let server = prepared(store).start().expect("a server");
    let offered = offer(&server, &package());
    let unknown = format!("/p/{}", "0".repeat(32));
    for path in [format!("/p/{}", offered.id), unknown, "/p/../../etc/passwd".into(), "/".into(), "/p/x%00".into()] {
        let answer = get(&server, &path, "");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let text = answer.text();
        assert!(!text.contains("<script") && !text.contains("Fictief") && !text.contains("999900006"), "{text}");
        assert_eq!(answer.status, if path.contains(&offered.id) { 200 } else { 404 }, "{path}");
    }
    let style = get(&server, "/style.css", "");
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    // What is for partners is not here.
    assert_eq!(get(&server, "/xds?wsdl", "").status, 404);
    let long = format!("code={}", "A".repeat(5_000));
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let head =
        format!("POST /p/{} HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {}\r\n\r\n", offered.id, long.len());
    assert_eq!(ask(&server, &(head + &long)).status, 403, "a wrong code");
}

fn rate(store: Store) {
    let server = prepared(store).setting("pickup.requests_per_minute", "3").start().expect("a server");
    let statuses: Vec<u16> = (0..5).map(|_| get(&server, "/", "").status).collect();
    assert_eq!((statuses[..3].to_vec(), statuses.contains(&429)), (vec![404; 3], true), "{statuses:?}");
}

/// How often a download began, as the sender sees it.
fn downloads(server: &TestServer, id: &str) -> usize {
    let all = json(&knoop(&server.prepared, &["offers", "--json"]));
    let one = all.as_array().and_then(|all| all.iter().find(|one| one["id"] == id)).expect("the offer");
    one["visits"].as_array().expect("visits").iter().filter(|visit| visit["what"] == "download").count()
}

fn recorded(store: Store) {
    let server = prepared(store).start().expect("a server");
    for (range, status) in
        [("nonsense", 200), ("bytes=1-", 206), ("bytes=0-", 206), ("bytes=-5", 206), ("lines=1-", 200)]
    {
        let offered = offer(&server, &package());
        let cookie = opened(&server, &offered);
        let fetch = || get(&server, &zip_path(&offered), &format!("{cookie}Range: {range}\r\n")).status;
        assert_eq!((fetch(), downloads(&server, &offered.id)), (status, 1), "{range}");
        let again = 1 + usize::from(status == 200 || range == "bytes=0-");
        assert_eq!((fetch(), downloads(&server, &offered.id)), (status, again), "{range}");
    }
    // What another session began is not what this one goes on with.
    let offered = offer(&server, &package());
    let cookie = opened(&server, &offered);
    assert_eq!(get(&server, &zip_path(&offered), &cookie).status, 200);
    let renewed = knoop(&server.prepared, &["offers", "--new-code", &offered.id]);
    let renewed = Offered { code: String::from_utf8_lossy(&renewed.stdout).trim().to_owned(), ..offered };
    let cookie = opened(&server, &renewed);
    assert_eq!(get(&server, &zip_path(&renewed), &format!("{cookie}Range: bytes=1-\r\n")).status, 206);
    assert_eq!(downloads(&server, &renewed.id), 2);
}

fn about(store: Store) {
    let server = prepared(store).start().expect("a server");
    let offered = offer(&server, &package());
    let of_patient = || {
        let all = trail::events(&server, &[]);
        let told = all.iter().filter(|event| {
            let objects = event["objects"].as_array().map(Vec::as_slice).unwrap_or_default();
            let names =
                |text: &str| objects.iter().any(|object| object["id"].as_str().is_some_and(|id| id.contains(text)));
            trail::kind(event).0 == "110106" && names(PATIENT) && objects.iter().any(|object| object["role"] == 20)
        });
        told.count()
    };
    assert_eq!(of_patient(), 1, "the offer");
    let cookie = opened(&server, &offered);
    assert_eq!(get(&server, &zip_path(&offered), &cookie).status, 200);
    assert_eq!(of_patient(), 2, "the download");
}

fn resumed(store: Store) {
    let server = prepared(store).start().expect("a server");
    let package = package();
    let octets = fs::read(&package).expect("a package");
    let offered = offer(&server, &package);
    let cookie = opened(&server, &offered);
    let half = octets.len() / 2;
    let first = get(&server, &zip_path(&offered), &format!("{cookie}Range: bytes=0-{}\r\n", half - 1));
    let etag = first.header("etag").expect("a tag").to_owned();
    let rest = get(&server, &zip_path(&offered), &format!("{cookie}Range: bytes={half}-\r\nIf-Range: {etag}\r\n"));
    assert_eq!((first.status, rest.status), (206, 206));
    assert_eq!(
        rest.header("content-range"),
        Some(format!("bytes {half}-{}/{}", octets.len() - 1, octets.len()).as_str())
    );
    assert!([first.body, rest.body].concat() == octets, "both halves make the package");
    let beyond = get(&server, &zip_path(&offered), &format!("{cookie}Range: bytes=99999999-\r\n"));
    assert_eq!(beyond.status, 416);
    let downloads = json(&knoop(&server.prepared, &["offers", "--json"]));
    let downloads =
        downloads[0]["visits"].as_array().expect("visits").iter().filter(|visit| visit["what"] == "download").count();
    assert_eq!(downloads, 1, "one download, however often it was resumed");
}
