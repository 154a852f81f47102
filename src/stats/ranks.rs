//! Ranks with ties.

/// Ranks from 1, tied values sharing the mean of theirs, and the tie sum: t^3 - t over every run of t equal values.
pub(super) fn midranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut ranks, mut ties, mut before) = (vec![0.0; values.len()], 0.0, 0.0);
    for run in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let t = run.len() as f64;
        run.iter().for_each(|index| ranks[*index] = before + f64::midpoint(1.0, t));
        ties += t.powi(3) - t;
        before += t;
    }
    (ranks, ties)
}
