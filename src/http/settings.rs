//! What the SOAP listener may be told by configuration.

use std::time::Duration;

use super::GateSettings;
use crate::{
    model::HomeCommunityId,
    wire::{guard::XmlLimits, mime::MimeLimits, soap::HeaderRules},
};

/// Limits and switches. Source: S-IN-02 to S-IN-04, S-IN-09 to S-IN-18; R-SOAP-06, R-SOAP-07.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Octets of the SOAP part.
    pub root_part_bytes: u64,
    /// Octets of one document.
    pub document_bytes: u64,
    /// Octets of a whole message.
    pub message_bytes: u64,
    /// Octets of all documents on their way in.
    pub spool_bytes: u64,
    /// Octets of one answer to ITI-18.
    pub answer_bytes: u64,
    /// Octets of all answers to ITI-18 that are being sent.
    pub answers_bytes: u64,
    /// How much of each node is served.
    pub gates: GateSettings,
    /// Bounds of XML.
    pub xml: XmlLimits,
    /// Bounds of multipart bodies.
    pub mime: MimeLimits,
    /// Time for the head of a request.
    pub headers_timeout: Duration,
    /// Time over which the pace of a body is judged, and after which an answer that nobody takes is given up.
    pub slow_window: Duration,
    /// Octets that must arrive in that time.
    pub slow_bytes: u64,
    /// The wrong encoding is a fault instead of mirrored.
    pub strict_encoding: bool,
    /// What is tolerated of SOAP headers.
    pub headers: HeaderRules,
    /// homeCommunityId written in answers where an object has none of its own (R-META-34).
    pub home_community_id: Option<HomeCommunityId>,
    /// lid and VersionInfo in answers to ITI-18 (spec §8, 36).
    pub versions: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            root_part_bytes: 8 << 20,
            document_bytes: 4 << 30,
            message_bytes: 8 << 30,
            spool_bytes: 20 << 30,
            answer_bytes: 50 << 20,
            answers_bytes: 512 << 20,
            gates: GateSettings::default(),
            xml: XmlLimits::default(),
            mime: MimeLimits::default(),
            headers_timeout: Duration::from_secs(10),
            slow_window: Duration::from_secs(30),
            slow_bytes: 30 << 10,
            strict_encoding: false,
            headers: HeaderRules::default(),
            home_community_id: None,
            versions: true,
        }
    }
}
