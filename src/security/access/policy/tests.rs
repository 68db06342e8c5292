//! The policy that is built in, beside the settings of assertions that are built in.

use super::*;

fn built_in() -> (Policy, AssertionSettings) {
    (Policy::from_toml(Policy::DEFAULT).unwrap(), AssertionSettings::default())
}

/// S-CON-10: what is accepted and means nothing would be refused without a word.
#[test]
fn s_con_10_every_class_and_code_system_that_is_accepted_has_a_meaning() {
    let (policy, settings) = built_in();
    assert_eq!(policy.without_meaning(&settings), [""; 0]);
    let mut more = settings;
    more.authn_contexts.insert("urn:oasis:names:tc:SAML:2.0:ac:classes:Password".into());
    more.role_systems.insert("2.999.1".into());
    more.purpose_systems.insert("2.999.2".into());
    let told = ["urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "2.999.1", "2.999.2"];
    assert_eq!(policy.without_meaning(&more), told);
}

#[test]
fn s_con_10_nothing_has_a_meaning_that_is_not_accepted() {
    let (policy, settings) = built_in();
    let accepted = |set: &BTreeSet<Box<str>>| -> BTreeSet<String> { set.iter().map(ToString::to_string).collect() };
    let named = |set: BTreeSet<&str>| -> BTreeSet<String> { set.into_iter().map(ToOwned::to_owned).collect() };
    assert_eq!(named(policy.assurance.keys().map(|class| &**class).collect()), accepted(&settings.authn_contexts));
    assert_eq!(named(policy.role_systems()), accepted(&settings.role_systems));
    assert_eq!(named(policy.purpose_systems()), accepted(&settings.purpose_systems));
}

/// Spec security §4.1 and §7, 8: one purpose by the codes of every system.
#[test]
fn s_con_10_purposes_of_every_system_mean_what_they_say() {
    let (policy, _) = built_in();
    let v3 = "2.16.840.1.113883.5.8";
    let (iso, xspa) = ("1.0.14265.1", "urn:oasis:names:tc:xspa:1.0");
    let purpose_of = |code: &str, system: &str| {
        let found = policy.purposes.iter().find(|(_, row)| {
            let coded = Coded { code: code.into(), system: system.into(), ..Coded::default() };
            row.codes.iter().any(|wanted| matches(wanted, &coded))
        });
        found.map(|(purpose, _)| *purpose)
    };
    for (purpose, codes) in [
        (Purpose::Treat, [("TREAT", v3), ("1", iso), ("TREATMENT", xspa)]),
        (Purpose::Etreat, [("ETREAT", v3), ("2", iso), ("EMERGENCY", xspa)]),
        (Purpose::Patrqt, [("PATRQT", v3), ("13", iso), ("REQUEST", xspa)]),
        (Purpose::Hoperat, [("HOPERAT", v3), ("3", iso), ("SYSADMIN", xspa)]),
        (Purpose::Hpaymt, [("HPAYMT", v3), ("4", iso), ("PAYMENT", xspa)]),
        (Purpose::Pubhlth, [("PUBHLTH", v3), ("7", iso), ("PUBLICHEALTH", xspa)]),
        (Purpose::Hresch, [("HRESCH", v3), ("10", iso), ("RESEARCH", xspa)]),
    ] {
        for (code, system) in codes {
            assert_eq!(purpose_of(code, system), Some(purpose), "{code} of {system}");
        }
    }
    for (code, system) in [("6", iso), ("11", iso), ("12", iso), ("14", iso), ("MARKETING", xspa), ("HMARKT", v3)] {
        assert_eq!(purpose_of(code, system), None, "{code} of {system}");
    }
}
