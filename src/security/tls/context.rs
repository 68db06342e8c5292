//! What is offered: versions, suites, groups, and what is switched off.
//!
//! Source: S-TLS-02 to S-TLS-07.

use openssl::{
    dh::Dh,
    error::ErrorStack,
    ssl::{
        AlpnError, SslContext, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode,
        SslVersion, select_next_proto,
    },
};

use super::{Identity, Minimum, Profile, Side, TlsError, TlsSettings, Trust};

/// TLS 1.3. Source: S-TLS-05.
const SUITES_1_3: &str = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
/// TLS 1.2 with elliptic curves. Source: S-TLS-03.
const SUITES_ECDHE: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:\
                            ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305";
/// The two that IHE names beside them. Source: S-TLS-03, S-TLS-04.
const SUITES_DHE: &str = "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256";
/// Source: S-TLS-05.
const GROUPS: &str = "X25519:P-256:P-384";
/// RFC 7919, appendix A.2.
const FFDHE_3072: &[u8] = include_bytes!("ffdhe3072.pem");
/// Signatures in the handshake: SHA-256 or better.
const SIGNATURES: &str = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519:\
                          rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:\
                          rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:\
                          rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";
/// HTTP/1.1 and nothing else.
const PROTOCOL: &[u8] = b"\x08http/1.1";

/// A context for one side. Sessions are never resumed: a resumed one would not show its certificate again (crates.md, mTLS).
pub(super) fn context(
    side: Side,
    settings: &TlsSettings,
    identity: Option<&Identity>,
    trust: &Trust,
) -> Result<SslContext, TlsError> {
    let mut tls = SslContext::builder(match side {
        Side::Server | Side::Page => SslMethod::tls_server(),
        Side::Client => SslMethod::tls_client(),
    })?;
    tls.set_min_proto_version(Some(match settings.minimum {
        Minimum::V1_2 => SslVersion::TLS1_2,
        Minimum::V1_3 => SslVersion::TLS1_3,
    }))?;
    tls.set_max_proto_version(Some(SslVersion::TLS1_3))?;
    tls.set_options(
        SslOptions::NO_COMPRESSION
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_TICKET
            | SslOptions::CIPHER_SERVER_PREFERENCE
            | SslOptions::SINGLE_DH_USE
            | SslOptions::SINGLE_ECDH_USE,
    );
    tls.set_session_cache_mode(SslSessionCacheMode::OFF);
    tls.set_max_early_data(0)?;
    // One call for a whole record, not one for its head and one for the rest.
    tls.set_read_ahead(true);
    tls.set_ciphersuites(SUITES_1_3)?;
    match settings.profile {
        Profile::Ihe => tls.set_cipher_list(&format!("{SUITES_ECDHE}:{SUITES_DHE}"))?,
        Profile::Strict => tls.set_cipher_list(SUITES_ECDHE)?,
    }
    tls.set_groups_list(GROUPS)?;
    tls.set_sigalgs_list(SIGNATURES)?;
    tls.set_verify_cert_store(trust.new_store()?)?;
    if let Some(identity) = identity {
        identify(&mut tls, identity)?;
    }
    match side {
        Side::Server => {
            server(&mut tls)?;
            tls.set_client_ca_list(trust.issuer_names()?);
            tls.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        Side::Page => {
            server(&mut tls)?;
            tls.set_verify(SslVerifyMode::NONE);
        }
        Side::Client => {
            tls.set_alpn_protos(PROTOCOL)?;
            tls.set_verify(SslVerifyMode::PEER);
        }
    }
    Ok(tls.build())
}

fn server(tls: &mut SslContextBuilder) -> Result<(), TlsError> {
    tls.set_num_tickets(0)?;
    tls.set_session_id_context(b"knoop")?;
    tls.set_tmp_dh(&*Dh::params_from_pem(FFDHE_3072)?)?;
    tls.set_alpn_select_callback(|_, offered| select_next_proto(PROTOCOL, offered).ok_or(AlpnError::NOACK));
    Ok(())
}

fn identify(tls: &mut SslContextBuilder, identity: &Identity) -> Result<(), ErrorStack> {
    let mut chain = identity.chain.iter();
    if let Some(own) = chain.next() {
        tls.set_certificate(own)?;
    }
    for above in chain {
        tls.add_extra_chain_cert(above.clone())?;
    }
    tls.set_private_key(&identity.key)?;
    tls.check_private_key()
}
