//! What this house changes in the metadata of a set by rules of its own.
//!
//! Source: spec xdm R-32-36, R-32-40, R-32-56.

use super::{
    settings::CodeReplacement,
    submission::{entries_mut, is_package, submission_set, value_of},
};
use crate::model::{
    Oid, RequestContext,
    rim::{Classification, LocalizedString, RegistryObject, Slot, SubmitObjectsRequest},
    vocabulary as v,
};

/// Puts confidentialityCodes of this house in place of the sender's (R-32-40).
pub(super) fn replace_confidentiality(submit: &mut SubmitObjectsRequest, rules: &[CodeReplacement]) {
    if rules.is_empty() {
        return;
    }
    let source = submission_set(submit).and_then(|set| set.external_identifier(v::SS_SOURCE_ID)).map(str::to_owned);
    let fits = |it: &&CodeReplacement| it.source_id.as_ref().is_none_or(|id| Some(id.as_str()) == source.as_deref());
    let rules: Vec<&CodeReplacement> = rules.iter().filter(fits).collect();
    for entry in entries_mut(submit) {
        for code in entry.classifications.iter_mut().filter(|it| is_confidentiality(it)) {
            let is_from = |rule: &&&CodeReplacement| {
                code.node_representation.as_deref() == Some(rule.from.code())
                    && value_of(&code.slots, v::SLOT_CODING_SCHEME) == Some(rule.from.coding_scheme())
            };
            if let Some(rule) = rules.iter().find(is_from) {
                let to = &rule.to;
                code.node_representation = Some(to.value.code().into());
                code.slots =
                    vec![Slot { name: v::SLOT_CODING_SCHEME.into(), values: vec![to.value.coding_scheme().into()] }];
                code.name = vec![LocalizedString { value: to.display_name.as_ref().into(), ..Default::default() }];
            }
        }
    }
}

fn is_confidentiality(it: &Classification) -> bool {
    it.classification_scheme.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(v::DE_CONFIDENTIALITY_CODE))
}

/// Gives a set another uniqueId and source; its comments tell the uniqueId that it had (R-32-56).
pub(super) fn mint(submit: &mut SubmitObjectsRequest, source_id: &Oid, ctx: &mut RequestContext) {
    let unique_id = format!("2.25.{}", u128::from_be_bytes(*ctx.fresh_uuid().as_bytes()));
    let Some(set) = set_mut(submit) else { return };
    let mut imported = None;
    for identifier in &mut set.external_identifiers {
        let is = |scheme: &str| identifier.identification_scheme.eq_ignore_ascii_case(scheme);
        if is(v::SS_UNIQUE_ID) {
            let old = std::mem::replace(&mut identifier.value, unique_id.as_str().into());
            imported = Some(format!("Imported submission set {old}."));
        } else if is(v::SS_SOURCE_ID) {
            identifier.value = source_id.as_str().into();
        }
    }
    if let Some(sentence) = imported {
        set.add_comment(&sentence);
    }
}

/// Leaves hash and size of every document to the repository, and says so in the comments of the set (R-32-36).
pub(super) fn recompute(submit: &mut SubmitObjectsRequest) {
    for entry in entries_mut(submit) {
        entry.slots.retain(|slot| ![v::SLOT_HASH, v::SLOT_SIZE].contains(&&*slot.name));
    }
    if let Some(set) = set_mut(submit) {
        set.add_comment("Imported in spite of a wrong hash or size; both were computed anew.");
    }
}

fn set_mut(submit: &mut SubmitObjectsRequest) -> Option<&mut RegistryObject> {
    let place = submit.objects.iter().position(|object| is_package(object, submit, v::SUBMISSION_SET_NODE))?;
    submit.objects.get_mut(place)
}
