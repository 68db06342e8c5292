//! `knoop consent import`.

use std::{collections::HashMap, path::PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::{ByArgs, Moment, answers::record, on_store};
use crate::{
    cli::{DataArgs, Failure},
    model::consent::{ConsentAnswer, Period},
    service::access::GivenAnswer,
};

/// What `consent import` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
A CSV file begins with a line of the names patient,source,for,requester,answer and, if wanted, from,until. A JSON file \
is a list of objects with these names.

Examples:
  knoop consent import answers.csv
  knoop consent import answers.json --by 'migration of 2026'")]
pub(super) struct ImportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The file; its name ends in .csv or .json
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    by: ByArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    patient: String,
    source: String,
    #[serde(rename = "for")]
    category: String,
    requester: String,
    answer: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
}

const NAMES: [&str; 7] = ["patient", "source", "for", "requester", "answer", "from", "until"];

pub(super) fn run(args: ImportArgs) -> Result<(), Failure> {
    on_store(&args.data.clone(), |config, store, now_ms| async move {
        let place = || format!("{}", args.file.display());
        let text = std::fs::read_to_string(&args.file).with_context(place)?;
        let rows = match args.file.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => csv(&text),
            Some("json") => serde_json::from_str::<Vec<Row>>(&text)
                // The text of a fault may repeat a value.
                .map_err(|error| format!("line {}: not a list of answers", error.line()))
                .map(|rows| (1..).zip(rows).collect()),
            _ => Err("the name must end in .csv or .json".to_owned()),
        };
        let rows = rows.map_err(|fault| Failure::wrong_use(format!("{}: {fault}", place())))?;
        let mut given = Vec::with_capacity(rows.len());
        for (number, row) in rows {
            let fault = |text: String| Failure::wrong_use(format!("{}: answer {number}: {text}", place()));
            given.push(answer(&row, now_ms).map_err(fault)?);
        }
        let count = record(&config, &store, given, &args.by.author("import", &config, &store)).await?.len();
        if args.json {
            println!("{}", json!({ "recorded": count }));
        } else {
            println!("recorded {count} answers");
        }
        Ok(())
    })
}

/// What a row says; a fault names the field, never its value.
fn answer(row: &Row, now_ms: i64) -> Result<GivenAnswer, String> {
    let moment = |name: &str, text: &str| {
        let read = (!text.is_empty()).then(|| text.parse::<Moment>());
        read.transpose().map_err(|fault| format!("{name}: {fault}"))
    };
    let answer = ConsentAnswer {
        source: row.source.parse().map_err(|fault| format!("source: {fault}"))?,
        data: row.category.parse().map_err(|fault| format!("for: {fault}"))?,
        requester: row.requester.parse().map_err(|fault| format!("requester: {fault}"))?,
        answer: row.answer.parse().map_err(|fault| format!("answer: {fault}"))?,
        period: Period {
            from_ms: moment("from", &row.from)?.map_or(now_ms, |from| from.0),
            until_ms: moment("until", &row.until)?.map(|until| until.0),
        },
    };
    Ok(GivenAnswer {
        patient: row.patient.parse().map_err(|fault| format!("patient: {fault}"))?,
        answer: answer.check().map_err(|fault| fault.to_string())?,
    })
}

/// The answers of a CSV text, each with its line. Source: RFC 4180.
fn csv(text: &str) -> Result<Vec<(usize, Row)>, String> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let (_, heading) = lines.next().ok_or("the file is empty")?;
    let names = fields(heading.trim_start_matches('\u{feff}')).ok_or("line 1: a quote is not closed")?;
    if let Some(name) = names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(format!("line 1: {name} is none of {}", NAMES.join(", ")));
    }
    if let Some(name) = NAMES[..5].iter().find(|name| !names.iter().any(|it| it == *name)) {
        return Err(format!("line 1: {name} is missing"));
    }
    let mut rows = Vec::new();
    for (number, line) in lines {
        let values = fields(line).ok_or_else(|| format!("line {number}: a quote is not closed"))?;
        if values.len() != names.len() {
            return Err(format!("line {number}: {} fields instead of {}", values.len(), names.len()));
        }
        let mut of: HashMap<&str, String> = names.iter().map(String::as_str).zip(values).collect();
        let mut take = |name| of.remove(name).unwrap_or_default();
        let row = Row {
            patient: take("patient"),
            source: take("source"),
            category: take("for"),
            requester: take("requester"),
            answer: take("answer"),
            from: take("from"),
            until: take("until"),
        };
        rows.push((number, row));
    }
    Ok(rows)
}

/// The fields of a line, without their quotes; none where a quote is left open.
fn fields(line: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field).trim().to_owned()),
            other => field.push(other),
        }
    }
    fields.push(field.trim().to_owned());
    (!quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_read_with_its_quotes_and_lines() {
        assert_eq!(fields("a, b ,\"c,\"\"d\"\"\",").unwrap(), ["a", "b", "c,\"d\"", ""]);
        assert_eq!(fields("a,\"b"), None);
        let rows = csv("for,patient,source,requester,answer\r\n\r\nletters,P1^^^&2.999&ISO,a,b,permit\r\n").unwrap();
        assert_eq!((rows[0].0, &*rows[0].1.category, &*rows[0].1.answer), (3, "letters", "permit"));
        for (text, fault) in [
            ("", "the file is empty"),
            ("patient,name", "line 1: name is none of patient, source, for, requester, answer, from, until"),
            ("patient,source", "line 1: for is missing"),
            ("patient,source,for,requester,answer\n1,2", "line 2: 2 fields instead of 5"),
        ] {
            assert_eq!(csv(text).err().as_deref(), Some(fault));
        }
    }

    #[test]
    fn a_fault_names_the_field_and_not_the_patient() {
        let row = |patient: &str, data: &str| Row {
            patient: patient.to_owned(),
            source: "category:ggz".to_owned(),
            category: data.to_owned(),
            requester: "category:huisarts".to_owned(),
            answer: "permit".to_owned(),
            ..Row::default()
        };
        assert!(answer(&row("P1^^^&2.999&ISO", "letters"), 0).is_ok());
        let fault = answer(&row("999900006", "letters"), 0).unwrap_err();
        assert!(fault.starts_with("patient: ") && !fault.contains("999900006"), "{fault}");
        assert!(answer(&row("P1^^^&2.999&ISO", "*"), 0).unwrap_err().contains("a permit names its category"));
    }
}
