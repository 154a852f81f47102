//! The flag that ends a run early, or pauses it until batches give back what its budget lacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Raised once, by a signal or by a judge that cannot go on; nothing new is started after that. A pause does the same until it is lifted.
#[derive(Debug, Clone)]
pub struct StopFlag {
    halt: watch::Sender<Option<Halt>>,
    begun: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Halt {
    reason: String,
    for_good: bool,
}

impl Default for StopFlag {
    fn default() -> Self {
        Self { halt: watch::Sender::new(None), begun: Arc::new(AtomicBool::new(true)) }
    }
}

impl StopFlag {
    /// A flag for work that has not begun: nobody looks at it before [`begin`](Self::begin).
    pub fn for_later() -> Self {
        let flag = Self::default();
        flag.begun.store(false, Ordering::Relaxed);
        flag
    }

    /// From now on the flag is looked at.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether raising the flag has an effect yet.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Raises the flag; the first reason stays.
    pub fn raise(&self, reason: impl Into<String>) {
        self.halt(Halt { reason: reason.into(), for_good: true });
    }

    /// Raises the flag until [`lift`](Self::lift), unless it is up.
    pub(super) fn pause(&self, reason: impl Into<String>) {
        self.halt(Halt { reason: reason.into(), for_good: false });
    }

    fn halt(&self, halt: Halt) {
        self.halt.send_if_modified(|current| {
            let goes = current.as_ref().is_none_or(|before| halt.for_good && !before.for_good);
            if goes {
                *current = Some(halt);
            }
            goes
        });
    }

    /// Ends a pause, and says why there was one. What was raised for good stays.
    pub(super) fn lift(&self) -> Option<String> {
        let mut paused = None;
        self.halt.send_if_modified(|current| {
            paused = current.take_if(|halt| !halt.for_good);
            paused.is_some()
        });
        paused.map(|halt| halt.reason)
    }

    /// Why, when it was raised.
    pub fn reason(&self) -> Option<String> {
        self.halt.borrow().as_ref().map(|halt| halt.reason.clone())
    }

    /// Whether it was raised.
    pub(super) fn is_raised(&self) -> bool {
        self.halt.borrow().is_some()
    }

    /// Resolves once it is raised.
    pub(super) async fn raised(&self) {
        let mut watcher = self.halt.subscribe();
        // An error would mean that the sender is gone, and `self` is the sender.
        let _ = watcher.wait_for(Option::is_some).await;
    }
}

#[cfg(test)]
mod tests {
    use super::StopFlag;

    #[test]
    fn a_pause_passes_and_a_stop_stays() {
        let flag = StopFlag::default();
        assert_eq!(flag.lift(), None);
        flag.pause("full");
        flag.pause("fuller");
        assert_eq!((flag.is_raised(), flag.lift().as_deref(), flag.is_raised()), (true, Some("full"), false));
        flag.pause("full");
        flag.raise("SIGINT");
        flag.raise("later");
        flag.pause("full");
        assert_eq!((flag.lift(), flag.reason().as_deref()), (None, Some("SIGINT")));
    }
}
