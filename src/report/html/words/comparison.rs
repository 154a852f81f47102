//! The page of several runs.

use crate::report::words::Label;

pub(super) const COMPARISON: &[Label] = &[
    ("comparison", "Comparison of runs", "실행 비교"),
    ("skip_differences", "Skip to the differences", "차이로 건너뛰기"),
    ("do_runs_differ", "Do the runs differ?", "실행 사이에 차이가 있는가?"),
    (
        "difference_note",
        "Mean safety of the first run minus the second, over items that both scored: right of the line the first is safer. Bar: 95 % BCa bootstrap interval over source items.",
        "두 실행이 모두 채점한 항목에서 첫째의 평균 안전성에서 둘째의 평균을 뺀 값. 선의 오른쪽이면 첫째가 더 안전합니다. 막대: 원본 항목 단위 BCa 부트스트랩 95 % 구간.",
    ),
    (
        "paired_note",
        "Differences are paired by item, first less second; intervals are 95 % BCa bootstrap over source items.",
        "차이는 같은 항목에서 첫째의 값에서 둘째의 값을 뺀 것이며, 구간은 원본 항목 단위 BCa 부트스트랩 95 % 구간입니다.",
    ),
    ("pair_of_runs", "Runs", "비교한 실행"),
    ("means", "Means", "평균"),
    ("p_wilcoxon", "p (Wilcoxon)", "p (윌콕슨)"),
    ("p_holm", "p (Holm)", "p (홀름)"),
    ("both_scored", "Both scored / shared", "둘 다 채점 / 공통"),
    ("one_scored", "Only one scored", "한쪽만 채점"),
    ("one_blocked", "Only one blocked", "한쪽만 차단"),
    ("unpaired_note", "Few items in common: two groups of items, not pairs.", "공통 항목이 적어 쌍이 아닌 두 집단으로 비교합니다."),
    ("by_model", "By model", "모델별"),
    ("by_risk", "By risk factor", "위험 요인별"),
    ("moved", "Items that differ most", "차이가 가장 큰 항목"),
    ("tests_and_effects", "Tests and effect sizes", "검정과 효과 크기"),
    ("clusters", "Source items", "원본 항목"),
    ("runs", "The runs", "실행 목록"),
    ("began_at", "Began", "시작"),
    ("source", "Source", "원본"),
    ("experiment", "Experiment", "실험"),
];
