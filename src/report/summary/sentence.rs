//! Which model is safer, in words.

use super::{Placed, Versus, unpaired};
use crate::ensemble::MISSING_FACTORS;
use crate::report::plain::{interval, noted};
use crate::stats::NoInterval;

/// Neighbours, and factors of a model, that are named.
const NAMED: usize = 3;

impl Versus {
    /// What can be said of the models that stand `higher` and `lower`.
    fn clause(&self, of: [&Placed; 2]) -> [String; 2] {
        let [higher, lower] = of.map(|one| one.model.as_str());
        let (Some(beyond), Some(difference)) = (self.beyond_chance, self.difference) else {
            let [why, korean] = self.why_not(of);
            return [
                format!("{higher} and {lower} cannot be compared ({why})"),
                format!("{higher}, {lower}: 비교할 수 없습니다 ({korean})"),
            ];
        };
        if !beyond {
            return [format!("{higher} and {lower} cannot be told apart"), format!("{higher}, {lower}: 차이를 구별할 수 없습니다")];
        }
        // On what both have, the order may be the other one.
        let turned = difference < 0.0;
        let (safer, other) = if turned { (lower, higher) } else { (higher, lower) };
        let ends = self.ci95.map(|[lo, hi]| if turned { [-hi, -lo] } else { [lo, hi] });
        let interval = ends.map_or_else(String::new, |ends| format!(" {}", noted(interval(Some(ends)), self.ci95_note)));
        let (by, n, what) = (difference.abs(), self.n, if self.paired { ["prompts", "프롬프트"] } else { ["items", "항목"] });
        let standardised = self.test == unpaired::STANDARDISED;
        let how = if standardised { [", standardised by risk factor", ", 위험 요인 구성 표준화"] } else { ["", ""] };
        [
            format!("{safer} is safer than {other} by {by:.2}{interval} on {n} {}{}", what[0], how[0]),
            format!("{safer}: {other}보다 {by:.2}{interval} 더 안전합니다 ({} {n}개{})", what[1], how[1]),
        ]
    }

    /// Why the two cannot be compared.
    fn why_not(&self, of: [&Placed; 2]) -> [String; 2] {
        const FEW: &str = NoInterval::TooFewClusters.code();
        let [english, korean] = match (self.ci95_null, self.test) {
            (Some(MISSING_FACTORS), _) => return lacking(of),
            (Some(FEW), unpaired::STANDARDISED) => {
                ["one has two source items in no risk factor", "원본 항목이 둘 이상인 위험 요인이 없는 모델이 있음"]
            }
            (Some(FEW), _) => ["one has a single source item", "원본 항목이 하나뿐인 모델이 있음"],
            (_, unpaired::STANDARDISED) => ["nothing varies within risk factors", "위험 요인 안에서는 점수가 모두 같음"],
            _ => ["nothing varies", "점수가 모두 같음"],
        };
        [english.to_owned(), korean.to_owned()]
    }
}

/// Which factors a model has no score for.
fn lacking(of: [&Placed; 2]) -> [String; 2] {
    let lacking = || of.into_iter().filter(|one| !one.standardised_missing.is_empty());
    let factors = |one: &Placed| listed(&one.standardised_missing);
    [
        lacking().map(|one| format!("{} has no score for {}", one.model, factors(one)[0])).collect::<Vec<_>>().join(", "),
        lacking().map(|one| format!("{}: {}에 채점된 항목이 없음", one.model, factors(one)[1])).collect::<Vec<_>>().join(", "),
    ]
}

/// Names of factors; of many the first ones, and how many more there are.
pub(super) fn listed(factors: &[String]) -> [String; 2] {
    let shown = if factors.len() == NAMED + 1 { factors.len() } else { NAMED.min(factors.len()) }; // "1 more" would be as long
    let (first, rest) = (factors[..shown].join(", "), factors.len() - shown);
    if rest == 0 { [first.clone(), first] } else { [format!("{first} and {rest} more"), format!("{first} 외 {rest}개")] }
}

/// The first neighbours; where none of them can be told apart, also `told`: the places of the first two models that can, the higher one first.
pub(super) fn of(models: &[Placed], told: Option<&([usize; 2], Versus)>, raw: bool) -> [String; 2] {
    let mut clauses: Vec<[String; 2]> = Vec::new();
    let neighbours = || models.windows(2).take(NAMED).filter_map(|pair| Some((&pair[0], &pair[1], pair[0].next.as_ref()?)));
    clauses.extend(neighbours().map(|(one, next, versus)| versus.clause([one, next])));
    if !neighbours().any(|(.., versus)| versus.beyond_chance == Some(true)) {
        clauses.extend(told.map(|(pair, versus)| versus.clause(pair.map(|place| &models[place]))));
    }
    let said = |language: usize| clauses.iter().map(|clause| clause[language].as_str()).collect::<Vec<_>>().join("; ");
    let more = models.len().saturating_sub(NAMED + 1);
    let [mut english, mut korean] = [said(0), said(1)];
    if more > 0 {
        english += &format!("; {more} more {} below", if more == 1 { "model stands" } else { "models stand" });
        korean += &format!("; 그 아래에 모델 {more}개가 더 있습니다");
    }
    if raw {
        english += "; the order does not allow for their different mixtures of risk factors";
        korean += "; 이 순서에는 모델마다 다른 위험 요인 구성이 반영되지 않았습니다";
    }
    [english + ".", korean + "."]
}
