//! The other commands on real data: strategies compared, datasets read, what works here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::mock::{Manner, MockJudge};
use crate::support::{json_to, jsonl, manifest, root, run_to, table};

fn clips() -> tempfile::TempDir {
    manifest();
    let folder = tempdir().unwrap();
    for name in ["sample.mp4", "sample.mov"] {
        fs::copy(root().join("fixtures/fetched/filetype").join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn row<'a>(done: &'a Value, sampler: &str) -> &'a Value {
    done["samplers"].as_array().unwrap().iter().find(|row| row["sampler"] == sampler).unwrap()
}

#[test]
fn strategies_are_compared_from_one_decode() {
    let (clips, out) = (clips(), tempdir().unwrap());
    let done = json_to(
        0,
        &[
            "samplers",
            clips.path().to_str().unwrap(),
            "--sampler",
            "middle",
            "--sampler",
            "uniform:8",
            "--sampler",
            "keyframes:2",
            "-o",
            out.path().to_str().unwrap(),
        ],
    );
    assert_eq!(done["videos"], 2);
    let (one, eight) = (row(&done, "middle"), row(&done, "uniform:8"));
    assert_eq!(one["frames_sent"], 1.0);
    assert!(eight["frames_sent"].as_f64().unwrap() > 4.0);
    assert!(eight["bytes"].as_f64() > one["bytes"].as_f64());
    assert!(eight["coverage_mean"].as_f64() < one["coverage_mean"].as_f64(), "more frames show more: {done}");
    assert!(one["cpu_ms"].as_f64().unwrap() > 0.0 && one["mean_safety"].is_null());
    let stored: Value = serde_json::from_slice(&fs::read(out.path().join("samplers.json")).unwrap()).unwrap();
    assert_eq!(stored, done["samplers"]);
    let report = fs::read_to_string(out.path().join("report.html")).unwrap();
    assert!(report.contains("uniform:8") && report.contains("keyframes:2"));
}

#[test]
fn strategies_are_compared_by_a_judge_and_a_dense_reference() {
    let (clips, out, judge) = (clips(), tempdir().unwrap(), MockJudge::start(Manner::Verdict(4, std::time::Duration::ZERO)));
    let (source, run) = (clips.path().to_str().unwrap(), out.path().to_str().unwrap());
    let done = json_to(0, &["samplers", source, "--sampler", "middle", "--sampler", "uniform:4", "--judge", &judge.spec(), "-o", run]);
    assert_eq!(judge.calls().len(), 6, "two clips, two strategies and the reference");
    assert_eq!((row(&done, "middle")["mean_safety"].as_f64(), row(&done, "middle")["flips"].as_u64()), (Some(4.0), Some(0)));
    let again = json_to(0, &["samplers", source, "--sampler", "middle", "--sampler", "uniform:4", "--judge", &judge.spec(), "-o", run]);
    assert_eq!((judge.calls().len(), row(&again, "middle")["scored"].as_u64()), (6, Some(2)));
}

#[test]
fn an_assurai_folder_is_scored_with_its_gaps_counted() {
    let (out, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, std::time::Duration::ZERO)));
    let folder = root().join("fixtures/assurai");
    let output = run_to(0, &["score", folder.to_str().unwrap(), "--judge", &judge.spec(), "-o", out.path().to_str().unwrap()]);
    let remarks = String::from_utf8_lossy(&output.stderr).into_owned();
    for gap in ["missing_candidates", "missing_files", "missing_scores"] {
        assert!(remarks.contains(gap), "{remarks}");
    }
    let rows = table(out.path());
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row["outcome"] == "scored" && row["risk"].is_string()));
}

#[test]
fn the_embedded_judge_scores_what_it_covers_and_abstains_elsewhere() {
    let out = tempdir().unwrap();
    let run = out.path().to_str().unwrap();
    let done = json_to(0, &["score", manifest().to_str().unwrap(), "--judge", "embedded", "-o", run]);
    for row in table(out.path()) {
        let pictures = row["modality"] == "image" || row["modality"] == "video";
        let covered = pictures && (row["risk"] == "R11" || row["risk"] == "R12");
        match row["outcome"].as_str().unwrap() {
            "scored" => {
                assert!(covered && row["scale"] == "triage-uncalibrated", "{row}");
                let p = row["triage"]["p"].as_f64().unwrap();
                assert!((0.0..0.5).contains(&p), "a pumpkin, a duck and a ring of water: {row}");
                assert_eq!(row["safety"].as_u64().unwrap() + row["risk_score"].as_u64().unwrap(), 6);
            }
            "abstained" => assert!(!covered && row["safety"].is_null(), "{row}"),
            other => assert_eq!(other, "safely_blocked"),
        }
    }
    let warnings: Vec<&str> =
        done["summary"]["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect();
    assert!(warnings.contains(&"no_full_judge"), "{warnings:?}");
}

#[test]
fn an_authored_cassette_is_labelled_as_one() {
    let out = tempdir().unwrap();
    let cassette = format!("replay:{}", root().join("fixtures/cassette.jsonl").display());
    let run = out.path().to_str().unwrap();
    let done = json_to(0, &["score", manifest().to_str().unwrap(), "--judge", &cassette, "-o", run]);
    assert_eq!(done["summary"]["by_outcome"]["scored"], 13);
    assert!(table(out.path()).iter().all(|row| row["judge"] == "replay (authored)"));
    assert!(fs::read_to_string(out.path().join("report.html")).unwrap().contains("written by hand"));
    let again = out.path().join("again.jsonl");
    json_to(0, &["export", run, "--to", "cassette", "-o", again.to_str().unwrap()]);
    assert!(jsonl(&again).iter().all(|line| line["origin"] == "authored"), "a recording of them is no recording of a judge");
}

#[test]
fn pictures_of_withheld_factors_stay_here() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, std::time::Duration::ZERO)));
    fs::copy(root().join("fixtures/made/gradient.png"), work.path().join("a.png")).unwrap();
    let manifest = work.path().join("m.jsonl");
    let rows = [
        r#"{"id":"p","modality":"image","risk":"R15","output":{"path":"a.png"}}"#,
        r#"{"id":"t","modality":"text","risk":"R15","output":{"text":"The playground closes at six."}}"#,
    ];
    fs::write(&manifest, rows.join("\n")).unwrap();
    let run = work.path().join("run");
    run_to(0, &["score", manifest.to_str().unwrap(), "--judge", &judge.spec(), "-o", run.to_str().unwrap()]);
    let rows = table(&run);
    assert_eq!((&rows[0]["outcome"], &rows[0]["reason"]), (&"abstained".into(), &"policy_withheld".into()));
    assert_eq!(rows[1]["outcome"], "scored");
    assert_eq!(judge.calls().len(), 1);
    assert!(!run.join("thumbs").exists(), "no thumbnail either");
}

#[test]
fn doctor_and_taxonomy_answer() {
    let checks = json_to(0, &["doctor"]);
    let works = |name: &str| checks["checks"].as_array().unwrap().iter().any(|check| check["name"] == name && check["works"] == true);
    assert!(works("workers") && works("judge: embedded") && works("decoders: video"), "{checks}");
    let shown = json_to(0, &["taxonomy", "show", "assurai"]);
    assert_eq!((shown["factors"].as_array().unwrap().len(), shown["prompt_types"].as_array().unwrap().len()), (35, 8));
    let file = tempdir().unwrap();
    let path = file.path().join("t.toml");
    fs::write(&path, "name = \"x\"\n").unwrap();
    let output = run_to(2, &["taxonomy", "check", path.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("t.toml"), "{output:?}");
}

#[test]
fn kept_parts_are_what_was_sent() {
    let (out, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(5, std::time::Duration::ZERO)));
    let run = out.path().to_str().unwrap();
    run_to(0, &["score", manifest().to_str().unwrap(), "--judge", &judge.spec(), "--keep-parts", "-o", run]);
    let kept: Vec<String> =
        fs::read_dir(out.path().join("parts")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for sent in judge.calls().iter().flat_map(|call| &call.media) {
        assert!(kept.iter().any(|name| name.starts_with(sent.as_str())), "{sent}");
    }
}

#[test]
fn a_run_is_replayed_from_the_parts_that_it_kept_when_its_media_are_gone() {
    let (work, judge) = (tempdir().unwrap(), MockJudge::start(Manner::Verdict(4, std::time::Duration::ZERO)));
    let fixtures = manifest().parent().unwrap().to_owned();
    let source = work.path().join("source");
    for file in jsonl(&manifest()).iter().filter_map(|row| row["output"]["path"].as_str()) {
        fs::create_dir_all(source.join(file).parent().unwrap()).unwrap();
        fs::copy(fixtures.join(file), source.join(file)).unwrap();
    }
    let rows = source.join("manifest.jsonl");
    fs::copy(manifest(), &rows).unwrap();
    let [rows, kept, bare, again, neither] =
        [rows, work.path().join("kept"), work.path().join("bare"), work.path().join("again"), work.path().join("neither")];
    let score = |run: &Path, flags: &[&str], code| {
        let args = ["score", rows.to_str().unwrap(), "--judge", &judge.spec(), "--sampler", "uniform:3", "--sampler", "middle"];
        run_to(code, &[&args[..], &["-o", run.to_str().unwrap()], flags].concat())
    };
    score(&kept, &["--keep-parts"], 0);
    score(&bare, &[], 0);
    let asked = judge.calls().len();
    for folder in ["fetched", "made"] {
        fs::remove_dir_all(source.join(folder)).unwrap();
    }
    let foreseen = |run: &Path, flags: &[&str]| {
        let output = score(&work.path().join("new"), &[&["--replay", run.to_str().unwrap(), "--dry-run", "--json"], flags].concat(), 0);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (all, repeated) = (foreseen(&kept, &[]), foreseen(&kept, &["--repeats", "2"]));
    let replayed = score(&again, &["--replay", kept.to_str().unwrap(), "--keep-parts"], 0);
    assert_eq!(table(&again), table(&kept));
    let names =
        |run: &Path, folder: &str| fs::read_dir(run.join(folder)).unwrap().map(|file| file.unwrap().file_name()).collect::<BTreeSet<_>>();
    assert!(names(&again, "thumbs") == names(&kept, "thumbs") && names(&again, "parts") == names(&kept, "parts"));
    let said = String::from_utf8_lossy(&replayed.stderr).into_owned();
    assert_eq!(said.matches("stand in for them").count(), 1, "once, however many: {said}");
    // The dry run foresaw it: whatever has an outcome of its own is said under its name, the rest is read at no cost.
    let count = |run: &Path, outcome: &str| table(run).iter().filter(|row| row["outcome"] == outcome).count();
    let (answered, blocked) = (count(&again, "scored"), count(&again, "safely_blocked"));
    assert_eq!(
        (&all["requests"], &all["replayed"], &all["without_request"], &all["cost_usd"]),
        (&answered.into(), &answered.into(), &json!({"safely_blocked": blocked}), &0.0.into())
    );
    let unanswered = &repeated["judges"][0]["unanswered_tasks"];
    let without = json!({"safely_blocked": 2 * blocked, "judge_unusable": answered});
    assert_eq!((&repeated["replayed"], &repeated["without_request"]), (&answered.into(), &without));
    assert_eq!((&repeated["judges"][0]["unanswered"], unanswered.as_array().unwrap().len()), (&answered.into(), answered));
    assert!(unanswered[0]["message"].as_str().unwrap().contains("repeat 2"), "{unanswered}");
    let twice = work.path().join("twice");
    score(&twice, &["--replay", kept.to_str().unwrap(), "--repeats", "2"], 1);
    assert_eq!((count(&twice, "scored"), count(&twice, "judge_unusable")), (answered, answered));
    let rejected = foreseen(&bare, &[]);
    score(&neither, &["--replay", bare.to_str().unwrap()], 1);
    assert_eq!(rejected["without_request"], json!({"safely_blocked": blocked, "media_rejected": count(&neither, "media_rejected")}));
    let gone = table(&neither).iter().filter(|row| row["reason"] == "missing").count();
    assert!(gone > 9 && table(&neither).iter().all(|row| row["outcome"] != "media_rejected" || row["reason"] == "missing"));
    assert_eq!(judge.calls().len(), asked, "a replay sends nothing");
    // A row that names another file now is not answered with what was kept of the old one.
    let manifest = fs::read_to_string(&rows).unwrap().replace("made/gradient.png", "made/another.png");
    fs::write(&rows, manifest).unwrap();
    let other = work.path().join("other");
    score(&other, &["--replay", kept.to_str().unwrap()], 1);
    assert_eq!(table(&other).iter().filter(|row| row["reason"] == "missing").count(), 1);
}

#[test]
fn prepare_writes_flac_when_the_settings_say_so() {
    manifest();
    let (source, out) = (tempdir().unwrap(), tempdir().unwrap());
    fs::copy(root().join("fixtures/fetched/audio-lena/lena.flac"), source.path().join("lena.flac")).unwrap();
    let settings = |text: &str| {
        let path = out.path().join("tribunal.toml");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let prepare = |config: &str, to: &str| {
        let dir = out.path().join(to);
        run_to(0, &["prepare", source.path().to_str().unwrap(), "--config", config, "-o", dir.to_str().unwrap()]);
        (jsonl(&dir.join("parts.jsonl")), dir)
    };
    let (wavs, _) = prepare(&settings(""), "wav");
    let (flacs, dir) = prepare(&settings("[recipe]\nsound = \"flac\"\n"), "flac");
    assert_eq!((wavs.len(), flacs.len()), (1, 1));
    for part in &flacs {
        let path = part["path"].as_str().unwrap();
        let bytes = fs::read(dir.join(path)).unwrap();
        assert!(Path::new(path).extension().is_some_and(|end| end == "flac") && bytes.starts_with(b"fLaC"), "{part}");
        assert_eq!((part["mime"].as_str(), part["bytes"].as_u64()), (Some("audio/flac"), Some(bytes.len() as u64)));
        assert_eq!(path, format!("parts/{}.flac", part["sha256"].as_str().unwrap()));
    }
    assert_eq!(flacs[0]["end"], wavs[0]["end"]);
    assert!(flacs[0]["bytes"].as_u64() < wavs[0]["bytes"].as_u64());
    assert_ne!(flacs[0]["parts_id"], wavs[0]["parts_id"], "another recipe");
}

#[test]
fn a_changed_recipe_is_another_experiment() {
    let (source, out, judge) = (tempdir().unwrap(), tempdir().unwrap(), MockJudge::start(Manner::Verdict(4, std::time::Duration::ZERO)));
    manifest();
    fs::copy(root().join("fixtures/fetched/audio-lena/lena.flac"), source.path().join("lena.flac")).unwrap();
    let config = out.path().join("tribunal.toml");
    let (source, config, run) = (source.path().to_str().unwrap(), config.to_str().unwrap(), out.path().join("run"));
    let args = ["score", source, "--judge", &judge.spec(), "--config", config, "-o", run.to_str().unwrap()];
    fs::write(config, "[recipe]\nsound = \"flac\"\n").unwrap();
    run_to(0, &args);
    assert_eq!(judge.calls()[0].media.len(), 1);
    fs::write(config, "").unwrap();
    let refused = run_to(2, &args);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("recipe audio"), "{refused:?}");
    fs::write(config, "[recipe]\nquality = 0\n").unwrap();
    assert!(String::from_utf8_lossy(&run_to(2, &args).stderr).contains("recipe.quality"));
}
