//! Data in a page: JSON that no markup can end, and the digests that let a script run.

use base64::Engine as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// `value` as JSON for the inside of a `<script type="application/json">`: without `<`, `>` and `&` it can neither end the element nor open a comment.
pub(super) fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut out = String::new();
    for c in serde_json::to_string(value)?.chars() {
        match c {
            // Outside of strings JSON has none of these.
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    Ok(out)
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
