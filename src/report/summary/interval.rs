//! Which intervals of mean safety are drawn.

use crate::stats::{Basis, Bootstrapped, NoInterval, Observed, Resampling};

/// A field with more values than this is a label of items, not a factor: an interval for each would cost minutes and tell nothing.
const MOST_GROUPS: usize = 500;

/// The interval of one of the `groups` of one field, or of several crossed.
pub(super) fn of_group(values: &[Observed], groups: usize, how: Resampling) -> Bootstrapped {
    if groups > MOST_GROUPS { Bootstrapped::none(values, "many_groups") } else { Bootstrapped::of(values, how) }
}

/// Of a pair of models that share too few items, until Games and Howell's test gives an interval.
pub(super) fn unpaired(values: &[Observed]) -> Basis {
    Basis { ci95_method: "games_howell", ..Basis::without(values, NoInterval::TooFewClusters.code()) }
}
