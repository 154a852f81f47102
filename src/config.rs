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
        toml::from_str(&text).map_err(|error| fail(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn an_unknown_key_is_named() {
        let error = toml::from_str::<Config>("[limits]\nrss_mb = 1\n").unwrap_err().to_string();
        assert!(error.contains("rss_mb") && error.contains("rss_mib"), "{error}");
    }
}
