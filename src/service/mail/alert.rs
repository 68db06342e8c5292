//! A word to the privacy officer that the glass was broken.
//!
//! It names nobody, neither patient nor person: who has the right looks up the number. So it may go out in the open where there is
//! no certificate of the officer, or none that can be used; with one it is encrypted, with one of ours signed.
//!
//! Source: S-CON-22.

use jiff::Timestamp;
use lettre::Address;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::{MailService, MailSettings, make::NotMade};
use crate::{
    client::SmtpError,
    security::smime::{SmimeError, SmimeKeys},
    service::{pickup::local_time, spool::fresh_id},
    wire::mail::{self, Envelope},
};

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub(in crate::service) enum NotTold {
    /// There is no mail.
    #[error("the mail to the privacy officer cannot be made: {0}")]
    NotMade(String),
    /// The relay has not got it, or has not said so.
    #[error(transparent)]
    Relay(#[from] SmtpError),
}

impl From<NotMade> for NotTold {
    fn from(error: NotMade) -> Self {
        Self::NotMade(error.to_string())
    }
}

impl MailService {
    /// Tells of the grant with this number, which was given at `begun_ms`; the relay has the mail when this returns.
    ///
    /// # Errors
    /// When the relay has not taken it, as far as is known. To tell twice does no harm.
    pub(in crate::service) async fn tell_of_emergency(
        &self,
        to: &Address,
        grant: i64,
        begun_ms: i64,
        now_ms: i64,
    ) -> Result<(), NotTold> {
        let (settings, to_officer) = (self.settings.clone(), to.clone());
        let making = spawn_blocking(move || make(&settings, to_officer, grant, begun_ms, now_ms));
        let made = making.await.map_err(|_| NotTold::from(NotMade::Order))??;
        Ok(self.relay.send(Some(&self.settings.from), to, &made).await?)
    }
}

fn make(settings: &MailSettings, to: Address, grant: i64, begun_ms: i64, now_ms: i64) -> Result<Vec<u8>, NotMade> {
    let now = Timestamp::from_millisecond(now_ms).map_err(|_| NotMade::Order)?;
    let begun = local_time(begun_ms);
    let id = fresh_id()?;
    let envelope = Envelope {
        from: settings.from.clone(),
        to,
        message_id: format!("<{id}@{}>", settings.domain),
        date_s: now.as_second().unsigned_abs(),
        notify: false,
    };
    let said = format!(
        "Met noodtoegang zijn gegevens van een patiënt geopend: nummer {grant}, {begun}. Beoordeel dit met\r\n\
         knoop consent emergencies.\r\n\r\n\
         Data of a patient were opened in an emergency: number {grant}, {begun}. Review it with\r\n\
         knoop consent emergencies.\r\n"
    );
    let sealed = seal(settings, &envelope, &said, &id, now).unwrap_or_else(|error| {
        warn!(%error, "the word to the privacy officer goes out unencrypted, for it cannot be sealed");
        None
    });
    Ok(match sealed {
        Some(sealed) => mail::encrypted(&envelope, sealed, false)?,
        None => mail::announcement(&envelope, "Knoop: noodtoegang / emergency access", said)?,
    })
}

/// Encrypts it; none where there is no certificate of the officer.
fn seal(
    settings: &MailSettings,
    envelope: &Envelope,
    said: &str,
    id: &str,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, SmimeError> {
    let keys = SmimeKeys::load(&settings.smime)?;
    let officer = envelope.to.as_ref();
    if keys.certificates_of(officer)?.is_empty() {
        return Ok(None);
    }
    let mut entity = mail::text_entity(said.to_owned());
    if settings.smime.trust.identity.is_some() {
        entity = mail::signed(&entity, &keys.sign(&entity)?, &format!("s{id}"));
    }
    keys.encrypt(&entity, &[officer], now).map(Some)
}
