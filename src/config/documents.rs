//! `[documents]`: where the bytes of documents are kept.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{address, settings::Settings};

/// An S3 bucket; needs the cargo feature `s3`.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// Address of the service, absent for the provider's own.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    /// Bucket.
    pub bucket: String,
    /// Access key.
    pub access_key: Option<String>,
    /// Secret key.
    pub secret_key: Option<SecretString>,
}

/// The document store.
#[derive(Clone, Debug)]
pub struct DocumentsConfig {
    /// The directory, relative to the data directory; temporary files lie here too.
    pub path: PathBuf,
    /// The bucket, when `store = "s3"`.
    pub s3: Option<S3Config>,
    /// How long bytes may lie without metadata before the sweep takes them.
    pub sweep_grace: Duration,
    /// How long unknown files stay in quarantine.
    pub quarantine: Duration,
}

impl DocumentsConfig {
    pub(super) fn read(s: &mut Settings, production: bool) -> Self {
        let s3 = S3Config {
            endpoint: s.with("documents.s3_endpoint", |text| {
                address::service(text, production, "https://s3.example.org").map(|_| text.to_owned())
            }),
            region: s.parsed("documents.s3_region", "eu-west-1".to_owned()),
            bucket: s.parsed("documents.s3_bucket", "knoop".to_owned()),
            access_key: s.optional("documents.s3_access_key"),
            secret_key: s.secret("documents.s3_secret_key", "documents.s3_secret_key_file"),
        };
        let in_bucket = s.one_of("documents.store", &[("files", false), ("s3", true)], false);
        Self {
            path: s.parsed("documents.path", PathBuf::from("documents")),
            s3: in_bucket.then_some(s3),
            sweep_grace: s.duration("documents.sweep_grace", Duration::from_secs(3_600)),
            quarantine: s.duration("documents.quarantine", Duration::from_secs(30 * 86_400)),
        }
    }
}
