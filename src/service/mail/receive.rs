//! Opening a mail that came.

use std::{fs::File, io};

use jiff::Timestamp;

use crate::{
    model::xdm::XdmCode,
    security::smime::{SignatureRefused, SmimeError, SmimeKeys},
    service::xdm::ImportSettings,
    wire::{
        mail::{self, Attachment, Content, Disposition, Entity, Incoming, MailLimits},
        xdm::{Layout, Medium, MediumError},
    },
};

/// What a mail turned out to be.
#[derive(Debug)]
pub enum Received {
    /// A receipt, by whoever is in From. `signed` tells whether that is certain.
    Receipt {
        /// From.
        from: String,
        /// What it says.
        disposition: Disposition,
        /// Whether a signature of that address covers it.
        signed: bool,
    },
    /// Something with attachments that may be packages.
    Packages(ReceivedPackage),
}

/// A mail with attachments.
#[derive(Debug)]
pub struct ReceivedPackage {
    /// From; certain where there is a signer.
    pub from: String,
    /// Message-ID, with brackets.
    pub message_id: Option<String>,
    /// Who signed, as a distinguished name.
    pub signer: Option<String>,
    /// Whether it was encrypted.
    pub encrypted: bool,
    /// Whether the subject says that it carries a package.
    pub says_package: bool,
    /// Where a receipt is wanted.
    pub notify: Option<String>,
    /// Attachments that begin as a zip file does.
    pub attachments: Vec<Attachment>,
}

/// Why a mail is not opened. Tells nothing of what it says.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// It cannot be understood.
    #[error(transparent)]
    Mail(#[from] mail::MailError),
    /// It cannot be decrypted.
    #[error(transparent)]
    Smime(#[from] SmimeError),
    /// Its signature is not believed (XdmSignatureInvalid).
    #[error("XdmSignatureInvalid: {0}")]
    Signature(#[from] SignatureRefused),
    /// It is not signed, and must be.
    #[error("XdmSignatureInvalid: the mail is not signed (email.allow_unsigned = false)")]
    Unsigned,
    /// Encryption within encryption, or signatures around signatures.
    #[error("the mail is wrapped too often")]
    Wrapped,
}

/// Layers of encryption and signature that are taken off: signed, encrypted, and signed once more, as some gateways do.
const LAYERS: usize = 3;

/// Takes a mail apart: decrypts, verifies who signed, and only then looks at what was signed (R-32-26). Blocks.
///
/// # Errors
/// [`NotOpened`]
pub fn open(
    octets: &[u8],
    keys: &SmimeKeys,
    allow_unsigned: bool,
    limits: &MailLimits,
    now: Timestamp,
) -> Result<Received, NotOpened> {
    let lines = mail::canonical(octets);
    let Incoming { from, message_id, says_package, notify, entity, .. } = Incoming::read(&lines, limits)?;
    let opening = Opening { keys, limits, now, from: &from };
    let (found, Seen { signer, encrypted }) = opening.unwrap(&entity, Seen::default(), LAYERS)?;
    match found {
        Found::Receipt(disposition) => Ok(Received::Receipt { from, disposition, signed: signer.is_some() }),
        Found::Attachments(_) if signer.is_none() && !allow_unsigned => Err(NotOpened::Unsigned),
        Found::Attachments(attachments) => Ok(Received::Packages(ReceivedPackage {
            from,
            message_id,
            signer,
            encrypted,
            says_package,
            notify,
            attachments,
        })),
    }
}

/// Whether an attachment that begins as a zip file does is a package, whole or not: by content, never by name (R-32-27). One that
/// cannot be read, or whose submission sets cannot, is one too, for the importer tells what is wrong with it. Blocks.
///
/// # Errors
/// When the file cannot be read.
pub fn is_package(attachment: File, rules: &ImportSettings) -> io::Result<bool> {
    match Medium::of_archive(attachment, &rules.limits) {
        Ok(medium) => Ok(match Layout::of(medium.table(), &rules.tolerances, &rules.limits) {
            Ok(_) => true,
            Err(finding) => finding.code != XdmCode::NoIheXdm.into(),
        }),
        Err(MediumError::Rejected(_)) => Ok(true),
        Err(MediumError::Io(error)) => Err(error),
    }
}

struct Opening<'a> {
    keys: &'a SmimeKeys,
    limits: &'a MailLimits,
    now: Timestamp,
    from: &'a str,
}

/// What was taken off.
#[derive(Default)]
struct Seen {
    signer: Option<String>,
    encrypted: bool,
}

/// What was within.
enum Found {
    Receipt(Disposition),
    Attachments(Vec<Attachment>),
}

impl Opening<'_> {
    fn unwrap(&self, entity: &Entity<'_>, seen: Seen, layers: usize) -> Result<(Found, Seen), NotOpened> {
        let (within, seen) = match entity.content(self.limits)? {
            Content::Receipt(disposition) => return Ok((Found::Receipt(disposition), seen)),
            Content::Open(attachments) => return Ok((Found::Attachments(attachments), seen)),
            _ if layers == 0 => return Err(NotOpened::Wrapped),
            // A signature outside of the encryption does not say that its holder knew what is inside.
            Content::Encrypted(octets) => (self.keys.decrypt(&octets)?, Seen { signer: None, encrypted: true }),
            Content::Signed { entity, signature } => {
                let verified = self.keys.verify(&signature, Some(entity), self.from, self.now)??;
                (verified.content, Seen { signer: Some(verified.signer), ..seen })
            }
            Content::SignedWithin(octets) => {
                let verified = self.keys.verify(&octets, None, self.from, self.now)??;
                (verified.content, Seen { signer: Some(verified.signer), ..seen })
            }
        };
        let lines = mail::canonical(&within);
        self.unwrap(&Entity::read(&lines, self.limits)?, seen, layers - 1)
    }
}
