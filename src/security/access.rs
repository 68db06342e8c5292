//! Who may see or change which registry object: one pure function, first matching rule, the last of which is deny.
//!
//! Source: spec security §4.2 (D1 to D12; S-CON-01, S-CON-10).

mod answers;
mod confidentiality;
mod policy;
mod shifts;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

pub use confidentiality::Level;
pub use policy::{Assurance, BreakGlass, Claims, Effect, Policy, PolicyChange, PolicyError, PrivacyPolicy, Purpose};
pub use shifts::{Shift, shifts};

use crate::model::{
    HomeCommunityId, Node, NodeRole, Organisation, PatientId, Standing, User,
    consent::{AcknowledgedPolicy, AgreementRecord, Answer, ConsentRecord, DataCategory, DataScope},
};
use confidentiality::Need;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To see: ITI-18, 43, 38, 39, 55.
    Pull,
    /// To register, replace, update or remove: ITI-41, 42, 57, 61, 62, 8, 44.
    Push,
}

/// Why something is denied. Never told to the partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// D1
    Node,
    /// D2
    Owner,
    /// D5
    Role,
    /// D6
    Confidentiality,
    /// D8, D9
    Deny,
    /// D12
    NoAnswer,
    /// The remote consent service gave no answer (S-CON-03).
    Remote,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] =
        [Self::Node, Self::Owner, Self::Role, Self::Confidentiality, Self::Deny, Self::NoAnswer, Self::Remote];

    /// The code in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "CON-NODE",
            Self::Owner => "CON-OWNER",
            Self::Role => "CON-ROLE",
            Self::Confidentiality => "CON-CONF",
            Self::Deny => "CON-DENY",
            Self::NoAnswer => "CON-NOANSWER",
            Self::Remote => "CON-REMOTE",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// On what a permit rests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// No consent is asked for: a push.
    Push,
    /// The patient asks for what is theirs.
    OwnData,
    /// Requester and owner are one organisation.
    SameOrganisation,
    /// An answer of the patient: its key and the time it was recorded.
    Consent {
        /// Key of the record.
        key: i64,
        /// When it was recorded.
        recorded_ms: i64,
    },
    /// A policy that the patient acknowledged, `code^^scheme`.
    Policy(Box<str>),
    /// The consent service said so.
    Remote,
    /// The glass was broken.
    BreakGlass,
}

/// Yes or no.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Yes.
    Permit(Basis),
    /// No.
    Deny(Reason),
}

/// What was decided, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Yes or no.
    pub verdict: Verdict,
    /// The rules that were applied, the deciding one last.
    pub rules: Vec<&'static str>,
    /// Id and version of the policy.
    pub policy: Arc<str>,
    /// The privacy officer must be told before anything is shown.
    pub notify: bool,
}

impl Decision {
    /// Whether it is a yes.
    pub fn is_permit(&self) -> bool {
        matches!(self.verdict, Verdict::Permit(_))
    }
}

/// What a consent service said (S-CON-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemoteAnswer {
    /// Yes.
    Permit,
    /// No.
    Deny,
    /// Neither, an error, or nothing in time.
    Indeterminate,
}

/// What is known of the consent of one patient.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// What the patient answered.
    pub answers: &'a [ConsentRecord],
    /// What the patient acknowledged.
    pub policies: &'a [AcknowledgedPolicy],
    /// What regions agreed.
    pub agreements: &'a [AgreementRecord],
    /// What the consent service said, where one is asked instead of `answers`.
    pub remote: Option<RemoteAnswer>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Whose it is; none where the organisation is not known here.
    pub owner: Option<&'a Organisation>,
    /// Category of data.
    pub data_category: &'a DataCategory,
    /// Confidentiality as [`Policy::most_restrictive`] wrote it.
    pub confidentiality: &'a str,
    /// The patient.
    pub patient: Option<&'a PatientId>,
}

/// Everything that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The rules.
    pub policy: &'a Policy,
    /// Who asks.
    pub node: &'a Node,
    /// The organisation for which it asks: the node's own, or the one that a gateway speaks for; none where that one is not
    /// known here.
    pub requester: Option<&'a Organisation>,
    /// The person for whom it asks.
    pub user: Option<&'a User>,
    /// What the person claims: [`Policy::claims`], or [`Policy::claims_without_user`].
    pub claims: &'a Claims,
    /// The patient whom the person's assertion is about, as the identity that stands for them today.
    pub about: Option<&'a PatientId>,
    /// What is asked.
    pub action: Action,
    /// The roles that the transaction takes; one of them is needed.
    pub roles: &'a [NodeRole],
    /// What it is asked for.
    pub object: Object<'a>,
    /// What is known of consent.
    pub evidence: Evidence<'a>,
    /// The region of this server, and of organisations without one.
    pub region: Option<&'a HomeCommunityId>,
    /// The time, milliseconds since 1970.
    pub now_ms: i64,
}

/// Decides. Source: spec security §4.2; the first rule that matches.
pub fn decide(inputs: &Inputs<'_>) -> Decision {
    let mut applied = Applied { inputs, rules: Vec::with_capacity(12) };
    let verdict = applied.verdict();
    let notify = verdict == Verdict::Permit(Basis::BreakGlass);
    Decision { verdict, rules: applied.rules, policy: Arc::clone(inputs.policy.version()), notify }
}

/// The answer under way, with the rules looked at so far.
struct Applied<'a> {
    inputs: &'a Inputs<'a>,
    rules: Vec<&'static str>,
}

impl Applied<'_> {
    fn verdict(&mut self) -> Verdict {
        let Inputs { policy, node, object, claims, .. } = *self.inputs;
        self.rules.push("D1");
        // An organisation that nobody knows is in no category (S-CON-10).
        let Some(requester) = self.inputs.requester else { return Verdict::Deny(Reason::Node) };
        let standings = [node.standing, node.organisation.standing, requester.standing];
        let suspended = standings.contains(&Standing::Suspended);
        if suspended || !self.inputs.roles.iter().any(|role| node.has_role(*role)) {
            return Verdict::Deny(Reason::Node);
        }
        let same_organisation = object.owner.is_some_and(|owner| owner.key == requester.key);
        if self.inputs.action == Action::Push {
            self.rules.push("D2");
            return if same_organisation { Verdict::Permit(Basis::Push) } else { Verdict::Deny(Reason::Owner) };
        }
        let (level, withheld) = policy.confidentiality(object.confidentiality);
        let need = confidentiality::need(policy, claims, level);
        if self.is_own_data() {
            self.rules.push("D3");
            let shown = !withheld && need != Need::Impossible;
            return if shown { Verdict::Permit(Basis::OwnData) } else { Verdict::Deny(Reason::Confidentiality) };
        }
        if same_organisation {
            self.rules.push("D4");
            return self.own_organisation(need);
        }
        self.rules.push("D5");
        // A patient who may ask for their own data has got it in D3.
        let as_patient = claims.purposes.contains(&Purpose::Patrqt);
        if as_patient || !policy.allows(claims) || !self.concerns_this_patient() {
            return Verdict::Deny(Reason::Role);
        }
        self.exchange(requester, need)
    }

    /// D3: an assertion of an issuer for patients, whose subject is the patient of the request.
    fn is_own_data(&self) -> bool {
        let Inputs { policy, user, claims, object, .. } = *self.inputs;
        let (Some(user), Some(patient)) = (user, object.patient) else { return false };
        let only_this = claims.purposes.len() == 1 && claims.purposes.contains(&Purpose::Patrqt);
        // The name may be the one of the assertion or the one that stands for it today.
        let of_subject = |it: &PatientId| *user.name_id == *it.id() || *user.name_id == *it.to_string();
        only_this
            && policy.allows(claims)
            && policy.patient_issuers.contains(&user.issuer)
            && user.patient.as_ref().is_some_and(|asserted| of_subject(asserted) || of_subject(patient))
            && self.inputs.about == Some(patient)
    }

    /// D4: role and confidentiality alone, for nothing leaves the house. A system without a person is the organisation
    /// itself.
    fn own_organisation(&self, need: Need) -> Verdict {
        let Inputs { policy, user, claims, .. } = *self.inputs;
        let as_patient = claims.purposes.contains(&Purpose::Patrqt);
        match user {
            None => Verdict::Permit(Basis::SameOrganisation),
            Some(_) if as_patient || !policy.allows(claims) || !self.concerns_this_patient() => {
                Verdict::Deny(Reason::Role)
            }
            Some(_) if need == Need::Impossible => Verdict::Deny(Reason::Confidentiality),
            Some(_) => Verdict::Permit(Basis::SameOrganisation),
        }
    }

    /// An assertion that is about one patient serves for no other.
    fn concerns_this_patient(&self) -> bool {
        let is_about_one = self.inputs.user.is_some_and(|user| user.patient.is_some());
        !is_about_one || (self.inputs.about.is_some() && self.inputs.about == self.inputs.object.patient)
    }

    /// D6 to D12: another organisation asks.
    fn exchange(&mut self, requester: &Organisation, need: Need) -> Verdict {
        let Inputs { policy, claims, object, evidence, now_ms, .. } = *self.inputs;
        self.rules.push("D6");
        // An organisation that nobody knows cannot be covered by any answer (S-CON-10).
        let Some(owner) = object.owner else { return Verdict::Deny(Reason::NoAnswer) };
        let answer = answers::effective(evidence.answers, owner, object.data_category, requester, now_ms);
        // A permit that names no data is none (S-CON-02).
        let names_data = |record: &&ConsentRecord| record.answer.data != DataScope::All;
        let permit = answer.filter(|record| record.answer.answer == Answer::Permit).filter(names_data);
        let named = permit.is_some_and(|record| record.answer.requester.is_named());
        if need == Need::Impossible || (need == Need::NamedRequester && !named) {
            return Verdict::Deny(Reason::Confidentiality);
        }
        self.rules.push("D7");
        let denied = answer.is_some_and(|record| record.answer.answer == Answer::Deny)
            || evidence.remote == Some(RemoteAnswer::Deny);
        let policies = acknowledged(self.inputs, owner, requester);
        let glass = policy.break_glass;
        let emergency = claims.purposes.iter().all(|purpose| purpose.is_emergency());
        if emergency && glass.allowed && (glass.override_deny || !(denied || policies == Some(Acknowledged::Forbids))) {
            return Verdict::Permit(Basis::BreakGlass);
        }
        self.rules.push("D8");
        if denied {
            return Verdict::Deny(Reason::Deny);
        }
        self.rules.push("D9");
        if policies == Some(Acknowledged::Forbids) {
            return Verdict::Deny(Reason::Deny);
        }
        self.rules.push("D10");
        let basis = match (permit, policies, evidence.remote) {
            (_, _, Some(RemoteAnswer::Permit)) => Some(Basis::Remote),
            (_, _, Some(RemoteAnswer::Deny | RemoteAnswer::Indeterminate)) => None,
            (Some(record), _, None) => Some(Basis::Consent { key: record.key, recorded_ms: record.recorded_ms }),
            (None, Some(Acknowledged::Permits(code)), None) => Some(Basis::Policy(code.into())),
            (None, _, None) => None,
        };
        let across = self.regions_differ(requester, owner);
        if across {
            self.rules.push("D11");
        }
        match basis {
            Some(basis) if !across || self.regions_agreed(requester, owner) => Verdict::Permit(basis),
            None if evidence.remote == Some(RemoteAnswer::Indeterminate) => Verdict::Deny(Reason::Remote),
            _ => {
                self.rules.push("D12");
                Verdict::Deny(Reason::NoAnswer)
            }
        }
    }

    fn regions<'b>(&'b self, organisations: [&'b Organisation; 2]) -> [Option<&'b HomeCommunityId>; 2] {
        organisations.map(|organisation| organisation.region.as_ref().or(self.inputs.region))
    }

    fn regions_differ(&self, requester: &Organisation, owner: &Organisation) -> bool {
        let [requester, owner] = self.regions([requester, owner]);
        requester != owner
    }

    fn regions_agreed(&self, requester: &Organisation, owner: &Organisation) -> bool {
        let [Some(requester), Some(owner)] = self.regions([requester, owner]) else { return false };
        let holds = |it: &AgreementRecord| it.period.holds(self.inputs.now_ms) && it.joins(requester, owner);
        self.inputs.evidence.agreements.iter().any(holds)
    }
}

/// What acknowledged policies come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acknowledged<'a> {
    Permits(&'a str),
    Forbids,
}

/// What the valid acknowledged policies say; one that forbids beats those that permit.
fn acknowledged<'a>(inputs: &Inputs<'a>, owner: &Organisation, requester: &Organisation) -> Option<Acknowledged<'a>> {
    let Inputs { policy, object, evidence, region, now_ms, .. } = *inputs;
    let mut found = None;
    for acknowledged in evidence.policies.iter().filter(|it| it.period.holds(now_ms)) {
        let Some(known) = policy.privacy_policy(&acknowledged.policy) else {
            if policy.unknown_denies && acknowledged.region.as_ref() == region {
                return Some(Acknowledged::Forbids);
            }
            continue;
        };
        let covers = known.source.as_ref().is_none_or(|scope| scope.covers(owner))
            && known.requester.as_ref().is_none_or(|scope| scope.covers(requester))
            && (known.data.is_empty() || known.data.iter().any(|data| data.covers(object.data_category)));
        match known.effect {
            Effect::Forbid if covers => return Some(Acknowledged::Forbids),
            Effect::Permit if covers => found = Some(Acknowledged::Permits(&acknowledged.policy)),
            Effect::Forbid | Effect::Permit => {}
        }
    }
    found
}
