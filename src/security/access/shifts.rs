//! What another policy would change: who gains, who loses (S-CON-09). Found by asking both about everything.

use std::{collections::BTreeSet, sync::Arc};

use super::{Action, Assurance, Claims, Evidence, Inputs, Level, Object, Policy, Purpose, Verdict, decide};
use crate::model::{
    Node, NodeRole, Organisation, Standing,
    consent::{Answer, ConsentAnswer, ConsentRecord, DataCategory, DataScope, Period, Scope},
};

/// A question that two policies answer differently, about data of another organisation in the same region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Role of the person, surely known.
    pub role: Box<str>,
    /// Why it asks.
    pub purpose: Purpose,
    /// How confidential the document is.
    pub level: Level,
    /// What the patient answered: `none`, `category`, `organisation`, `deny`.
    pub consent: &'static str,
    /// The answer of the one policy.
    pub now: String,
    /// The answer of the other.
    pub then: String,
}

impl Shift {
    /// Whether it is permitted by the other policy only.
    pub fn gains(&self) -> bool {
        self.then.starts_with("permit") && !self.now.starts_with("permit")
    }
}

/// Every question that one of the two policies permits and the other denies.
pub fn shifts(now: &Policy, then: &Policy) -> Vec<Shift> {
    let roles: BTreeSet<&str> = now.role_names().chain(then.role_names()).collect();
    let mut found = Vec::new();
    for role in roles {
        for purpose in Purpose::ALL {
            for level in Level::ALL {
                for (consent, answers) in situations() {
                    let [before, after] = [now, then].map(|policy| asked(policy, role, purpose, level, &answers));
                    if before.starts_with("permit") != after.starts_with("permit") {
                        let (role, now, then) = (role.into(), before, after);
                        found.push(Shift { role, purpose, level, consent, now, then });
                    }
                }
            }
        }
    }
    found
}

fn organisation(key: i64, id: &str) -> Organisation {
    Organisation {
        key,
        id: id.into(),
        name: "".into(),
        category: "any".into(),
        region: None,
        standing: Standing::Active,
    }
}

fn situations() -> [(&'static str, Vec<ConsentRecord>); 4] {
    let any = || Scope::Category("any".into());
    let said = |requester: Scope, answer| ConsentRecord {
        key: 1,
        answer: ConsentAnswer {
            source: any(),
            data: DataScope::One(DataCategory::other()),
            requester,
            answer,
            period: Period { from_ms: 0, until_ms: None },
        },
        origin: "".into(),
        recorded_by: "".into(),
        recorded_ms: 0,
        withdrawn_ms: None,
    };
    [
        ("none", Vec::new()),
        ("category", vec![said(any(), Answer::Permit)]),
        ("organisation", vec![said(Scope::Organisation("requester".into()), Answer::Permit)]),
        ("deny", vec![said(any(), Answer::Deny)]),
    ]
}

fn asked(policy: &Policy, role: &str, purpose: Purpose, level: Level, answers: &[ConsentRecord]) -> String {
    let owner = organisation(1, "owner");
    let node = Node {
        key: 2,
        name: "".into(),
        organisation: Arc::new(organisation(2, "requester")),
        roles: vec![NodeRole::Consumer],
        homes: Vec::new(),
        issuers: Vec::new(),
        standing: Standing::Active,
    };
    let claims = Claims { roles: [role.into()].into(), purposes: [purpose].into(), assurance: Assurance::High };
    let confidentiality = format!("{}^^2.16.840.1.113883.5.25", level.as_str());
    let decision = decide(&Inputs {
        policy,
        node: &node,
        requester: Some(&node.organisation),
        user: None,
        claims: &claims,
        about: None,
        action: Action::Pull,
        roles: &[NodeRole::Consumer],
        object: Object {
            owner: Some(&owner),
            data_category: &DataCategory::other(),
            confidentiality: &confidentiality,
            patient: None,
        },
        evidence: Evidence { answers, ..Evidence::default() },
        region: None,
        now_ms: 0,
    });
    match decision.verdict {
        Verdict::Permit(_) if decision.notify => "permit in an emergency".to_owned(),
        Verdict::Permit(_) => "permit".to_owned(),
        Verdict::Deny(reason) => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_con_09_a_dry_run_says_who_gains_and_who_loses() {
        let now = Policy::from_toml(Policy::DEFAULT).unwrap();
        assert_eq!(shifts(&now, &now), []);
        let text = Policy::DEFAULT
            .replace(
                "roles = [\"physician\", \"nurse\", \"pharmacist\", \"assistant\"]",
                "roles = [\"physician\", \"nurse\"]",
            )
            .replace("very_restricted = false\nhours", "very_restricted = true\nhours");
        let then = Policy::from_toml(&text).unwrap();
        let found = shifts(&now, &then);
        let lost = |role: &str| found.iter().filter(|it| &*it.role == role && !it.gains()).count();
        assert!(lost("pharmacist") > 0 && lost("assistant") > 0 && lost("nurse") == 0, "{found:?}");
        let gained: Vec<_> = found.iter().filter(|it| it.gains()).collect();
        assert!(gained.iter().all(|it| it.level == Level::VeryRestricted && it.purpose.is_emergency()), "{gained:?}");
        assert!(!gained.is_empty());
    }
}
