//! The stores and the data directory that the configuration names.

use std::path::Path;

use anyhow::Context;

#[cfg(feature = "s3")]
use crate::store::documents::S3Settings;
use crate::{
    cli::Failure,
    config::{Config, DatabaseLocation, S3Config},
    store::{
        PostgresSettings, SqliteSettings, Store, StoreSettings,
        data_dir::{DataDir, DataDirError},
        documents::{DocumentSettings, DocumentStore},
    },
};

/// The store that the configuration names, not yet migrated.
///
/// # Errors
/// When it cannot be opened.
pub(in crate::cli) async fn open_store(config: &Config) -> Result<Store, Failure> {
    let settings = match &config.database.location {
        DatabaseLocation::Sqlite(path) => StoreSettings::Sqlite(SqliteSettings {
            readers: config.database.connections,
            ..SqliteSettings::new(config.sqlite_path(path))
        }),
        DatabaseLocation::Postgres(_) => {
            let url = config.database.postgres_url().ok_or_else(|| {
                Failure::wrong_use("database.url needs a user when there is a password: postgres://USER@HOST/DATABASE")
            })?;
            let connections = config.database.connections;
            StoreSettings::Postgres(PostgresSettings {
                writers: connections,
                readers: connections,
                ..PostgresSettings::new(url)
            })
        }
    };
    Ok(Store::open(&settings).await.context("the database cannot be opened")?)
}

/// The document store that the configuration names.
///
/// # Errors
/// When it cannot be opened, or is one that this program was built without.
pub(in crate::cli) fn open_documents(config: &Config) -> Result<DocumentStore, Failure> {
    let settings = match &config.documents.s3 {
        None => DocumentSettings::Files { folder: config.documents_path() },
        Some(s3) => bucket(s3)?,
    };
    Ok(DocumentStore::open(&settings).context("the document store cannot be opened")?)
}

#[cfg(feature = "s3")]
fn bucket(s3: &S3Config) -> Result<DocumentSettings, Failure> {
    Ok(DocumentSettings::S3(S3Settings {
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        bucket: s3.bucket.clone(),
        access_key: s3.access_key.clone(),
        secret_key: s3.secret_key.clone(),
        allow_http: s3.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")),
    }))
}

#[cfg(not(feature = "s3"))]
fn bucket(_: &S3Config) -> Result<DocumentSettings, Failure> {
    Err(Failure::wrong_use("documents.store = \"s3\" needs a program that was built with the cargo feature s3"))
}

/// Takes the data directory for this process.
///
/// # Errors
/// When another has it, or it cannot be made.
pub(in crate::cli) fn take_data_dir(folder: &Path) -> Result<DataDir, Failure> {
    DataDir::open(folder).map_err(|error| match error {
        DataDirError::InUse(_) => Failure::Fault(anyhow::Error::new(error)),
        DataDirError::Io(_) => {
            Failure::Fault(anyhow::Error::new(error).context(format!("data directory {}", folder.display())))
        }
    })
}
