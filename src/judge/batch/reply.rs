//! One line of a file of results, in OpenAI's form or in Anthropic's.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tribunal_media::Digest;

use crate::judge::disguise::status_of;
use crate::judge::provider::Reply;
use crate::judge::reply::{KEPT_REPLY, cut};
use crate::judge::retry::{Class, Fault, StopKind, classify};

/// One line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReply {
    /// As it was asked with.
    pub custom_id: String,
    pub(super) result: Result<Reply, Fault>,
}

/// Either form: OpenAI's has `response` and `error`, Anthropic's `result`.
#[derive(Deserialize)]
struct Wire<'a> {
    custom_id: String,
    #[serde(default, borrow)]
    response: Option<Response<'a>>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default, borrow)]
    result: Option<Ended<'a>>,
}

/// Bodies are kept as they are written, so that a key that stands twice is still seen.
#[derive(Deserialize)]
struct Response<'a> {
    status_code: u16,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Ended<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, borrow)]
    message: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<Value>,
}

impl BatchReply {
    /// Reads one line; the error says what is wrong with it.
    pub fn read(line: &str) -> Result<Self, String> {
        // A file may begin with a mark of its byte order.
        let wire: Wire<'_> =
            serde_json::from_str(line.trim_start_matches('\u{feff}')).map_err(|error| format!("no result of a batch: {error}"))?;
        let Wire { custom_id, response, error, result } = wire;
        let error = error.filter(|error| !error.is_null());
        let result = match (result, response, error) {
            (Some(ended), ..) => ended.result()?,
            (None, Some(response), error) => response.result(error.as_ref()),
            (None, None, Some(error)) => Err(unanswered(&error)),
            (None, None, None) => return Err("a line with neither response nor error nor result".to_owned()),
        };
        Ok(Self { custom_id, result })
    }

    /// Whether it says something of more than its own request, that the account is empty or what the server accepts: these may be words of its request.
    pub fn may_quote(&self) -> bool {
        let of_more = |fault: &Fault| fault.class == Class::Stopped(StopKind::Quota) || matches!(fault.status, Some(400 | 403 | 422 | 500));
        self.result.as_ref().is_err_and(of_more)
    }

    /// What is kept of it: the body of its reply, or why there is none.
    pub fn kept(&self) -> &str {
        match &self.result {
            Ok(reply) => &reply.body,
            Err(fault) => fault.kept(),
        }
    }

    /// The same, read as what answers this recorded request.
    #[must_use]
    pub fn of(self, recorded: &str) -> Self {
        Self { result: self.result.map_err(|fault| fault.of(recorded)), ..self }
    }

    /// A digest of what it says of its request, whatever number the server gave the line.
    pub(super) fn said(&self) -> Digest {
        match &self.result {
            Ok(reply) => Digest::of_fields([&b"answered"[..], reply.status.to_string().as_bytes(), reply.body.as_bytes()]),
            Err(fault) => Digest::of_fields([fault.class.as_str(), &fault.reason, &fault.message, &fault.reply].map(str::as_bytes)),
        }
    }
}

impl Response<'_> {
    /// vLLM puts the error of a refused request beside a response without a body.
    fn result(self, error: Option<&Value>) -> Result<Reply, Fault> {
        let body = self.body.map(|body| body.get().to_owned()).filter(|body| body != "null");
        let body = body.or_else(|| error.map(Value::to_string)).unwrap_or_default();
        classify(whole(self.status_code, body))
    }
}

impl Ended<'_> {
    fn result(self) -> Result<Result<Reply, Fault>, String> {
        let reply = |status, body| classify(whole(status, body));
        match (self.kind.as_str(), self.message) {
            ("succeeded", Some(message)) => Ok(reply(200, message.get().to_owned())),
            ("errored", _) => {
                let error = self.error.unwrap_or_default();
                let kind = [&error["error"]["type"], &error["type"]].into_iter().find_map(Value::as_str).unwrap_or_default();
                // Anthropic bills no request of a batch that ends otherwise than `succeeded` (its page on batch processing, read 2026-11); OpenAI says so
                // of expired and cancelled ones alone.
                Ok(reply(status_of(kind).unwrap_or(500), error.to_string()).map_err(|fault| fault.spared("in a batch")))
            }
            ("expired", _) => Ok(Err(put_off("batch_expired", "the batch's time ran out before this request's turn"))),
            ("canceled" | "cancelled", _) => Ok(Err(put_off("batch_cancelled", "the batch was cancelled before this request's turn"))),
            (other, _) => Err(format!("a result of type `{other}` without a message")),
        }
    }
}

/// A reply of no more bytes than one that comes singly.
fn whole(status: u16, body: String) -> Reply {
    let body = if body.len() > KEPT_REPLY { cut(&body) } else { body };
    Reply { status, headers: BTreeMap::new(), body }
}

/// An error in place of a response: the request was not executed, or nobody says whether it was.
fn unanswered(error: &Value) -> Fault {
    let message = error["message"].as_str().map_or_else(|| error.to_string(), str::to_owned);
    match error["code"].as_str() {
        Some("batch_expired") => put_off("batch_expired", &message),
        Some("batch_cancelled") => put_off("batch_cancelled", &message),
        _ => Fault { reply: error.to_string(), ..Fault::new(Class::Ambiguous, "batch_error", message) },
    }
}

/// Not executed, so not billed: to be asked again.
fn put_off(reason: &str, message: &str) -> Fault {
    Fault::new(Class::Refused, reason, message.to_owned())
}
