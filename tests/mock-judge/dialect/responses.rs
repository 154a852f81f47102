//! OpenAI Responses.

use serde_json::{Value, json};

use super::{text, unix_now};
use crate::answer::{Answer, Finish, unless_empty};
use crate::asked::{Asked, need};
use crate::config::UsageForm;
use crate::failure::Failure;
use crate::logprobs;

/// Reads a body.
pub(super) fn read(body: &Value) -> Result<Asked, Failure> {
    let mut asked = Asked { model: need(body, "/model")?.to_owned(), ..Asked::default() };
    if let Some(words) = body["instructions"].as_str() {
        asked.text("developer", words);
    }
    match &body["input"] {
        Value::String(words) => asked.text("user", words),
        Value::Array(items) => items.iter().try_for_each(|one| item(&mut asked, one))?,
        _ => return Err(Failure { param: Some("input".to_owned()), ..Failure::invalid("Missing required parameter: 'input'.") }),
    }
    asked.schema = Some(&body["text"]["format"]["schema"]).filter(|schema| schema.is_object()).cloned();
    asked.max_tokens = body["max_output_tokens"].as_u64();
    let wanted = body["include"].as_array().is_some_and(|include| include.iter().any(|one| one == "message.output_text.logprobs"));
    asked.logprobs = wanted.then(|| body["top_logprobs"].as_u64().unwrap_or(0) as usize);
    Ok(asked)
}

fn item(asked: &mut Asked, item: &Value) -> Result<(), Failure> {
    if !matches!(text(item, "type"), "" | "message") {
        return Ok(());
    }
    let role = need(item, "/role")?;
    match &item["content"] {
        Value::String(words) => asked.text(role, words),
        Value::Array(parts) => parts.iter().try_for_each(|one| part(asked, role, one))?,
        _ => return Err(Failure::invalid("Invalid type for 'input.content'.")),
    }
    Ok(())
}

fn part(asked: &mut Asked, role: &str, part: &Value) -> Result<(), Failure> {
    match text(part, "type") {
        "input_text" | "output_text" => asked.text(role, need(part, "/text")?),
        "refusal" => asked.text(role, need(part, "/refusal")?),
        "input_image" => return asked.uri(need(part, "/image_url")?, part["detail"] == "low"),
        "input_audio" => {
            let mime = format!("audio/{}", need(part, "/input_audio/format")?);
            return asked.base64(&mime, need(part, "/input_audio/data")?);
        }
        other => {
            return Err(Failure::invalid(format!(
                "Invalid value: '{other}'. Supported values are: 'input_text', 'input_image', 'input_audio'."
            )));
        }
    }
    Ok(())
}

/// Wraps what the judge says.
pub(super) fn reply(answer: &Answer) -> Value {
    let incomplete = match answer.finish {
        Finish::Length => json!({"reason": "max_output_tokens"}),
        Finish::Filter => json!({"reason": "content_filter"}),
        Finish::Stop | Finish::Refusal => json!(null),
    };
    let status = if incomplete.is_null() { "completed" } else { "incomplete" };
    let content = match answer.refused() {
        Some(words) => json!({"type": "refusal", "refusal": words}),
        None => output_text(answer),
    };
    let message =
        json!({"type": "message", "id": format!("msg_mock_{}", answer.n), "status": status, "role": "assistant", "content": [content]});
    let mut reply = json!({
        "id": format!("resp_mock_{}", answer.n), "object": "response", "created_at": unix_now(), "status": status, "error": null,
        "incomplete_details": incomplete, "instructions": null, "model": answer.model, "output": unless_empty(answer, &message),
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "temperature": 1.0, "top_p": 1.0, "metadata": {},
    });
    if answer.usage != UsageForm::None {
        reply["usage"] = usage(answer);
    }
    reply
}

fn output_text(answer: &Answer) -> Value {
    let mut text = json!({"type": "output_text", "text": answer.content, "annotations": []});
    if let Some((tokens, top)) = &answer.logprobs {
        text["logprobs"] = logprobs::openai(tokens, *top);
    }
    text
}

fn usage(answer: &Answer) -> Value {
    let (input, output) = (answer.input.sum(), answer.output);
    let mut usage = json!({"input_tokens": input, "output_tokens": output, "total_tokens": input + output});
    if answer.tells_details() {
        usage["input_tokens_details"] = json!({"cached_tokens": 0});
        usage["output_tokens_details"] = json!({"reasoning_tokens": 0});
    }
    usage
}
