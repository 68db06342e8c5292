//! The time that another machine tells.
//!
//! A datagram goes to an NTP server and one comes back. The answer is not authenticated, so it is for measuring only: nothing
//! here sets a clock. Source: RFC 5905 §7.3 and §8; S-TLS-20.

use std::{io, time::Duration};

use tokio::{net::UdpSocket, time::timeout};

/// Servers of a region answer within milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
const PACKET_BYTES: usize = 48;
/// Version 4, client.
const ASKING: u8 = 0b00_100_011;
const SERVER: u8 = 4;
const NOT_SYNCHRONISED: u8 = 3;
/// Seconds from 1900 to 1970.
const EPOCH_S: u64 = 2_208_988_800;
/// Seconds that a timestamp can count; it begins anew in 2036.
const ERA_S: u64 = 1 << 32;

/// Why there is no time.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// No address, no route, nobody listens.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No answer in time.
    #[error("no answer within 2 s")]
    Timeout,
    /// It says itself that its time is worth nothing.
    #[error("it is not synchronised itself")]
    NotSynchronised,
}

/// How far the clock `now_ms` is from that of a server, in milliseconds: positive when ours is behind. Half of the time that
/// the datagrams took is not known.
///
/// # Errors
/// [`ClockError`]
pub async fn clock_offset(host: &str, port: u16, now_ms: impl Fn() -> i64) -> Result<i64, ClockError> {
    timeout(PATIENCE, ask(host, port, now_ms)).await.map_err(|_| ClockError::Timeout)?
}

async fn ask(host: &str, port: u16, now_ms: impl Fn() -> i64) -> Result<i64, ClockError> {
    let address = tokio::net::lookup_host((host, port)).await?.next();
    let address = address.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await?;
    // Of a connected socket datagrams of others are kept away.
    socket.connect(address).await?;
    // What comes back beside the time of the server; our own time is nobody's business.
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let mut packet = [0; PACKET_BYTES];
    packet[0] = ASKING;
    packet[40..].copy_from_slice(&nonce);
    let sent_ms = now_ms();
    socket.send(&packet).await?;
    loop {
        let mut answer = [0; PACKET_BYTES];
        let length = socket.recv(&mut answer).await?;
        let came_ms = now_ms();
        if length == PACKET_BYTES && answer[0] & 7 == SERVER && answer[24..32] == nonce {
            return offset(&answer, sent_ms, came_ms);
        }
    }
}

fn offset(answer: &[u8; PACKET_BYTES], sent_ms: i64, came_ms: i64) -> Result<i64, ClockError> {
    let stratum = answer[1];
    if answer[0] >> 6 == NOT_SYNCHRONISED || !(1..16).contains(&stratum) {
        return Err(ClockError::NotSynchronised);
    }
    let time_ms = |at: usize| {
        let mut octets = [0; 8];
        octets.copy_from_slice(&answer[at..at + 8]);
        unix_ms(u64::from_be_bytes(octets))
    };
    let (received_ms, answered_ms) = (time_ms(32), time_ms(40));
    Ok(((received_ms - sent_ms) + (answered_ms - came_ms)) / 2)
}

/// Milliseconds since 1970 of a timestamp between 1970 and 2106.
fn unix_ms(timestamp: u64) -> i64 {
    let (seconds, fraction) = (timestamp >> 32, timestamp & 0xffff_ffff);
    let seconds = if seconds < EPOCH_S { seconds + ERA_S } else { seconds } - EPOCH_S;
    i64::try_from(seconds * 1000 + ((fraction * 1000) >> 32)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T08:00:00.500Z
    const NOW_MS: i64 = 1_795_248_000_500;

    fn timestamp(unix_ms: i64) -> [u8; 8] {
        let unix_ms = u64::try_from(unix_ms).expect("after 1970");
        let seconds = (unix_ms / 1000 + EPOCH_S) & 0xffff_ffff;
        ((seconds << 32) | (((unix_ms % 1000) << 32) / 1000)).to_be_bytes()
    }

    /// A server that is ahead by so much, and answers as `change` leaves it.
    async fn server(ahead_ms: i64, change: impl Fn(&mut [u8; PACKET_BYTES]) + Send + 'static) -> u16 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let port = socket.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let mut asked = [0; PACKET_BYTES];
            while let Ok((_, from)) = socket.recv_from(&mut asked).await {
                let mut answer = [0; PACKET_BYTES];
                (answer[0], answer[1]) = (0b00_100_100, 2);
                answer[24..32].copy_from_slice(&asked[40..]);
                answer[32..40].copy_from_slice(&timestamp(NOW_MS + ahead_ms));
                answer[40..].copy_from_slice(&timestamp(NOW_MS + ahead_ms));
                // Somebody else's answer comes first.
                let mut other = answer;
                other[24] ^= 1;
                socket.send_to(&other, from).await.expect("sent");
                change(&mut answer);
                socket.send_to(&answer, from).await.expect("sent");
            }
        });
        port
    }

    #[tokio::test]
    async fn s_tls_20_the_offset_is_measured_in_milliseconds() {
        for ahead_ms in [0, 7_000, -1_250] {
            let port = server(ahead_ms, |_| {}).await;
            let offset = clock_offset("127.0.0.1", port, || NOW_MS).await.expect("an answer");
            assert!((offset - ahead_ms).abs() <= 1, "{ahead_ms}: {offset}");
        }
    }

    #[tokio::test]
    async fn a_server_without_time_is_not_believed() {
        for (octet, value) in [(0, 0b11_100_100), (1, 0)] {
            let port = server(0, move |answer| answer[octet] = value).await;
            let refused = clock_offset("127.0.0.1", port, || NOW_MS).await;
            assert!(matches!(refused, Err(ClockError::NotSynchronised)), "{refused:?}");
        }
    }

    #[test]
    fn timestamps_go_on_after_2036() {
        // 2036-02-07T06:28:16Z is nought of the next era.
        assert_eq!(unix_ms(0), 2_085_978_496_000);
        let before: [u8; 8] = timestamp(2_085_978_495_999);
        assert!((unix_ms(u64::from_be_bytes(before)) - 2_085_978_495_999).abs() <= 1);
    }
}
