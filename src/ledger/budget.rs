//! The wall that spending stops at.

use crate::judge::Room;

/// What is spent and what is promised, in micro-dollars. Guarded by one mutex, so that checking and taking are one step.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// The wall; `None` means no wall.
    pub(super) limit: Option<u64>,
    /// Charged to attempts: the cost of settled ones, the upper bound of open ones (of earlier processes too).
    charged: u64,
    /// Reserved, but not yet an intent.
    held: u64,
    /// Reservations of this process that are not settled yet: only they can give anything back.
    unsettled: u64,
    /// Of the attempts that were settled above their reservation the dearest: what was reserved, and what it cost.
    pub(super) overrun: Option<(u64, u64)>,
}

/// An intent whose upper bound nobody reserved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotReserved;

impl Budget {
    /// A budget without a wall, of which `charged` is gone.
    pub(super) fn new(charged: u64) -> Self {
        Self { charged, ..Self::default() }
    }

    /// Holds `amount` if it fits under the wall.
    pub(super) fn reserve(&mut self, amount: u64) -> Room {
        let total = self.total().saturating_add(amount);
        if self.limit.is_none_or(|limit| total <= limit) {
            self.held = self.held.saturating_add(amount);
            self.unsettled += u64::from(amount > 0);
            Room::Held
        } else if self.unsettled > 0 {
            Room::Later
        } else {
            Room::None
        }
    }

    /// Turns `amount` of what is held into an intent's charge; the total stays as it is.
    pub(super) fn claim(&mut self, amount: u64) -> Result<(), NotReserved> {
        if self.limit.is_some() && self.held < amount {
            return Err(NotReserved);
        }
        self.held = self.held.saturating_sub(amount);
        self.charged = self.charged.saturating_add(amount);
        Ok(())
    }

    /// Notes that an intent's reservation gives nothing back soon: its request lies in a batch, perhaps for a day.
    pub(super) fn park(&mut self, bound: u64) {
        self.unsettled = self.unsettled.saturating_sub(u64::from(bound > 0));
    }

    /// As [`settle`](Self::settle), for a reservation that was parked, in this process or before it.
    pub(super) fn settle_parked(&mut self, bound: u64, cost: u64) {
        if cost > bound && bound > 0 && self.overrun.is_none_or(|(_, before)| cost > before) {
            self.overrun = Some((bound, cost));
        }
        self.charged = self.charged.saturating_sub(bound).saturating_add(cost);
    }

    /// Replaces an intent's upper bound by what the attempt cost.
    pub(super) fn settle(&mut self, bound: u64, cost: u64) {
        // What costs nothing at most was never reserved.
        self.park(bound);
        self.settle_parked(bound, cost);
    }

    /// Charged and held.
    pub(super) fn total(&self) -> u64 {
        self.charged.saturating_add(self.held)
    }
}

/// What an attempt takes out of the budget once it has ended. Of unknown cost, it keeps its upper bound unless its class says that nothing was billed.
pub(super) fn charge(class: &str, bound: u64, cost: Option<u64>) -> u64 {
    cost.unwrap_or(if is_unbilled(class) { 0 } else { bound })
}

/// Whether an attempt that ended so was not billed.
pub(super) fn is_unbilled(class: &str) -> bool {
    matches!(class, "never_sent" | "refused" | "stopped")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Budget, NotReserved, Room, charge};

    proptest! {
        #[test]
        fn the_total_never_passes_the_wall(limit in 0u64..1000, start in 0u64..500, steps in prop::collection::vec((0u64..300, 0u64..100), 1..60)) {
            prop_assume!(start <= limit);
            let mut budget = Budget { limit: Some(limit), ..Budget::new(start) };
            let (mut charged, mut refused) = (start, 0);
            for (amount, percent) in steps {
                if budget.reserve(amount) == Room::Held {
                    prop_assert_eq!(budget.claim(amount), Ok(()));
                    budget.settle(amount, amount * percent / 100);
                    charged += amount * percent / 100;
                } else {
                    prop_assert!(charged + amount > limit, "refused what fits");
                    refused += 1;
                }
                prop_assert!(budget.total() <= limit);
                prop_assert_eq!(budget.total(), charged);
            }
            prop_assert!(refused == 0 || charged <= limit);
        }
    }

    #[test]
    fn an_intent_needs_its_reservation() {
        let mut budget = Budget { limit: Some(100), ..Budget::new(0) };
        assert_eq!(budget.claim(1), Err(NotReserved));
        assert_eq!(budget.reserve(60), Room::Held);
        assert_eq!(budget.reserve(41), Room::Later, "what is held may come free");
        assert_eq!((budget.claim(60), budget.total()), (Ok(()), 60));
        assert_eq!(budget.claim(1), Err(NotReserved));
        assert_eq!(budget.reserve(41), Room::Later, "and so may what is on its way");
        budget.settle(60, 59);
        assert_eq!((budget.reserve(42), budget.reserve(41)), (Room::None, Room::Held));
        assert_eq!(budget.overrun, None);
    }

    #[test]
    fn what_cost_more_than_was_reserved_is_kept() {
        let mut budget = Budget { limit: Some(100), ..Budget::new(0) };
        for (bound, cost, overrun) in [(10, 10, None), (10, 30, Some((10, 30))), (10, 20, Some((10, 30))), (20, 40, Some((20, 40)))] {
            assert_eq!((budget.reserve(bound), budget.claim(bound)), (Room::Held, Ok(())));
            budget.settle(bound, cost);
            assert_eq!(budget.overrun, overrun, "{bound} {cost}");
        }
        budget.settle(0, 5);
        assert_eq!((budget.total(), budget.overrun), (105, Some((20, 40))), "without a price nothing was reserved");
    }

    #[test]
    fn what_lies_in_a_batch_is_not_waited_for() {
        let mut budget = Budget { limit: Some(100), ..Budget::new(0) };
        assert_eq!((budget.reserve(60), budget.claim(60)), (Room::Held, Ok(())));
        budget.park(60);
        assert_eq!(budget.reserve(41), Room::None);
        budget.settle_parked(60, 30);
        assert_eq!(budget.reserve(70), Room::Held);
    }

    #[test]
    fn unknown_cost_keeps_its_bound_unless_nothing_was_billed() {
        assert_eq!(charge("ambiguous", 50, None), 50);
        assert_eq!(charge("answered", 50, Some(20)), 20);
        assert_eq!(charge("never_sent", 50, None), 0);
    }
}
