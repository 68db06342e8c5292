//! The octets of a request as they arrive, counted and timed.

use std::time::Duration;

use actix_web::web::Payload;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use super::HttpSettings;

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Slower than the slowest pace that is waited for (S-IN-02).
    Slow,
    /// Larger than a message may be (S-IN-03).
    TooLarge,
    /// The connection or its framing broke.
    Broken,
}

/// The body of a request.
pub(super) struct Body {
    payload: Payload,
    /// Octets so far.
    pub(super) read: u64,
    limit: u64,
    window: Duration,
    window_bytes: u64,
    waited: Duration,
    arrived: u64,
    ended: bool,
}

/// How much is read after a refusal, so that the refusal is seen by clients that send everything first.
const DRAIN_BYTES: u64 = 1 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(2);

impl Body {
    pub(super) fn new(payload: Payload, settings: &HttpSettings) -> Self {
        Self {
            payload,
            read: 0,
            limit: settings.message_bytes,
            window: settings.slow_window,
            window_bytes: settings.slow_bytes,
            waited: Duration::ZERO,
            arrived: 0,
            ended: false,
        }
    }

    /// The same with a limit of its own.
    pub(super) fn limited(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The next octets, none at the end. Only the time spent waiting for the client counts.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let since = Instant::now();
            let item = timeout(self.window.saturating_sub(self.waited), self.payload.next()).await;
            match item {
                Ok(Some(Ok(data))) => {
                    self.waited += since.elapsed();
                    self.arrived += data.len() as u64;
                    self.read += data.len() as u64;
                    return if self.read > self.limit { Err(BodyError::TooLarge) } else { Ok(Some(data)) };
                }
                Ok(Some(Err(_))) => return Err(BodyError::Broken),
                Ok(None) => {
                    self.ended = true;
                    return Ok(None);
                }
                Err(_) if self.arrived < self.window_bytes => return Err(BodyError::Slow),
                Err(_) => (self.waited, self.arrived) = (Duration::ZERO, 0),
            }
        }
    }

    /// Reads a bounded amount of what is left and drops it. Says whether the end was reached; if not, the connection must
    /// be closed, or the rest would be read as the next request.
    pub(super) async fn drain(&mut self) -> bool {
        if !self.ended {
            let _ = timeout(DRAIN_TIME, async {
                let mut left = DRAIN_BYTES;
                while let Some(Ok(data)) = self.payload.next().await {
                    left = left.saturating_sub(data.len() as u64);
                    if left == 0 {
                        return;
                    }
                }
                self.ended = true;
            })
            .await;
        }
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_http::BoxedPayloadStream;
    use actix_web::{FromRequest, dev, error::PayloadError, test::TestRequest, web};
    use bytes::Bytes;
    use futures_util::{Stream, StreamExt, stream};

    use super::{Body, BodyError};
    use crate::http::HttpSettings;

    async fn body(stream: impl Stream<Item = Result<Bytes, PayloadError>> + 'static, settings: &HttpSettings) -> Body {
        let boxed: BoxedPayloadStream = Box::pin(stream);
        let mut payload = dev::Payload::Stream { payload: boxed };
        let request = TestRequest::default().to_http_request();
        Body::new(web::Payload::from_request(&request, &mut payload).await.expect("never fails"), settings)
    }

    fn octets(n: usize) -> Result<Bytes, PayloadError> {
        Ok(Bytes::from(vec![0; n]))
    }

    fn quick() -> HttpSettings {
        HttpSettings { slow_window: Duration::from_millis(20), slow_bytes: 100, ..HttpSettings::default() }
    }

    async fn read(body: &mut Body) -> Result<u64, BodyError> {
        while body.next().await?.is_some() {}
        Ok(body.read)
    }

    #[actix_web::test]
    async fn s_in_02_a_body_that_dries_up_is_given_up() {
        let mut body = body(stream::iter([octets(99)]).chain(stream::pending()), &quick()).await;
        assert_eq!(read(&mut body).await, Err(BodyError::Slow));
        assert!(!body.drain().await, "the connection must be closed");
    }

    #[actix_web::test]
    async fn s_in_03_octets_are_counted_as_they_come() {
        let settings = HttpSettings { message_bytes: 1000, ..quick() };
        let mut whole = body(stream::iter([octets(600), octets(400)]), &settings).await;
        assert_eq!(read(&mut whole).await, Ok(1000));
        let mut large = body(stream::iter([octets(600), octets(401), octets(5)]), &settings).await;
        assert_eq!(read(&mut large).await, Err(BodyError::TooLarge));
        assert!(large.drain().await, "a short rest is read and dropped");
        let endless = stream::repeat_with(|| octets(1 << 16));
        assert!(!body(endless, &settings).await.drain().await, "but not an endless one");
    }
}
