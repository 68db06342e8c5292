//! The name of a server that is called, and whether a certificate is for it.
//!
//! Source: S-TLS-10; RFC 6125 §6.4.

use std::{fmt, net::IpAddr};

use openssl::x509::X509Ref;

use crate::security::facts::address_of;

/// A host as it stands in an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerName {
    /// A host name, lower case, without the dot at its end.
    Dns(Box<str>),
    /// A literal address.
    Ip(IpAddr),
}

impl ServerName {
    /// From the host of an address; IPv6 may stand in brackets.
    pub fn new(host: &str) -> Self {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match bare.parse() {
            Ok(address) => Self::Ip(address),
            Err(_) => Self::Dns(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase().into()),
        }
    }

    /// Whether a subjectAltName of the certificate is this name. The common name never counts.
    pub fn is_named_by(&self, certificate: &X509Ref) -> bool {
        let Some(names) = certificate.subject_alt_names() else { return false };
        names.iter().any(|name| match self {
            Self::Dns(host) => name.dnsname().is_some_and(|pattern| matches(pattern, host)),
            Self::Ip(address) => name.ipaddress().and_then(address_of) == Some(*address),
        })
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(host) => f.write_str(host),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// A wildcard stands for one whole left-most label, with at least two labels after it.
fn matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    match pattern.strip_prefix("*.") {
        None => !pattern.is_empty() && pattern.eq_ignore_ascii_case(host),
        Some(parent) => {
            parent.contains('.')
                && host
                    .split_once('.')
                    .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn s_tls_10_a_wildcard_is_the_whole_left_most_label() {
        for (pattern, host, expected) in [
            ("a.example", "a.example", true),
            ("A.Example", "a.example", true),
            ("a.example.", "a.example", true),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "a.b.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.org", "example.org", false),
            ("a*.example.org", "ab.example.org", false),
            ("*a.example.org", "ba.example.org", false),
            ("a.*.example.org", "a.b.example.org", false),
            ("*", "localhost", false),
            ("", "", false),
            ("a.example\0.b.example", "a.example", false),
            ("b.example", "a.example", false),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn an_address_is_no_host_name() {
        assert_eq!(ServerName::new("127.0.0.1"), ServerName::Ip(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(ServerName::new("[::1]"), ServerName::Ip(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(ServerName::new("Registry.Example."), ServerName::Dns("registry.example".into()));
    }
}
