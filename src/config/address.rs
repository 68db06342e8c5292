//! Addresses of services that this server calls with what is about patients. Source: S-TLS-01.

use http::Uri;

/// The address of a service. In production nothing leaves in the clear, on this machine neither: who listens there is not known.
///
/// # Errors
/// With what is wanted instead, such as `example`.
pub(super) fn service(text: &str, production: bool, example: &str) -> Result<Uri, String> {
    let wrong = || format!("an address such as {example}");
    let url: Uri = text.parse().map_err(|_| wrong())?;
    if url.host().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    match url.scheme_str() {
        Some("http") if production => Err("not http with production = true; write an https address".to_owned()),
        Some("http" | "https") => Ok(url),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const KEYS: [(&str, &str, &str); 3] = [
        ("repository", "registry_url", "//registry.example.org:8443/xds/registry"),
        ("access", "consent_url", "//127.0.0.1:8080/decide"),
        ("documents", "s3_endpoint", "//s3.example.org"),
    ];

    fn read(production: bool, (section, key, rest): (&str, &str, &str), scheme: &str) -> Result<Config, String> {
        let text = format!("production = {production}\n[{section}]\n{key} = \"{scheme}{rest}\"\n");
        Config::from_text("knoop.toml", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn s_tls_01_production_calls_nobody_in_the_clear() {
        for key in KEYS {
            let refused = read(true, key, "http:").expect_err(key.1);
            let (section, name, _) = key;
            let told =
                format!("knoop.toml:3: {section}.{name}: not http with production = true; write an https address");
            assert_eq!(refused, told);
            assert!(read(true, key, "https:").is_ok(), "{name}");
            assert!(read(false, key, "http:").is_ok(), "{name}: for tests");
        }
    }

    #[test]
    fn an_address_has_scheme_and_host() {
        for key in KEYS {
            for wrong in ["ftp:", "", "udp:"] {
                let refused = read(false, key, wrong).expect_err(key.1);
                assert!(refused.contains(&format!("{}: an address such as https://", key.1)), "{refused}");
            }
        }
    }

    #[test]
    fn s_tls_01_a_variable_is_held_to_the_same() {
        let environment = [("KNOOP_PRODUCTION", "true"), ("KNOOP_ACCESS__CONSENT_URL", "HTTP://consent.example.org")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let refused = Config::load(None, environment).expect_err("must be refused").to_string();
        assert!(refused.starts_with("KNOOP_ACCESS__CONSENT_URL: not http"), "{refused}");
    }
}
