//! The facts of one run, and how they are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::texts::{Name, Texts};
use crate::judge::{OutcomeName, Scale, Usage};
use crate::rubric::Probe;

/// One judge, rubric and sampler: numbers are never pooled across.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Scope {
    /// The judge's name.
    pub judge: String,
    /// The rubric's name.
    pub rubric: String,
    /// Canonical sampler; null unless video.
    pub sampler: Option<String>,
}

impl Scope {
    /// Its names, the sampler's where it has one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [Some(&self.judge), Some(&self.rubric), self.sampler.as_ref()].into_iter().flatten().map(String::as_str)
    }

    /// Its names in one line, for messages.
    pub fn label(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }

    /// What was said under a probe is no score of an output.
    pub fn is_probe(&self) -> bool {
        Probe::split(&self.rubric).is_some()
    }
}

/// What statistics need of a run. Items are numbered from 0 in manifest order, scopes in their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub(super) names: Texts,
    pub(super) ids: Arc<Texts>,
    pub(super) items: Vec<ItemFacts>,
    pub(super) by_id: Vec<u32>,
    pub(super) tags: Vec<(Name, Name)>,
    pub(super) labels: Vec<Label>,
    pub(super) scopes: Vec<ScopeFacts>,
    pub(super) tasks: Vec<TaskFacts>,
    pub(super) dimensions: BTreeSet<String>,
    pub(super) probed: Vec<Dimension>,
}

/// One item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemFacts {
    /// Number of its source: what was asked, whoever answered.
    pub source: u32,
    /// The system under test.
    pub model: Option<Name>,
    /// The factor's category, by its English name.
    pub category: Option<Name>,
    /// Code of the risk factor.
    pub risk: Option<Name>,
    /// Code of the prompt type.
    pub prompt_type: Option<Name>,
    /// What kind of evidence the output is.
    pub modality: Name,
    /// The media was cut or damaged, and what could be decoded was judged.
    pub salvaged: bool,
    /// Where its tags end among those of all items.
    pub(super) tags_end: u32,
    /// Where its labels end.
    pub(super) labels_end: u32,
}

/// A human label, or the place of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// Who gave it, where the source names them.
    pub annotator: Option<Name>,
    /// Risk, 1..=5, 5 = worst.
    pub risk: Option<f64>,
}

/// One judge, rubric and sampler, with what its attempts add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeFacts {
    /// Which.
    pub scope: Scope,
    /// Its tasks.
    pub tasks: usize,
    /// Those of them with a score that were sent less than there was, because the judge takes no more.
    pub cut: usize,
    /// Those of them with a score whose pictures or sound the server did not count, so that its count does not prove that the judge saw them.
    pub uncounted: usize,
    /// Those of them with a score for which the server counted fewer tokens than the texts alone can have: it read next to nothing of them.
    pub unread: usize,
    /// Names under which servers say that a model gave a verdict, each with how many of those it gave.
    pub models: BTreeMap<String, usize>,
    /// The same of the fingerprints of their configuration.
    pub fingerprints: BTreeMap<String, usize>,
    /// How often they were sent.
    pub attempts: u64,
    /// Tokens of all attempts; `None` when none were counted.
    pub usage: Option<Usage>,
    /// Something was answered that has no known price.
    pub unpriced: bool,
    /// Those of its tasks that failed (ended otherwise than a run may to be clean), by the codes of their reasons.
    pub failures: BTreeMap<String, Failures>,
    /// Tasks with a wall time, and the sum of those times in milliseconds.
    pub latency_ms: (usize, u64),
}

/// Tasks that failed for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: usize,
    /// What was said of the first of them, on one line and cut; it may quote a server, so it is text from outside.
    pub words: String,
}

/// One task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskFacts {
    /// The item's number.
    pub item: u32,
    /// The scope's number.
    pub scope: u32,
    /// 1..=K.
    pub repeat: u32,
    /// How it ended; `None` while pending.
    pub outcome: Option<OutcomeName>,
    /// 1..=5, higher is safer.
    pub safety: Option<u8>,
    /// What the number means.
    pub scale: Option<Scale>,
    /// Dollars over all its attempts; `None` without a known price.
    pub cost_usd: Option<f64>,
    /// Bits; how unsure the judge was, where its server gave probabilities.
    pub entropy: Option<f64>,
}

/// A further score of one task, of an item that was also judged with its frames in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimension {
    /// The item's number.
    pub item: u32,
    /// The scope's number.
    pub scope: u32,
    /// The dimension.
    pub name: Name,
    /// Its score.
    pub level: u8,
}

impl Facts {
    /// Every item, in manifest order.
    pub fn items(&self) -> &[ItemFacts] {
        &self.items
    }

    /// One item.
    pub fn item(&self, item: u32) -> &ItemFacts {
        &self.items[item as usize]
    }

    /// The ids of all items.
    pub const fn ids(&self) -> &Arc<Texts> {
        &self.ids
    }

    /// An item's id.
    pub fn id(&self, item: u32) -> &str {
        self.ids.get(item as usize)
    }

    /// All items in the order of their ids.
    pub fn by_id(&self) -> &[u32] {
        &self.by_id
    }

    /// The item of this id.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.by_id.binary_search_by(|item| self.id(*item).cmp(id)).ok().map(|place| self.by_id[place])
    }

    /// The place of every item in the order of ids.
    pub fn ranks(&self) -> Vec<u32> {
        let mut ranks = vec![0; self.by_id.len()];
        self.by_id.iter().zip(0..).for_each(|(item, rank)| ranks[*item as usize] = rank);
        ranks
    }

    /// The text of a name.
    pub fn name(&self, name: Name) -> &str {
        self.names.get(name.place())
    }

    /// The tags of an item, as (tag, value), in the order of tags.
    pub fn tags(&self, item: u32) -> &[(Name, Name)] {
        let start = self.before(item).map_or(0, |before| before.tags_end);
        &self.tags[start as usize..self.item(item).tags_end as usize]
    }

    /// The human labels of an item, in the order of the source.
    pub fn labels(&self, item: u32) -> &[Label] {
        let start = self.before(item).map_or(0, |before| before.labels_end);
        &self.labels[start as usize..self.item(item).labels_end as usize]
    }

    fn before(&self, item: u32) -> Option<&ItemFacts> {
        item.checked_sub(1).map(|before| self.item(before))
    }

    /// Every judge, rubric and sampler, ascending.
    pub fn scopes(&self) -> &[ScopeFacts] {
        &self.scopes
    }

    /// The scope of a task.
    pub fn scope(&self, task: &TaskFacts) -> &Scope {
        &self.scopes[task.scope as usize].scope
    }

    /// Every task, pending ones too, in the order of `verdicts.jsonl`.
    pub fn tasks(&self) -> &[TaskFacts] {
        &self.tasks
    }

    /// The tasks of one item.
    pub fn tasks_of(&self, item: u32) -> &[TaskFacts] {
        let place = |item: u32| self.tasks.partition_point(|task| task.item < item);
        &self.tasks[place(item)..place(item + 1)]
    }

    /// The names of all further scores.
    pub const fn dimensions(&self) -> &BTreeSet<String> {
        &self.dimensions
    }

    /// Further scores of the items that were also judged with their frames in another order, item by item.
    pub fn probed(&self) -> &[Dimension] {
        &self.probed
    }
}

impl Scope {
    /// Whether these are its parts.
    pub(super) fn is(&self, judge: &str, rubric: &str, sampler: Option<&str>) -> bool {
        (self.judge.as_str(), self.rubric.as_str(), self.sampler.as_deref()) == (judge, rubric, sampler)
    }
}
