//! The page is complete, inert but for its own script, and the same in both forms.

use std::path::Path;

use super::write::write;
use crate::ledger::{ItemRow, Record, RunInfo, Thumb};
use crate::report::format::Folder;
use crate::report::models::tests::turned;
use crate::report::summary::tests::{run, scored};
use crate::report::{FormatKind, StoredRun};
use crate::sampling::{Observation, compare};
use crate::taxonomy::Lang;

const WHOLE: u64 = 25_000_000;

/// A run with markup in every place that comes from outside.
fn hostile() -> (RunInfo, Vec<ItemRow>, Vec<Record>) {
    let (mut info, mut items, mut records) = run();
    info.authored_judges = vec!["m".into()];
    info.started_at = Some("2026-11-30T09:05:00Z".into());
    items[0].prompt = "<script>alert(1)</script>\u{202e}".into();
    items[0].item_id = "\"><img src=x onerror=alert(1)>".into();
    items[0].thumbs[0].name = "../../x\" onload=\"y.jpg".into();
    records[0].item_id.clone_from(&items[0].item_id);
    records[1].item_id.clone_from(&items[0].item_id);
    records[0].rationale = Some("</script></details></main><script src='http://example.test/x'>".into());
    (info, items, records)
}

fn written(dir: &Path, (info, items, records): &(RunInfo, Vec<ItemRow>, Vec<Record>), lang: Lang, limit: u64) -> String {
    let seen = Observation {
        sampler: "uniform:8".into(),
        item_id: "v".into(),
        risk: None,
        frames_sent: 8,
        frames_decoded: 90,
        bytes: 1,
        cpu_ms: 1.0,
        coverage: None,
        safety: None,
        dense_safety: None,
    };
    let run = StoredRun::new(info.clone(), items.clone(), records.clone(), compare(&[seen])).unwrap();
    write(&run.view(lang), &mut Folder::at(dir), limit).unwrap();
    std::fs::read_to_string(dir.join("report.html")).unwrap()
}

fn page(lang: Lang) -> String {
    written(tempfile::tempdir().unwrap().path(), &hostile(), lang, WHOLE)
}

#[test]
fn intervals_of_few_source_items_are_marked_wherever_they_stand() {
    // Four prompts of each model and factor: every mean, cell of the heat map and difference rests on few source items.
    let rows = (0..8).flat_map(|prompt| {
        let risk = if prompt < 4 { "R05" } else { "R12" };
        [("a", risk, "pQO", prompt, 2 + (prompt % 3) as u8), ("b", risk, "pQO", prompt, 1 + (prompt % 4) as u8)]
    });
    let page = written(tempfile::tempdir().unwrap().path(), &scored(&rows.collect::<Vec<_>>()), Lang::En, WHOLE);
    let table = |class: &str| page.split(class).nth(1).and_then(|rest| rest.split("</table>").next()).unwrap().to_owned();
    for class in ["<table class=\"matrix\">", "<table class=\"chart dense duels\">", "<table class=\"chart\">"] {
        let (table, mut intervals) = (table(class), 0);
        for small in table.split("<small>").skip(1).filter_map(|rest| rest.split("</small>").next()) {
            let interval = small.contains(" – ") || small.starts_with('[');
            assert!(!interval || small.ends_with('~'), "{class}: {small}");
            intervals += usize::from(interval);
        }
        assert!(intervals > 0, "{class}");
    }
}

#[test]
fn rows_that_stand_by_standardised_means_show_and_draw_them() {
    let run = turned();
    let shown = |lang| written(tempfile::tempdir().unwrap().path(), &run, lang, WHOLE);
    let (page, korean) = (shown(Lang::En), shown(Lang::Ko));
    let summary = crate::report::summary::tests::summary(&run.0, &run.1, &run.2);
    let first = page.split("<tbody>").nth(1).unwrap();
    let rows: Vec<&str> = first.split("<tr>").skip(1).collect();
    assert!(rows.len() >= summary.standings[0].models.len(), "{first}");
    for (row, one) in rows.iter().zip(&summary.standings[0].models) {
        let mean = one.standardised.unwrap();
        let mark = format!("{mean:.2}").trim_end_matches('0').to_owned();
        assert!(row.contains(&format!("<title>{mark}</title>")) && row.contains(&format!("<b>{mean:.2}</b>")), "{row}");
        assert!(row.contains(&format!("Raw mean</span> {:.2}</small>", one.mean_safety)), "{row}");
    }
    assert!(first.contains("standardised means: one mixture") && page.contains("a jackknife interval; the raw mean"), "{first}");
    assert!(korean.contains("단순 평균</span>") && !self::page(Lang::En).split("</tbody>").next().unwrap().contains("Raw mean</span>"));
}

#[test]
fn outside_text_is_inert() {
    let page = page(Lang::En);
    let scripts: Vec<_> = page.match_indices("<script").map(|(at, _)| &page[at..at + 32]).collect();
    assert_eq!(scripts.len(), 4, "{scripts:?}"); // the data, the list, the one chunk of details, the script
    assert!(page.ends_with("})();\n</script>\n</body>\n</html>"), "the script is last");
    assert!(!page.contains("<img") && !page.contains("onload=\"") && !page.contains("alert(1)</script>"));
    assert!(page.contains("\\u003cscript\\u003ealert(1)\\u003c/script\\u003e\\u003cU+202E\\u003e"));
    assert!(!page.contains("y.jpg"), "a picture that is no file of the run is left out");
}

#[test]
fn nothing_but_the_pages_own_style_and_script_may_run() {
    let page = page(Lang::En);
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; img-src data:; media-src data:; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http") && policy.matches("sha256-").count() == 2);
    for text in [" style=\"", "onclick", "https://", "javascript:", "innerHTML", "@import", "url("] {
        assert!(!page.contains(text), "{text}");
    }
}

#[test]
fn it_holds_every_item_outcome_and_the_banner() {
    let page = page(Lang::En);
    for text in
        ["written by hand", "safely_blocked", "judge_refused", "some_reason", "in words", "Misinformation", "uniform:8", "kruskal_wallis"]
    {
        assert!(page.contains(text), "{text}");
    }
    let list = page.split("id=\"rows\">").nth(1).unwrap().split("</script>").next().unwrap();
    let items: serde_json::Value = serde_json::from_str(list).unwrap();
    assert_eq!((items.as_array().unwrap().len(), items[0]["verdicts"].as_array().unwrap().len()), (6, 2));
    assert_eq!((&items[0]["safety"], &items[0]["spread"]), (&4.5.into(), &1.into()));
    assert_eq!(items[5]["verdicts"][0]["outcome"], "pending");
}

#[test]
fn the_head_tells_reports_apart() {
    let page = page(Lang::En);
    let head = page.split("<header>").nth(1).unwrap().split("</header>").next().unwrap();
    for text in [
        "<h1>tiny</h1>",
        "image</span> 6",
        "<code>0123456789abcdef</code>",
        "</span> 2026-11-30 09:05:00 UTC</p>",
        "(<span data-w=\"run_same\">same id, same settings</span>)",
    ] {
        assert!(head.contains(text) || head.contains(&text.replace("&#x27;", "'")), "{text}: {head}");
    }
}

#[test]
fn tests_and_effects_are_named_in_words_and_say_what_stands_beside() {
    let level = |model: &str, prompt: u32| 1 + ((prompt * 7 + if model == "x" { 2 } else { 0 }) % 4) as u8;
    let rows =
        |model: &'static str| (0..16).map(move |prompt| (model, ["R05", "R12"][prompt as usize % 2], "pQO", prompt, level(model, prompt)));
    let (info, items, records) = scored(&rows("x").chain(rows("y")).collect::<Vec<_>>());
    let page = written(tempfile::tempdir().unwrap().path(), &(info, items, records), Lang::Ko, WHOLE);
    let body = page.split("<script").next().unwrap();
    for word in [
        "test_wilcoxon",
        "test_anova_twoway_type2",
        "effect_rank_biserial",
        "effect_partial_eta2",
        "beside",
        "interaction",
        "same_items",
        "of_blocked",
    ] {
        assert!(body.contains(&format!("data-w=\"{word}\"")), "{word}");
    }
    for code in ["wilcoxon<", "mcnemar_exact", "anova_", "rank_biserial<", "model:risk"] {
        assert!(!body.replace("_wilcoxon\"", "").replace("test_anova_", "").contains(code), "{code}");
    }
    assert!(body.contains("단순 질문") && body.contains("코헨"), "prompt types have names");
}

#[test]
fn korean_labels_and_names_are_chosen() {
    let page = page(Lang::Ko);
    assert!(page.contains("<html lang=\"ko\"") && page.contains("허위정보</span>") && page.contains("안전성 평가 보고서"));
    assert!(!page.contains("Misinformation</span>"));
}

#[test]
fn a_large_page_leaves_its_details_beside_it_and_names_their_digests() {
    let dir = tempfile::tempdir().unwrap();
    let run = hostile();
    let (whole, split) = (written(dir.path(), &run, Lang::En, WHOLE), written(dir.path(), &run, Lang::En, 10_000));
    assert!(whole.contains("id=\"chunk-0\"") && !split.contains("id=\"chunk-0\""));
    let data = std::fs::read_to_string(dir.path().join("report-data/0.html")).unwrap();
    let inside = data.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    assert!(split.contains(&super::island::sha256(inside)) && whole.contains(inside));
    assert!(data.contains("default-src 'none'; script-src 'sha256-") && split.contains("frame-src 'self' file:"));
    // A second time gives the same bytes, and lists the page alone.
    assert_eq!(written(dir.path(), &run, Lang::En, 10_000), split);
}

/// The run of the summary's tests with `copies` of its items.
fn copied(copies: usize) -> (RunInfo, Vec<ItemRow>, Vec<Record>) {
    let (info, items, records) = run();
    let id = |copy: usize, id: &str| format!("{copy:03}-{id}");
    let of = |copy: usize| {
        (
            items.iter().map(move |item| ItemRow {
                item_id: id(copy, &item.item_id),
                position: 6 * copy as u64 + item.position,
                ..item.clone()
            }),
            records.iter().map(move |record| Record { item_id: id(copy, &record.item_id), ..record.clone() }),
        )
    };
    let (items, records) = (0..copies).map(of).unzip::<_, _, Vec<_>, Vec<_>>();
    (info, items.into_iter().flatten().collect(), records.into_iter().flatten().collect())
}

#[test]
fn both_forms_hold_every_item_and_its_details_chunk_by_chunk() {
    for (copies, chunks) in [(0, 0), (20, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let run = copied(copies);
        let (whole, split) = (written(dir.path(), &run, Lang::En, WHOLE), written(dir.path(), &run, Lang::En, 10_000));
        let inside = |page: &str, id: &str| -> Option<serde_json::Value> {
            let text = page.split(&format!("id=\"{id}\">")).nth(1)?.split("</script>").next()?;
            Some(serde_json::from_str(text).unwrap())
        };
        let list = |page: &str| inside(page, "rows").unwrap();
        assert_eq!((list(&whole).as_array().unwrap().len(), list(&whole)), (6 * copies, list(&split)));
        assert_eq!(inside(&split, "data").unwrap()["chunks"].as_array().unwrap().len(), chunks);
        let mut details = 0;
        for chunk in 0..chunks {
            let here = inside(&whole, &format!("chunk-{chunk}")).unwrap();
            let beside = std::fs::read_to_string(dir.path().join(format!("report-data/{chunk}.html"))).unwrap();
            assert_eq!(inside(&beside, "data").as_ref(), Some(&here));
            details += here.as_array().unwrap().len();
        }
        assert_eq!((details, inside(&whole, &format!("chunk-{chunks}"))), (6 * copies, None));
        for page in [&whole, &split] {
            let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), count, "an id names one element: {ids:?}");
        }
    }
}

#[test]
fn pictures_go_into_the_page_or_lie_beside_it() {
    let run_dir = tempfile::tempdir().unwrap();
    let name = format!("{}.jpg", &tribunal_media::Digest::of(b"picture").to_string()[..32]);
    let (info, items, records) = run();
    let gone = "0".repeat(32) + ".jpg";
    let thumb = |name: &str| Thumb { name: name.to_owned(), t: None };
    let task = |record: &crate::ledger::Record| crate::judge::Task {
        item_id: record.item_id.clone(),
        sampler: record.sampler.clone(),
        rubric: record.rubric.clone(),
        judge: record.judge.clone(),
        repeat: record.repeat,
    };
    let tasks = |item: &str| records.iter().filter(|record| record.item_id == item).map(task).collect::<Vec<_>>();
    let rows = || items.iter().map(|item| Ok::<_, crate::ledger::LedgerError>((item.clone(), tasks(&item.item_id))));
    let ledger = crate::ledger::Ledger::open(run_dir.path(), &info).unwrap();
    ledger.plan(rows).unwrap();
    ledger
        .record_media(
            "a",
            tribunal_media::Digest::of(b"m"),
            &tribunal_media::Report::default(),
            &[(thumb(&name), b"picture".as_slice().into()), (thumb(&gone), b"x".as_slice().into())],
        )
        .unwrap();
    ledger.close().unwrap();
    std::fs::remove_file(run_dir.path().join("thumbs").join(gone)).unwrap();
    let (out, stored) = (tempfile::tempdir().unwrap(), StoredRun::open(&[run_dir.path().to_owned()]).unwrap());
    let view = stored.view(Lang::En);
    crate::report::write(out.path(), &view, &[FormatKind::Html]).unwrap();
    let page = std::fs::read_to_string(out.path().join("report.html")).unwrap();
    assert!(page.contains("data:image/jpeg;base64,cGljdHVyZQ=="));
    assert_eq!(page.matches("data:image/jpeg").count(), 1, "one that is not there is left out");
    write(&view, &mut Folder::at(out.path()), 10_000).unwrap();
    assert_eq!(std::fs::read(out.path().join("thumbs").join(&name)).unwrap(), b"picture");
    let data = std::fs::read_to_string(out.path().join("report-data/0.html")).unwrap();
    assert!(data.contains(&format!("thumbs/{name}")));
}
