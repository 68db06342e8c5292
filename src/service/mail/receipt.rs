//! Receipts that go out: what became of a mail that came. Source: R-32-28, R-32-30, R-32-35.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{MailService, make::NotMade};
use crate::{
    model::{RequestContext, xdm::PackageState},
    service::spool::fresh_id,
    store::{MailRow, NewJob, NewMail, Priority, ReceivedMail, XdmPackage},
    wire::mail::{self, Envelope, Outcome},
};

/// Sets that are named one by one.
const NAMED: usize = 8;

/// What a receipt says, as it is kept.
#[derive(Serialize, Deserialize)]
struct Content {
    /// The address of ours to which the mail came.
    from: String,
    /// The Message-ID of that mail.
    original: String,
    /// Why its package was not, or not wholly, taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The octets of a receipt.
pub(super) fn make(row: &MailRow, receipt: &str, now_ms: i64) -> Result<Vec<u8>, NotMade> {
    let content: Content = serde_json::from_str(receipt).map_err(|_| NotMade::Order)?;
    let now = Timestamp::from_millisecond(now_ms).map_err(|_| NotMade::Order)?;
    let envelope = Envelope {
        from: content.from.parse().map_err(|_| NotMade::Order)?,
        to: row.mail.recipient.parse().map_err(|_| NotMade::Order)?,
        message_id: row.mail.message_id.clone(),
        date_s: now.as_second().unsigned_abs(),
        notify: false,
    };
    let outcome = content.error.map_or(Outcome::Success, Outcome::Failure);
    Ok(mail::receipt(&envelope, &content.original, &outcome)?)
}

impl MailService {
    /// A receipt for a mail that came, and the job that hands it over; nothing where its sender wants none, or did not say
    /// what the mail is called.
    pub(super) fn receipt(
        &self,
        ctx: &mut RequestContext,
        received: &ReceivedMail,
        error: Option<&str>,
    ) -> std::io::Result<Option<(NewMail, NewJob)>> {
        let head = &received.head;
        let (Some(to), Some(original)) = (&head.receipt_to, &head.message_id) else { return Ok(None) };
        let content =
            Content { from: received.recipient.clone(), original: original.clone(), error: error.map(str::to_owned) };
        let mail = NewMail {
            id: fresh_id()?,
            message_id: self.message_id(ctx),
            recipient: to.clone(),
            notice: "{}".to_owned(),
            sets: "[]".to_owned(),
            octets: 0,
            created_by: "knoop".to_owned(),
            pickup_id: None,
            created_ms: ctx.now.as_millisecond(),
            sealed: false,
            receipt: Some(serde_json::to_string(&content)?),
        };
        let job = self.sending(ctx, &mail, Priority::Normal);
        Ok(Some((mail, job)))
    }
}

/// What of a report is told: no word of it came with the package.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    outcome: String,
    findings: Vec<Finding>,
    sets: Vec<Set>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Set {
    ordinal: usize,
    state: String,
    findings: Vec<Finding>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Finding {
    code: String,
    weight: String,
}

impl Set {
    /// What stands against it, where it was neither taken over nor left out by a person.
    fn problem(&self) -> Option<String> {
        let code = match &*self.state {
            "imported" | "already_present" | "skipped" => return None,
            "held" => "XdmHeld",
            _ => "XdmNotTaken",
        };
        Some(format!("{}, set {}", error(&self.findings).unwrap_or(code), self.ordinal))
    }
}

/// Why the package of a mail was not, or not wholly, taken over: codes, ordinals of sets, counts (R-32-30). Nothing where it was.
pub(super) fn why_not(package: Option<&XdmPackage>) -> Option<String> {
    let Some(package) = package else { return Some("XdmExpired".to_owned()) };
    let report = package.report.as_deref().and_then(|text| serde_json::from_str::<Report>(text).ok());
    let report = report.unwrap_or_default();
    let of_sets: Vec<String> = report.sets.iter().filter_map(Set::problem).collect();
    let of_whole = match package.state {
        PackageState::Done => None,
        PackageState::Withdrawn => Some("XdmWithdrawn"),
        // Its sets tell more than the first of them.
        PackageState::Failed if !of_sets.is_empty() => None,
        PackageState::Failed => Some(package.problem.as_deref().map_or("XdmFailed", code_of)),
        PackageState::Inspected | PackageState::Held | PackageState::Waiting | PackageState::Running => {
            Some("XdmExpired")
        }
    };
    let of_whole = error(&report.findings).or(of_whole).map(str::to_owned);
    if of_whole.is_none() && of_sets.is_empty() {
        return None;
    }
    let count = format!("{} of {} sets not taken", of_sets.len(), report.sets.len());
    let count = Some(count).filter(|_| !of_sets.is_empty());
    // What nobody took over in the end says nothing of its sets.
    let named = if matches!(package.state, PackageState::Done | PackageState::Failed) { NAMED } else { 0 };
    let said: Vec<String> = of_whole.into_iter().chain(of_sets.into_iter().take(named)).chain(count).collect();
    Some(said.join("; "))
}

/// Whether a package was given up before the importer told the audit trail: it was merely looked into, and not refused whole.
pub(super) fn is_untold(package: &XdmPackage) -> bool {
    let report = package.report.as_deref().and_then(|text| serde_json::from_str::<Report>(text).ok());
    package.state == PackageState::Failed && package.runs == 1 && report.is_none_or(|it| it.outcome != "rejected")
}

/// The code with which a problem of ours begins.
pub(super) fn code_of(problem: &str) -> &str {
    problem.split([':', ',', ';']).next().unwrap_or(problem)
}

/// The code of the first error.
fn error(findings: &[Finding]) -> Option<&str> {
    let code = &*findings.iter().find(|finding| finding.weight == "error")?.code;
    // Ours are words of letters; nothing else gets into a mail.
    Some(code).filter(|code| !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::xdm::{Delivery, Direction, PackageId};

    fn told(state: PackageState, problem: Option<&str>, report: Option<&str>) -> Option<String> {
        let package = XdmPackage {
            package_id: PackageId::from_bits(1),
            direction: Direction::Import,
            state,
            owner_org_key: 1,
            node_key: 1,
            delivery: Delivery::Mail,
            priority: Priority::Normal,
            urgency: String::new(),
            job_id: None,
            runs: 1,
            order: String::new(),
            report: report.map(str::to_owned),
            problem: problem.map(str::to_owned),
            file: None,
            octets: None,
            sha256: None,
            created_ms: 0,
            ended_ms: None,
            expires_ms: None,
            receipt: None,
            instance: String::new(),
            mail: None,
        };
        why_not(Some(&package))
    }

    #[test]
    fn r_32_30_a_receipt_tells_codes_ordinals_and_counts() {
        let bad = r#"{"findings":[],"sets":[{"ordinal":1,"state":"imported","findings":[]},{"ordinal":2,"state":"failed",
            "findings":[{"code":"XdmHashMismatch","weight":"error","file":"FICTIEF.TXT","text":"mevrouw Fictief"}]}]}"#;
        let good =
            r#"{"findings":[],"sets":[{"ordinal":1,"state":"already_present"},{"ordinal":2,"state":"skipped"}]}"#;
        let odd = r#"{"findings":[{"code":"Ada Fictief","weight":"error"}],"sets":[]}"#;
        let archive = r#"{"findings":[{"code":"XdmNotAZip","weight":"error"}],"sets":[]}"#;
        let ready = r#"{"findings":[],"sets":[{"ordinal":1,"state":"ready"}]}"#;
        for (state, problem, report, said) in [
            (PackageState::Done, None, Some(good), None),
            (PackageState::Done, None, Some(bad), Some("XdmHashMismatch, set 2; 1 of 2 sets not taken")),
            (PackageState::Failed, Some("XdmNotAZip: see it"), Some(archive), Some("XdmNotAZip")),
            (PackageState::Failed, Some("XdmRole: a text"), None, Some("XdmRole")),
            (PackageState::Failed, None, Some(odd), Some("XdmFailed")),
            (PackageState::Withdrawn, None, None, Some("XdmWithdrawn")),
            (PackageState::Inspected, None, Some(ready), Some("XdmExpired; 1 of 1 sets not taken")),
        ] {
            assert_eq!(told(state, problem, report).as_deref(), said, "{state:?}");
        }
        assert_eq!(why_not(None).as_deref(), Some("XdmExpired"));
    }
}
