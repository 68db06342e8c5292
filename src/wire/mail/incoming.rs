//! A mail that came.

use mail_parser::HeaderName;

use super::{
    SUBJECT,
    disposition::{self, Disposition},
    entity::{Entity, MailError, MailLimits, ZIP},
};

/// A mail: who says to have sent it, and what it is.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The address in From.
    pub from: String,
    /// Message-ID with its brackets.
    pub message_id: Option<String>,
    /// Whether the subject says that it carries a package (R-32-24).
    pub says_package: bool,
    /// Where a receipt is wanted (R-32-28).
    pub notify: Option<String>,
    /// Whether a program wrote it by itself, or a list passed it on: such a mail is never answered (RFC 3834 §2).
    pub automatic: bool,
    /// The rest.
    pub entity: Entity<'a>,
}

/// What an entity holds.
#[derive(Debug)]
pub enum Content<'a> {
    /// CMS EnvelopedData.
    Encrypted(Vec<u8>),
    /// Something and a signature over exactly these octets.
    Signed {
        /// The entity that was signed.
        entity: &'a [u8],
        /// CMS SignedData.
        signature: Vec<u8>,
    },
    /// CMS SignedData with the entity inside.
    SignedWithin(Vec<u8>),
    /// A receipt for a mail of ours.
    Receipt(Disposition),
    /// Neither encrypted nor signed.
    Open(Vec<Attachment>),
}

/// Something attached that may be a package.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its octets.
    pub octets: Vec<u8>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("octets", &self.octets.len()).finish()
    }
}

impl<'a> Incoming<'a> {
    /// Reads the headers of a mail; its lines end in CR LF.
    ///
    /// # Errors
    /// When it has no headers that can be understood, or not one sender.
    pub fn read(octets: &'a [u8], limits: &MailLimits) -> Result<Self, MailError> {
        let entity = Entity::read(octets, limits)?;
        let subject = entity.text(HeaderName::Subject).unwrap_or_default();
        Ok(Self {
            from: entity.address(HeaderName::From).ok_or(MailError::From)?,
            message_id: message_id(&entity),
            says_package: subject.to_ascii_uppercase().contains(SUBJECT),
            notify: entity.address(HeaderName::DispositionNotificationTo),
            automatic: is_automatic(&entity),
            entity,
        })
    }
}

fn is_automatic(entity: &Entity<'_>) -> bool {
    let says_no = |text: String| text.split(';').next().is_some_and(|word| word.trim().eq_ignore_ascii_case("no"));
    let by_itself = entity.has("Auto-Submitted") && !entity.text_of("Auto-Submitted").is_some_and(says_no);
    let crowd = |text: String| ["bulk", "list", "junk"].contains(&&*text.to_ascii_lowercase());
    by_itself
        || entity.has("List-Id")
        || entity.text_of("Precedence").is_some_and(crowd)
        || entity.essence() == "multipart/report"
}

/// Kept with its brackets, as it must stand in a receipt.
fn message_id(entity: &Entity<'_>) -> Option<String> {
    let text = entity.text(HeaderName::MessageId)?;
    let bare = text.trim_start_matches('<').trim_end_matches('>');
    let fits = !bare.is_empty() && bare.len() <= 900 && bare.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| format!("<{bare}>"))
}

impl<'a> Entity<'a> {
    /// What it holds.
    ///
    /// # Errors
    /// [`MailError`]
    pub fn content(&self, limits: &MailLimits) -> Result<Content<'a>, MailError> {
        match self.essence() {
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
                let octets = self.decoded()?;
                Ok(match self.parameter("smime-type") {
                    Some(kind) if kind.eq_ignore_ascii_case("signed-data") => Content::SignedWithin(octets),
                    _ => Content::Encrypted(octets),
                })
            }
            "multipart/signed" => {
                let parts = self.parts(2)?;
                let [entity, signature] = parts.as_slice() else { return Err(MailError::Signature) };
                let signature = Entity::read(signature, limits)?;
                match signature.essence() {
                    "application/pkcs7-signature" | "application/x-pkcs7-signature" => {}
                    _ => return Err(MailError::Signature),
                }
                Ok(Content::Signed { entity, signature: signature.decoded()? })
            }
            "multipart/report" => match disposition::find(self, limits)? {
                Some(disposition) => Ok(Content::Receipt(disposition)),
                None => Ok(Content::Open(Vec::new())),
            },
            _ => {
                let mut walk = Walk { limits, parts_left: limits.parts, found: Vec::new(), passed_over: None };
                walk.enter(self, 0)?;
                match walk.passed_over {
                    // What cannot be read may be what was sent.
                    Some(error) if walk.found.is_empty() => Err(error),
                    _ => Ok(Content::Open(walk.found)),
                }
            }
        }
    }
}

struct Walk<'l> {
    limits: &'l MailLimits,
    parts_left: usize,
    found: Vec<Attachment>,
    /// What was wrong with a part that cannot be read: another may be a package all the same (R-32-27).
    passed_over: Option<MailError>,
}

impl Walk<'_> {
    fn enter(&mut self, entity: &Entity<'_>, depth: usize) -> Result<(), MailError> {
        if depth >= self.limits.depth {
            return Err(MailError::TooDeep);
        }
        if entity.essence().starts_with("multipart/") {
            let parts = entity.parts(self.parts_left)?;
            self.parts_left -= parts.len();
            for part in parts {
                // A footer that some gateway glued on without headers carries no package.
                match Entity::read(part, self.limits) {
                    Ok(part) => self.enter(&part, depth + 1)?,
                    Err(MailError::Headers) => {}
                    Err(error) => self.passed_over = Some(error),
                }
            }
            return Ok(());
        }
        if entity.essence() == "message/rfc822" && entity.is_identity() {
            match Entity::read(entity.raw_body(), self.limits) {
                Ok(forwarded) => self.enter(&forwarded, depth + 1)?,
                Err(error) => self.passed_over = Some(error),
            }
            return Ok(());
        }
        match entity.decoded() {
            // What is in it is looked at by the importer (R-32-27).
            Ok(octets) if octets.starts_with(ZIP) => self.found.push(Attachment { octets }),
            Ok(_) => {}
            // A package that broke on the way: its sender is not told that all was taken.
            Err(error) if entity.begins_as_zip() => return Err(error),
            Err(error) => self.passed_over = Some(error),
        }
        Ok(())
    }
}
