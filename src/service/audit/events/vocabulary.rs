//! Codes of the audit vocabulary. Source: spec security §2.1.

use crate::model::AuditCode;

const fn dcm(code: &'static str, text: &'static str) -> AuditCode {
    AuditCode::new(code, "DCM", text)
}

const fn rfc_3881(code: &'static str, text: &'static str) -> AuditCode {
    AuditCode::new(code, "RFC-3881", text)
}

const fn iti(code: &'static str, text: &'static str) -> AuditCode {
    AuditCode::new(code, "IHE Transactions", text)
}

pub(super) const APPLICATION_ACTIVITY: AuditCode = dcm("110100", "Application Activity");
pub(super) const AUDIT_LOG_USED: AuditCode = dcm("110101", "Audit Log Used");
pub(super) const EXPORT: AuditCode = dcm("110106", "Export");
pub(super) const IMPORT: AuditCode = dcm("110107", "Import");
pub(super) const QUERY: AuditCode = dcm("110112", "Query");
pub(super) const SECURITY_ALERT: AuditCode = dcm("110113", "Security Alert");
pub(super) const USER_AUTHENTICATION: AuditCode = dcm("110114", "User Authentication");

pub(super) const APPLICATION_START: AuditCode = dcm("110120", "Application Start");
pub(super) const APPLICATION_STOP: AuditCode = dcm("110121", "Application Stop");
pub(super) const LOGIN: AuditCode = dcm("110122", "Login");
pub(super) const NODE_AUTHENTICATION: AuditCode = dcm("110126", "Node Authentication");
pub(super) const EMERGENCY_OVERRIDE_STARTED: AuditCode = dcm("110127", "Emergency Override Started");
pub(super) const NETWORK_CONFIGURATION: AuditCode = dcm("110128", "Network Configuration");
pub(super) const SECURITY_CONFIGURATION: AuditCode = dcm("110129", "Security Configuration");
pub(super) const SOFTWARE_CONFIGURATION: AuditCode = dcm("110131", "Software Configuration");
pub(super) const USE_OF_RESTRICTED_FUNCTION: AuditCode = dcm("110132", "Use of Restricted Function");
pub(super) const AUDIT_RECORDING_STOPPED: AuditCode = dcm("110133", "Audit Recording Stopped");
pub(super) const AUDIT_RECORDING_STARTED: AuditCode = dcm("110134", "Audit Recording Started");
pub(super) const OBJECT_SECURITY_ATTRIBUTES_CHANGED: AuditCode = dcm("110135", "Object Security Attributes Changed");
pub(super) const SECURITY_ROLES_CHANGED: AuditCode = dcm("110136", "Security Roles Changed");
pub(super) const EMERGENCY_OVERRIDE_STOPPED: AuditCode = dcm("110138", "Emergency Override Stopped");

pub(super) const APPLICATION: AuditCode = dcm("110150", "Application");
pub(super) const APPLICATION_LAUNCHER: AuditCode = dcm("110151", "Application Launcher");
pub(super) const DESTINATION_ROLE: AuditCode = dcm("110152", "Destination Role ID");
pub(super) const SOURCE_ROLE: AuditCode = dcm("110153", "Source Role ID");
pub(super) const DESTINATION_MEDIA: AuditCode = dcm("110154", "Destination Media");
pub(super) const SOURCE_MEDIA: AuditCode = dcm("110155", "Source Media");

/// Kinds of media. Source: DICOM PS3.16 CID 405.
pub(super) const USB_DISK_EMULATION: AuditCode = dcm("110030", "USB Disk Emulation");
pub(super) const EMAIL: AuditCode = dcm("110031", "Email");
pub(super) const URI_MEDIA: AuditCode = dcm("110037", "URI");

pub(super) const ITI_18: AuditCode = iti("ITI-18", "Registry Stored Query");
pub(super) const ITI_32: AuditCode = iti("ITI-32", "Distribute Document Set on Media");
pub(super) const ITI_41: AuditCode = iti("ITI-41", "Provide and Register Document Set-b");
pub(super) const ITI_42: AuditCode = iti("ITI-42", "Register Document Set-b");
pub(super) const ITI_43: AuditCode = iti("ITI-43", "Retrieve Document Set");
pub(super) const ITI_55: AuditCode = iti("ITI-55", "Cross Gateway Patient Discovery");

pub(super) const PATIENT_NUMBER: AuditCode = rfc_3881("2", "Patient Number");
pub(super) const REPORT_NUMBER: AuditCode = rfc_3881("9", "Report Number");
pub(super) const USER_IDENTIFIER: AuditCode = rfc_3881("11", "User Identifier");
pub(super) const URI: AuditCode = rfc_3881("12", "URI");
pub(super) const NODE_ID: AuditCode = dcm("110182", "Node ID");
pub(super) const SUBMISSION_SET: AuditCode = AuditCode::new(
    "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
    "IHE XDS Metadata",
    "submission set classificationNode",
);

pub(super) const ALERT_DESCRIPTION: &str = "Alert Description";
