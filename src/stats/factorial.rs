//! Two-way analysis of variance of unbalanced and of sparse tables.

use super::noncentral::variance_share;
use super::rounding::less;
use super::special::f_sf;
use super::{TestResult, mean};

/// One value under two crossed factors, whose levels are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossed {
    /// Level of the first factor.
    pub a: usize,
    /// Level of the second.
    pub b: usize,
    /// The value.
    pub value: f64,
}

/// Tests of a two-way analysis of variance. A term without a degree of freedom of its own is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoWay {
    /// The first factor.
    pub a: Option<TestResult>,
    /// The second.
    pub b: Option<TestResult>,
    /// Whether the first one's effect depends on the second.
    pub interaction: Option<TestResult>,
}

/// Type II: each factor after the other, the interaction after both. Empty cells are allowed, and cost the interaction degrees of freedom.
///
/// Effects of a term: `eta2` = SS / SST, `partial_eta2` = SS / (SS + SSE), `omega2` = (SS - df MSE) / (SST + MSE), SSE and MSE being those
/// within cells; with the interval of the population's partial share of variance. `None` when no cell has a degree of freedom within, or none
/// varies.
pub fn anova_twoway_type2(values: &[Crossed]) -> Option<TwoWay> {
    let table = Table::of(values)?;
    let (a, b, interaction) = (table.adjusted()?, table.transposed().adjusted()?, table.interaction()?);
    Some(TwoWay { a: table.test(a), b: table.test(b), interaction: table.test(interaction) })
}

/// Type III: each factor as its unweighted marginal means say, whatever the other does. `None` also when a cell is empty, since a marginal mean
/// then does not exist.
///
/// By Yates' weighted squares of means (1934), which equal the type III sums of squares under contrasts that sum to zero. Effects as in
/// [`anova_twoway_type2`].
pub fn anova_twoway_type3(values: &[Crossed]) -> Option<TwoWay> {
    let table = Table::of(values)?;
    if table.occupied() < table.cells.len() {
        return None;
    }
    let (a, b, interaction) = (table.unweighted(), table.transposed().unweighted(), table.interaction()?);
    Some(TwoWay { a: table.test(a), b: table.test(b), interaction: table.test(interaction) })
}

/// A sum of squares and its degrees of freedom.
#[derive(Clone, Copy)]
struct Term {
    squares: f64,
    df: f64,
}

/// Counts and sums of values less their grand mean, by cell.
struct Table {
    rows: usize,
    columns: usize,
    /// (count, sum), row after row.
    cells: Vec<(f64, f64)>,
    within: Term,
    total: f64,
    n: f64,
}

impl Table {
    fn of(values: &[Crossed]) -> Option<Self> {
        let grand = mean(&values.iter().map(|one| one.value).collect::<Vec<_>>())?;
        let rows = values.iter().map(|one| one.a).max()? + 1;
        let columns = values.iter().map(|one| one.b).max()? + 1;
        let mut cells = vec![(0.0, 0.0); rows * columns];
        for one in values {
            let cell: &mut (f64, f64) = &mut cells[one.a * columns + one.b];
            *cell = (cell.0 + 1.0, cell.1 + one.value - grand);
        }
        let centre = |one: &Crossed| cells[one.a * columns + one.b].1 / cells[one.a * columns + one.b].0;
        let squares = values.iter().map(|one| less(one.value, grand + centre(one)).powi(2)).sum();
        let total = values.iter().map(|one| less(one.value, grand).powi(2)).sum();
        let n = values.len() as f64;
        let mut table = Self { rows, columns, cells, within: Term { squares, df: n }, total, n };
        table.within.df -= table.occupied() as f64;
        (table.within.df >= 1.0 && squares > 0.0).then_some(table)
    }

    fn occupied(&self) -> usize {
        self.cells.iter().filter(|cell| cell.0 > 0.0).count()
    }

    fn transposed(&self) -> Self {
        let cells = (0..self.columns).flat_map(|column| (0..self.rows).map(move |row| self.cells[row * self.columns + column])).collect();
        Self { rows: self.columns, columns: self.rows, cells, ..*self }
    }

    /// (count, sum) of each row.
    fn of_rows(&self) -> Vec<(f64, f64)> {
        self.cells.chunks(self.columns).map(|row| row.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1))).collect()
    }

    /// Rows after columns: Q' C^- Q, the reduced normal equations of the row effects once the columns are eliminated. The rank of C leaves out
    /// one row for each part of the table that is connected to no other.
    fn adjusted(&self) -> Option<Term> {
        let (of_rows, of_columns) = (self.of_rows(), self.transposed().of_rows());
        let cell = |row: usize, column: usize| self.cells[row * self.columns + column];
        let filled = || of_columns.iter().enumerate().filter(|(_, total)| total.0 > 0.0);
        let mut matrix = vec![vec![0.0; self.rows]; self.rows];
        for (one, line) in matrix.iter_mut().enumerate() {
            for (other, entry) in line.iter_mut().enumerate() {
                let shared: f64 = filled().map(|(column, total)| cell(one, column).0 * cell(other, column).0 / total.0).sum();
                *entry = if one == other { of_rows[one].0 } else { 0.0 } - shared;
            }
        }
        let right =
            (0..self.rows).map(|row| of_rows[row].1 - filled().map(|(column, total)| cell(row, column).0 * total.1 / total.0).sum::<f64>());
        quadratic(matrix, right.collect())
    }

    /// What lies between cells beyond both factors.
    fn interaction(&self) -> Option<Term> {
        let by_columns = self.transposed().of_rows().into_iter().filter(|total| total.0 > 0.0);
        let (columns, alone) = by_columns.fold((0.0, 0.0), |sum, (n, total)| (sum.0 + 1.0, sum.1 + total * total / n));
        let between = self.total - self.within.squares;
        let rows = self.adjusted()?;
        Some(Term { squares: (between - alone - rows.squares).max(0.0), df: self.occupied() as f64 - columns - rows.df })
    }

    /// Rows by their unweighted means over columns; every cell is filled.
    fn unweighted(&self) -> Term {
        let columns = self.columns as f64;
        let row = |row: &[(f64, f64)]| {
            let mean = row.iter().map(|(n, sum)| sum / n).sum::<f64>() / columns;
            let weight = columns * columns / row.iter().map(|(n, _)| 1.0 / n).sum::<f64>();
            (mean, weight)
        };
        let rows: Vec<(f64, f64)> = self.cells.chunks(self.columns).map(row).collect();
        let weights: f64 = rows.iter().map(|(_, weight)| weight).sum();
        let grand = rows.iter().map(|(mean, weight)| mean * weight).sum::<f64>() / weights;
        Term { squares: rows.iter().map(|(mean, weight)| weight * (mean - grand).powi(2)).sum(), df: self.rows as f64 - 1.0 }
    }

    fn test(&self, term: Term) -> Option<TestResult> {
        let Term { squares, df } = term;
        if df < 1.0 {
            return None;
        }
        let error = self.within.squares / self.within.df;
        let f = squares / df / error;
        let effect = [
            ("eta2", squares / self.total),
            ("partial_eta2", squares / (squares + self.within.squares)),
            ("omega2", (squares - df * error) / (self.total + error)),
            ("partial_omega2", (squares - df * error) / (squares + (self.n - df) * error)),
        ];
        let result = TestResult::new(f, [df, self.within.df], f_sf(f, df, self.within.df), effect)?;
        Some(TestResult { effect_ci95: variance_share(f, df, self.within.df, self.n), ..result })
    }
}

/// q' M^- q and the rank of M, a symmetric matrix without negative eigenvalues, by elimination with diagonal pivots.
fn quadratic(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Term> {
    let scale = (0..right.len()).map(|i| matrix[i][i]).fold(0.0, f64::max);
    let (mut open, mut squares, mut df): (Vec<usize>, f64, f64) = ((0..right.len()).collect(), 0.0, 0.0);
    while let Some(at) = (0..open.len()).max_by(|one, other| matrix[open[*one]][open[*one]].total_cmp(&matrix[open[*other]][open[*other]]))
    {
        let pivot = open.swap_remove(at);
        let size = matrix[pivot][pivot];
        if size <= 1e-11 * scale {
            break;
        }
        squares += right[pivot] * right[pivot] / size;
        df += 1.0;
        let line = matrix[pivot].clone();
        for row in &open {
            let factor = line[*row] / size;
            right[*row] -= factor * right[pivot];
            open.iter().for_each(|column| matrix[*row][*column] -= factor * line[*column]);
        }
    }
    squares.is_finite().then_some(Term { squares, df })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(values: &[(usize, usize, f64)]) -> Vec<Crossed> {
        values.iter().map(|(a, b, value)| Crossed { a: *a, b: *b, value: *value }).collect()
    }

    #[test]
    fn undefined_is_none() {
        assert_eq!(anova_twoway_type2(&[]), None);
        assert_eq!(anova_twoway_type2(&table(&[(0, 0, 1.0), (1, 1, 2.0)])), None, "no degree of freedom within");
        assert_eq!(anova_twoway_type2(&table(&[(0, 0, 3.0), (0, 0, 3.0), (1, 0, 3.0), (1, 0, 3.0)])), None, "nothing varies");
        let thirds = [4.0 / 3.0 - 1.0, 7.0 / 3.0 - 2.0, 4.0 - 11.0 / 3.0];
        let rounded: Vec<_> = (0..60).map(|at| (at % 2, at / 2 % 2, thirds[at % 3])).collect();
        assert_eq!(anova_twoway_type2(&table(&rounded)), None, "nothing varies but by rounding");
        let one_level = anova_twoway_type2(&table(&[(0, 0, 1.0), (0, 0, 2.0), (1, 0, 4.0), (1, 0, 4.5)])).unwrap();
        assert!(one_level.a.is_some() && one_level.b.is_none() && one_level.interaction.is_none());
    }

    proptest! {
        #[test]
        fn factors_may_change_places(values in proptest::collection::vec((0..3usize, 0..4usize, 1..=5u8), 2..60)) {
            let straight: Vec<Crossed> = values.iter().map(|(a, b, level)| Crossed { a: *a, b: *b, value: f64::from(*level) }).collect();
            let turned: Vec<Crossed> = straight.iter().map(|one| Crossed { a: one.b, b: one.a, value: one.value }).collect();
            match (anova_twoway_type2(&straight), anova_twoway_type2(&turned)) {
                (Some(one), Some(other)) => {
                    let f = |test: Option<TestResult>| test.map_or(-1.0, |test| test.statistic);
                    for (one, other) in [(f(one.a), f(other.b)), (f(one.interaction), f(other.interaction))] {
                        prop_assert!((one - other).abs() <= 1e-8 * (1.0 + one), "{one} is not {other}");
                    }
                }
                (one, other) => prop_assert_eq!(one.is_none(), other.is_none()),
            }
        }
    }
}
