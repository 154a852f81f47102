//! Data in a page: JSON that no markup can end, and the digests that let a script run.

use std::io::{self, Write};

use base64::Engine as _;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use sha2::{Digest as _, Sha256};

/// `value` as JSON for the inside of a `<script type="application/json">`: without `<`, `>` and `&` it can neither end the element nor open a comment.
pub(super) fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, Inert))?;
    String::from_utf8(out).map_err(serde::ser::Error::custom)
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
