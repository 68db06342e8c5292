//! Who may have packages made, and bring them. Source: S-TLS-17, R-32-50.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::kit::{call_over, is_open, told};
use crate::{
    harness::{http::Response, plain, servers::until, tls::Client},
    iti41::provided,
    nodes_tls::Region,
};

pub fn trials() -> Vec<Trial> {
    plain![
        s_tls_17_a_node_has_the_role_and_sees_the_packages_of_its_organisation,
        s_xua_03_who_must_bring_an_assertion_uses_soap
    ]
    .into()
}

fn call(region: &Region, client: &Client, method: &str, path: &str, body: &Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    call_over(&mut region.connect(client), method, path, &[("Content-Type", "application/json")], &body)
}

fn settled(region: &Region, client: &Client, path: &str) -> Value {
    let get = || told(200, &call(region, client, "GET", path, &Value::Null));
    until(|| !is_open(&get()));
    get()
}

fn s_tls_17_a_node_has_the_role_and_sees_the_packages_of_its_organisation() {
    let region = Region::new(&[]);
    let consumer = region.node("consumer", &["--role", "consumer"]);
    let colleague = region.node("colleague", &["--role", "consumer"]);
    let source = region.node("source", &["--role", "source"]);
    let stranger = region.node_of("stranger", "2.999.8", &["--role", "consumer"]);
    let (patient, _) = provided(&region.server, b"of the house");
    let order = json!({ "patient": patient });

    let refused = told(403, &call(&region, &source, "POST", "/xdm/export", &order));
    assert_eq!(refused["code"], "XdmRole");
    let refused = told(403, &call(&region, &consumer, "POST", "/xdm/import/inspect", &Value::Null));
    assert_eq!(refused["code"], "XdmRole");
    let denied =
        region.events().iter().filter(|it| it["reason"].as_str().is_some_and(|it| it.contains("CON-NODE"))).count();
    assert_eq!(denied, 2, "both are in the trail");

    // Documents of the loopback node's organisation: nobody gave these organisations consent (R-32-50).
    let accepted = told(202, &call(&region, &consumer, "POST", "/xdm/export", &order));
    let at = format!("/xdm/export/{}", accepted["id"].as_str().expect("an id"));
    let failed = settled(&region, &consumer, &at);
    assert_eq!((&failed["state"], &failed["problem"]["code"]), (&"failed".into(), &"XdmNothing".into()), "{failed}");

    assert_eq!(call(&region, &colleague, "GET", &at, &Value::Null).status, 200, "of the same organisation");
    for (method, path) in [("GET", at.clone()), ("DELETE", at.clone()), ("GET", format!("{at}/package"))] {
        let unknown = told(404, &call(&region, &stranger, method, &path, &Value::Null));
        assert_eq!(unknown["code"], "XdmUnknown", "{method} {path}");
    }
    let listed = told(200, &call(&region, &stranger, "GET", "/xdm/export", &Value::Null));
    assert_eq!(listed["packages"].as_array().map(Vec::len), Some(0));
}

fn s_xua_03_who_must_bring_an_assertion_uses_soap() {
    let region = Region::new(&[("xua.iti43", "required")]);
    let consumer = region.node("consumer", &["--role", "consumer"]);
    let refused = told(403, &call(&region, &consumer, "POST", "/xdm/export", &json!({ "patient": "x" })));
    assert_eq!(refused["code"], "XdmAssertion");
}
