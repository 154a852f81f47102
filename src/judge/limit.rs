//! Spaces the sends of one judge, and holds them all back when its server asks for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The earliest moments of the next send.
#[derive(Debug)]
pub(super) struct Limiter {
    spacing: Duration,
    moments: Mutex<Moments>,
}

#[derive(Debug, Clone, Copy)]
struct Moments {
    /// The next free turn.
    next: Instant,
    /// Nobody sends before this, not even those whose turn was booked before it was known.
    held: Instant,
}

impl Limiter {
    /// `rpm` requests per minute, evenly; `None` spaces nothing.
    pub(super) fn new(rpm: Option<u32>) -> Self {
        let (spacing, now) = (rpm.map_or(Duration::ZERO, |rpm| Duration::from_mins(1) / rpm.max(1)), Instant::now());
        Self { spacing, moments: Mutex::new(Moments { next: now, held: now }) }
    }

    /// Resolves when it is this caller's turn and nobody is held back.
    pub(super) async fn turn(&self) {
        let mut until = self.book();
        while until > Instant::now() {
            tokio::time::sleep_until(until).await;
            until = self.moments().held;
        }
    }

    /// Nobody sends for `wait`.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut moments = self.moments();
        moments.held = moments.held.max(until);
    }

    fn book(&self) -> Instant {
        let mut moments = self.moments();
        let turn = moments.next.max(moments.held).max(Instant::now());
        moments.next = turn + self.spacing;
        turn
    }

    fn moments(&self) -> MutexGuard<'_, Moments> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[tokio::test(start_paused = true)]
    async fn a_booked_turn_is_held_too() {
        let limiter = Limiter::new(Some(60));
        limiter.turn().await;
        let start = Instant::now();
        let late = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            limiter.hold(Duration::from_secs(9));
        };
        futures_util::future::join(limiter.turn(), late).await;
        assert_eq!(start.elapsed().as_millis(), 9500);
    }
}
