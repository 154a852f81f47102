//! Facts from the rows of a run, item by item.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tribunal_media::Report;

use super::run::{Dimension, Facts, Failures, ItemFacts, Label, Scope, ScopeFacts, TaskFacts};
use super::source::{Asked, Sources};
use super::texts::{Name, Names, Texts};
use crate::judge::{OutcomeName, Usage};
use crate::ledger::{Entry, ItemRow, LedgerError, Record, RunInfo};
use crate::rubric::{Probe, ProbeKind};

/// Notes of the decoders that mean: what was judged is not all that the file was meant to hold.
const SALVAGE_NOTES: [&str; 14] = [
    "truncated",
    "broken_off",
    "damaged_frames",
    "frames_substituted",
    "holes",
    "goes_on_elsewhere",
    "fragments_overlap",
    "decode_errors",
    "encrypted",
    "soundtrack_malformed",
    "soundtrack_truncated",
    "soundtrack_holes",
    "soundtrack_decode_errors",
    "soundtrack_encrypted",
];

/// Characters that are kept of what is said of a failure.
const BRIEF: usize = 200;

/// Takes the rows of a run in manifest order and keeps what statistics need.
#[derive(Debug)]
pub struct FactsBuilder<'a> {
    info: &'a RunInfo,
    names: Names,
    sources: Sources,
    ids: Texts,
    items: Vec<ItemFacts>,
    tags: Vec<(Name, Name)>,
    labels: Vec<Label>,
    scopes: Vec<ScopeFacts>,
    tasks: Vec<TaskFacts>,
    dimensions: BTreeSet<String>,
    probed: Vec<Dimension>,
    /// Where the scope of the next task is looked for first: tasks of an item come in the order of scopes.
    next_scope: usize,
}

impl Facts {
    /// The facts of entries in manifest order.
    pub(in crate::ledger) fn read(info: &RunInfo, entries: impl Iterator<Item = Result<Entry, LedgerError>>) -> Result<Self, LedgerError> {
        let mut builder = FactsBuilder::new(info);
        for entry in entries {
            let Entry { item, records } = entry?;
            builder.add(&item, records.iter());
        }
        Ok(builder.finish())
    }

    /// The facts of rows in any order; `records` are those of `items`.
    pub fn of(info: &RunInfo, items: &[ItemRow], records: &[Record]) -> Self {
        let mut sorted: Vec<&ItemRow> = items.iter().collect();
        sorted.sort_by_key(|item| (item.position, item.item_id.as_str()));
        let places: HashMap<&str, usize> = sorted.iter().zip(0..).map(|(item, place)| (item.item_id.as_str(), place)).collect();
        let mut of_items: Vec<(usize, &Record)> =
            records.iter().filter_map(|record| Some((*places.get(record.item_id.as_str())?, record))).collect();
        of_items.sort_by_key(|(place, _)| *place); // stable: within an item their order stands
        let (mut builder, mut rest) = (FactsBuilder::new(info), of_items.as_slice());
        for (item, place) in sorted.into_iter().zip(0..) {
            let (own, others) = rest.split_at(rest.partition_point(|(of, _)| *of == place));
            builder.add(item, own.iter().map(|(_, record)| *record));
            rest = others;
        }
        builder.finish()
    }
}

impl<'a> FactsBuilder<'a> {
    /// Of the run of which `info` tells.
    pub fn new(info: &'a RunInfo) -> Self {
        Self {
            info,
            names: Names::default(),
            sources: Sources::default(),
            ids: Texts::default(),
            items: Vec::new(),
            tags: Vec::new(),
            labels: Vec::new(),
            scopes: Vec::new(),
            tasks: Vec::new(),
            dimensions: BTreeSet::new(),
            probed: Vec::new(),
            next_scope: 0,
        }
    }

    /// Adds the next item of the manifest, with its tasks in the order of `verdicts.jsonl`.
    pub fn add<'r>(&mut self, item: &ItemRow, records: impl Iterator<Item = &'r Record> + Clone) {
        let number = self.items.len() as u32;
        let reordered =
            records.clone().any(|record| Probe::split(&record.rubric).is_some_and(|(_, probe)| probe.kind() == ProbeKind::Order));
        self.next_scope = 0;
        for record in records {
            self.add_task(number, record, reordered);
        }
        self.sources.push(&Asked::of_item(item));
        self.ids.push(&item.item_id);
        let names = &mut self.names;
        let category = item.risk.as_ref().and_then(|risk| self.info.factor_categories.get(risk)).map(|(english, _)| english);
        self.tags.extend(item.tags.iter().map(|(tag, value)| (names.of(tag), names.of(value))));
        let annotator = |place: usize| item.annotators.get(place);
        self.labels.extend(
            item.human_risk
                .iter()
                .zip(0..)
                .map(|(risk, place)| Label { annotator: annotator(place).map(|name| names.of(name)), risk: *risk }),
        );
        let [model, category, risk, prompt_type] =
            [item.model.as_ref(), category, item.risk.as_ref(), item.prompt_type.as_ref()].map(|field| field.map(|text| names.of(text)));
        self.items.push(ItemFacts {
            source: 0,
            model,
            category,
            risk,
            prompt_type,
            modality: names.of(item.modality.name()),
            salvaged: item.media.as_ref().is_some_and(is_salvaged),
            tags_end: self.tags.len() as u32,
            labels_end: self.labels.len() as u32,
        });
    }

    fn add_task(&mut self, item: u32, record: &Record, reordered: bool) {
        let place = self.scope(record);
        let of = &mut self.scopes[place];
        of.tasks += 1;
        if record.outcome == Some(OutcomeName::Scored) {
            of.cut += usize::from(record.fit.is_some());
            of.uncounted += usize::from(!is_counted(record));
            of.unread += usize::from(record.unread);
            for (names, name) in [(&mut of.models, &record.served.model), (&mut of.fingerprints, &record.served.fingerprint)] {
                let Some(name) = name else { continue };
                match names.get_mut(name) {
                    Some(count) => *count += 1,
                    None => _ = names.insert(name.clone(), 1),
                }
            }
        }
        if let (Some(outcome), Some(reason)) = (record.outcome, &record.reason)
            && !outcome.is_clean()
        {
            match of.failures.get_mut(reason) {
                Some(failures) => failures.count += 1,
                None => _ = of.failures.insert(reason.clone(), Failures { count: 1, words: in_brief(record.message.as_deref()) }),
            }
        }
        of.attempts += u64::from(record.attempts);
        of.usage = match (of.usage, record.usage) {
            (Some(before), Some(usage)) => Some(before + usage),
            (before, usage) => usage.or(before),
        };
        of.unpriced |= record.usage.is_some() && record.cost_usd.is_none();
        of.latency_ms = record.latency_ms.map_or(of.latency_ms, |ms| (of.latency_ms.0 + 1, of.latency_ms.1.saturating_add(ms)));
        let scope = place as u32;
        self.tasks.push(TaskFacts {
            item,
            scope,
            repeat: record.repeat,
            outcome: record.outcome,
            safety: record.safety,
            scale: record.scale,
            cost_usd: record.cost_usd,
            entropy: record.odds.map(|odds| odds.entropy),
        });
        for (name, level) in &record.dimensions {
            if !self.dimensions.contains(name) {
                self.dimensions.insert(name.clone());
            }
            if reordered {
                self.probed.push(Dimension { item, scope, name: self.names.of(name), level: *level });
            }
        }
    }

    fn scope(&mut self, record: &Record) -> usize {
        let (judge, rubric, sampler) = (record.judge.as_str(), record.rubric.as_str(), record.sampler.as_deref());
        let is_its = |place: &usize| self.scopes[*place].scope.is(judge, rubric, sampler);
        let mut places = (self.next_scope..self.scopes.len()).chain(0..self.next_scope);
        let place = places.find(is_its).unwrap_or_else(|| {
            let scope = Scope { judge: judge.to_owned(), rubric: rubric.to_owned(), sampler: sampler.map(str::to_owned) };
            self.scopes.push(ScopeFacts {
                scope,
                tasks: 0,
                cut: 0,
                uncounted: 0,
                unread: 0,
                models: BTreeMap::new(),
                fingerprints: BTreeMap::new(),
                attempts: 0,
                usage: None,
                unpriced: false,
                failures: BTreeMap::new(),
                latency_ms: (0, 0),
            });
            self.scopes.len() - 1
        });
        self.next_scope = place;
        place
    }

    /// The facts of all that was added.
    pub fn finish(self) -> Facts {
        let Self { names, sources, ids, mut items, mut tags, mut labels, mut scopes, mut tasks, dimensions, mut probed, .. } = self;
        let (names, becomes) = names.sorted();
        let renamed = |name: &mut Name| *name = becomes[name.place()];
        for (item, source) in items.iter_mut().zip(sources.numbers()) {
            item.source = source;
            renamed(&mut item.modality);
            [&mut item.model, &mut item.category, &mut item.risk, &mut item.prompt_type].into_iter().flatten().for_each(renamed);
        }
        tags.iter_mut().flat_map(|(tag, value)| [tag, value]).for_each(renamed);
        labels.iter_mut().filter_map(|label| label.annotator.as_mut()).for_each(renamed);
        probed.iter_mut().for_each(|one| renamed(&mut one.name));
        let mut order: Vec<usize> = (0..scopes.len()).collect();
        order.sort_by(|one, other| scopes[*one].scope.cmp(&scopes[*other].scope));
        let mut place_of = vec![0; scopes.len()];
        order.iter().zip(0..).for_each(|(before, place)| place_of[*before] = place);
        tasks
            .iter_mut()
            .map(|task| &mut task.scope)
            .chain(probed.iter_mut().map(|one| &mut one.scope))
            .for_each(|scope| *scope = place_of[*scope as usize]);
        scopes.sort_by(|one, other| one.scope.cmp(&other.scope));
        let by_id = ids.order();
        Facts { names, ids: Arc::new(ids), items, by_id, tags, labels, scopes, tasks, dimensions, probed }
    }
}

/// The beginning of a message, on one line.
fn in_brief(message: Option<&str>) -> String {
    let words: Vec<&str> = message.unwrap_or_default().split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(BRIEF) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Whether the server says that it counted each kind of media that it was sent.
fn is_counted(record: &Record) -> bool {
    let counted = |of: fn(&Usage) -> Option<u64>| record.usage.as_ref().and_then(of).is_some_and(|tokens| tokens > 0);
    (record.frames.is_empty() || counted(|usage| usage.image)) && (record.chunks.is_empty() || counted(|usage| usage.audio))
}

fn is_salvaged(report: &Report) -> bool {
    report.truncated_at.is_some() || report.notes.iter().any(|note| SALVAGE_NOTES.contains(&note.code.as_str()))
}
