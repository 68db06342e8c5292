//! What came out of the decisions for one request.

use std::collections::BTreeSet;

use crate::{
    model::{AuditLocal, EntryUuid, OrganisationKey},
    security::access::{Basis, Decision, Policy, Reason, Verdict},
    store::{Combination, Sight},
};

/// What a request may see, and why.
pub(in crate::service) struct Ruling {
    /// For the store.
    pub sight: Sight,
    decided: Vec<(Combination, Decision)>,
    /// Whether anything was asked; also where nothing was found.
    asked: bool,
    policy: String,
}

impl Ruling {
    /// Access rules are off.
    pub(super) fn everything() -> Self {
        Self { sight: Sight::All, decided: Vec::new(), asked: false, policy: String::new() }
    }

    /// Nobody else owns anything.
    pub(super) fn of_own(own: OrganisationKey, policy: &Policy) -> Self {
        let sight = Sight::Limited { own: Some(own), permitted: Vec::new() };
        Self { sight, decided: Vec::new(), asked: false, policy: format!("{} D4", policy.version()) }
    }

    pub(super) fn limited(
        own: Option<OrganisationKey>,
        decided: Vec<(Combination, Decision)>,
        policy: &Policy,
    ) -> Self {
        let permitted = decided.iter().filter(|(it, decision)| decision.is_permit() && own != Some(it.owner));
        let permitted = permitted.map(|(it, _)| it.clone()).collect();
        let rules: BTreeSet<&str> = decided.iter().filter_map(|(_, decision)| decision.rules.last().copied()).collect();
        let rules: Vec<&str> = rules.into_iter().collect();
        let policy = format!("{} {}", policy.version(), rules.join(" "));
        Self { sight: Sight::Limited { own, permitted }, decided, asked: true, policy: policy.trim_end().to_owned() }
    }

    /// Whether entries of this combination show.
    pub(super) fn shows(&self, combination: &Combination) -> bool {
        match &self.sight {
            Sight::All => true,
            Sight::Limited { own, permitted } => *own == Some(combination.owner) || permitted.contains(combination),
        }
    }

    /// Whether it must be looked at what was kept back.
    pub(in crate::service) fn may_withhold(&self) -> bool {
        self.asked
    }

    /// Why something was denied.
    fn reasons(&self) -> BTreeSet<Reason> {
        let reason = |(_, decision): &(Combination, Decision)| match decision.verdict {
            Verdict::Deny(reason) => Some(reason),
            Verdict::Permit(_) => None,
        };
        self.decided.iter().filter_map(reason).collect()
    }

    /// The reason that says most: that a consent service was silent, then that the patient refused. That nobody was asked
    /// about other documents says less.
    pub(super) fn reason(&self) -> Reason {
        let reasons = self.reasons();
        let first = [Reason::Remote, Reason::Deny].into_iter().find(|reason| reasons.contains(reason));
        first.or_else(|| reasons.last().copied()).unwrap_or(Reason::NoAnswer)
    }

    /// Id and version of the policy, and the rules that decided.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    /// Puts down what the audit trail keeps of it, and never sends (S-CON-08).
    pub(super) fn note(&self, local: &mut AuditLocal, withheld: &[EntryUuid]) {
        let mut consent: Vec<String> = Vec::new();
        for (_, decision) in &self.decided {
            let Verdict::Permit(basis) = &decision.verdict else { continue };
            let text = match basis {
                Basis::Consent { key, recorded_ms } => format!("{key} permit {recorded_ms}"),
                Basis::Policy(code) => format!("policy {code}"),
                Basis::Remote => "consent service permit".to_owned(),
                Basis::BreakGlass => {
                    local.emergency = true;
                    continue;
                }
                Basis::Push | Basis::OwnData | Basis::SameOrganisation => continue,
            };
            if !consent.contains(&text) {
                consent.push(text);
            }
        }
        local.withheld = withheld.iter().map(ToString::to_string).collect();
        local.policy.clone_from(&self.policy);
        local.consent = consent.join("; ");
        local.checks.extend(self.reasons().into_iter().map(|reason| format!("consent {reason}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::consent::Label;

    fn decision(verdict: Verdict, rule: &'static str) -> Decision {
        let notify = verdict == Verdict::Permit(Basis::BreakGlass);
        Decision { verdict, rules: vec!["D1", rule], policy: "p/1".into(), notify }
    }

    fn combination(patient_key: i64) -> Combination {
        Combination { patient_key, owner: 7, label: Label::default() }
    }

    #[test]
    fn s_con_08_a_refusal_of_the_patient_is_told_before_what_was_not_asked() {
        let policy = Policy::from_toml(Policy::DEFAULT).unwrap();
        let reason = |reasons: &[Reason]| {
            let denied = |reason: &Reason| (combination(1), decision(Verdict::Deny(*reason), "D12"));
            Ruling::limited(None, reasons.iter().map(denied).collect(), &policy).reason()
        };
        assert_eq!(reason(&[]), Reason::NoAnswer);
        assert_eq!(reason(&[Reason::Confidentiality, Reason::NoAnswer]), Reason::NoAnswer);
        assert_eq!(reason(&[Reason::NoAnswer, Reason::Deny, Reason::Confidentiality]), Reason::Deny);
        assert_eq!(reason(&[Reason::Deny, Reason::Remote, Reason::NoAnswer]), Reason::Remote);
        assert_eq!(reason(&[Reason::Role]), Reason::Role);
    }

    #[test]
    fn s_con_08_the_audit_trail_keeps_basis_reason_and_what_was_withheld() {
        let policy = Policy::from_toml(Policy::DEFAULT).unwrap();
        let consent = Verdict::Permit(Basis::Consent { key: 17, recorded_ms: 5 });
        let decided = vec![
            (combination(1), decision(consent.clone(), "D10")),
            (combination(2), decision(consent, "D10")),
            (combination(3), decision(Verdict::Deny(Reason::NoAnswer), "D12")),
            (combination(4), decision(Verdict::Deny(Reason::Confidentiality), "D6")),
        ];
        let ruling = Ruling::limited(Some(1), decided, &policy);
        let uuid = EntryUuid::from_bytes([7; 16]);
        let noted = |ruling: &Ruling, withheld: &[EntryUuid]| {
            let mut local = AuditLocal::default();
            ruling.note(&mut local, withheld);
            local
        };
        let local = noted(&ruling, &[uuid]);
        assert_eq!(local.policy, "knoop-default/1 D10 D12 D6");
        assert_eq!(local.consent, "17 permit 5");
        assert_eq!(local.checks, ["consent CON-CONF", "consent CON-NOANSWER"]);
        assert_eq!(local.withheld, [uuid.to_string()]);
        assert!(!local.emergency && ruling.may_withhold());
        assert_eq!([1, 2, 3, 4].map(|patient| ruling.shows(&combination(patient))), [true, true, false, false]);
        assert_eq!(ruling.reason(), Reason::NoAnswer);
        let glass = vec![(combination(1), decision(Verdict::Permit(Basis::BreakGlass), "D7"))];
        assert!(noted(&Ruling::limited(None, glass, &policy), &[]).emergency);
        assert!(!Ruling::of_own(1, &policy).may_withhold());
    }
}
