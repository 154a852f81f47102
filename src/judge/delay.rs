//! How long a server's words ask to wait.

use std::time::Duration;

use super::rate::LONGEST;

/// What stands before the time: OpenAI, Gemini, Azure.
const BEFORE: [&str; 4] = ["again in ", "retry in ", "again after ", "retry after "];
/// Seconds of one of each unit, by all its names.
const UNITS: [(f64, &[&str]); 7] = [
    (1e-6, &["us", "µs", "microsecond", "microseconds"]),
    (1e-3, &["ms", "msec", "msecs", "millisecond", "milliseconds"]),
    (1.0, &["s", "sec", "secs", "second", "seconds"]),
    (60.0, &["m", "min", "mins", "minute", "minutes"]),
    (3_600.0, &["h", "hr", "hrs", "hour", "hours"]),
    (86_400.0, &["d", "day", "days"]),
    (604_800.0, &["w", "week", "weeks"]),
];
/// One of a unit, in words.
const ONE: [&str; 3] = ["a ", "an ", "one "];

/// The longest time that a text asks for: "try again in 1m12.5s", "retry in 2 minutes and 5 seconds", "retry after 30" (seconds).
pub(super) fn asked_in(text: &str) -> Option<Duration> {
    let text = text.to_lowercase();
    let after = BEFORE.iter().flat_map(|before| text.match_indices(before).map(|(at, _)| &text[at + before.len()..]));
    after.filter_map(time).max()
}

/// The time that a text begins with.
fn time(text: &str) -> Option<Duration> {
    let mut rest = text.trim_start();
    let mut total = None;
    while let Some((seconds, after)) = amount(rest) {
        total = Some(total.unwrap_or(0.0) + seconds);
        rest = without(without(after, ","), "and ");
    }
    // What is beyond any calendar is a very long time.
    total.or_else(|| bare(text.trim_start())).map(|seconds| Duration::from_secs_f64(seconds.min(LONGEST)))
}

fn without<'t>(text: &'t str, word: &str) -> &'t str {
    let text = text.trim_start();
    text.strip_prefix(word).unwrap_or(text).trim_start()
}

/// A number with its unit, in seconds, and what follows.
fn amount(text: &str) -> Option<(f64, &str)> {
    let (number, rest) = match ONE.iter().find_map(|one| text.strip_prefix(one)) {
        Some(rest) => (1.0, rest),
        None => number(text)?,
    };
    let rest = rest.trim_start();
    let (unit, rest) = rest.split_at(rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len()));
    let (seconds, _) = UNITS.iter().find(|(_, names)| names.contains(&unit))?;
    Some((number * seconds, rest))
}

/// A number that stands alone: seconds. A date or a time of day begins with none such.
fn bare(text: &str) -> Option<f64> {
    let (number, rest) = number(text)?;
    let alone = rest.chars().next().is_none_or(|c| c.is_whitespace() || ",;!)\"'".contains(c));
    alone.then_some(number)
}

/// A decimal number, without the full stop that may follow it, and the rest.
fn number(text: &str) -> Option<(f64, &str)> {
    let digits = text[..text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len())].trim_end_matches('.');
    let rest = &text[digits.len()..];
    Some((digits.parse().ok()?, rest.trim_start_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::{Duration, asked_in};

    #[test]
    fn units_are_read_as_they_are_said() {
        for (text, seconds) in [
            ("Please try again in 2.8s. Visit the page", 2.8),
            ("Please try again in 1m12.5s.", 72.5),
            ("Please try again in 20ms", 0.02),
            ("try again in 2 minutes", 120.0),
            ("Try again in 1 hour", 3_600.0),
            ("try again in 1 hour, 5 minutes, and 2 seconds or call us", 3_902.0),
            ("try again in 1h2m3.5s", 3_723.5),
            ("try again in 7 min.", 420.0),
            ("try again in a minute", 60.0),
            ("try again in an hour", 3_600.0),
            ("try again in 2 days", 172_800.0),
            ("Please retry in 37.25s, 3 requests are left", 37.25),
            ("Please retry after 6 seconds.", 6.0),
            ("try again in 0.5 milliseconds", 0.0005),
            ("try again in 12", 12.0),
            ("try again in 12.", 12.0),
            ("try again in 12 (limit 3)", 12.0),
            ("do not try again in vain; retry in 5 s", 5.0),
            ("retry in 5s, or try again in 1 minute", 60.0),
        ] {
            assert_eq!(asked_in(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        let words =
            ["again in a moment", "retry after 2026-11-30", "retry after 15:30", "again in a few minutes", "again in -5 s", "wait 5 s"];
        for text in words.into_iter().chain(["", "again in ", "retry in .", "again in 1.2.3 s"]) {
            assert_eq!(asked_in(text), None, "{text}");
        }
        let long = format!("again in 9{} days", "0".repeat(400));
        assert!(asked_in(&long).unwrap() >= Duration::from_secs(4_000_000_000));
    }
}
