//! Nodes as people and scripts see them.

use serde_json::{Value, json};

use crate::model::{CertificateMatch, NodeRecord, NodeSetting, Standing};

pub(super) fn row(record: &NodeRecord) -> [String; 6] {
    let node = &record.node;
    [
        node.name.to_string(),
        format!("{} {}", node.organisation.id, node.organisation.name),
        node.organisation.category.to_string(),
        joined(&node.roles),
        record.certificates.len().to_string(),
        standing(record).to_owned(),
    ]
}

/// What the operator may want to know first: whether anything it asks is answered.
fn standing(record: &NodeRecord) -> &'static str {
    match (record.node.standing, record.node.organisation.standing) {
        (Standing::Suspended, _) => "suspended",
        (Standing::Active, Standing::Suspended) => "organisation suspended",
        (Standing::Active, Standing::Active) => "active",
    }
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn joined<T: ToString>(values: &[T]) -> String {
    texts(values).join(",")
}

pub(super) fn text(record: &NodeRecord) -> String {
    let (node, organisation) = (&record.node, &record.node.organisation);
    let mut out = String::new();
    let mut line = |what: &str, value: &str| {
        if !value.is_empty() {
            out.push_str(&format!("{what:22}{value}\n"));
        }
    };
    line("name", &node.name);
    line("organisation", &organisation.id);
    line("organisation name", &organisation.name);
    line("category", &organisation.category);
    line("region", &organisation.region.as_ref().map(ToString::to_string).unwrap_or_default());
    line("roles", &joined(&node.roles));
    line("standing", standing(record));
    record.certificates.iter().for_each(|certificate| line("certificate", &certificate.to_string()));
    line("homes", &joined(&node.homes));
    node.issuers.iter().for_each(|issuer| line("issuer of assertions", issuer));
    line("addresses", &joined(&record.addresses));
    for NodeSetting { transaction, xua, limits } in &record.settings {
        let said = [
            ("xua", xua.map(|mode| mode.to_string())),
            ("rate", limits.rate.map(|n| n.to_string())),
            ("burst", limits.burst.map(|n| n.to_string())),
            ("in-flight", limits.in_flight.map(|n| n.to_string())),
        ];
        let said = said.into_iter().filter_map(|(what, value)| Some(format!("{what} {}", value?)));
        let of = transaction.as_deref().map_or("all: ".to_owned(), |transaction| format!("{transaction}: "));
        line("setting", &(of + &said.collect::<Vec<_>>().join(", ")));
    }
    out
}

pub(super) fn json(record: &NodeRecord) -> Value {
    let (node, organisation) = (&record.node, &record.node.organisation);
    json!({
        "name": &*node.name,
        "organisation": {
            "id": &*organisation.id,
            "name": &*organisation.name,
            "category": &*organisation.category,
            "region": organisation.region.as_ref().map(ToString::to_string),
        },
        "standing": standing(record),
        "roles": texts(&node.roles),
        "homes": texts(&node.homes),
        "issuersOfAssertions": texts(&node.issuers),
        "addresses": texts(&record.addresses),
        "certificates": record.certificates.iter().map(certificate).collect::<Vec<_>>(),
        "settings": record.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}

fn certificate(certificate: &CertificateMatch) -> Value {
    match certificate {
        CertificateMatch::Fingerprint(fingerprint) => json!({ "fingerprint": fingerprint.to_string() }),
        CertificateMatch::Serial(issuer, serial) => json!({ "issuer": issuer.as_str(), "serial": serial.as_str() }),
        CertificateMatch::San(issuer, san) => json!({ "issuer": issuer.as_str(), "san": san.as_str() }),
    }
}

fn setting(setting: &NodeSetting) -> Value {
    json!({
        "transaction": setting.transaction.as_deref(),
        "xua": setting.xua.map(|mode| mode.as_str()),
        "rate": setting.limits.rate,
        "burst": setting.limits.burst,
        "inFlight": setting.limits.in_flight,
    })
}
