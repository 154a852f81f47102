//! A cassette: replies on file, one JSON object per line.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tribunal_media::Digest;

use super::seam::Reply;
use crate::judge::request::Request;
use crate::judge::retry::is_of_no_body;
use crate::judge::{Lesson, ProviderKind, Receipt, ReplyFormat};

/// The one version of the format.
const VERSION: u32 = 1;

/// Replies by request and by task, each in file order.
#[derive(Debug)]
pub(super) struct Cassette {
    replies: Vec<Recorded>,
    by_digest: BTreeMap<(Digest, u32), Vec<usize>>,
    by_task: BTreeMap<TaskKey, Vec<usize>>,
    /// Whether any line was written by hand.
    pub(super) authored: bool,
    /// Whose replies these are, where a line says so; all others speak chat completions.
    pub(super) provider: Option<ProviderKind>,
    /// How it was made sure then that the judge saw the media, where a line says so: requests and verdicts hang on it.
    pub(super) receipt: Option<Receipt>,
    /// Bodies of the refusals that taught what later requests leave out, oldest first, each once for each way in which the shape of the reply was asked
    /// for. They answer nothing.
    pub(super) lessons: Vec<Lesson>,
    /// Whether requests are matched by their bodies alone, and a task that has lines by its own.
    exact: bool,
    /// Of the whole file.
    pub(super) digest: Digest,
}

/// One line's reply.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) reply: Reply,
    /// Whether it was written by hand: then it may leave places for what nobody can write by hand.
    pub(super) authored: bool,
    /// Why nothing came: it was lost on the wire, and the body says in words how.
    pub(super) lost: Option<String>,
    /// As what the run took it.
    pub(super) class: Option<String>,
}

/// A task without its judge: a cassette replays any.
type TaskKey = (String, Option<String>, String, u32);

#[derive(Debug, Deserialize)]
struct Line {
    v: u32,
    item_id: String,
    #[serde(default)]
    sampler: Option<String>,
    rubric: String,
    #[serde(default = "first_repeat")]
    repeat: u32,
    #[serde(default)]
    request_digest: Option<Digest>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Value,
    origin: Origin,
    #[serde(default)]
    provider: Option<ProviderKind>,
    #[serde(default)]
    receipt: Option<Receipt>,
    /// A refusal that taught something: when it came hung on what other tasks had taught by then.
    #[serde(default)]
    taught: bool,
    /// How the shape of the reply was asked for then.
    #[serde(default)]
    format: Option<ReplyFormat>,
    /// The request was lost on the wire, or its answer was: the reason of a task that ended so. There is no status then.
    #[serde(default)]
    lost: Option<String>,
    /// As what the run took it, as in [`AttemptEnd::class`](crate::judge::AttemptEnd::class).
    #[serde(default)]
    class: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Origin {
    Recorded,
    Authored,
}

const fn first_repeat() -> u32 {
    1
}

/// Of a line that names none.
const STATUS_OK: u16 = 200;

impl Cassette {
    /// Reads a cassette; the error names file and line.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read cassette {}: {error}", path.display()))?;
        let cassette = Self::parse(path, &text)?;
        if cassette.replies.is_empty() {
            return Err(format!("cassette {} holds no reply", path.display()));
        }
        Ok(cassette)
    }

    /// Reads the lines of a run, which answer their own requests only: by task they could answer another judge's. A judge that was asked nothing has none.
    pub(super) fn of_run(text: &str) -> Result<Self, String> {
        Ok(Self { exact: true, ..Self::parse(Path::new("of the run"), text)? })
    }

    /// Reads the lines of a cassette that goes by the name of `path`.
    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let mut cassette = Self {
            replies: Vec::new(),
            by_digest: BTreeMap::new(),
            by_task: BTreeMap::new(),
            authored: false,
            provider: None,
            receipt: None,
            lessons: Vec::new(),
            exact: false,
            digest: Digest::of(text.as_bytes()),
        };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let added = parse(line).and_then(|line| cassette.add(line));
            added.map_err(|problem| format!("{}:{}: {problem}", path.display(), number + 1))?;
        }
        Ok(cassette)
    }

    fn add(&mut self, line: Line) -> Result<(), String> {
        if let (Some(before), Some(now)) = (self.provider, line.provider.filter(|now| Some(*now) != self.provider)) {
            return Err(format!("a reply of {} among those of {}: one cassette answers for one judge", now.name(), before.name()));
        }
        self.provider = self.provider.or(line.provider);
        if self.receipt.is_some_and(|before| line.receipt.is_some_and(|now| now != before)) {
            return Err("a reply to another receipt than those before: one cassette answers for one judge".to_owned());
        }
        self.receipt = self.receipt.or(line.receipt);
        let body = match line.body {
            Value::String(text) => text,
            other => other.to_string(),
        };
        if line.taught {
            let lesson = (body, line.format);
            if !self.lessons.contains(&lesson) {
                self.lessons.push(lesson);
            }
            return Ok(());
        }
        let index = self.replies.len();
        let authored = line.origin == Origin::Authored;
        self.authored |= authored;
        if let Some(digest) = line.request_digest {
            self.by_digest.entry((digest, line.repeat)).or_default().push(index);
        }
        self.by_task.entry((line.item_id, line.sampler, line.rubric, line.repeat)).or_default().push(index);
        let headers = line.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let (status, class) = (line.status.unwrap_or(STATUS_OK), line.class);
        // Whether an empty 503 was put off hung on its headers: a line that does not say so is read as before.
        let is_known = class.is_some() || !matches!(status, 503 | 529);
        let body = if !authored && line.lost.is_none() && is_known && is_of_no_body(status, &body) { String::new() } else { body };
        self.replies.push(Recorded { reply: Reply { status, headers, body }, authored, lost: line.lost, class });
        Ok(())
    }

    /// The reply to a request, and how soon it comes among all that are left, for there may be several requests to choose from. The next line with the
    /// request's digest and repeat (repeats send identical bytes), of its own task where that has any; else the task's next line; the last one stays.
    pub(super) fn find(&self, request: &Request) -> Option<(usize, &Recorded)> {
        let Request { task, digest, turn, again, .. } = request;
        let key = (task.item_id.clone(), task.sampler.clone(), task.rubric.clone(), task.repeat);
        let of_task = self.by_task.get(&key).map_or(&[][..], Vec::as_slice);
        let equal = self.by_digest.get(&(*digest, task.repeat)).map_or(&[][..], Vec::as_slice);
        let (own, others): (Vec<usize>, Vec<usize>) = equal.iter().copied().partition(|index| of_task.contains(index));
        let told: Vec<usize> = others.into_iter().filter(|index| self.replies[*index].lost.is_none()).collect();
        // What a run's task had is all that it had.
        let own_only = !own.is_empty() || (self.exact && !of_task.is_empty());
        let (equal, of_task) = (if own_only { &own } else { &told }, if self.exact { &[] } else { of_task });
        let all = self.replies.len();
        let next = equal.get(*again).map(|&index| (index, index)).or_else(|| of_task.get(*turn).map(|&index| (all + index, index)));
        let last = || equal.last().map(|&index| (3 * all - index, index)).or_else(|| of_task.last().map(|&index| (3 * all, index)));
        let (order, index) = next.or_else(last)?;
        Some((order, self.replies.get(index)?))
    }
}

fn parse(line: &str) -> Result<Line, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if line.v != VERSION {
        return Err(format!("v is {}, this program reads {VERSION}", line.v));
    }
    if let Some(status) = line.status.filter(|status| !(100..=599).contains(status)) {
        return Err(format!("status {status} is no HTTP status"));
    }
    Ok(line)
}
