//! Which hash a signature is over: OpenSSL takes MD5 and SHA-1 too, and its binding does not tell.

use der::{AnyRef, Decode, Reader, SliceReader, asn1::ObjectIdentifier};

/// SHA-256, SHA-384 and SHA-512. Source: RFC 8551 §2.1; RFC 5754 §2.
const TAKEN: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
];

/// Whether each signer of a CMS SignedData, in DER, used a hash that is taken.
///
/// # Errors
/// When it is none.
pub(super) fn hashes_are_strong(signed: &[u8]) -> der::Result<bool> {
    // ContentInfo, its [0] content, SignedData, of which the signerInfos are the last field. Source: RFC 5652 §3, §5.
    let content = nth(AnyRef::from_der(signed)?, 1)?;
    let signers = fields(nth(content, 0)?)?.pop().ok_or_else(missing)?;
    for signer in fields(signers)? {
        let algorithm = nth(signer, 2)?;
        if !TAKEN.contains(&nth(algorithm, 0)?.decode_as::<ObjectIdentifier>()?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fields(of: AnyRef<'_>) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(of.value())?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(AnyRef::decode(&mut reader)?);
    }
    Ok(found)
}

fn nth(of: AnyRef<'_>, place: usize) -> der::Result<AnyRef<'_>> {
    fields(of)?.get(place).copied().ok_or_else(missing)
}

fn missing() -> der::Error {
    der::ErrorKind::Failed.into()
}
