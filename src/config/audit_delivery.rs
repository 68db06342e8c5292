//! `[audit]`, as far as it is about audit repositories. Source: spec security §2.5.

use std::time::Duration;

use super::settings::Settings;

/// An audit repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDestination {
    /// Datagrams instead of TLS.
    pub udp: bool,
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Where the audit trail goes, and how.
#[derive(Clone, Debug)]
pub struct AuditDeliveryConfig {
    /// Every one of them gets everything (S-AUD-46).
    pub destinations: Vec<AuditDestination>,
    /// Name in syslog headers (S-AUD-41); absent takes the host's own.
    pub host_name: Option<String>,
    /// Adds trace and number of the entry (S-AUD-33).
    pub trace: bool,
    /// How long a connection must stay open after a message (S-AUD-52).
    pub settle: Duration,
    /// Octets above which a datagram goes without the query (S-AUD-45).
    pub udp_max_bytes: u64,
    /// Requests are refused while delivery is so far behind (S-AUD-53).
    pub refuse_after: Option<Duration>,
}

impl AuditDeliveryConfig {
    pub(super) fn read(s: &mut Settings, production: bool) -> Self {
        let udp_allowed = s.parsed("audit.allow_udp", false) || !production;
        Self {
            destinations: s.list_with("audit.destinations", |text| match text.parse::<AuditDestination>() {
                Ok(destination) if destination.udp && !udp_allowed => {
                    Err("udp:// can be read on the way; with production = true it needs audit.allow_udp".to_owned())
                }
                other => other.map_err(|problem| problem.to_string()),
            }),
            host_name: s.optional("audit.host_name"),
            trace: s.parsed("audit.trace", false),
            settle: s.duration("audit.settle", Duration::from_secs(30)),
            udp_max_bytes: s.size("audit.udp_max", "1 KiB", "63 KiB"),
            refuse_after: s.optional_duration("audit.refuse_after"),
        }
    }
}

/// Why a text names no audit repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address such as tls://arr.example.org:6514")]
pub struct AuditDestinationError;

impl std::str::FromStr for AuditDestination {
    type Err = AuditDestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(AuditDestinationError)?;
        let udp = match scheme {
            "tls" => false,
            "udp" => true,
            _ => return Err(AuditDestinationError),
        };
        let authority: http::uri::Authority = rest.parse().map_err(|_| AuditDestinationError)?;
        let port = match authority.port_u16() {
            Some(port) if !rest.contains('@') => port,
            None if rest == authority.host() => {
                if udp {
                    514
                } else {
                    6514
                }
            }
            _ => return Err(AuditDestinationError),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        Ok(Self { udp, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parsed(text: &str) -> Option<(bool, String, u16)> {
        text.parse::<AuditDestination>().ok().map(|found| (found.udp, found.host, found.port))
    }

    #[test]
    fn addresses_have_the_ports_of_syslog() {
        assert_eq!(parsed("tls://arr.example.org"), Some((false, "arr.example.org".to_owned(), 6514)));
        assert_eq!(parsed("tls://[2001:db8::1]:16514"), Some((false, "2001:db8::1".to_owned(), 16514)));
        assert_eq!(parsed("udp://192.0.2.1"), Some((true, "192.0.2.1".to_owned(), 514)));
        for wrong in
            ["arr.example.org:6514", "tcp://a:1", "tls://", "tls://a:", "tls://a:b", "tls://a:1/x", "tls://u@a:1"]
        {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn s_aud_45_production_takes_udp_only_when_it_is_allowed() {
        let text = "production = true\n[audit]\ndestinations = [\"tls://a\", \"udp://b\"]\n";
        let refused = Config::from_text("knoop.toml", text).expect_err("must be refused").to_string();
        assert!(refused.starts_with("knoop.toml:3: audit.destinations: udp:// can be read on the way"), "{refused}");
        let allowed = Config::from_text("knoop.toml", &format!("{text}allow_udp = true\n")).expect("in order");
        assert_eq!(allowed.audit_delivery.destinations.len(), 2);
    }
}
