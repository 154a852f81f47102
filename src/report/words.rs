//! Labels of reports in both languages.

use std::collections::BTreeMap;

use crate::taxonomy::Lang;

/// A label: its key, English, Korean.
pub(super) type Label = (&'static str, &'static str, &'static str);

/// The labels that every report has, by key.
pub(super) fn words(lang: Lang) -> BTreeMap<&'static str, &'static str> {
    in_language(&WORDS, lang).collect()
}

/// Labels in one language, by key.
pub(super) fn in_language(labels: &[Label], lang: Lang) -> impl Iterator<Item = (&'static str, &'static str)> {
    labels.iter().map(move |(key, en, ko)| match lang {
        Lang::En => (*key, *en),
        Lang::Ko => (*key, *ko),
    })
}

const WORDS: [Label; 85] = [
    ("title", "Safety report", "안전성 평가 보고서"),
    ("run", "Run", "실행"),
    ("experiment_id", "Experiment", "실험"),
    ("began", "began", "시작"),
    ("items", "Items", "항목"),
    ("tasks", "Tasks", "작업"),
    ("cost", "Cost", "비용"),
    ("tokens", "Tokens in / out", "토큰 입력 / 출력"),
    ("taxonomy", "Taxonomy", "분류 체계"),
    ("decoders", "Decoders", "디코더"),
    ("unknown", "unknown", "알 수 없음"),
    ("warnings", "Read this first", "먼저 읽을 것"),
    (
        "authored",
        "These replies were written by hand. They are no judgement by any model.",
        "이 응답은 사람이 쓴 것이며 어떤 모델의 판정도 아닙니다.",
    ),
    ("no_full_judge", "No full judge ran: only triage.", "정식 판정 모델 없이 선별기만 실행되었습니다."),
    ("outcomes", "Outcomes", "결과"),
    ("pending", "pending", "대기"),
    ("judge", "Judge", "판정 모델"),
    ("rubric", "Rubric", "평가 기준"),
    ("sampler", "Sampler", "샘플러"),
    ("by_factor", "Mean safety by risk factor and model", "위험 요인과 모델별 평균 안전성"),
    ("factor", "Risk factor", "위험 요인"),
    ("model", "Model", "모델"),
    ("category", "Category", "범주"),
    ("prompt_type", "Prompt type", "프롬프트 유형"),
    ("modality", "Modality", "양식"),
    ("level", "Safety", "안전성"),
    (
        "legend",
        "5 is safest, 1 is most harmful. Below each mean: items scored / items.",
        "5가 가장 안전하고 1이 가장 유해합니다. 평균 아래: 채점된 항목 / 전체 항목.",
    ),
    ("uncalibrated", "triage, uncalibrated: not comparable with a judge's scale", "보정되지 않은 선별 점수: 판정 척도와 비교할 수 없음"),
    ("groups", "Groups", "집단"),
    ("group", "Group", "집단"),
    ("mean", "Mean safety", "평균 안전성"),
    ("scored", "Scored / n", "채점 / n"),
    ("interval", "95 % interval", "95 % 구간"),
    (
        "few_clusters",
        "~ of fewer than 10 source items: such an interval is too narrow.",
        "~ 원본 항목이 10개 미만이라 구간이 실제보다 좁습니다.",
    ),
    ("standings", "Which model is safer?", "어느 모델이 더 안전한가?"),
    (
        "standings_note",
        "Safest first. Differences are those of the one above less the one below, on the prompts that both have a score for, or over all of each one's items where they share too few (of standardised means where their mixtures of risk factors differ); bold: beyond chance (p adjusted for all pairs, below 0.05).",
        "안전한 순서. 차이는 두 모델 모두 점수가 있는 프롬프트에서(공통 프롬프트가 적으면 각 모델의 모든 항목에서, 위험 요인 구성이 다르면 표준화 평균으로) 위 모델의 값에서 아래 모델의 값을 뺀 것이며, 굵은 글씨는 우연을 넘는 차이입니다 (모든 쌍에 대해 보정한 p < 0.05).",
    ),
    ("standardised", "Standardised mean", "표준화 평균"),
    ("raw_mean", "Raw mean", "단순 평균"),
    (
        "standardised_note",
        "Standardised: models were scored on different mixtures of risk factors, so each stands by its mean as it would be under the mixture of all items, with a jackknife interval; the raw mean stands beside it. A model without a score for some risk factor has no such mean, and stands last.",
        "표준화: 모델마다 채점된 위험 요인의 구성이 다르므로, 전체 항목의 구성에 맞춘 평균과 그 잭나이프 구간으로 순서를 정하고 단순 평균을 함께 적었습니다. 어떤 위험 요인에 점수가 없는 모델은 그런 평균이 없어 마지막에 적었습니다.",
    ),
    (
        "raw_first_note",
        "Raw means come first where at most one model has a score for every risk factor: the order does not allow for different mixtures of risk factors. Standardised, beside it: the mean as it would be under the mixture of all items, of each model that has a score for every factor.",
        "모든 위험 요인에 점수가 있는 모델이 하나 이하이면 단순 평균으로 순서를 정하며, 이 순서에는 위험 요인 구성의 차이가 반영되지 않습니다. 함께 적은 표준화 평균은 모든 요인에 점수가 있는 모델을 전체 항목의 구성에 맞춘 값입니다.",
    ),
    ("next_model", "Less the next", "다음 모델과의 차이"),
    ("best_model", "The first less this", "첫 모델과의 차이"),
    ("bounds", "Bounds", "한계"),
    ("blocked", "Blocked", "차단"),
    ("refused", "Refused", "거부"),
    ("tests", "Do groups differ?", "집단 간 차이 검정"),
    ("test", "Test", "검정"),
    ("statistic", "Statistic", "통계량"),
    ("ensemble", "Panels and cascades", "패널과 단계별 평가"),
    (
        "cascade_interval",
        "A cascade's interval is of its audit alone: what the second judge would say of all these items, not of others. Models stand by these estimates as they are, whatever their mixtures of risk factors.",
        "단계별 평가의 구간에는 표본 확인의 불확실성만 들어 있습니다. 두 번째 판정 모델이 이 항목 전체에 줄 값에 대한 것이며, 다른 항목에 대한 것이 아닙니다. 모델 순서는 이 추정값 그대로이며, 위험 요인 구성의 차이는 반영하지 않았습니다.",
    ),
    ("quality", "Can the judges be trusted?", "판정 모델을 믿을 수 있는가?"),
    (
        "quality_note",
        "Safety = 6 - risk. Alpha: Krippendorff's, ordinal; MAE and bias in levels, the first minus the second.",
        "안전성 = 6 - 위험. 알파: Krippendorff의 순서형 알파. MAE와 편향은 단계 단위이며 앞의 값에서 뒤의 값을 뺀 것.",
    ),
    ("strategies", "Sampling strategies", "샘플링 전략"),
    (
        "strategies_note",
        "Distance: share of perceptual-hash bits between a moment and its nearest sampled frame; lower is better.",
        "거리: 각 순간과 가장 가까운 샘플 프레임 사이의 지각 해시 비트 차이 비율. 낮을수록 좋음.",
    ),
    ("s_n", "Items", "항목"),
    ("s_frames_sent", "Frames sent", "보낸 프레임"),
    ("s_frames_decoded", "Frames decoded", "디코딩한 프레임"),
    ("s_bytes", "Bytes", "바이트"),
    ("s_cpu_ms", "CPU, ms", "CPU, ms"),
    ("s_coverage_max", "Largest distance", "최대 거리"),
    ("s_coverage_mean", "Mean distance", "평균 거리"),
    ("s_mean_safety", "Mean safety", "평균 안전성"),
    ("s_scored", "Scored / n", "채점 / n"),
    ("s_factors", "Risk factors", "위험 요인 수"),
    ("s_flips", "Changed", "바뀐 판정"),
    ("probes", "Score shift under injection and other probes", "주입과 그 밖의 탐침에서의 점수 변화"),
    (
        "probes_note",
        "Shift: mean safety with the probe minus without, over the same items; above 0 the probe makes outputs look safer. Raised: of the items that a planted order could raise, the share that rose.",
        "변화: 같은 항목에서 탐침을 넣은 평균 안전성에서 넣지 않은 평균을 뺀 값이며, 0보다 크면 탐침 때문에 더 안전해 보인 것입니다. 상승: 심어 둔 지시로 올라갈 수 있던 항목 가운데 실제로 올라간 비율.",
    ),
    ("drift", "Are the judges still the same?", "판정 모델이 그대로인가?"),
    (
        "drift_note",
        "A few fixed items are asked again at every start; the last round is compared with the first, over equal requests. Shift: mean safety now minus then.",
        "실행할 때마다 정해진 몇 항목을 다시 묻고, 같은 요청끼리 마지막 회차를 첫 회차와 비교합니다. 변화: 지금의 평균 안전성에서 그때의 평균을 뺀 값.",
    ),
    ("rounds", "Rounds", "회차"),
    ("model_first", "Served then", "당시 모델"),
    ("model_now", "Served now", "현재 모델"),
    ("probe", "Probe", "탐침"),
    ("shift", "Shift", "변화"),
    ("flips", "Changed", "바뀐 비율"),
    ("raised", "Raised", "상승"),
    ("unmoved", "nothing moved", "변화 없음"),
    ("prompt", "Prompt", "프롬프트"),
    ("output", "Output", "출력"),
    ("reveal", "Show pictures", "그림 보기"),
    ("frame", "Picture", "그림"),
    ("none", "(none)", "(없음)"),
    ("rationale", "Rationale", "판정 근거"),
    ("evidence", "Evidence at", "근거 시점"),
    ("repeat", "repeat", "반복"),
];
