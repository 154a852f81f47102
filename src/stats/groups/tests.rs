//! Edges and properties.

use proptest::prelude::*;

use super::*;

#[test]
fn undefined_is_none() {
    let flat: &[&[f64]] = &[&[3.0, 3.0], &[3.0, 3.0]];
    assert!(anova_oneway(flat).is_none() && anova_welch(flat).is_none() && kruskal_wallis(flat).is_none());
    let thirds = [4.0 / 3.0 - 1.0, 7.0 / 3.0 - 2.0, 4.0 - 11.0 / 3.0];
    let rounded: &[&[f64]] = &[&thirds, &thirds[..2]];
    assert!(anova_oneway(rounded).is_none() && anova_welch(rounded).is_none() && kruskal_wallis(rounded).is_none());
    let one: &[&[f64]] = &[&[1.0, 2.0]];
    assert!(anova_oneway(one).is_none() && anova_welch(one).is_none() && kruskal_wallis(one).is_none());
    let hollow: &[&[f64]] = &[&[1.0, 2.0], &[]];
    assert!(anova_oneway(hollow).is_none() && anova_welch(hollow).is_none() && kruskal_wallis(hollow).is_none());
    assert!(anova_welch(&[&[1.0, 2.0], &[4.0]]).is_none());
}

proptest! {
    #[test]
    fn the_order_of_groups_does_not_matter(
        a in proptest::collection::vec(1..=5u8, 2..20),
        b in proptest::collection::vec(1..=5u8, 2..20),
    ) {
        let float = |v: &[u8]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let (a, b) = (float(&a), float(&b));
        for test in [anova_oneway, anova_welch, kruskal_wallis] {
            match (test(&[&a, &b]), test(&[&b, &a])) {
                (Some(ab), Some(ba)) => {
                    prop_assert!((ab.p - ba.p).abs() < 1e-9);
                    prop_assert!((0.0..=1.0).contains(&ab.p));
                }
                (ab, ba) => prop_assert_eq!(ab.is_none(), ba.is_none()),
            }
        }
    }
}
