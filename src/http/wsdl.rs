//! GET on a SOAP path: WSDL and schemas, so that stock toolkits can load them.

use actix_web::{HttpRequest, HttpResponse, http::header, web};

use super::{Endpoint, identify::turned_away, routes::Place};
use crate::wire::soap::escape;

const WSDL: [(Place, &str); 3] = [
    (Place::Registry, include_str!("../../schemas/wsdl/DocumentRegistry.wsdl")),
    (Place::Repository, include_str!("../../schemas/wsdl/DocumentRepository.wsdl")),
    (Place::All, include_str!("../../schemas/wsdl/Xds.wsdl")),
];

const XSD: [(&str, &str); 6] = [
    ("xml", include_str!("../../schemas/xsd/xml.xsd")),
    ("rim", include_str!("../../schemas/xsd/rim.xsd")),
    ("rs", include_str!("../../schemas/xsd/rs.xsd")),
    ("lcm", include_str!("../../schemas/xsd/lcm.xsd")),
    ("query", include_str!("../../schemas/xsd/query.xsd")),
    ("xds-b", include_str!("../../schemas/xsd/xds-b.xsd")),
];

/// Address that stands in our files.
const PLACEHOLDER: &str = "https://knoop.invalid";

/// `?wsdl`, `?xsd=NAME`; anything else is not allowed (spec §1.5).
pub(super) async fn get(request: HttpRequest, place: web::Data<Place>, endpoint: web::Data<Endpoint>) -> HttpResponse {
    if let Some(refused) = turned_away(&request, &endpoint).await {
        return refused;
    }
    let query = request.query_string();
    let text = if query.eq_ignore_ascii_case("wsdl") {
        WSDL.iter().find(|(of, _)| *of == **place).map(|(_, text)| *text)
    } else if let Some(name) = query.strip_prefix("xsd=") {
        match XSD.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Some(*text),
            None => return HttpResponse::NotFound().finish(),
        }
    } else {
        None
    };
    let Some(text) = text else { return not_allowed() };
    let info = request.connection_info();
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/xml; charset=utf-8"))
        .body(served(text, &format!("{}://{}", info.scheme(), info.host())))
}

/// Anything that is neither POST nor a question for the WSDL.
pub(super) async fn method_not_allowed(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    turned_away(&request, &endpoint).await.unwrap_or_else(not_allowed)
}

/// A path that is none of the listener's.
pub(super) async fn not_found(request: HttpRequest, endpoint: web::Data<Endpoint>) -> HttpResponse {
    turned_away(&request, &endpoint).await.unwrap_or_else(|| HttpResponse::NotFound().finish())
}

fn not_allowed() -> HttpResponse {
    // The body, if there is one, is not read: the connection ends here.
    HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "POST, GET")).force_close().finish()
}

/// The file with the address that the client used, and references that work over HTTP.
fn served(text: &str, address: &str) -> String {
    let mut out = text.replace(PLACEHOLDER, &escape(address));
    for (name, _) in XSD {
        let reference = format!("schemaLocation=\"?xsd={name}\"");
        out = out.replace(&format!("schemaLocation=\"../xsd/{name}.xsd\""), &reference);
        out = out.replace(&format!("schemaLocation=\"{name}.xsd\""), &reference);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{PLACEHOLDER, WSDL, XSD, served};

    #[test]
    fn every_reference_in_what_is_served_can_be_followed() {
        for text in WSDL.iter().map(|(_, text)| *text).chain(XSD.iter().map(|(_, text)| *text)) {
            let text = served(text, "http://h:1/\"<");
            assert!(!text.contains(PLACEHOLDER) && !text.contains(".xsd\""), "{text}");
            let tree = roxmltree::Document::parse(&text).expect("well-formed");
            for node in tree.descendants() {
                if let Some(location) = node.attribute("schemaLocation") {
                    let name = location.strip_prefix("?xsd=").expect("served here");
                    assert!(XSD.iter().any(|(known, _)| *known == name), "{name}");
                }
            }
        }
    }
}
