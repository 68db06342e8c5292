//! Writing mails. What comes back is octets with CR LF lines, ready for a relay.

use lettre::{
    Address, Message,
    message::{
        Attachment, Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};

use super::{
    SUBJECT,
    disposition::Outcome,
    notice::{Link, Notice},
};
use crate::wire::xdm::index_page::Language;

/// Why a mail cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// Not an address.
    #[error("an address of the mail is not one: {0}")]
    Address(#[from] lettre::address::AddressError),
    /// The message builder refused.
    #[error("the mail cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
}

/// The outside of a mail. Nothing here is encrypted: it names no patient.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Our address.
    pub from: Address,
    /// The addressee.
    pub to: Address,
    /// Message-ID, with its brackets.
    pub message_id: String,
    /// When, in seconds since 1970.
    pub date_s: u64,
    /// Whether a receipt is asked for (R-32-28).
    pub notify: bool,
}

impl Envelope {
    fn builder(&self, subject: &str) -> lettre::message::MessageBuilder {
        let mailbox = |address: &Address| Mailbox::new(None, address.clone());
        let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(self.date_s);
        let builder = Message::builder()
            .from(mailbox(&self.from))
            .to(mailbox(&self.to))
            .subject(subject)
            .date(date)
            .message_id(Some(self.message_id.clone()));
        if self.notify {
            let name = HeaderName::new_from_ascii_str("Disposition-Notification-To");
            return builder.raw_header(HeaderValue::new(name, self.from.to_string()));
        }
        builder
    }
}

/// The entity that is signed: the notice and the package (R-32-25).
pub fn package_entity(notice: &Notice, package: Vec<u8>) -> Vec<u8> {
    MultiPart::mixed().singlepart(text(notice.with_package(false))).singlepart(zip(package)).formatted()
}

/// The entity that is signed where the package waits on the pick-up page: the notice with a link to it.
pub fn link_entity(notice: &Notice, link: &Link) -> Vec<u8> {
    text(notice.with_link(link, false)).formatted()
}

/// The entity that is signed where there are words only.
pub fn text_entity(said: String) -> Vec<u8> {
    text(said).formatted()
}

fn text(text: String) -> SinglePart {
    SinglePart::plain(text)
}

fn zip(package: Vec<u8>) -> SinglePart {
    let kind = content_type("application/zip; name=\"XDM.ZIP\"");
    // The encoding is chosen by us: 8bit would be allowed for a package that happens to be text.
    let body = match Body::new_with_encoding(package, ContentTransferEncoding::Base64) {
        Ok(body) => body,
        Err(package) => Body::new(package),
    };
    Attachment::new("XDM.ZIP".to_owned()).body(body, kind)
}

fn content_type(text: &'static str) -> ContentType {
    ContentType::parse(text).expect("a media type of the program text is well formed")
}

/// The entity with its signature beside it, itself an entity: multipart/signed.
pub fn signed(entity: &[u8], signature: &[u8], boundary: &str) -> Vec<u8> {
    let signature = SinglePart::builder()
        .header(content_type("application/pkcs7-signature; name=\"smime.p7s\""))
        .header(lettre::message::header::ContentDisposition::attachment("smime.p7s"))
        .header(ContentTransferEncoding::Base64)
        .body(signature.to_vec())
        .formatted();
    let mut whole = Vec::with_capacity(entity.len() + signature.len() + 512);
    let head = format!(
        "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n micalg=sha-256; \
         boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
    );
    whole.extend_from_slice(head.as_bytes());
    whole.extend_from_slice(entity);
    whole.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
    whole.extend_from_slice(&signature);
    whole.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    whole
}

/// A mail whose content is CMS EnvelopedData. `package` says in the subject that it carries one (R-32-24).
///
/// # Errors
/// When the builder refuses.
pub fn encrypted(envelope: &Envelope, enveloped: Vec<u8>, package: bool) -> Result<Vec<u8>, ComposeError> {
    let subject = if package { SUBJECT } else { "Knoop" };
    let part = SinglePart::builder()
        .header(content_type("application/pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\""))
        .header(lettre::message::header::ContentDisposition::attachment("smime.p7m"))
        .header(ContentTransferEncoding::Base64)
        .body(enveloped);
    Ok(envelope.builder(subject).singlepart(part)?.formatted())
}

/// A mail that is neither signed nor encrypted, around an entity that holds a package.
///
/// # Errors
/// When the builder refuses.
pub fn plain(envelope: &Envelope, notice: &Notice, package: Vec<u8>) -> Result<Vec<u8>, ComposeError> {
    let parts = MultiPart::mixed().singlepart(text(notice.with_package(true))).singlepart(zip(package));
    Ok(envelope.builder(SUBJECT).multipart(parts)?.formatted())
}

/// A mail that anybody can read, with a link to the package.
///
/// # Errors
/// When the builder refuses.
pub fn reference(envelope: &Envelope, notice: &Notice, link: &Link) -> Result<Vec<u8>, ComposeError> {
    let subject = match notice.language {
        Language::Dutch => "Documenten voor u klaargezet",
        Language::English => "Documents are ready for you",
    };
    Ok(envelope.builder(subject).singlepart(text(notice.with_link(link, true)))?.formatted())
}

/// A few words that anybody can read. It says that a program wrote it, so that no other program answers (RFC 3834 §5).
///
/// # Errors
/// When the builder refuses.
pub fn announcement(envelope: &Envelope, subject: &str, said: String) -> Result<Vec<u8>, ComposeError> {
    let builder = envelope.builder(subject).raw_header(by_program("auto-generated"));
    Ok(builder.singlepart(text(said))?.formatted())
}

fn by_program(how: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), how.to_owned())
}

/// A receipt for the mail `original`, which was addressed to `envelope.from` (R-32-28, R-32-30). The text of a failure is ours:
/// codes and counts. It says that a program wrote it, so that no other program answers (RFC 3834 §3.1.7).
///
/// # Errors
/// When the builder refuses.
pub fn receipt(envelope: &Envelope, original: &str, outcome: &Outcome) -> Result<Vec<u8>, ComposeError> {
    let (said, disposition, error) = match outcome {
        Outcome::Success => ("The package was imported.".to_owned(), "displayed", None),
        Outcome::Failure(why) => (format!("The package was not imported: {why}"), "deleted/error", Some(why)),
    };
    let ours = &envelope.from;
    let mut fields = format!(
        "Reporting-UA: knoop\r\nFinal-Recipient: rfc822;{ours}\r\nOriginal-Message-ID: {original}\r\n\
         Disposition: automatic-action/MDN-sent-automatically; {disposition}\r\n"
    );
    if let Some(error) = error {
        fields.push_str(&format!("Error: {error}\r\n"));
    }
    let fields = SinglePart::builder()
        .header(content_type("message/disposition-notification"))
        .header(ContentTransferEncoding::SevenBit)
        .body(fields);
    let boundary = envelope.message_id.chars().filter(char::is_ascii_alphanumeric).take(40).collect::<String>();
    let kind = ContentType::parse(&format!(
        "multipart/report; report-type=disposition-notification; boundary=\"r{boundary}\""
    ));
    let mut parts = MultiPart::mixed().singlepart(text(said)).singlepart(fields);
    if let Ok(kind) = kind {
        parts.headers_mut().set(kind);
    }
    let builder = envelope.builder("XDM receipt").in_reply_to(original.to_owned());
    Ok(builder.raw_header(by_program("auto-replied")).multipart(parts)?.formatted())
}
