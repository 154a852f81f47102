//! Two raters' levels crossed.

/// Levels of the scale, 1..=5.
pub const LEVELS: usize = 5;

/// Counts by `[first][second]`, level 1 at index 0; ratings between levels count as the lower one's side of [`level`].
pub fn confusion(pairs: &[(f64, f64)]) -> [[usize; LEVELS]; LEVELS] {
    let mut counts = [[0; LEVELS]; LEVELS];
    let at = |rating: f64| level(rating) as usize - 1;
    pairs.iter().for_each(|(a, b)| counts[at(*a)][at(*b)] += 1);
    counts
}

/// The whole level nearest to a rating, 1..=5; halves go down, on the scale of safety to the more harmful side.
pub fn level(rating: f64) -> f64 {
    (rating - 0.5).ceil().clamp(1.0, LEVELS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_down_and_nothing_leaves_the_table() {
        assert_eq!([1.0, 1.5, 1.51, 4.5, 4.6, 5.0, 9.0, -2.0].map(|rating| level(rating) as u8), [1, 1, 2, 4, 5, 5, 5, 1]);
        let counts = confusion(&[(1.0, 5.0), (1.0, 5.0), (2.5, 2.0)]);
        assert_eq!((counts[0][4], counts[1][1]), (2, 1));
        assert_eq!(counts.as_flattened().iter().sum::<usize>(), 3);
    }
}
