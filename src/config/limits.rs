//! `[limits]`: what is too much. Source: spec security section 5 (S-IN-02 to S-IN-28), design section 6.

use std::time::Duration;

use super::settings::Settings;

/// Bounds on what comes in. Each has a ceiling above which the configuration is refused.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// The SOAP part of a message (S-IN-03).
    pub root_part_bytes: u64,
    /// One document (S-IN-03).
    pub document_bytes: u64,
    /// A whole message (S-IN-03).
    pub message_bytes: u64,
    /// All documents on their way in (S-IN-04).
    pub spool_bytes: u64,
    /// Elements within elements (S-IN-09).
    pub xml_depth: usize,
    /// Elements in a root part (S-IN-10).
    pub xml_nodes: usize,
    /// Attributes of an element (S-IN-11).
    pub xml_attributes: usize,
    /// Namespace declarations of an element (S-IN-11).
    pub xml_namespaces: usize,
    /// An attribute value (S-IN-11).
    pub xml_value_bytes: u64,
    /// A name (S-IN-11).
    pub xml_name_bytes: u64,
    /// A text (S-IN-12).
    pub xml_text_bytes: u64,
    /// Parts of a MIME package (S-IN-17).
    pub mime_parts: usize,
    /// Headers of a part (S-IN-17).
    pub mime_headers: usize,
    /// Octets of the headers of a part (S-IN-17).
    pub mime_header_bytes: u64,
    /// Requests in one ITI-43 (S-IN-28).
    pub document_requests: usize,
    /// Values of one query parameter (S-IN-27).
    pub query_values: usize,
    /// Slots of a query (S-IN-27).
    pub query_slots: usize,
    /// One answer to ITI-18 (design section 9, slow readers).
    pub answer_bytes: u64,
    /// All answers being sent at a time (design section 9, slow readers).
    pub answers_bytes: u64,
    /// Time for the headers of a request (S-IN-02).
    pub headers_timeout: Duration,
    /// Time over which the pace of a body is judged (S-IN-02), and after which an answer that nobody takes is given up.
    pub body_window: Duration,
    /// Octets of a body that must arrive in each second, on average over that time (S-IN-02).
    pub body_pace_bytes: u64,
    /// Requests of one node a second, in the long run (S-IN-36).
    pub node_rate: u32,
    /// Requests of one node that may come at once (S-IN-36).
    pub node_burst: u32,
    /// Requests of one node that are answered at a time (S-IN-36).
    pub node_in_flight: u32,
    /// Requests of all nodes that are answered at a time; the last tenth is for nodes that watch and operate (S-IN-36).
    pub requests_in_flight: usize,
    /// Time for a TLS handshake (S-IN-01).
    pub handshake_timeout: Duration,
    /// TLS handshakes of one address that are under way (S-IN-01).
    pub handshakes_per_address: usize,
    /// TLS connections of one address (S-IN-01).
    pub connections_per_address: usize,
}

impl LimitsConfig {
    /// The most that a node may be given: rate, burst, requests in flight.
    pub const NODE_CEILINGS: [u32; 3] = [10_000, 20_000, 1_000];

    pub(super) fn read(s: &mut Settings) -> Self {
        let [rate, burst, in_flight] = Self::NODE_CEILINGS;
        let mut of_node = |key, default: u32, ceiling: u32| {
            let [default, ceiling] = [default, ceiling].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            u32::try_from(s.number(key, default, 1, ceiling)).unwrap_or(u32::MAX)
        };
        let node_rate = of_node("limits.node_rate", 100, rate);
        let node_burst = of_node("limits.node_burst", 200, burst);
        let node_in_flight = of_node("limits.node_in_flight", 32, in_flight);
        Self {
            node_rate,
            node_burst,
            node_in_flight,
            requests_in_flight: s.number("limits.requests_in_flight", 512, 10, 10_000),
            root_part_bytes: s.size("limits.root_part", "8 MiB", "64 MiB"),
            document_bytes: s.size("limits.document", "4 GiB", "4 GiB"),
            message_bytes: s.size("limits.message", "8 GiB", "8 GiB"),
            spool_bytes: s.size("limits.spool", "20 GiB", "16384 GiB"),
            xml_depth: s.number("limits.xml_depth", 128, 16, 200),
            xml_nodes: s.number("limits.xml_nodes", 200_000, 1_000, 1_000_000),
            xml_attributes: s.number("limits.xml_attributes", 64, 16, 64),
            xml_namespaces: s.number("limits.xml_namespaces", 32, 8, 32),
            xml_value_bytes: s.size("limits.xml_value", "16 KiB", "16 KiB"),
            xml_name_bytes: s.size("limits.xml_name", "1 KiB", "1 KiB"),
            xml_text_bytes: s.size("limits.xml_text", "8 MiB", "64 MiB"),
            mime_parts: s.number("limits.mime_parts", 1_000, 2, 10_000),
            mime_headers: s.number("limits.mime_headers", 32, 4, 32),
            mime_header_bytes: s.size("limits.mime_header", "8 KiB", "8 KiB"),
            document_requests: s.number("limits.document_requests", 100, 1, 10_000),
            query_values: s.number("limits.query_values", 1_000, 1, 100_000),
            query_slots: s.number("limits.query_slots", 100, 8, 1_000),
            answer_bytes: s.size("limits.answer", "50 MiB", "512 MiB"),
            answers_bytes: s.size("limits.answers", "512 MiB", "16 GiB"),
            headers_timeout: s.duration("limits.headers_timeout", Duration::from_secs(10)),
            body_window: s.duration("limits.body_window", Duration::from_secs(30)),
            body_pace_bytes: s.size("limits.body_pace", "1 KiB", "1 MiB"),
            handshake_timeout: s.duration_within("limits.handshake_timeout", Duration::from_secs(10), "60 s"),
            handshakes_per_address: s.number("limits.handshakes_per_address", 50, 1, 1_000),
            connections_per_address: s.number("limits.connections_per_address", 100, 1, 10_000),
        }
    }
}
