//! The privacy officer is told by mail that somebody broke the glass (S-CON-22).

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use knoop::{
    client::{SmtpRelay, SmtpTls},
    security::{smime::SmimeSettings, tls::TlsSettings},
    service::{
        access::{NOTIFY_PRIVACY_OFFICER, notify_privacy_officer},
        jobs::{Clock, Jobs, Policy},
        mail::{MailService, MailSettings},
        pickup::{Pickup, PickupSettings},
    },
    store::Store,
};
use lettre::Address;
use libtest_mimic::Trial;
use openssl::cms::CmsContentInfo;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::{
    rim::{Document, Submission},
    world::{A, B, PATIENT, World, emergency},
};
use crate::{
    certificates::{Issued, Key, Wanted},
    stores::on_every_store,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        s_con_22_the_officer_is_told_when_the_relay_has_the_mail,
        s_con_22_the_word_is_sealed_for_an_officer_with_a_certificate,
        s_con_22_the_officer_is_told_though_the_certificate_cannot_be_used,
    ]
}

const OFFICER: &str = "fg@ziekenhuis.example";

/// A relay on this machine that says one of these to each message, nothing for an empty one; and what it took.
async fn relay(answers: &'static [&'static str]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&taken);
    tokio::spawn(async move {
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 relay\r\n").await.unwrap();
            let mut line = String::new();
            while stream.read_line(&mut line).await.unwrap() > 0 {
                let said = match line.get(..4) {
                    Some("DATA") => {
                        stream.write_all(b"354 go on\r\n").await.unwrap();
                        let mut mail = String::new();
                        while !mail.ends_with("\r\n.\r\n") && stream.read_line(&mut mail).await.unwrap() > 0 {}
                        if answer.is_empty() {
                            break;
                        }
                        // Without the dot that ends it.
                        mail.truncate(mail.len().saturating_sub(3));
                        if answer.starts_with('2') {
                            kept.lock().unwrap().push(mail);
                        }
                        answer
                    }
                    _ => "250 ok",
                };
                stream.write_all(format!("{said}\r\n").as_bytes()).await.unwrap();
                line.clear();
            }
        }
    });
    (port, taken)
}

/// What hands mail to it.
fn mail_service(world: &World, folder: &Path, port: u16, smime: SmimeSettings) -> MailService {
    let relay = SmtpRelay {
        host: "127.0.0.1".to_owned(),
        port,
        tls: SmtpTls::None,
        trust: None,
        check_host: false,
        login: None,
        hello: "knoop.example".to_owned(),
        connect_timeout: Duration::from_secs(30),
        send_timeout: Duration::from_secs(30),
    };
    let settings = MailSettings {
        from: "knoop@ziekenhuis.example".parse().unwrap(),
        domain: "knoop.example".to_owned(),
        smime,
        send_unencrypted: false,
        notify: true,
        max_bytes: 1 << 20,
        link: None,
    };
    let (store, auditor) = (world.store.clone(), world.auditor.clone());
    let waiting = PickupSettings { expires_ms: 1, session_ms: 1 };
    let pickup = Pickup::new(store.clone(), auditor.clone(), folder.join("pickup"), waiting);
    MailService::new(store, auditor, pickup, relay, folder.join("mail"), settings)
}

/// Does what is due so many minutes from now.
async fn run_jobs(world: &World, mail: &MailService, minutes: i64) {
    let now_ms = world.now.as_millisecond() + minutes * 60_000;
    let clock: Clock = Arc::new(move || now_ms);
    let officer: Address = OFFICER.parse().unwrap();
    let handler = notify_privacy_officer(world.store.clone(), Arc::clone(&clock), Some((mail.clone(), officer)));
    let jobs = Jobs::new(world.store.clone(), clock).with(NOTIFY_PRIVACY_OFFICER, Policy::default(), handler);
    jobs.run_due().await.unwrap();
}

/// When the privacy officer was told of the one grant.
async fn notified_ms(world: &World) -> Option<i64> {
    let grants = world.store.read().await.unwrap().grants().await.unwrap();
    assert_eq!(grants.len(), 1);
    grants[0].grant.notified_ms
}

async fn break_the_glass(world: &World) {
    world.submit(A, &Submission::of(PATIENT, vec![Document::letter()])).await;
    assert_eq!(world.finds(&mut world.ctx(B, Some(emergency())), PATIENT).await.len(), 1);
}

async fn s_con_22_the_officer_is_told_when_the_relay_has_the_mail(store: Store) {
    let world = World::new(store).await;
    let folder = tempfile::tempdir().unwrap();
    let (port, taken) = relay(&["451 later", "", "554 no", "250 taken"]).await;
    let mail = mail_service(&world, folder.path(), port, SmimeSettings::default());
    break_the_glass(&world).await;
    // Put off, cut off before it says whether it has it, refused: not told yet.
    for hours in 0..3 {
        run_jobs(&world, &mail, hours * 60).await;
        assert_eq!(notified_ms(&world).await, None, "attempt {hours}");
    }
    run_jobs(&world, &mail, 180).await;
    assert_eq!(notified_ms(&world).await, Some(world.now.as_millisecond() + 180 * 60_000));
    // One mail, which says where to look and names nobody.
    run_jobs(&world, &mail, 240).await;
    let taken = taken.lock().unwrap();
    let [told] = &taken[..] else { panic!("{taken:?}") };
    for part in [&format!("To: {OFFICER}"), "Auto-Submitted: auto-generated", "knoop consent emergencies"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for name in ["999900006", "physician-1", "sts.example", "2.999.10", "2.999.20", "organisation"] {
        assert!(!told.contains(name), "{name}: {told}");
    }
}

async fn s_con_22_the_word_is_sealed_for_an_officer_with_a_certificate(store: Store) {
    let world = World::new(store).await;
    let folder = tempfile::tempdir().unwrap();
    let authority = Issued::root("authority of mail", world.now.as_second());
    let issue = |names: &str| {
        let usage = "emailProtection";
        let key = Key::Rsa(2048);
        authority.issue(&Wanted { common_name: "mail", names, extended_key_usage: usage, key, ..Wanted::default() })
    };
    let (ours, officer) = (issue("email:knoop@ziekenhuis.example"), issue(&format!("email:{OFFICER}")));
    let write = |name: &str, pem: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, pem).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    write(&format!("partners/{OFFICER}.pem"), &officer.pem());
    let own = (write("ours.pem", &ours.pem()), write("ours.key", &ours.key.private_key_to_pem_pkcs8().unwrap()));
    let smime = SmimeSettings {
        trust: TlsSettings { identity: Some(own), ..TlsSettings::default() },
        partners: Some(folder.path().join("partners")),
        former: Vec::new(),
    };
    let told = told_with(&world, folder.path(), smime).await;
    assert!(told.contains("Subject: Knoop\r\n") && !told.contains("emergency"), "{told}");
    let sealed = CmsContentInfo::smime_read_cms(told.as_bytes()).unwrap();
    let opened = String::from_utf8(sealed.decrypt(&officer.key, &officer.certificate).unwrap()).unwrap();
    assert!(opened.contains("multipart/signed") && opened.contains("knoop consent emergencies"), "{opened}");
}

/// The one mail that goes out when somebody breaks the glass.
async fn told_with(world: &World, folder: &Path, smime: SmimeSettings) -> String {
    let (port, taken) = relay(&["250 taken"]).await;
    let mail = mail_service(world, folder, port, smime);
    break_the_glass(world).await;
    run_jobs(world, &mail, 0).await;
    assert_eq!(notified_ms(world).await, Some(world.now.as_millisecond()));
    let taken = taken.lock().unwrap();
    let [told] = &taken[..] else { panic!("{taken:?}") };
    told.clone()
}

async fn s_con_22_the_officer_is_told_though_the_certificate_cannot_be_used(store: Store) {
    let world = World::new(store).await;
    let folder = tempfile::tempdir().unwrap();
    let authority = Issued::root("authority of mail", world.now.as_second());
    let names = format!("email:{OFFICER}");
    let expired = authority.issue(&Wanted {
        common_name: "mail",
        names: &names,
        extended_key_usage: "emailProtection",
        key: Key::Rsa(2048),
        valid_h: (-48, -24),
        ..Wanted::default()
    });
    let partners = folder.path().join("partners");
    fs::create_dir(&partners).unwrap();
    fs::write(partners.join(format!("{OFFICER}.pem")), expired.pem()).unwrap();
    let smime = SmimeSettings { partners: Some(partners), ..SmimeSettings::default() };
    let told = told_with(&world, folder.path(), smime).await;
    assert!(told.contains("Auto-Submitted: auto-generated") && told.contains("knoop consent emergencies"), "{told}");
}
