//! How the items of a batch end, and what they cost.

use serde_json::{Value, json};

use super::{Batch, Item};
use crate::config::{Doubles, FailAs};
use crate::failure::{Failure, Kind};
use crate::generate::{Call, judge};
use crate::ledger::Line;
use crate::server::Server;
use crate::text;

/// How an item ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    /// With a reply.
    Done(Value),
    /// With a status and an error body.
    Failed(u16, Value),
    /// Nobody got round to it.
    Expired,
    /// Its batch was cancelled first.
    Cancelled,
}

/// Judges what is judged before the end. Items of a cancelled batch are done in proportion to the looks at it.
pub(super) fn all(server: &Server, id: &str, batch: &Batch) -> Vec<(String, End)> {
    let rule = server.config.batch;
    let looks = f64::from(batch.polls - 1) / f64::from(rule.polls_until_done.max(1));
    let started = if batch.cancelled { (batch.items.len() as f64 * looks.min(1.0)) as usize } else { batch.items.len() };
    let end = |(at, item): (usize, &Item)| {
        let end = if at < started { one(server, id, at, item) } else { spared(server, id, item, End::Cancelled, "cancelled") };
        (item.custom_id.clone(), end)
    };
    let mut ends: Vec<(String, End)> = batch.items.iter().enumerate().map(end).collect();
    // Real servers return items in the order in which they got done.
    ends.sort_by_key(|(custom_id, _)| text::hash(&[b"order", custom_id.as_bytes()]));
    let again = |(custom_id, end): (String, End), doubles| (custom_id, if matches!(doubles, Doubles::Same) { end } else { End::Expired });
    let doubles = rule.doubles.into_iter().flat_map(|doubles| ends.clone().into_iter().map(move |end| again(end, doubles)));
    let doubles: Vec<_> = doubles.collect();
    ends.extend(doubles);
    ends
}

fn one(server: &Server, id: &str, at: usize, item: &Item) -> End {
    let (rule, lot) = (server.config.batch, text::share(&[b"end", item.name().as_bytes()]));
    if lot < rule.expire_share {
        return spared(server, id, item, End::Expired, "expired");
    }
    if lot < rule.expire_share + rule.fail_share {
        let failure = match rule.fail_as {
            FailAs::Server => Failure::new(500, Kind::Server, "The server had an error while processing your request."),
            FailAs::Overloaded => Failure::new(529, Kind::Overloaded, "Overloaded"),
            FailAs::Invalid => Failure::invalid("messages.0.content: the picture cannot be read"),
        };
        return spared(server, id, item, End::Failed(failure.status, item.dialect.error(&failure)), "failed");
    }
    let body = item.body.to_string();
    let call = Call {
        dialect: item.dialect,
        path: &item.path,
        body: body.as_bytes(),
        receipt: None,
        price_factor: server.config.batch.price_factor,
    };
    let judged = judge(server, &call, &server.quiet_arrival(at as u64 + 1), || Ok(()), false);
    let (status, end) = match judged.result {
        Ok(answer) => (200, End::Done(item.dialect.reply(&answer))),
        Err(failure) => (failure.status, End::Failed(failure.status, item.dialect.error(&failure))),
    };
    enter(server, id, item, Line { n: 0, status: Some(status), ..judged.line });
    end
}

/// An item that no model saw.
fn spared(server: &Server, id: &str, item: &Item, end: End, why: &'static str) -> End {
    let line =
        Line { dialect: Some(item.dialect.name()), path: item.path.clone(), fault: Some(why), t_ms: server.t_ms(), ..Line::default() };
    enter(server, id, item, line);
    end
}

fn enter(server: &Server, id: &str, item: &Item, line: Line) {
    server.ledger().append(&Line { batch: Some(id.to_owned()), custom_id: Some(item.custom_id.clone()), ..line });
}

/// One value a line.
pub(super) fn lines(values: impl Iterator<Item = Value>) -> Vec<u8> {
    values.flat_map(|value| [value.to_string(), "\n".to_owned()]).collect::<String>().into_bytes()
}

/// A body that should be a JSON object.
pub(super) fn parse(body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::invalid(format!("We could not parse the JSON body of your request: {error}")))
}

/// `null` before `end`.
pub(super) fn at(when: bool, time: i64) -> Value {
    if when { json!(time) } else { Value::Null }
}
