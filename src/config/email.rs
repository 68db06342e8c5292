//! `[email]`: packages by mail. Source: spec xdm §6.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use lettre::Address;
use secrecy::SecretString;

use super::{TrustConfig, settings::Settings};

/// How mail goes out, and what is believed of mail that came.
#[derive(Clone, Debug)]
pub struct EmailConfig {
    /// Host and port of the relay; `None` sends nothing.
    pub relay: Option<(String, u16)>,
    /// How the connection to it is protected.
    pub relay_tls: RelayTls,
    /// Name of this side in EHLO, and in Message-IDs.
    pub hello: String,
    /// User at the relay.
    pub user: Option<String>,
    /// Password of that user.
    pub password: Option<SecretString>,
    /// Our address.
    pub from: Option<Address>,
    /// Name of the institution, as people read it.
    pub institution: String,
    /// Our certificate for mail, PEM.
    pub certificate_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
    /// Files with a former certificate of ours and its key, PEM: for decryption only.
    pub former_files: Vec<PathBuf>,
    /// Folder with a file `ADDRESS.pem` for each partner.
    pub partners: Option<PathBuf>,
    /// Authorities and certificates that are believed when they sign for the address that they name.
    pub trust: TrustConfig,
    /// Take packages that are not signed (R-32-26).
    pub allow_unsigned: bool,
    /// Send packages neither signed nor encrypted where there is no certificate of the addressee (R-32-26).
    pub send_unencrypted: bool,
    /// Ask for a receipt (R-32-28).
    pub notify: bool,
    /// Longest mail, after base64 (R-32-31).
    pub max_bytes: u64,
    /// How long what became of mails and of packages on the pick-up page is kept, beside the audit trail.
    pub retention: Duration,
    /// Time for a mail and the relay's answer to it.
    pub send_timeout: Duration,
    /// Where mail comes in by LMTP; `None` takes none.
    pub lmtp: Option<SocketAddr>,
    /// Connections with mail that comes in, at a time.
    pub lmtp_connections: usize,
    /// Time for the next line of mail that comes in, or its next octets.
    pub lmtp_timeout: Duration,
    /// Addresses of ours, in lower case; every address is where none is named.
    pub recipients: Vec<String>,
    /// Take packages over without asking that are green in every check (R-32-34).
    pub auto_commit: bool,
    /// The node in whose name packages that come in are taken over; absent stands for this installation.
    pub node: Option<String>,
}

/// How the connection to the relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayTls {
    /// STARTTLS.
    StartTls,
    /// TLS from the first octet.
    Tls,
    /// None, on this machine only.
    None,
}

impl EmailConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        let kinds = [("starttls", RelayTls::StartTls), ("tls", RelayTls::Tls), ("none", RelayTls::None)];
        let email = Self {
            relay: s.with("email.relay", relay),
            relay_tls: s.one_of("email.relay_tls", &kinds, RelayTls::StartTls),
            hello: s.with("email.hello", host_name).unwrap_or_else(|| "localhost.localdomain".to_owned()),
            user: s.optional("email.user"),
            password: s.secret("email.password", "email.password_file"),
            from: s.optional("email.from"),
            institution: s.parsed("email.institution", "knoop".to_owned()),
            certificate_file: s.optional("email.certificate_file"),
            key_file: s.optional("email.key_file"),
            former_files: s.list("email.former_files").into_iter().map(PathBuf::from).collect(),
            partners: s.optional("email.partners"),
            trust: TrustConfig::read(s, "email"),
            allow_unsigned: s.parsed("email.allow_unsigned", false),
            send_unencrypted: s.parsed("email.send_unencrypted", false),
            notify: s.parsed("email.notify", true),
            max_bytes: s.size("email.max_bytes", "20 MiB", "100 MiB"),
            retention: s.duration("email.retention", Duration::from_secs(90 * 86_400)),
            send_timeout: s.duration("email.send_timeout", Duration::from_secs(300)),
            lmtp: s.with("email.lmtp", lmtp).flatten(),
            lmtp_connections: s.number("email.lmtp_connections", 4, 1, 100),
            lmtp_timeout: s.duration_within("email.lmtp_timeout", Duration::from_secs(300), "1 h"),
            recipients: s.list_with("email.recipients", address),
            auto_commit: s.parsed("email.auto_commit", false),
            node: s.optional("email.node"),
        };
        let lmtp_elsewhere = s.parsed("email.lmtp_elsewhere", false);
        if email.lmtp.is_some_and(|address| !address.ip().is_loopback()) && !lmtp_elsewhere {
            let text = "an address of this machine, such as 127.0.0.1:2525: anybody who reaches it may hand in mail. \
                        email.lmtp_elsewhere = true opens another";
            s.contradiction("email.lmtp", text);
        }
        if email.certificate_file.is_some() != email.key_file.is_some() {
            s.contradiction("email", "certificate_file and key_file belong together");
        }
        if email.user.is_some() != email.password.is_some() {
            s.contradiction("email", "user and password belong together");
        }
        if email.relay.is_some() && email.from.is_none() {
            s.contradiction("email.from", "the address that mail comes from is missing");
        }
        let is_here = |host: &str| host == "localhost" || host.parse().is_ok_and(|a: std::net::IpAddr| a.is_loopback());
        match &email.relay {
            Some((host, _)) if email.relay_tls == RelayTls::None && !is_here(host) => {
                s.contradiction("email.relay_tls", "none is for a relay on this machine (127.0.0.1)");
            }
            _ => {}
        }
        email
    }
}

fn lmtp(text: &str) -> Result<Option<SocketAddr>, String> {
    match text {
        "none" => Ok(None),
        address => address.parse().map(Some).map_err(|_| "an address such as 127.0.0.1:2525, or none".to_owned()),
    }
}

fn address(text: &str) -> Result<String, String> {
    let address: Address = text.parse().map_err(|_| format!("'{text}' is no mail address"))?;
    Ok(address.to_string().to_ascii_lowercase())
}

fn relay(text: &str) -> Result<(String, u16), String> {
    let wrong = || "host and port such as smtp.example.org:587".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(wrong());
    }
    Ok((host.to_owned(), port.parse().map_err(|_| wrong())?))
}

fn host_name(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    match !text.is_empty() && text.len() <= 253 && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("a host name such as knoop.example.org".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn refused(text: &str) -> String {
        Config::from_text("knoop.toml", text).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_relay_elsewhere_has_tls() {
        let text = "[email]\nrelay = \"smtp.example.org:25\"\nrelay_tls = \"none\"\nfrom = \"a@example.org\"\n";
        assert!(refused(text).contains("none is for a relay on this machine"));
        let here = text.replace("smtp.example.org", "127.0.0.1");
        assert!(Config::from_text("knoop.toml", &here).is_ok());
    }

    #[test]
    fn r_32_31_and_r_32_26_defaults_are_strict() {
        let email = Config::default().email;
        assert_eq!((email.allow_unsigned, email.send_unencrypted), (false, false));
        assert_eq!((email.notify, email.max_bytes), (true, 20 << 20));
        assert!(email.relay.is_none());
    }

    #[test]
    fn mail_comes_in_on_this_machine_or_where_that_is_said_to_be_meant() {
        assert_eq!(Config::default().email.lmtp, None);
        let here = "[email]\nlmtp = \"127.0.0.1:2525\"\nrecipients = [\"Packages@Hospital.example\"]\n";
        let email = Config::from_text("knoop.toml", here).expect("in order").email;
        assert_eq!(email.recipients, ["packages@hospital.example"]);
        assert_eq!((email.auto_commit, email.lmtp_connections), (false, 4));
        let elsewhere = here.replace("127.0.0.1", "0.0.0.0");
        assert!(refused(&elsewhere).contains("email.lmtp_elsewhere"));
        assert!(Config::from_text("knoop.toml", &format!("{elsewhere}lmtp_elsewhere = true\n")).is_ok());
        assert!(refused("[email]\nrecipients = [\"hospital\"]\n").contains("no mail address"));
    }

    #[test]
    fn the_password_of_the_relay_is_never_printed() {
        let text = "[email]\nuser = \"knoop\"\npassword = \"geheim\"\n";
        let config = Config::from_text("knoop.toml", text).expect("in order");
        assert!(!format!("{config:?}").contains("geheim"));
    }
}
