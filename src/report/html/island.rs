//! Data in a page: JSON that no markup can end, and the digests that let a script run.

use std::io::{self, Write};

use base64::Engine as _;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use sha2::{Digest as _, Sha256};

use crate::ledger::Out;

/// `value` as JSON for the inside of a `<script type="application/json">`: without `<`, `>` and `&` it can neither end the element nor open a comment.
pub(super) fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut out = Vec::new();
    write_json(value, &mut out)?;
    String::from_utf8(out).map_err(serde::ser::Error::custom)
}

/// The same into a file.
pub(super) fn write_json<W: Write + ?Sized>(value: &impl Serialize, out: &mut W) -> Result<(), serde_json::Error> {
    value.serialize(&mut Serializer::with_formatter(out, Inert))
}

/// A list, element by element: what stands before each.
pub(super) const fn separator(place: usize) -> &'static [u8] {
    if place == 0 { b"[" } else { b"," }
}

/// Escapes, inside of strings, what could end the element; outside of them JSON has none of these.
struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, from) = rest.split_at(at);
            let mut chars = from.chars();
            let code = chars.next().map_or(0, u32::from);
            write!(writer, "{plain}\\u{code:04x}")?;
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// SHA-256 in Base64, as a content security policy names it.
pub(super) fn sha256(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text))
}

/// A file, and the digest of what is written through this.
pub(super) struct Hashed<'o> {
    out: &'o mut Out,
    digest: Sha256,
}

impl<'o> Hashed<'o> {
    pub(super) fn new(out: &'o mut Out) -> Self {
        Self { out, digest: Sha256::new() }
    }

    /// As [`sha256`] of all of it.
    pub(super) fn sha256(self) -> String {
        base64::engine::general_purpose::STANDARD.encode(self.digest.finalize())
    }
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::json;

    #[test]
    fn no_string_ends_the_element_and_all_come_back() {
        for text in ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "&lt;\u{2028}\"\\", "]]></SCRIPT "] {
            let island = json(&text).unwrap();
            assert!(!island.contains(['<', '>', '&', '\u{2028}']), "{island}");
            assert_eq!(serde_json::from_str::<String>(&island).unwrap(), text);
        }
    }
}
