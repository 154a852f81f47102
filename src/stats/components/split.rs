//! Variance components of a random-effects model by the method of moments.

use serde::Serialize;

use super::grouping::Grouping;
use crate::stats::mean;

/// The variance that goes with one facet, or with several crossed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// Indices of its facets, ascending.
    pub facets: Vec<usize>,
    /// Its groups in the data.
    pub levels: usize,
    /// In squared units of the values. An estimate may be below 0, which says "about 0, or a wrong model".
    pub variance: f64,
}

/// Variance of values split over the facets that they are crossed by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Split {
    /// Values.
    pub n: usize,
    /// Those asked for that the data can tell apart, in the order asked.
    pub components: Vec<Component>,
    /// Those asked for that the data cannot tell from another or from the rest.
    pub confounded: Vec<Vec<usize>>,
    /// What is left within every group: repeats, and whatever was not asked for.
    pub residual: f64,
    /// All groups of a component are of one size; the estimates are then those of the analysis of variance.
    pub balanced: bool,
}

/// Splits the variance of `values`; `facets[f][i]` is the level of facet `f` at value `i`, `wanted` lists components as facet indices. Levels are
/// numbers from 0, for each of which up to the highest four bytes are held.
///
/// All effects count as random. Each component's uncorrected sum of squares is set equal to its expectation, and the linear system is
/// solved: Henderson's method 1, unbiased also for unbalanced data (Henderson 1953, "Estimation of variance and covariance
/// components"; Searle, Casella & McCulloch 1992, "Variance Components", ch. 5). A facet nested in another needs levels of its own in
/// each of the other's. `None` below two values, or when no component can be told from the rest.
pub fn split(values: &[f64], facets: &[Vec<u32>], wanted: &[Vec<usize>]) -> Option<Split> {
    let centre = mean(values)?;
    let values: Vec<f64> = values.iter().map(|value| value - centre).collect(); // large means would cost digits
    let (mut system, mut solution, mut confounded) = (System::of(&values), None, Vec::new());
    for facet_set in wanted {
        let columns: Vec<&[u32]> = facet_set.iter().map(|facet| facets[*facet].as_slice()).collect();
        let groups = Grouping::of(&columns, values.len());
        if !system.tells_apart(&groups) {
            confounded.push(facet_set.clone());
            continue;
        }
        system.push(facet_set, groups);
        if let Some(variances) = solve(&system.equations()) {
            solution = Some(variances);
        } else {
            system.pop();
            confounded.push(facet_set.clone());
        }
    }
    let mut variances = solution?;
    let residual = variances.pop()?;
    let balanced = system.terms.iter().all(|term| term.groups.is_balanced());
    let component = |(term, variance): (Term, f64)| Component { facets: term.facets, levels: term.groups.len(), variance };
    let components = system.terms.into_iter().zip(variances).map(component).collect();
    Some(Split { n: values.len(), components, confounded, residual, balanced })
}

/// Sums of squares of components and their expectations, built up component by component.
struct System<'v> {
    values: &'v [f64],
    whole: Grouping,
    terms: Vec<Term>,
    /// `[row][column]`: how much of the column's variance is in the row's sum of squares.
    overlaps: Vec<Vec<f64>>,
}

struct Term {
    facets: Vec<usize>,
    groups: Grouping,
    /// Its share in the mean's square, which every sum of squares holds.
    common: f64,
    between: f64,
}

impl<'v> System<'v> {
    fn of(values: &'v [f64]) -> Self {
        Self { values, whole: Grouping::of(&[], values.len()), terms: Vec::new(), overlaps: Vec::new() }
    }

    /// Whether groups differ from one, from one each, and from those of every component so far.
    fn tells_apart(&self, groups: &Grouping) -> bool {
        groups.len() > 1 && groups.len() < self.values.len() && !self.terms.iter().any(|term| term.groups.same_as(groups))
    }

    fn push(&mut self, facets: &[usize], groups: Grouping) {
        self.overlaps.iter_mut().zip(&self.terms).for_each(|(row, term)| row.push(term.groups.overlap(&groups)));
        let own = self.terms.iter().map(|term| groups.overlap(&term.groups)).chain([groups.overlap(&groups)]);
        self.overlaps.push(own.collect());
        let (common, between) = (self.whole.overlap(&groups), groups.between(self.values));
        self.terms.push(Term { facets: facets.to_vec(), groups, common, between });
    }

    /// Takes the last component back.
    fn pop(&mut self) {
        self.terms.pop();
        self.overlaps.pop();
        self.overlaps.iter_mut().for_each(|row| row.truncate(self.terms.len()));
    }

    /// One row a component and one for the total: coefficients of the components' and the residual variance, then the sum of squares.
    fn equations(&self) -> Vec<Vec<f64>> {
        let (n, mean_square) = (self.values.len() as f64, self.whole.between(self.values));
        let row = |(term, overlaps): (&Term, &Vec<f64>)| {
            let of_terms = overlaps.iter().zip(&self.terms).map(|(overlap, other)| overlap - other.common);
            of_terms.chain([term.groups.len() as f64 - 1.0, term.between - mean_square]).collect()
        };
        let total = self.values.iter().map(|value| value * value).sum::<f64>() - mean_square;
        let last = self.terms.iter().map(|term| n - term.common).chain([n - 1.0, total]).collect();
        self.terms.iter().zip(&self.overlaps).map(row).chain([last]).collect()
    }
}

/// A pivot this small against its row says that two unknowns cannot be told apart.
const SINGULAR: f64 = 1e-9;

/// Gaussian elimination with scaled partial pivoting; the last column is the right-hand side.
fn solve(equations: &[Vec<f64>]) -> Option<Vec<f64>> {
    let n = equations.len();
    let mut rows: Vec<Vec<f64>> = equations.to_vec();
    for row in &mut rows {
        let scale = row[..n].iter().fold(0.0_f64, |scale, x| scale.max(x.abs()));
        if scale <= 0.0 {
            return None;
        }
        row.iter_mut().for_each(|x| *x /= scale);
    }
    for at in 0..n {
        let pivot = (at..n).max_by(|a, b| rows[*a][at].abs().total_cmp(&rows[*b][at].abs()))?;
        rows.swap(at, pivot);
        if rows[at][at].abs() < SINGULAR {
            return None;
        }
        let (done, rest) = rows.split_at_mut(at + 1);
        let head = &done[at];
        for row in rest {
            let factor = row[at] / head[at];
            row[at..].iter_mut().zip(&head[at..]).for_each(|(x, above)| *x -= factor * above);
        }
    }
    let mut solution = vec![0.0; n];
    for at in (0..n).rev() {
        let known: f64 = (at + 1..n).map(|later| rows[at][later] * solution[later]).sum();
        solution[at] = (rows[at][n] - known) / rows[at][at];
    }
    Some(solution)
}
