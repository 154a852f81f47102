//! Gemini generateContent. Names come in both spellings, as its own clients write them.

use serde_json::{Value, json};

use super::either;
use crate::answer::{Answer, Finish, unless_empty};
use crate::asked::{Asked, list, need};
use crate::config::UsageForm;
use crate::failure::{Failure, Kind, Wait};
use crate::logprobs;

/// Reads a body; the model is in the path.
pub(super) fn read(path: &str, body: &Value) -> Result<Asked, Failure> {
    let model = path.rsplit('/').next().and_then(|last| last.split(':').next()).unwrap_or_default();
    let mut asked = Asked { model: model.to_owned(), ..Asked::default() };
    let system = either(body, ["systemInstruction", "system_instruction"]);
    if system.is_object() {
        parts(&mut asked, "system", system)?;
    }
    for content in list(body, "/contents")? {
        parts(&mut asked, content["role"].as_str().unwrap_or("user"), content)?;
    }
    let config = either(body, ["generationConfig", "generation_config"]);
    let schemas = [["responseJsonSchema", "response_json_schema"], ["responseSchema", "response_schema"]];
    asked.schema = schemas.into_iter().map(|names| either(config, names)).find(|schema| schema.is_object()).cloned();
    asked.max_tokens = either(config, ["maxOutputTokens", "max_output_tokens"]).as_u64();
    let wanted = either(config, ["responseLogprobs", "response_logprobs"]) == true;
    asked.logprobs = wanted.then(|| config["logprobs"].as_u64().unwrap_or(0) as usize);
    Ok(asked)
}

fn parts(asked: &mut Asked, role: &str, content: &Value) -> Result<(), Failure> {
    list(content, "/parts")?.iter().try_for_each(|part| {
        if let Some(words) = part["text"].as_str() {
            asked.text(role, words);
            return Ok(());
        }
        let data = either(part, ["inlineData", "inline_data"]);
        if !data.is_object() {
            return Err(Failure::invalid("Request contains an invalid argument: only text and inline data are served."));
        }
        asked.base64(either(data, ["mimeType", "mime_type"]).as_str().unwrap_or_default(), need(data, "/data")?)
    })
}

/// Wraps what the judge says.
pub(super) fn reply(answer: &Answer) -> Value {
    let finish = match answer.finish {
        Finish::Stop => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filter => "SAFETY",
        Finish::Refusal => "PROHIBITED_CONTENT",
    };
    // A stopped candidate has no parts at all.
    let content = match answer.finish {
        Finish::Stop | Finish::Length => json!({"role": "model", "parts": [{"text": answer.content}]}),
        Finish::Filter | Finish::Refusal => json!({"role": "model"}),
    };
    let mut candidate = json!({"content": content, "finishReason": finish, "index": 0});
    if let Some((tokens, top)) = &answer.logprobs {
        candidate["logprobsResult"] = logprobs::gemini(tokens, *top);
    }
    let candidates = unless_empty(answer, &candidate);
    let mut reply = json!({"candidates": candidates, "modelVersion": answer.model, "responseId": format!("mock-{}", answer.n)});
    if answer.usage != UsageForm::None {
        reply["usageMetadata"] = usage(answer);
    }
    reply
}

fn usage(answer: &Answer) -> Value {
    let (input, output) = (answer.input.sum(), answer.output);
    let mut usage = json!({"promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output});
    if answer.tells_details() {
        let kinds = [("TEXT", answer.input.text), ("IMAGE", answer.input.image), ("AUDIO", answer.input.audio)];
        let detail = |(kind, count): (&str, u64)| json!({"modality": kind, "tokenCount": count});
        usage["promptTokensDetails"] = kinds.into_iter().filter(|(_, count)| *count > 0).map(detail).collect();
    }
    usage
}

/// Words a refusal.
pub(super) fn error(failure: &Failure) -> Value {
    let status = match failure.kind {
        Kind::Auth => "UNAUTHENTICATED",
        Kind::Quota | Kind::Rate => "RESOURCE_EXHAUSTED",
        Kind::TooLarge | Kind::Invalid | Kind::UnknownParameter | Kind::Filter => "INVALID_ARGUMENT",
        Kind::NotFound => "NOT_FOUND",
        Kind::Server => "INTERNAL",
        Kind::Overloaded => "UNAVAILABLE",
    };
    let message = match (failure.kind, &failure.param) {
        (Kind::UnknownParameter, Some(param)) => {
            format!("Invalid JSON payload received. Unknown name \"{param}\" at 'generation_config': Cannot find field.")
        }
        _ => failure.message.clone(),
    };
    let mut error = json!({"code": failure.status, "message": message, "status": status});
    if let Wait::Body(time) = failure.wait {
        let delay = format!("{:.3}s", time.as_secs_f64());
        error["details"] = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]);
    }
    if failure.kind == Kind::Quota {
        let violation = json!({"quotaMetric": "generativelanguage.googleapis.com/generate_requests", "quotaId": "PerDay"});
        error["details"] = json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}]);
    }
    json!({"error": error})
}
