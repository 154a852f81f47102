//! Files and batches of OpenAI.

use serde_json::{Value, json};

use super::run::{self, End, at, parse};
use super::{Batch, Item, Store, multipart, now, twin};
use crate::asked::need;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::http::{Request, Response};
use crate::route::{Route, route};
use crate::server::Server;

/// What OpenAI documents.
const MAX_ITEMS: usize = 50_000;
const MAX_BYTES: usize = 200_000_000;

/// `POST /files`
pub(super) fn upload(server: &Server, request: &Request) -> Result<Value, Failure> {
    let fields = multipart::fields(request.header("content-type").unwrap_or_default(), &request.body);
    let field = |name: &str| {
        fields.iter().find(|field| field.name == name).ok_or_else(|| Failure::invalid(format!("'{name}' is a required property")))
    };
    let (purpose, file) = (field("purpose")?, field("file")?);
    let purpose = String::from_utf8_lossy(&purpose.bytes).into_owned();
    let mut store = server.store();
    let id = store.keep(file.file_name.as_deref().unwrap_or("batch.jsonl"), &purpose, file.bytes.clone());
    file_object(&store, &id)
}

/// `GET /files/ID`
pub(super) fn file(server: &Server, id: &str) -> Result<Value, Failure> {
    file_object(&server.store(), id)
}

/// `DELETE /files/ID`
pub(super) fn delete(server: &Server, id: &str) -> Result<Value, Failure> {
    let mut store = server.store();
    store.file(id)?;
    store.files.remove(id);
    Ok(json!({"id": id, "object": "file", "deleted": true}))
}

/// `GET /files/ID/content`
pub(super) fn content(server: &Server, id: &str) -> Result<Response, Failure> {
    let mut store = server.store();
    let mut bytes = store.file(id)?.bytes.clone();
    store.fetches += 1;
    if store.fetches <= server.config.batch.short_results {
        bytes.truncate(bytes.len() / 2);
    }
    Ok(Response::new(200, "application/octet-stream", bytes))
}

fn file_object(store: &Store, id: &str) -> Result<Value, Failure> {
    let file = store.file(id)?;
    Ok(json!({"id": id, "object": "file", "bytes": file.bytes.len(), "created_at": file.created, "filename": file.name,
        "purpose": file.purpose, "status": "processed"}))
}

/// `POST /batches`
pub(super) fn create(server: &Server, request: &Request) -> Result<Value, Failure> {
    let order = parse(&request.body)?;
    let (input, endpoint) = (need(&order, "/input_file_id")?, need(&order, "/endpoint")?);
    need(&order, "/completion_window")?;
    let mut store = server.store();
    let read = items(&store.file(input)?.bytes, endpoint);
    let (items, problem) = read.map_or_else(|problem| (Vec::new(), Some(("invalid_batch", problem))), |items| (items, None));
    let problem = problem.or_else(|| no_room(server, &store, items.len()));
    let id = store.id("batch_mock");
    store.batches.insert(id.clone(), Batch { problem, ..Batch::new(Dialect::Chat, items, order) });
    Ok(object(&id, store.batch(&id)?))
}

/// What is said of a batch for which there is no room among those that have not ended.
fn no_room(server: &Server, store: &Store, requests: usize) -> Option<(&'static str, String)> {
    let open = store.batches.values().filter(|batch| batch.dialect == Dialect::Chat && batch.ends.is_none() && batch.problem.is_none());
    let waiting: usize = open.map(|batch| batch.items.len()).sum();
    let most = server.config.batch.queue_requests.filter(|most| waiting + requests > *most)?;
    Some((
        "token_limit_exceeded",
        format!("Enqueued token limit reached: {most} requests. Please try again once some in_progress batches have been completed."),
    ))
}

/// What a server finds while it says `validating`.
fn items(bytes: &[u8], endpoint: &str) -> Result<Vec<Item>, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("The file has {} bytes; at most {MAX_BYTES} are allowed.", bytes.len()));
    }
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let items = lines.enumerate().map(|(at, line)| item(line, endpoint).map_err(|problem| format!("line {}: {problem}", at + 1)));
    let items: Vec<Item> = items.collect::<Result<_, _>>()?;
    match twin(&items) {
        Some(twin) => Err(format!("The custom_id '{twin}' is not unique.")),
        None if items.is_empty() => Err("The file is empty.".to_owned()),
        None if items.len() > MAX_ITEMS => Err(format!("The file has {} requests; at most {MAX_ITEMS} are allowed.", items.len())),
        None => Ok(items),
    }
}

fn item(line: &[u8], endpoint: &str) -> Result<Item, String> {
    let mut line: Value = serde_json::from_slice(line).map_err(|error| format!("no JSON: {error}"))?;
    let text = |name: &str| line[name].as_str().map(str::to_owned).ok_or_else(|| format!("`{name}` is missing"));
    let (custom_id, method, url) = (text("custom_id")?, text("method")?, text("url")?);
    let (true, Route::Verdict(dialect)) = (method == "POST" && url == endpoint, route("POST", &url)) else {
        return Err(format!("{method} {url} is not the endpoint {endpoint} of the batch"));
    };
    Ok(Item { custom_id, dialect, path: url, body: line["body"].take() })
}

/// `GET /batches`
pub(super) fn list(server: &Server) -> Value {
    let store = server.store();
    let own = store.batches.iter().filter(|(_, batch)| batch.is_listed(Dialect::Chat));
    let data: Vec<Value> = own.map(|(id, batch)| object(id, batch)).collect();
    json!({"object": "list", "data": data, "has_more": false})
}

/// `GET /batches/ID`
pub(super) fn poll(server: &Server, id: &str) -> Result<Value, Failure> {
    let mut store = server.store();
    let released = store.released;
    let batch = store.batch(id)?;
    batch.poll(server, id, released);
    let files = (batch.output_file.is_none() && batch.error_file.is_none()).then(|| batch.ends.as_deref().map(files)).flatten();
    if let Some((good, bad)) = files {
        let mut keep = |name: &str, bytes: Vec<u8>| (!bytes.is_empty()).then(|| store.keep(name, "batch_output", bytes));
        let (output_file, error_file) = (keep("output.jsonl", good), keep("error.jsonl", bad));
        store.ended += 1;
        if store.ended <= server.config.batch.gone_results {
            [&output_file, &error_file].into_iter().flatten().for_each(|file| _ = store.files.remove(file));
        }
        let batch = store.batch(id)?;
        (batch.output_file, batch.error_file) = (output_file, error_file);
    }
    let (rule, batch) = (server.config.batch, store.batch(id)?);
    let mut shown = object(id, batch);
    for file in ["output_file_id", "error_file_id"] {
        if batch.ends.is_some() && batch.late < rule.late_files {
            shown[file] = Value::Null;
        }
        if rule.empty_ids && shown[file].is_null() {
            shown[file] = "".into();
        }
    }
    // What lies there no longer ended long ago.
    if rule.gone_results > 0 && shown["completed_at"].is_i64() {
        shown["completed_at"] = (now() - 3600).into();
    }
    Ok(shown)
}

/// `POST /batches/ID/cancel`
pub(super) fn cancel(server: &Server, id: &str) -> Result<Value, Failure> {
    let mut store = server.store();
    let batch = store.batch(id)?;
    if batch.ends.is_some() || batch.problem.is_some() {
        return Err(Failure { status: 409, ..Failure::invalid("Cannot cancel a batch that has ended.") });
    }
    batch.cancelled = true;
    Ok(object(id, batch))
}

/// What went well, and what did not.
fn files(ends: &[(String, End)]) -> (Vec<u8>, Vec<u8>) {
    let (good, bad): (Vec<_>, Vec<_>) = ends.iter().partition(|(_, end)| matches!(end, End::Done(_)));
    let lines = |ends: Vec<&(String, End)>| run::lines(ends.into_iter().map(|(custom_id, end)| line(custom_id, end)));
    (lines(good), lines(bad))
}

fn line(custom_id: &str, end: &End) -> Value {
    let response = |status: u16, body: &Value| json!({"status_code": status, "request_id": format!("req_{custom_id}"), "body": body});
    let (response, error) = match end {
        End::Done(body) => (response(200, body), Value::Null),
        End::Failed(status, body) => (response(*status, body), Value::Null),
        End::Expired => {
            let message = "This request could not be executed before the completion window expired.";
            (Value::Null, json!({"code": "batch_expired", "message": message}))
        }
        End::Cancelled => (Value::Null, json!({"code": "batch_cancelled", "message": "This request was cancelled with its batch."})),
    };
    json!({"id": format!("batch_req_{custom_id}"), "custom_id": custom_id, "response": response, "error": error})
}

fn status(batch: &Batch) -> &'static str {
    match &batch.ends {
        Some(_) if batch.cancelled => "cancelled",
        Some(_) if batch.count(|end| *end == End::Expired) > 0 => "expired",
        Some(_) => "completed",
        None if batch.problem.is_some() && batch.polls > 0 => "failed",
        None if batch.cancelled => "cancelling",
        None if batch.polls > 1 => "finalizing",
        None if batch.polls == 1 => "in_progress",
        None => "validating",
    }
}

fn object(id: &str, batch: &Batch) -> Value {
    let (status, now) = (status(batch), now());
    let done = batch.count(|end| matches!(end, End::Done(_)));
    let counts = json!({"total": batch.items.len(), "completed": done, "failed": batch.count(|end| matches!(end, End::Failed(..)))});
    let failed = batch.problem.as_ref().filter(|_| status == "failed");
    let errors =
        failed.map(|(code, message)| json!({"object": "list", "data": [{"code": code, "message": message, "line": null, "param": null}]}));
    let order = &batch.order;
    json!({
        "id": id, "object": "batch", "endpoint": order["endpoint"], "errors": errors, "input_file_id": order["input_file_id"],
        "completion_window": order["completion_window"], "status": status, "output_file_id": batch.output_file,
        "error_file_id": batch.error_file, "created_at": batch.created, "in_progress_at": at(batch.polls > 0, batch.created),
        "expires_at": batch.created + 86_400, "finalizing_at": at(batch.ends.is_some(), now), "completed_at": at(status == "completed", now),
        "failed_at": at(status == "failed", now), "expired_at": at(status == "expired", now), "cancelling_at": at(batch.cancelled, now),
        "cancelled_at": at(status == "cancelled", now), "request_counts": counts, "metadata": order["metadata"],
    })
}
