//! Receipts: what became of a mail (MDN). Source: RFC 8098; R-32-28 to R-32-30.

use super::entity::{Entity, MailError, MailLimits};

/// Longest error text that is kept.
const TEXT_CHARACTERS: usize = 300;

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Message-ID of the mail that it is about, with its brackets.
    pub original_message_id: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Success,
    /// It was not, or not all of it; what was said of it, without control characters. A stranger's text.
    Failure(String),
}

/// The receipt in a multipart/report; nothing where it reports something else.
pub(super) fn find(report: &Entity<'_>, limits: &MailLimits) -> Result<Option<Disposition>, MailError> {
    for part in report.parts(limits.parts.min(10))? {
        let Ok(part) = Entity::read(part, limits) else { continue };
        if part.essence() == "message/disposition-notification" {
            let mut fields = part.decoded()?;
            fields.extend_from_slice(b"\r\n\r\n");
            return Ok(read(&fields, limits));
        }
    }
    Ok(None)
}

/// R-32-29: success unless the modifier has error or failure in it, in any case. `processed` and `dispatched`, which older
/// agents and Direct networks write, count as `displayed`; `deleted` without an error does not say that anything was taken.
fn read(fields: &[u8], limits: &MailLimits) -> Option<Disposition> {
    let fields = Entity::read(fields, limits).ok()?;
    let text = |name: &'static str| fields.text_of(name);
    let disposition = text("Disposition")?.to_ascii_lowercase();
    let (_, what) = disposition.split_once(';')?;
    let (kind, modifier) = what.split_once('/').unwrap_or((what, ""));
    let failed = ["error", "failure"].iter().any(|word| modifier.contains(word));
    let outcome = match (failed, kind.trim()) {
        (false, "displayed" | "processed" | "dispatched") => Outcome::Success,
        (false, _) => Outcome::Failure(String::new()),
        (true, _) => {
            let said = text("Error").or_else(|| text("Failure")).unwrap_or_default();
            Outcome::Failure(said.chars().filter(|c| !c.is_control()).take(TEXT_CHARACTERS).collect())
        }
    };
    let original_message_id = text("Original-Message-ID").map(|id| {
        let bare = id.trim_start_matches('<').trim_end_matches('>');
        format!("<{bare}>")
    });
    Some(Disposition { original_message_id, outcome })
}
