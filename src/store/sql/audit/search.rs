//! Looking up events, newest first, over the database and the files of reads. Source: S-AUD-65, S-AUD-70.

use super::files::month_of;
use crate::store::{
    StoreError,
    sql::{ReadTx, Store, builder::SqlBuilder},
};

/// Which events; what is absent does not matter.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// The patient, as CX.
    pub patient: Option<String>,
    /// Not before this time, milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Before this time, milliseconds since 1970.
    pub to_ms: Option<i64>,
    /// UserID of a person.
    pub person: Option<String>,
    /// Identifier of the caller's organisation.
    pub organisation: Option<String>,
    /// Code of an EventID or EventTypeCode: `110112`, `ITI-43`.
    pub event: Option<String>,
    /// EventOutcomeIndicator.
    pub outcome: Option<i64>,
    /// Only those of an emergency override.
    pub emergency: bool,
    /// uniqueId or entryUUID of a document.
    pub document: Option<String>,
    /// Only those after this one in the order of the answer: time and key of the last one seen.
    pub after: Option<(i64, i64)>,
}

/// An event that was found.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundAudit {
    /// Its key.
    pub audit_key: i64,
    /// When it happened, milliseconds since 1970.
    pub occurred_ms: i64,
    /// The event as canonical JSON.
    pub body: String,
}

impl Store {
    /// The newest events that fit, at most `limit`.
    ///
    /// # Errors
    /// When the database or a file of reads cannot be read.
    pub async fn search_audit(&self, search: &AuditSearch, limit: i64) -> Result<Vec<FoundAudit>, StoreError> {
        self.settle_audit().await?;
        let mut found = find(&mut self.read_at_leisure().await?, search, limit).await?;
        if let Some(files) = &self.inner.audit_files {
            let from = search.from_ms.map(month_of);
            let to = search.after.map(|(time_ms, _)| time_ms).or(search.to_ms).map(month_of);
            let within = |month: &i64| from.is_none_or(|from| *month >= from) && to.is_none_or(|to| *month <= to);
            for month in files.months()?.into_iter().filter(within).rev() {
                found.extend(find(&mut files.read(month).await?, search, limit).await?);
            }
            found.sort_unstable_by_key(|event| std::cmp::Reverse((event.occurred_ms, event.audit_key)));
            found.truncate(usize::try_from(limit).unwrap_or(0));
        }
        Ok(found)
    }
}

async fn find(tx: &mut ReadTx, search: &AuditSearch, limit: i64) -> Result<Vec<FoundAudit>, StoreError> {
    let mut sql =
        SqlBuilder::new("AUDIT_SEARCH", "SELECT a.audit_key, a.occurred_ms, a.body FROM audit a WHERE a.audit_key > 0");
    if let Some(patient) = &search.patient {
        sql.and("a.patient = ").value(patient.as_str());
    }
    if let Some(from_ms) = search.from_ms {
        sql.and("a.occurred_ms >= ").value(from_ms);
    }
    if let Some(to_ms) = search.to_ms {
        sql.and("a.occurred_ms < ").value(to_ms);
    }
    if let Some(organisation) = &search.organisation {
        sql.and("a.organisation = ").value(organisation.as_str());
    }
    if let Some(event) = &search.event {
        sql.and("(a.event_id = ").value(event.as_str()).sql(" OR a.event_type = ").value(event.as_str()).sql(")");
    }
    if let Some(outcome) = search.outcome {
        sql.and("a.outcome = ").value(outcome);
    }
    if search.emergency {
        sql.and("a.emergency = 1");
    }
    for (kind, value) in [("1", &search.document), ("2", &search.person)] {
        if let Some(value) = value {
            sql.and("a.audit_key IN (SELECT v.audit_key FROM audit_value v WHERE v.kind = ").sql(kind);
            sql.sql(" AND v.value = ").value(value.as_str()).sql(")");
        }
    }
    if let Some((time_ms, key)) = search.after {
        sql.and("(a.occurred_ms < ").value(time_ms).sql(" OR (a.occurred_ms = ").value(time_ms);
        sql.sql(" AND a.audit_key < ").value(key).sql("))");
    }
    sql.sql(" ORDER BY a.occurred_ms DESC, a.audit_key DESC LIMIT ").value(limit);
    let rows: Vec<(i64, i64, String)> = tx.fetch_search(sql).await?;
    let found = |(audit_key, occurred_ms, body)| FoundAudit { audit_key, occurred_ms, body };
    Ok(rows.into_iter().map(found).collect())
}
