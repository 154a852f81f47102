//! What was spent, as far as it is known.

use crate::ledger::{Facts, ScopeFacts, TaskFacts};

/// What something cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::report) enum Spent {
    /// Nothing was billed.
    Nothing,
    /// Dollars.
    Dollars(f64),
    /// Something was billed, and nobody knows how much.
    Unpriced,
}

impl Spent {
    /// On a call that was `answered`, with what that cost if it has a price.
    pub(super) fn on_call(answered: bool, cost_usd: Option<f64>) -> Self {
        match cost_usd {
            Some(dollars) => Self::Dollars(dollars),
            None if answered => Self::Unpriced,
            None => Self::Nothing,
        }
    }

    /// On a task; whether something has no price is known of its scope.
    fn on_task(task: &TaskFacts) -> Self {
        task.cost_usd.map_or(Self::Nothing, Self::Dollars)
    }

    /// On what of a scope has no price.
    const fn beside(scope: &ScopeFacts) -> Self {
        if scope.unpriced { Self::Unpriced } else { Self::Nothing }
    }

    /// On a whole run.
    pub(super) fn on_run(facts: &Facts) -> impl Iterator<Item = Self> {
        Self::on_scopes(facts.tasks().iter(), facts.scopes())
    }

    /// On `scopes`, of which these are the tasks.
    pub(in crate::report) fn on_scopes<'f>(
        tasks: impl Iterator<Item = &'f TaskFacts>,
        scopes: &'f [ScopeFacts],
    ) -> impl Iterator<Item = Self> {
        tasks.map(Self::on_task).chain(scopes.iter().map(Self::beside))
    }

    /// Dollars in all; `None` where there is nothing, or something without a price: a sum that leaves out a billed call would look like a total.
    pub(in crate::report) fn total(spent: impl Iterator<Item = Self>) -> Option<f64> {
        let mut costs = Vec::new();
        for one in spent {
            match one {
                Self::Nothing => {}
                Self::Dollars(dollars) => costs.push(dollars),
                Self::Unpriced => return None,
            }
        }
        costs.sort_unstable_by(f64::total_cmp); // so that the order of rows cannot change the last digit
        (!costs.is_empty()).then(|| costs.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::Spent;

    #[test]
    fn a_total_leaves_nothing_out() {
        let total = |spent: &[Spent]| Spent::total(spent.iter().copied());
        assert_eq!((total(&[]), total(&[Spent::Nothing])), (None, None));
        assert_eq!(total(&[Spent::Dollars(0.5), Spent::Nothing, Spent::Dollars(1.0)]), Some(1.5));
        assert_eq!(total(&[Spent::Dollars(0.5), Spent::Unpriced]), None);
        assert_eq!(
            [(true, None), (false, None), (false, Some(2.0))].map(|(answered, cost)| Spent::on_call(answered, cost)),
            [Spent::Unpriced, Spent::Nothing, Spent::Dollars(2.0)]
        );
    }
}
