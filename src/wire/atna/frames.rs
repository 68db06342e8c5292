//! Octet-counted frames as a receiver reads them: bounded, however the octets are cut into records.

/// Longest length that is read: 9 999 999 octets. Source: S-AUD-44.
pub const MAX_LENGTH_DIGITS: usize = 7;

/// Why a stream holds no more frames: where the next one begins is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not a decimal number without leading zero, followed by a space.
    #[error("a frame does not begin with its length")]
    NoLength,
    /// More digits than [`MAX_LENGTH_DIGITS`].
    #[error("the length of a frame has more than {MAX_LENGTH_DIGITS} digits")]
    TooLong,
}

/// Takes octets as they come and gives out messages. Holds no more than one frame and what was pushed last.
/// Source: RFC 5425 §4.3, S-AUD-44.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    taken: usize,
}

impl FrameReader {
    /// Adds octets.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.buffer.extend_from_slice(octets);
    }

    /// The next message that has come whole, without a byte order mark; `None` until more octets come.
    ///
    /// # Errors
    /// When this is no stream of frames; it stays so.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
        if digits > MAX_LENGTH_DIGITS {
            return Err(FrameError::TooLong);
        }
        let (number, after) = rest.split_at(digits);
        match (number.first(), after.first()) {
            (Some(b'0'), _) | (None, Some(_)) => return Err(FrameError::NoLength),
            (_, None) => return Ok(None),
            (_, Some(b' ')) => {}
            (_, Some(_)) => return Err(FrameError::NoLength),
        }
        let length = number.iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
        let begin = self.taken + digits + 1;
        let Some(message) = self.buffer.get(begin..begin + length) else { return Ok(None) };
        self.taken = begin + length;
        Ok(Some(message.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(message)))
    }

    /// Whether octets of a frame are here that has not come whole.
    pub fn is_within_a_frame(&self) -> bool {
        self.taken < self.buffer.len()
    }
}
