//! Who asks, in the terms of the policy: the person, the organisation, and the patient whom the assertion is about.
//!
//! A gateway brings users of other organisations. Consent is about the organisation where the user works, so that is the one which
//! is decided on, as it is known here: with its category and region, never as the assertion describes it. One that is not known
//! here, or of a community that is not the gateway's, is nobody (CON-NODE).
//!
//! Source: spec security §3.3 (steps 13 and 14), §4.2 (D1); S-CON-10.

use std::sync::Arc;

use crate::{
    model::{HomeCommunityId, Organisation, PatientId, RequestContext},
    security::{
        access::{Claims, Policy},
        assertion::{plain_oid, speaks_for_communities},
    },
    store::{Evidence, StoreError, Tx},
};

/// Who asks.
pub(super) struct Requester<'a> {
    pub ctx: &'a RequestContext,
    pub claims: Claims,
    /// Issuer and NameID.
    pub person: String,
    /// The organisation for which it asks; none where a gateway speaks for another one that was not found, or not looked for.
    pub organisation: Option<Arc<Organisation>>,
    /// The patient whom the assertion is about, as the identity that stands for them.
    pub about: Option<PatientId>,
}

impl<'a> Requester<'a> {
    /// As far as the request itself tells.
    pub fn new(ctx: &'a RequestContext, policy: &Policy) -> Self {
        let user = ctx.user.as_ref();
        Self {
            ctx,
            claims: user.map_or_else(|| policy.claims_without_user(), |user| policy.claims(user)),
            person: user.map(|user| format!("{}|{}", user.issuer, user.name_id)).unwrap_or_default(),
            organisation: spoken_for(ctx).is_none().then(|| Arc::clone(&ctx.caller.node.organisation)),
            about: user.and_then(|user| user.patient.clone()),
        }
    }

    /// Looks up what only the database tells. `region` is that of organisations without one.
    pub async fn identify(
        &mut self,
        tx: &mut Tx,
        evidence: &Evidence,
        region: Option<&HomeCommunityId>,
    ) -> Result<(), StoreError> {
        if let Some(id) = spoken_for(self.ctx) {
            let homes = &self.ctx.caller.node.homes;
            let of_gateway =
                |it: &Organisation| it.region.as_ref().or(region).is_some_and(|region| homes.contains(region));
            self.organisation = tx.find_organisation(id).await?.filter(of_gateway).map(Arc::new);
        }
        // An identity that was merged into another one means that other one.
        if let Some(asserted) = &self.about
            && evidence.kin.values().any(|kin| kin.patient != *asserted)
            && let Some(row) = tx.find_patient(asserted).await?
            && let Some(kin) = evidence.kin.values().find(|kin| kin.survivor_key == row.survivor_key)
        {
            self.about = Some(kin.patient.clone());
        }
        Ok(())
    }
}

/// The id of the organisation for which a gateway asks, where it is not its own.
fn spoken_for(ctx: &RequestContext) -> Option<&str> {
    let (user, node) = (ctx.user.as_ref()?, &ctx.caller.node);
    // Without one it would be unclear who asks.
    let id = user.organisation_id.as_deref().unwrap_or_default();
    (speaks_for_communities(node) && id != plain_oid(&node.organisation.id)).then_some(id)
}
