//! The fields of an event or a span: `name=value` for people, `"name":value` for JSON.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

use super::escape::{Escaped, Quotes};
use crate::config::LogFormat;

/// How the fields of spans are kept until a line is written.
pub(super) struct Fields(pub(super) LogFormat);

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = FieldWriter { out: &mut writer, format: self.0, message: None, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }

    fn add_fields(
        &self,
        current: &'w mut tracing_subscriber::fmt::FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// Writes each field, begun by a comma or a blank, and puts the message aside.
pub(super) struct FieldWriter<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) format: LogFormat,
    pub(super) message: Option<String>,
    pub(super) result: fmt::Result,
}

impl FieldWriter<'_> {
    fn name(&mut self, field: &Field) -> fmt::Result {
        match self.format {
            LogFormat::Human => write!(self.out, " {}=", field.name()),
            LogFormat::Json => write!(self.out, ",\"{}\":", field.name()),
        }
    }

    fn plain(&mut self, field: &Field, value: &dyn fmt::Display) {
        let written = self.name(field).and_then(|()| write!(self.out, "{value}"));
        self.result = self.result.and(written);
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let written = if field.name() == "message" {
            let mut message = String::new();
            let quotes = if self.format == LogFormat::Json { Quotes::Escape } else { Quotes::Keep };
            let written = Escaped::new(&mut message, quotes).write_fmt(value);
            self.message = Some(message);
            written
        } else {
            self.name(field)
                .and_then(|()| self.out.write_char('"'))
                .and_then(|()| Escaped::new(&mut *self.out, Quotes::Escape).write_fmt(value))
                .and_then(|()| self.out.write_char('"'))
        };
        self.result = self.result.and(written);
    }
}

impl Visit for FieldWriter<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}
