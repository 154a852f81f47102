//! Labels that only the page has, in both languages; they hold no character that HTML reads.

use std::collections::BTreeMap;

use crate::report::words::{Label, in_language, words};
use crate::taxonomy::Lang;

/// Every label that the page names, by key.
pub(super) fn labels(lang: Lang) -> BTreeMap<&'static str, &'static str> {
    let of_page = [PAGE, ITEMS, WARNINGS].into_iter().flat_map(|labels| in_language(labels, lang));
    words(lang).into_iter().chain(of_page).collect()
}

/// The same in English and Korean, for the switch in the page.
pub(super) fn both() -> BTreeMap<&'static str, [&'static str; 2]> {
    let korean = labels(Lang::Ko);
    labels(Lang::En).into_iter().map(|(key, word)| (key, [word, korean.get(key).copied().unwrap_or(word)])).collect()
}

const PAGE: &[Label] = &[
    ("skip", "Skip to the items", "항목으로 건너뛰기"),
    ("sections", "Sections", "구역"),
    ("overview", "Overview", "개요"),
    ("dark", "Dark", "어둡게"),
    ("models", "Which model is safer?", "어느 모델이 더 안전한가?"),
    ("plot", "Mean safety from 1 to 5, drawn", "1에서 5까지의 평균 안전성 그림"),
    (
        "models_note",
        "Dot: mean safety. Thick bar: 95 % interval. Thin line: the mean if every unscored item had 1, or 5.",
        "점: 평균 안전성. 굵은 막대: 95 % 구간. 가는 선: 채점되지 않은 모든 항목이 1점일 때와 5점일 때의 평균.",
    ),
    ("scale", "5 is safest, 1 is most harmful.", "5가 가장 안전하고 1이 가장 유해합니다."),
    ("levels", "Levels given", "부여된 점수"),
    ("apart", "Highest and lowest: intervals apart", "최고와 최저: 구간이 겹치지 않음"),
    ("overlap", "Highest and lowest: intervals overlap, no clear difference", "최고와 최저: 구간이 겹쳐 뚜렷한 차이 없음"),
    ("o_scored", "scored", "채점됨"),
    ("o_safely_blocked", "safely blocked", "안전하게 차단"),
    ("o_judge_refused", "judge refused", "판정 거부"),
    ("o_abstained", "abstained", "판정 보류"),
    ("o_judge_unusable", "judge unusable", "판정 사용 불가"),
    ("o_media_rejected", "media rejected", "미디어 거부"),
    ("o_unresolved", "unresolved", "미해결"),
    (
        "groups_note",
        "A mean stands beside the number of items that it is over; read none without it.",
        "평균 옆의 항목 수와 함께 읽어야 합니다.",
    ),
    ("humans", "Humans", "사람"),
    ("human", "Humans", "사람"),
    ("against_humans", "Judges against humans", "판정 모델과 사람의 비교"),
    (
        "humans_note",
        "Human labels are risk; here they are safety = 6 - risk, averaged per item. On the diagonal both agree.",
        "사람의 라벨은 위험 점수이며, 여기서는 안전성 = 6 - 위험으로 바꾸어 항목별로 평균했습니다. 대각선 위에서 서로 일치합니다.",
    ),
    (
        "scatter",
        "Safety by humans across, by the judge upwards; larger bubbles are more items",
        "가로는 사람, 세로는 판정 모델의 안전성. 원이 클수록 항목이 많음",
    ),
    ("confusion", "Items by nearest level", "가장 가까운 점수별 항목 수"),
    ("same_level", "Same level", "같은 점수"),
    ("judging", "How it was judged", "판정 과정"),
    ("model_pairs", "Differences between models", "모델 사이의 차이"),
    (
        "pairs_note",
        "Mean safety of the first minus the second, over the same items where both have them; p is adjusted for the number of pairs.",
        "같은 항목이 있으면 같은 항목에서, 첫째 모델의 평균 안전성에서 둘째 모델의 평균을 뺀 값. p는 비교 횟수에 맞게 보정했습니다.",
    ),
    ("pairs_more", "Further pairs are in summary.json", "나머지 쌍은 summary.json에 있음"),
    ("difference", "Difference", "차이"),
    ("pair_items", "Items or pairs", "항목 또는 쌍"),
    ("median", "Median", "중앙값"),
    ("share_le_2", "At 2 or below", "2점 이하"),
    ("more", "More", "더 보기"),
    ("perhaps", "perhaps", "추가 가능"),
    ("attempts", "Requests", "요청"),
    ("verdicts", "Verdicts", "판정"),
    ("per_verdict", "Cost per verdict", "판정당 비용"),
    ("latency", "Mean latency, ms", "평균 지연, ms"),
    ("panel", "Panel", "패널"),
    ("decided", "Decided cases", "결정된 사례"),
    ("unanimous", "unanimous", "만장일치"),
    ("dissent", "Widest dissent", "가장 큰 이견"),
    ("item", "Item", "항목"),
    ("cascade", "Cascade", "단계별 평가"),
    (
        "cascade_note",
        "The first judge saw every case; the second those that were flagged, and a random sample of the rest. The mean is what the second would give over all.",
        "첫 판정 모델이 모든 사례를 보고, 두 번째는 표시된 사례와 나머지의 무작위 표본을 보았습니다. 평균은 두 번째 모델이 전체에 줄 값의 추정치입니다.",
    ),
    ("first_then", "First, then", "먼저, 다음"),
    (
        "tradeoff",
        "Frames sent across, mean distance upwards; lower left is better",
        "가로는 보낸 프레임 수, 세로는 평균 거리. 왼쪽 아래가 좋음",
    ),
    ("frames_sent", "Frames sent per item", "항목당 보낸 프레임"),
    ("distance", "Mean distance", "평균 거리"),
    (
        "noscript",
        "The items below need this page's own script; verdicts.csv holds them too.",
        "아래 항목을 보려면 이 페이지의 스크립트가 필요합니다. verdicts.csv에도 있습니다.",
    ),
];

const ITEMS: &[Label] = &[
    ("cases", "Cases", "사례"),
    ("passed_on", "Passed on", "전달됨"),
    ("audited", "Audited", "표본 확인"),
    ("missed", "Missed", "놓침"),
    ("saved", "Saved", "절약"),
    ("filter", "Filter and sort", "거르기와 정렬"),
    ("search", "Search", "검색"),
    ("all", "all", "전체"),
    ("sort", "Sort", "정렬"),
    ("by_manifest", "as in the source", "원본 순서"),
    ("by_worst", "least safe first", "위험한 것부터"),
    ("by_best", "safest first", "안전한 것부터"),
    ("by_spread", "widest disagreement first", "판정 차이가 큰 것부터"),
    ("by_human", "furthest from humans first", "사람과 차이가 큰 것부터"),
    ("reset", "Reset", "초기화"),
    ("reveal_all", "Show all pictures", "모든 그림 보기"),
    ("of", "of", "/"),
    ("shown", "items", "항목"),
    ("nothing", "Nothing fits these filters.", "조건에 맞는 항목이 없습니다."),
    ("human_says", "humans", "사람"),
    ("probed", "probe", "탐침"),
    ("dimensions", "Dimensions", "차원"),
    ("expected", "expected", "기댓값"),
    ("entropy", "entropy", "엔트로피"),
    ("bits", "bits", "비트"),
    ("evidence_here", "evidence", "근거"),
    ("sent", "What exactly was sent", "실제로 보낸 것"),
    ("sent_for", "sent for", "보낸 곳"),
    ("cut_to", "Cut to what the judge takes", "판정 모델이 받는 만큼 줄임"),
    ("part", "Part", "조각"),
    ("picture", "picture", "그림"),
    ("sound", "sound", "소리"),
    ("time", "Time", "시점"),
    ("size", "Pixels", "픽셀"),
    ("raw", "Requests and raw replies", "요청과 원본 응답"),
    ("request", "Request", "요청"),
    ("body", "Body, blake3", "본문, blake3"),
    ("endpoint", "Sent to", "보낸 주소"),
    ("no_end", "no reply is recorded", "기록된 응답 없음"),
    ("left_out", "characters left out here; the ledger has them", "자 생략됨. 원장에는 전부 있음"),
    (
        "sound_absent",
        "The run kept no sound (score with --keep-parts to hear it here); the marks show what was sent.",
        "실행에 소리가 보관되지 않았습니다(--keep-parts로 채점하면 여기서 들을 수 있음). 표시는 보낸 구간입니다.",
    ),
    ("timeline", "Timeline", "시간선"),
    (
        "missing_details",
        "These details could not be read; the report's folder is incomplete or was changed.",
        "세부 정보를 읽을 수 없습니다. 보고서 폴더가 불완전하거나 바뀌었습니다.",
    ),
    ("chunk", "chunk", "구간"),
];

/// Titles of warnings, by code; a code without one stands for itself.
const WARNINGS: &[Label] = &[
    ("w_no_full_judge", "Only triage ran", "선별만 실행됨"),
    ("w_triage_separate", "Triage is kept apart", "선별은 따로 표시"),
    ("w_authored_replies", "Replies written by hand", "사람이 쓴 응답"),
    ("w_isolation_incomplete", "Decoders ran without some locks", "디코더 격리가 불완전함"),
    ("w_perhaps_billed", "Perhaps billed for more", "더 청구되었을 수 있음"),
    ("w_few_items", "Too few items", "항목이 너무 적음"),
    ("w_one_cell_mean", "One cell carries a mean", "한 칸이 평균을 좌우함"),
    ("w_weak_prompt_type", "A weak prompt type", "약한 프롬프트 유형"),
    ("w_low_agreement", "Little agreement", "일치도가 낮음"),
    ("w_judge_mismatch", "Judges differ among themselves", "판정 모델끼리 차이가 큼"),
    ("w_pending", "Not finished", "끝나지 않음"),
    ("w_media_rejected", "Media without a score", "점수 없는 미디어"),
    ("w_media_salvaged", "Damaged media", "손상된 미디어"),
    ("w_blocked_over_60", "Most outputs were blocked", "출력 대부분이 차단됨"),
    ("w_cv_over_15", "Safety differs widely between risk factors", "위험 요인 사이의 안전성 차이가 큼"),
    ("w_injection_shift", "A planted order moves scores", "심어 둔 지시가 점수를 바꿈"),
    ("w_level_order_shift", "The order of levels moves scores", "척도의 순서가 점수를 바꿈"),
    ("w_order_blind", "The order of frames changes nothing", "프레임 순서가 점수에 영향을 주지 않음"),
    ("w_judge_model_changed", "The judge is another model than before", "판정 모델이 바뀜"),
    ("w_judge_drift", "The judge has drifted", "판정 기준이 달라짐"),
    ("w_skipped_files", "Files were passed over", "건너뛴 파일이 있음"),
];

#[cfg(test)]
mod tests {
    use super::{ITEMS, PAGE, WARNINGS, both};

    #[test]
    fn every_label_has_both_languages_and_one_meaning() {
        let all: Vec<_> = PAGE.iter().chain(ITEMS).chain(WARNINGS).collect();
        for (key, en, ko) in &all {
            assert!(!en.is_empty() && !ko.is_empty() && !en.contains(['<', '&', '"']) && !ko.contains(['<', '&', '"']), "{key}");
        }
        assert_eq!(both().len(), all.len() + crate::report::words::words(crate::taxonomy::Lang::En).len());
    }

    #[test]
    fn the_script_names_only_known_labels() {
        let script = include_str!("../templates/report.js");
        let (known, mut named) = (both(), 0);
        for key in ["word('", "say('"].iter().flat_map(|call| script.split(call).skip(1)).filter_map(|rest| rest.split('\'').next()) {
            assert!(known.contains_key(key), "`{key}`");
            named += 1;
        }
        assert!(named > 20);
    }
}
