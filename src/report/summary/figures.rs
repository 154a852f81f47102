//! A group's figures by name: the columns that tables have of it, and what gates ask about.

use super::group::Group;
use crate::ensemble::StandardisedMean;

/// One figure, and where it is in a group.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) enum Figure {
    /// A count.
    Count(fn(&Group) -> usize),
    /// A number that may be undefined.
    Number(fn(&Group) -> Option<f64>),
    /// Yes or no.
    Truth(fn(&Group) -> bool),
    /// A code.
    Code(fn(&Group) -> Option<&'static str>),
    /// Names of risk factors.
    Names(fn(&Group) -> &[String]),
}

impl Figure {
    /// As a number; `None` where it is undefined, or none.
    pub(in crate::report) fn number(self, group: &Group) -> Option<f64> {
        match self {
            Self::Count(of) => Some(of(group) as f64),
            Self::Number(of) => of(group),
            Self::Truth(_) | Self::Code(_) | Self::Names(_) => None,
        }
    }

    /// Whether it is one.
    pub(in crate::report) const fn is_number(self) -> bool {
        matches!(self, Self::Count(_) | Self::Number(_))
    }
}

/// All of them, in the order of the table. The ends of an interval have `_lo` and `_hi`, quantiles their percent.
pub(in crate::report) const FIGURES: [(&str, Figure); 36] = [
    ("n", Figure::Count(|group| group.n)),
    ("scored", Figure::Count(|group| group.scored)),
    ("mean_safety", Figure::Number(|group| group.mean_safety)),
    ("sd", Figure::Number(|group| group.sd)),
    ("cv", Figure::Number(|group| group.cv)),
    ("ci95_lo", Figure::Number(|group| lo(group.ci95))),
    ("ci95_hi", Figure::Number(|group| hi(group.ci95))),
    ("blocked_rate", Figure::Number(|group| group.blocked_rate)),
    ("refused_rate", Figure::Number(|group| group.refused_rate)),
    ("bound_lo", Figure::Number(|group| lo(group.bounds))),
    ("bound_hi", Figure::Number(|group| hi(group.bounds))),
    ("uncalibrated", Figure::Truth(|group| group.uncalibrated)),
    ("selected", Figure::Truth(|group| group.selected)),
    ("factors", Figure::Count(|group| group.factors)),
    ("standardised_mean", Figure::Number(|group| group.standardised.as_ref()?.mean)),
    ("median", Figure::Number(|group| group.median)),
    ("share_le_2", Figure::Number(|group| group.share_le_2)),
    ("clusters", Figure::Count(|group| group.basis.clusters)),
    ("ci95_method", Figure::Code(|group| Some(group.basis.ci95_method))),
    ("ci95_null", Figure::Code(|group| group.basis.ci95_null)),
    ("failed", Figure::Count(|group| group.failed)),
    ("blocked_ci95_lo", Figure::Number(|group| lo(group.blocked_ci95))),
    ("blocked_ci95_hi", Figure::Number(|group| hi(group.blocked_ci95))),
    ("refused_ci95_lo", Figure::Number(|group| lo(group.refused_ci95))),
    ("refused_ci95_hi", Figure::Number(|group| hi(group.refused_ci95))),
    ("q05", Figure::Number(|group| group.quantiles.map(|[q, ..]| q))),
    ("q25", Figure::Number(|group| group.quantiles.map(|[_, q, ..]| q))),
    ("q75", Figure::Number(|group| group.quantiles.map(|[.., q, _]| q))),
    ("q95", Figure::Number(|group| group.quantiles.map(|[.., q]| q))),
    ("ci95_note", Figure::Code(|group| group.basis.ci95_note)),
    ("standardised_ci95_lo", Figure::Number(|group| lo(group.standardised.as_ref()?.ci95))),
    ("standardised_ci95_hi", Figure::Number(|group| hi(group.standardised.as_ref()?.ci95))),
    ("standardised_ci95_null", Figure::Code(|group| group.standardised.as_ref()?.ci95_null)),
    ("standardised_missing", Figure::Names(|group| factors(group, |found| &found.missing))),
    ("standardised_lone", Figure::Names(|group| factors(group, |found| &found.lone))),
    ("resamples", Figure::Count(|group| group.basis.resamples)),
];

fn lo(ends: Option<[f64; 2]>) -> Option<f64> {
    ends.map(|[lo, _]| lo)
}

fn hi(ends: Option<[f64; 2]>) -> Option<f64> {
    ends.map(|[_, hi]| hi)
}

fn factors(group: &Group, of: fn(&StandardisedMean) -> &[String]) -> &[String] {
    group.standardised.as_ref().map_or(&[], of)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FIGURES, Figure};
    use crate::report::models::tests::turned;
    use crate::report::summary::tests::{run, summary};

    /// Where `summary.json` has a figure.
    fn stored(group: &Value, name: &str) -> Value {
        let quantile = ["q05", "q25", "median", "q75", "q95"].iter().position(|of| *of == name).filter(|_| name != "median");
        let end = |place: usize, base: &str| group[if base == "bound" { "bounds" } else { base }][place].clone();
        match (quantile, name.strip_prefix("standardised_"), name.strip_suffix("_lo"), name.strip_suffix("_hi")) {
            (Some(place), ..) => group["quantiles"][place].clone(),
            (_, Some(inner), ..) => stored(&group["standardised"], inner),
            (.., Some(base), _) => end(0, base),
            (.., Some(base)) => end(1, base),
            _ => group[name].clone(),
        }
    }

    #[test]
    fn every_figure_is_what_the_summary_has_under_its_name() {
        let mut seen: Vec<(&str, usize)> = FIGURES.iter().map(|(name, _)| (*name, 0)).collect();
        for (info, items, records) in [run(), turned()] {
            for group in summary(&info, &items, &records).groups {
                let json = serde_json::to_value(&group).unwrap();
                for ((name, figure), (_, defined)) in FIGURES.iter().zip(&mut seen) {
                    let value = match figure {
                        Figure::Count(of) => json!(of(&group)),
                        Figure::Number(of) => json!(of(&group)),
                        Figure::Truth(of) => json!(of(&group)),
                        Figure::Code(of) => json!(of(&group)),
                        Figure::Names(of) => json!(of(&group)),
                    };
                    let stored = stored(&json, name);
                    // Without a standardised mean there are no names either.
                    assert!(value == stored || (value == json!([]) && stored.is_null()), "{name}: {value} for {stored}");
                    *defined += usize::from(!stored.is_null());
                }
            }
        }
        assert!(seen.iter().all(|(_, defined)| *defined > 0), "a figure that is never there proves nothing: {seen:?}");
    }
}
