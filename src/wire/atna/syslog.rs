//! Syslog around an AuditMessage: RFC 5424, framed for TLS (RFC 5425), or as a datagram (RFC 5426).

use super::{
    AuditSource, MessageParts,
    message::{audit_message, date_time},
};
use crate::model::{AuditEvent, AuditOutcome};

/// MSGID of an audit message. Source: S-AUD-41.
pub const MSGID: &str = "IHE+RFC-3881";
/// Facility 10: security and authorisation messages.
const FACILITY: u8 = 10;
const NOTICE: u8 = 5;
const WARNING: u8 = 4;
/// EventID of a security alert.
const SECURITY_ALERT: &str = "110113";
/// What one IPv4 datagram holds: 65 535 octets less the headers of IP and UDP.
const DATAGRAM_BYTES: usize = 65_507;
const HOSTNAME_CHARACTERS: usize = 255;
const APP_NAME_CHARACTERS: usize = 48;
const PROCID_CHARACTERS: usize = 128;

/// The header fields that are the same in every message of a process. Source: S-AUD-41.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogSender {
    host_name: String,
    app_name: String,
    process_id: String,
}

impl SyslogSender {
    /// With the fully qualified name of this host. What a header field may not hold becomes `_`; an empty field is `-`.
    pub fn new(host_name: &str, app_name: &str, process_id: &str) -> Self {
        Self {
            host_name: header_field(host_name, HOSTNAME_CHARACTERS),
            app_name: header_field(app_name, APP_NAME_CHARACTERS),
            process_id: header_field(process_id, PROCID_CHARACTERS),
        }
    }

    /// The message with its header: `<85>1 2026-11-21T08:00:00.123Z HOST APP PID IHE+RFC-3881 - XML`.
    ///
    /// The time is that of the event, not of sending: what is sent again is the same octets.
    pub fn message(&self, severity: u8, time_ms: i64, xml: &[u8]) -> Vec<u8> {
        let priority = FACILITY * 8 + severity;
        let (host, app, process) = (&self.host_name, &self.app_name, &self.process_id);
        let mut out = format!("<{priority}>1 {} {host} {app} {process} {MSGID} - ", date_time(time_ms)).into_bytes();
        out.extend_from_slice(xml);
        out
    }
}

/// Printable ASCII without spaces (RFC 5424 §6).
fn header_field(text: &str, characters: usize) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    match text.chars().take(characters).map(printable).collect::<String>() {
        field if field.is_empty() => "-".to_owned(),
        field => field,
    }
}

/// Warning for outcomes 8 and 12 and for security alerts, notice for all else. Source: S-AUD-40.
pub fn severity(event: &AuditEvent) -> u8 {
    if event.outcome >= AuditOutcome::Serious || event.event_id.code == SECURITY_ALERT { WARNING } else { NOTICE }
}

/// Octet-counted, for TLS. Source: RFC 5425 §4.3, S-AUD-43.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = format!("{} ", message.len()).into_bytes();
    out.extend_from_slice(message);
    out
}

/// One message for UDP. One of more than `udp_max` octets goes without its queries, which is told in it, and one that no
/// datagram holds without its last objects either. Source: RFC 5426, S-AUD-45.
pub fn datagram(sender: &SyslogSender, event: &AuditEvent, source: &AuditSource, udp_max: usize) -> Vec<u8> {
    let write = |parts| sender.message(severity(event), event.occurred_ms, &audit_message(event, source, parts));
    let mut message = write(MessageParts::default());
    if message.len() > udp_max {
        let mut parts = MessageParts { query_bytes: 0, objects: event.objects.len() };
        message = write(parts);
        while message.len() > DATAGRAM_BYTES && parts.objects > 1 {
            parts.objects /= 2;
            message = write(parts);
        }
    }
    message
}
