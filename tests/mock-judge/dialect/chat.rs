//! OpenAI chat completions, with what vLLM, llama.cpp and Azure add.

use serde_json::{Value, json};

use super::{text, unix_now};
use crate::answer::{Answer, Finish, unless_empty};
use crate::asked::{Asked, list, need};
use crate::config::UsageForm;
use crate::failure::{Failure, Kind};
use crate::logprobs;

/// Reads a body. At Azure the model is the deployment in the path.
pub(super) fn read(path: &str, body: &Value) -> Result<Asked, Failure> {
    let deployment = path.split_once("/deployments/").and_then(|(_, rest)| rest.split('/').next());
    let mut asked = Asked { model: deployment.map_or_else(|| need(body, "/model"), Ok)?.to_owned(), ..Asked::default() };
    for message in list(body, "/messages")? {
        let role = need(message, "/role")?;
        match &message["content"] {
            Value::String(words) => asked.text(role, words),
            Value::Array(parts) => parts.iter().try_for_each(|one| part(&mut asked, role, one))?,
            Value::Null => {}
            _ => return Err(Failure::invalid("Invalid type for 'messages.content'.")),
        }
    }
    // llama.cpp also takes the schema right beside `type: json_object`.
    let format = &body["response_format"];
    asked.schema = [&format["json_schema"]["schema"], &format["schema"], &body["structured_outputs"]["json"]]
        .into_iter()
        .find(|schema| schema.is_object())
        .cloned();
    asked.max_tokens = body["max_completion_tokens"].as_u64().or_else(|| body["max_tokens"].as_u64());
    asked.logprobs = (body["logprobs"] == true).then(|| body["top_logprobs"].as_u64().unwrap_or(0) as usize);
    Ok(asked)
}

fn part(asked: &mut Asked, role: &str, part: &Value) -> Result<(), Failure> {
    match text(part, "type") {
        "text" => asked.text(role, need(part, "/text")?),
        "refusal" => asked.text(role, need(part, "/refusal")?),
        "image_url" => return asked.uri(url(part, "image_url")?, part["image_url"]["detail"] == "low"),
        "video_url" | "audio_url" => return asked.uri(url(part, text(part, "type"))?, false),
        "input_audio" => {
            let mime = format!("audio/{}", need(part, "/input_audio/format")?);
            return asked.base64(&mime, need(part, "/input_audio/data")?);
        }
        other => {
            return Err(Failure::invalid(format!("Invalid value: '{other}'. Supported values are: 'text', 'image_url', 'input_audio'.")));
        }
    }
    Ok(())
}

/// Ollama takes the address without an object around it.
fn url<'a>(part: &'a Value, name: &str) -> Result<&'a str, Failure> {
    part[name].as_str().map_or_else(|| need(part, &format!("/{name}/url")), Ok)
}

/// Wraps what the judge says.
pub(super) fn reply(answer: &Answer) -> Value {
    let finish = match answer.finish {
        Finish::Stop | Finish::Refusal => "stop",
        Finish::Length => "length",
        Finish::Filter => "content_filter",
    };
    let message = json!({"role": "assistant", "content": answer.said(), "refusal": answer.refused()});
    let odds = answer.logprobs.as_ref().map(|(tokens, top)| json!({"content": logprobs::openai(tokens, *top), "refusal": null}));
    let choice = json!({"index": 0, "message": message, "logprobs": odds, "finish_reason": finish});
    let mut reply = json!({
        "id": format!("chatcmpl-mock-{}", answer.n), "object": "chat.completion", "created": unix_now(), "model": answer.model,
        "choices": unless_empty(answer, &choice), "system_fingerprint": "fp_mock",
    });
    if answer.usage != UsageForm::None {
        reply["usage"] = usage(answer);
    }
    reply
}

fn usage(answer: &Answer) -> Value {
    let (input, output) = (answer.input.sum(), answer.output);
    let mut usage = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output});
    if answer.tells_details() {
        let count = answer.input;
        usage["prompt_tokens_details"] =
            json!({"cached_tokens": 0, "audio_tokens": count.audio, "image_tokens": count.image, "text_tokens": count.text});
        usage["completion_tokens_details"] =
            json!({"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0});
    }
    usage
}

/// Azure tells what its filters thought of prompt and reply.
pub(super) fn azure_reply(answer: &Answer) -> Value {
    let mut reply = reply(answer);
    let found = |filtered: bool| json!({"violence": {"filtered": filtered, "severity": if filtered { "high" } else { "safe" }}});
    reply["prompt_filter_results"] = json!([{"prompt_index": 0, "content_filter_results": found(false)}]);
    if !answer.empty {
        reply["choices"][0]["content_filter_results"] = found(answer.finish == Finish::Filter);
    }
    reply
}

/// Words a refusal.
pub(super) fn error(failure: &Failure) -> Value {
    let (kind, code) = match failure.kind {
        Kind::Auth => ("invalid_request_error", json!("invalid_api_key")),
        Kind::Quota => ("insufficient_quota", json!("insufficient_quota")),
        Kind::Rate => ("requests", json!("rate_limit_exceeded")),
        Kind::TooLarge => ("invalid_request_error", json!("request_too_large")),
        // As vLLM: the code is a number.
        Kind::Invalid => ("BadRequestError", json!(failure.status)),
        Kind::UnknownParameter => ("invalid_request_error", json!("unsupported_parameter")),
        Kind::Filter => ("invalid_request_error", json!("content_filter")),
        Kind::NotFound => ("invalid_request_error", json!("not_found")),
        Kind::Server | Kind::Overloaded => ("server_error", json!(null)),
    };
    json!({"error": {"message": failure.message, "type": kind, "param": failure.param, "code": code}})
}

/// Words a refusal as Azure does.
pub(super) fn azure_error(failure: &Failure) -> Value {
    match failure.kind {
        Kind::Auth => json!({"error": {"code": "401", "message": failure.message}}),
        Kind::Rate => json!({"error": {"code": "429", "message": failure.message}}),
        Kind::Filter => {
            let found = json!({"violence": {"filtered": true, "severity": "high"}});
            let inner = json!({"code": "ResponsibleAIPolicyViolation", "content_filter_result": found});
            let message = &failure.message;
            json!({"error": {"message": message, "type": null, "param": "prompt", "code": "content_filter", "status": 400, "innererror": inner}})
        }
        _ => error(failure),
    }
}
