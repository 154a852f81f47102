//! Data in a page: JSON that no markup can end, and the digests that let a script run.

use std::io::{self, Write};

use base64::Engine as _;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use sha2::{Digest as _, Sha256};

use crate::ledger::Out;

/// What a script reads, as an element of the page.
pub(super) fn island(id: &str, value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut json = Vec::new();
    value.serialize(&mut serializer(&mut json))?;
    Ok([&opening(id), &*String::from_utf8_lossy(&json), CLOSING].concat())
}

/// The tags around the JSON of such an element.
pub(super) fn opening(id: &str) -> String {
    format!("<script type=\"application/json\" id=\"{id}\">")
}

pub(super) const CLOSING: &str = "</script>\n";

/// JSON for the inside of such an element: without `<`, `>` and `&` it can neither end it nor open a comment.
pub(super) fn serializer<W: Write>(out: W) -> Serializer<W, Inert> {
    Serializer::with_formatter(out, Inert)
}

/// Escapes, inside of strings, what could end the element; outside of them JSON has none of these.
pub(super) struct Inert;

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
    use super::{CLOSING, island, opening};

    #[test]
    fn no_string_ends_the_element_and_all_come_back() {
        for text in ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "&lt;\u{2028}\"\\", "]]></SCRIPT "] {
            let island = island("data", &text).unwrap();
            let inside = island.strip_prefix(&opening("data")).and_then(|rest| rest.strip_suffix(CLOSING)).unwrap();
            assert!(!inside.contains(['<', '>', '&', '\u{2028}']), "{inside}");
            assert_eq!(serde_json::from_str::<String>(inside).unwrap(), text);
        }
    }
}
