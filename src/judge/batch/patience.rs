//! How long one batch waits: for a server in trouble, and for a batch that was perhaps made to come to light.

use std::time::Duration;

use tokio::time::Instant;

use crate::judge::retry::Fault;
use crate::judge::server_error::short;
use crate::judge::waits::FIRST_PATIENCE;

/// First and longest wait between two looks.
pub(super) const FIRST_LOOK: Duration = Duration::from_millis(250);
pub(super) const LONGEST_LOOK: Duration = Duration::from_mins(1);
/// Longest wait, in sum, for a server that does not answer or asks to be left alone.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long after it was asked for a batch, and after it has ended a result, may still come to light: a gateway gives up after a minute or so, what is
/// behind it goes on, and lists and files lag.
const LIGHT: Duration = Duration::from_mins(5);
/// Looks at the list in any case.
const LOOKS: u32 = 4;

/// Waits of one batch; they begin anew with every success.
#[derive(Debug, Default)]
pub(super) struct Patience {
    answered: bool,
    failures: u32,
    waited: Duration,
}

impl Patience {
    /// Notes that the server did what it was asked.
    pub(super) fn served(&mut self) {
        *self = Self { answered: true, ..Self::default() };
    }

    /// Waits after a failure that may pass; why not, in words, when it has lasted too long.
    pub(super) async fn wait(&mut self, fault: &Fault) -> Result<(), String> {
        // A status is an answer, whatever it says.
        self.answered |= fault.status.is_some();
        let own = FIRST_LOOK.saturating_mul(1 << self.failures.min(16)).min(LONGEST_LOOK);
        let wait = fault.retry_after.unwrap_or_default().max(own);
        self.failures += 1;
        self.waited = self.waited.saturating_add(wait);
        if self.waited > if self.answered { PATIENCE } else { FIRST_PATIENCE } {
            let trouble = if fault.status.is_some() { "it puts batches off" } else { "its batches cannot be reached" };
            return Err(format!("{trouble} ({}); repeat later", short(&fault.message)));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// When to look for what a server does not show (yet).
#[derive(Debug)]
pub(super) struct Search {
    until: Instant,
    looks: u32,
    next: Duration,
}

impl Search {
    /// For what was there, or perhaps was, at `since`, in seconds since 1970.
    pub(super) fn since(since: i64) -> Self {
        let age = jiff::Timestamp::now().as_second().saturating_sub(since);
        let left = LIGHT.saturating_sub(Duration::from_secs(u64::try_from(age).unwrap_or(0)));
        Self { until: Instant::now() + left, looks: 0, next: FIRST_LOOK }
    }

    /// Waits, after a look in vain, until the next; `false` when that was the last.
    pub(super) async fn again(&mut self) -> bool {
        self.looks += 1;
        if self.looks >= LOOKS && Instant::now() >= self.until {
            return false;
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST_LOOK);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Fault, Instant, LIGHT, LONGEST_LOOK, Patience, Search};
    use crate::judge::retry::Class;

    fn fault(status: Option<u16>, asks: Option<u64>) -> Fault {
        let fault = Fault::new(Class::Refused, "busy", "m".to_owned());
        Fault { status, retry_after: asks.map(Duration::from_secs), ..fault }
    }

    /// Seconds until patience ends.
    async fn lasts(fault: &Fault) -> u64 {
        let (mut patience, start) = (Patience::default(), Instant::now());
        while patience.wait(fault).await.is_ok() {}
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_is_waited_for_and_no_address_for_long() {
        let refused = fault(Some(429), Some(30));
        assert!(Patience::default().wait(&refused).await.is_ok(), "a first answer that asks for more than the first patience");
        assert!((240..=300).contains(&lasts(&refused).await));
        assert!(lasts(&fault(None, None)).await <= 4);
        let mut served = Patience::default();
        served.served();
        assert!(served.wait(&fault(None, Some(30))).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_looked_for_until_it_must_have_come_to_light() {
        let now = jiff::Timestamp::now().as_second();
        for (since, at_least) in [(now, LIGHT.as_secs()), (now - 200, 100), (now - 86_400, 1)] {
            let (mut search, start, mut looks) = (Search::since(since), Instant::now(), 1);
            while search.again().await {
                looks += 1;
            }
            let lasted = start.elapsed().as_secs();
            assert!((at_least..=at_least + LONGEST_LOOK.as_secs()).contains(&lasted), "{lasted} s");
            assert!((4..=16).contains(&looks), "{looks} looks");
        }
    }
}
