//! `knoop consent add`, `list` and `withdraw`.

use clap::Args;
use serde_json::json;

use super::{ByArgs, PeriodArgs, on_store, optional_time, patient, time};
use crate::{
    cli::{DataArgs, Failure, table::Table},
    config::{Config, Patients},
    model::{
        PatientId,
        consent::{Answer, ConsentAnswer, ConsentRecord, DataScope, Scope},
    },
    service::access::{Author, GivenAnswer, record_answers, withdraw_answer},
    store::{Store, UnknownPatients},
};

/// What `consent add` may be told.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The patient, as ID^^^&AUTHORITY&ISO
    #[arg(long, value_name = "CX", value_parser = patient)]
    patient: PatientId,
    /// Who holds the data: category:WORD or organisation:ID
    #[arg(long, value_name = "SCOPE")]
    source: Scope,
    /// Category of data; '*' for all, in a refusal
    #[arg(long = "for", value_name = "CATEGORY")]
    category: DataScope,
    /// Who asks for them: category:WORD or organisation:ID
    #[arg(long, value_name = "SCOPE")]
    requester: Scope,
    /// permit, deny or no-answer
    #[arg(long, value_name = "ANSWER")]
    answer: Answer,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    by: ByArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `consent list` may be told.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The patient, as ID^^^&AUTHORITY&ISO
    #[arg(long, value_name = "CX", value_parser = patient)]
    patient: PatientId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `consent withdraw` may be told.
#[derive(Debug, Args)]
pub(super) struct WithdrawArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The number that `add` and `list` print
    #[arg(value_name = "NUMBER")]
    key: i64,
    #[command(flatten)]
    by: ByArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Records answers: all of them, or none. The numbers they got.
pub(super) async fn record(
    config: &Config,
    store: &Store,
    given: Vec<GivenAnswer>,
    author: &Author,
) -> Result<Vec<i64>, Failure> {
    let unknown = match config.registry.patients {
        Patients::Any => UnknownPatients::Create,
        Patients::Known => UnknownPatients::Refuse,
    };
    record_answers(store, given, unknown, author)
        .await?
        .ok_or_else(|| Failure::Refused("a patient is not known here; registry.patients is \"known\"".to_owned()))
}

pub(super) fn add(args: AddArgs) -> Result<(), Failure> {
    on_store(&args.data.clone(), |config, store, now_ms| async move {
        let answer = ConsentAnswer {
            source: args.source,
            data: args.category,
            requester: args.requester,
            answer: args.answer,
            period: args.period.period(now_ms),
        };
        let answer = answer.check().map_err(|error| Failure::wrong_use(error.to_string()))?;
        let given = vec![GivenAnswer { patient: args.patient, answer }];
        let keys = record(&config, &store, given, &args.by.author("operator", &config, &store)).await?;
        let key = keys.first().copied().unwrap_or_default();
        if args.json {
            println!("{}", json!({ "recorded": key }));
        } else {
            println!("recorded as {key}");
        }
        Ok(())
    })
}

pub(super) fn list(args: ListArgs) -> Result<(), Failure> {
    on_store(&args.data.clone(), |_, store, _| async move {
        let records = store.read().await?.consents_of(&args.patient).await?;
        if args.json {
            let answers: Vec<_> = records.iter().map(as_json).collect();
            println!("{}", json!({ "answers": answers }));
            return Ok(());
        }
        let heading = [
            "number",
            "source",
            "for",
            "requester",
            "answer",
            "from",
            "until",
            "origin",
            "by",
            "recorded",
            "withdrawn",
        ];
        let mut table = Table::new(heading);
        for record in &records {
            let ConsentAnswer { source, data, requester, answer, period } = &record.answer;
            table.row([
                record.key.to_string(),
                source.to_string(),
                data.to_string(),
                requester.to_string(),
                answer.to_string(),
                time(period.from_ms),
                optional_time(period.until_ms),
                record.origin.to_string(),
                record.recorded_by.to_string(),
                time(record.recorded_ms),
                optional_time(record.withdrawn_ms),
            ]);
        }
        print!("{table}");
        eprintln!("{} answers", records.len());
        Ok(())
    })
}

fn as_json(record: &ConsentRecord) -> serde_json::Value {
    let ConsentAnswer { source, data, requester, answer, period } = &record.answer;
    json!({
        "number": record.key,
        "source": source.to_string(),
        "for": data.to_string(),
        "requester": requester.to_string(),
        "answer": answer.as_str(),
        "from": time(period.from_ms),
        "until": period.until_ms.map(time),
        "origin": &*record.origin,
        "by": &*record.recorded_by,
        "recorded": time(record.recorded_ms),
        "withdrawn": record.withdrawn_ms.map(time),
    })
}

pub(super) fn withdraw(args: WithdrawArgs) -> Result<(), Failure> {
    on_store(&args.data.clone(), |config, store, _| async move {
        let key = args.key;
        if !withdraw_answer(&store, key, &args.by.author("operator", &config, &store)).await? {
            return Err(Failure::Refused(format!("no answer {key} stands")));
        }
        if args.json {
            println!("{}", json!({ "withdrawn": key }));
        } else {
            println!("{key} is withdrawn");
        }
        Ok(())
    })
}
