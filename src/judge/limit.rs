//! Spaces the sends of one judge, and holds them all back when its server asks for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The earliest moment of the next send.
#[derive(Debug)]
pub(super) struct Limiter {
    spacing: Duration,
    next: Mutex<Option<Instant>>,
}

impl Limiter {
    /// `rpm` requests per minute, evenly; `None` spaces nothing.
    pub(super) fn new(rpm: Option<u32>) -> Self {
        let spacing = rpm.map_or(Duration::ZERO, |rpm| Duration::from_secs(60) / rpm.max(1));
        Self { spacing, next: Mutex::new(None) }
    }

    /// Resolves when it is this caller's turn.
    pub(super) async fn turn(&self) {
        let turn = self.book(Instant::now());
        tokio::time::sleep_until(turn).await;
    }

    /// Nobody sends for `wait`.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(next.map_or(until, |next| next.max(until)));
    }

    fn book(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.spacing);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Limiter};

    #[tokio::test(start_paused = true)]
    async fn sends_are_spaced_and_held() {
        let limiter = Limiter::new(Some(60));
        let start = Instant::now();
        for _ in 0..4 {
            limiter.turn().await;
        }
        assert_eq!(start.elapsed().as_secs(), 3);
        limiter.hold(Duration::from_secs(20));
        limiter.turn().await;
        assert_eq!(start.elapsed().as_secs(), 23);
    }
}
