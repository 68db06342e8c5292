//! The octets below `10`. Never change one.

/// The version of the format, first octet of a body.
pub(super) const VERSION: u8 = 1;

/// A text of up to 255 octets.
pub(super) const SHORT_TEXT: u8 = 0x00;
/// A text of up to 65535 octets.
pub(super) const LONG_TEXT: u8 = 0x01;
/// A UUID.
pub(super) const UUID: u8 = 0x02;
/// Hole: the object's own id.
pub(super) const OWN_ID: u8 = 0x03;
/// Hole: the URN of the status.
pub(super) const STATUS: u8 = 0x04;
/// Hole: the patientId.
pub(super) const PATIENT_ID: u8 = 0x05;
/// Hole: the whole attribute `home`, or nothing.
pub(super) const HOME: u8 = 0x06;
/// Hole: the whole attribute `lid`, or nothing.
pub(super) const LID: u8 = 0x07;
/// Hole: the whole element VersionInfo, or nothing.
pub(super) const VERSION_INFO: u8 = 0x08;
/// Hole: the whole slot lastUpdateTime, or nothing.
pub(super) const LAST_UPDATE_TIME: u8 = 0x09;
/// Hole: the whole slot documentAvailability, or nothing.
pub(super) const AVAILABILITY: u8 = 0x0A;
/// Hole: the whole slot repositoryUniqueId.
pub(super) const REPOSITORY_UNIQUE_ID: u8 = 0x0B;
/// Hole: the URN of the associationType.
pub(super) const ASSOCIATION_TYPE: u8 = 0x0C;
/// Hole: the id of the sourceObject.
pub(super) const SOURCE: u8 = 0x0D;
/// Hole: the id of the targetObject.
pub(super) const TARGET: u8 = 0x0E;
