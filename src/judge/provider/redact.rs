//! Takes a key out of whatever a server echoes, so that it reaches no file and no message.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

/// What stands where a key stood.
const MARK: &str = "[key removed]";
/// Shorter keys would erase ordinary text; no real key is that short.
const SHORTEST: usize = 6;

/// The forms in which a key may come back: itself, with whatever escapes JSON, URLs and HTML know, in hex, in UTF-16, and in base64 behind anything.
pub(super) struct Redactor {
    key: SecretString,
    encoded: Vec<SecretString>,
}

impl Redactor {
    pub(super) fn new(key: Option<&SecretString>) -> Self {
        let key = key.map(SecretString::expose_secret).filter(|key| key.len() >= SHORTEST).unwrap_or_default();
        let coded = (0..3).flat_map(|before| [coded(&STANDARD_NO_PAD, key, before), coded(&URL_SAFE_NO_PAD, key, before)]);
        let forms = [hex(key), hex(key).to_uppercase()].into_iter().chain(coded);
        Self { encoded: forms.map(SecretString::from).collect(), key: key.to_owned().into() }
    }

    /// `text` without the key in any form.
    pub(super) fn clean(&self, text: String) -> String {
        let key = self.key.expose_secret();
        if key.is_empty() {
            return text;
        }
        // UTF-16 of either order that was read byte by byte; keys are ASCII, as headers are.
        if text.contains('\0') {
            let narrow = text.replace('\0', "");
            let clean = self.clean(narrow.clone());
            return if clean == narrow { text } else { clean };
        }
        let text = self.encoded.iter().fold(text, |text, form| match form.expose_secret() {
            form if text.contains(form) => text.replace(form, MARK),
            _ => text,
        });
        without(&text, key.as_bytes()).unwrap_or(text)
    }
}

/// `text` without `key`, escaped or not; `None` when it is not there.
fn without(text: &str, key: &[u8]) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut clean, mut from, mut at) = (String::new(), 0, 0);
    while at < bytes.len() {
        match escaped_len(&bytes[at..], key) {
            Some(len) => {
                clean.push_str(text.get(from..at)?);
                clean.push_str(MARK);
                at += len;
                from = at;
            }
            None => at += 1,
        }
    }
    if from == 0 {
        return None;
    }
    clean.push_str(text.get(from..)?);
    Some(clean)
}

/// Bytes of `key` at the beginning of `text`, each itself or escaped.
fn escaped_len(text: &[u8], key: &[u8]) -> Option<usize> {
    let mut at = 0;
    for &wanted in key {
        at += unit_len(&text[at..], wanted)?;
    }
    Some(at)
}

/// Bytes of one `wanted` byte at the beginning of `text`: itself, `&quot;`, `%2f`, or behind backslashes itself or `u002f`, however often JSON was put
/// into JSON.
fn unit_len(text: &[u8], wanted: u8) -> Option<usize> {
    if let Some((entity, _)) = ENTITIES.iter().find(|(entity, byte)| *byte == wanted && text.starts_with(entity)) {
        return Some(entity.len());
    }
    if text.first()? == &wanted {
        return Some(1);
    }
    let hex = |digits: &[u8]| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    if let [b'%', rest @ ..] = text {
        return (hex(rest.get(..2)?)? == u32::from(wanted)).then_some(3);
    }
    let slashes = text.iter().take_while(|&&byte| byte == b'\\').count();
    match text.get(slashes..)? {
        _ if slashes == 0 => None,
        [first, ..] if *first == wanted => Some(slashes + 1),
        [b'u', rest @ ..] if hex(rest.get(..4)?)? == u32::from(wanted) => Some(slashes + 5),
        _ => None,
    }
}

/// As HTML writes them.
const ENTITIES: [(&[u8], u8); 8] = [
    (b"&amp;", b'&'),
    (b"&lt;", b'<'),
    (b"&gt;", b'>'),
    (b"&quot;", b'"'),
    (b"&#34;", b'"'),
    (b"&#39;", b'\''),
    (b"&#x27;", b'\''),
    (b"&#x2f;", b'/'),
];

fn hex(key: &str) -> String {
    key.bytes().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The characters of base64 that hang on the key alone when `before` bytes (modulo 3) stand before it.
fn coded(engine: &impl Engine, key: &str, before: usize) -> String {
    let bytes = [&vec![0; before][..], key.as_bytes()].concat();
    let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    engine.encode(bytes)[first.min(last)..last].to_owned()
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::{Redactor, STANDARD_NO_PAD};

    #[test]
    fn every_form_is_removed() {
        let redactor = Redactor::new(Some(&"sk-te/st\"1+2".into()));
        for echo in [
            "a sk-te/st\"1+2 b",
            r#"{"k":"sk-te/st\"1+2"}"#,
            r#"{"k":"sk-te\/st\"1\u002b2"}"#,
            r#"{"k":"{\"k\":\"sk-te\\/st\\\"1+2\"}"}"#,
            "k=sk-te%2Fst%221%2B2&",
            "k=sk-te%2fst%221%2b2&",
            "c2stdGUvc3QiMSsy==",
            "sk-te&#x2f;st&quot;1+2",
            "736b2d74652f737422312b32",
            "736B2D74652F737422312B32",
        ] {
            let clean = redactor.clean(format!("é{echo}é"));
            assert!(clean.contains("[key removed]") && clean.len() < echo.len() + 8, "{echo} -> {clean}");
            assert!(clean.starts_with('é') && clean.ends_with('é'), "{clean}");
        }
        let wide = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { r#"{"k":"sk-te\/st\"1+2"}"#.encode_utf16().flat_map(unit).collect() };
        for echo in [wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            let clean = redactor.clean(String::from_utf8(echo).unwrap());
            assert_eq!(clean, r#"{"k":"[key removed]"}"#);
        }
        assert_eq!(redactor.clean("a\0b".into()), "a\0b");
        let behind = ["", "x", "xx"].map(|before| STANDARD_NO_PAD.encode(format!("{before}sk-te/st\"1+2 and more")));
        assert!(behind.into_iter().all(|echo| redactor.clean(echo).contains("[key removed]")));
        assert_eq!(Redactor::new(None).clean("same".into()), "same");
    }
}
