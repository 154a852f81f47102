//! Sentinel rounds: a few items asked again at the start of every invocation, in tables of their own, so that they are never taken for verdicts.

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use tribunal_media::Digest;

use super::journal::{flatten, insert_attempt};
use super::plan::{stored_sampler, task_at};
use super::{Ledger, LedgerError, Reader};
use crate::judge::{AttemptEnd, Intent, Journal, JournalError, Known, Outcome, OutcomeName, Past, Reservation, Room, Served, Task, Usage};

/// The tables, of the same columns as `tasks` and `attempts` where they mean the same. A `round` is one invocation.
pub(super) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS sentinels (
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL,
    item_id TEXT NOT NULL REFERENCES items, sampler TEXT NOT NULL, rubric TEXT NOT NULL, judge TEXT NOT NULL, repeat INTEGER NOT NULL,
    verdict_id TEXT, outcome TEXT, detail TEXT,
    UNIQUE (round, item_id, sampler, rubric, judge, repeat)
);
CREATE TABLE IF NOT EXISTS sentinel_attempts (
    id INTEGER PRIMARY KEY, task INTEGER NOT NULL REFERENCES sentinels, round INTEGER NOT NULL, attempt INTEGER NOT NULL,
    verdict_id TEXT NOT NULL, body_digest TEXT NOT NULL REFERENCES bodies, endpoint TEXT NOT NULL,
    reserved INTEGER, charged INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled')),
    class TEXT, status INTEGER, reply TEXT, estimated INTEGER, usage TEXT, served TEXT, cost INTEGER, latency_ms INTEGER
);
CREATE INDEX IF NOT EXISTS sentinel_attempts_task ON sentinel_attempts (task);
";

/// Where attempts of a round are kept.
const ATTEMPTS: &str = "sentinel_attempts";

/// The `[sentinel]` table of tribunal.toml.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentinelSettings {
    /// Items asked again at the start of every invocation, each once of every remote judge; 0 for none. One that cannot be decoded is left out.
    pub items: usize,
    /// A mean shift of this much, in levels, is warned of.
    pub shift_limit: f64,
    /// A share of changed scores above this is warned of.
    pub changed_limit: f64,
    /// Items that both rounds scored; fewer do not tell a drift from chance.
    pub least_items: usize,
}

impl Default for SentinelSettings {
    fn default() -> Self {
        Self { items: 0, shift_limit: 0.25, changed_limit: 0.4, least_items: 5 }
    }
}

impl SentinelSettings {
    /// What is out of range, in words.
    pub fn check(self) -> Result<Self, String> {
        match self {
            Self { items: 1001.., .. } => Err("sentinel.items must be at most 1000; they are all asked at every start".to_owned()),
            Self { shift_limit, .. } if !(shift_limit > 0.0 && shift_limit <= 4.0) => {
                Err(format!("sentinel.shift_limit is {shift_limit}, and must be above 0 and at most 4"))
            }
            Self { changed_limit, .. } if !(0.0..=1.0).contains(&changed_limit) => {
                Err(format!("sentinel.changed_limit is {changed_limit}, and must be a share from 0 to 1"))
            }
            settings => Ok(settings),
        }
    }
}

/// One item of one round as others read it.
#[derive(Debug, Clone, PartialEq)]
pub struct SentinelRow {
    /// The invocation, from 1.
    pub round: u32,
    /// What was asked.
    pub task: Task,
    /// Equal ids mean equal requests to the same endpoint.
    pub verdict_id: Option<Digest>,
    /// How it ended; `None` when the invocation stopped before.
    pub outcome: Option<OutcomeName>,
    /// 1..=5.
    pub safety: Option<u8>,
    /// What the server said of its model with each answer.
    pub served: Vec<Served>,
    /// Tokens, summed over attempts.
    pub usage: Option<Usage>,
    /// Dollars, summed over attempts; `None` without a known price.
    pub cost_usd: Option<f64>,
}

/// The journal of one round. Budget, intents and attempts go by the ledger's own rules; nothing that another task was told is ever taken over.
#[derive(Debug)]
pub struct Sentinels<'a> {
    ledger: &'a Ledger,
    round: i64,
}

impl Ledger {
    /// The items of the first round.
    pub fn sentinel_items(&self) -> Result<Vec<String>, LedgerError> {
        self.writer.ask_blocking(first_items)
    }

    /// Begins a round.
    pub fn sentinel_round(&self) -> Result<Sentinels<'_>, LedgerError> {
        let sql = "SELECT coalesce(max(round), 0) + 1 FROM sentinels";
        let round = self.writer.ask_blocking(|connection| connection.query_row(sql, [], |row| row.get(0)))?;
        Ok(Sentinels { ledger: self, round })
    }
}

impl Sentinels<'_> {
    /// Adds a task to the round; before it is asked.
    pub fn add(&self, task: &Task) -> Result<(), LedgerError> {
        let (task, round) = (task.clone(), self.round);
        self.ledger.writer.ask_blocking(move |connection| {
            let Task { item_id, sampler, rubric, judge, repeat } = &task;
            let sql = "INSERT INTO sentinels (round, item_id, sampler, rubric, judge, repeat) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            connection.execute(sql, params![round, item_id, stored_sampler(sampler.as_deref()), rubric, judge, repeat]).map(drop)
        })
    }
}

impl Journal for Sentinels<'_> {
    fn intent(&self, intent: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>> {
        if let Err(error) = self.ledger.claim(&intent) {
            return ready(Err(error)).boxed();
        }
        let round = self.round;
        let written = self.ledger.writer.ask(move |connection| match find(connection, round, &intent.task)? {
            Some(id) => insert_attempt(connection, ATTEMPTS, (id, round), &intent).map(Ok),
            None => Ok(Err(unplanned(&intent.task))),
        });
        written.map(flatten).boxed()
    }

    fn settle(&self, reservation: Reservation, end: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>> {
        self.ledger.settle_in(ATTEMPTS, reservation, end)
    }

    /// Every round begins anew: nobody resumes one, for its time is over.
    fn lookup(&self, _task: &Task) -> BoxFuture<'_, Result<Vec<Past>, JournalError>> {
        ready(Ok(Vec::new())).boxed()
    }

    /// The judge is to say it again.
    fn known(&self, _task: &Task, _verdict_id: Digest) -> BoxFuture<'_, Result<Option<Known>, JournalError>> {
        ready(Ok(None)).boxed()
    }

    /// Nothing is known to one, so that there is nothing to read.
    fn read(&self, _task: &Task, _of: Vec<Reservation>) -> BoxFuture<'_, Result<(), JournalError>> {
        ready(Ok(())).boxed()
    }

    fn reserve(&self, micro_usd: u64) -> BoxFuture<'_, Result<Room, JournalError>> {
        self.ledger.reserve(micro_usd)
    }

    fn conclude(&self, task: &Task, verdict_id: Option<Digest>, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        let (task, round) = (task.clone(), self.round);
        let detail = match serde_json::to_string(&outcome) {
            Ok(detail) => detail,
            Err(error) => return ready(Err(LedgerError::from(error).into())).boxed(),
        };
        let written = self.ledger.writer.ask(move |connection| {
            let Some(id) = find(connection, round, &task)? else { return Ok(Err(unplanned(&task))) };
            let sql = "UPDATE sentinels SET outcome = ?2, detail = ?3, verdict_id = ?4 WHERE id = ?1";
            connection.execute(sql, params![id, outcome.name().as_str(), detail, verdict_id.map(|id| id.to_string())])?;
            Ok(Ok(()))
        });
        written.map(flatten).boxed()
    }
}

fn find(connection: &Connection, round: i64, task: &Task) -> rusqlite::Result<Option<i64>> {
    let Task { item_id, sampler, rubric, judge, repeat } = task;
    let sql = "SELECT id FROM sentinels WHERE round = ?1 AND item_id = ?2 AND sampler = ?3 AND rubric = ?4 AND judge = ?5 AND repeat = ?6";
    let fields = params![round, item_id, stored_sampler(sampler.as_deref()), rubric, judge, repeat];
    connection.query_row(sql, fields, |row| row.get(0)).optional()
}

fn unplanned(task: &Task) -> String {
    format!("item {} is not in this sentinel round", task.item_id)
}

fn first_items(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT DISTINCT item_id FROM sentinels WHERE round = (SELECT min(round) FROM sentinels) ORDER BY item_id";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

impl Reader {
    /// The items of the first round.
    pub fn sentinel_items(&self) -> Result<Vec<String>, LedgerError> {
        Ok(first_items(&self.connection)?)
    }

    /// Every item of every round, oldest first.
    pub fn sentinels(&self) -> Result<Vec<SentinelRow>, LedgerError> {
        let sql = "SELECT item_id, sampler, rubric, judge, repeat, round, verdict_id, detail, id FROM sentinels ORDER BY id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut sentinels = Vec::new();
        while let Some(row) = rows.next()? {
            let verdict_id: Option<String> = row.get(6)?;
            let outcome: Option<String> = row.get(7)?;
            let outcome: Option<Outcome> = outcome.map(|outcome| serde_json::from_str(&outcome)).transpose()?;
            let empty = SentinelRow {
                round: row.get(5)?,
                task: task_at(row, 0)?,
                verdict_id: verdict_id.and_then(|hex| Digest::from_hex(&hex)),
                outcome: outcome.as_ref().map(Outcome::name),
                safety: outcome.as_ref().and_then(Outcome::verdict).map(|verdict| verdict.safety),
                served: Vec::new(),
                usage: None,
                cost_usd: None,
            };
            sentinels.push(self.with_attempts(empty, row.get(8)?)?);
        }
        Ok(sentinels)
    }

    fn with_attempts(&self, mut sentinel: SentinelRow, id: i64) -> Result<SentinelRow, LedgerError> {
        let mut statement = self.connection.prepare("SELECT served, usage, cost FROM sentinel_attempts WHERE task = ?1 ORDER BY id")?;
        let mut rows = statement.query([id])?;
        let text = |row: &Row<'_>, column| row.get::<_, Option<String>>(column);
        let mut cost: Option<u64> = None;
        while let Some(row) = rows.next()? {
            if let Some(served) = text(row, 0)? {
                sentinel.served.push(serde_json::from_str(&served)?);
            }
            if let Some(usage) = text(row, 1)? {
                sentinel.usage = Some(sentinel.usage.unwrap_or_default() + serde_json::from_str(&usage)?);
            }
            if let Some(more) = row.get::<_, Option<i64>>(2)? {
                cost = Some(cost.unwrap_or(0).saturating_add(more as u64));
            }
        }
        sentinel.cost_usd = cost.map(|micro_usd| micro_usd as f64 / 1e6);
        Ok(sentinel)
    }
}
