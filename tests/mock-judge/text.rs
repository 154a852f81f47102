//! Hex, hashes and dates as they are written on the wire.

use jiff::Timestamp;
use sha2::Digest as _;

/// Lower-case hex of the SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// 64 bits of the SHA-256 of `fields`, the same on every machine.
pub(crate) fn hash(fields: &[&[u8]]) -> u64 {
    let mut hasher = sha2::Sha256::new();
    for field in fields {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    hasher.finalize().iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// 0..1 of the SHA-256 of `fields`.
pub(crate) fn share(fields: &[&[u8]]) -> f64 {
    (hash(fields) >> 11) as f64 / (1_u64 << 53) as f64
}

/// `Wed, 21 Oct 2015 07:28:00 GMT`
pub(crate) fn http_date(time: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

/// `2015-10-21T07:28:00Z`, whole seconds.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_standards() {
        let time = Timestamp::from_second(1_445_412_480).unwrap();
        assert_eq!(http_date(time), "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(rfc3339(time), "2015-10-21T07:28:00Z");
    }

    #[test]
    fn hashes_keep_fields_apart() {
        assert_eq!(sha256(b"")[..8], *"e3b0c442");
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert!((0.0..1.0).contains(&share(&[b"x"])));
    }
}
