//! Anthropic Messages.

use serde_json::{Value, json};

use super::text;
use crate::answer::{Answer, Finish, tool_input, unless_empty};
use crate::asked::{Asked, list, need};
use crate::config::UsageForm;
use crate::failure::{Failure, Kind};

/// Reads a body.
pub(super) fn read(body: &Value) -> Result<Asked, Failure> {
    let max_tokens = body["max_tokens"].as_u64().ok_or_else(|| Failure::invalid("max_tokens: Field required"))?;
    let mut asked = Asked { model: need(body, "/model")?.to_owned(), max_tokens: Some(max_tokens), ..Asked::default() };
    content(&mut asked, "system", &body["system"])?;
    for message in list(body, "/messages")? {
        content(&mut asked, need(message, "/role")?, &message["content"])?;
    }
    // The older place of the format was a field of its own.
    let format =
        [&body["output_config"]["format"]["schema"], &body["output_format"]["schema"]].into_iter().find(|schema| schema.is_object());
    asked.schema = format.cloned();
    if body["tool_choice"]["type"] == "tool" {
        let name = need(body, "/tool_choice/name")?;
        let tool = list(body, "/tools")?.iter().find(|tool| tool["name"] == name);
        let tool = tool.ok_or_else(|| Failure::invalid(format!("Tool '{name}' not found in provided tools")))?;
        asked.schema = Some(tool["input_schema"].clone());
        asked.tool = Some(name.to_owned());
    }
    Ok(asked)
}

fn content(asked: &mut Asked, role: &str, content: &Value) -> Result<(), Failure> {
    match content {
        Value::String(words) => asked.text(role, words),
        Value::Array(blocks) => blocks.iter().try_for_each(|one| block(asked, role, one))?,
        _ => {}
    }
    Ok(())
}

fn block(asked: &mut Asked, role: &str, block: &Value) -> Result<(), Failure> {
    match text(block, "type") {
        "text" => asked.text(role, need(block, "/text")?),
        "image" if block["source"]["type"] == "base64" => {
            return asked.base64(need(block, "/source/media_type")?, need(block, "/source/data")?);
        }
        "tool_use" => asked.text("assistant", &block["input"].to_string()),
        "tool_result" => return content(asked, role, &block["content"]),
        other => {
            return Err(Failure::invalid(format!(
                "messages: Input tag '{other}' found using 'type' does not match any of the expected tags"
            )));
        }
    }
    Ok(())
}

/// Wraps what the judge says.
pub(super) fn reply(answer: &Answer) -> Value {
    let call = answer.tool.as_ref().zip(answer.said().and_then(tool_input));
    let stop = match (answer.finish, &call) {
        (Finish::Length, _) => "max_tokens",
        (Finish::Filter | Finish::Refusal, _) => "refusal",
        (Finish::Stop, Some(_)) => "tool_use",
        (Finish::Stop, None) => "end_turn",
    };
    let block = match &call {
        Some((name, input)) => json!({"type": "tool_use", "id": format!("toolu_mock_{}", answer.n), "name": name, "input": input}),
        None => json!({"type": "text", "text": answer.content}),
    };
    let mut reply = json!({
        "id": format!("msg_mock_{}", answer.n), "type": "message", "role": "assistant", "model": answer.model,
        "content": unless_empty(answer, &block), "stop_reason": stop, "stop_sequence": null,
    });
    if answer.usage != UsageForm::None {
        reply["usage"] = json!({"input_tokens": answer.input.sum(), "output_tokens": answer.output});
        if answer.tells_details() {
            reply["usage"]["cache_creation_input_tokens"] = json!(0);
            reply["usage"]["cache_read_input_tokens"] = json!(0);
        }
    }
    reply
}

/// Words a refusal.
pub(super) fn error(failure: &Failure) -> Value {
    let kind = match failure.kind {
        Kind::Auth => "authentication_error",
        Kind::Quota => "billing_error",
        Kind::Rate => "rate_limit_error",
        Kind::TooLarge => "request_too_large",
        Kind::Invalid | Kind::UnknownParameter | Kind::Filter => "invalid_request_error",
        Kind::NotFound => "not_found_error",
        Kind::Server => "api_error",
        Kind::Overloaded => "overloaded_error",
    };
    let message = match (failure.kind, &failure.param) {
        (Kind::UnknownParameter, Some(param)) => format!("{param}: Extra inputs are not permitted"),
        _ => failure.message.clone(),
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"})
}
