//! How far each batch is: every step that the server sees is durable before or after it, so that no process is ever in doubt about more than one.

use std::sync::PoisonError;

use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use super::file::now;
use crate::judge::{AttemptEnd, Reservation, Served};
use crate::ledger::journal::{ATTEMPTS, write_end};
use crate::ledger::{Ledger, LedgerError};

/// How far a batch is. `Filling` and `Ready`: nothing left this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    /// Its file is being written.
    Filling,
    /// Its file is whole; perhaps it is uploaded, which costs nothing.
    Ready,
    /// The server was perhaps asked to run it.
    Creating,
    /// The server runs it, under a known id.
    Sent,
    /// Everything that will ever be known of it is.
    Ended,
}

/// One batch as the run knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// Its number in this run.
    pub id: i64,
    /// What it can be found by on the server.
    pub token: String,
    /// Whose requests they are.
    pub judge: String,
    /// The judge's settings, as JSON.
    pub settings: String,
    /// Whether this program sends it.
    pub online: bool,
    /// Relative to the run's folder.
    pub file: String,
    /// How far it is.
    pub state: BatchState,
    /// The server's id of the uploaded file.
    pub file_id: Option<String>,
    /// The server's id of the batch.
    pub batch_id: Option<String>,
    /// When it came into this state, in seconds since 1970.
    pub since: i64,
    /// How many requests it holds.
    pub requests: u64,
}

impl BatchState {
    const ALL: [Self; 5] = [Self::Filling, Self::Ready, Self::Creating, Self::Sent, Self::Ended];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Filling => "filling",
            Self::Ready => "ready",
            Self::Creating => "creating",
            Self::Sent => "sent",
            Self::Ended => "ended",
        }
    }
}

impl Ledger {
    /// Every batch, oldest first.
    pub fn batches(&self) -> Result<Vec<BatchRow>, LedgerError> {
        self.writer.ask_blocking(batches)
    }

    /// One batch.
    pub fn batch(&self, id: i64) -> Result<Option<BatchRow>, LedgerError> {
        Ok(self.batches()?.into_iter().find(|batch| batch.id == id))
    }

    /// Takes a batch to `state`; ids that are given are kept. One that is ready (again) has none on the server.
    pub fn step_batch(&self, id: i64, state: BatchState, file_id: Option<&str>, batch_id: Option<&str>) -> Result<(), LedgerError> {
        let (file_id, batch_id, since) = (file_id.map(str::to_owned), batch_id.map(str::to_owned), now().0);
        let sql = "UPDATE batches SET state = ?2, file_id = coalesce(?3, file_id), since = ?5,
                   batch_id = CASE ?2 WHEN 'ready' THEN NULL ELSE coalesce(?4, batch_id) END WHERE id = ?1";
        self.writer.ask_blocking(move |connection| connection.execute(sql, params![id, state.as_str(), file_id, batch_id, since]).map(drop))
    }

    /// Ends a batch of which no more will be known. Requests that got no result are settled so (`class`, in words); returns how many. The file of a
    /// batch that this program sent goes.
    pub fn end_batch(&self, batch: &BatchRow, class: &str, words: &str) -> Result<u64, LedgerError> {
        let (id, budget) = (batch.id, std::sync::Arc::clone(&self.budget));
        let end = AttemptEnd {
            class: class.to_owned(),
            status: None,
            reply: words.to_owned(),
            usage: None,
            served: Served::default(),
            cost_micro_usd: None,
            latency_ms: None,
        };
        let ended = self.writer.ask_blocking(move |connection| {
            let attempts = open_attempts(connection, id)?;
            for attempt in &attempts {
                if let Ok((bound, cost)) = write_end(connection, ATTEMPTS, Reservation(*attempt), &end)? {
                    budget.lock().unwrap_or_else(PoisonError::into_inner).settle_parked(bound, cost);
                }
            }
            connection.execute("UPDATE batches SET state = 'ended', since = ?2 WHERE id = ?1", params![id, now().0])?;
            Ok(attempts.len() as u64)
        })?;
        if batch.online || batch.state == BatchState::Filling {
            self.remove_batch_file(&batch.file);
        }
        Ok(ended)
    }

    /// Gives up batches that were being filled when an earlier process stopped: nothing of them was sent.
    pub fn drop_unfinished_batches(&self) -> Result<(), LedgerError> {
        let filling = self.batches()?.into_iter().filter(|batch| batch.state == BatchState::Filling);
        filling
            .into_iter()
            .try_for_each(|batch| self.end_batch(&batch, "never_sent", "the program stopped before the batch was whole").map(drop))
    }
}

fn open_attempts(connection: &Connection, batch: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT mine.attempt FROM batch_requests AS mine JOIN attempts ON attempts.id = mine.attempt
               WHERE batch = ?1 AND state = 'open' ORDER BY mine.id";
    connection.prepare(sql)?.query_map([batch], |row| row.get(0))?.collect()
}

fn batches(connection: &Connection) -> rusqlite::Result<Vec<BatchRow>> {
    let sql = "SELECT id, token, judge, settings, online, file, state, file_id, batch_id, since,
               (SELECT count(*) FROM batch_requests WHERE batch = batches.id) FROM batches ORDER BY id";
    let read = |row: &Row<'_>| {
        let name: String = row.get(6)?;
        let state = BatchState::ALL.into_iter().find(|known| known.as_str() == name);
        let unknown = || FromSqlConversionFailure(6, Type::Text, format!("no batch can be `{name}`").into());
        Ok(BatchRow {
            id: row.get(0)?,
            token: row.get(1)?,
            judge: row.get(2)?,
            settings: row.get(3)?,
            online: row.get(4)?,
            file: row.get(5)?,
            state: state.ok_or_else(unknown)?,
            file_id: row.get(7)?,
            batch_id: row.get(8)?,
            since: row.get(9)?,
            requests: row.get::<_, i64>(10)? as u64,
        })
    };
    connection.prepare(sql)?.query_map([], read)?.collect()
}
