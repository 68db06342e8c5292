//! `[listeners]`: ports.

use std::net::SocketAddr;

use super::settings::Settings;

/// Which ports are opened.
#[derive(Clone, Debug)]
pub struct ListenersConfig {
    /// SOAP with mutual TLS, opened when there is a certificate; `None` opens nothing.
    pub soap: Option<SocketAddr>,
    /// `/health/live`, `/health/ready` and `/metrics`; `None` opens nothing.
    pub operations: Option<SocketAddr>,
    /// Plain HTTP on 127.0.0.1 for tests, benchmarks and a local TLS proxy; `Some(0)` takes a free port.
    pub insecure_loopback: Option<u16>,
}

impl ListenersConfig {
    pub(super) fn read(s: &mut Settings, production: bool) -> Self {
        let soap = address(s, "listeners.soap", ([0, 0, 0, 0], 8443).into());
        let operations = address(s, "listeners.operations", ([127, 0, 0, 1], 9090).into());
        let insecure_loopback = s
            .with("listeners.insecure_loopback", |text| match text {
                "none" => Ok(None),
                _ if production => Err("not with production = true".to_owned()),
                port => port.parse().map(Some).map_err(|_| "a port such as 8089, or none".to_owned()),
            })
            .flatten();
        Self { soap, operations, insecure_loopback }
    }
}

fn address(s: &mut Settings, key: &str, default: SocketAddr) -> Option<SocketAddr> {
    let read = |text: &str| match text {
        "none" => Ok(None),
        address => address.parse().map(Some).map_err(|_| format!("an address such as {default}, or none")),
    };
    s.with(key, read).unwrap_or(Some(default))
}
