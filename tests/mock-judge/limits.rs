//! Token buckets, and the gates that a `Retry-After` closes.

use std::time::{Duration, Instant};

use crate::config::Limits;

/// A bucket that fills evenly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// What a rested one holds.
    pub(crate) capacity: f64,
    /// What it holds now.
    pub(crate) level: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    fn new(per_minute: f64, capacity: f64, now: Instant) -> Self {
        Self { capacity, level: capacity, per_second: per_minute / 60.0, at: now }
    }

    fn fill(&mut self, now: Instant) {
        let grown = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.level = (self.level + grown).min(self.capacity);
        self.at = now;
    }

    /// Until it holds `amount`; `None` if it never will.
    fn wait(&self, amount: f64) -> Option<Duration> {
        if amount > self.capacity {
            return None;
        }
        Some(Duration::from_secs_f64((amount - self.level).max(0.0) / self.per_second))
    }

    /// Until it is full.
    pub(crate) fn until_full(&self) -> Duration {
        Duration::from_secs_f64((self.capacity - self.level) / self.per_second)
    }
}

/// A request that cannot go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It can after this time.
    Later(Duration),
    /// It needs more tokens than the bucket ever holds.
    Never,
}

/// What is left of the limits, and the promises made.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    /// Requests.
    pub(crate) requests: Option<Bucket>,
    /// Tokens.
    pub(crate) tokens: Option<Bucket>,
    /// When it was promised, and until when.
    gate: Option<(Instant, Instant)>,
}

impl Gatekeeper {
    /// Full buckets, an open gate.
    pub(crate) fn new(limits: Option<Limits>, now: Instant) -> Self {
        let limits = limits.unwrap_or_default();
        let requests = limits.rpm.map(|rpm| Bucket::new(rpm, limits.burst.unwrap_or(rpm).max(1.0), now));
        let tokens = limits.tpm.map(|tpm| Bucket::new(tpm, tpm, now));
        Self { requests, tokens, gate: None }
    }

    /// Takes a request of `tokens`, or nothing.
    pub(crate) fn take(&mut self, tokens: u64, now: Instant) -> Result<(), Over> {
        let mut buckets: Vec<(&mut Bucket, f64)> = [(self.requests.as_mut(), 1.0), (self.tokens.as_mut(), tokens as f64)]
            .into_iter()
            .filter_map(|(bucket, amount)| Some((bucket?, amount)))
            .collect();
        buckets.iter_mut().for_each(|(bucket, _)| bucket.fill(now));
        let waits: Option<Vec<Duration>> = buckets.iter().map(|(bucket, amount)| bucket.wait(*amount)).collect();
        let wait = waits.ok_or(Over::Never)?.into_iter().max().unwrap_or_default();
        if wait > Duration::ZERO {
            return Err(Over::Later(wait));
        }
        buckets.iter_mut().for_each(|(bucket, amount)| bucket.level -= *amount);
        Ok(())
    }

    /// Promises that nobody is wanted before `until`. An earlier promise that reaches further stands.
    pub(crate) fn close(&mut self, now: Instant, until: Instant) {
        if self.gate.is_none_or(|(_, known)| known < until) {
            self.gate = Some((now, until));
        }
    }

    /// If the gate is closed: how long ago the promise was made.
    pub(crate) fn closed_since(&self, now: Instant) -> Option<Duration> {
        self.gate.filter(|(_, until)| now < *until).map(|(made, _)| now.saturating_duration_since(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_empty_and_fill() {
        let now = Instant::now();
        let limits = Limits { rpm: Some(60.0), tpm: Some(600.0), burst: Some(2.0), retry_after: None };
        let mut gates = Gatekeeper::new(Some(limits), now);
        assert_eq!((gates.take(10, now), gates.take(10, now)), (Ok(()), Ok(())));
        assert_eq!(gates.take(10, now), Err(Over::Later(Duration::from_secs(1))));
        assert_eq!(gates.take(10, now + Duration::from_secs(1)), Ok(()));
        assert_eq!(gates.take(601, now), Err(Over::Never));
        let later = now + Duration::from_secs(10);
        assert_eq!(gates.take(600, later), Ok(()));
        assert_eq!(gates.take(5, later), Err(Over::Later(Duration::from_millis(500))));
        assert_eq!(gates.requests.unwrap().until_full(), Duration::from_secs(1));
    }

    #[test]
    fn the_furthest_promise_stands() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut gates = Gatekeeper::new(None, now);
        assert_eq!(gates.closed_since(now), None);
        gates.close(now, at(5));
        gates.close(at(1), at(3));
        assert_eq!(gates.closed_since(at(4)), Some(Duration::from_secs(4)));
        assert_eq!(gates.closed_since(at(5)), None);
    }
}
