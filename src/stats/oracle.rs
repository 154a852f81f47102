//! Every number against the packages that `make oracle` asked (`tests/oracle/compare.py`): relative difference at most 1e-9.

use serde_json::Value;

use super::noncentral::f_cdf;
use super::special::{f_sf, t_critical};
use super::studentized::range_sf;
use super::*;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../fixtures/stats/compare.json")).unwrap()
}

fn cases(name: &str) -> Vec<(String, Value)> {
    let cases = golden()[name].as_object().unwrap_or_else(|| panic!("{name}")).clone();
    assert!(!cases.is_empty());
    cases.into_iter().collect()
}

fn list(name: &str) -> Vec<Value> {
    golden()[name].as_array().unwrap_or_else(|| panic!("{name}")).clone()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn nested(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(floats).collect()
}

fn slices(rows: &[Vec<f64>]) -> Vec<&[f64]> {
    rows.iter().map(Vec::as_slice).collect()
}

#[track_caller]
fn close(ours: f64, golden: &Value) {
    let theirs = golden.as_f64().unwrap_or_else(|| panic!("{golden} is no number"));
    // An exact 0 has no relative difference; of sums of squares that ought to be 0, 1e-14 is left.
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs() || (ours.abs() < 1e-13 && theirs.abs() < 1e-13), "{ours} is not {theirs}");
}

#[track_caller]
fn all_close(ours: &[f64], golden: &Value) {
    let theirs = golden.as_array().unwrap();
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).for_each(|(ours, theirs)| close(*ours, theirs));
}

#[track_caller]
fn same(ours: &TestResult, golden: &Value) {
    close(ours.statistic, &golden["statistic"]);
    close(ours.p, &golden["p"]);
    all_close(&ours.df, &golden["df"]);
    if let Some(ends) = golden.get("effect_ci95") {
        all_close(&ours.effect_ci95.unwrap(), ends);
    }
}

#[test]
fn samples() {
    for (_, case) in cases("samples") {
        let x = floats(&case["x"]);
        close(mean(&x).unwrap(), &case["mean"]);
        close(sd(&x).unwrap(), &case["sd"]);
        close(cv(&x).unwrap(), &case["cv"]);
        close(median(&x).unwrap(), &case["median"]);
        close(share_at_most(&x, 2.0).unwrap(), &case["share_le_2"]);
        all_close(&quantiles(&x, [0.05, 0.25, 0.5, 0.75, 0.95]).unwrap(), &case["quantiles"]);
        all_close(&mean_interval(&x).unwrap(), &case["ci95"]);
    }
    for case in list("wilson") {
        let n = case["n"].as_u64().unwrap() as usize;
        all_close(&wilson(case["k"].as_f64().unwrap() / n as f64, n).unwrap(), &case["ci95"]);
    }
}

#[test]
fn groups() {
    for (_, case) in cases("groups") {
        let rows = nested(&case["groups"]);
        let groups = slices(&rows);
        let anova = anova_oneway(&groups).unwrap();
        same(&anova, &case["anova"]);
        close(anova.effect["eta2"], &case["eta2"]);
        close(anova.effect["omega2"], &case["omega2"]);
        same(&anova_welch(&groups).unwrap(), &case["welch"]);
        same(&kruskal_wallis(&groups).unwrap(), &case["kruskal"]);
    }
}

fn every(pairs: Vec<Result<Pair, NoInterval>>) -> Vec<Pair> {
    pairs.into_iter().collect::<Result<_, _>>().unwrap()
}

#[test]
fn pairs_of_groups() {
    for (_, case) in cases("groups") {
        let rows = nested(&case["groups"]);
        let groups = slices(&rows);
        let all = every_pair(groups.len());
        for (ours, theirs) in [(tukey_hsd(&groups, &all), &case["tukey"]), (games_howell(&groups, &all), &case["games_howell"])] {
            let ours = every(ours);
            assert_eq!(ours.len(), theirs.as_array().unwrap().len());
            for (pair, theirs) in ours.iter().zip(theirs.as_array().unwrap()) {
                close(pair.difference, &theirs["difference"]);
                close(pair.statistic, &theirs["statistic"]);
                close(pair.p, &theirs["p"]);
            }
        }
        for (pair, ends) in every(tukey_hsd(&groups, &all)).iter().zip(case["tukey_ci95"].as_array().unwrap()) {
            // scipy finds its critical value to some 1e-7 only.
            let ends = floats(ends);
            assert!(pair.ci95.unwrap().iter().zip(&ends).all(|(ours, theirs)| (ours - theirs).abs() < 1e-5), "{pair:?} is not {ends:?}");
        }
        let dunn = every(dunn(&groups, &all));
        all_close(&dunn.iter().map(|pair| pair.statistic).collect::<Vec<_>>(), &case["dunn"]["z"]);
        all_close(&dunn.iter().map(|pair| pair.p).collect::<Vec<_>>(), &case["dunn"]["p"]);
    }
    all_close(&holm(&floats(&golden()["holm"]["p"])), &golden()["holm"]["adjusted"]);
}

fn crossed(value: &Value) -> Vec<Crossed> {
    let one = |row: Vec<f64>| Crossed { a: row[0] as usize, b: row[1] as usize, value: row[2] };
    nested(value).into_iter().map(one).collect()
}

#[track_caller]
fn same_terms(ours: TwoWay, golden: &Value) {
    for (ours, theirs) in [ours.a, ours.b, ours.interaction].into_iter().zip(golden.as_array().unwrap()) {
        assert_eq!(ours.is_none(), theirs.is_null());
        let Some(ours) = ours else { continue };
        same(&ours, theirs);
        ["eta2", "partial_eta2", "omega2", "partial_omega2"].iter().for_each(|name| close(ours.effect[name], &theirs[name]));
    }
}

#[test]
fn two_way() {
    for (_, case) in cases("twoway") {
        let values = crossed(&case["values"]);
        same_terms(anova_twoway_type2(&values).unwrap(), &case["type2"]);
        same_terms(anova_twoway_type3(&values).unwrap(), &case["type3"]);
    }
    for (_, case) in cases("sparse") {
        let values = crossed(&case["values"]);
        same_terms(anova_twoway_type2(&values).unwrap(), &case["type2"]);
        assert_eq!(anova_twoway_type3(&values), None, "a marginal mean over an empty cell");
    }
}

#[test]
fn repeated_measures() {
    for (_, case) in cases("repeated") {
        let rows = nested(&case["items"]);
        let found = anova_repeated(&slices(&rows)).unwrap();
        same(&found.uncorrected, &case);
        close(found.epsilon, &case["epsilon"]);
        close(found.corrected.p, &case["p_corrected"]);
        all_close(&found.corrected.effect_ci95.unwrap(), &case["effect_ci95_corrected"]);
        all_close(&found.corrected.df, &case["df_corrected"]);
        ["partial_eta2", "generalised_eta2"].iter().for_each(|name| close(found.corrected.effect[name], &case[name]));
    }
}

#[test]
fn paired_samples() {
    let how = Resampling { resamples: 8192, seed: 0 }; // all signs of 13 differences
    for (name, case) in cases("paired") {
        let column = |value: &Value| -> Vec<Observed> {
            let values = value.as_array().unwrap().iter().enumerate();
            values.filter_map(|(cluster, value)| Some(Observed { cluster, value: value.as_f64()? })).collect()
        };
        let differences: Vec<f64> = differences(&column(&case["a"]), &column(&case["b"])).iter().map(|one| one.value).collect();
        let t = paired_t(&differences).unwrap();
        same(&t, &case["t"]);
        close(t.effect["cohen_dz"], &case["t"]["cohen_dz"]);
        let signed = wilcoxon(&differences).unwrap();
        same(&signed, &case["wilcoxon"]);
        close(signed.effect["rank_biserial"], &case["wilcoxon"]["rank_biserial"]);
        let flipped = sign_flip(&differences, how).unwrap().p;
        match case["sign_flip"].as_f64() {
            Some(exact) => close(flipped, &exact.into()),
            // Drawn, so near the t test only as far as draws can be.
            None => assert!((flipped - t.p).abs() < 0.02, "{name}: {flipped} is far from {}", t.p),
        }
    }
}

#[test]
fn effect_sizes() {
    for (_, case) in cases("effects") {
        let (a, b) = (floats(&case["a"]), floats(&case["b"]));
        close(cohens_d(&a, &b).unwrap(), &case["cohens_d"]);
        close(hedges_g(&a, &b).unwrap(), &case["hedges_g"]);
        let (delta, ends) = cliffs_delta(&a, &b).unwrap();
        close(delta, &case["cliffs_delta"]);
        assert_eq!(ends.is_none(), case["cliffs_ci95"].is_null());
        ends.iter().for_each(|ends| all_close(ends, &case["cliffs_ci95"]));
    }
}

#[test]
fn rates_and_power() {
    for case in list("mcnemar") {
        let [b, c] = ["b", "c"].map(|key| case[key].as_u64().unwrap() as usize);
        close(mcnemar_exact(b, c).unwrap().p, &case["exact"]);
    }
    for case in list("power") {
        let (dz, n) = (case["dz"].as_f64().unwrap(), case["n"].as_u64().unwrap() as usize);
        close(power_paired(dz, n).unwrap(), &case["power"]);
    }
}

#[test]
fn distributions() {
    let tails = golden()["tails"].clone();
    let rows = |name: &str| tails[name].as_array().unwrap().clone();
    let x = |row: &Value, at: usize| row[at].as_f64().unwrap();
    rows("f").iter().for_each(|row| close(f_sf(x(row, 0), x(row, 1), x(row, 2)), &row[3]));
    rows("noncentral_f").iter().for_each(|row| close(f_cdf(x(row, 0), x(row, 1), x(row, 2), x(row, 3)), &row[4]));
    rows("range").iter().for_each(|row| close(range_sf(x(row, 0), x(row, 1) as usize, x(row, 2)).unwrap(), &row[3]));
    rows("t_critical").iter().for_each(|row| close(t_critical(0.05, x(row, 0)).unwrap(), &row[1]));
}
