//! `[listeners]`: ports.

use std::net::SocketAddr;

use super::settings::Settings;

/// Which ports are opened. The SOAP port with mutual TLS comes with certificates.
#[derive(Clone, Debug)]
pub struct ListenersConfig {
    /// `/health/live`, `/health/ready` and `/metrics`; `None` opens nothing.
    pub operations: Option<SocketAddr>,
    /// Plain HTTP on 127.0.0.1 for tests, benchmarks and a local TLS proxy; `Some(0)` takes a free port.
    pub insecure_loopback: Option<u16>,
}

impl ListenersConfig {
    pub(super) fn read(s: &mut Settings, production: bool) -> Self {
        let operations = s
            .with("listeners.operations", |text| match text {
                "none" => Ok(None),
                address => {
                    address.parse().map(Some).map_err(|_| "an address such as 127.0.0.1:9090, or none".to_owned())
                }
            })
            .unwrap_or_else(|| Some(SocketAddr::from(([127, 0, 0, 1], 9090))));
        let insecure_loopback = s
            .with("listeners.insecure_loopback", |text| match text {
                "none" => Ok(None),
                _ if production => Err("not with production = true".to_owned()),
                port => port.parse().map(Some).map_err(|_| "a port such as 8089, or none".to_owned()),
            })
            .flatten();
        Self { operations, insecure_loopback }
    }
}
