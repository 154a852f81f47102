//! The bootstrap's ends against scipy, its determinism and what it refuses.

use proptest::prelude::*;

use super::*;

const HOW: Resampling = Resampling { resamples: 2000, seed: 1 };

fn column(values: &[f64]) -> Vec<Observed> {
    values.iter().enumerate().map(|(cluster, value)| Observed { cluster, value: *value }).collect()
}

fn one(values: &[Observed], how: Resampling) -> Result<[f64; 2], NoInterval> {
    means::interval(values, how)
}

#[test]
fn what_cannot_vary_has_a_code() {
    assert_eq!(one(&[], HOW), Err(NoInterval::TooFewClusters));
    assert_eq!(one(&column(&[4.0]), HOW), Err(NoInterval::TooFewClusters));
    let alone = [1.0, 5.0].map(|value| Observed { cluster: 3, value });
    assert_eq!(one(&alone, HOW), Err(NoInterval::TooFewClusters));
    assert_eq!(one(&column(&[3.3; 40]), HOW), Err(NoInterval::Constant));
    let single = Resampling { resamples: 1, ..HOW };
    assert_eq!(one(&column(&[1.0, 2.0]), single), Err(NoInterval::Ties));
}

#[test]
fn threads_and_order_do_not_matter() {
    let values: Vec<f64> = (0..300).map(|i| f64::from(i * 7 % 5) + 1.0 / f64::from(1 + i % 3)).collect();
    let mut values: Vec<Observed> = values.iter().zip(0..).map(|(value, i)| Observed { cluster: i / 2, value: *value }).collect();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let ends = pool(1).install(|| one(&values, HOW)).unwrap();
    values.reverse();
    assert_eq!(pool(5).install(|| one(&values, HOW)).unwrap().map(f64::to_bits), ends.map(f64::to_bits));
}

#[test]
fn equal_clusters_share_their_draws() {
    let a = column(&[1.0, 2.0, 5.0, 4.0, 4.0, 3.0]);
    let moved: Vec<Observed> = a.iter().map(|one| Observed { value: one.value + 1.0, ..*one }).collect();
    let ([lo, hi], [lo_moved, hi_moved]) = (one(&a, HOW).unwrap(), one(&moved, HOW).unwrap());
    assert!((lo_moved - lo - 1.0).abs() < 1e-12 && (hi_moved - hi - 1.0).abs() < 1e-12);
    assert_eq!(one(&differences(&moved, &a), HOW), Err(NoInterval::Constant));
}

#[test]
fn values_of_a_cluster_are_drawn_together() {
    let spread: Vec<f64> = (0..60).map(|i| f64::from(1 + i % 5)).collect();
    let together: Vec<Observed> =
        spread.iter().flat_map(|value| [*value; 10]).zip(0..).map(|(value, i)| Observed { cluster: i / 10, value }).collect();
    let width = |ends: [f64; 2]| ends[1] - ends[0];
    let apart = column(&together.iter().map(|one| one.value).collect::<Vec<_>>());
    let (clustered, naive) = (width(one(&together, HOW).unwrap()), width(one(&apart, HOW).unwrap()));
    assert!((clustered / naive / 10f64.sqrt() - 1.0).abs() < 0.15, "{clustered} against {naive}");
}

#[test]
fn its_intervals_cover_the_truth() {
    // 40 skewed values of mean 1 a sample; some 95 in 100 intervals must hold it. Seeded, so that it never fails by chance.
    let mut held = 0;
    for sample in 0..100 {
        let mut generator = Resampling { seed: 99, ..HOW }.generator(sample);
        let exponential = || -rand::RngExt::random::<f64>(&mut generator).max(1e-300).ln();
        let values: Vec<f64> = std::iter::repeat_with(exponential).take(40).collect();
        let [lo, hi] = one(&column(&values), Resampling { resamples: 300, seed: sample as u64 }).unwrap();
        held += usize::from(lo <= 1.0 && 1.0 <= hi);
    }
    assert!((88..=99).contains(&held), "{held} of 100");
}

/// The shares that the limit of few clusters stands on, within three standard errors.
#[test]
fn few_clusters_cover_too_little() {
    let samples = crate::sized(500, 5000) as usize;
    let shares = |clusters: usize| {
        let (mut held, mut given) = (0_u32, 0_u32);
        for sample in 0..samples {
            let mut generator = Resampling { seed: clusters as u64, ..HOW }.generator(sample);
            let level = |draw: f64| 1.0 + [0.05, 0.15, 0.4, 0.75].iter().filter(|below| draw >= **below).count() as f64;
            let values: Vec<f64> = (0..clusters).map(|_| level(rand::RngExt::random(&mut generator))).collect();
            let found = Bootstrapped::of(&column(&values), Resampling { resamples: 500, seed: sample as u64 });
            assert_eq!(found.basis.ci95_note.is_some(), found.ci95.is_some() && clusters < 10);
            if let Some([lo, hi]) = found.ci95 {
                (held, given) = (held + u32::from(lo <= 3.65 + 1e-12 && 3.65 <= hi + 1e-12), given + 1);
            }
        }
        f64::from(held) / f64::from(given)
    };
    for (clusters, measured) in [(2, 0.63), (3, 0.77), (4, 0.84), (5, 0.86), (6, 0.86), (8, 0.89), (9, 0.89), (10, 0.90), (20, 0.94)] {
        let share = shares(clusters);
        let error = f64::sqrt(measured * (1.0 - measured) / samples as f64);
        assert!((share - measured).abs() < 3.0 * error + 0.01, "{share} is not {measured} of {clusters} clusters");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ends_lie_within_the_data(values in proptest::collection::vec((0..6usize, 1..=5u8), 0..30)) {
        let values: Vec<Observed> = values.iter().map(|(cluster, level)| Observed { cluster: *cluster, value: f64::from(*level) }).collect();
        if let Ok([lo, hi]) = one(&values, Resampling { resamples: 100, seed: 3 }) {
            prop_assert!(1.0 <= lo && lo <= hi && hi <= 5.0);
        }
    }
}

#[test]
fn ends_agree_with_scipy() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../../fixtures/stats/compare.json")).unwrap();
    for case in golden["bca"].as_object().unwrap().values() {
        let floats = |key: &str| case[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
        let (x, mut means, ends) = (floats("x"), floats("means"), floats("ci95"));
        let (n, sum) = (x.len() as f64, x.iter().sum::<f64>());
        let jackknife: Vec<(f64, f64)> = x.iter().map(|x| ((sum - x) / (n - 1.0), 1.0)).collect();
        let ours = bca::ends(&mut means, sum / n, &jackknife).unwrap();
        assert!(ours.iter().zip(&ends).all(|(ours, theirs)| (ours - theirs).abs() <= 1e-9 * theirs.abs()), "{ours:?} is not {ends:?}");
    }
}
