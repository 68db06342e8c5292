//! A whole line of the log.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormattedFields, format::Writer},
    registry::LookupSpan,
};

use super::fields::{FieldWriter, Fields};
use crate::config::LogFormat;

/// The form of a line.
pub(super) struct Line(pub(super) LogFormat);

#[expect(clippy::disallowed_methods, reason = "a log line carries the time at which it was written")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

impl<S> FormatEvent<S, Fields> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(&self, context: &FmtContext<'_, S, Fields>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = String::new();
        let mut visitor = FieldWriter { out: &mut fields, format: self.0, message: None, result: Ok(()) };
        event.record(&mut visitor);
        visitor.result?;
        let message = visitor.message.unwrap_or_default();
        let (level, target, time) = (event.metadata().level(), event.metadata().target(), now());
        match self.0 {
            LogFormat::Human => write!(out, "{time:.3} {level:>5} {message}{fields}")?,
            LogFormat::Json => write!(
                out,
                "{{\"time\":\"{time:.3}\",\"level\":\"{level}\",\"target\":\"{target}\",\"message\":\"{message}\"{fields}"
            )?,
        }
        for span in context.event_scope().into_iter().flatten() {
            if self.0 == LogFormat::Json && context.lookup_current().is_some_and(|inner| inner.id() == span.id()) {
                write!(out, ",\"span\":\"{}\"", span.name())?;
            }
            if let Some(fields) = span.extensions().get::<FormattedFields<Fields>>() {
                out.write_str(fields)?;
            }
        }
        writeln!(out, "{}", if self.0 == LogFormat::Json { "}" } else { "" })
    }
}
