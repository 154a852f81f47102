//! The key of a judge: from the environment or a file, and never printed.

use std::path::Path;

use secrecy::SecretString;

use super::Settings;

impl Settings {
    /// The key, from its file or from `secrets`; `None` when none is named, or when the one named may be unset: then no file is read.
    pub(super) fn key(&self, secrets: &dyn Fn(&str) -> Option<String>) -> Result<Option<SecretString>, String> {
        if let Some(file) = &self.api_key_file {
            return match self.api_key_optional {
                true if begins_like_key(&file.to_string_lossy()) && !file.is_file() => Err(format!("api_key_file {NOT_A_FILE}")),
                true => Ok(None),
                false => key_file(file).map(Some),
            };
        }
        let usual = self.provider.usual_key().filter(|_| self.base_url.is_none());
        let Some(variable) = self.api_key_env.as_deref().or(usual) else { return Ok(None) };
        let key = secrets(variable).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        match key {
            Some(key) => Ok(Some(key.into())),
            None if !is_name(variable) || may_be_key(variable) => Err(format!("api_key_env {NOT_A_NAME}")),
            None if self.api_key_optional => Ok(None),
            None => Err(format!("the environment variable {variable} is not set; put the API key there, or name a file with api_key_file")),
        }
    }
}

/// What is said instead of a text that may be the key itself.
const NOT_A_NAME: &str = "names no environment variable that is set (what it says is not repeated, since it may be a key); put the key into a variable and name that";
const NOT_A_FILE: &str =
    "names no file that can be read (what it says is not repeated, since it may be a key); put the key into a file and name that";

/// What the keys of vendors begin with.
const BEGINNINGS: [&str; 8] = ["sk-", "sk_", "AIza", "gsk_", "xai-", "hf_", "nvapi-", "Bearer "];

fn begins_like_key(text: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

/// Whether a text that stands where none belongs may be a key: begins like one, or is long and looks drawn at random.
pub(crate) fn may_be_key(text: &str) -> bool {
    let random = || {
        let (digits, letters) = (text.bytes().any(|byte| byte.is_ascii_digit()), text.bytes().any(|byte| byte.is_ascii_lowercase()));
        text.len() >= 20 && digits && letters && !text.contains(|c: char| c.is_whitespace() || c == '/')
    };
    begins_like_key(text) || random()
}

/// Whether a variable could have this name (POSIX, 3.216).
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A judge's name as it may be printed: an address without user, password and query.
pub(super) fn printable(name: &str) -> String {
    let Some((scheme, rest)) = name.split_once("://") else { return name.to_owned() };
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("...@", host));
    let (address, model) = rest.split_once('#').map_or((rest, String::new()), |(address, model)| (address, format!("#{model}")));
    let (address, query) = address.split_once('?').map_or((address, ""), |(address, _)| (address, "?..."));
    format!("{scheme}://{user}{address}{query}{model}")
}

fn key_file(file: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let alone = file.components().count() < 2;
        if alone || may_be_key(&file.to_string_lossy()) {
            format!("api_key_file {NOT_A_FILE}: {error}")
        } else {
            format!("cannot read api_key_file {}: {error}", file.display())
        }
    })?;
    match text.trim() {
        "" => Err(format!("api_key_file {} is empty", file.display())),
        key => Ok(key.into()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{Settings, is_name, may_be_key, printable};

    fn read(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_may_be_a_key_is_not_said() {
        let key = "sk-live-CANARY0123456789abcdef";
        let settings = |more: &str| read(&format!("provider = 'openai'\nmodel = 'm'\n{more}"));
        for optional in [false, true] {
            for field in ["api_key_env", "api_key_file"] {
                let settings = Settings { api_key_optional: optional, ..settings(&format!("{field} = '{key}'")) };
                let told = settings.key(&|_| None).map(drop);
                assert!(told.as_ref().is_err_and(|told| told.contains(field) && !told.contains("CANARY")), "{field}: {told:?}");
            }
        }
        for plain in ["OPENAI_API_KEY", "API_KEY_OF_2024_FOR_US_1", "name-of-a-file"] {
            assert!(!may_be_key(plain), "{plain}");
        }
        assert!(may_be_key("0123456789abcdef0123456789abcdef") && is_name("_K1") && !is_name("1K") && !is_name("a-b") && !is_name(""));
        assert_eq!(printable("http://user:K@h/v1#m"), "http://...@h/v1#m");
        assert_eq!(printable("http://h/v1?key=K#m"), "http://h/v1?...#m");
        assert_eq!(printable("http://h/v1#org/m"), "http://h/v1#org/m");
        assert_eq!(printable("openai/m"), "openai/m");
        let nowhere = settings("api_key_file = '/keys/of/mine'").key(&|_| None).unwrap_err();
        assert!(nowhere.contains("/keys/of/mine"), "a path is said: {nowhere}");
    }

    #[test]
    fn keys_come_from_a_file_or_a_variable() {
        let usual = read("provider = 'anthropic'\nmodel = 'm'");
        assert!(usual.key(&|_| None).unwrap_err().contains("ANTHROPIC_API_KEY"));
        let settings = Settings { api_key_env: Some("K".into()), ..read("provider = 'openai'") };
        assert!(settings.key(&|_| None).unwrap_err().contains('K'));
        assert!(settings.key(&|_| Some("  ".into())).is_err());
        assert_eq!(settings.key(&|_| Some("s3\n".into())).unwrap().unwrap().expose_secret(), "s3");
        let optional = Settings { api_key_optional: true, ..settings };
        assert!(optional.key(&|_| None).unwrap().is_none());
        let file = tempfile::NamedTempFile::new().unwrap();
        let gone = Settings { api_key_file: Some("gone".into()), ..optional.clone() };
        assert!(gone.key(&|_| None).unwrap().is_none(), "where no key is needed none is read");
        let from_file = Settings { api_key_file: Some(file.path().into()), api_key_optional: false, ..optional };
        assert!(from_file.key(&|_| None).unwrap_err().contains("empty"));
        std::fs::write(file.path(), "k4\n").unwrap();
        assert_eq!(from_file.key(&|_| None).unwrap().unwrap().expose_secret(), "k4");
    }
}
