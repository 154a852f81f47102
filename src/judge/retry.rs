//! The failure classes of one attempt, and how long to wait after each.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use tribunal_media::Digest;

use super::ProviderKind;
use super::disguise::{Disguise, NO_BODY, disguised};
use super::provider::Reply;
use super::rate::duration;
use super::server_error::{ServerError, short};

/// What is said of the empty body of an error.
const NO_ERROR_BODY: &str = "no error body";

/// Why an attempt gave no reply to read, by what it means for money and for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing was asked: never billed, retried freely.
    NeverSent,
    /// The server put it off: not billed, retried after waiting.
    Refused,
    /// The run cannot go on.
    Stopped(StopKind),
    /// The server will not have this request: final.
    BadItem,
    /// A content filter stopped it: final.
    Filtered,
    /// It may have been billed: sent once more, then unresolved.
    Ambiguous,
}

/// Why the run cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopKind {
    /// The key.
    Auth,
    /// The money.
    Quota,
    /// The address or the model's name.
    Endpoint,
}

/// One attempt that gave no reply to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) class: Class,
    /// Stable code.
    pub(super) reason: String,
    /// For people; may quote the server.
    pub(super) message: String,
    /// HTTP status, when there was one.
    pub(super) status: Option<u16>,
    /// Body of the reply, when there was one.
    pub(super) reply: String,
    /// How long the server asks to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// What the vendor says of such failures: whether they may be billed, whatever their class says.
    pub(super) billable: Option<bool>,
}

impl Class {
    /// The name in the ledger.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NeverSent => "never_sent",
            Self::Refused => "refused",
            Self::Stopped(_) => "stopped",
            Self::BadItem | Self::Filtered => "bad_item",
            Self::Ambiguous => "ambiguous",
        }
    }
}

impl Fault {
    /// A fault without a reply.
    pub(super) fn new(class: Class, reason: &str, message: String) -> Self {
        Self { class, reason: reason.to_owned(), message, status: None, reply: String::new(), retry_after: None, billable: None }
    }

    /// The same, of a failure of which its vendor says that it is not billed; `what` it is, in words.
    pub(super) fn spared(self, what: &str) -> Self {
        let message = if self.may_be_billed() { format!("{} ({what}: not billed)", self.message) } else { self.message };
        Self { message, billable: Some(false), ..self }
    }

    /// What is kept of it: what the server sent, be it nothing; without a reply, why there is none. What we say of an empty body is no word of the server's:
    /// in a replay it would be read as one.
    pub(super) fn kept(&self) -> &str {
        if self.status.is_none() && self.reply.is_empty() { &self.message } else { &self.reply }
    }

    /// Whether the attempt may have cost something.
    pub(super) fn may_be_billed(&self) -> bool {
        self.billable.unwrap_or(matches!(self.class, Class::Ambiguous | Class::Filtered))
    }

    /// What it means where the server may quote the request, as it is `recorded`: that an item's text speaks of an empty account is no news of ours.
    /// Other refusals than 400 are not about what was written.
    pub(super) fn of(self, recorded: &str) -> Self {
        let (class, status) = (self.class, self.status);
        if class == Class::Stopped(StopKind::Quota) && status == Some(400) && ServerError::read(&self.reply).quotes_quota(recorded) {
            return Self { class: Class::BadItem, reason: "rejected_400".to_owned(), ..self };
        }
        self
    }

    /// What it means at vendors with a word of their own on bills. Azure may charge for requests that are too long and for those that time out there, unlike
    /// OpenAI itself ("Plan to manage costs for Azure OpenAI": 400 by a content filter or input limit, 408). Gemini's errors 400 and 500 cost no tokens
    /// (ai.google.dev/gemini-api/docs/billing, read 2026-11-30): only in Google's own words, since behind a gateway's error may be a reply that it lost.
    pub(super) fn at(self, provider: ProviderKind) -> Self {
        match (provider, self.status) {
            (ProviderKind::Azure, Some(408)) => Self { class: Class::Ambiguous, reason: "server_error".to_owned(), ..self },
            (ProviderKind::Azure, Some(400)) if ServerError::read(&self.reply).is_too_long() => Self { billable: Some(true), ..self },
            (ProviderKind::Gemini, Some(status @ (400 | 500))) if is_googles(status, &self.reply) => self.spared("as its vendor says"),
            _ => self,
        }
    }
}

/// Whether a body is an error of this status in Google's form.
fn is_googles(status: u16, body: &str) -> bool {
    let root: Value = serde_json::from_str(body).unwrap_or_default();
    let error = &root.get(0).unwrap_or(&root)["error"];
    error["code"] == status && error["status"].is_string()
}

/// Sorts a complete reply: only a 2xx is read for a verdict.
pub(super) fn classify(reply: Reply) -> Result<Reply, Fault> {
    if (200..=299).contains(&reply.status) {
        return match disguised(&reply.body) {
            None => Ok(reply),
            Some(Disguise::Broken(words)) => {
                let message = no_body(reply.status, words);
                Err(Fault { status: Some(reply.status), reply: reply.body, ..Fault::new(Class::Ambiguous, "broken_reply", message) })
            }
            Some(Disguise::Error(status)) => classify(Reply { status, ..reply }),
        };
    }
    let error = ServerError::read(&reply.body);
    let retry_after = retry_after(&reply, &error);
    let (class, reason) = class(reply.status, &reply.body, &error, retry_after.is_some());
    let words = if error.message.is_empty() { NO_ERROR_BODY.to_owned() } else { error.message };
    let place = reply.headers.get("location").map_or_else(String::new, |to| format!(" (redirects to {}; not followed)", short(to)));
    let message = format!("HTTP {}{place}: {words}", reply.status);
    Err(Fault { class, reason, message, status: Some(reply.status), reply: reply.body, retry_after, billable: None })
}

/// A reply of a run, as it was taken there: headers decide that, too, which are not kept, and what the server had served by then. `class` is `refused` or
/// `ambiguous`, after which it was asked again.
pub(super) fn taken_before(reply: Reply, class: &str) -> Result<Reply, Fault> {
    let (class, reason) = match class {
        "refused" => (Class::Refused, "busy"),
        "ambiguous" => (Class::Ambiguous, "server_error"),
        _ => return Ok(reply),
    };
    match classify(reply.clone()) {
        Err(fault) if fault.class == class => Err(fault),
        Err(fault) => Err(Fault { class, reason: reason.to_owned(), ..fault }),
        Ok(Reply { status, body, .. }) => {
            Err(Fault { status: Some(status), reply: body, ..Fault::new(class, reason, format!("HTTP {status}")) })
        }
    }
}

/// Whether a stored body is no more than what earlier programs wrote where there was none.
pub(super) fn is_of_no_body(status: u16, body: &str) -> bool {
    body == no_body(status, NO_BODY) || body == no_body(status, NO_ERROR_BODY)
}

fn no_body(status: u16, words: &str) -> String {
    format!("HTTP {status}: {words}")
}

fn class(status: u16, body: &str, error: &ServerError, asks_to_wait: bool) -> (Class, String) {
    let blank = body.trim().is_empty();
    let stop = |kind, reason: &str| (Class::Stopped(kind), reason.to_owned());
    match status {
        400 | 403 | 422 if error.is_filter() => (Class::Filtered, "content_filter".to_owned()),
        400 if error.is_bad_key() => stop(StopKind::Auth, "auth"),
        400 | 403 if error.is_quota() => stop(StopKind::Quota, "quota"),
        429 if error.is_quota_unless(asks_to_wait) => stop(StopKind::Quota, "quota"),
        429 if error.is_over_rate() => (Class::BadItem, "rejected_429".to_owned()),
        401 | 403 => stop(StopKind::Auth, "auth"),
        402 => stop(StopKind::Quota, "quota"),
        // Hosts that are starting or being moved answer a bare 404; a real one says what is missing.
        404 if blank => (Class::Refused, "busy".to_owned()),
        404 if error.has_no_endpoint_for_media() => (Class::BadItem, "rejected_404".to_owned()),
        // A proxy that wants a key of its own, a host that is not meant, a protocol that is not spoken: of no item's making.
        300..=399 | 404 | 405 | 407 | 410 | 421 | 426 => stop(StopKind::Endpoint, "endpoint"),
        408 | 409 | 425 | 429 => (Class::Refused, "busy".to_owned()),
        503 | 529 if !blank || asks_to_wait => (Class::Refused, "busy".to_owned()),
        400..=499 => (Class::BadItem, format!("rejected_{status}")),
        // llama.cpp says so of pictures and sound that its model cannot take in: nothing was generated, and asking again is no use.
        500 | 501 if error.is_unsupported_input() => (Class::BadItem, format!("rejected_{status}")),
        500 if error.has_no_grammar() || error.has_no_system_role() => (Class::BadItem, "rejected_500".to_owned()),
        _ => (Class::Ambiguous, "server_error".to_owned()),
    }
}

/// `Retry-After` in seconds or as a date (measured against the server's own clock, or ours where it shows none), `Retry-After-Ms`, a delay in the
/// body (Gemini), or words (OpenAI): the longest of them. Nothing and less is no wish: the caller's own back-off then holds.
fn retry_after(reply: &Reply, error: &ServerError) -> Option<Duration> {
    let header = |name: &str| reply.headers.get(name).map(|value| value.trim());
    let now = header("date").and_then(moment).unwrap_or_else(SystemTime::now);
    let seconds = |text: &str| duration(text.trim(), header("date"));
    let milliseconds = header("retry-after-ms").and_then(seconds).map(|wait| wait / 1000);
    let told = header("retry-after").and_then(|wait| match moment(wait) {
        Some(until) => until.duration_since(now).ok(),
        // Twice in one header, or two headers: the longer one.
        None => wait.split(',').filter_map(seconds).max(),
    });
    let delay = error.retry_delay.as_deref().and_then(seconds);
    [milliseconds, told, delay, error.asks_to_wait()].into_iter().flatten().max().filter(|wait| !wait.is_zero())
}

/// A moment in any form that HTTP knows.
fn moment(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// `first`, doubled with each failure up to a minute, times 0.5..=1. The jitter is drawn from the request's digest: it spreads
/// tasks apart and needs no randomness.
pub(super) fn backoff(first: Duration, failures: u32, digest: &Digest) -> Duration {
    let byte = digest.as_bytes()[failures as usize % 32];
    let jitter = 0.5 + f64::from(byte) / 510.0;
    first.saturating_mul(1 << failures.min(16)).min(Duration::from_mins(1)).mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tribunal_media::Digest;

    use super::{Class, ProviderKind, Reply, StopKind, backoff, classify};

    fn sorted(status: u16, headers: &[(&str, &str)], body: &str) -> (Class, Option<Duration>) {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let fault = classify(Reply { status, headers, body: body.to_owned() }).unwrap_err();
        (fault.class, fault.retry_after)
    }

    #[test]
    fn every_status_has_its_class() {
        let error = r#"{"error":{"message":"m","code":null}}"#;
        for (status, body, class) in [
            (400, error, Class::BadItem),
            (400, r#"{"error":{"code":"content_filter"}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"x","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#, Class::Filtered),
            (400, r#"{"error":{"message":"The prompt triggered Azure OpenAI's content management policy."}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"content_policy_violation","message":"m"}}"#, Class::Filtered),
            (403, r#"{"error":{"code":403,"message":"Your input was flagged"}}"#, Class::Filtered),
            (400, r#"{"error":{"message":"This content was flagged for possible cybersecurity risk."}}"#, Class::Filtered),
            (400, r#"{"error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#, Class::Filtered),
            (403, r#"{"error":{"code":403,"message":"m","metadata":{"reasons":["violence"],"flagged_input":"x"}}}"#, Class::Filtered),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
                Class::Stopped(StopKind::Quota),
            ),
            (
                400,
                r#"[{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid.","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
                Class::Stopped(StopKind::Auth),
            ),
            (
                429,
                r#"{"error":{"type":"rate_limit_error","message":"You have reached your monthly spend limit."}}"#,
                Class::Stopped(StopKind::Quota),
            ),
            (
                400,
                r#"{"error":{"code":"invalid_prompt","message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy."}}"#,
                Class::Filtered,
            ),
            (400, r#"{"error":{"code":"invalid_prompt","message":"messages: expected a list"}}"#, Class::BadItem),
            (400, r#"{"error":{"code":"moderation_blocked","message":"m"}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"cyber_policy","type":"invalid_request","param":null,"message":"m"}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"bio_policy","message":"m"}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"image_content_policy_violation","message":"m"}}"#, Class::Filtered),
            (403, r#"{"error":{"code":"misalignment_policy_violation","type":"invalid_request_error","message":"m"}}"#, Class::Filtered),
            (
                400,
                r#"{"error":{"code":null,"message":"This request has been flagged for potentially high-risk cyber activity."}}"#,
                Class::Filtered,
            ),
            (
                400,
                r#"{"error":{"code":null,"message":"Your input image may contain content that is not allowed by our safety system."}}"#,
                Class::Filtered,
            ),
            (403, r#"{"error":{"code":403,"message":"m","metadata":{"error_type":"refusal","provider_name":"x"}}}"#, Class::Filtered),
            (403, r#"{"error":{"code":403,"message":"m","metadata":{"error_type":"permission_denied"}}}"#, Class::Stopped(StopKind::Auth)),
            (400, r#"{"error":{"code":"InputImageSensitiveContentDetected.Violence","type":"BadRequest","message":"m"}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"OutputTextRiskDetection","message":"m"}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"InputImageRiskDetection","message":"m"}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"unknown_policy","message":"m"}}"#, Class::BadItem),
            (400, r#"{"error":{"code":"data_inspection_failed","message":"m"}}"#, Class::Filtered),
            (400, r#"{"code":"DataInspectionFailed","message":"Input data may contain inappropriate content."}"#, Class::Filtered),
            (400, r#"{"error":{"message":"Content Exists Risk","type":"invalid_request_error"}}"#, Class::Filtered),
            (400, r#"{"error":{"code":"1301","message":"系统检测到输入或生成内容可能包含不安全或敏感内容"}}"#, Class::Filtered),
            (403, r#"{"code":"m","error":"Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_CSAM"}"#, Class::Filtered),
            (401, error, Class::Stopped(StopKind::Auth)),
            (402, "", Class::Stopped(StopKind::Quota)),
            (403, error, Class::Stopped(StopKind::Auth)),
            (404, error, Class::Stopped(StopKind::Endpoint)),
            (404, " ", Class::Refused),
            (404, r#"{"error":{"message":"No endpoints found that support image input","code":404}}"#, Class::BadItem),
            (404, r#"{"error":{"message":"No endpoints found for m.","code":404}}"#, Class::Stopped(StopKind::Endpoint)),
            (302, "", Class::Stopped(StopKind::Endpoint)),
            (408, error, Class::Refused),
            (413, "", Class::BadItem),
            (415, error, Class::BadItem),
            (422, error, Class::BadItem),
            (429, error, Class::Refused),
            (429, r#"{"error":{"type":"insufficient_quota"}}"#, Class::Stopped(StopKind::Quota)),
            (500, error, Class::Ambiguous),
            (500, r#"{"error":{"code":500,"message":"image input is not supported - hint: ...","type":"server_error"}}"#, Class::BadItem),
            (500, r#"{"error":"invalid JSON schema in format"}"#, Class::BadItem),
            (502, "", Class::Ambiguous),
            (503, error, Class::Refused),
            (503, "", Class::Ambiguous),
            (529, error, Class::Refused),
        ] {
            assert_eq!(sorted(status, &[], body).0, class, "{status} {body}");
        }
    }

    #[test]
    fn what_no_waiting_helps_against_is_no_busy_server() {
        for (status, body, class) in [
            (
                429,
                r#"{"error":{"message":"Your account org-1 is suspended, please recharge it","type":"exceeded_current_quota_error"}}"#,
                Class::Stopped(StopKind::Quota),
            ),
            (429, r#"{"error":{"code":"1113","message":"m"}}"#, Class::Stopped(StopKind::Quota)),
            (429, r#"{"error":{"code":1113,"message":"m"}}"#, Class::Stopped(StopKind::Quota)),
            (429, r#"{"error":{"message":"余额不足或无可用资源包,请充值。"}}"#, Class::Stopped(StopKind::Quota)),
            (
                429,
                r#"{"error":{"code":429,"message":"Your prepayment credits are depleted.","status":"RESOURCE_EXHAUSTED"}}"#,
                Class::Stopped(StopKind::Quota),
            ),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota, please check your plan.","code":null}}"#,
                Class::Stopped(StopKind::Quota),
            ),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota, please check your plan.","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"37s"}]}}"#,
                Class::Refused,
            ),
            (
                429,
                r#"{"error":{"message":"Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 90000. The input or output tokens must be reduced in order to run successfully.","type":"tokens","code":"rate_limit_exceeded"}}"#,
                Class::BadItem,
            ),
            (407, "{}", Class::Stopped(StopKind::Endpoint)),
            (421, "{}", Class::Stopped(StopKind::Endpoint)),
            (426, "", Class::Stopped(StopKind::Endpoint)),
        ] {
            assert_eq!(sorted(status, &[], body).0, class, "{status} {body}");
        }
    }

    #[test]
    fn azure_may_charge_for_what_others_do_not() {
        let long = r#"{"error":{"code":"context_length_exceeded","message":"This model's maximum context length is 8192 tokens."}}"#;
        let at = |provider, status, body: &str| {
            let reply = Reply { status, headers: std::collections::BTreeMap::new(), body: body.to_owned() };
            let fault = classify(reply).unwrap_err().at(provider);
            (fault.class, fault.may_be_billed())
        };
        for (status, body, openai, azure) in [
            (400, long, (Class::BadItem, false), (Class::BadItem, true)),
            (400, r#"{"error":{"message":"unknown parameter"}}"#, (Class::BadItem, false), (Class::BadItem, false)),
            (400, r#"{"error":{"code":"content_filter"}}"#, (Class::Filtered, true), (Class::Filtered, true)),
            (408, "{}", (Class::Refused, false), (Class::Ambiguous, true)),
            (429, "{}", (Class::Refused, false), (Class::Refused, false)),
        ] {
            assert_eq!((at(ProviderKind::OpenAi, status, body), at(ProviderKind::Azure, status, body)), (openai, azure), "{status} {body}");
        }
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let wait = |headers: &[(&str, &str)]| sorted(429, headers, "x").1;
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "9")]), Some(Duration::from_secs(9)));
        let (date, later, earlier) = ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:20:00 GMT");
        assert_eq!(wait(&[("date", date), ("retry-after", later)]), Some(Duration::from_secs(30)));
        assert_eq!(wait(&[("date", date), ("retry-after", earlier)]), None, "in the past");
        assert_eq!(wait(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        for nothing in ["-5", "0"] {
            assert_eq!(wait(&[("retry-after", nothing)]), None);
        }
        let body = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"x.QuotaFailure"},{"@type":"x.RetryInfo","retryDelay":"37s"}]}}"#;
        assert_eq!(sorted(429, &[], body).1, Some(Duration::from_secs(37)));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("date", date), ("retry-after", "Wednesday, 21-Oct-15 07:28:09 GMT")]), Some(Duration::from_secs(9)));
        assert_eq!(wait(&[("date", date), ("retry-after", "Wed Oct 21 07:28:07 2015")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after-ms", "2800.5"), ("retry-after", "1, 3")]), Some(Duration::from_secs(3)));
        assert_eq!(wait(&[("retry-after-ms", "0"), ("retry-after", "3")]), Some(Duration::from_secs(3)));
        assert!(wait(&[("retry-after", "inf")]).is_some_and(|wait| wait.as_secs() > 1_000_000_000));
        let words = r#"{"error":{"message":"Rate limit reached. Please try again in 2.8s. Visit ..."}}"#;
        assert_eq!(sorted(429, &[], words).1, Some(Duration::from_millis(2800)));
        assert_eq!(sorted(429, &[], &words.replace("2.8s", "2 minutes")).1, Some(Duration::from_mins(2)));
        let soon = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_mins(1));
        assert!(wait(&[("retry-after", &soon)]).is_some_and(|wait| (50..=60).contains(&wait.as_secs())), "no date: our own clock");
    }

    #[test]
    fn a_success_that_is_none_is_seen_through() {
        let of = |body: &str| {
            classify(Reply { status: 200, headers: std::collections::BTreeMap::new(), body: body.to_owned() }).map_err(|fault| fault.class)
        };
        assert_eq!(of("").unwrap_err(), Class::Ambiguous);
        assert_eq!(of(r#"{"choices":[{"mess"#).unwrap_err(), Class::Ambiguous);
        assert_eq!(of(r#"{"error":{"code":429,"message":"busy"}}"#).unwrap_err(), Class::Refused);
        assert_eq!(of(r#"{"error":{"code":"401"}}"#).unwrap_err(), Class::Stopped(StopKind::Auth));
        for whole in [r#"{"choices":[],"error":{"code":500}}"#, r#"{"error":"x"}"#, "<html>maintenance</html>", "null"] {
            assert!(of(whole).is_ok(), "{whole}");
        }
    }

    #[test]
    fn waits_grow_and_stay_bounded() {
        let digest = Digest::of(b"x");
        for failures in 0..40 {
            let wait = backoff(Duration::from_millis(500), failures, &digest);
            let whole = Duration::from_millis(500).saturating_mul(1 << failures.min(16)).min(Duration::from_mins(1));
            assert!(wait >= whole / 2 && wait <= whole, "{failures}: {wait:?}");
        }
    }
}
