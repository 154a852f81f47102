//! How far judges and people agree.

use crate::report::words::Label;

pub(super) const AGREEMENT: &[Label] = &[
    ("coefficient", "Coefficient", "계수"),
    ("alpha_ordinal", "Krippendorff's alpha, ordinal", "크리펜도르프 알파(순서형)"),
    ("alpha_nominal", "Alpha, nominal", "알파(명목형)"),
    ("alpha_interval", "Alpha, interval", "알파(구간형)"),
    ("kappa_quadratic", "Cohen's kappa, quadratic", "코헨 카파(제곱 가중)"),
    ("kappa_linear", "Kappa, linear", "카파(선형 가중)"),
    ("kappa_unweighted", "Kappa, unweighted", "카파(가중 없음)"),
    ("mae", "Mean absolute difference", "평균 절대 차이"),
    ("bias", "Bias, first minus second", "편향(앞 - 뒤)"),
    ("limits", "Limits of agreement (Bland-Altman)", "일치 한계(블랜드-알트만)"),
    ("people", "People among themselves", "사람끼리의 일치도"),
    ("labelled", "Items with a label", "라벨이 있는 항목"),
    ("annotators", "Annotators", "라벨을 붙인 사람"),
    ("annotators_note", "Each against the mean of the others, on the scale of risk", "위험 점수로 각자를 나머지 사람들의 평균과 비교"),
    ("by_two", "labelled by two or more", "둘 이상이 라벨을 붙인 항목"),
    ("by_all", "labelled by all", "모두가 라벨을 붙인 항목"),
    ("same_pairs", "Equal pairs", "같은 쌍의 비율"),
    ("alpha_without", "Alpha without", "제외한 알파"),
    ("to_adjudicate", "To adjudicate", "조정이 필요한 항목"),
    ("among", "Judges among themselves", "판정 모델끼리의 일치도"),
    ("samplers_among", "Samplers against each other, on the same items", "같은 항목에서 샘플러끼리의 비교"),
    ("variance", "Where the variance of safety comes from", "안전성 분산의 출처"),
    ("component", "Component", "성분"),
    ("squared_levels", "Squared levels", "단계의 제곱"),
    ("share", "Share", "비율"),
];
