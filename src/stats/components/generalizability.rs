//! Generalizability theory: how far a mean over conditions can stand for all conditions.

use serde::Serialize;

use super::Split;

/// Over how many conditions an object's scores are averaged.
#[derive(Debug, Clone, PartialEq)]
pub struct Design<'a> {
    /// Facets that make up the object of measurement, such as the item.
    pub object: &'a [usize],
    /// Levels of each facet that are averaged over; those of the object do not count.
    pub levels: &'a [f64],
    /// Repeats in each cell.
    pub repeats: f64,
}

/// How dependable such a mean is, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Dependability {
    /// Generalizability coefficient: for ranking objects that share the same conditions.
    pub relative: f64,
    /// Index of dependability: for the level itself, so that a severe judge counts as an error.
    pub absolute: f64,
}

/// The share of an object's true variance in the variance of its mean under a design; components below 0 count as 0.
///
/// Brennan (2001), "Generalizability Theory", ch. 4. `None` when the object's own components are 0 or were not estimated.
pub fn generalizability(split: &Split, design: &Design) -> Option<Dependability> {
    let is_object = |facet: &usize| design.object.contains(facet);
    let (mut truth, mut relative, mut absolute) = (0.0, 0.0, 0.0);
    for component in &split.components {
        let variance = component.variance.max(0.0);
        if component.facets.iter().all(is_object) {
            truth += variance;
            continue;
        }
        let conditions: f64 = component.facets.iter().filter(|facet| !is_object(facet)).map(|facet| design.levels[*facet]).product();
        absolute += variance / conditions;
        if component.facets.iter().any(is_object) {
            relative += variance / conditions;
        }
    }
    let cells: f64 = design.levels.iter().enumerate().filter(|(facet, _)| !is_object(facet)).map(|(_, levels)| levels).product();
    let rest = split.residual.max(0.0) / (cells * design.repeats);
    (truth > 0.0).then(|| Dependability { relative: truth / (truth + relative + rest), absolute: truth / (truth + absolute + rest) })
}
