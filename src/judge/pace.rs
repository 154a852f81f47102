//! The rate of requests that a server bears, learnt from its refusals: most of those that refuse never say it.
//!
//! Between two refusals a server's own bucket is emptied once and filled again, so what was served in that time is its rate, or less where the
//! bucket ran over. First the rate is sought by doubling; once found, sends go at it, and it is tried again ever more boldly the longer nothing is
//! refused, as CUBIC does for windows (RFC 9438): slowly near the known limit, and fast when the limit must have moved.

use std::time::Duration;

use tokio::time::Instant;

/// Timers are late by a millisecond or two, which must not slow the pace: sends of so many seconds may be made up for.
const LATE: f64 = 2e-3;
/// While it is sought, the rate doubles in the time for which a refusal kept everybody waiting, within these bounds in seconds.
const DOUBLING: (f64, f64) = (1.0, 5.0);
/// Seconds after which a rate that was found has doubled; at least so many, and so many times the wait that a refusal costs.
const TRYING: f64 = 10.0;
const TRYING_FOR_WAIT: f64 = 20.0;
/// What is kept of the rate that was reached when it was refused: on the way of seeking, after too few requests to know better, and at the least and most.
const SOUGHT: f64 = 0.8;
const UNSURE: f64 = 0.9;
const KEPT: (f64, f64) = (0.94, 0.99);
/// Requests that were served between two refusals, from which their rate is taken to be the server's.
const SURE: u32 = 8;
/// The shortest time that is divided by, in seconds.
const SHORTEST: f64 = 1e-3;

/// What is known of the rate.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// `None` until something was refused: then nobody is held back.
    span: Option<Span>,
    /// A refusal that nothing was sent after yet, and the rate that had been reached.
    refused: Option<(Instant, Option<f64>)>,
    /// `None` until two refusals tell how much is served between them.
    rate: Option<Rate>,
}

/// The time since a refusal.
#[derive(Debug, Clone, Copy)]
struct Span {
    since: Instant,
    sent: u32,
    refused: u32,
}

/// A rate that grows, and the bucket that it fills.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// A second.
    base: f64,
    growth: Growth,
    /// Seconds in which it grew: those in which nobody wanted to send are no proof.
    grown: f64,
    level: f64,
    at: Instant,
}

/// How a rate grows, each with its time in seconds.
#[derive(Debug, Clone, Copy)]
enum Growth {
    Sought(f64),
    Found(f64),
}

impl Pace {
    /// When the next request may leave.
    pub(super) fn ready(&mut self, now: Instant) -> Instant {
        self.rate.as_mut().map_or(now, |rate| rate.ready(now))
    }

    /// A request leaves.
    pub(super) fn sent(&mut self, now: Instant) {
        if let Some((at, reached)) = self.refused.take() {
            self.learn(at, reached, now);
        }
        self.span.iter_mut().for_each(|span| span.sent += 1);
        self.rate.iter_mut().for_each(|rate| rate.level -= 1.0);
    }

    /// The server refused a request. Those that left before it was known to be too many are no news.
    pub(super) fn refused(&mut self, news: bool, now: Instant) {
        self.span.iter_mut().for_each(|span| span.refused += 1);
        if news && self.refused.is_none() {
            self.refused = Some((now, self.rate.as_ref().map(Rate::per_second)));
        }
    }

    /// By now all that were refused together are known, so that what was served before is, too.
    fn learn(&mut self, at: Instant, reached: Option<f64>, now: Instant) {
        let wait = seconds(now - at);
        let served = self.span.map(|span| (span, span.sent.saturating_sub(span.refused)));
        // A server that was down for everybody told nothing of its rate.
        if let Some((span, served)) = served.filter(|(_, served)| *served > 0) {
            let per_second = f64::from(served) / seconds(at - span.since);
            let (base, growth) = match self.rate.zip(reached) {
                Some((rate, reached)) => (rate.after(reached, served, per_second), Growth::Found(TRYING.max(TRYING_FOR_WAIT * wait))),
                None => (per_second, Growth::Sought(wait.clamp(DOUBLING.0, DOUBLING.1))),
            };
            self.rate = Some(Rate { base, growth, grown: 0.0, level: 1.0, at: now });
        }
        self.span = Some(Span { since: at, sent: 0, refused: 0 });
    }
}

impl Rate {
    fn per_second(&self) -> f64 {
        self.base
            * match self.growth {
                Growth::Sought(doubling) => (self.grown / doubling).min(64.0).exp2(),
                Growth::Found(time) => 1.0 + (self.grown / time).powi(3),
            }
    }

    /// The rate to go on with after a refusal at `reached`, when `served` requests were served since the last one, so many `per_second`.
    fn after(&self, reached: f64, served: u32, per_second: f64) -> f64 {
        match self.growth {
            // Refused before it could double: it was right.
            Growth::Sought(_) if reached < 2.0 * self.base => (self.base * KEPT.1).max(reached * SOUGHT),
            Growth::Sought(_) => reached * SOUGHT,
            Growth::Found(_) if served < SURE => reached * UNSURE,
            Growth::Found(_) => per_second.clamp(reached * KEPT.0, reached * KEPT.1),
        }
    }

    fn ready(&mut self, now: Instant) -> Instant {
        let (passed, per_second) = (now.duration_since(self.at).as_secs_f64(), self.per_second());
        // What ran over was not wanted.
        let most = 1.0 + LATE * per_second;
        let used = passed.min((most - self.level).max(0.0) / per_second);
        self.level = (self.level + passed * per_second).min(most);
        self.grown += used;
        self.at = now;
        let missing = (1.0 - self.level) / self.per_second();
        // A nanosecond later: rounding must not wake anyone early.
        if missing <= 0.0 { now } else { now + Duration::from_secs_f64(missing.min(1e6)) + Duration::from_nanos(1) }
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64().max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use super::{Duration, Instant, Pace};

    /// A server with a bucket, and how it words its refusals.
    struct Server {
        per_second: f64,
        bucket: f64,
        whole_seconds: bool,
    }

    /// Asks `server` `requests` times, 16 at once, each for `latency` seconds, and waits as long as it says; the share of the ideal throughput, and
    /// refusals.
    fn asked(server: &Server, requests: u32, latency: f64) -> (f64, u32) {
        let (start, mut pace) = (Instant::now(), Pace::default());
        let moment = |time: f64| start + Duration::from_secs_f64(time);
        let nanos = |time: f64| (time * 1e9).round() as u64;
        let (mut left, mut in_flight, mut refusals, mut level, mut filled, mut held, mut decreased) =
            (requests, 0, 0, server.bucket, 0.0, 0.0, 0.0);
        // When a reply comes, whether it is a refusal and of a request sent when, and the wait that it asks for.
        let mut replies: BinaryHeap<Reverse<(u64, u64, u64)>> = BinaryHeap::new();
        let mut now = 0.0_f64;
        let mut last = 0.0;
        while left > 0 || in_flight > 0 {
            while left > 0 && in_flight < 16 && now >= held && pace.ready(moment(now)) <= moment(now) {
                pace.sent(moment(now));
                level = f64::min(server.bucket, level + (now - filled) * server.per_second);
                filled = now;
                (left, in_flight) = (left - 1, in_flight + 1);
                if level >= 1.0 {
                    level -= 1.0;
                    replies.push(Reverse((nanos(now + latency), nanos(now), 0)));
                } else {
                    let wait = (1.0 - level) / server.per_second + 0.001;
                    let wait = if server.whole_seconds { wait.ceil() } else { wait };
                    replies.push(Reverse((nanos(now + 0.002), nanos(now), nanos(wait))));
                }
            }
            let reply = replies.peek().map_or(f64::INFINITY, |Reverse((at, ..))| *at as f64 / 1e9);
            let turn =
                if left > 0 && in_flight < 16 { f64::max(held, (pace.ready(moment(now)) - start).as_secs_f64()) } else { f64::INFINITY };
            if turn < reply {
                // Timers are late.
                now = turn + 0.0005;
                continue;
            }
            let Some(Reverse((at, sent, wait))) = replies.pop() else { break };
            now = f64::max(now, at as f64 / 1e9);
            in_flight -= 1;
            if wait == 0 {
                last = now;
                continue;
            }
            (left, refusals) = (left + 1, refusals + 1);
            held = f64::max(held, now + wait as f64 / 1e9);
            let news = sent as f64 / 1e9 >= decreased;
            pace.refused(news, moment(now));
            if news {
                decreased = now;
            }
        }
        let ideal = f64::max((f64::from(requests) - server.bucket) / server.per_second, f64::from(requests) * latency / 16.0) + latency;
        (ideal / last, refusals)
    }

    #[test]
    fn a_server_that_says_how_long_to_wait_is_used_to_its_limit() {
        for (per_second, bucket, latency) in [(10.0, 10.0, 0.02), (2.0, 5.0, 0.5), (50.0, 10.0, 0.02), (30.0, 60.0, 0.3)] {
            let (share, refusals) = asked(&Server { per_second, bucket, whole_seconds: false }, 1000, latency);
            assert!(
                share >= 0.95 && refusals < 150,
                "{per_second} a second, bucket of {bucket}: {share:.3} of the ideal, {refusals} refusals"
            );
        }
    }

    #[test]
    fn a_bucket_of_one_request_forgives_nothing() {
        let (share, refusals) = asked(&Server { per_second: 10.0, bucket: 1.0, whole_seconds: false }, 1000, 0.1);
        assert!(share >= 0.93 && refusals < 80, "{share:.3} of the ideal, {refusals} refusals");
    }

    #[test]
    fn one_that_says_whole_seconds_is_not_asked_in_vain() {
        for (per_second, bucket) in [(10.0, 10.0), (2.0, 5.0), (5.0, 30.0)] {
            let (share, refusals) = asked(&Server { per_second, bucket, whole_seconds: true }, 1000, 0.1);
            assert!(
                share >= 0.95 && refusals < 150,
                "{per_second} a second, bucket of {bucket}: {share:.3} of the ideal, {refusals} refusals"
            );
        }
        // Each refusal costs a second in which its bucket runs over.
        let (share, refusals) = asked(&Server { per_second: 50.0, bucket: 5.0, whole_seconds: true }, 2000, 0.1);
        assert!(share >= 0.7 && refusals < 60, "{share:.3} of the ideal, {refusals} refusals");
    }

    #[test]
    fn nobody_is_held_back_before_a_refusal_and_a_server_that_is_down_teaches_nothing() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for _ in 0..100 {
            assert_eq!(pace.ready(start), start);
            pace.sent(start);
        }
        let look = |pace: &mut Pace, moment| {
            pace.refused(true, at(moment));
            pace.sent(at(moment + 1));
        };
        (1..10).for_each(|moment| look(&mut pace, moment));
        assert_eq!(pace.ready(at(11)), at(11));
        // Ten were served in ten seconds.
        (0..10).for_each(|_| pace.sent(at(11)));
        look(&mut pace, 20);
        let learnt = pace.rate.unwrap().base;
        assert!((0.9..1.1).contains(&learnt), "{learnt}");
        (21..30).for_each(|moment| look(&mut pace, moment));
        assert!((pace.rate.unwrap().base - learnt).abs() < 1e-9);
    }
}
