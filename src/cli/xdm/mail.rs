//! `knoop xdm mail` and `knoop xdm mails`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use lettre::Address;
use serde_json::json;

use crate::{
    cli::{
        DataArgs, Failure,
        assembly::{audit, audit_settings, import_settings, mail, pickup_url},
        clock, directory,
    },
    service::{
        Auditor,
        mail::{MailError, MailOrder, MailService, Ordered},
        pickup::local_time as time,
    },
    store::{MailRow, NewMail, Priority, ReceivedMail},
    wire::{
        mail::{Notice, NoticePriority, Party},
        xdm::index_page::Language,
    },
};

/// What `xdm mail` may be told.
#[derive(Debug, Args)]
#[command(
    after_help = "The mail goes out while the server runs. A package that is too large, or whose addressee has no certificate in \
    email.partners, is offered on the pick-up page, and the mail carries a link: tell the code that is printed here in another \
    way.\n\nExample:\n  knoop xdm mail XDM.ZIP --to radiologie@kliniek.example --institution 'Kliniek Voorbeeld' --reason verwijzing"
)]
pub(in crate::cli) struct MailArgs {
    /// The package, a zip file
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// Address of the receiver
    #[arg(long, value_name = "ADDRESS")]
    to: Address,
    /// Institution of the receiver
    #[arg(long, value_name = "NAME", default_value = "", help_heading = "Receiver")]
    institution: String,
    /// Department of the receiver
    #[arg(long, value_name = "NAME", help_heading = "Receiver")]
    department: Option<String>,
    /// Name of the receiver
    #[arg(long, value_name = "NAME", help_heading = "Receiver")]
    person: Option<String>,
    /// Department of the sender
    #[arg(long, value_name = "NAME", help_heading = "Sender")]
    from_department: Option<String>,
    /// Name of the sender
    #[arg(long, value_name = "NAME", help_heading = "Sender")]
    from_person: Option<String>,
    /// A line to the receiver; it is encrypted, and left out where nothing is
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Why it is sent, such as a referral
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Place in the queue of whoever handles it
    #[arg(long, value_enum)]
    priority: Option<MailPriority>,
    /// Medical urgency
    #[arg(long, value_name = "TEXT")]
    urgency: Option<String>,
    /// Before other mails of ours
    #[arg(long)]
    first: bool,
    /// Send a link to the pick-up page, whatever the size
    #[arg(long)]
    link: bool,
    /// Language of the mail
    #[arg(long, value_enum, default_value = "nl")]
    language: MailLanguage,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MailLanguage {
    Nl,
    En,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MailPriority {
    High,
    Normal,
    Background,
}

/// What `xdm mails` may be told.
#[derive(Debug, Args)]
pub(in crate::cli) struct MailsArgs {
    /// Take this one back, which was not sent yet, and the package that it links to
    #[arg(long, value_name = "ID")]
    withdraw: Option<String>,
    /// Those that came in, instead of those that go out
    #[arg(long, conflicts_with = "withdraw")]
    received: bool,
    /// Those of so many days
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    days: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: MailArgs) -> Result<(), Failure> {
    let config = args.data.load()?;
    let (rules, beginning) = (import_settings(&config)?, pickup_url(&config).unwrap_or_default());
    let order = MailOrder {
        package: args.package.clone(),
        to: args.to.clone(),
        notice: notice(&args, &config.email.institution),
        as_link: args.link,
        priority: if args.first { Priority::High } else { Priority::Normal },
        actor: audit::operator(),
    };
    let ordered = on_mail(&args.data, move |service| async move {
        service.order(&mut clock::context(), &order, rules).await.map_err(failure)
    })?;
    report(&args, &ordered, &beginning);
    Ok(())
}

/// Works on the mails of a data directory, whether or not its server runs, and seals what was recorded.
fn on_mail<T: Send + 'static, F>(data: &DataArgs, work: impl FnOnce(MailService) -> F + 'static) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    directory::on_store(data, move |config, store| {
        let auditor = Auditor::new(store.clone(), audit_settings(&config));
        let work = mail(&config, &store, &auditor, None).map(work);
        Box::pin(async move {
            let work = work.ok_or_else(|| Failure::wrong_use("email.relay and email.from say how mail is sent"))?;
            let done = work.await?;
            if config.audit.record {
                audit::sealer(&config, &store).seal().await.context("the audit cannot be sealed")?;
            }
            Ok(done)
        })
    })
}

fn notice(args: &MailArgs, institution: &str) -> Notice {
    Notice {
        language: match args.language {
            MailLanguage::Nl => Language::Dutch,
            MailLanguage::En => Language::English,
        },
        sender: Party {
            institution: institution.to_owned(),
            department: args.from_department.clone(),
            person: args.from_person.clone(),
        },
        recipient: Party {
            institution: args.institution.clone(),
            department: args.department.clone(),
            person: args.person.clone(),
        },
        ground: args.reason.clone(),
        comment: args.comment.clone(),
        priority: args.priority.map(|priority| match priority {
            MailPriority::High => NoticePriority::High,
            MailPriority::Normal => NoticePriority::Normal,
            MailPriority::Background => NoticePriority::Background,
        }),
        urgency: args.urgency.clone(),
    }
}

fn failure(error: MailError) -> Failure {
    match error {
        MailError::Package(_) | MailError::NoWay(_) => Failure::Refused(error.to_string()),
        other => Failure::from(other),
    }
}

fn report(args: &MailArgs, ordered: &Ordered, beginning: &str) {
    let Ordered { id, link } = ordered;
    if args.json {
        let link = link.as_ref().map(|offered| {
            json!({
                "id": offered.id,
                "link": format!("{beginning}/p/{}", offered.id),
                "code": offered.code.to_string(),
                "expires": time(offered.expires_ms),
            })
        });
        println!("{}", json!({ "mail": id, "pickup": link }));
        return;
    }
    println!("mail   {id}");
    if let Some(offered) = link {
        println!("link   {beginning}/p/{}", offered.id);
        println!("code   {}\nuntil  {}", offered.code, time(offered.expires_ms));
    }
}

pub(super) fn list(args: &MailsArgs) -> Result<(), Failure> {
    if let Some(id) = args.withdraw.clone() {
        let withdrawn = on_mail(&args.data, move |service| async move {
            service.withdraw(&clock::context(), &id, &audit::operator()).await.map_err(failure)
        });
        return match withdrawn? {
            true => Ok(()),
            false => Err(Failure::wrong_use("there is no such mail that still waits to be sent")),
        };
    }
    let since_ms = clock::now().as_millisecond() - i64::from(args.days) * 86_400_000;
    if args.received {
        return list_received(args, since_ms);
    }
    let rows = directory::read(&args.data, move |tx| Box::pin(tx.mails(since_ms)))?;
    if args.json {
        println!("{}", serde_json::Value::from(rows.iter().map(as_json).collect::<Vec<_>>()));
        return Ok(());
    }
    for MailRow { mail, state, problem, .. } in &rows {
        let way = way(mail);
        let problem = problem.as_deref().map(|problem| format!("  {problem}")).unwrap_or_default();
        println!("{}  {}  {}  {way}  {}{problem}", mail.id, time(mail.created_ms), state.as_str(), mail.recipient);
    }
    Ok(())
}

/// What a mail carries.
const fn way(mail: &NewMail) -> &'static str {
    match (&mail.receipt, &mail.pickup_id) {
        (Some(_), _) => "receipt",
        (None, Some(_)) => "link",
        (None, None) => "package",
    }
}

fn list_received(args: &MailsArgs, since_ms: i64) -> Result<(), Failure> {
    let rows = directory::read(&args.data, move |tx| Box::pin(tx.received_mails(since_ms)))?;
    if args.json {
        println!("{}", serde_json::Value::from(rows.iter().map(received_as_json).collect::<Vec<_>>()));
        return Ok(());
    }
    for row in &rows {
        let from = row.head.sender.as_deref().unwrap_or(&row.return_path);
        let package = row.package.map(|id| format!("  package {id}")).unwrap_or_default();
        let problem = row.problem.as_deref().map(|problem| format!("  {problem}")).unwrap_or_default();
        println!("{}  {}  {}  {from}{package}{problem}", row.id, time(row.received_ms), row.state.as_str());
    }
    Ok(())
}

fn received_as_json(row: &ReceivedMail) -> serde_json::Value {
    json!({
        "id": row.id,
        "from": row.head.sender,
        "returnPath": row.return_path,
        "recipient": row.recipient,
        "messageId": row.head.message_id,
        "octets": row.octets,
        "state": row.state.as_str(),
        "problem": row.problem,
        "package": row.package.map(|id| id.to_string()),
        "receiptTo": row.head.receipt_to,
        "receipt": row.receipt_mail_id,
        "received": time(row.received_ms),
        "ended": row.ended_ms.map(time),
    })
}

fn as_json(row: &MailRow) -> serde_json::Value {
    let MailRow { mail, state, problem, sent_ms, receipt_ms } = row;
    json!({
        "id": mail.id,
        "messageId": mail.message_id,
        "recipient": mail.recipient,
        "octets": mail.octets,
        "carries": way(mail),
        "pickup": mail.pickup_id,
        "orderedBy": mail.created_by,
        "ordered": time(mail.created_ms),
        "state": state.as_str(),
        "problem": problem,
        "sent": sent_ms.map(time),
        "receipt": receipt_ms.map(time),
    })
}
