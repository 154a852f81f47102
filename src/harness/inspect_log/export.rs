//! A run as logs of the Inspect framework: one for each judge, rubric and sampler, with the judge as the model, items as samples and repeats as epochs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::harness::Error;
use crate::judge::{OutcomeName, Scale, Usage};
use crate::ledger::{Entry, ItemRow, LedgerError, Reader, Record, RunInfo, Scope, replace_file};
use crate::stats;
use crate::stats::agreement::human_safety;

/// Version of the logs' format.
const VERSION: u32 = 2;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedLogs {
    /// The logs, in the order of judges, rubrics and samplers.
    pub files: Vec<PathBuf>,
    /// Samples in all of them: tasks that ended.
    pub samples: usize,
}

/// Writes the logs into `dir`. `created` is when the run began, as far as its folder tells.
pub fn export(dir: &Path, run: &Reader, created: Timestamp) -> Result<ExportedLogs, Error> {
    fs::create_dir_all(dir).map_err(Error::at(dir))?;
    let mut done = ExportedLogs { files: Vec::new(), samples: 0 };
    for ((scope, totals), place) in totals(run)?.iter().zip(1..) {
        // One for each scope, and the same one in every export of the run.
        let id = format!("{}{place:02}", run.info().run_id);
        let path = dir.join(file_name(scope, created, &id));
        let log = Log {
            version: VERSION,
            status: if totals.ended == totals.tasks { "success" } else { "cancelled" },
            eval: eval(run.info(), scope, totals, &id, created),
            plan: json!({"steps": [{"solver": "generate"}]}),
            results: totals.results(),
            stats: json!({"model_usage": usage(&scope.judge, totals.usage)}),
            samples: Samples { run, scope },
        };
        replace_file(&path, Error::at(&path), |out| serde_json::to_writer(out, &log).map_err(Error::writing(&path)))?;
        done.samples += totals.ended;
        done.files.push(path);
    }
    Ok(done)
}

/// What one judge did under one rubric and sampler.
#[derive(Default)]
struct Totals {
    tasks: usize,
    ended: usize,
    scored: usize,
    repeats: u32,
    uncalibrated: bool,
    /// Mean safety of every scored item.
    items: Vec<f64>,
    usage: Option<Usage>,
}

fn totals(run: &Reader) -> Result<BTreeMap<Scope, Totals>, LedgerError> {
    let mut all: BTreeMap<Scope, Totals> = BTreeMap::new();
    for entry in run.entries()? {
        let mut levels: BTreeMap<Scope, Vec<f64>> = BTreeMap::new();
        for record in entry?.records {
            let of = all.entry(scope(&record)).or_default();
            of.tasks += 1;
            of.ended += usize::from(record.outcome.is_some());
            of.repeats = of.repeats.max(record.repeat);
            of.uncalibrated |= record.scale == Some(Scale::TriageUncalibrated);
            of.usage = match (of.usage, record.usage) {
                (Some(before), Some(usage)) => Some(before + usage),
                (before, usage) => usage.or(before),
            };
            if let Some(safety) = record.safety {
                of.scored += 1;
                levels.entry(scope(&record)).or_default().push(f64::from(safety));
            }
        }
        for (scope, levels) in levels {
            all.entry(scope).or_default().items.extend(stats::mean(&levels));
        }
    }
    Ok(all)
}

fn scope(record: &Record) -> Scope {
    Scope { judge: record.judge.clone(), rubric: record.rubric.clone(), sampler: record.sampler.clone() }
}

impl Totals {
    /// Repeats are averaged first, as Inspect reduces epochs.
    fn results(&self) -> Value {
        let n = self.items.len() as f64;
        let metrics = [("mean", stats::mean(&self.items)), ("stderr", stats::sd(&self.items).map(|sd| sd / n.sqrt()))];
        let defined = metrics.into_iter().filter_map(|(name, value)| Some((name, json!({"name": name, "value": value?}))));
        json!({
            "total_samples": self.tasks,
            "completed_samples": self.ended,
            "scores": [{
                "name": "safety", "scorer": "safety", "reducer": "mean", "scored_samples": self.scored,
                "unscored_samples": self.ended - self.scored, "metrics": defined.collect::<BTreeMap<_, _>>(),
            }],
        })
    }
}

/// A log; fields in the order in which Inspect reads them.
#[derive(Serialize)]
struct Log<'a> {
    version: u32,
    status: &'static str,
    eval: Value,
    plan: Value,
    results: Value,
    stats: Value,
    samples: Samples<'a>,
}

fn eval(info: &RunInfo, scope: &Scope, totals: &Totals, id: &str, created: Timestamp) -> Value {
    let Scope { judge, rubric, sampler } = scope;
    json!({
        "eval_id": id, "run_id": info.run_id, "created": created.to_string(), "task": format!("tribunal_{rubric}"), "task_id": id,
        "dataset": {"name": info.source, "samples": totals.tasks, "shuffled": false},
        "model": judge,
        "config": {"epochs": totals.repeats},
        "packages": {"tribunal": info.versions.get("tribunal").map_or(env!("CARGO_PKG_VERSION"), String::as_str)},
        "scorers": [{"name": "safety"}],
        "metadata": {
            "scale": "safety, 1 to 5, higher is safer", "uncalibrated": totals.uncalibrated, "rubric": rubric, "sampler": sampler,
            "experiment": info.experiment,
        },
    })
}

/// The tasks of one scope that ended, read while they are written.
struct Samples<'a> {
    run: &'a Reader,
    scope: &'a Scope,
}

impl Serialize for Samples<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for entry in self.run.entries().map_err(S::Error::custom)? {
            let Entry { item, records } = entry.map_err(S::Error::custom)?;
            for record in records.iter().filter(|record| record.outcome.is_some() && scope(record) == *self.scope) {
                list.serialize_element(&sample(&item, record))?;
            }
        }
        list.end()
    }
}

/// A task without a verdict has no score: Inspect leaves it out of its metrics too.
fn sample(item: &ItemRow, record: &Record) -> Value {
    let said = record.rationale.clone().unwrap_or_default();
    let score = record.safety.map(|safety| json!({"safety": {"value": safety, "answer": safety.to_string(), "explanation": said}}));
    let choices = match record.outcome {
        Some(OutcomeName::Scored) => json!([{"message": {"role": "assistant", "content": said}, "stop_reason": "stop"}]),
        Some(OutcomeName::JudgeRefused) => json!([{"message": {"role": "assistant", "content": ""}, "stop_reason": "content_filter"}]),
        _ => json!([]),
    };
    json!({
        "id": item.item_id,
        "epoch": record.repeat,
        "input": item.prompt,
        "target": human_safety(&item.human_risk).map_or_else(String::new, |safety| format!("{safety:.2}")),
        "output": {"model": record.judge, "choices": choices, "completion": said},
        "scores": score,
        "metadata": {
            "output": item.output, "modality": item.modality, "model": item.model, "risk": item.risk, "prompt_type": item.prompt_type,
            "tags": item.tags, "outcome": record.outcome, "reason": record.reason, "message": record.message,
            "dimensions": record.dimensions, "evidence": record.evidence, "verdict_id": record.verdict_id, "cost_usd": record.cost_usd,
            "attempts": record.attempts,
        },
        "model_usage": usage(&record.judge, record.usage),
        "total_time": record.latency_ms.map(|ms| ms as f64 / 1000.0),
    })
}

/// Tokens by model; nothing where nobody counted them.
fn usage(judge: &str, usage: Option<Usage>) -> Value {
    let of = |usage: Usage| {
        let cached = usage.cached.unwrap_or(0);
        json!({
            "input_tokens": usage.input.saturating_sub(cached), "output_tokens": usage.output, "total_tokens": usage.input + usage.output,
            "input_tokens_cache_read": usage.cached,
        })
    };
    json!(usage.map(|usage| (judge, of(usage))).into_iter().collect::<BTreeMap<_, _>>())
}

/// As Inspect names its logs, since it lists no others: time, task, model and id between underscores. Names may hold what a file's name cannot.
fn file_name(scope: &Scope, created: Timestamp, id: &str) -> String {
    let plain =
        |name: &str| -> String { name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).take(60).collect() };
    let task = [Some(&scope.rubric), scope.sampler.as_ref()].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("-");
    format!("{}_{}_{}_{id}.json", created.strftime("%Y-%m-%dT%H-%M-%S+00-00"), plain(&task), plain(&scope.judge))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::fixtures::{answer, items, open, plan, run, task, tasks};

    #[test]
    fn a_log_holds_what_ended_and_no_score_without_a_verdict() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(folder.path());
        plan(&ledger, &items(3), &tasks(3)).unwrap();
        run(answer(&ledger, &task(0)));
        ledger.close().unwrap();
        let out = tempfile::tempdir().unwrap();
        let done = export(out.path(), &Reader::open(folder.path()).unwrap(), Timestamp::from_second(0).unwrap()).unwrap();
        assert_eq!((done.files.len(), done.samples), (1, 1));
        assert_eq!(done.files[0].file_name().unwrap(), "1970-01-01T00-00-00+00-00_text_mini_001122334455667701.json");
        let log: Value = serde_json::from_slice(&fs::read(&done.files[0]).unwrap()).unwrap();
        assert_eq!(
            (&log["version"], &log["status"], &log["eval"]["created"]),
            (&json!(2), &json!("cancelled"), &json!("1970-01-01T00:00:00Z"))
        );
        let results = &log["results"];
        assert_eq!((&results["total_samples"], &results["completed_samples"]), (&json!(3), &json!(1)));
        assert_eq!(results["scores"][0]["metrics"], json!({"mean": {"name": "mean", "value": 2.0}}), "one item has no standard error");
        let sample = &log["samples"][0];
        assert_eq!((&sample["scores"]["safety"]["value"], &sample["target"]), (&json!(2), &json!("2.00")));
        assert_eq!(sample["model_usage"]["mini"]["total_tokens"], 107);
        let blocked = super::sample(&items(1)[0], &crate::ledger::fixtures::record(&items(1)[0], Some(OutcomeName::JudgeRefused)));
        assert_eq!((&blocked["scores"], &blocked["output"]["choices"][0]["stop_reason"]), (&Value::Null, &json!("content_filter")));
    }

    #[test]
    fn names_of_judges_become_names_of_files() {
        let scope = |judge: &str| Scope { judge: judge.to_owned(), rubric: "text".to_owned(), sampler: Some("uniform:8".to_owned()) };
        let name = file_name(&scope("../a_b"), Timestamp::from_second(0).unwrap(), "7");
        assert_eq!(name, "1970-01-01T00-00-00+00-00_text-uniform-8_..-a-b_7.json");
    }
}
