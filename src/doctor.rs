//! What works on this machine, and what to do about what does not.

use std::ffi::OsString;

use serde::Serialize;
use tribunal_media::{Modality, Recipe};

use crate::judge::{Judge, OpenError};
use crate::manifest::Asset;
use crate::prepare;
use crate::sandbox::{Isolation, Pool, Settings};

/// One thing that a run needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it works.
    pub works: bool,
    /// What was found; what to do when it does not work.
    pub found: String,
}

impl Check {
    fn new(name: impl Into<String>, result: Result<String, String>) -> Self {
        let works = result.is_ok();
        let (Ok(found) | Err(found)) = result;
        Self { name: name.into(), works, found }
    }
}

/// The decoders' libraries and versions.
pub fn decoders() -> Vec<Check> {
    let check = |modality: Modality| Check::new(format!("decoders: {modality}"), Ok(tribunal_media::decoder_path(modality)));
    let heif = match tribunal_media::heif_version() {
        Ok(version) => format!("libheif {version}"),
        Err(missing) => format!("not decoded: {missing}"), // everything else works without it
    };
    Modality::ALL.into_iter().map(check).chain([Check::new("heic and avif", Ok(heif))]).collect()
}

/// Starts workers under every lock and decodes one text in them.
pub fn workers(settings: &Settings, zygote: &[OsString]) -> Check {
    let settings = Settings { isolation: Isolation::Required, ..settings.clone() };
    let result = Pool::start(settings, zygote).map_err(|error| error.to_string()).and_then(|pool| {
        let recipe = Recipe::Text { max_characters: 16 };
        let prepared = prepare::prepare(std::path::Path::new("."), &Asset::Text("works".to_owned()), &[recipe], &pool);
        prepared.map(|done| format!("one text in {:.1} ms of CPU, under every lock", done.cpu_ms)).map_err(|error| error.to_string())
    });
    Check::new("workers", result.map_err(|problem| format!("{problem}; --isolation best-effort goes on with the locks that are there")))
}

/// Whether a judge can be opened; nothing is sent.
pub fn judge(name: &str, opened: &Result<Judge, OpenError>) -> Check {
    let found = opened.as_ref().map(|judge| judge.fingerprint().to_owned()).map_err(ToString::to_string);
    Check::new(format!("judge: {name}"), found)
}
