//! From values to places.

use super::svg::number;

/// A linear scale: `from` is at the left, `to` at the right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    /// Levels of safety, with room for the marks at both ends.
    pub(super) fn of_safety([from, to]: [f64; 2]) -> Self {
        let room = (to - from) * 0.0375;
        Self { from: from - room, to: to + room }
    }

    /// Over `values`, with 0 and a little room; 0..1 where there are none.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        Self { from: 0.0, to: if most > 0.0 { most * 1.08 } else { 1.0 } }
    }

    /// As far to the left of 0 as to its right.
    pub(super) const fn around_zero(most: f64) -> Self {
        Self { from: -most, to: most }
    }

    /// Place of `value` as a share of the way, cut to 0..=1.
    pub(super) fn share(self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// That place as a percentage.
    pub(super) fn percent(self, value: f64) -> String {
        format!("{}%", number(self.share(value) * 100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn values_beyond_the_ends_stay_inside() {
        let safety = Scale::of_safety([1.0, 5.0]);
        assert_eq!([3.0, 9.0, -9.0].map(|level| safety.percent(level)), ["50%", "100%", "0%"]);
        assert_eq!(Scale::around_zero(4.0).percent(0.0), "50%");
        assert!(Scale::from_zero([f64::NAN].into_iter()).share(0.5) > 0.0);
        assert!(Scale::from_zero([2.0, 10.0].into_iter()).share(10.0) < 1.0);
    }
}
