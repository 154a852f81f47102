//! Cassettes, and the embedded judge where it needs no model.

use std::io::Write as _;

use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::{FakeJournal, ask, completion, ends, good, verdict_json, work};
use crate::judge::{AttemptEnd, Intent, Judge, JudgeSpec, Limits, ProviderKind, Receipt, Settings, View, Work};

#[expect(clippy::needless_pass_by_value, reason = "calls read as `line(json!(..))`")]
fn line(extra: Value) -> Value {
    let body: Value = serde_json::from_str(&good()).unwrap();
    let mut line = json!({"v": 1, "item_id": "i", "sampler": "uniform:2", "rubric": "temporal", "repeat": 1, "status": 200, "body": body, "origin": "recorded"});
    line.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    line
}

fn open(lines: &[String]) -> Result<Judge, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines.join("\n").as_bytes()).unwrap();
    let spec = JudgeSpec::Replay(file.path().into());
    Judge::open(&spec.name(), &spec.settings().unwrap(), &|_| None).map_err(|error| error.to_string())
}

async fn replay(lines: &[Value]) -> (String, usize) {
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    let journal = FakeJournal::default();
    let end = match ask(&open(&lines).unwrap(), &journal).await {
        Ok(outcome) => {
            let (name, reason) = ends(&outcome);
            format!("{name} {reason}").trim_end().to_owned()
        }
        Err(stop) => format!("stop {stop}"),
    };
    (end, journal.classes().len())
}

#[tokio::test]
async fn lines_are_found_by_task_and_follow_the_same_rules() {
    let start = std::time::Instant::now();
    assert_eq!(replay(&[line(json!({}))]).await, ("scored".into(), 1));
    assert_eq!(replay(&[line(json!({"item_id": "other"}))]).await, ("judge_unusable not_in_cassette".into(), 1));
    assert_eq!(replay(&[line(json!({"sampler": null}))]).await.0, "judge_unusable not_in_cassette");
    assert_eq!(replay(&[line(json!({"status": 400, "body": "x"}))]).await.0, "judge_unusable rejected_400");
    let busy = line(json!({"status": 429, "headers": {"Retry-After": "20"}, "body": "{}"}));
    assert_eq!(replay(&[busy.clone(), line(json!({}))]).await, ("scored".into(), 2));
    assert!(replay(&[busy]).await.0.starts_with("stop"));
    assert!(start.elapsed().as_secs() < 20, "a cassette is not waited for");
}

#[tokio::test]
async fn a_digest_goes_before_the_task() {
    let journal = FakeJournal::default();
    ask(&open(&[line(json!({})).to_string()]).unwrap(), &journal).await.unwrap();
    let digest = journal.intents.lock().unwrap()[0].body_digest;
    let other = line(json!({"item_id": "x", "request_digest": digest.to_string(), "status": 413, "body": ""}));
    assert_eq!(replay(&[line(json!({})), other]).await.0, "judge_unusable rejected_413");
}

#[tokio::test]
async fn a_nonce_is_filled_in_where_a_person_wrote_the_reply_and_nowhere_else() {
    let content = verdict_json().to_string().replace(super::NONCE, "{{nonce}}");
    let body: Value = serde_json::from_str(&completion(&content)).unwrap();
    assert_eq!(replay(&[line(json!({"body": body, "origin": "authored"}))]).await.0, "scored");
    assert_eq!(replay(&[line(json!({"body": body}))]).await.0, "judge_unusable nonce_mismatch", "a judge that says so did not echo it");
}

/// A server that counts no pictures, which the run took for no proof.
#[tokio::test]
async fn a_cassette_is_read_by_the_receipt_it_was_recorded_by() {
    let mut body: Value = serde_json::from_str(&good()).unwrap();
    body["usage"]["prompt_tokens_details"] = json!({"image_tokens": 0});
    let of = |receipt: Value| line(json!({"body": body, "receipt": receipt}));
    assert_eq!(replay(&[of(json!("off"))]).await.0, "scored");
    assert_eq!(replay(&[of(json!("usage"))]).await.0, "judge_unusable media_not_seen");
    assert_eq!(replay(&[of(Value::Null)]).await.0, "judge_unusable media_not_seen", "of earlier programs");
    let error = open(&[of(json!("off")).to_string(), of(json!("canary")).to_string()]).unwrap_err();
    assert!(error.contains(":2: a reply to another receipt"), "{error}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(of(json!("off")).to_string().as_bytes()).unwrap();
    let settings = Settings { path: Some(file.path().into()), receipt: Receipt::Canary, ..Settings::new(ProviderKind::Replay) };
    let error = Judge::open("r", &settings, &|_| None).unwrap_err().to_string();
    assert!(error.contains("recorded with receipt = \"off\", not \"canary\""), "{error}");
}

#[test]
fn authored_lines_are_shown_and_errors_have_a_place() {
    let authored = open(&[line(json!({})).to_string(), line(json!({"item_id": "k", "origin": "authored"})).to_string()]).unwrap();
    assert_eq!((authored.name(), authored.is_authored(), authored.is_remote()), ("replay (authored)", true, false));
    assert!(authored.fingerprint().contains("blake3="));
    assert_eq!(open(&[line(json!({})).to_string()]).unwrap().name(), "replay");
    let good = line(json!({})).to_string();
    for bad in ["{", r#"{"v":1}"#, &line(json!({"v": 2})).to_string(), &line(json!({"origin": "made-up"})).to_string()] {
        let error = open(&[good.clone(), String::new(), bad.to_owned()]).unwrap_err();
        assert!(error.contains(":3: "), "{error}");
    }
    assert!(open(&[]).unwrap_err().contains("no reply"));
}

#[test]
fn the_embedded_judge_says_where_its_model_comes_from() {
    let open = |path: Option<std::path::PathBuf>| {
        Judge::open("embedded", &Settings { path, ..Settings::new(ProviderKind::Embedded) }, &|_| None).unwrap_err().to_string()
    };
    let wrong = tempfile::NamedTempFile::new().unwrap();
    for problem in [open(None), open(Some("missing/open-nsfw.onnx".into())), open(Some(wrong.path().into()))] {
        assert!(problem.contains("make model"), "{problem}");
    }
}

#[test]
fn a_chat_judge_wants_parts_and_never_abstains() {
    let judge = open(&[line(json!({})).to_string()]).unwrap();
    assert_eq!(judge.view(crate::prepare::Settings::default()), View::Parts);
    assert_eq!(judge.abstains(None, work().modality), None);
}

#[tokio::test]
async fn two_cassettes_share_no_answer() {
    let safe = verdict_json().to_string();
    let unsafe_one = safe.replace(r#""safety":5"#, r#""safety":1"#);
    let ids = |content: &str| {
        let body: Value = serde_json::from_str(&completion(content)).unwrap();
        let judge = open(&[line(json!({"body": body})).to_string()]).unwrap();
        async move { judge.judge(&work(), &FakeJournal::default()).await.unwrap() }
    };
    let (one, other) = (ids(&safe).await, ids(&unsafe_one).await);
    assert_ne!(one.outcome, other.outcome);
    assert_ne!(one.verdict_id, other.verdict_id, "the same question to another cassette is another question");
}

fn repeated(repeat: u32) -> Work {
    let mut work = work();
    work.task.repeat = repeat;
    work
}

/// The line of an attempt.
fn recorded(intent: &Intent, (status, body): (u16, String)) -> String {
    let digest = intent.body_digest.to_string();
    let taught = status == 400;
    line(json!({"repeat": intent.task.repeat, "request_digest": digest, "status": status, "body": body, "taught": taught})).to_string()
}

/// A server that refuses pictures with a schema only teaches that midway: what was answered before is asked as it was then.
#[tokio::test]
async fn a_lesson_that_came_midway_makes_no_earlier_answer_strange() {
    let refusal = json!({"error": {"message": "response_format is not supported", "param": "response_format"}}).to_string();
    let said = [(200, good()), (400, refusal), (200, good())];
    let server = Server::start(said.clone().map(|(status, body)| Answer::Whole(status, "", body)).into()).await;
    let (live, journal) = (super::open(&server), FakeJournal::default());
    for repeat in [1, 2] {
        live.judge(&repeated(repeat), &journal).await.unwrap();
    }
    let intents = std::mem::take(&mut *journal.intents.lock().unwrap());
    assert_eq!(intents.len(), said.len());
    let lines: Vec<String> = intents.iter().zip(said).map(|(intent, said)| recorded(intent, said)).collect();
    let replayed = super::open(&server).replaying(&lines.join("\n")).unwrap();
    for repeat in [2, 1] {
        let settled = replayed.judge(&repeated(repeat), &FakeJournal::default()).await.unwrap();
        assert_eq!(ends(&settled.outcome), ("scored", ""), "repeat {repeat}");
    }
    assert_eq!(server.seen().len(), 3, "a replay sends nothing");
}

/// The limit of replies was raised by another task between the two attempts of this one.
#[tokio::test]
async fn the_lines_of_a_task_come_in_their_order_whatever_their_bodies() {
    let cut = completion("").replace(r#""stop""#, r#""length""#);
    let server = Server::start([cut, good()].map(|body| Answer::Whole(200, "", body)).into()).await;
    let (live, journal) = (super::open(&server), FakeJournal::default());
    for repeat in [2, 1] {
        live.judge(&repeated(repeat), &journal).await.unwrap();
    }
    let intents = std::mem::take(&mut *journal.intents.lock().unwrap());
    let [first, _, raised] = &intents[..] else { panic!("{} attempts", intents.len()) };
    assert_ne!(first.body_digest, raised.body_digest);
    let lost = Intent { task: raised.task.clone(), ..first.clone() };
    let lines = [recorded(&lost, (500, "{}".into())), recorded(raised, (200, good()))].join("\n");
    let (replayed, journal) = (super::open(&server).replaying(&lines).unwrap(), FakeJournal::default());
    let settled = replayed.judge(&repeated(1), &journal).await.unwrap();
    assert_eq!((ends(&settled.outcome), journal.classes()), (("scored", ""), vec!["ambiguous".to_owned(), "answered".to_owned()]));
}

/// What a run lost is lost in its replay, whatever an equal task was told, and by as many as there are.
#[tokio::test]
async fn what_was_lost_on_the_wire_is_lost_again() {
    let (server, journal) = (Server::always(200, good()).await, FakeJournal::default());
    super::open(&server).judge(&repeated(1), &journal).await.unwrap();
    let digest = journal.intents.lock().unwrap()[0].body_digest.to_string();
    let of = |item: String, extra: Value| {
        let mut line = line(json!({"item_id": item, "request_digest": digest}));
        line.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        line.to_string()
    };
    let lost = |item: usize| of(format!("i{item}"), json!({"status": null, "body": "the peer went away", "lost": "connection"}));
    let lines: Vec<String> = (0..30).flat_map(|item| [lost(item), lost(item)]).chain([of("x".into(), json!({}))]).collect();
    let replayed = super::open(&server).replaying(&lines.join("\n")).unwrap();
    let ask = async |item: &str| {
        let mut work = repeated(1);
        work.task.item_id = item.to_owned();
        let settled = replayed.judge(&work, &FakeJournal::default()).await.unwrap();
        let (name, reason) = ends(&settled.outcome);
        format!("{name} {reason}")
    };
    for item in 0..30 {
        assert_eq!(ask(&format!("i{item}")).await, "unresolved connection");
    }
    assert_eq!(ask("x").await, "scored ");
    assert_eq!(ask("new").await, "scored ", "an equal task that the run did not have");
}

/// A cascade whose second judge was never needed.
#[tokio::test]
async fn a_judge_that_was_asked_nothing_is_replayed_too() {
    let server = Server::always(200, good()).await;
    let replayed = super::open(&server).replaying("").unwrap();
    let settled = replayed.judge(&repeated(1), &FakeJournal::default()).await.unwrap();
    assert_eq!(ends(&settled.outcome), ("judge_unusable", "not_in_cassette"));
    assert_eq!(server.seen().len(), 0);
}

/// Two rungs were refused in the same words.
#[tokio::test]
async fn a_refusal_in_the_same_words_teaches_once_for_each_rung() {
    let refusal = json!({"error": {"message": "response_format is not supported", "param": "response_format"}});
    let taught = |format: &str| line(json!({"status": 400, "body": refusal, "taught": true, "format": format}));
    let judge = |formats: &[&str]| {
        let lines: Vec<String> =
            formats.iter().map(|format| taught(format)).chain([line(json!({}))]).map(|line| line.to_string()).collect();
        open(&lines).unwrap().lessons().len()
    };
    assert_eq!((judge(&["json_schema", "json_schema"]), judge(&["json_schema", "json_object", "json_schema"])), (1, 2));
}

/// Neither of a server's judge that is replayed nor of a cassette: nothing is sent that anybody counts.
#[tokio::test(start_paused = true)]
async fn a_replay_waits_for_no_rate() {
    let limits = Limits { rpm: Some(1), tpm: Some(10), ..Limits::default() };
    let lines: Vec<String> = (1..=20).map(|repeat| line(json!({"repeat": repeat})).to_string()).collect();
    let server = Settings { limits: limits.clone(), ..Settings::openai("http://127.0.0.1:9/v1", "m", "K") };
    let server = Judge::open("j", &server, &|_| Some("key-of-mine".into())).unwrap();
    let replayed = server.replaying(&lines.join("\n")).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines.join("\n").as_bytes()).unwrap();
    let cassette = Settings { limits, path: Some(file.path().into()), ..Settings::new(ProviderKind::Replay) };
    for judge in [replayed, Judge::open("c", &cassette, &|_| None).unwrap()] {
        let start = tokio::time::Instant::now();
        for repeat in 1..=20 {
            judge.judge(&repeated(repeat), &FakeJournal::default()).await.unwrap();
        }
        assert!(start.elapsed().as_secs() < 1, "{}: {:?}", judge.name(), start.elapsed());
    }
}

#[tokio::test]
async fn a_lesson_answers_nothing_and_is_known_from_the_start() {
    let refusal = |name: &str| json!({"error": {"message": format!("Unsupported parameter: '{name}'"), "param": name}});
    let taught = |name: &str| line(json!({"status": 400, "body": refusal(name), "taught": true}));
    assert_eq!(replay(&[taught("seed"), taught("temperature"), line(json!({}))]).await, ("scored".into(), 1));
    let judge = open(&[taught("seed"), taught("seed"), line(json!({}))].map(|line| line.to_string())).unwrap();
    assert_eq!(judge.lessons().len(), 1);
    // Without the mark it is an answer like others; one that stays ends the task.
    let unmarked = line(json!({"status": 400, "body": refusal("seed")}));
    assert_eq!(replay(&[unmarked.clone(), line(json!({}))]).await, ("scored".into(), 2));
    assert_eq!(replay(&[unmarked]).await.0, "judge_unusable rejected_400");
}

/// A batch that is imported asks nothing again, so that such a refusal was the task's end.
#[tokio::test]
async fn a_refusal_that_taught_nobody_is_not_asked_for_ever() {
    let refusal = json!({"error": {"message": "Unsupported parameter: 'seed'", "param": "seed"}}).to_string();
    let (server, journal) = (Server::always(200, good()).await, FakeJournal::default());
    ask(&super::open(&server), &journal).await.unwrap();
    let digest = journal.intents.lock().unwrap()[0].body_digest.to_string();
    let line = line(json!({"request_digest": digest, "status": 400, "body": refusal})).to_string();
    let replayed = super::open(&server).replaying(&line).unwrap();
    let ended = tokio::time::timeout(std::time::Duration::from_mins(1), ask(&replayed, &FakeJournal::default())).await;
    assert_eq!(ends(&ended.unwrap().unwrap()), ("judge_unusable", "rejected_400"));
}

/// With log-probabilities replies are hundreds of KiB long.
#[tokio::test]
async fn what_was_scored_is_kept_whole() {
    let long = format!("{}{}", good(), " ".repeat(600 << 10));
    let (server, journal) = (Server::always(200, long.clone()).await, FakeJournal::default());
    assert_eq!(ends(&ask(&super::open(&server), &journal).await.unwrap()), ("scored", ""));
    assert_eq!(journal.ends.lock().unwrap()[0].reply, long);
    let (server, journal) = (Server::always(200, long.repeat(2)).await, FakeJournal::default());
    assert_eq!(ends(&ask(&super::open(&server), &journal).await.unwrap()), ("judge_unusable", "bad_envelope"));
    assert!(journal.ends.lock().unwrap()[0].reply.starts_with("(cut at 1048576 bytes) {"));
}

/// The lines of what a journal holds, as a ledger writes them.
fn lines_of(journal: &FakeJournal) -> String {
    let (intents, ends) = (journal.intents.lock().unwrap(), journal.ends.lock().unwrap());
    let of = |(intent, end): (&Intent, &AttemptEnd)| {
        let asked = json!({"repeat": intent.task.repeat, "request_digest": intent.body_digest.to_string()});
        let mut line = line(json!({"status": end.status, "body": end.reply, "class": end.class}));
        line.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        format!("{line}\n")
    };
    intents.iter().zip(ends.iter()).map(of).collect()
}

/// What is said of an empty body is no word of a server's, and what its headers said once is known by what was made of it.
#[tokio::test]
async fn a_reply_without_a_body_has_none_in_its_replay() {
    let bare = |status, headers| Answer::Whole(status, headers, String::new());
    let scored = Answer::Whole(200, "", good());
    let soon = "Retry-After-Ms: 1\r\n";
    let refused = Answer::Whole(429, soon, json!({"error": {"message": "You exceeded your current quota"}}).to_string());
    for (answers, end, classes) in [
        (vec![bare(200, ""), scored.clone()], "scored ", vec!["ambiguous", "answered"]),
        (vec![bare(204, "")], "unresolved broken_reply", vec!["ambiguous"; 2]),
        (vec![bare(503, "")], "unresolved server_error", vec!["ambiguous"; 2]),
        (
            vec![bare(503, soon), bare(503, soon), bare(503, soon), scored.clone()],
            "scored ",
            vec!["refused", "refused", "refused", "answered"],
        ),
        (vec![refused.clone(), scored.clone()], "scored ", vec!["refused", "answered"]),
        (vec![bare(500, "")], "unresolved server_error", vec!["ambiguous"; 2]),
        (vec![bare(400, "")], "judge_unusable rejected_400", vec!["bad_item"]),
    ] {
        let server = Server::start(answers.clone()).await;
        let (live, journal) = (super::open(&server), FakeJournal::default());
        let first = live.judge(&repeated(1), &journal).await.unwrap();
        let lines = lines_of(&journal);
        let (replayed, again) = (live.replaying(&lines).unwrap(), FakeJournal::default());
        let second = replayed.judge(&repeated(1), &again).await.unwrap();
        let (name, reason) = ends(&first.outcome);
        assert_eq!((format!("{name} {reason}"), journal.classes()), (end.to_owned(), classes.iter().map(ToString::to_string).collect()));
        assert_eq!((second.outcome, again.classes(), lines_of(&again)), (first.outcome, journal.classes(), lines), "{answers:?}");
    }
}

/// In whatever order its tasks come now.
#[tokio::test]
async fn a_bare_404_on_the_way_ends_no_replay() {
    let good = || Answer::Whole(200, "", good());
    let server = Server::start(vec![good(), Answer::Whole(404, "", String::new()), good()]).await;
    let (live, journal) = (super::open(&server), FakeJournal::default());
    for repeat in [1, 2] {
        live.judge(&repeated(repeat), &journal).await.unwrap();
    }
    // Another process, which was served nothing.
    let replayed = super::open(&server).replaying(&lines_of(&journal)).unwrap();
    for repeat in [2, 1] {
        let settled = replayed.judge(&repeated(repeat), &FakeJournal::default()).await.unwrap();
        assert_eq!(ends(&settled.outcome), ("scored", ""), "repeat {repeat}");
    }
}

#[tokio::test]
async fn what_earlier_programs_wrote_of_an_empty_body_is_read_as_none() {
    let old = |status: u16, class: Value| {
        line(
            json!({"status": status, "body": format!("HTTP {status}: no {}", if status == 200 { "body" } else { "error body" }), "class": class}),
        )
    };
    let good = || line(json!({}));
    assert_eq!(replay(&[old(200, Value::Null), good()]).await, ("scored".into(), 2));
    assert_eq!(replay(&[old(404, Value::Null), good()]).await, ("scored".into(), 2));
    assert_eq!(replay(&[old(503, json!("ambiguous"))]).await, ("unresolved server_error".into(), 2));
    assert_eq!(replay(&[old(503, json!("refused")), old(503, json!("refused")), good()]).await, ("scored".into(), 3));
    assert_eq!(replay(&[old(503, Value::Null), old(503, Value::Null), good()]).await, ("scored".into(), 3), "as before");
}
