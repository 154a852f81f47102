//! Takes a key out of whatever a server echoes, so that it reaches no file and no message.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

/// What stands where a key stood.
const MARK: &str = "[key removed]";
/// Shorter keys would erase ordinary text; no real key is that short.
const SHORTEST: usize = 6;

/// The forms in which a key may come back.
pub(super) struct Redactor(Vec<SecretString>);

impl Redactor {
    pub(super) fn new(key: Option<&SecretString>) -> Self {
        let Some(key) = key.map(SecretString::expose_secret).filter(|key| key.len() >= SHORTEST) else { return Self(Vec::new()) };
        let json = serde_json::Value::from(key).to_string();
        let percent: String = key.bytes().map(percent).collect();
        let forms = [key.to_owned(), json.trim_matches('"').to_owned(), percent, STANDARD_NO_PAD.encode(key), URL_SAFE_NO_PAD.encode(key)];
        Self(forms.into_iter().map(SecretString::from).collect())
    }

    /// `text` without the key in any form.
    pub(super) fn clean(&self, text: String) -> String {
        self.0.iter().fold(text, |text, form| match form.expose_secret() {
            form if text.contains(form) => text.replace(form, MARK),
            _ => text,
        })
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

#[cfg(test)]
mod tests {
    use super::Redactor;

    #[test]
    fn every_form_is_removed() {
        let redactor = Redactor::new(Some(&"sk-te/st\"1+2".into()));
        for echo in ["a sk-te/st\"1+2 b", r#"{"k":"sk-te/st\"1+2"}"#, "k=sk-te%2Fst%221%2B2&", "c2stdGUvc3QiMSsy=="] {
            let clean = redactor.clean(echo.to_owned());
            assert!(clean.contains("[key removed]"), "{echo} -> {clean}");
        }
        assert_eq!(Redactor::new(None).clean("same".into()), "same");
    }
}
