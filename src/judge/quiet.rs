//! How long a server asked to be left alone: one for everything that goes there with one key.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longest quiet that is kept; a run that must wait longer stops, and is resumed later.
pub(super) const LONGEST_QUIET: Duration = Duration::from_mins(15);

/// Closed by a `Retry-After`: nothing is sent before it has passed.
#[derive(Debug)]
pub(super) struct Quiet(Mutex<Instant>);

impl Quiet {
    /// Nobody sends for as long as the server asks, from this moment on.
    pub(super) fn keep(&self, asked: Duration) {
        let until = Instant::now() + asked.min(LONGEST_QUIET);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = until.max(*kept);
    }

    /// When it has passed, or had.
    pub(super) fn until(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when it has passed, however often it was prolonged meanwhile.
    pub(super) async fn over(&self) {
        while self.until() > Instant::now() {
            tokio::time::sleep_until(self.until()).await;
        }
    }
}

impl Default for Quiet {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}
