//! Batches: files and their items in memory, and where each request about them goes.

mod anthropic;
mod multipart;
mod openai;
mod run;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dialect::Dialect;
use crate::failure::{Failure, Kind, Wait};
use crate::generate::authorised;
use crate::http::{Request, Response};
use crate::ledger::Line;
use crate::rate_headers;
use crate::server::Server;
use crate::text::sha256;
use run::End;

/// Everything that was uploaded or made.
#[derive(Debug, Default)]
pub(crate) struct Store {
    files: BTreeMap<String, File>,
    batches: BTreeMap<String, Batch>,
    made: u64,
    /// Times that somebody asked for a batch.
    creates: u32,
    /// Batches that have ended.
    ended: u32,
    /// Times that somebody fetched results.
    fetches: u32,
    /// Whether batches that are held may end now.
    released: bool,
}

#[derive(Debug)]
struct File {
    name: String,
    purpose: String,
    bytes: Vec<u8>,
    created: i64,
}

/// One batch.
#[derive(Debug)]
struct Batch {
    /// The dialect of the batch itself.
    dialect: Dialect,
    items: Vec<Item>,
    /// Times that somebody looked at its state, and did so after it had ended.
    polls: u32,
    late: u32,
    cancelled: bool,
    /// Once it has ended: how each item did, in no order that means anything.
    ends: Option<Vec<(String, End)>>,
    created: i64,
    /// Why it cannot start: code and words.
    problem: Option<(&'static str, String)>,
    /// Until when lists do not show it.
    hidden: Option<Instant>,
    /// What its maker said, echoed.
    order: Value,
    output_file: Option<String>,
    error_file: Option<String>,
}

/// One request of a batch.
#[derive(Debug, Clone)]
struct Item {
    custom_id: String,
    dialect: Dialect,
    path: String,
    body: Value,
}

impl Item {
    /// What stands before the first `-` of its custom_id: the same in every batch that asks for the same.
    fn name(&self) -> &str {
        self.custom_id.split('-').next().unwrap_or_default()
    }
}

impl Store {
    /// Lets batches that are held end.
    pub(crate) const fn release(&mut self) {
        self.released = true;
    }

    fn id(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{:06}", self.made)
    }

    fn keep(&mut self, name: &str, purpose: &str, bytes: Vec<u8>) -> String {
        let (id, created) = (self.id("file-mock"), now());
        self.files.insert(id.clone(), File { name: name.to_owned(), purpose: purpose.to_owned(), bytes, created });
        id
    }

    fn batch(&mut self, id: &str) -> Result<&mut Batch, Failure> {
        self.batches.get_mut(id).ok_or_else(|| Failure::new(404, Kind::NotFound, format!("No batch found with id '{id}'.")))
    }

    fn file(&self, id: &str) -> Result<&File, Failure> {
        self.files.get(id).ok_or_else(|| Failure::new(404, Kind::NotFound, format!("No such File object: {id}")))
    }
}

impl Batch {
    fn new(dialect: Dialect, items: Vec<Item>, order: Value) -> Self {
        let (problem, output_file, error_file) = (None, None, None);
        let hidden = None;
        Self {
            dialect,
            items,
            polls: 0,
            late: 0,
            cancelled: false,
            ends: None,
            created: now(),
            problem,
            hidden,
            order,
            output_file,
            error_file,
        }
    }

    /// Counts a look, and runs the items when it is time; those that are held only once they were `released`.
    fn poll(&mut self, server: &Server, id: &str, released: bool) {
        self.polls += 1;
        let rule = server.config.batch;
        let due = self.cancelled || self.polls >= rule.polls_until_done && (released || !rule.held);
        self.late += u32::from(self.ends.is_some());
        if self.ends.is_none() && self.problem.is_none() && due {
            self.ends = Some(run::all(server, id, self));
        }
    }

    fn is_listed(&self, dialect: Dialect) -> bool {
        self.dialect == dialect && self.hidden.is_none_or(|until| Instant::now() >= until)
    }

    fn count(&self, which: impl Fn(&End) -> bool) -> usize {
        self.ends.iter().flatten().filter(|(_, end)| which(end)).count()
    }
}

/// Answers what is about files or batches; `None` for anything else.
pub(crate) fn answer(server: &Server, request: &Request) -> Option<Response> {
    let parts: Vec<&str> = request.path.split('/').collect();
    let start = parts.iter().position(|part| matches!(*part, "files" | "batches" | "messages"))?;
    let about = &parts[start..];
    let dialect = if about[0] == "messages" { Dialect::Anthropic } else { Dialect::Chat };
    let own = if request.header("api-key").is_some() { Dialect::Azure } else { dialect };
    let result = match authorised(&server.config, own, request) {
        Ok(()) => dispatch(server, request, about)?,
        Err(failure) => Err(failure),
    };
    let response = result.unwrap_or_else(|failure| {
        let mut response = Response::json(failure.status, &dialect.error(&failure));
        rate_headers::dates(&mut response, &failure.wait, &mut server.gates());
        response
    });
    if request.method == "POST" {
        let body_sha256 = Some(sha256(&request.body));
        let status = Some(response.status);
        server.ledger().append(&Line { path: request.path.clone(), body_sha256, status, t_ms: server.t_ms(), ..Line::default() });
    }
    Some(response)
}

fn dispatch(server: &Server, request: &Request, about: &[&str]) -> Option<Result<Response, Failure>> {
    let object = |result: Result<Value, Failure>| result.map(|body| Response::json(200, &body));
    Some(match (request.method.as_str(), about) {
        ("POST", ["files"]) => object(openai::upload(server, request)),
        ("GET", ["files", id]) => object(openai::file(server, id)),
        ("DELETE", ["files", id]) => object(openai::delete(server, id)),
        ("GET", ["files", "", "content"]) => Err(Failure::invalid("Invalid file id")),
        ("GET", ["files", id, "content"]) => openai::content(server, id),
        ("POST", ["batches"]) => object(create(server, || openai::create(server, request))),
        ("GET", ["batches"]) => object(Ok(openai::list(server))),
        ("GET", ["batches", id]) => object(openai::poll(server, id)),
        ("POST", ["batches", id, "cancel"]) => object(openai::cancel(server, id)),
        ("POST", ["messages", "batches"]) => object(create(server, || anthropic::create(server, request))),
        ("GET", ["messages", "batches"]) => object(Ok(anthropic::list(server, request))),
        ("GET", ["messages", "batches", id]) => object(anthropic::poll(server, request, id)),
        ("POST", ["messages", "batches", id, "cancel"]) => object(anthropic::cancel(server, request, id)),
        ("GET", ["messages", "batches", id, "results"]) => anthropic::results(server, id),
        _ => return None,
    })
}

/// Makes a batch, unless the rule has it otherwise.
fn create(server: &Server, make: impl FnOnce() -> Result<Value, Failure>) -> Result<Value, Failure> {
    let rule = server.config.batch;
    let count = {
        let mut store = server.store();
        store.creates += 1;
        store.creates
    };
    if count <= rule.busy_creates {
        return Err(Failure::rate(Wait::Seconds(Duration::from_secs(rule.busy_s))));
    }
    let batch = make()?;
    if count > rule.lost_creates {
        return Ok(batch);
    }
    if let Some(id) = batch["id"].as_str() {
        server.store().batch(id)?.hidden = Some(Instant::now() + Duration::from_millis(rule.late_ms));
    }
    Err(Failure::new(504, Kind::Server, "The gateway gave up."))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The first custom_id that is not alone.
fn twin(items: &[Item]) -> Option<&str> {
    let mut ids: Vec<&str> = items.iter().map(|item| item.custom_id.as_str()).collect();
    ids.sort_unstable();
    ids.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
