//! The page of a run: its items and all its numbers.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::costs::costs;
use super::frame::{Frame, Shared, label};
use super::humans::drawn;
use super::island::island;
use super::matrix::matrices;
use super::overview;
use super::pairs::pairs;
use super::rows::{ScopeRow, scopes};
use crate::judge::OutcomeName;
use crate::ledger::{Facts, RunInfo};
use crate::report::Agreement;
use crate::report::chart::{Point, reach, tradeoff};
use crate::report::format::{Error, RunView};

const SCRIPT: &str = concat!(include_str!("../templates/switches.js"), include_str!("../templates/items.js"));

/// Where the details of items are.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// In the page, chunk by chunk.
    Whole,
    /// In pages beside it, with these digests.
    Beside(&'a [String]),
}

/// What the script reads first.
#[derive(Serialize)]
struct Index<'a> {
    #[serde(flatten)]
    shared: Shared,
    scopes: Vec<ScopeRow>,
    /// Items that one chunk of details is about.
    chunk: usize,
    /// SHA-256 (Base64) of each chunk that lies beside the page; empty when the page has them all.
    chunks: &'a [String],
}

/// The page around its items: between the two stands the list of them, and the chunks of details that the page carries itself.
pub(super) struct Page {
    pub(super) before: String,
    pub(super) after: String,
}

/// The page; `agreement` is the run's, `chunk` items share a chunk of details.
pub(super) fn render(run: &RunView, agreement: &Agreement, chunk: usize, body: Body) -> Result<Page, Error> {
    let (digests, policy): (&[String], _) = match body {
        Body::Whole => (&[], "img-src data:; media-src data:; "),
        Body::Beside(digests) => (digests, "img-src 'self' file:; media-src 'self' file:; frame-src 'self' file:; "),
    };
    let warnings = &run.summary.warnings;
    let sentences = run.summary.standings.iter().map(|one| [one.sentence.as_str(), &one.korean]).collect();
    let frame = Frame { template: "report.html", lang: run.lang, names: names(run.info), warnings, sentences, script: SCRIPT, policy };
    let index = island("data", &Index { shared: frame.shared(), scopes: scopes(run), chunk, chunks: digests })?;
    let safe = |text: &str| Value::from_safe_string(text.to_owned());
    let head = frame.head(context! {
        info => Value::from(Serde(run.info)),
        summary => Value::from(Serde(run.summary)),
        outcomes => Value::from(Serde(OutcomeName::ALL)),
        outcome_bar => safe(&overview::outcomes(run.summary)),
        judges => Value::from(Serde(run.summary.by_judge.iter().map(|row| &row.scope.judge).collect::<BTreeSet<_>>())),
        media => Value::from(Serde(media(run.facts))),
        overview => Value::from(Serde(overview::overview(run))),
        pairs => Value::from(Serde(pairs(run.summary))),
        drift_reach => reach(run.summary.drift.iter().flat_map(|row| row.mean_shift.into_iter().chain(row.ci95.into_iter().flatten()))),
        probe_reach => reach(run.summary.probes.iter().flat_map(|row| row.mean_shift.into_iter().chain(row.ci95.into_iter().flatten()))),
        fields => Value::from(Serde(overview::fields(run.summary))),
        matrices => Value::from(Serde(matrices(run))),
        humans => Value::from(Serde(drawn(run, &agreement.judges, label("scatter", run.lang)))),
        agreement => Value::from(Serde(agreement)),
        costs => Value::from(Serde(costs(run.facts))),
        strategies => Value::from(Serde(run.strategies)),
        strategy_chart => strategies(run).map(|chart| safe(&chart)),
    })?;
    Ok(Page { before: [head, index].concat(), after: frame.tail() })
}

/// Risk factors and prompt types by code, and categories by their English name, which is their key.
fn names(info: &RunInfo) -> BTreeMap<String, [String; 2]> {
    let categories = info.factor_categories.values().map(|(en, ko)| (en.clone(), [en.clone(), ko.clone()]));
    let coded = info.prompt_type_names.iter().chain(&info.factor_names);
    categories.chain(coded.map(|(code, (en, ko))| (code.clone(), [en.clone(), ko.clone()]))).collect()
}

/// How many items are of each modality; most first.
fn media(facts: &Facts) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    facts.items().iter().for_each(|item| *counts.entry(facts.name(item.modality)).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count)); // stable
    counts
}

/// What compared strategies cost against what they miss; nothing where they were not measured.
fn strategies(run: &RunView) -> Option<String> {
    let point = |row: &'_ crate::sampling::StrategyRow| Some((row.frames_sent?, row.coverage_mean?));
    let points: Vec<Point> =
        run.strategies.iter().filter_map(|row| point(row).map(|(cost, missed)| Point { name: &row.sampler, cost, missed })).collect();
    (points.len() > 1).then(|| tradeoff(&points, label("tradeoff", run.lang)))
}
