//! The key of a judge: from the environment or a file, and never printed.

use std::path::Path;

use secrecy::SecretString;

use super::Settings;

impl Settings {
    /// The key, from its file or from `secrets`; `None` when none is named, or when the one named may be unset: then no file is read.
    pub(super) fn key(&self, secrets: &dyn Fn(&str) -> Option<String>) -> Result<Option<SecretString>, String> {
        if let Some(file) = &self.api_key_file {
            return if self.api_key_optional { Ok(None) } else { key_file(file).map(Some) };
        }
        let usual = self.provider.usual_key().filter(|_| self.base_url.is_none());
        let Some(variable) = self.api_key_env.as_deref().or(usual) else { return Ok(None) };
        let key = secrets(variable).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        match key {
            Some(key) => Ok(Some(key.into())),
            None if self.api_key_optional => Ok(None),
            None => Err(format!("the environment variable {variable} is not set; put the API key there, or name a file with api_key_file")),
        }
    }
}

fn key_file(file: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read api_key_file {}: {error}", file.display()))?;
    match text.trim() {
        "" => Err(format!("api_key_file {} is empty", file.display())),
        key => Ok(key.into()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::Settings;

    fn read(text: &str) -> Settings {
        toml::from_str(text).unwrap()
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
