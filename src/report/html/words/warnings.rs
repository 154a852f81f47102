//! Titles of warnings, by code; a code without one stands for itself.

use crate::report::words::Label;

pub(super) const WARNINGS: &[Label] = &[
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
    ("w_nothing_to_compare", "Nothing to compare", "비교할 것이 없음"),
    ("w_unpaired", "No items in common", "공통 항목 없음"),
    ("w_judged_otherwise", "Not judged alike", "판정 방식이 다름"),
    ("w_different_experiments", "Different experiments", "실험 조건이 다름"),
    ("w_many_tags", "Too many tags", "태그가 너무 많음"),
    ("w_many_values", "A tag is a label of items", "태그가 항목의 이름표와 같음"),
    ("w_many_models", "Too many models", "모델이 너무 많음"),
    ("w_skipped_files", "Files were passed over", "건너뛴 파일이 있음"),
];
