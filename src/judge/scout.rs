//! The first request to a model at an endpoint goes alone: what it is refused for need not be learnt from each of those beside it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Stop;
use super::ask::Ask;

/// Who has waited so long goes, too. A refusal comes soon; a slow model's first reply is not waited for by everybody.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of all judges that learn together.
#[derive(Debug, Default)]
pub(super) struct Scout {
    /// An attempt ended otherwise than in a lesson.
    is_back: AtomicBool,
    alone: tokio::sync::Mutex<()>,
}

/// As long as this is held, others wait.
pub(super) type Ahead<'a> = tokio::sync::MutexGuard<'a, ()>;

impl Scout {
    /// Whether requests are known to be read, or nothing is to be learnt from how this one ended.
    pub(super) fn comes_back(&self) {
        self.is_back.store(true, Ordering::Release);
    }

    /// `None` where nobody need wait any more.
    async fn ahead(&self) -> Option<Ahead<'_>> {
        let is_back = || self.is_back.load(Ordering::Acquire);
        if is_back() {
            return None;
        }
        let ahead = timeout(PATIENCE, self.alone.lock()).await.ok()?;
        (!is_back()).then_some(ahead)
    }
}

impl<'a> Ask<'a> {
    /// Waits for the first request, holding neither money nor a turn, or becomes it.
    pub(super) async fn go_ahead(&mut self) -> Result<Option<Ahead<'a>>, Stop> {
        if !self.judge.opened.live {
            return Ok(None);
        }
        let queued = Instant::now();
        let scout: &'a Scout = &self.judge.scout;
        let ahead = self.unless_stopped(scout.ahead()).await?;
        self.started += queued.elapsed();
        Ok(ahead)
    }
}
