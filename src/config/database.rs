//! `[database]`: where metadata are kept.

use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::settings::Settings;

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseLocation {
    /// A file, relative to the data directory.
    Sqlite(PathBuf),
    /// A connection string without password.
    Postgres(String),
}

/// The database.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// Which one.
    pub location: DatabaseLocation,
    /// For PostgreSQL; kept apart from the address so that it is never printed.
    pub password: Option<SecretString>,
    /// Connections for reading (SQLite) or for everything (PostgreSQL).
    pub connections: u32,
}

impl DatabaseConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        let location = s.with("database.url", |text| {
            if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
                Ok(DatabaseLocation::Sqlite(path.into()))
            } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
                if has_password(text) {
                    return Err(
                        "a password does not belong here; use password, password_file or KNOOP_DATABASE__PASSWORD"
                            .into(),
                    );
                }
                Ok(DatabaseLocation::Postgres(text.to_owned()))
            } else {
                Err("sqlite:FILE or postgres://USER@HOST/DATABASE".to_owned())
            }
        });
        Self {
            location: location.unwrap_or_else(|| DatabaseLocation::Sqlite("knoop.sqlite".into())),
            password: s.secret("database.password", "database.password_file"),
            connections: s.number("database.connections", 8, 1, 256) as u32,
        }
    }
}

impl DatabaseConfig {
    /// The address of a PostgreSQL database with its password, if there is one.
    pub fn postgres_url(&self) -> Option<SecretString> {
        let DatabaseLocation::Postgres(url) = &self.location else { return None };
        let Some(password) = &self.password else { return Some(url.as_str().into()) };
        let password = utf8_percent_encode(password.expose_secret(), NON_ALPHANUMERIC);
        let (scheme, rest) = url.split_once("://")?;
        let (user, place) = rest.split_once('@')?;
        Some(format!("{scheme}://{user}:{password}@{place}").into())
    }
}

fn has_password(url: &str) -> bool {
    url.split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'))
        || url.contains("password=")
}
