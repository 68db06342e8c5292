//! A package as JSON, for whoever ordered it and for the operator.

use serde::Serialize;

use super::XdmPackage;
use crate::model::xdm::{Direction, PackageState};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    id: String,
    direction: &'static str,
    state: &'static str,
    delivery: &'static str,
    priority: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    urgency: &'a str,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    octets: Option<u64>,
    /// Where it is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem<'a>>,
    /// The mail in which it leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<Mail<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mail<'a> {
    state: &'static str,
    carries: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<String>,
    /// When the addressee's system told what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// Why a job gave up.
#[derive(Serialize)]
struct Problem<'a> {
    code: &'a str,
    text: &'a str,
}

/// RFC 3339.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default()
}

/// The path of a package on the node listener.
pub fn path(package: &XdmPackage) -> String {
    format!("/xdm/{}/{}", package.direction.as_str(), package.package_id)
}

/// A package as a JSON object; with report and receipt, which tell of a patient, where `whole`.
pub fn object(package: &XdmPackage, whole: bool) -> String {
    let can_be_fetched =
        package.direction == Direction::Export && package.state == PackageState::Done && package.file.is_some();
    let problem = package.problem.as_deref().map(|text| {
        let (code, text) = text.split_once(": ").unwrap_or(("XdmFailed", text));
        Problem { code, text }
    });
    let shown = Shown {
        id: package.package_id.to_string(),
        direction: package.direction.as_str(),
        state: package.state.as_str(),
        delivery: package.delivery.as_str(),
        priority: package.priority.as_str(),
        urgency: &package.urgency,
        created: time(package.created_ms),
        ended: package.ended_ms.map(time),
        expires: package.expires_ms.map(time),
        octets: package.octets,
        package: can_be_fetched.then(|| format!("{}/package", path(package))),
        problem,
        mail: package.mail.as_ref().map(|mail| Mail {
            state: mail.state.as_str(),
            carries: if mail.pickup_id.is_some() { "link" } else { "package" },
            problem: mail.problem.as_deref(),
            sent: mail.sent_ms.map(time),
            receipt: mail.receipt_ms.map(time),
        }),
    };
    let mut text = serde_json::to_string(&shown).unwrap_or_default();
    if whole && text.pop().is_some() {
        // Both are kept as JSON.
        for (name, kept) in [("report", &package.report), ("receipt", &package.receipt)] {
            if let Some(kept) = kept {
                text.push_str(&format!(",\"{name}\":{kept}"));
            }
        }
        text.push('}');
    }
    text
}
