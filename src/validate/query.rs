//! Stored queries: parameters read, checked and typed.
//!
//! Source: ITI TF-2 §3.18.4.1.2.3 (R-18-01 to R-18-24, R-18-60 to R-18-62).

mod draft;
mod reader;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;

use self::{
    draft::Draft,
    reader::Reader,
    table::{Definition, Use},
};
use super::{
    QueryRules, Tolerance,
    report::{Report, shown},
};
use crate::model::{
    Finding, XdsErrorCode,
    rim::{AdhocQueryRequest, Slot},
    stored_query::{ReturnType, StoredQuery},
};

/// A query whose parameters are all in order.
#[derive(Clone, Debug)]
pub struct CheckedQuery {
    /// What is asked.
    pub query: StoredQuery,
    /// In which form.
    pub return_type: ReturnType,
    /// Habits of the sender that were tolerated.
    pub tolerated: BTreeSet<Tolerance>,
}

/// Reads a stored query. Parameters that the query does not have are ignored (R-18-03).
///
/// # Errors
/// All findings about its parameters at once (R-18-20).
pub fn stored_query(request: &AdhocQueryRequest, rules: &QueryRules) -> Result<CheckedQuery, Vec<Finding>> {
    let mut report = Report::new(XdsErrorCode::RegistryError);
    let definition = find(&request.query_id, rules, &mut report);
    let return_type = return_type(request.return_type.as_deref(), rules, &mut report);
    let count = request.slots.len();
    if count > rules.slots {
        let most = rules.slots;
        let problem = format!("The query has {count} slots, at most {most} are taken");
        report.error(XdsErrorCode::TooManyResults, "S-IN-27", problem);
    }
    report.end_stage()?;
    let (Some(definition), Some(return_type)) = (definition, return_type) else {
        return Err(Vec::new());
    };

    let mut draft = Draft::default();
    let mut reader = Reader { rules, report: &mut report, draft: &mut draft };
    for parameter in definition.parameters() {
        let slots: Vec<&Slot> = request.slots.iter().filter(|slot| &*slot.name == parameter.name).collect();
        reader.read(parameter, &slots);
    }
    check_alternatives(definition, request, &draft, &mut report);
    report.end_stage()?;
    match (definition.build)(draft) {
        Some(query) => Ok(CheckedQuery { query, return_type, tolerated: report.tolerated }),
        // Whatever a query needs is required by its table, so this was reported before.
        None => Err(vec![Finding::error(XdsErrorCode::StoredQueryMissingParam, "R-18-20", "A parameter is missing")]),
    }
}

/// The query with this id; `urn:uuid:` may be missing (spec §8, 35).
fn find(id: &str, rules: &QueryRules, report: &mut Report) -> Option<&'static Definition> {
    let id = id.trim();
    let found = Definition::find(id);
    let bare = if rules.bare_query_id { Definition::find(&format!("urn:uuid:{id}")) } else { None };
    if found.is_none() && bare.is_some() {
        report.tolerate(Tolerance::BareQueryId);
    }
    if found.or(bare).is_none() {
        let problem = format!("{} is not the id of a stored query that is served here", shown(id));
        report.error(XdsErrorCode::UnknownStoredQuery, "R-18-01", problem);
    }
    found.or(bare)
}

fn return_type(text: Option<&str>, rules: &QueryRules, report: &mut Report) -> Option<ReturnType> {
    match text.map(str::trim) {
        Some("LeafClass") => Some(ReturnType::LeafClass),
        Some("ObjectRef") => Some(ReturnType::ObjectRef),
        None if rules.assume_leaf_class => {
            report.tolerate(Tolerance::AssumedLeafClass);
            Some(ReturnType::LeafClass)
        }
        other => {
            let found = other.map_or_else(|| "is absent".to_owned(), |text| format!("{} is not served", shown(text)));
            let problem = format!("returnType {found}; it is LeafClass or ObjectRef");
            report.error(XdsErrorCode::RegistryError, "R-18-02", problem);
            None
        }
    }
}

/// Exactly one of the alternatives of a query must be there (R-18-21); by logicalID at level 2 only (R-18-61).
fn check_alternatives(definition: &Definition, request: &AdhocQueryRequest, draft: &Draft, report: &mut Report) {
    let names: Vec<_> = definition.parameters().filter(|p| p.usage == Use::OneOf).map(|p| p.name).collect();
    let is_given = |name: &&&str| request.slots.iter().any(|slot| &*slot.name == **name);
    match names.iter().filter(is_given).count() {
        0 if names.is_empty() => {}
        0 => {
            let problem = format!("One of the parameters {} is required", names.join(", "));
            report.error(XdsErrorCode::StoredQueryMissingParam, "R-18-21", problem);
        }
        1 => {}
        _ => {
            let problem = format!("Only one of the parameters {} is allowed", names.join(", "));
            report.error(XdsErrorCode::StoredQueryParamNumber, "R-18-21", problem);
        }
    }
    if draft.logical_ids.is_some() && draft.metadata_level != Some(2) {
        let name = names.iter().find(|name| name.ends_with("LogicalID")).unwrap_or(&"logicalID");
        let found = draft.metadata_level.map_or_else(|| "there is none".to_owned(), |level| format!("it is {level}"));
        let problem = format!("{name} is allowed with $MetadataLevel 2 only; {found}");
        report.error(XdsErrorCode::RegistryError, "R-18-61", problem);
    }
}
