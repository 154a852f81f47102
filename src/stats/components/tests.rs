//! Golden values (`tests/oracle/agreement.py`), edges and properties.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../fixtures/stats/agreement.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn columns(value: &Value) -> Vec<Vec<usize>> {
    value.as_array().unwrap().iter().map(|column| floats(column).into_iter().map(|level| level as usize).collect()).collect()
}

fn facets(value: &Value) -> Vec<Vec<u32>> {
    columns(value).into_iter().map(|column| column.into_iter().map(|level| level as u32).collect()).collect()
}

#[track_caller]
fn close(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs(), "{ours} is not {theirs}");
}

#[test]
fn components_are_those_of_explicit_design_matrices() {
    for case in golden()["designs"].as_array().unwrap() {
        let wanted = columns(&case["wanted"]);
        let split = split(&floats(&case["values"]), &facets(&case["facets"]), &wanted).unwrap();
        assert_eq!(split.components.iter().map(|one| one.facets.clone()).collect::<Vec<_>>(), wanted);
        assert_eq!(split.balanced, case["name"] != "unbalanced");
        let ours = split.components.iter().map(|one| one.variance).chain([split.residual]);
        ours.zip(floats(&case["variances"])).for_each(|(ours, theirs)| close(ours, theirs));
    }
}

#[test]
fn dependability_of_items_by_judges_is_their_intraclass_correlation() {
    let case = &golden()["dependability"];
    let split = split(&floats(&case["values"]), &facets(&case["facets"]), &[vec![1], vec![2]]).unwrap();
    for (at, judges) in [1.0, 4.0].into_iter().enumerate() {
        let found = generalizability(&split, &Design { object: &[0, 1], levels: &[1.0, 1.0, judges, 1.0], repeats: 1.0 }).unwrap();
        close(found.relative, floats(&case["relative"])[at]);
        close(found.absolute, floats(&case["absolute"])[at]);
    }
}

#[test]
fn what_the_data_cannot_tell_apart_is_named() {
    let values = [1.0, 2.0, 4.0, 3.0];
    let facets = [vec![0, 0, 1, 1], vec![0, 1, 0, 1], vec![0, 0, 0, 0]];
    let split = split(&values, &facets, &[vec![0], vec![1], vec![2], vec![0, 2], vec![0, 1]]).unwrap();
    assert_eq!(split.components.iter().map(|one| &one.facets[..]).collect::<Vec<_>>(), [&[0][..], &[1][..]]);
    assert_eq!(split.confounded, [vec![2], vec![0, 2], vec![0, 1]], "one level; the same as 0; the residual");
}

#[test]
fn what_the_equations_cannot_tell_apart_leaves_no_trace() {
    let values = [1.0, 2.0, 4.0, 3.0, 5.0, 4.0, 2.0, 2.0];
    // Three ways to pair four values use up all that is within the four, so that with the third nothing is left for the rest.
    let facets = [
        vec![0, 0, 0, 0, 1, 1, 1, 1],
        vec![0, 0, 1, 1, 2, 2, 3, 3],
        vec![0, 1, 0, 1, 2, 3, 2, 3],
        vec![0, 1, 1, 0, 2, 3, 3, 2],
        vec![0, 0, 1, 1, 0, 0, 1, 1],
    ];
    let of = |wanted: &[usize]| split(&values, &facets, &wanted.iter().map(|facet| vec![*facet]).collect::<Vec<_>>()).unwrap();
    let (with, without) = (of(&[0, 1, 2, 3, 4]), of(&[0, 1, 2, 4]));
    assert_eq!((&with.confounded, without.confounded.len()), (&vec![vec![3]], 0));
    assert_eq!((with.components, with.residual), (without.components, without.residual));
}

#[test]
fn undefined_is_none() {
    assert!(split(&[], &[vec![]], &[vec![0]]).is_none());
    assert!(split(&[1.0, 2.0], &[vec![0, 0]], &[vec![0]]).is_none(), "one group");
    assert!(split(&[1.0, 2.0], &[vec![0, 1]], &[vec![0]]).is_none(), "a group for every value");
    let flat = split(&[2.0; 4], &[vec![0, 0, 1, 1]], &[vec![0]]).unwrap();
    assert_eq!((flat.components[0].variance, flat.residual), (0.0, 0.0));
    assert_eq!(generalizability(&flat, &Design { object: &[0], levels: &[1.0], repeats: 1.0 }), None);
}

proptest! {
    #[test]
    fn more_judges_or_repeats_are_never_worse(values in proptest::collection::vec(1.0..5.0f64, 24), judges in 1..9u8, repeats in 1..9u8) {
        let facets = [(0..24).map(|at| at / 6).collect(), (0..24).map(|at| at / 2 % 3).collect()];
        let split = split(&values, &facets, &[vec![0], vec![1], vec![0, 1]]).unwrap();
        let of = |judges: u8, repeats: u8| {
            let levels = [1.0, f64::from(judges)];
            generalizability(&split, &Design { object: &[0], levels: &levels, repeats: f64::from(repeats) })
        };
        if let (Some(few), Some(more)) = (of(judges, repeats), of(judges + 1, repeats + 1)) {
            prop_assert!(few.relative <= more.relative && few.absolute <= few.relative && more.relative <= 1.0);
        }
    }
}
