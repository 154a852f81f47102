//! Batches over HTTP: files up, batches made, looked at and found again, results down. One exchange per call, no retry.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};

use super::file_body::FileBody;
use super::http::{fault, whole};
use super::lines::Lines;
use super::redact::Redactor;
use super::seam::Reply;
use crate::judge::quiet::Quiet;
use crate::judge::retry::{Class, Fault, classify};

/// Longest that a file may take, up or down.
const TRANSFER: Duration = Duration::from_hours(1);
/// Pages of a list that are gone through. The newest come first, and what was perhaps made was made within minutes.
const MAX_PAGES: usize = 100;
/// What parts of an upload are told apart by: no line of JSON begins so.
const BOUNDARY: &str = "tribunal-batch-7c1f0a52d6e94b38";
/// OpenAI's code for more tokens in batches than the account may have there at once.
const QUEUE_FULL: &str = "token_limit_exceeded";
/// How far the clocks of two machines may differ, in seconds.
const CLOCK_SLACK: i64 = 120;

/// Where a server keeps its batches, and how they are spoken of.
pub(in crate::judge) struct BatchServer {
    pub(super) client: Client,
    pub(super) headers: HeaderMap,
    pub(super) redactor: Arc<Redactor>,
    /// What everything lies below, and the query that everything wants.
    pub(super) root: Url,
    pub(super) query: Option<String>,
    /// Message Batches instead of files and batches.
    pub(super) anthropic: bool,
    /// Kept before every exchange, and prolonged by what comes of it.
    pub(super) quiet: Arc<Quiet>,
}

/// What a batch is known by before the server has given it an id.
#[derive(Debug, Clone)]
pub(in crate::judge) struct Mark<'a> {
    /// Ours, in the batch's metadata.
    pub(in crate::judge) token: &'a str,
    /// The uploaded file.
    pub(in crate::judge) file_id: Option<&'a str>,
    /// When it was made, by our clock, in seconds since 1970.
    pub(in crate::judge) since: i64,
    /// Its requests.
    pub(in crate::judge) requests: u64,
    /// Batches that are others'.
    pub(in crate::judge) known: &'a [String],
}

/// A batch on the server that may be the one with a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::judge) struct Sighting {
    pub(in crate::judge) id: String,
    /// Whether it bears the mark; else nothing but the ids of its results can tell.
    pub(in crate::judge) marked: bool,
}

/// A batch that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::judge) struct Ended {
    /// Where the results lie, as far as the server says by now.
    pub(in crate::judge) places: Vec<String>,
    /// When, by the server's clock, in seconds since 1970.
    pub(in crate::judge) at: Option<i64>,
    /// How many results there are, of a batch that ended before its time.
    pub(in crate::judge) results: Option<u64>,
}

/// How far the server is with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::judge) enum Look {
    Running,
    Ended(Ended),
    /// It never began; why.
    Failed(String),
    /// It never began, for want of room; why.
    Full(String),
}

impl BatchServer {
    /// The same server, whose quiet is that of single requests.
    pub(in crate::judge) fn within(self, quiet: &Arc<Quiet>) -> Self {
        Self { quiet: Arc::clone(quiet), ..self }
    }

    /// Whether the requests are uploaded as a file before the batch is made.
    pub(in crate::judge) const fn takes_files(&self) -> bool {
        !self.anthropic
    }

    /// Uploads the requests; the server's id of the file. Costs nothing, so that it may be done again.
    pub(in crate::judge) async fn upload(&self, file: &Path) -> Result<String, Fault> {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--{BOUNDARY}\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"batch.jsonl\"\r\ncontent-type: application/jsonl\r\n\r\n"
        );
        let body = FileBody::open(file, head, format!("\r\n--{BOUNDARY}--\r\n"), None).map_err(|error| local(file, &error))?;
        let form = HeaderValue::try_from(format!("multipart/form-data; boundary={BOUNDARY}")).map_err(|error| local(file, &error))?;
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, form);
        let request = self.client.post(self.place(&["files"])).headers(headers);
        text(&self.json(request.timeout(TRANSFER).body(reqwest::Body::wrap(body))).await?, "id")
    }

    /// Makes the batch; the server's id of it. From here on it costs.
    pub(in crate::judge) async fn create(&self, file: &Path, endpoint: Option<&str>, mark: &Mark<'_>) -> Result<String, Fault> {
        let request = self.client.post(self.place(&["batches"])).headers(self.headers.clone());
        let request = if let (Some(endpoint), Some(file_id)) = (endpoint, mark.file_id) {
            let metadata = json!({"tribunal": mark.token});
            let order = json!({"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h", "metadata": metadata});
            request.body(order.to_string())
        } else {
            // Lines become the elements of one array.
            let (head, tail) = (r#"{"requests":["#.to_owned(), "]}".to_owned());
            let body = FileBody::open(file, head, tail, Some(b',')).map_err(|error| local(file, &error))?;
            request.timeout(TRANSFER).body(reqwest::Body::wrap(body))
        };
        text(&self.json(request).await?, "id")
    }

    /// The batches that one which was perhaps made may be, by its mark; newest first.
    pub(in crate::judge) async fn find(&self, mark: &Mark<'_>) -> Result<Vec<Sighting>, Fault> {
        let (mut after, mut found) = (None::<String>, Vec::new());
        for _ in 0..MAX_PAGES {
            let mut url = self.place(&["batches"]);
            url.query_pairs_mut().append_pair("limit", "100");
            if let Some(after) = &after {
                url.query_pairs_mut().append_pair(if self.anthropic { "after_id" } else { "after" }, after);
            }
            let page = self.json(self.client.get(url).headers(self.headers.clone())).await?;
            let batches = page["data"].as_array().map_or(&[][..], Vec::as_slice);
            found.extend(batches.iter().filter(|batch| self.may_be_ours(batch, mark)).filter_map(|batch| self.sighting(batch)));
            after = batches.last().and_then(|batch| batch["id"].as_str()).map(str::to_owned);
            if page["has_more"] != true || after.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn sighting(&self, batch: &Value) -> Option<Sighting> {
        let id = batch["id"].as_str()?.to_owned();
        Some(Sighting { id, marked: !self.anthropic })
    }

    /// Anthropic's batches carry no words of ours: time and size say which it may be. One that failed is an earlier try.
    fn may_be_ours(&self, batch: &Value, mark: &Mark<'_>) -> bool {
        if !self.anthropic {
            let marked = batch["metadata"]["tribunal"] == mark.token || mark.file_id.is_some_and(|file| batch["input_file_id"] == file);
            return marked && batch["status"] != "failed";
        }
        let in_time = second(&batch["created_at"]).is_some_and(|created| created + CLOCK_SLACK >= mark.since);
        let requests: u64 = batch["request_counts"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
        let others = batch["id"].as_str().is_none_or(|id| mark.known.iter().any(|known| known == id));
        in_time && requests == mark.requests && !others
    }

    /// How far a batch is.
    pub(in crate::judge) async fn look(&self, id: &str) -> Result<Look, Fault> {
        let batch = self.json(self.client.get(self.place(&["batches", id])).headers(self.headers.clone())).await?;
        if self.anthropic {
            let ended = || Ended { places: vec![id.to_owned()], at: second(&batch["ended_at"]), results: None };
            return Ok(if batch["processing_status"] == "ended" { Look::Ended(ended()) } else { Look::Running });
        }
        let status = batch["status"].as_str().unwrap_or_default();
        Ok(match status {
            "completed" | "expired" | "cancelled" => Look::Ended(ended(&batch, status)),
            "failed" => failed(&batch["errors"]["data"]),
            _ => Look::Running,
        })
    }

    /// The results that lie at a place that [`look`](Self::look) named. Addresses that a server gives are not followed: the key goes nowhere else.
    pub(in crate::judge) async fn lines(&self, place: &str) -> Result<Lines<'_>, Fault> {
        let url = if self.anthropic { self.place(&["batches", place, "results"]) } else { self.place(&["files", place, "content"]) };
        let request = self.client.get(url).headers(self.headers.clone()).timeout(TRANSFER);
        self.quiet.over().await;
        let response = request.send().await.map_err(|error| fault(&self.redactor, &error, true))?;
        if !response.status().is_success() {
            return Err(self.heard(refused(classify(whole(response, &self.redactor).await?))));
        }
        Ok(Lines::new(response, &self.redactor))
    }

    /// Takes an uploaded file away again: it holds what was judged.
    pub(in crate::judge) async fn forget(&self, file_id: &str) {
        self.quiet.over().await;
        // What stays behind harms nothing here, and the account's owner can delete it.
        let _ = self.client.delete(self.place(&["files", file_id])).headers(self.headers.clone()).send().await;
    }

    fn place(&self, names: &[&str]) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(self.anthropic.then_some("messages")).extend(names);
        }
        url.set_query(self.query.as_deref());
        url
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, Fault> {
        self.quiet.over().await;
        let response = request.send().await.map_err(|error| fault(&self.redactor, &error, !error.is_connect()))?;
        let reply = classify(whole(response, &self.redactor).await?).map_err(|fault| self.heard(fault))?;
        serde_json::from_str(&reply.body).map_err(|error| Fault::new(Class::Ambiguous, "bad_envelope", format!("no batch: {error}")))
    }
}

impl BatchServer {
    /// Nobody sends for as long as a failure says.
    fn heard(&self, fault: Fault) -> Fault {
        if let Some(asked) = fault.retry_after {
            self.quiet.keep(asked);
        }
        fault
    }
}

impl std::fmt::Debug for BatchServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchServer").field("root", &self.root.as_str()).finish_non_exhaustive()
    }
}

/// A status that is no success is a fault, whatever `classify` would read from a redirect's body.
fn refused(classified: Result<Reply, Fault>) -> Fault {
    classified.err().unwrap_or_else(|| Fault::new(Class::Ambiguous, "bad_envelope", "an odd status".to_owned()))
}

/// What OpenAI's servers say of a batch that has ended. A file that is not there is null, left out or "".
fn ended(batch: &Value, status: &str) -> Ended {
    let files = ["output_file_id", "error_file_id"].iter().filter_map(|name| batch[*name].as_str().filter(|id| !id.is_empty()));
    let count = |name: &str| batch["request_counts"][name].as_u64().unwrap_or(0);
    let results = Some(count("completed") + count("failed")).filter(|count| status != "completed" && *count > 0);
    Ended { places: files.map(str::to_owned).collect(), at: second(&batch[format!("{status}_at")]), results }
}

/// A moment as OpenAI or as Anthropic writes it, in seconds since 1970.
fn second(time: &Value) -> Option<i64> {
    time.as_i64().or_else(|| Some(time.as_str()?.parse::<jiff::Timestamp>().ok()?.as_second()))
}

/// What the errors of a batch that never began come to.
fn failed(errors: &Value) -> Look {
    let why = errors[0]["message"].as_str().unwrap_or("no reason given").to_owned();
    let mut codes = errors.as_array().into_iter().flatten().filter_map(|error| error["code"].as_str());
    if codes.any(|code| code == QUEUE_FULL) { Look::Full(why) } else { Look::Failed(why) }
}

/// Of a reply whose request was done, but which does not say under which id.
fn text(body: &Value, name: &str) -> Result<String, Fault> {
    let missing = || Fault::new(Class::Ambiguous, "bad_envelope", format!("a reply without `{name}`"));
    body[name].as_str().map(str::to_owned).ok_or_else(missing)
}

/// A file of ours that cannot be read: nothing was asked.
fn local(file: &Path, error: &impl std::fmt::Display) -> Fault {
    Fault::new(Class::BadItem, "unreadable", format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Ended, ended};

    #[test]
    fn a_file_that_is_not_there_has_no_place() {
        let batch = |extra: serde_json::Value| {
            let mut batch = json!({"output_file_id": "f", "request_counts": {"total": 9, "completed": 3, "failed": 1}, "completed_at": 7});
            batch.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            batch
        };
        let whole = Ended { places: vec!["f".to_owned()], at: Some(7), results: None };
        for none in [json!({}), json!({"error_file_id": null}), json!({"error_file_id": ""})] {
            assert_eq!(ended(&batch(none), "completed"), whole);
        }
        let expired = ended(&batch(json!({"error_file_id": "e", "expired_at": 8})), "expired");
        assert_eq!((expired.places.len(), expired.at, expired.results), (2, Some(8), Some(4)), "no more than these were executed");
    }
}
