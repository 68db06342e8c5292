//! The table of decisions: one row for each situation, every input that matters in at least two of them.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::model::{
    Coded,
    consent::{Answer, ConsentAnswer, Period},
};

const NOW: i64 = 1_000_000;
const HL7: &str = "2.16.840.1.113883.5.25";
const IDP: &str = "https://patients.example/idp";

fn policy() -> Policy {
    let more = r#"
        [[privacy_policy]]
        code = "yes^^2.999.6"
        effect = "permit"
        source = "category:ziekenhuis"
        data = ["letters"]
        requester = "category:ziekenhuis"

        [[privacy_policy]]
        code = "no^^2.999.6"
        effect = "forbid"
        requester = "category:apotheek"

        [[confidentiality]]
        code = "W^^2.999.5"
        level = "N"
        withheld_from_patient = true
    "#;
    let text = Policy::DEFAULT.replace("issuers = []", &format!("issuers = [\"{IDP}\"]"));
    Policy::from_toml(&format!("{text}{more}")).unwrap()
}

fn organisation(key: i64, id: &str, category: &str, region: &str) -> Organisation {
    Organisation {
        key,
        id: id.into(),
        name: id.into(),
        category: category.into(),
        region: region.parse().ok(),
        standing: Standing::Active,
    }
}

fn region(text: &str) -> HomeCommunityId {
    text.parse().unwrap()
}

const REGION_A: &str = "urn:oid:2.999.100";
const REGION_B: &str = "urn:oid:2.999.200";

fn hospital_a() -> Organisation {
    organisation(10, "2.999.10", "ziekenhuis", REGION_A)
}

fn coded(code: &str, system: &str) -> Coded {
    Coded { code: code.into(), system: system.into(), ..Coded::default() }
}

fn patient() -> PatientId {
    "999900006^^^&2.16.840.1.113883.2.4.6.3&ISO".parse().unwrap()
}

fn user(role: &str, purpose: &str, assurance: &str) -> User {
    let role = match role {
        "physician" => "309343006",
        "nurse" => "106292003",
        "pharmacist" => "46255001",
        "assistant" => "224608005",
        "patient" => "116154003",
        other => other,
    };
    let assurance = match assurance {
        "high" => "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
        "substantial" => "http://eidas.europa.eu/LoA/substantial",
        "low" => "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorUnregistered",
        other => other,
    };
    User {
        issuer: "https://sts.example".into(),
        name_id: "u1".into(),
        alias: "".into(),
        assertion_id: "_1".into(),
        digest: [0; 32],
        not_on_or_after_ms: i64::MAX,
        assurance: assurance.into(),
        name: "".into(),
        organisation_name: "".into(),
        organisation_id: None,
        home: None,
        roles: vec![coded(role, "2.16.840.1.113883.6.96")],
        purposes: vec![coded(purpose, "2.16.840.1.113883.5.8")],
        patient: None,
        consent_document: Some("urn:oid:2.999.1.2.3".into()),
        consent_policy: Some("urn:oid:2.999.6.1".into()),
        provider: None,
        mandated: None,
        npi: None,
        requesting_category: None,
        data_categories: Vec::new(),
    }
}

fn record(key: i64, source: &str, data: &str, requester: &str, answer: Answer) -> ConsentRecord {
    ConsentRecord {
        key,
        answer: ConsentAnswer {
            source: source.parse().unwrap(),
            data: data.parse().unwrap(),
            requester: requester.parse().unwrap(),
            answer,
            period: Period { from_ms: 0, until_ms: None },
        },
        origin: "operator".into(),
        recorded_by: "test".into(),
        recorded_ms: key,
        withdrawn_ms: None,
    }
}

/// A request in the making: hospital B of the same region, a physician who treats, for a letter of hospital A.
#[derive(Clone, Debug)]
struct Case {
    policy: Policy,
    requester: Organisation,
    /// The organisation that a gateway of `requester` speaks for.
    spoken_for: Option<Option<Organisation>>,
    roles: Vec<NodeRole>,
    standing: Standing,
    user: Option<User>,
    action: Action,
    owner: Option<Organisation>,
    category: &'static str,
    confidentiality: String,
    patient: Option<PatientId>,
    /// The identity that stands for the patient of the assertion, where it is another one.
    survivor: Option<PatientId>,
    answers: Vec<ConsentRecord>,
    policies: Vec<AcknowledgedPolicy>,
    agreements: Vec<AgreementRecord>,
    remote: Option<RemoteAnswer>,
    now_ms: i64,
}

impl Case {
    fn new() -> Self {
        Self {
            policy: policy(),
            requester: organisation(20, "2.999.20", "ziekenhuis", REGION_A),
            spoken_for: None,
            roles: vec![NodeRole::Consumer],
            standing: Standing::Active,
            user: Some(user("physician", "TREAT", "high")),
            action: Action::Pull,
            owner: Some(hospital_a()),
            category: "letters",
            confidentiality: format!("N^^{HL7}"),
            patient: Some(patient()),
            survivor: None,
            answers: Vec::new(),
            policies: Vec::new(),
            agreements: Vec::new(),
            remote: None,
            now_ms: NOW,
        }
    }

    fn permit(mut self, requester: &str) -> Self {
        let key = self.answers.len() as i64 + 1;
        self.answers.push(record(key, "category:ziekenhuis", "letters", requester, Answer::Permit));
        self
    }

    fn answer(mut self, source: &str, data: &str, requester: &str, answer: Answer) -> Self {
        let key = self.answers.len() as i64 + 1;
        self.answers.push(record(key, source, data, requester, answer));
        self
    }

    fn by(mut self, role: &str, purpose: &str, assurance: &str) -> Self {
        self.user = Some(user(role, purpose, assurance));
        self
    }

    fn code(mut self, code: &str) -> Self {
        self.confidentiality = if code.is_empty() { String::new() } else { format!("{code}^^{HL7}") };
        self
    }

    fn acknowledged(mut self, code: &str, until_ms: Option<i64>, region_of: &str) -> Self {
        let period = Period { from_ms: 0, until_ms };
        self.policies.push(AcknowledgedPolicy { policy: code.into(), period, region: Some(region(region_of)) });
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn decide(&self) -> Decision {
        let node = Node {
            key: self.requester.key,
            name: "node".into(),
            organisation: Arc::new(self.requester.clone()),
            roles: self.roles.clone(),
            homes: Vec::new(),
            issuers: Vec::new(),
            standing: self.standing,
        };
        let claims = self.user.as_ref().map_or_else(|| self.policy.claims_without_user(), |u| self.policy.claims(u));
        let category = self.category.parse().unwrap();
        let home = region(REGION_A);
        let own = Some(self.requester.clone());
        let requester = self.spoken_for.as_ref().unwrap_or(&own);
        let asserted = self.user.as_ref().and_then(|user| user.patient.as_ref());
        decide(&Inputs {
            policy: &self.policy,
            node: &node,
            requester: requester.as_ref(),
            user: self.user.as_ref(),
            claims: &claims,
            about: self.survivor.as_ref().or(asserted),
            action: self.action,
            roles: &[NodeRole::Consumer],
            object: Object {
                owner: self.owner.as_ref(),
                data_category: &category,
                confidentiality: &self.confidentiality,
                patient: self.patient.as_ref(),
            },
            evidence: Evidence {
                answers: &self.answers,
                policies: &self.policies,
                agreements: &self.agreements,
                remote: self.remote,
            },
            region: Some(&home),
            now_ms: self.now_ms,
        })
    }

    /// The verdict in a word, and the rule that gave it.
    fn outcome(&self) -> String {
        let decision = self.decide();
        let word = match &decision.verdict {
            Verdict::Deny(reason) => reason.as_str().to_owned(),
            Verdict::Permit(basis) => format!("{basis:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned(),
        };
        assert_eq!(decision.notify, word == "BreakGlass");
        assert_eq!(&*decision.policy, "knoop-default/1");
        format!("{word} {}", decision.rules.last().unwrap())
    }
}

const A: &str = "category:ziekenhuis";
const B: &str = "organisation:2.999.20";
const SOURCE: &str = "organisation:2.999.10";

/// S-CON-01 … S-CON-10, S-CON-20, S-CON-21, S-CON-33; D1 to D12 and the table of §4.3.
#[test]
fn s_con_every_rule_decides_as_the_table_says() {
    let case = Case::new;
    let agreement = |until_ms| AgreementRecord {
        key: 1,
        regions: [region(REGION_B), region(REGION_A)],
        period: Period { from_ms: 0, until_ms },
        recorded_by: "".into(),
        recorded_ms: 0,
    };
    let own_data = |name_id: &str| {
        case().by("patient", "PATRQT", "substantial").with(|it| {
            let user = it.user.as_mut().unwrap();
            (user.issuer, user.name_id, user.patient) = (IDP.into(), name_id.into(), Some(patient()));
        })
    };
    let own = |it: Case| it.with(|it| it.requester = hospital_a());
    let push = |owner| case().with(|it| (it.action, it.owner, it.user) = (Action::Push, owner, None));
    let merged = |it: &mut Case| {
        it.user.as_mut().unwrap().patient = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO".parse().ok();
        it.survivor = Some(patient());
    };
    // A gateway of a pharmacy that speaks for another organisation, or for one that nobody knows.
    let gateway = |it: Case, spoken_for: Option<Organisation>| {
        it.with(|it| {
            it.requester = organisation(60, "2.999.60", "apotheek", REGION_B);
            it.spoken_for = Some(spoken_for);
        })
    };
    let hospital_b = || organisation(20, "2.999.20", "ziekenhuis", REGION_A);
    let suspended = |it: &mut Case| it.requester.standing = Standing::Suspended;
    let other_region = |it: &mut Case| it.requester.region = Some(region(REGION_B));
    let pharmacy = |it: &mut Case| it.requester.category = "apotheek".into();
    let table: Vec<(&str, Case, &str)> = vec![
        ("D1 node suspended", case().permit(A).with(|it| it.standing = Standing::Suspended), "CON-NODE D1"),
        ("D1 organisation suspended", case().permit(A).with(suspended), "CON-NODE D1"),
        ("D1 own, suspended", own(case()).with(suspended), "CON-NODE D1"),
        ("D1 role", case().permit(A).with(|it| it.roles = vec![NodeRole::Source]), "CON-NODE D1"),
        ("D2 own", push(Some(organisation(20, "2.999.20", "lab", ""))), "Push D2"),
        ("D2 of another", push(Some(hospital_a())), "CON-OWNER D2"),
        ("D2 of nobody known", push(None), "CON-OWNER D2"),
        ("D3 own data", own_data("999900006"), "OwnData D3"),
        ("D3 whole CX as NameID", own_data("999900006^^^&2.16.840.1.113883.2.4.6.3&ISO"), "OwnData D3"),
        ("D3 somebody else's", own_data("999900018"), "CON-ROLE D5"),
        ("D3 R", own_data("999900006").code("R"), "OwnData D3"),
        ("D3 V", own_data("999900006").code("V"), "CON-CONF D3"),
        (
            "D3 V by policy",
            own_data("999900006").code("V").with(|it| it.policy.patient_sees_very_restricted = true),
            "OwnData D3",
        ),
        ("D3 withheld", own_data("999900006").with(|it| it.confidentiality = "W^^2.999.5".into()), "CON-CONF D3"),
        (
            "D3 withheld beside R",
            own_data("999900006").with(|it| it.confidentiality = format!("R^^{HL7} withheld")),
            "CON-CONF D3",
        ),
        (
            "D3 weak assurance",
            own_data("999900006").with(|it| it.user.as_mut().unwrap().assurance = "".into()),
            "CON-ROLE D5",
        ),
        (
            "D3 other issuer",
            own_data("999900006").with(|it| it.user.as_mut().unwrap().issuer = "x".into()),
            "CON-ROLE D5",
        ),
        ("D3 other resource", own_data("999900006").with(|it| it.user.as_mut().unwrap().patient = None), "CON-ROLE D5"),
        ("D3 at home", own(own_data("999900018")), "CON-ROLE D4"),
        ("D4 system", own(case()).with(|it| it.user = None), "SameOrganisation D4"),
        ("D4 system, V", own(case()).code("V").with(|it| it.user = None), "SameOrganisation D4"),
        ("D4 physician, V", own(case()).code("V"), "SameOrganisation D4"),
        ("D4 physician, none", own(case()).code(""), "SameOrganisation D4"),
        ("D4 assistant, N", own(case()).by("assistant", "TREAT", "low"), "SameOrganisation D4"),
        ("D4 assistant, R", own(case()).by("assistant", "TREAT", "low").code("R"), "CON-CONF D4"),
        ("D4 research", own(case()).by("physician", "HRESCH", "high"), "CON-ROLE D4"),
        ("D4 unmapped purpose", own(case()).by("physician", "PLAY", "high"), "CON-ROLE D4"),
        ("D5 system", case().permit(A).with(|it| it.user = None), "CON-ROLE D5"),
        ("D5 unmapped purpose", case().permit(A).by("physician", "PLAY", "high"), "CON-ROLE D5"),
        (
            "D5 one of two unmapped",
            case().permit(A).with(|it| it.user.as_mut().unwrap().purposes.push(coded("PLAY", "2.999"))),
            "CON-ROLE D5",
        ),
        ("D5 no purpose", case().permit(A).with(|it| it.user.as_mut().unwrap().purposes.clear()), "CON-ROLE D5"),
        ("D5 unmapped role", case().permit(A).by("12345", "TREAT", "high"), "CON-ROLE D5"),
        ("D5 assurance", case().permit(A).by("physician", "TREAT", ""), "CON-ROLE D5"),
        ("D5 research", case().permit(A).by("physician", "HRESCH", "high"), "CON-ROLE D5"),
        ("D5 payment", case().permit(A).by("physician", "HPAYMT", "high"), "CON-ROLE D5"),
        (
            "D5 another patient",
            case().permit(A).with(|it| it.user.as_mut().unwrap().patient = "1^^^&2.999&ISO".parse().ok()),
            "CON-ROLE D5",
        ),
        (
            "D5 this patient",
            case().permit(A).with(|it| it.user.as_mut().unwrap().patient = Some(patient())),
            "Consent D10",
        ),
        ("D5 this patient under an identity that was merged", case().permit(A).with(merged), "Consent D10"),
        ("D4 this patient under an identity that was merged", own(case()).with(merged), "SameOrganisation D4"),
        ("D3 own data under an identity that was merged", own_data("999900018").with(merged), "OwnData D3"),
        ("D3 somebody else's name, merged", own_data("999900031").with(merged), "CON-ROLE D5"),
        ("D6 assistant, R", case().permit(A).by("assistant", "TREAT", "high").code("R"), "CON-CONF D6"),
        ("D6 V", case().permit(A).code("V"), "CON-CONF D6"),
        ("D6 V, named", case().permit(B).code("V"), "Consent D10"),
        ("D6 missing", case().permit(A).code(""), "CON-CONF D6"),
        ("D6 unknown", case().permit(A).with(|it| it.confidentiality = "N^^2.999".into()), "CON-CONF D6"),
        ("D6 V, assistant, named", case().permit(B).by("assistant", "TREAT", "high").code("V"), "CON-CONF D6"),
        ("D6 V, emergency", case().by("physician", "ETREAT", "high").code("V"), "CON-CONF D6"),
        ("D6 nobody's document", case().permit(A).with(|it| it.owner = None), "CON-NOANSWER D6"),
        ("D7 emergency", case().by("physician", "ETREAT", "high"), "BreakGlass D7"),
        ("D7 the glass", case().by("nurse", "BTG", "high").code("R"), "BreakGlass D7"),
        (
            "D7 V by policy",
            case().by("nurse", "BTG", "high").code("V").with(|it| it.policy.break_glass.very_restricted = true),
            "BreakGlass D7",
        ),
        ("D7 assurance", case().by("physician", "ETREAT", "low"), "CON-ROLE D5"),
        ("D7 assistant", case().by("assistant", "ETREAT", "high"), "CON-ROLE D5"),
        (
            "D7 not here",
            case().by("physician", "ETREAT", "high").with(|it| it.policy.break_glass.allowed = false),
            "CON-NOANSWER D12",
        ),
        (
            "D7 not here, with consent",
            case().permit(A).by("physician", "ETREAT", "high").with(|it| it.policy.break_glass.allowed = false),
            "Consent D10",
        ),
        ("D7 explicit deny", case().answer(A, "*", A, Answer::Deny).by("physician", "ETREAT", "high"), "CON-DENY D8"),
        (
            "D7 explicit deny, by policy",
            case()
                .answer(A, "*", A, Answer::Deny)
                .by("physician", "ETREAT", "high")
                .with(|it| it.policy.break_glass.override_deny = true),
            "BreakGlass D7",
        ),
        ("D8 deny", case().answer(A, "letters", A, Answer::Deny), "CON-DENY D8"),
        ("D8 named beats category", case().permit(A).answer(A, "letters", B, Answer::Deny), "CON-DENY D8"),
        ("D8 also a permit", case().answer(A, "letters", A, Answer::Deny).permit(B), "Consent D10"),
        ("D8 newest of one origin", case().answer(A, "letters", A, Answer::Deny).permit(A), "Consent D10"),
        ("D8 newest of one origin, deny", case().permit(A).answer(A, "letters", A, Answer::Deny), "CON-DENY D8"),
        (
            "D8 deny beats permit of another origin",
            case().answer(A, "letters", A, Answer::Deny).permit(A).with(|it| it.answers[1].origin = "import".into()),
            "CON-DENY D8",
        ),
        (
            "D8 taken back",
            case().answer(A, "letters", A, Answer::Deny).answer(A, "letters", A, Answer::NoAnswer),
            "CON-NOANSWER D12",
        ),
        ("D8 a later permit for one category", case().answer(A, "*", A, Answer::Deny).permit(A), "Consent D10"),
        ("D8 a later refusal of all", case().permit(A).answer(A, "*", A, Answer::Deny), "CON-DENY D8"),
        (
            "D8 a refusal of all of another origin",
            case().answer(A, "*", A, Answer::Deny).permit(A).with(|it| it.answers[1].origin = "import".into()),
            "CON-DENY D8",
        ),
        (
            "D8 a later refusal of all, in an emergency",
            case().permit(A).answer(A, "*", A, Answer::Deny).by("physician", "ETREAT", "high"),
            "CON-DENY D8",
        ),
        (
            "D8 a named refusal, and a later permit of a named source",
            case().answer(A, "letters", B, Answer::Deny).answer(SOURCE, "letters", A, Answer::Permit),
            "CON-DENY D8",
        ),
        (
            "D8 a refusal of a named source, and a later permit for a named requester",
            case().answer(SOURCE, "letters", A, Answer::Deny).permit(B),
            "CON-DENY D8",
        ),
        ("D8 both, in the other order", case().permit(B).answer(SOURCE, "letters", A, Answer::Deny), "CON-DENY D8"),
        (
            "D8 a named refusal that was taken back, and a permit of a named source",
            case().answer(A, "letters", B, Answer::Deny).answer(A, "letters", B, Answer::NoAnswer).answer(
                SOURCE,
                "letters",
                A,
                Answer::Permit,
            ),
            "Consent D10",
        ),
        (
            "D8 a permit that names both beats refusals that name one",
            case().answer(A, "*", B, Answer::Deny).answer(SOURCE, "*", A, Answer::Deny).answer(
                SOURCE,
                "letters",
                B,
                Answer::Permit,
            ),
            "Consent D10",
        ),
        (
            "D8 a refusal that names both beats permits that name one",
            case().answer(SOURCE, "letters", B, Answer::Deny).permit(B).answer(SOURCE, "letters", A, Answer::Permit),
            "CON-DENY D8",
        ),
        (
            "D8 of two permits the one that names the requester opens V",
            case().permit(B).answer(SOURCE, "letters", A, Answer::Permit).code("V"),
            "Consent D10",
        ),
        ("D8 withdrawn", case().permit(A).with(|it| it.answers[0].withdrawn_ms = Some(NOW)), "CON-NOANSWER D12"),
        ("D8 not withdrawn yet", case().permit(A).with(|it| it.answers[0].withdrawn_ms = Some(NOW + 1)), "Consent D10"),
        (
            "D9 forbids",
            case().permit("category:apotheek").acknowledged("no^^2.999.6", None, REGION_A).with(pharmacy),
            "CON-DENY D9",
        ),
        ("D9 forbids others", case().permit(A).acknowledged("no^^2.999.6", None, REGION_A), "Consent D10"),
        ("D9 permits", case().acknowledged("yes^^2.999.6", None, REGION_A), "Policy D10"),
        (
            "D9 permits letters only",
            case().acknowledged("yes^^2.999.6", None, REGION_A).with(|it| it.category = "ggz"),
            "CON-NOANSWER D12",
        ),
        ("D9 expired", case().acknowledged("yes^^2.999.6", Some(NOW), REGION_A), "CON-NOANSWER D12"),
        ("D9 unknown, own region", case().permit(A).acknowledged("?^^2.999.6", None, REGION_A), "CON-DENY D9"),
        ("D9 unknown, other region", case().permit(A).acknowledged("?^^2.999.6", None, REGION_B), "Consent D10"),
        ("D9 unknown permits nothing", case().acknowledged("?^^2.999.6", None, REGION_B), "CON-NOANSWER D12"),
        (
            "D9 unknown, switched off",
            case().permit(A).acknowledged("?^^2.999.6", None, REGION_A).with(|it| it.policy.unknown_denies = false),
            "Consent D10",
        ),
        (
            "D9 deny in an emergency",
            case().acknowledged("?^^2.999.6", None, REGION_A).by("physician", "ETREAT", "high"),
            "CON-DENY D9",
        ),
        ("D10 permit", case().permit(A), "Consent D10"),
        ("D10 R", case().permit(A).code("R"), "Consent D10"),
        ("D10 other requester", case().permit(A).with(pharmacy), "CON-NOANSWER D12"),
        ("D10 other data", case().permit(A).with(|it| it.category = "other"), "CON-NOANSWER D12"),
        (
            "D10 other source",
            case().permit(A).with(|it| it.owner.as_mut().unwrap().category = "ggz".into()),
            "CON-NOANSWER D12",
        ),
        ("D10 a permit for all is none", case().answer(A, "*", A, Answer::Permit), "CON-NOANSWER D12"),
        ("D10 the service permits", case().with(|it| it.remote = Some(RemoteAnswer::Permit)), "Remote D10"),
        ("D10 the service denies", case().permit(A).with(|it| it.remote = Some(RemoteAnswer::Deny)), "CON-DENY D8"),
        (
            "D10 the service is silent",
            case().permit(A).with(|it| it.remote = Some(RemoteAnswer::Indeterminate)),
            "CON-REMOTE D10",
        ),
        ("D11 no agreement", case().permit(A).with(other_region), "CON-NOANSWER D12"),
        (
            "D11 agreement",
            case().permit(A).with(other_region).with(|it| it.agreements.push(agreement(None))),
            "Consent D11",
        ),
        (
            "D11 agreement is over",
            case().permit(A).with(other_region).with(|it| it.agreements.push(agreement(Some(NOW)))),
            "CON-NOANSWER D12",
        ),
        (
            "D11 agreement, no consent",
            case().with(other_region).with(|it| it.agreements.push(agreement(None))),
            "CON-NOANSWER D12",
        ),
        ("D11 no region is the own one", case().permit(A).with(|it| it.requester.region = None), "Consent D10"),
        ("gateway, a permit for the one it speaks for", gateway(case().permit(A), Some(hospital_b())), "Consent D10"),
        (
            "gateway, a refusal of the one it speaks for",
            gateway(case().permit(A).answer(A, "letters", B, Answer::Deny), Some(hospital_b())),
            "CON-DENY D8",
        ),
        (
            "gateway, a permit for its own organisation",
            gateway(case().permit("category:apotheek"), Some(hospital_b())),
            "CON-NOANSWER D12",
        ),
        (
            "gateway, a policy that forbids its own organisation only",
            gateway(case().permit(A).acknowledged("no^^2.999.6", None, REGION_A), Some(hospital_b())),
            "Consent D10",
        ),
        (
            "gateway, for an organisation of another region",
            gateway(case().permit(A), Some(organisation(20, "2.999.20", "ziekenhuis", REGION_B))),
            "CON-NOANSWER D12",
        ),
        ("gateway, for the owner", gateway(case(), Some(hospital_a())), "SameOrganisation D4"),
        ("gateway, for nobody known", gateway(case().permit(A), None), "CON-NODE D1"),
        (
            "gateway, for nobody known, in an emergency",
            gateway(case().by("physician", "ETREAT", "high"), None),
            "CON-NODE D1",
        ),
        (
            "gateway, for an organisation that is suspended",
            gateway(
                case().permit(A),
                Some(hospital_b()).map(|it| Organisation { standing: Standing::Suspended, ..it }),
            ),
            "CON-NODE D1",
        ),
        ("D12 hints of the assertion count for nothing (S-CON-07)", case(), "CON-NOANSWER D12"),
    ];
    let wrong: Vec<String> = table
        .iter()
        .filter(|(_, case, expected)| case.outcome() != *expected)
        .map(|(name, case, expected)| format!("{name}: {} instead of {expected}", case.outcome()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Every reason but none has a row.
    let seen: BTreeSet<&str> = table.iter().filter_map(|(_, _, expected)| expected.split(' ').next()).collect();
    assert!(Reason::ALL.iter().all(|reason| seen.contains(reason.as_str())));
}

#[test]
fn s_con_20_the_other_roles_and_codes_of_emergencies() {
    let case = Case::new().by("pharmacist", "ETREAT", "high");
    assert_eq!(case.outcome(), "CON-ROLE D5");
    // Treatment and emergency in one assertion: the harder of the two counts.
    let both = Case::new().with(|it| it.user.as_mut().unwrap().purposes.push(coded("ETREAT", "2.16.840.1.113883.5.8")));
    assert_eq!(both.outcome(), "CON-NOANSWER D12");
    assert_eq!(both.permit(A).outcome(), "Consent D10");
}

#[test]
fn the_most_restrictive_code_is_kept() {
    let policy = policy();
    let code = |code: &str, scheme: &str| CodeValue::new(code, scheme).unwrap();
    use crate::model::CodeValue;
    let (n, r) = (code("N", HL7), code("R", HL7));
    let (local, unknown) = (code("W", "2.999.5"), code("N", "2.999.77"));
    assert_eq!(&*policy.most_restrictive([&n, &r]), format!("R^^{HL7}"));
    assert_eq!(&*policy.most_restrictive([&r, &unknown, &n]), "N^^2.999.77");
    assert_eq!(&*policy.most_restrictive([&r, &local]), format!("R^^{HL7} withheld"));
    assert_eq!(&*policy.most_restrictive([]), "");
    assert_eq!(policy.confidentiality(""), (Level::VeryRestricted, false));
    assert_eq!(policy.confidentiality("N^^2.999.77"), (Level::VeryRestricted, false));
    assert_eq!(policy.confidentiality(&format!("R^^{HL7} withheld")), (Level::Restricted, true));
    assert_eq!(policy.confidentiality("W^^2.999.5"), (Level::Normal, true));
}

#[test]
fn s_con_09_a_policy_that_means_nothing_is_refused() {
    let refused = |from: &str, to: &str| {
        let text = Policy::DEFAULT.replace(from, to);
        assert_ne!(text, Policy::DEFAULT, "{from}");
        Policy::from_toml(&text).unwrap_err().to_string()
    };
    assert!(refused("hours = 4", "days = 4").contains("unknown field"));
    assert!(refused("roles = [\"patient\"]", "roles = [\"king\"]").contains("there is no role king"));
    assert!(refused("category = \"ggz\"", "category = \"G G Z\"").contains("a category is a word"));
    assert!(refused("BTG^^2.16.840.1.113883.5.8", "BTG").contains("coding scheme is missing"));
    let permits_all = format!("{}\n[[privacy_policy]]\ncode = \"a^^1.2\"\neffect = \"permit\"\n", Policy::DEFAULT);
    assert!(Policy::from_toml(&permits_all).unwrap_err().to_string().contains("names its data"));
}

fn any_case() -> impl Strategy<Value = Case> {
    let role = prop::sample::select(vec!["physician", "nurse", "pharmacist", "assistant", "patient", "77"]);
    let purpose = prop::sample::select(vec!["TREAT", "ETREAT", "BTG", "PATRQT", "HRESCH", "HPAYMT", "HOPERAT", "PLAY"]);
    let assurance = prop::sample::select(vec!["", "low", "substantial", "high"]);
    let code = prop::sample::select(vec!["U", "L", "M", "N", "R", "V", "", "X"]);
    let requester = prop::sample::select(vec!["ziekenhuis", "apotheek", "huisarts"]);
    let category = prop::sample::select(vec!["letters", "ggz", "other"]);
    let answer = prop::sample::select(vec![None, Some(Answer::Deny), Some(Answer::NoAnswer), Some(Answer::Permit)]);
    let remote = prop::sample::select(vec![None, Some(RemoteAnswer::Deny), Some(RemoteAnswer::Indeterminate)]);
    let region = prop::sample::select(vec![REGION_A, REGION_B, ""]);
    let person = any::<Option<bool>>();
    (role, purpose, assurance, code, requester, category, answer, remote, region, person, any::<bool>()).prop_map(
        |(role, purpose, assurance, code, requester, category, answer, remote, region, person, own)| {
            let mut case = Case::new().by(role, purpose, assurance).code(code);
            if let Some(answer) = answer {
                case = case.answer(A, "letters", "category:apotheek", answer);
            }
            (case.category, case.remote) = (category, remote);
            case.requester.category = requester.into();
            case.requester.region = region.parse().ok();
            match person {
                None => case.user = None,
                Some(about) => case.user.as_mut().unwrap().patient = about.then(patient),
            }
            if own {
                case.requester = hospital_a();
            }
            case
        },
    )
}

proptest! {
    /// S-CON-01: without an answer that says so, nothing crosses from one organisation to another, but in an emergency.
    #[test]
    fn s_con_01_without_a_permit_nothing_is_pulled_across_organisations(case in any_case()) {
        let decision = case.decide();
        prop_assert_eq!(&decision, &case.decide());
        if let Verdict::Permit(basis) = decision.verdict {
            let covered = case.requester.category == "apotheek".into() && case.category == "letters"
                && case.answers.iter().any(|it| it.answer.answer == Answer::Permit);
            match basis {
                Basis::SameOrganisation => prop_assert!(case.requester == hospital_a()),
                Basis::Consent { .. } => prop_assert!(covered && case.requester.region != Some(region(REGION_B))),
                Basis::BreakGlass => prop_assert!(decision.notify && case.user.is_some()),
                Basis::Push | Basis::OwnData | Basis::Policy(_) | Basis::Remote => prop_assert!(false, "{:?}", basis),
            }
        }
    }
}

#[test]
fn s_con_09_a_change_names_two_people_and_a_time() {
    let with = |change: &str| {
        Policy::from_toml(&Policy::DEFAULT.replacen("\n[roles", &format!("\n[change]\n{change}\n[roles"), 1))
    };
    let change =
        "proposed_by = \"A. Jansen\"\napproved_by = \"B. de Vries\"\neffective_from = \"2027-01-01T00:00:00Z\"\n";
    assert_eq!(with(change).unwrap().change().unwrap().approved_by.as_ref(), "B. de Vries");
    for (wrong, told) in [
        (change.replace("B. de Vries", " a. jansen "), "two people"),
        (change.replace("B. de Vries", ""), "two people"),
        (change.replace("2027-01-01T", "2027-01-01"), "effective_from"),
        (change.replace("approved_by = \"B. de Vries\"\n", ""), "approved_by"),
    ] {
        let error = with(&wrong).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
