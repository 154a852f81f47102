//! What `run.json` says of a study and the machine it runs on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::study::Study;
use crate::judge::{Judge, Receipt};
use crate::ledger::RunInfo;
use crate::sandbox::Pool;
use crate::taxonomy::Bilingual;

/// Version of run.json's format.
const SCHEMA: u32 = 1;

/// Describes this invocation for the ledger.
pub fn run_info(study: &Study, pool: &Pool) -> RunInfo {
    let experiment = study.experiment();
    let named =
        |filter: fn(&Judge) -> bool| study.judges.iter().filter(|judge| filter(judge)).map(|judge| judge.name().to_owned()).collect();
    RunInfo {
        schema: SCHEMA,
        run_id: experiment.digest().to_string()[..16].to_owned(),
        source: study.manifest.name.clone(),
        started_at: Some(format!("{:.0}", jiff::Timestamp::now())),
        experiment,
        settings: settings(study, pool),
        versions: versions(),
        cpu_features: cpu_features(),
        authored_judges: named(Judge::is_authored),
        triage_judges: named(Judge::is_triage),
        missing_locks: pool.missing_locks().to_vec(),
        notices: study.manifest.notices.clone(),
        factor_names: names(study.taxonomy.factors.iter().map(|factor| (&factor.code, &factor.name))),
        factor_categories: factor_categories(study),
        prompt_type_names: names(study.taxonomy.prompt_types.iter().map(|kind| (&kind.code, &kind.name))),
    }
}

fn names<'a>(named: impl Iterator<Item = (&'a String, &'a Bilingual)>) -> BTreeMap<String, (String, String)> {
    named.map(|(code, name)| (code.clone(), (name.en.clone(), name.ko.clone()))).collect()
}

fn factor_categories(study: &Study) -> BTreeMap<String, (String, String)> {
    let category = |code: &str| study.taxonomy.categories.iter().find(|category| category.code == code);
    let entry = |factor: &crate::taxonomy::Factor| {
        let category = category(&factor.category)?;
        Some((factor.code.clone(), (category.name.en.clone(), category.name.ko.clone())))
    };
    study.taxonomy.factors.iter().filter_map(entry).collect()
}

fn settings(study: &Study, pool: &Pool) -> BTreeMap<String, Value> {
    let settings = &study.settings;
    let receipts: BTreeMap<&str, Receipt> = study
        .judges
        .iter()
        .filter(|judge| !judge.is_authored() && !judge.is_triage())
        .map(|judge| (judge.name(), judge.receipt()))
        .collect();
    let pairs = [
        ("concurrency", json!(settings.concurrency)),
        ("threads", json!(settings.threads)),
        ("repeats", json!(settings.repeats)),
        ("memory_bytes", json!(settings.memory_bytes)),
        ("limit", json!(settings.selection.limit)),
        ("shard", json!(settings.selection.shard.map(|shard| shard.to_string()))),
        ("send_withheld", json!(settings.send_withheld)),
        ("ensemble", json!(settings.ensemble)),
        ("workers", json!(pool.settings())),
        ("probes", json!(settings.probes)),
        ("sentinel", json!(settings.sentinel)),
        ("receipts", json!(receipts)),
        ("warnings", json!(settings.warnings)),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

fn versions() -> BTreeMap<String, String> {
    let pairs = [
        ("tribunal", env!("CARGO_PKG_VERSION").to_owned()),
        ("libav", tribunal_media::libav_version()),
        ("profiles", crate::judge::profiles_version().to_owned()),
    ];
    pairs.map(|(name, version)| (name.to_owned(), version)).into()
}

/// Features that choose among code paths in scaling and resampling.
fn cpu_features() -> Vec<String> {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    found.iter().filter(|(_, there)| *there).map(|(name, _)| (*name).to_owned()).collect()
}
