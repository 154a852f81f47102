//! Token buckets, and what servers say of theirs in headers.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Something that refills evenly and is taken from in lumps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    per_second: f64,
    /// Most that may be saved up.
    capacity: f64,
    /// What is there; below 0 what was taken on credit.
    level: f64,
    /// The rate that the user set, which no server raises.
    ceiling: f64,
    at: Instant,
    /// What is left of a window whose amount comes back whole, where the server counts by such.
    window: Option<Window>,
}

/// The rest of a window.
#[derive(Debug, Clone, Copy)]
struct Window {
    left: f64,
    until: Instant,
}

/// What a server says of one of its rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// Per minute, by the server's own word.
    pub(super) limit: f64,
    remaining: f64,
    /// Until it is full again.
    reset: Option<Duration>,
    /// Whether it then comes back whole and nothing of it before: a window, no bucket that refills.
    whole: bool,
}

/// The longest time that is told apart, in seconds.
pub(super) const LONGEST: f64 = 4e9;
const DAY: Duration = Duration::from_hours(24);
/// What of a minute's amount may be saved up while nothing is known of the server's own bucket: one request, so that sends are spaced evenly.
const SAVED_UP: f64 = 1.0;

impl Bucket {
    /// One that gives `per_minute` evenly, and never more.
    pub(super) fn new(per_minute: f64, now: Instant) -> Self {
        let per_second = per_minute.max(f64::MIN_POSITIVE) / 60.0;
        Self { per_second, capacity: SAVED_UP, level: SAVED_UP, at: now, ceiling: per_second, window: None }
    }

    /// One that gives what the server says.
    pub(super) fn told(seen: &Seen, now: Instant) -> Self {
        Self { ceiling: f64::INFINITY, ..Self::new(seen.limit, now) }
    }

    /// When `amount` may be taken. More than fits is taken on credit once the bucket is full.
    pub(super) fn ready(&mut self, amount: f64, now: Instant) -> Instant {
        self.refill(now);
        let until = self.window.filter(|window| amount.min(self.capacity) > window.left + 1e-9).map_or(now, |window| window.until);
        if self.window.is_some() && self.ceiling.is_infinite() {
            return until;
        }
        until.max(self.refilled(amount, now))
    }

    /// When it holds `amount` again by what comes evenly.
    fn refilled(&self, amount: f64, now: Instant) -> Instant {
        let missing = amount.min(self.capacity) - self.level;
        // A nanosecond later: rounding must not wake anyone early.
        if missing <= 1e-9 { now } else { now + Duration::from_secs_f64((missing / self.per_second).min(1e6)) + Duration::from_nanos(1) }
    }

    /// Whether it gives less than the user's own rate because the server says so.
    pub(super) fn is_servers(&self) -> bool {
        self.per_second < self.ceiling || self.window.is_some_and(|window| window.left < 1.0)
    }

    pub(super) fn take(&mut self, amount: f64) {
        self.level -= amount;
        self.window.iter_mut().for_each(|window| window.left -= amount);
    }

    /// Takes `counted` in place of what was `taken` for it before. What that gives back was nobody's meanwhile: it may be saved up beyond one request, as
    /// much of it as a minute gives. What it owes is waited for.
    pub(super) fn settle(&mut self, taken: f64, counted: f64, now: Instant) {
        self.refill(now);
        let most = self.capacity.max(60.0 * self.per_second).max(self.level);
        self.level = (self.level + taken - counted).min(most);
    }

    /// Believes the server. `unseen` was sent and not yet counted by it.
    pub(super) fn correct(&mut self, seen: &Seen, unseen: f64, now: Instant) {
        self.refill(now);
        let left = seen.remaining - unseen;
        self.window = seen.reset.filter(|_| seen.whole).map(|reset| Window { left, until: now + reset });
        let missing = seen.limit - seen.remaining;
        // The time until it is full tells the true rate, be it per minute or per day.
        let told =
            seen.reset.filter(|_| !seen.whole).map(|reset| missing / reset.as_secs_f64()).filter(|rate| rate.is_finite() && *rate > 0.0);
        // A window is emptied as fast as the user will.
        let rate = if self.window.is_some() && self.ceiling.is_finite() { self.ceiling } else { told.unwrap_or(seen.limit / 60.0) };
        self.per_second = rate.max(f64::MIN_POSITIVE).min(self.ceiling);
        if self.ceiling.is_finite() {
            // Spaced evenly as the user said, or later.
            self.level = self.level.min(left);
        } else {
            self.capacity = seen.limit.max(SAVED_UP);
            self.level = left.min(self.capacity);
        }
    }

    fn refill(&mut self, now: Instant) {
        if self.window.take_if(|window| window.until <= now).is_some() && self.ceiling.is_infinite() {
            self.level = self.capacity;
        }
        let most = self.capacity.max(self.level);
        self.level = (self.level + now.duration_since(self.at).as_secs_f64() * self.per_second).min(most);
        self.at = now;
    }
}

impl Seen {
    /// Of requests. Vendors' own headers are those of buckets that refill; the common ones (draft-ietf-httpapi-ratelimit-headers, up to its seventh
    /// edition) are of windows: the reset is when the quota comes back.
    pub(super) fn requests(headers: &BTreeMap<String, String>) -> Option<Self> {
        let evenly = ["x-ratelimit-{}-requests", "anthropic-ratelimit-requests-{}"].iter().find_map(|form| Self::read(headers, form));
        evenly.or_else(|| Self::read(headers, "ratelimit-{}").map(|seen| Self { whole: true, ..seen }))
    }

    /// Of tokens.
    pub(super) fn tokens(headers: &BTreeMap<String, String>) -> Option<Self> {
        ["x-ratelimit-{}-tokens", "anthropic-ratelimit-input-tokens-{}", "anthropic-ratelimit-tokens-{}"]
            .iter()
            .find_map(|form| Self::read(headers, form))
    }

    fn read(headers: &BTreeMap<String, String>, form: &str) -> Option<Self> {
        let field = |name: &str| headers.get(&form.replace("{}", name)).map(|value| value.trim());
        let number = |name: &str| field(name)?.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let reset = field("reset").and_then(|reset| duration(reset, headers.get("date").map(String::as_str)));
        // No rate is for longer than a day; what says so is a moment in some form of its own.
        let reset = reset.filter(|reset| *reset <= DAY);
        Some(Self { limit: number("limit").filter(|&limit| limit > 0.0)?, remaining: number("remaining")?, reset, whole: false })
    }
}

/// `1s`, `6m0s`, `20ms`, plain seconds, or a moment (RFC 3339) measured against the server's own clock.
pub(super) fn duration(text: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        // What is beyond any calendar is a very long time.
        return (!seconds.is_nan()).then(|| Duration::from_secs_f64(seconds.clamp(0.0, LONGEST)));
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        let now = jiff::fmt::rfc2822::parse(date?).ok()?.timestamp();
        return Duration::try_from_secs_f64(moment.duration_since(now).as_secs_f64().max(0.0)).ok();
    }
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += amount
            * match &rest[..unit] {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, Duration, Seen, duration};

    #[test]
    fn resets_are_read_in_every_form() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        for (text, seconds) in [
            ("1s", 1.0),
            ("6m0s", 360.0),
            ("20ms", 0.02),
            ("7m12s", 432.0),
            ("1h2m3.5s", 3723.5),
            ("12", 12.0),
            ("2015-10-21T07:28:30Z", 30.0),
        ] {
            assert_eq!(duration(text, date), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "soon", "-5", "5x", "s"] {
            assert!(duration(text, date).is_none_or(|wait| wait.is_zero()), "{text}");
        }
        assert_eq!(duration("2015-10-21T07:28:30Z", None), None);
    }

    #[test]
    fn both_families_of_headers_are_read() {
        let headers: BTreeMap<String, String> = [
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("x-ratelimit-limit-tokens", "90000"),
            ("x-ratelimit-remaining-tokens", "nonsense"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        assert_eq!(Seen::requests(&headers), Some(Seen { limit: 50.0, remaining: 49.0, reset: None, whole: false }));
        assert_eq!(Seen::tokens(&headers), None);
    }
}
