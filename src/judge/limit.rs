//! When the next request may leave: requests and tokens per minute, bytes and requests in flight, and the server's own words.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::pace::Pace;
use super::quiet::{LONGEST_QUIET, Quiet};
use super::rate::{Bucket, Seen};
use super::terms::Limits;

/// Bytes of bodies in flight at once, unless the settings say otherwise.
const BYTES_IN_FLIGHT: u64 = 64 << 20;
/// What an overload leaves of the requests in flight (AIMD: additive increase, multiplicative decrease).
const DECREASE: f64 = 0.7;
/// After so many refusals without an answer between them the server is down for everybody: one request at a time looks whether it is back.
const DOWN_AFTER: u32 = 20;
/// A wait by the server's own rates that is told of.
const WORTH_TELLING: Duration = Duration::from_secs(5);
/// Time before the first such look; it doubles with each one, up to a minute.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// Lets the requests of one judge go one after another, in the order in which they asked.
#[derive(Debug)]
pub(super) struct Limiter {
    /// Held by the one who waits for room, so that no small request overtakes a large one for ever.
    head: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    freed: Notify,
    /// Of the server; other judges may share it.
    pub(super) quiet: Arc<Quiet>,
}

#[derive(Debug)]
struct State {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    pace: Pace,
    /// Nobody sends before this: the server is down.
    held: Instant,
    bytes_limit: u64,
    bytes: u64,
    /// Tokens of requests in flight.
    sent_tokens: f64,
    in_flight: usize,
    /// Most requests in flight; `None` until the server was overloaded for the first time.
    window: Option<f64>,
    /// Refusals since the last answer, and looks at a server that is down.
    refused: u32,
    looks: u32,
    /// The first long wait by the server's own rates, until it is told of.
    slow: Slow,
    /// One overload is one decrease, however many requests it refused: those sent before this moment tell nothing new.
    decreased: Instant,
}

/// Whether the server's rates make everybody wait so long that a user may wonder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    No,
    /// For so long.
    Seen(Duration),
    Told,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) tokens: f64,
    pub(super) bytes: u64,
}

/// How an attempt ended, as far as it tells of the server's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Served,
    /// Put off, and not billed.
    Refused,
    /// Lost on the wire.
    Lost,
}

/// Why a request cannot leave now.
enum Wait {
    Until(Instant),
    Freed,
    /// By the server's own rates, for longer than a run should stand still.
    TooLong(Duration),
}

/// A request on its way; gives its room back when dropped.
#[derive(Debug)]
pub(super) struct Turn<'l> {
    limiter: &'l Limiter,
    load: Load,
    sent: Instant,
}

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        let now = Instant::now();
        let state = State {
            requests: limits.rpm.map(|rpm| Bucket::new(f64::from(rpm), now)),
            tokens: limits.tpm.map(|tpm| Bucket::new(f64::from(tpm), now)),
            pace: Pace::default(),
            held: now,
            bytes_limit: limits.bytes_in_flight.unwrap_or(BYTES_IN_FLIGHT),
            bytes: 0,
            sent_tokens: 0.0,
            in_flight: 0,
            window: None,
            refused: 0,
            looks: 0,
            slow: Slow::No,
            decreased: now,
        };
        Self { head: tokio::sync::Mutex::default(), state: Mutex::new(state), freed: Notify::new(), quiet: Arc::default() }
    }

    /// Resolves when it is this caller's turn, there is room, and nobody is held back. The error is how long that would take by what the server's headers
    /// say of its rates, where it is longer than a run should stand still.
    pub(super) async fn turn(&self, load: Load) -> Result<Turn<'_>, Duration> {
        let _head = self.head.lock().await;
        loop {
            let freed = self.freed.notified();
            let admitted = self.state().admit(load, Instant::now(), self.quiet.until());
            match admitted {
                Ok(()) => return Ok(Turn { limiter: self, load, sent: Instant::now() }),
                // What comes back may have given tokens back.
                Err(Wait::Until(moment)) => tokio::select! { () = tokio::time::sleep_until(moment) => {}, () = freed => {} },
                Err(Wait::Freed) => freed.await,
                Err(Wait::TooLong(wait)) => return Err(wait),
            }
        }
    }

    /// How long the server's rates made the next request wait, once, where that was long.
    pub(super) fn slow(&self) -> Option<Duration> {
        let mut state = self.state();
        let Slow::Seen(wait) = state.slow else { return None };
        state.slow = Slow::Told;
        Some(wait)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&mut self, load: Load, now: Instant, quiet: Instant) -> Result<(), Wait> {
        let idle = self.in_flight == 0;
        let window = if self.looks > 0 { Some(1.0) } else { self.window };
        let crowded = window.is_some_and(|window| self.in_flight as f64 >= window.max(1.0));
        // What is larger than the limit goes alone.
        if !idle && (crowded || self.bytes + load.bytes > self.bytes_limit) {
            return Err(Wait::Freed);
        }
        let wait = |bucket: &Option<Bucket>, amount| bucket.filter(Bucket::is_servers).map(|mut bucket| bucket.ready(amount, now) - now);
        let longest = wait(&self.requests, 1.0).max(wait(&self.tokens, load.tokens));
        // What is on its way may bring better news.
        if let Some(wait) = longest.filter(|wait| idle && *wait > LONGEST_QUIET) {
            return Err(Wait::TooLong(wait));
        }
        if let Some(wait) = longest.filter(|wait| self.slow == Slow::No && (WORTH_TELLING..LONGEST_QUIET).contains(wait)) {
            self.slow = Slow::Seen(wait);
        }
        let ready = |bucket: &mut Option<Bucket>, amount| bucket.as_mut().map(|bucket| bucket.ready(amount, now));
        let moments = [
            Some(self.held),
            Some(quiet),
            Some(self.pace.ready(now)),
            ready(&mut self.requests, 1.0),
            ready(&mut self.tokens, load.tokens),
        ];
        if let Some(moment) = moments.into_iter().flatten().max().filter(|&moment| moment > now) {
            return Err(Wait::Until(moment));
        }
        self.requests.iter_mut().for_each(|bucket| bucket.take(1.0));
        self.tokens.iter_mut().for_each(|bucket| bucket.take(load.tokens));
        self.pace.sent(now);
        self.in_flight += 1;
        self.bytes += load.bytes;
        self.sent_tokens += load.tokens;
        Ok(())
    }

    /// Those refused while everybody waits were under way already, and tell nothing new but that one should look first.
    fn refuse(&mut self, now: Instant) {
        self.refused += 1;
        if self.refused < DOWN_AFTER {
            return;
        }
        if self.held <= now {
            self.held = now + FIRST_LOOK.saturating_mul(1 << self.looks.min(7)).min(Duration::from_mins(1));
            self.looks += 1;
        }
        self.looks = self.looks.max(1);
    }
}

impl Turn<'_> {
    /// Resolves when nobody is held back.
    pub(super) async fn held(&self) {
        loop {
            let held = self.limiter.state().held.max(self.limiter.quiet.until());
            if held <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(held).await;
        }
    }

    /// Takes in what the server counted: what was estimated too high may be used by others, and what was estimated too low is owed.
    pub(super) fn counted(&self, tokens: u64) {
        self.limiter.state().tokens.iter_mut().for_each(|bucket| bucket.settle(self.load.tokens, tokens as f64, Instant::now()));
    }

    /// Takes in what a reply's headers say of the rates, and how the attempt ended.
    pub(super) fn observe(&self, headers: &BTreeMap<String, String>, sign: Sign) {
        let now = Instant::now();
        let mut state = self.limiter.state();
        let others = state.in_flight.saturating_sub(1) as f64;
        // What the server may not have counted when it wrote this.
        let tokens = (state.sent_tokens - self.load.tokens).max(0.0);
        if let Some(seen) = Seen::requests(headers) {
            state.requests.get_or_insert_with(|| Bucket::told(&seen, now)).correct(&seen, others, now);
        }
        if let Some(seen) = Seen::tokens(headers) {
            state.tokens.get_or_insert_with(|| Bucket::told(&seen, now)).correct(&seen, tokens, now);
        }
        if sign == Sign::Served {
            (state.refused, state.looks) = (0, 0);
            state.window = state.window.map(|window| window + 1.0 / window.max(1.0));
            return;
        }
        let news = self.sent >= state.decreased;
        if sign == Sign::Refused {
            state.pace.refused(news, now);
        }
        if news {
            state.window = Some((state.in_flight as f64 * DECREASE).max(1.0));
            state.decreased = now;
        }
        state.refuse(now);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.in_flight -= 1;
        state.bytes -= self.load.bytes;
        // Sums of fractions: nothing in flight is exactly nothing.
        state.sent_tokens = if state.in_flight == 0 { 0.0 } else { state.sent_tokens - self.load.tokens };
        drop(state);
        self.limiter.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::StreamExt as _;

    use super::{BTreeMap, Duration, Instant, Limiter, Limits, Load, Sign};

    const SMALL: Load = Load { tokens: 1.0, bytes: 1 };

    #[tokio::test(start_paused = true)]
    async fn sends_are_spaced_and_held() {
        let limiter = Limiter::new(&Limits { rpm: Some(60), ..Limits::default() });
        let start = Instant::now();
        for _ in 0..4 {
            limiter.turn(SMALL).await.unwrap();
        }
        assert_eq!(start.elapsed().as_secs(), 3);
        limiter.quiet.keep(Duration::from_secs(20));
        limiter.turn(SMALL).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 23);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_waits_already_is_held_too() {
        let limiter = Limiter::new(&Limits { rpm: Some(60), ..Limits::default() });
        limiter.turn(SMALL).await.unwrap();
        let start = Instant::now();
        let late = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            limiter.quiet.keep(Duration::from_secs(9));
        };
        futures_util::future::join(limiter.turn(SMALL), late).await.0.unwrap();
        assert_eq!(start.elapsed().as_millis(), 9500);
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_spaced_and_a_large_request_is_not_starved() {
        let limiter = Limiter::new(&Limits { tpm: Some(6_000), ..Limits::default() });
        let start = Instant::now();
        for _ in 0..3 {
            limiter.turn(Load { tokens: 1_000.0, bytes: 1 }).await.unwrap();
        }
        // 100 tokens a second: the first leaves on credit, each later one when that is paid back.
        assert!((19.0..=21.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }

    /// Half the tokens, as many and twice as many as estimated: what is kept to is what the server counted.
    #[tokio::test(start_paused = true)]
    async fn a_rate_of_tokens_is_that_of_the_servers_counts() {
        const REQUESTS: u32 = 200;
        for (estimated, latency) in [(1_000.0, 2), (1_000.0, 7), (1_000.0, 20), (500.0, 20), (250.0, 2)] {
            let limiter = &Limiter::new(&Limits { tpm: Some(6_000), ..Limits::default() });
            let (start, latency) = (Instant::now(), Duration::from_secs(latency));
            let ask = |_| async move {
                let turn = limiter.turn(Load { tokens: estimated, bytes: 1 }).await.unwrap();
                tokio::time::sleep(latency).await;
                turn.counted(500);
            };
            futures_util::stream::iter(0..REQUESTS).map(ask).buffer_unordered(16).for_each(|()| async {}).await;
            // 100 tokens a second; the first leaves at once.
            let ideal = Duration::from_secs(5) * (REQUESTS - 1) + latency;
            let share = ideal.as_secs_f64() / start.elapsed().as_secs_f64();
            assert!((0.95..=1.05).contains(&share), "{estimated} estimated, {latency:?}: {share:.3} of the ideal");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_in_flight_are_bounded() {
        let limiter = Limiter::new(&Limits { bytes_in_flight: Some(10), ..Limits::default() });
        let first = limiter.turn(Load { tokens: 1.0, bytes: 100 }).await.unwrap();
        let second = limiter.turn(Load { tokens: 1.0, bytes: 1 });
        assert!(tokio::time::timeout(Duration::from_secs(1), second).await.is_err(), "what is too large goes alone");
        drop(first);
        let _eight = limiter.turn(Load { tokens: 1.0, bytes: 8 }).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(1), limiter.turn(Load { tokens: 1.0, bytes: 3 })).await.is_err());
        limiter.turn(Load { tokens: 1.0, bytes: 2 }).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_overload_narrows_once_and_success_widens() {
        let limiter = Limiter::new(&Limits::default());
        let mut turns = Vec::new();
        for _ in 0..10 {
            turns.push(limiter.turn(SMALL).await.unwrap());
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        turns[0].observe(&BTreeMap::new(), Sign::Refused);
        turns[1].observe(&BTreeMap::new(), Sign::Refused);
        assert_eq!(limiter.state().window, Some(7.0));
        turns.truncate(6);
        let seventh = limiter.turn(SMALL).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(1), limiter.turn(SMALL)).await.is_err());
        for _ in 0..8 {
            seventh.observe(&BTreeMap::new(), Sign::Served);
        }
        limiter.turn(SMALL).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_down_is_looked_at_by_one_request_at_a_time() {
        let limiter = Limiter::new(&Limits::default());
        let mut turns = Vec::new();
        for _ in 0..30 {
            turns.push(limiter.turn(SMALL).await.unwrap());
        }
        turns.iter().for_each(|turn| turn.observe(&BTreeMap::new(), Sign::Refused));
        turns.clear();
        let start = Instant::now();
        for wait in [500, 1500, 3500] {
            let look = limiter.turn(SMALL).await.unwrap();
            assert!(start.elapsed().abs_diff(Duration::from_millis(wait)) < Duration::from_millis(20), "{:?}", start.elapsed());
            assert!(tokio::time::timeout(Duration::from_millis(1), limiter.turn(SMALL)).await.is_err(), "only one");
            look.observe(&BTreeMap::new(), Sign::Refused);
        }
        limiter.turn(SMALL).await.unwrap().observe(&BTreeMap::new(), Sign::Served);
        let _first = limiter.turn(SMALL).await.unwrap();
        limiter.turn(SMALL).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_user_set_is_a_ceiling() {
        let limiter = Limiter::new(&Limits { rpm: Some(60), ..Limits::default() });
        let headers =
            [("x-ratelimit-limit-requests", "10000"), ("x-ratelimit-remaining-requests", "9999"), ("x-ratelimit-reset-requests", "6ms")];
        let headers: BTreeMap<_, _> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let start = Instant::now();
        for _ in 0..5 {
            limiter.turn(SMALL).await.unwrap().observe(&headers, Sign::Served);
        }
        assert!((3.9..=4.1).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn headers_seed_and_correct_the_rates() {
        let limiter = Limiter::new(&Limits::default());
        let headers =
            [("x-ratelimit-limit-requests", "60"), ("x-ratelimit-remaining-requests", "2"), ("x-ratelimit-reset-requests", "58s")];
        let headers: BTreeMap<_, _> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        limiter.turn(SMALL).await.unwrap().observe(&headers, Sign::Served);
        let start = Instant::now();
        for _ in 0..5 {
            limiter.turn(SMALL).await.unwrap();
        }
        assert!((2.9..=3.1).contains(&start.elapsed().as_secs_f64()), "two at once, then one a second: {:?}", start.elapsed());
    }

    /// In a window nothing comes back before its end, and then all of it.
    #[tokio::test(start_paused = true)]
    async fn a_window_is_no_bucket_that_refills() {
        let told = |remaining: &str, reset: &str| -> BTreeMap<String, String> {
            [("limit", "10"), ("remaining", remaining), ("reset", reset)]
                .map(|(name, value)| (format!("ratelimit-{name}"), value.to_owned()))
                .into()
        };
        for (rpm, sends) in [(None, [0, 0, 30, 30, 30]), (Some(600), [0, 0, 30, 30, 30]), (Some(6), [10, 20, 30, 40, 50])] {
            let limiter = Limiter::new(&Limits { rpm, ..Limits::default() });
            let start = Instant::now();
            limiter.turn(SMALL).await.unwrap().observe(&told("2", "30"), Sign::Served);
            for expected in sends {
                limiter.turn(SMALL).await.unwrap();
                assert_eq!(start.elapsed().as_secs(), expected, "{rpm:?}");
            }
        }
        let limiter = Limiter::new(&Limits::default());
        let start = Instant::now();
        limiter.turn(SMALL).await.unwrap().observe(&told("0", "2"), Sign::Refused);
        limiter.turn(SMALL).await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 2000);
        limiter.turn(SMALL).await.unwrap().observe(&told("0", "3000"), Sign::Served);
        assert_eq!(limiter.turn(SMALL).await.err().map(|wait| wait.as_secs()), Some(3000), "longer than a run stands still");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_stands_still_for_hours_by_a_servers_headers() {
        let told = |kind: &str, limit: &str, reset: &str| -> BTreeMap<String, String> {
            [("limit", limit), ("remaining", "0"), ("reset", reset)]
                .map(|(name, value)| (format!("x-ratelimit-{name}-{kind}"), value.to_owned()))
                .into()
        };
        let load = Load { tokens: 1_300.0, bytes: 1 };
        for (kind, limit, reset, wait) in [
            ("requests", "3", "20h0m0s", Some(24_000)),
            ("tokens", "100", "20h", Some(72_000)),
            ("tokens", "1000", "1m0s", None),
            ("requests", "10000", "24h", None),
        ] {
            let limiter = Limiter::new(&Limits::default());
            let (first, second) = (limiter.turn(load).await.unwrap(), limiter.turn(load).await.unwrap());
            first.observe(&told(kind, limit, reset), Sign::Served);
            drop(first);
            let third = tokio::time::timeout(Duration::from_secs(1), limiter.turn(load)).await;
            assert!(third.is_err(), "{limit} {kind}: the second may bring better news");
            second.observe(&told(kind, limit, reset), Sign::Served);
            drop(second);
            let refused = limiter.turn(load).await.err().map(|wait| wait.as_secs_f64().round() as u64);
            assert_eq!(refused, wait, "{limit} {kind}");
            let told = limiter.slow().is_some_and(|wait| wait.as_secs() >= 8);
            assert!(told == wait.is_none() && limiter.slow().is_none(), "{limit} {kind}: told once, where it is waited for");
        }
        let own = Limiter::new(&Limits { tpm: Some(1), ..Limits::default() });
        own.turn(load).await.unwrap();
        let start = Instant::now();
        own.turn(load).await.unwrap();
        assert!(start.elapsed() > Duration::from_hours(20) && own.slow().is_none(), "what a user sets is kept to");
    }
}
