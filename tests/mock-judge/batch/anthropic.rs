//! Message Batches of Anthropic.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::run::{self, End, parse};
use super::{Batch, Item, twin};
use crate::asked::{list as needed, need};
use crate::dialect::Dialect;
use crate::failure::{Failure, Kind};
use crate::http::{Request, Response};
use crate::server::Server;
use crate::text::rfc3339;

/// What Anthropic documents.
const MAX_ITEMS: usize = 100_000;
const MAX_BYTES: usize = 256_000_000;

/// `POST /messages/batches`
pub(super) fn create(server: &Server, request: &Request) -> Result<Value, Failure> {
    let order = parse(&request.body)?;
    let requests = needed(&order, "/requests")?;
    if requests.len() > MAX_ITEMS || request.body.len() > MAX_BYTES {
        return Err(Failure::new(413, Kind::TooLarge, "The batch has too many requests or bytes."));
    }
    let items: Vec<Item> = requests.iter().map(item).collect::<Result<_, _>>()?;
    if let Some(twin) = twin(&items) {
        return Err(Failure::invalid(format!("requests: custom_id '{twin}' is not unique")));
    }
    let mut store = server.store();
    let id = store.id("msgbatch_mock");
    store.batches.insert(id.clone(), Batch::new(Dialect::Anthropic, items, Value::Null));
    Ok(object(request, &id, store.batch(&id)?))
}

fn item(request: &Value) -> Result<Item, Failure> {
    let custom_id = need(request, "/custom_id")?.to_owned();
    Ok(Item { custom_id, dialect: Dialect::Anthropic, path: "/v1/messages".to_owned(), body: request["params"].clone() })
}

/// `GET /messages/batches`
pub(super) fn list(server: &Server, request: &Request) -> Value {
    let store = server.store();
    let own = store.batches.iter().filter(|(_, batch)| batch.is_listed(Dialect::Anthropic));
    let data: Vec<Value> = own.map(|(id, batch)| object(request, id, batch)).collect();
    json!({"data": data, "has_more": false, "first_id": null, "last_id": null})
}

/// `GET /messages/batches/ID`
pub(super) fn poll(server: &Server, request: &Request, id: &str) -> Result<Value, Failure> {
    let mut store = server.store();
    let released = store.released;
    let batch = store.batch(id)?;
    batch.poll(server, id, released);
    Ok(object(request, id, batch))
}

/// `POST /messages/batches/ID/cancel`
pub(super) fn cancel(server: &Server, request: &Request, id: &str) -> Result<Value, Failure> {
    let mut store = server.store();
    let batch = store.batch(id)?;
    if batch.ends.is_some() {
        return Err(Failure::invalid(format!("Batch {id} has already ended.")));
    }
    batch.cancelled = true;
    Ok(object(request, id, batch))
}

/// `GET /messages/batches/ID/results`
pub(super) fn results(server: &Server, id: &str) -> Result<Response, Failure> {
    let mut store = server.store();
    let ends = store.batch(id)?.ends.as_ref();
    let ends = ends.ok_or_else(|| Failure::invalid(format!("Batch {id} has no results yet: it has not ended.")))?;
    let lines = ends.iter().map(|(custom_id, end)| json!({"custom_id": custom_id, "result": result(end)}));
    Ok(Response::new(200, "application/x-jsonl", run::lines(lines)))
}

fn result(end: &End) -> Value {
    match end {
        End::Done(message) => json!({"type": "succeeded", "message": message}),
        End::Failed(_, error) => json!({"type": "errored", "error": error}),
        End::Expired => json!({"type": "expired"}),
        End::Cancelled => json!({"type": "canceled"}),
    }
}

fn object(request: &Request, id: &str, batch: &Batch) -> Value {
    let time = |seconds| Timestamp::from_second(seconds).map(rfc3339).unwrap_or_default();
    let ended = batch.ends.is_some();
    let status = match (ended, batch.cancelled) {
        (true, _) => "ended",
        (false, true) => "canceling",
        (false, false) => "in_progress",
    };
    let counts = json!({
        "processing": if ended { 0 } else { batch.items.len() },
        "succeeded": batch.count(|end| matches!(end, End::Done(_))), "errored": batch.count(|end| matches!(end, End::Failed(..))),
        "canceled": batch.count(|end| *end == End::Cancelled), "expired": batch.count(|end| *end == End::Expired),
    });
    // Clients follow this address as it is, so it must be one that leads back here.
    let host = request.header("host").unwrap_or("127.0.0.1");
    json!({
        "id": id, "type": "message_batch", "processing_status": status, "request_counts": counts, "created_at": time(batch.created),
        "expires_at": time(batch.created + 86_400), "ended_at": ended.then(|| rfc3339(Timestamp::now())), "archived_at": null,
        "cancel_initiated_at": batch.cancelled.then(|| rfc3339(Timestamp::now())),
        "results_url": ended.then(|| format!("http://{host}/v1/messages/batches/{id}/results")),
    })
}
