//! The log: one line an event on standard error, for people or as JSON.
//!
//! Knows nothing of what is logged, only how a value may look: control and direction characters are escaped, and no value
//! is longer than 1 KiB. Source: spec security section 5 (S-IN-23).

mod escape;
mod fields;
mod line;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LoggingConfig;

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is not understood.
    #[error("the log level is not understood: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody else started a log.
    #[error("the log was started already")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// The level as configured, without the errors that actix-http makes of a partner's broken HTTP: no person here can mend
/// them. Who wants them names `actix_http` in the level.
fn directives(level: &str) -> String {
    if level.contains("actix_http") { level.to_owned() } else { format!("{level},actix_http::h1::dispatcher=off") }
}

/// Starts the log of this process.
///
/// # Errors
/// When the level is not understood, or the log was started before.
pub fn start(logging: &LoggingConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(directives(&logging.level))?;
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .fmt_fields(fields::Fields(logging.format))
        .event_format(line::Line(logging.format));
    tracing_subscriber::registry().with(filter).with(layer).try_init()?;
    std::panic::set_hook(Box::new(tell_place));
    Ok(())
}

/// Logs where a panic happened. Its message may hold what a partner sent, so it is left out.
fn tell_place(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a panic was caught");
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::config::LogFormat;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn log(format: LogFormat, body: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = fmt::layer()
            .with_writer(move || writer.clone())
            .fmt_fields(fields::Fields(format))
            .event_format(line::Line(format));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), body);
        String::from_utf8(written.0.lock().unwrap().clone()).expect("a log is UTF-8")
    }

    /// S-IN-23
    #[test]
    fn control_and_direction_characters_never_reach_the_log() {
        let evil = "a\r\nERROR forged\u{1b}[31m\0\u{202e}b\u{9b}";
        for format in [LogFormat::Human, LogFormat::Json] {
            let text = log(format, || {
                let _span = tracing::info_span!("request", peer = evil).entered();
                tracing::warn!(action = evil, "refused {evil}");
            });
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert!(text.ends_with('\n'));
            let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(bad), "{text:?}");
        }
    }

    /// S-IN-23
    #[test]
    fn a_value_has_at_most_one_kibibyte() {
        let long = "é".repeat(5_000);
        for format in [LogFormat::Human, LogFormat::Json] {
            let text = log(format, || tracing::info!(action = long, "short"));
            assert!(text.len() < 1_300, "{} octets", text.len());
        }
    }

    #[test]
    fn a_json_line_is_one_object_with_the_fields_of_its_span() {
        let text = log(LogFormat::Json, || {
            let span = tracing::info_span!("request", transaction = "ITI-42", message_id = tracing::field::Empty);
            let _entered = span.enter();
            span.record("message_id", "urn:uuid:1\"2");
            tracing::info!(entries = 3, done = true, "registered a submission");
        });
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "registered a submission");
        assert_eq!(line["entries"], 3);
        assert_eq!(line["done"], true);
        assert_eq!(line["span"], "request");
        assert_eq!(line["transaction"], "ITI-42");
        assert_eq!(line["message_id"], "urn:uuid:1\"2");
        assert!(line["time"].as_str().is_some_and(|t| t.ends_with('Z')));
    }

    #[test]
    fn a_human_line_reads_from_left_to_right() {
        let text = log(LogFormat::Human, || {
            let _span = tracing::info_span!("request", transaction = "ITI-42").entered();
            tracing::info!(entries = 3, "registered");
        });
        assert!(text.trim_end().ends_with("INFO registered entries=3 transaction=\"ITI-42\""), "{text}");
    }
}
