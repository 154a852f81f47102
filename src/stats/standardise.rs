//! Means as they would be under one common mixture of strata.

use super::mean;

/// A mean after post-stratification.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardised {
    /// `None` where a stratum of the mixture has no value: it would have to be made up.
    pub mean: Option<f64>,
    /// Places of the strata that have a share and no value.
    pub missing: Vec<usize>,
}

/// The mean of stratum means, weighted by each stratum's share of the common mixture (direct standardisation), so that models which were asked
/// other mixtures of risk factors can be compared.
///
/// `shares` are 0 or more and need not sum to 1; a stratum without a share does not count. Holt and Smith (1979), "Post stratification".
pub fn standardise(shares: &[f64], strata: &[&[f64]]) -> Standardised {
    let wanted = || shares.iter().zip(strata).enumerate().filter(|(_, (share, _))| **share > 0.0);
    let missing: Vec<usize> = wanted().filter(|(_, (_, values))| values.is_empty()).map(|(place, _)| place).collect();
    let total: f64 = wanted().map(|(_, (share, _))| share).sum();
    let sum: Option<f64> = wanted().map(|(_, (share, values))| Some(share * mean(values)?)).sum();
    Standardised { mean: sum.filter(|_| total > 0.0).map(|sum| sum / total), missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_weigh_as_the_common_mixture_says() {
        let easy: &[f64] = &[5.0, 5.0, 5.0];
        let found = standardise(&[1.0, 1.0], &[easy, &[1.0]]);
        assert_eq!(found, Standardised { mean: Some(3.0), missing: vec![] });
        assert_eq!(standardise(&[2.0, 0.0], &[easy, &[]]).mean, Some(5.0));
    }

    #[test]
    fn an_empty_stratum_is_named_and_leaves_no_mean() {
        assert_eq!(standardise(&[1.0, 1.0, 1.0], &[&[2.0], &[], &[]]), Standardised { mean: None, missing: vec![1, 2] });
        assert_eq!(standardise(&[], &[]).mean, None);
    }
}
