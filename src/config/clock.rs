//! `[clock]`: who tells the time.

use super::settings::Settings;

/// A time server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeServer {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// By whom the clock of this machine is measured (S-TLS-20).
#[derive(Clone, Debug)]
pub struct ClockConfig {
    /// NTP servers; the middle one of their answers counts. None measures nothing.
    pub servers: Vec<TimeServer>,
}

impl ClockConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        let server = |text: &str| text.parse::<TimeServer>().map_err(|problem| problem.to_string());
        Self { servers: s.list_with("clock.servers", server) }
    }
}

/// Why a text names no time server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name or address such as ntp.example.org, or with a port ntp.example.org:123")]
pub struct TimeServerError;

impl std::str::FromStr for TimeServer {
    type Err = TimeServerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PORT: u16 = 123;
        let authority: http::uri::Authority = text.parse().map_err(|_| TimeServerError)?;
        let port = match authority.port_u16() {
            Some(port) if !text.contains('@') => port,
            None if text == authority.host() => PORT,
            _ => return Err(TimeServerError),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        Ok(Self { host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_server_has_the_port_of_ntp() {
        let parsed = |text: &str| text.parse::<TimeServer>().ok().map(|found| (found.host, found.port));
        assert_eq!(parsed("ntp.example.org"), Some(("ntp.example.org".to_owned(), 123)));
        assert_eq!(parsed("[2001:db8::1]:1123"), Some(("2001:db8::1".to_owned(), 1123)));
        for wrong in ["", "ntp://a", "a:b", "u@a:1", "a/b", "a b"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
