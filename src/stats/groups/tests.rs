//! Golden values from scipy and statsmodels (`fixtures/golden/stats/make.py`), edges and properties.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::stats::{cv, mean_interval, sd, wilson};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../fixtures/golden/stats/golden.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[track_caller]
fn close(ours: f64, golden: &Value) {
    let theirs = golden.as_f64().unwrap();
    let scale = theirs.abs().max(1e-12); // an exact 0 has no relative difference
    assert!((ours - theirs).abs() / scale <= 1e-9 || (theirs.abs() < 1e-15 && ours.abs() < 1e-14), "{ours} is not {theirs}");
}

fn same(ours: &GroupTest, golden: &Value) {
    close(ours.statistic, &golden["statistic"]);
    close(ours.p, &golden["p"]);
    assert_eq!(ours.df.len(), floats(&golden["df"]).len());
    for (mine, theirs) in ours.df.iter().zip(golden["df"].as_array().unwrap()) {
        close(*mine, theirs);
    }
}

#[test]
fn samples_agree_with_scipy() {
    for (name, case) in golden()["samples"].as_object().unwrap() {
        let x = floats(&case["x"]);
        close(mean(&x).unwrap(), &case["mean"]);
        close(sd(&x).unwrap(), &case["sd"]);
        close(cv(&x).unwrap(), &case["cv"]);
        let interval = mean_interval(&x).unwrap_or_else(|| panic!("{name}"));
        close(interval[0], &case["ci95"][0]);
        close(interval[1], &case["ci95"][1]);
    }
}

#[test]
fn groups_agree_with_statsmodels() {
    for case in golden()["groups"].as_object().unwrap().values() {
        let groups: Vec<Vec<f64>> = case["groups"].as_array().unwrap().iter().map(floats).collect();
        let groups: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
        let anova = anova_oneway(&groups).unwrap();
        same(&anova, &case["anova"]);
        close(anova.effect["eta2"], &case["eta2"]);
        close(anova.effect["omega2"], &case["omega2"]);
        same(&anova_welch(&groups).unwrap(), &case["welch"]);
        same(&kruskal_wallis(&groups).unwrap(), &case["kruskal"]);
    }
}

#[test]
fn proportions_agree_with_statsmodels() {
    for case in golden()["wilson"].as_array().unwrap() {
        let count = |key: &str| case[key].as_u64().unwrap() as usize;
        let [lo, hi] = wilson(count("k"), count("n")).unwrap();
        close(lo, &case["ci95"][0]);
        close(hi, &case["ci95"][1]);
    }
}

#[test]
fn undefined_is_none() {
    let flat: &[&[f64]] = &[&[3.0, 3.0], &[3.0, 3.0]];
    assert!(anova_oneway(flat).is_none() && anova_welch(flat).is_none() && kruskal_wallis(flat).is_none());
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
