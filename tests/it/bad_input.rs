//! Bad input: a clear message that says what to do, the right exit code, nothing lost.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::support::{json_to, jsonl, manifest, root, run_to, table, tribunal};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn complaint(exit: i32, args: &[&str]) -> String {
    String::from_utf8_lossy(&run_to(exit, args).stderr).into_owned()
}

#[test]
fn an_empty_folder_says_what_was_expected() {
    let work = tempdir().unwrap();
    let message = complaint(2, &["score", path(work.path()), "--judge", "embedded"]);
    assert!(message.contains(".jsonl") && message.contains(path(work.path())), "{message}");
}

#[test]
fn output_that_cannot_be_written_is_told_and_a_closed_pipe_is_not() {
    for args in [&["taxonomy", "list"][..], &["taxonomy", "list", "--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let lost = tribunal(args).stdout(full).output().unwrap();
        let stderr = String::from_utf8_lossy(&lost.stderr);
        assert!(lost.status.code() == Some(4) && stderr.contains("the output is lost"), "{:?}: {stderr}", lost.status);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = tribunal(args).stdout(writer).output().unwrap();
        assert_eq!((closed.status.code(), closed.stderr), (Some(0), Vec::new()));
    }
}

#[test]
fn every_bad_line_is_named_before_anything_is_spent() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, std::time::Duration::ZERO)));
    fs::copy(root().join("fixtures/made/gradient.png"), work.path().join("a.png")).unwrap();
    let lines = [
        r#"{"id":"a","modality":"image","risk":"R05","output":{"path":"a.png"}}"#,
        r#"{"id":"b","modality":"image","output":{"path":"missing.png"}}"#,
        r#"{"id":"a","modality":"text","output":{"text":"again"}}"#,
        r#"{"id":"c","modality":"text","risk":"R99","output":{"text":"x"}}"#,
        r#"{"id":"d","output":{"path":"../outside.png"}}"#,
        r#"{"id":"e","modality":"audio","output":{"path":"a.png"}}"#,
        r#"{"id":"f","output""#,
    ];
    let manifest = work.path().join("m.jsonl");
    fs::write(&manifest, lines.join("\n")).unwrap();
    let run = work.path().join("run");
    let message = complaint(2, &["score", path(&manifest), "--judge", &judge.spec(), "-o", path(&run)]);
    for line in 2..=7 {
        assert!(message.contains(&format!("m.jsonl:{line}:")), "line {line} is not named in:\n{message}");
    }
    assert!(!message.contains("m.jsonl:1:"), "{message}");
    assert!(judge.calls().is_empty() && !run.exists());
}

#[test]
fn a_missing_key_names_its_variable() {
    let message = complaint(2, &["score", path(&manifest()), "--judge", "openai/gpt-5-mini"]);
    assert!(message.contains("OPENAI_API_KEY"), "{message}");
}

#[test]
fn an_unknown_judge_or_sampler_lists_what_is_known() {
    assert!(complaint(2, &["score", path(&manifest()), "--judge", "nobody"]).contains("replay:FILE"));
    assert!(complaint(2, &["score", path(&manifest()), "--sampler", "often:3"]).contains("uniform:N"));
    assert!(complaint(2, &["score", path(&manifest()), "--rubric", "single-frame", "--sampler", "uniform:8"]).contains("one frame"));
}

#[test]
fn a_budget_without_a_price_is_refused() {
    let judge = MockJudge::start(Manner::Verdict(5, std::time::Duration::ZERO));
    let message = complaint(2, &["score", path(&manifest()), "--judge", &judge.spec(), "--budget-usd", "1"]);
    assert!(message.contains("price"), "{message}");
}

#[test]
fn broken_media_are_rejected_by_name_and_the_rest_is_scored() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, std::time::Duration::ZERO)));
    let (folder, run) = (work.path().join("in"), work.path().join("run"));
    manifest();
    fs::create_dir(&folder).unwrap();
    let fetched = root().join("fixtures/fetched/filetype");
    fs::copy(fetched.join("sample.jpg"), folder.join("good.jpg")).unwrap();
    let clip = fs::read(fetched.join("sample.mp4")).unwrap();
    fs::write(folder.join("cut.mp4"), &clip[..2000]).unwrap();
    fs::write(folder.join("cut_late.mp4"), &clip[..clip.len() / 2]).unwrap();
    fs::write(folder.join("words.jpg"), "just a note, saved under the wrong name").unwrap();
    fs::write(folder.join("nothing.png"), "").unwrap();
    fs::write(folder.join("ignored.xyz"), "not media, not asked for").unwrap();

    let done = json_to(1, &["score", path(&folder), "--judge", &judge.spec(), "-o", path(&run)]);
    assert_eq!(done["summary"]["items"], 5);
    let ends: Vec<(String, String, String)> = table(&run)
        .iter()
        .map(|row| {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            (text("item_id"), text("outcome"), text("reason"))
        })
        .collect();
    let end = |item: &str| ends.iter().find(|(id, ..)| id == item).map(|(_, outcome, reason)| (outcome.as_str(), reason.as_str())).unwrap();
    assert_eq!(end("good.jpg"), ("scored", ""));
    assert_eq!(end("words.jpg"), ("media_rejected", "not_media"));
    assert_eq!(end("nothing.png"), ("media_rejected", "not_media"));
    assert_eq!(end("cut.mp4").0, "media_rejected");
    assert!(["truncated", "malformed", "empty"].contains(&end("cut.mp4").1), "{ends:?}");
    assert_eq!(end("cut_late.mp4"), ("scored", ""), "what it still holds is judged");
    let warnings = done["summary"]["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["code"] == "media_salvaged" && warning["count"] == 1), "{warnings:?}");
    assert_eq!(judge.calls().len(), 2);
}

#[test]
fn a_name_that_cannot_be_an_id_does_not_stop_the_folder() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, std::time::Duration::ZERO)));
    let (folder, run) = (work.path().join("in"), work.path().join("run"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("line\nbreak.txt"), "hello").unwrap();
    fs::write(folder.join("한글 이름.txt"), "hello").unwrap();
    let output = run_to(0, &["score", path(&folder), "--judge", &judge.spec(), "-o", path(&run)]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("skipped_names"), "{output:?}");
    assert_eq!(table(&run).iter().map(|row| row["item_id"].as_str().unwrap()).collect::<Vec<_>>(), ["한글 이름.txt"]);
}

#[test]
fn a_run_folder_is_no_source() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, std::time::Duration::ZERO)));
    let run = work.path().join("run");
    run_to(0, &["score", path(&manifest()), "--limit", "1", "--judge", &judge.spec(), "-o", path(&run)]);
    assert!(complaint(2, &["score", path(&run), "--judge", &judge.spec()]).contains("no source"));
    let failed = json_to(2, &["export", path(&run), "--to", "inspect", "-o", path(&work.path().join("out"))]);
    assert!(failed["error"].as_str().unwrap().contains("no source") && failed["exit"] == 2);
}

#[test]
fn prepare_lists_what_it_refuses() {
    let work = tempdir().unwrap();
    let (folder, out) = (work.path().join("in"), work.path().join("out"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.txt"), "hello").unwrap();
    fs::write(folder.join("b.jpg"), "no picture").unwrap();
    run_to(1, &["prepare", path(&folder), "-o", path(&out)]);
    let lines = jsonl(&out.join("parts.jsonl"));
    assert_eq!(lines[0]["kind"], "text");
    assert_eq!((&lines[1]["outcome"], &lines[1]["reason"]), (&"media_rejected".into(), &"not_media".into()));
}

#[test]
fn probe_says_what_is_seen_and_what_is_refused() {
    manifest();
    let fetched = root().join("fixtures/fetched/filetype");
    let (clip, tiff) = (fetched.join("sample.mp4"), fetched.join("sample.tif"));
    let seen = json_to(1, &["probe", path(&clip), path(&tiff)]);
    assert_eq!((&seen["files"][0]["modality"], &seen["files"][0]["accepted"]), (&"video".into(), &true.into()));
    assert_eq!((&seen["files"][1]["reason"], &seen["files"][1]["accepted"]), (&"unsupported".into(), &false.into()));
}

#[test]
fn isolation_changes_no_byte() {
    let work = tempdir().unwrap();
    let parts = |isolation: &str, threads: &str| {
        let out = work.path().join(format!("{isolation}-{threads}"));
        run_to(0, &["prepare", path(&manifest()), "--isolation", isolation, "--threads", threads, "-o", path(&out)]);
        fs::read(out.join("parts.jsonl")).unwrap()
    };
    let apart = parts("required", "1");
    assert_eq!(apart, parts("off", "1"));
    assert_eq!(apart, parts("required", "3"));
}
