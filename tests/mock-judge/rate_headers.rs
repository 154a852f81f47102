//! Rate limits as the vendors' headers tell them, and the forms of `Retry-After`.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::dialect::Dialect;
use crate::failure::Wait;
use crate::http::Response;
use crate::limits::{Bucket, Gatekeeper};
use crate::text::{http_date, rfc3339};

/// Adds what `dialect` tells of its limits.
pub(crate) fn limits(response: &mut Response, dialect: Dialect, gates: &Gatekeeper) {
    match dialect {
        Dialect::Chat | Dialect::Azure | Dialect::Responses => {
            [("requests", gates.requests), ("tokens", gates.tokens)].into_iter().for_each(|(what, bucket)| openai(response, what, bucket));
        }
        Dialect::Anthropic => {
            let all = [("requests", gates.requests), ("input-tokens", gates.tokens), ("output-tokens", gates.tokens)];
            all.into_iter().for_each(|(what, bucket)| anthropic(response, what, bucket));
        }
        Dialect::Gemini | Dialect::Ollama => {}
    }
}

fn openai(response: &mut Response, what: &str, bucket: Option<Bucket>) {
    let Some(bucket) = bucket else { return };
    response.push(&format!("x-ratelimit-limit-{what}"), format!("{}", bucket.capacity.floor()));
    response.push(&format!("x-ratelimit-remaining-{what}"), format!("{}", bucket.level.floor()));
    response.push(&format!("x-ratelimit-reset-{what}"), span(bucket.until_full()));
}

fn anthropic(response: &mut Response, what: &str, bucket: Option<Bucket>) {
    let Some(bucket) = bucket else { return };
    let reset = after(Timestamp::now(), bucket.until_full());
    response.push(&format!("anthropic-ratelimit-{what}-limit"), format!("{}", bucket.capacity.floor()));
    response.push(&format!("anthropic-ratelimit-{what}-remaining"), format!("{}", bucket.level.floor()));
    response.push(&format!("anthropic-ratelimit-{what}-reset"), rfc3339(after(reset, Duration::from_millis(999))));
}

/// Adds the date, and when to come back; closes the gate where that is a promise.
pub(crate) fn dates(response: &mut Response, wait: &Wait, gates: &mut Gatekeeper) {
    let (now, wall) = (Instant::now(), Timestamp::now());
    response.push("date", http_date(wall));
    let promise = match wait {
        Wait::Unsaid => return,
        Wait::Literal(value) => return response.push("retry-after", *value),
        Wait::Seconds(time) => {
            let seconds = time.as_secs_f64().ceil() as u64;
            response.push("retry-after", seconds.to_string());
            Duration::from_secs(seconds)
        }
        Wait::Ms(time) => {
            let ms = (time.as_secs_f64() * 1000.0).ceil() as u64;
            response.push("retry-after-ms", ms.to_string());
            Duration::from_millis(ms)
        }
        Wait::Date(time) => {
            // The Date above was rounded down: only a date rounded up keeps the wait that is due.
            let due = after(wall, *time);
            let date = after(due, Duration::from_nanos(999_999_999)).as_second();
            response.push("retry-after", http_date(Timestamp::from_second(date).unwrap_or(due)));
            // Promised is the date itself, which is never sooner than `time` from now.
            let until = Timestamp::from_second(date).unwrap_or(due).duration_since(wall);
            Duration::try_from(until).unwrap_or_default()
        }
        Wait::Body(time) => *time,
    };
    gates.close(now, now + promise);
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| time.checked_add(wait).ok()).unwrap_or(time)
}

/// `20ms`, `1s`, `1.5s`, `6m0s`
fn span(time: Duration) -> String {
    let ms = (time.as_secs_f64() * 1000.0).ceil() as u64;
    match (ms / 60_000, ms % 60_000) {
        (0, ms) if ms < 1000 => format!("{ms}ms"),
        (0, ms) => format!("{}s", ms as f64 / 1000.0),
        (minutes, ms) => format!("{minutes}m{}s", ms as f64 / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    #[test]
    fn spans_read_as_openai_writes_them() {
        let of = |ms| span(Duration::from_millis(ms));
        assert_eq!([of(20), of(1000), of(1500), of(360_000), of(61_250)], ["20ms", "1s", "1.5s", "6m0s", "1m1.25s"]);
    }

    #[test]
    fn promises_close_the_gate_and_nonsense_does_not() {
        for (wait, closes) in [
            (Wait::Unsaid, false),
            (Wait::Literal("0"), false),
            (Wait::Seconds(Duration::from_millis(1200)), true),
            (Wait::Ms(Duration::from_millis(1200)), true),
            (Wait::Date(Duration::from_secs(2)), true),
            (Wait::Body(Duration::from_secs(2)), true),
        ] {
            let mut gates = Gatekeeper::new(None::<Limits>, Instant::now());
            let mut response = Response::new(429, "text/plain", "");
            dates(&mut response, &wait, &mut gates);
            let soon = Instant::now() + Duration::from_millis(900);
            assert_eq!(gates.closed_since(soon).is_some(), closes, "{wait:?}");
            assert!(gates.closed_since(soon + Duration::from_millis(2200)).is_none(), "{wait:?}");
        }
    }
}
