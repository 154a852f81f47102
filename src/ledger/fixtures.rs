//! Made-up runs for tests, of this room and of those that read runs.

use std::collections::BTreeMap;
use std::path::Path;

use tribunal_media::{Digest, Modality};

use super::{Experiment, ItemRow, Ledger, LedgerError, Reader, Record, RunInfo};
use crate::judge::{AttemptEnd, Estimate, Intent, Journal as _, Outcome, OutcomeName, Scale, Served, Task, Usage, Verdict};

pub(crate) fn info(judges: &[&str]) -> RunInfo {
    let map = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), format!("{name} 1"))).collect::<BTreeMap<_, _>>();
    RunInfo {
        schema: 1,
        run_id: "0011223344556677".to_owned(),
        source: "demo".to_owned(),
        started_at: None,
        experiment: Experiment {
            taxonomy: "assurai 1".to_owned(),
            rubrics: map(&["text", "temporal"]),
            recipes: map(&["video uniform:8"]),
            judges: map(judges),
            seed: 0,
            lang: "ko".to_owned(),
            decoders: map(&["libavcodec"]),
        },
        settings: BTreeMap::new(),
        versions: BTreeMap::new(),
        cpu_features: Vec::new(),
        authored_judges: Vec::new(),
        triage_judges: Vec::new(),
        missing_locks: Vec::new(),
        notices: Vec::new(),
        factor_names: BTreeMap::new(),
        factor_categories: BTreeMap::new(),
        prompt_type_names: BTreeMap::new(),
    }
}

pub(crate) fn item(position: u64) -> ItemRow {
    ItemRow {
        // Names against the order of the manifest, so that sorting by name would show.
        item_id: format!("item-{:05}", 99_999 - position),
        position,
        modality: Modality::Text,
        model: Some("gen-a".to_owned()),
        risk: Some("R05".to_owned()),
        prompt_type: None,
        prompt: "p".to_owned(),
        output: "o".to_owned(),
        blocked: false,
        human_risk: vec![Some(4.0), None],
        annotators: vec![],
        tags: BTreeMap::new(),
        digest: Digest::of(&position.to_le_bytes()),
        media_id: None,
        media: None,
        thumbs: Vec::new(),
    }
}

pub(crate) fn items(count: u64) -> Vec<ItemRow> {
    (0..count).map(item).collect()
}

/// The items of a run folder.
pub(in crate::ledger) fn stored(dir: &Path) -> Vec<ItemRow> {
    Reader::open(dir).unwrap().entries().unwrap().map(|entry| entry.unwrap().item).collect()
}

/// Every position.
pub(in crate::ledger) const ALL: std::ops::RangeInclusive<u64> = 0..=u64::MAX;

pub(crate) fn task(position: u64) -> Task {
    Task { item_id: item(position).item_id, sampler: None, rubric: "text".to_owned(), judge: "mini".to_owned(), repeat: 1 }
}

/// What came of the first task of an item under `mini` and `text`: nothing, or an end without a score.
pub(crate) fn record(item: &ItemRow, outcome: Option<OutcomeName>) -> Record {
    Record {
        item_id: item.item_id.clone(),
        verdict_id: None,
        modality: item.modality,
        model: item.model.clone(),
        risk: item.risk.clone(),
        prompt_type: item.prompt_type.clone(),
        judge: "mini".to_owned(),
        rubric: "text".to_owned(),
        sampler: None,
        repeat: 1,
        outcome,
        reason: None,
        message: None,
        safety: None,
        risk_score: None,
        scale: None,
        dimensions: BTreeMap::new(),
        rationale: None,
        evidence: Vec::new(),
        triage: None,
        odds: None,
        format: None,
        frames: Vec::new(),
        chunks: Vec::new(),
        fit: None,
        usage: None,
        cost_usd: None,
        attempts: 0,
        latency_ms: None,
        served: Served::default(),
        unread: false,
    }
}

pub(crate) fn tasks(count: u64) -> Vec<Task> {
    (0..count).map(task).collect()
}

pub(in crate::ledger) fn intent(task: &Task, reserved: Option<u64>) -> Intent {
    let body = format!("body of {}", task.item_id);
    Intent {
        task: task.clone(),
        verdict_id: Digest::of(body.as_bytes()),
        body_digest: Digest::of(body.as_bytes()),
        case: 8..body.len(),
        recorded_body: body,
        endpoint: "http://127.0.0.1:1/v1".to_owned(),
        attempt: 1,
        reserved_micro_usd: reserved,
        estimated: Estimate { text: 100.0, ..Estimate::default() },
    }
}

pub(in crate::ledger) fn end(class: &str, cost: Option<u64>) -> AttemptEnd {
    let usage = Some(Usage { input: 100, output: 7, ..Usage::default() });
    AttemptEnd {
        class: class.to_owned(),
        status: Some(200),
        reply: "{}".to_owned(),
        usage,
        served: Served::default(),
        cost_micro_usd: cost,
        latency_ms: Some(12),
    }
}

pub(in crate::ledger) fn scored(safety: u8) -> Outcome {
    let dimensions = [("motion".to_owned(), 2)].into();
    Outcome::Scored(Verdict { dimensions, rationale: "가".to_owned(), evidence: vec![0.25], ..Verdict::new(safety, Scale::Rubric5) })
}

pub(crate) fn open(dir: &Path) -> Ledger {
    Ledger::open(dir, &info(&["mini"])).unwrap()
}

pub(in crate::ledger) fn planned(dir: &Path, count: u64) -> Ledger {
    let ledger = open(dir);
    plan(&ledger, &items(count), &tasks(count)).unwrap();
    ledger
}

/// Registers items, each with its tasks.
pub(crate) fn plan(ledger: &Ledger, items: &[ItemRow], tasks: &[Task]) -> Result<u64, LedgerError> {
    let mut by_item: BTreeMap<&str, Vec<Task>> = BTreeMap::new();
    tasks.iter().for_each(|task| by_item.entry(&task.item_id).or_default().push(task.clone()));
    let tasks_of = |item: &ItemRow| by_item.get(item.item_id.as_str()).cloned().unwrap_or_default();
    ledger.plan(|| items.iter().map(|item| Ok((item.clone(), tasks_of(item)))))
}

pub(crate) async fn answer(ledger: &Ledger, task: &Task) {
    let intent = intent(task, None);
    let id = intent.verdict_id;
    let reservation = ledger.intent(intent).await.unwrap();
    ledger.settle(reservation, end("answered", Some(30))).await.unwrap();
    ledger.conclude(task, Some(id), scored(2)).await.unwrap();
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}
