//! The page is complete, inert and without script.

use super::*;
use crate::report::Summary;
use crate::report::summary::tests::run;
use crate::sampling::{Observation, compare};

fn rendered(lang: Lang) -> String {
    let (mut info, mut items, mut records) = run();
    info.authored_judges = vec!["m".into()];
    items[0].prompt = "<script>alert(1)</script>\u{202e}".into();
    items[0].item_id = "\"><img src=x onerror=alert(1)>".into();
    records[0].item_id.clone_from(&items[0].item_id);
    records[1].item_id.clone_from(&items[0].item_id);
    records[0].rationale = Some("</details></main><script src='http://example.test/x'>".into());
    items[0].thumbs = vec!["../../x\" onload=\"y.jpg".into()];
    let seen = Observation {
        sampler: "uniform:8".into(),
        item_id: "v".into(),
        frames_sent: 8,
        frames_decoded: 90,
        bytes: 1,
        cpu_ms: 1.0,
        coverage: None,
        safety: None,
        dense_safety: None,
    };
    let summary = Summary::of(&info, &items, &records);
    let strategies = compare(&[seen]);
    let (items, records, strategies) = (&items[..], &records[..], &strategies[..]);
    page(&RunView { info: &info, items, records, summary: &summary, strategies, thumbs: "thumbs", lang }).unwrap()
}

#[test]
fn outside_text_is_inert() {
    let page = rendered(Lang::En);
    assert!(!page.contains("<script") && !page.contains("<img src=x") && !page.contains("onload=\""));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;&lt;U+202E&gt;"));
    assert!(
        page.contains("src=\"thumbs/..%2F..%2Fx%22%20onload%3D%22y.jpg\"")
            || page.contains("src=\"thumbs&#x2f;..%2F..%2Fx%22%20onload%3D%22y.jpg\"")
    );
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn it_holds_every_item_outcome_and_the_banner() {
    let page = rendered(Lang::En);
    for text in [
        "written by hand",
        "safely_blocked",
        "judge_refused",
        "some_reason",
        "in words",
        "Misinformation",
        "1.25 s",
        "uniform:8",
        "kruskal_wallis",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<article").count(), 6);
    assert_eq!(page.matches("type=\"checkbox\"").count(), 6);
}

#[test]
fn korean_labels_and_names_are_chosen() {
    let page = rendered(Lang::Ko);
    assert!(page.contains("<html lang=\"ko\"") && page.contains("허위정보") && page.contains("안전성 평가 보고서"));
    assert!(!page.contains("Misinformation"));
}
