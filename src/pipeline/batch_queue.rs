//! Who of a judge's batches is at the server, and who waits for room there.

use tokio::sync::watch;

/// The batches of one judge in one round.
#[derive(Debug)]
pub(super) struct Queue(watch::Sender<Places>);

#[derive(Debug, Clone, Copy)]
struct Places {
    /// At the server, or on their way to it.
    inside: usize,
    /// Ended, in all.
    ended: u64,
}

impl Queue {
    /// All `batches` are on their way.
    pub(super) fn new(batches: usize) -> Self {
        Self(watch::Sender::new(Places { inside: batches, ended: 0 }))
    }

    /// How many have ended.
    pub(super) fn ended(&self) -> u64 {
        self.0.borrow().ended
    }

    /// One has ended: there may be room for another.
    pub(super) fn leave(&self) {
        self.0.send_modify(|places| *places = Places { inside: places.inside.saturating_sub(1), ended: places.ended + 1 });
    }

    /// Waits, for one that found no room when `ended` had ended, until another has; `false` when none is left that could.
    pub(super) async fn step_back(&self, ended: u64) -> bool {
        let mut places = self.0.subscribe();
        self.0.send_modify(|places| places.inside = places.inside.saturating_sub(1));
        let room = places.wait_for(|places| places.ended > ended || places.inside == 0).await.is_ok_and(|places| places.ended > ended);
        if room {
            self.0.send_modify(|places| places.inside += 1);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::Queue;

    #[tokio::test]
    async fn room_is_waited_for_as_long_as_somebody_can_make_it() {
        let queue = Queue::new(3);
        let (mut first, mut second) = (Box::pin(queue.step_back(0)), Box::pin(queue.step_back(0)));
        assert_eq!((first.as_mut().now_or_never(), second.as_mut().now_or_never()), (None, None));
        queue.leave();
        assert!(first.await && second.await);
        assert_eq!(queue.ended(), 1);
        let mut first = Box::pin(queue.step_back(1));
        assert_eq!(first.as_mut().now_or_never(), None, "the second may still end");
        assert_eq!(queue.step_back(0).now_or_never(), Some(true), "one has ended since it was sent");
        assert!(!queue.step_back(1).await && !first.await, "nobody is left");
    }
}
