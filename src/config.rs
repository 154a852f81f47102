//! tribunal.toml: aggregates each stage's own settings. Flags overlay it in `main`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{ensemble, judge, ledger, prepare, report, rubric, sandbox};

/// The file's contents; every table is optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is used when a flag is left out.
    pub defaults: Defaults,
    /// Judges by name.
    pub judges: BTreeMap<String, judge::Settings>,
    /// Limits of the workers and decoders.
    pub limits: sandbox::Settings,
    /// What may leave this machine.
    pub policy: Policy,
    /// What judges are sent.
    pub recipe: prepare::Settings,
    /// Repeats only where verdicts disagree.
    pub repeats: Option<ensemble::Adaptive>,
    /// A cheap judge first.
    pub cascade: Option<ensemble::Cascade>,
    /// Several judges as one.
    pub panel: Option<ensemble::Panel>,
    /// How judges are probed.
    pub probes: rubric::ProbeSettings,
    /// Which items are asked again at every start, to see whether a judge changed.
    pub sentinel: ledger::SentinelSettings,
    /// From where on a reader of the report is warned.
    pub warnings: report::WarningSettings,
}

/// What is used when a flag is left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// Name of a judge below, or any judge spec.
    pub judge: Option<String>,
}

/// What may leave this machine.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Send image and video of withheld factors (children) to remote judges, and make thumbnails of them.
    pub send_withheld: bool,
}

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct ConfigError {
    path: PathBuf,
    problem: String,
}

impl Config {
    /// Reads `path`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let fail = |problem: String| ConfigError { path: path.to_owned(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        toml::from_str(&text).map_err(|error| fail(told(&text, &error)))
    }
}

/// What is wrong and where. The line is not quoted, since it may hold a key, nor is a value that may be one.
fn told(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let place = line.map_or_else(String::new, |line| format!("line {line}: "));
    let message = error.message();
    let message = match (message.split_once("string \""), message.rsplit_once("\", expected ")) {
        (Some((before, _)), Some((_, expected))) => format!("{before}a string, expected {expected}"),
        _ => message.split_inclusive(['`', '"']).map(unless_key).collect(),
    };
    let of_key = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()).is_some_and(|field| {
        let field = field.to_lowercase();
        field == HIDDEN || ["key", "secret", "password", "auth"].iter().any(|word| field.contains(word))
    });
    let advice =
        if of_key { "; a key does not belong here: name its variable with api_key_env, or its file with api_key_file" } else { "" };
    format!("{place}{message}{advice}")
}

/// What stands for a text that may be a key.
const HIDDEN: &str = "...";

/// A piece of a message, up to and with the quote behind it.
fn unless_key(piece: &str) -> String {
    let text = piece.trim_end_matches(['`', '"']);
    if judge::may_be_key(text) { format!("{HIDDEN}{}", &piece[text.len()..]) } else { piece.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Config, told};

    #[test]
    fn a_misplaced_key_is_not_quoted() {
        let key = "sk-live-CANARY0123456789abcdef";
        for (line, named) in [
            (format!("api_key = '{key}'"), "api_key_env"),
            (format!("temperature = '{key}\"quoted\"'"), "a string, expected"),
            (format!("'{key}' = 1"), "api_key_file"),
            (format!("provider = '{key}'"), "unknown variant"),
            (format!("api_key = '{key}"), "line 3"),
            (format!("api_key {key}"), "line 3"),
        ] {
            let text = format!("[judges.j]\nmodel = 'm'\n{line}\n");
            let said = told(&text, &toml::from_str::<Config>(&text).unwrap_err());
            assert!(said.contains("line 3: ") && said.contains(named) && !said.contains("CANARY"), "{line}: {said}");
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = toml::from_str::<Config>("[limits]\nrss_mb = 1\n").unwrap_err().to_string();
        assert!(error.contains("rss_mb") && error.contains("rss_mib"), "{error}");
    }
}
