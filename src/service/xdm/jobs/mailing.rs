//! How a package that was ordered leaves by mail, or as a reference to the pick-up page: one package, one mail, which has the
//! id of the package. Source: R-32-24, R-32-31, R-32-60.

use std::path::Path;

use lettre::Address;

use super::{Delivery, ExportOrder, PackageError, Packages, XdmPackage};
use crate::{
    model::{Organisation, RequestContext, Xcn, unescape_component, xdm::PackageId},
    service::{
        audit::events::Actor,
        mail::{MailError, MailOrder, MailService, PreparedMail},
        pickup::Code,
        xdm::ImportSettings,
    },
    wire::{
        mail::{Notice, NoticePriority, Party},
        xdm::index_page::Language,
    },
};

/// What sends packages.
#[derive(Clone)]
pub struct Mailing {
    /// Mail.
    pub service: MailService,
    /// By what whose a package is is read.
    pub rules: ImportSettings,
}

/// Why a package does not leave.
pub(super) enum NotSent {
    /// It may another time.
    NotNow(String),
    /// A code, a colon, words.
    Never(String),
}

impl From<MailError> for NotSent {
    fn from(error: MailError) -> Self {
        match error {
            MailError::NoWay(_) => Self::Never(format!("XdmNoWay: {error}")),
            MailError::Package(_) => Self::Never("XdmPackage: the package cannot be sent".to_owned()),
            MailError::Store(_) | MailError::Io(_) | MailError::Smime(_) | MailError::Pickup(_) => {
                Self::NotNow(error.to_string())
            }
        }
    }
}

impl Packages {
    /// The mail of a package that was made, to be noted with the end of its job; nothing where its node fetches it.
    pub(super) async fn mail_of(
        &self,
        ctx: &mut RequestContext,
        order: &ExportOrder,
        id: PackageId,
        package: &Path,
    ) -> Result<Option<PreparedMail>, NotSent> {
        let as_link = match order.delivery() {
            Delivery::Mail => false,
            Delivery::Reference => true,
            Delivery::Package | Delivery::Folder => return Ok(None),
        };
        let never = |why: &str| NotSent::Never(format!("XdmDelivery: {why}"));
        let mailing = self.shared.mailing.as_ref().ok_or_else(|| never("nothing is sent from here any more"))?;
        let to = order.address().ok_or_else(|| never("the order names no mail address"))?;
        let order = MailOrder {
            package: package.to_owned(),
            to,
            notice: notice(order, &ctx.caller.node.organisation),
            as_link,
            priority: order.priority(),
            actor: Actor { user_id: ctx.caller.subject.to_string() },
        };
        Ok(Some(mailing.service.prepare(ctx, &order, &mailing.rules, id.to_string()).await?))
    }

    /// Takes back what was prepared and not noted.
    pub(super) async fn undo_mail(&self, ctx: &RequestContext, mail: Option<&PreparedMail>) {
        if let (Some(mailing), Some(mail)) = (&self.shared.mailing, mail) {
            mailing.service.undo(ctx, mail).await;
        }
    }

    /// Takes back the mail of a package, if it was not sent yet, and what it links to.
    pub(super) async fn take_mail_back(
        &self,
        ctx: &RequestContext,
        id: PackageId,
        actor: Option<&Actor>,
    ) -> Result<(), PackageError> {
        let Some(mailing) = &self.shared.mailing else { return Ok(()) };
        let actor = actor.cloned().unwrap_or_else(|| Actor { user_id: ctx.caller.subject.to_string() });
        let taken = mailing.service.take_back(ctx, &id.to_string(), &actor).await;
        taken.map_err(|error| match error {
            MailError::Store(error) => error.into(),
            error => PackageError::Io(std::io::Error::other(error)),
        })
    }

    /// A new code for a package that is offered on the pick-up page, and the link; a code before it is good no more. Nothing
    /// where it is not offered.
    ///
    /// # Errors
    /// Trouble of our own.
    pub async fn new_code(
        &self,
        ctx: &RequestContext,
        package: &XdmPackage,
    ) -> Result<Option<(String, Code)>, PackageError> {
        let pickup = package.mail.as_ref().and_then(|mail| mail.pickup_id.as_deref());
        let (Some(mailing), Some(pickup)) = (&self.shared.mailing, pickup) else { return Ok(None) };
        let actor = Actor { user_id: ctx.caller.subject.to_string() };
        let renewed = mailing.service.new_code(ctx, pickup, &actor).await;
        renewed.map_err(|error| PackageError::Io(std::io::Error::other(error)))
    }
}

impl ExportOrder {
    /// The mail address of the receiver.
    pub(super) fn address(&self) -> Option<Address> {
        self.recipient.as_ref()?.address.as_deref()?.parse().ok()
    }
}

/// What the mail says beside its package.
fn notice(order: &ExportOrder, sender: &Organisation) -> Notice {
    let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let recipient = order.recipient.clone().unwrap_or_default();
    let institution = recipient.organisation.as_deref().map(component).unwrap_or_default();
    Notice {
        language: if order.language.as_deref() == Some("en") { Language::English } else { Language::Dutch },
        sender: Party {
            institution: sender.name.to_string(),
            department: None,
            person: order.author.as_deref().and_then(person),
        },
        recipient: Party {
            institution,
            department: recipient.department.clone(),
            person: recipient.person.as_deref().and_then(person),
        },
        ground: filled(&order.reason),
        comment: filled(&order.comment),
        priority: order.priority.as_deref().and_then(|word| match word {
            "high" => Some(NoticePriority::High),
            "normal" => Some(NoticePriority::Normal),
            "background" => Some(NoticePriority::Background),
            _ => None,
        }),
        urgency: filled(&order.urgency),
    }
}

/// The name of an XON, as people read it.
fn component(xon: &str) -> String {
    let name = xon.split('^').next().unwrap_or_default();
    unescape_component(name).unwrap_or_default().into_owned()
}

/// The name of an XCN, as people read it.
fn person(xcn: &str) -> Option<String> {
    let xcn: Xcn = xcn.parse().ok()?;
    let parts = [6, 3, 2].map(|number| unescape_component(xcn.component(number)).unwrap_or_default().into_owned());
    let name: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Some(name.join(" ")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Node;

    #[test]
    fn r_32_60_the_notice_says_what_the_order_says() {
        let order: ExportOrder = serde_json::from_str(
            r#"{"documents":["1"],"delivery":"mail","reason":"referral","priority":"high","author":"^Doe^Ann^^^dr.",
                "recipient":{"organisation":"A \\T\\ E^^^^^^^^^2.999.5","department":"ER","person":"12^Roe^Max",
                "address":"er@clinic.example"}}"#,
        )
        .expect("an order");
        let notice = notice(&order, &Node::loopback().organisation);
        assert_eq!(notice.recipient.to_string(), "A & E, ER, Max Roe");
        assert_eq!(notice.sender.person.as_deref(), Some("dr. Ann Doe"));
        assert_eq!((notice.ground.as_deref(), notice.comment), (Some("referral"), None));
        assert_eq!(order.address().map(|address| address.to_string()).as_deref(), Some("er@clinic.example"));
    }
}
