//! What a 2xx can be that is no reply, and which status an error has that came without one of its own.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// What is said of an empty body.
pub(super) const NO_BODY: &str = "no body";

/// What a 2xx can be that is no reply.
pub(super) enum Disguise {
    /// It has no end: nobody knows what was made of the request.
    Broken(&'static str),
    /// It wraps an error of this status, as gateways do, and OpenAI's Responses where they failed.
    Error(u16),
}

#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    error: Option<IgnoredAny>,
}

/// What the body of a 2xx is, if it is no reply.
pub(super) fn disguised(body: &str) -> Option<Disguise> {
    if body.trim().is_empty() {
        return Some(Disguise::Broken(NO_BODY));
    }
    // Nearly every reply is one object without an error; whatever else it is, it is looked at in full.
    if let Ok(Outline { error: None }) = serde_json::from_str(body) {
        return None;
    }
    let value: Value = match serde_json::from_str(body) {
        Ok(value) => value,
        Err(error) => return error.is_eof().then_some(Disguise::Broken("the body breaks off")),
    };
    let given = |name: &str| value.get(name).is_some_and(|field| field.is_array() || field.is_object());
    // An error beside choices is read with them.
    let error = value.get("error").filter(|_| !given("choices"))?;
    let number = |code: &Value| u16::try_from(code.as_u64().or_else(|| code.as_str()?.parse().ok())?).ok();
    let numbered = error.get("code").and_then(number).filter(|code| (400..=599).contains(code));
    // A response that failed has its state and its output beside the error.
    let failed = value.get("status").is_some_and(|status| status == "failed");
    let answers = ["output", "content", "candidates", "message"].into_iter().any(given);
    let named = || ["code", "type"].into_iter().find_map(|name| status_of(error.get(name)?.as_str()?));
    numbered.or_else(|| if failed || !answers { named() } else { None }).map(Disguise::Error)
}

/// The status that servers of OpenAI and Anthropic give an error with this code or type; `None` of those that tell no more than that there is one.
pub(super) fn status_of(code: &str) -> Option<u16> {
    Some(match code {
        "invalid_request_error" => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => 429,
        "api_error" | "server_error" | "internal_server_error" => 500,
        "server_is_overloaded" | "slow_down" => 503,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Disguise, disguised};

    #[test]
    fn an_error_is_known_by_its_number_or_its_name() {
        let status = |body: &str| match disguised(body) {
            Some(Disguise::Error(status)) => status,
            Some(Disguise::Broken(_)) => 1,
            None => 0,
        };
        for (body, expected) in [
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, 529),
            (r#"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#, 429),
            (r#"{"error":{"message":"m","type":"insufficient_quota","code":null}}"#, 429),
            (r#"{"choices":null,"error":{"code":"503"}}"#, 503),
            (r#"{"status":"failed","output":[],"error":{"code":"rate_limit_exceeded","message":"m"}}"#, 429),
            (r#"{"status":"failed","output":[],"error":{"code":"server_error","message":"m"}}"#, 500),
            (r#"{"status":"failed","output":[],"error":{"code":"cyber_policy","message":"m"}}"#, 0),
            (r#"{"status":"completed","output":[],"error":{"code":"server_error"}}"#, 0),
            (r#"{"choices":[],"error":{"code":500}}"#, 0),
            (r#"{"message":{"content":"{}"},"error":{"code":500}}"#, 500),
            (r#"{"message":"slow down","error":{"type":"rate_limit_error"}}"#, 429),
            (r#"{"choices":[]}"#, 0),
            (r#"{"error":"model runner has unexpectedly stopped"}"#, 0),
            ("", 1),
        ] {
            assert_eq!(status(body), expected, "{body}");
        }
    }
}
