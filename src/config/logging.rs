//! `[logging]`.

use super::settings::Settings;

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The log, always on standard error.
#[derive(Clone, Debug)]
pub struct LoggingConfig {
    /// Its looks.
    pub format: LogFormat,
    /// Which events: a level, or directives such as `info,knoop::store=debug`.
    pub level: String,
}

impl LoggingConfig {
    pub(super) fn read(s: &mut Settings) -> Self {
        let formats = [("human", LogFormat::Human), ("json", LogFormat::Json)];
        let check = |text: &str| {
            tracing_subscriber::EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_| {
                "a level (error, warn, info, debug, trace) or directives such as info,knoop::store=debug".to_owned()
            })
        };
        Self {
            format: s.one_of("logging.format", &formats, LogFormat::Human),
            level: s.with("logging.level", check).unwrap_or_else(|| "info".to_owned()),
        }
    }
}
