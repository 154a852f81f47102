//! Golden values (`tests/oracle/agreement.py`), edges and properties.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../fixtures/stats/agreement.json")).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// The ratings that were given, item by item.
fn rows(table: &Value) -> Vec<Vec<f64>> {
    list(&table["rows"]).iter().map(|row| list(row).iter().filter_map(Value::as_f64).collect()).collect()
}

/// Of the items that every rater rated.
fn complete(table: &Value) -> Vec<Vec<f64>> {
    list(&table["rows"]).iter().filter_map(|row| list(row).iter().map(Value::as_f64).collect()).collect()
}

/// Every item is a cluster of its own.
fn alone<T>(items: &[T]) -> Vec<usize> {
    (0..items.len()).collect()
}

fn pairs(case: &Value) -> Vec<(f64, f64)> {
    list(&case["pairs"]).iter().map(|pair| (pair[0].as_f64().unwrap(), pair[1].as_f64().unwrap())).collect()
}

/// A relative difference of 1e-9; numbers that are 0 but for rounding are equal.
#[track_caller]
fn close(ours: Option<f64>, golden: &Value, what: &str) {
    let same = match (ours, golden.as_f64()) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 1e-9 * theirs.abs() || ours.abs().max(theirs.abs()) < 1e-13,
        (ours, theirs) => ours.is_none() && theirs.is_none(),
    };
    assert!(same, "{what}: {ours:?} is not {golden}");
}

#[track_caller]
fn both_close(ours: Option<[f64; 2]>, golden: &Value, what: &str) {
    for end in 0..2 {
        close(ours.map(|ends| ends[end]), golden.get(end).unwrap_or(&Value::Null), what);
    }
}

/// Resamples by another generator: as near as 2,000 and 4,000 of them can be (the ends' standard errors are below 0.007).
#[track_caller]
fn near(ours: Option<[f64; 2]>, golden: &Value, what: &str) {
    let ours = ours.unwrap();
    assert!((0..2).all(|end| (ours[end] - golden[end].as_f64().unwrap()).abs() < 0.03), "{what}: {ours:?} is far from {golden}");
}

#[test]
fn alpha_is_the_reference_packages() {
    for table in list(&golden()["tables"]) {
        let name = table["name"].as_str().unwrap();
        for (level, key) in [(Metric::Nominal, "nominal"), (Metric::Ordinal, "ordinal"), (Metric::Interval, "interval")] {
            close(alpha(level, &rows(table)), &table["alpha"][key], &format!("{name} {key}"));
        }
        if let Some(ends) = table.get("alpha_ci95") {
            near(alpha_interval(Metric::Ordinal, &rows(table), &alone(&rows(table)), 3), ends, name);
        }
    }
}

#[test]
fn fleiss_and_percent_agreement_are_the_reference_packages() {
    for table in list(&golden()["tables"]) {
        let name = table["name"].as_str().unwrap();
        close(fleiss(&complete(table)), &table["fleiss"], name);
        close(percent_agreement(&rows(table)), &table["percent"], name);
    }
}

#[test]
fn intraclass_correlations_are_the_reference_packages() {
    for table in list(&golden()["tables"]) {
        let (name, theirs, ours) = (table["name"].as_str().unwrap(), &table["icc"], icc(&complete(table)));
        let Some(ours) = ours else {
            assert!(theirs.is_null(), "{name}");
            continue;
        };
        assert_eq!((Some(ours.items as u64), Some(ours.raters as u64)), (theirs["items"].as_u64(), theirs["raters"].as_u64()), "{name}");
        let forms = [("icc1", &ours.icc1), ("icc2", &ours.icc2), ("icc3", &ours.icc3)];
        for (key, form) in forms.into_iter().chain([("icc1k", &ours.icc1k), ("icc2k", &ours.icc2k), ("icc3k", &ours.icc3k)]) {
            let (theirs, what) = (&theirs[key], format!("{name} {key}"));
            close(Some(form.value), &theirs["value"], &what);
            close(form.f, &theirs["f"], &what);
            both_close(Some(form.df), &theirs["df"], &what);
            close(form.p, &theirs["p"], &what);
            // The package steps past the pole of Spearman and Brown's formula, to a lower end above the upper one.
            if theirs["ci95"][0].as_f64() > theirs["ci95"][1].as_f64() {
                assert_eq!((key, form.ci95), ("icc2k", None), "{what}");
            } else {
                both_close(form.ci95, &theirs["ci95"], &what);
            }
        }
    }
}

#[test]
fn kappas_are_the_reference_packages() {
    for case in list(&golden()["pairs"]) {
        let (name, on_scale) = (case["name"].as_str().unwrap(), !case["kappa"]["linear"].is_null());
        close(cohen(Weights::Unweighted, &pairs(case)), &case["kappa"]["unweighted"], name);
        for (weights, key) in [(Weights::Linear, "linear"), (Weights::Quadratic, "quadratic")] {
            let kappa = cohen(weights, &pairs(case)).filter(|_| on_scale); // elsewhere the package weighs positions, not distances
            close(kappa, &case["kappa"][key], &format!("{name} {key}"));
        }
        if let Some(ends) = case.get("kappa_ci95") {
            near(cohen_interval(Weights::Quadratic, &pairs(case), &alone(&pairs(case)), 5), ends, name);
        }
    }
}

#[test]
fn rank_correlations_are_the_reference_packages() {
    for case in list(&golden()["pairs"]) {
        let name = case["name"].as_str().unwrap();
        for (ours, key) in [(spearman(&pairs(case)), "spearman"), (kendall(&pairs(case)), "kendall")] {
            close(ours.map(|found| found.value), &case[key]["value"], &format!("{name} {key}"));
            close(ours.and_then(|found| found.p), &case[key]["p"], &format!("{name} p of {key}"));
        }
        if let Some(ends) = case.get("spearman_ci95") {
            near(spearman_interval(&pairs(case), &alone(&pairs(case)), 6), ends, name);
        }
    }
}

#[test]
fn differences_are_the_reference_packages() {
    for case in list(&golden()["pairs"]) {
        let (name, theirs, ours) = (case["name"].as_str().unwrap(), &case["bland_altman"], bland_altman(&pairs(case)));
        close(ours.map(|limits| limits.bias), &theirs["bias"], name);
        close(ours.map(|limits| limits.sd), &theirs["sd"], name);
        // Nothing varies there, which the references take for certainty.
        let null = Value::Null;
        let constant = ours.is_some_and(|limits| limits.sd == 0.0);
        let interval = |theirs| if constant { &null } else { theirs };
        both_close(ours.and_then(|limits| limits.bias_ci95), interval(&theirs["bias_ci95"]), name);
        both_close(ours.map(|limits| limits.limits), &theirs["limits"], name);
        both_close(ours.and_then(|limits| limits.lower_ci95), interval(&theirs["lower_ci95"]), name);
        both_close(ours.and_then(|limits| limits.upper_ci95), interval(&theirs["upper_ci95"]), name);
        close(mean_absolute_error(&pairs(case)), &case["mae"]["value"], name);
        both_close(mae_interval(&pairs(case), &alone(&pairs(case))), interval(&case["mae"]["ci95"]), name);
        if let Some(counts) = case.get("confusion") {
            assert_eq!(serde_json::to_value(confusion(&pairs(case))).unwrap(), *counts);
        }
    }
}

#[test]
fn undefined_is_none() {
    let none: &[Vec<f64>] = &[];
    assert!(alpha(Metric::Nominal, none).is_none() && fleiss(none).is_none() && percent_agreement(none).is_none() && icc(none).is_none());
    assert!(alpha_interval(Metric::Ordinal, none, &[], 0).is_none() && reliability(&[], 0).is_empty() && disputes(none).is_empty());
    assert!(cohen(Weights::Linear, &[]).is_none() && spearman(&[]).is_none() && kendall(&[]).is_none());
    assert!(bland_altman(&[]).is_none() && mean_absolute_error(&[]).is_none() && mae_interval(&[(1.0, 2.0)], &[0]).is_none());
}

#[test]
fn full_agreement_is_one_without_an_f() {
    let rows = [[1.0, 1.0], [4.0, 4.0], [5.0, 5.0]];
    let icc = icc(&rows).unwrap();
    assert_eq!((icc.icc2.value, icc.icc3k.value, icc.icc2.f, icc.icc2.p, icc.icc2.ci95), (1.0, 1.0, None, None, None));
    assert_eq!((alpha(Metric::Interval, &rows), fleiss(&rows), percent_agreement(&rows)), (Some(1.0), Some(1.0), Some(1.0)));
}

fn ratings() -> impl Strategy<Value = Vec<Vec<f64>>> {
    proptest::collection::vec(proptest::collection::vec((1..=5u8).prop_map(f64::from), 0..=5), 2..20)
}

/// By the definition: every pair of ratings of an item against every pair of all.
fn interval_alpha(rows: &[Vec<f64>]) -> Option<f64> {
    let pairable = || rows.iter().filter(|row| row.len() >= 2);
    let all: Vec<f64> = pairable().flatten().copied().collect();
    let pairs = |ratings: &[f64]| ratings.iter().flat_map(|a| ratings.iter().map(move |b| (a - b).powi(2))).sum::<f64>();
    let observed: f64 = pairable().map(|row| pairs(row) / (row.len() - 1) as f64).sum();
    (pairs(&all) > 0.0).then(|| 1.0 - observed * (all.len() - 1) as f64 / pairs(&all))
}

proptest! {
    #[test]
    fn items_rated_alike_count_as_often_as_they_occur(rows in ratings()) {
        let thrice: Vec<&[f64]> = rows.iter().flat_map(|row| [row.as_slice(); 3]).collect();
        let rated: Vec<(f64, f64)> = thrice.iter().filter_map(|row| Some((*row.first()?, *row.get(1)?))).collect();
        // Two by two, as a table of counts would have them.
        let quadratic = |pairs: &[(f64, f64)]| {
            let n = pairs.len() as f64;
            let observed: f64 = pairs.iter().map(|(a, b)| (a - b).powi(2)).sum();
            let expected: f64 = pairs.iter().flat_map(|(a, _)| pairs.iter().map(move |(_, b)| (a - b).powi(2))).sum();
            (expected > 0.0).then(|| 1.0 - observed * n / expected)
        };
        match (cohen(Weights::Quadratic, &rated), quadratic(&rated)) {
            (Some(ours), Some(naive)) => prop_assert!((ours - naive).abs() < 1e-12),
            (ours, naive) => prop_assert_eq!(ours, naive),
        }
    }

    #[test]
    fn the_order_of_items_and_raters_does_not_matter(rows in ratings()) {
        let turned: Vec<Vec<f64>> = rows.iter().rev().map(|row| row.iter().rev().copied().collect()).collect();
        for level in [Metric::Nominal, Metric::Ordinal, Metric::Interval] {
            match (alpha(level, &rows), alpha(level, &turned)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12 && a <= 1.0),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }

    #[test]
    fn alpha_is_that_of_all_pairs_of_ratings(rows in ratings()) {
        match (alpha(Metric::Interval, &rows), interval_alpha(&rows)) {
            (Some(ours), Some(naive)) => prop_assert!((ours - naive).abs() < 1e-12),
            (ours, naive) => prop_assert_eq!(ours, naive),
        }
    }

    #[test]
    fn a_rater_left_out_is_a_rater_who_was_never_there(rows in ratings()) {
        let raters: Vec<u32> = (0..5).collect();
        let rated: Vec<Rated> = rows.iter().map(|ratings| Rated { raters: &raters[..ratings.len()], ratings }).collect();
        for (rater, found) in reliability(&rated, 5).iter().enumerate() {
            let others: Vec<Vec<f64>> =
                rows.iter().map(|row| row.iter().enumerate().filter(|(at, _)| *at != rater).map(|(_, x)| *x).collect()).collect();
            match (found.alpha_without, alpha(Metric::Ordinal, &others)) {
                (Some(ours), Some(naive)) => prop_assert!((ours - naive).abs() < 1e-9),
                (ours, naive) => prop_assert_eq!(ours, naive),
            }
        }
    }

    #[test]
    fn safety_and_risk_agree_alike(rows in ratings()) {
        let turned: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|risk| 6.0 - risk).collect()).collect();
        for level in [Metric::Nominal, Metric::Ordinal, Metric::Interval] {
            if let (Some(a), Some(b)) = (alpha(level, &rows), alpha(level, &turned)) {
                prop_assert!((a - b).abs() < 1e-12);
            }
        }
    }
}
