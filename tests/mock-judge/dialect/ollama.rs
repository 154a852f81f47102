//! Ollama's own chat. Its stream is one line of JSON, which is also what a client gets that asks for none.

use serde_json::{Value, json};

use super::text;
use crate::answer::{Answer, Finish};
use crate::asked::{Asked, list, need};
use crate::config::UsageForm;
use crate::failure::{Failure, Kind};
use crate::text::rfc3339;

/// Reads a body.
pub(super) fn read(body: &Value) -> Result<Asked, Failure> {
    let mut asked = Asked { model: need(body, "/model")?.to_owned(), ..Asked::default() };
    for message in list(body, "/messages")? {
        asked.text(need(message, "/role")?, text(message, "content"));
        let images = message["images"].as_array().into_iter().flatten();
        images.filter_map(Value::as_str).try_for_each(|image| asked.base64("image/jpeg", image))?;
    }
    asked.schema = Some(&body["format"]).filter(|format| format.is_object()).cloned();
    asked.max_tokens = body["options"]["num_predict"].as_u64();
    Ok(asked)
}

/// Wraps what the judge says. It knows neither refusals nor filters: they are words like any other.
pub(super) fn reply(answer: &Answer) -> Value {
    let reason = if answer.finish == Finish::Length { "length" } else { "stop" };
    let content = if answer.empty { "" } else { answer.content.as_str() };
    let mut reply = json!({
        "model": answer.model, "created_at": rfc3339(jiff::Timestamp::now()), "message": {"role": "assistant", "content": content},
        "done": true, "done_reason": reason, "total_duration": 2_000_000, "load_duration": 1_000_000,
    });
    if answer.usage != UsageForm::None {
        reply["prompt_eval_count"] = json!(answer.input.sum());
        reply["prompt_eval_duration"] = json!(500_000);
        reply["eval_count"] = json!(answer.output);
        reply["eval_duration"] = json!(500_000);
    }
    reply
}

/// Words a refusal.
pub(super) fn error(failure: &Failure) -> Value {
    let kind = if failure.kind == Kind::Auth { "unauthorized" } else { failure.message.as_str() };
    json!({"error": kind})
}
