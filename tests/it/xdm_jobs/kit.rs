//! How a node speaks to `/xdm`.

use std::io::{Read, Write};

use serde_json::Value;

use crate::harness::{
    TestServer,
    http::{Connection, Response, exchange},
    servers::until,
};

/// Makes packages that are there as large as the share of a node.
pub const FULL: &str = "UPDATE xdm_package SET octets = 1099511627776 WHERE file IS NOT NULL";

/// A request with these header fields.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
    let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{fields}Connection: close\r\n\r\n"
    )
}

/// Any request on a connection of its own.
pub fn call(server: &TestServer, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let head = head(method, path, headers, body.len());
    exchange(&server.address, &[head.as_bytes(), body]).expect("an answer")
}

/// The same over a connection that is there.
pub fn call_over<S: Read + Write>(
    connection: &mut Connection<S>,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    connection.send(head(method, path, headers, body.len()).as_bytes()).expect("sent");
    connection.send(body).expect("sent");
    connection.receive().expect("an answer")
}

/// POST of JSON.
pub fn post(server: &TestServer, path: &str, body: &Value) -> Response {
    call(server, "POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

/// GET.
pub fn get(server: &TestServer, path: &str) -> Response {
    call(server, "GET", path, &[], b"")
}

/// An answer as JSON, which must have this status.
#[track_caller]
pub fn told(status: u16, response: &Response) -> Value {
    let text = response.text();
    assert_eq!(response.status, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Whether a job is to work on a package.
pub fn is_open(package: &Value) -> bool {
    ["waiting", "running"].contains(&package["state"].as_str().unwrap_or_default())
}

/// A package when no job is to work on it any more.
#[track_caller]
pub fn settled(server: &TestServer, path: &str) -> Value {
    until(|| !is_open(&told(200, &get(server, path))));
    told(200, &get(server, path))
}

/// Orders a package; where it is.
#[track_caller]
pub fn ordered(server: &TestServer, order: &Value) -> String {
    let response = post(server, "/xdm/export", order);
    let accepted = told(202, &response);
    let location = response.header("location").expect("R-32-60: a Location").to_owned();
    assert_eq!(location, format!("/xdm/export/{}", accepted["id"].as_str().expect("an id")));
    location
}

/// Brings a package; the answer.
pub fn brought(server: &TestServer, package: &[u8]) -> Response {
    call(server, "POST", "/xdm/import/inspect", &[("Content-Type", "application/zip")], package)
}
