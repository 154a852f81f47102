//! Servers in trouble: what one task's trouble must not do to others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tribunal_media::Encoding;

use super::memory::Memory;
use super::server::Answer;
use super::{FakeJournal, NONCE, Server, ask, completion, ends, frame, good, memory, open, part, settings, work};
use crate::judge::reply::KEPT_REPLY;
use crate::judge::{Judge, Limits, Price, ProviderKind, Settings, Stop, Work};
use crate::prepare::Payload;

fn whole(status: u16, body: &str) -> Answer {
    Answer::Whole(status, "", body.to_owned())
}

fn judge(settings: &Settings) -> Judge {
    Judge::open("j", settings, &|_| Some("sk-secret/1".into())).unwrap()
}

#[tokio::test]
async fn a_lesson_that_did_not_help_is_taken_back() {
    let quoted = whole(400, r#"{"error":{"message":"Unexpected text: 'which seed'","param":"seed"}}"#);
    let server = Server::start(vec![quoted.clone(), quoted, whole(200, &good())]).await;
    let (judge, journal) = (open(&server), FakeJournal::default());
    assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("judge_unusable", "rejected_400"));
    assert!(judge.lessons().is_empty(), "{:?}", judge.lessons());
    assert_eq!(ends(&ask(&judge, &journal).await.unwrap()).0, "scored");
    let with_seed: Vec<bool> = server.seen().iter().map(|seen| seen.body.contains(r#""seed":"#)).collect();
    assert_eq!(with_seed, [true, false, true]);
}

#[tokio::test]
async fn what_was_not_sent_is_not_learnt() {
    let server = Server::start(vec![whole(400, r#"{"error":{"message":"the picture could not be restored: unknown store"}}"#)]).await;
    let (judge, journal) = (open(&server), FakeJournal::default());
    assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("judge_unusable", "rejected_400"));
    assert_eq!((server.seen().len(), judge.lessons().len()), (1, 0));
}

/// More than all buffers on its way hold.
fn large() -> Work {
    let mut work = work();
    let Payload { parts_id, parts } = (*work.payload).clone();
    let large = part(Encoding::Jpeg, frame(Some(1.0)), &vec![7; 16 << 20]);
    work.payload = Arc::new(Payload { parts_id, parts: std::iter::once(large).chain(parts).collect() });
    work.prompt.labels.push("part 5".into());
    work
}

/// The server reads the head, refuses and hangs up while the request is on its way: what it said counts, and a reset behind it does not.
#[tokio::test]
async fn a_refusal_before_the_request_has_left_is_heard() {
    for (answer, end) in [
        (Answer::Early(413, "", r#"{"error":{"message":"too large"}}"#.into()), "judge_unusable rejected_413"),
        (Answer::Early(413, "", String::new()), "judge_unusable rejected_413"),
        (Answer::Early(401, "", "{}".into()), "stop"),
        (Answer::Early(429, "retry-after: 5000\r\n", "{}".into()), "stop"),
    ] {
        let server = Server::start(vec![answer.clone()]).await;
        let (judge, journal) = (open(&server), FakeJournal::default());
        let ended = match judge.judge(&large(), &journal).await {
            Ok(settled) => format!("{} {}", ends(&settled.outcome).0, ends(&settled.outcome).1),
            Err(_) => "stop".to_owned(),
        };
        assert_eq!((ended.as_str(), server.seen().len()), (end, 1), "{answer:?}: {:?}", journal.classes());
    }
}

/// What else a 400, 403 or 500 may mean is in its words: it is asked for again.
#[tokio::test]
async fn a_refusal_that_needs_no_words_is_heard_without_them() {
    for (status, headers, end, seen) in [
        (413, "", "judge_unusable rejected_413", 1),
        (401, "", "stop", 1),
        (402, "", "stop", 1),
        (429, "retry-after: 5000\r\n", "stop", 1),
        (503, "retry-after: 5000\r\n", "stop", 1),
        (503, "", "unresolved server_error", 2),
        (400, "", "unresolved connection_lost", 2),
        (403, "", "unresolved connection_lost", 2),
        (200, "", "unresolved connection_lost", 2),
    ] {
        let server = Server::start(vec![Answer::Wordless(status, headers)]).await;
        let ended = match ask(&open(&server), &FakeJournal::default()).await {
            Ok(outcome) => format!("{} {}", ends(&outcome).0, ends(&outcome).1),
            Err(_) => "stop".to_owned(),
        };
        assert_eq!((ended.as_str(), server.seen().len()), (end, seen), "{status} {headers}");
    }
}

#[tokio::test]
async fn what_never_left_whole_is_not_billed() {
    let price: Price = toml::from_str("input_per_mtok = 1.0\noutput_per_mtok = 10.0\ndate = '2026-11-01'").unwrap();
    for (answer, work, cost, said) in [(Answer::Shut, large(), Some(0), true), (Answer::Reset, work(), None, false)] {
        let server = Server::start(vec![answer]).await;
        let (judge, journal) = (judge(&Settings { price: Some(price.clone()), ..settings(&server) }), FakeJournal::default());
        let outcome = judge.judge(&work, &journal).await.unwrap().outcome;
        assert_eq!((ends(&outcome), server.seen().len()), (("unresolved", "connection_lost"), 2));
        assert_eq!(outcome.why().unwrap().message.contains("not billed"), said, "{outcome:?}");
        assert!(journal.ends.lock().unwrap().iter().all(|end| end.class == "ambiguous" && end.cost_micro_usd == cost));
    }
}

/// What an item says of somebody's money stops nothing; what the server says of ours does, also where it is said in a quotation.
#[tokio::test]
async fn a_refusal_that_quotes_the_item_is_the_items() {
    let quota = "quota";
    let quoted = r#"{"error":{"message":"cannot read: 'My credit balance is TOO LOW'","type":"invalid_request_error"}}"#;
    let coded = quoted.replace("invalid_request_error", "insufficient_quota");
    let both = quoted.replace("cannot read", "monthly spend limit");
    for (text, status, body, end) in [
        ("My Credit balance is too low", 400, quoted, "judge_unusable rejected_400"),
        ("after", 400, quoted, quota),
        ("My Credit balance is too low", 400, &coded, quota),
        ("My Credit balance is too low", 400, &both, quota),
        ("My Credit balance is too low", 429, quoted, quota),
        ("My Credit balance is too low", 402, quoted, quota),
    ] {
        let server = Server::always(status, body.to_owned()).await;
        let mut work = work();
        work.prompt.after = text.to_owned();
        let ended = match open(&server).judge(&work, &FakeJournal::default()).await {
            Ok(settled) => format!("{} {}", ends(&settled.outcome).0, ends(&settled.outcome).1),
            Err(Stop::Quota(_)) => quota.to_owned(),
            Err(stop) => stop.to_string(),
        };
        assert_eq!(ended, end, "{text}: {status} {body}");
    }
}

#[tokio::test]
async fn complaints_alike_stop_the_run_and_others_do_not() {
    for (body, ended) in [(r#"{"error":{"message":"no"}}"#, 19), ("<html>maintenance</html>", 19)] {
        let status = if body.starts_with('<') { 200 } else { 400 };
        let server = Server::always(status, body.to_owned()).await;
        let (judge, journal) = (open(&server), FakeJournal::default());
        for _ in 0..ended {
            assert_eq!(ends(&ask(&judge, &journal).await.unwrap()).0, "judge_unusable");
        }
        assert!(matches!(ask(&judge, &journal).await, Err(Stop::Endpoint(words)) if words.contains("in a row")));
    }
    for (code, stops) in [("cyber_policy", true), ("content_filter", false)] {
        let server = Server::always(400, json!({"error": {"code": code, "message": "m"}}).to_string()).await;
        let (judge, journal) = (open(&server), FakeJournal::default());
        for _ in 0..19 {
            assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("judge_refused", "content_filter"));
        }
        let last = ask(&judge, &journal).await;
        assert_eq!(matches!(&last, Err(Stop::Endpoint(words)) if words.contains("--retry judge_refused")), stops, "{code}: {last:?}");
    }
    for (numbered, ends_at) in [(true, 19), (false, 30)] {
        let words = |index: usize| if numbered { format!("no {index}") } else { "no ".repeat(index + 1) };
        let answers = (0..30).map(|index| whole(400, &format!(r#"{{"error":{{"message":"{}"}}}}"#, words(index)))).collect();
        let server = Server::start(answers).await;
        let (judge, journal) = (open(&server), FakeJournal::default());
        for _ in 0..ends_at {
            assert_eq!(ends(&ask(&judge, &journal).await.unwrap()).0, "judge_unusable");
        }
        assert_eq!(matches!(ask(&judge, &journal).await, Err(Stop::Endpoint(_))), numbered);
    }
}

/// Each is paid for three times, so a judge that never gives a verdict is not asked to the end; one verdict between shows that it can.
#[tokio::test(start_paused = true)]
async fn replies_without_a_verdict_stop_the_run() {
    let prose = || whole(200, &completion("This looks safe. Score: 5"));
    let foreign = || whole(200, &good().replace(NONCE, "0123456789abcdef"));
    let empty = || whole(200, &completion(""));
    let of_task = |at: usize| [prose(), [prose(), foreign(), empty()][at % 3].clone(), [prose(), foreign(), empty()][at % 3].clone()];
    let server = Memory::start((0..30).flat_map(of_task).collect::<Vec<_>>());
    let (judge, journal) = (server.judge("j", "", &memory::settings()), FakeJournal::default());
    for at in 0..19 {
        assert_eq!(
            ends(&ask(&judge, &journal).await.unwrap()),
            ("judge_unusable", ["unparseable", "nonce_mismatch", "empty_reply"][at % 3])
        );
    }
    let last = ask(&judge, &journal).await;
    assert!(matches!(&last, Err(Stop::Endpoint(words)) if words.contains("20 tasks in a row") && words.contains("nonce")), "{last:?}");
    let with_one = |at: usize| if at == 15 { vec![whole(200, &good())] } else { of_task(at).to_vec() };
    let server = Memory::start((0..30).flat_map(with_one).collect::<Vec<_>>());
    let (judge, journal) = (server.judge("j", "", &memory::settings()), FakeJournal::default());
    for at in 0..30 {
        assert_eq!(ends(&ask(&judge, &journal).await.unwrap()).0, if at == 15 { "scored" } else { "judge_unusable" });
    }
}

#[tokio::test]
async fn a_key_that_was_not_sent_is_not_refused() {
    let server = Server::always(401, r#"{"error":{"message":"Unauthorized"}}"#.to_owned()).await;
    let bare = settings(&server);
    let unnamed = Settings { api_key_env: None, ..bare.clone() };
    for (settings, key, words) in [
        (&bare, None, "was sent without one (HTTP 401: Unauthorized); put one into the environment variable TRIBUNAL_API_KEY"),
        (&unnamed, None, "name one with api_key_env or api_key_file"),
        (&bare, Some("k"), "refused the key of judge j"),
    ] {
        let judge = Judge::open("j", settings, &|_| key.map(str::to_owned)).unwrap();
        let ended = ask(&judge, &FakeJournal::default()).await;
        assert!(matches!(&ended, Err(Stop::Auth(said)) if said.contains(words)), "{ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_the_servers_and_not_the_queues() {
    let hung = Memory::start([Answer::Hang]).judge("j", "", &Settings { deadline_s: 1, ..memory::settings() });
    assert_eq!(ends(&ask(&hung, &FakeJournal::default()).await.unwrap()), ("unresolved", "deadline"));
    let limits = Limits { rpm: Some(20), ..Limits::default() };
    let slow = Memory::start([whole(200, &good())]).judge("j", "", &Settings { deadline_s: 1, limits, ..memory::settings() });
    let queued = tokio::time::Instant::now();
    for _ in 0..2 {
        assert_eq!(ends(&ask(&slow, &FakeJournal::default()).await.unwrap()).0, "scored");
    }
    assert_eq!(queued.elapsed().as_secs(), 3, "it did not queue: {:?}", queued.elapsed());
}

#[tokio::test]
async fn after_a_loss_each_request_has_a_connection_of_its_own() {
    let server = Server::start(vec![Answer::Reset, whole(200, &good())]).await;
    let (judge, journal) = (open(&server), FakeJournal::default());
    assert_eq!(ends(&ask(&judge, &journal).await.unwrap()).0, "scored");
    let closing: Vec<bool> = server.seen().iter().map(|seen| seen.head.to_lowercase().contains("connection: close")).collect();
    assert_eq!(closing, [false, true]);
}

#[tokio::test]
async fn what_a_starting_server_could_not_say_is_asked_again() {
    let blind = r#"{"modalities":{"vision":false,"audio":false}}"#;
    let server = Server::start(vec![whole(503, "loading"), whole(200, &good()), whole(200, blind)]).await;
    let judge = judge(&Settings { provider: ProviderKind::LlamaCpp, ..settings(&server) });
    let journal = FakeJournal::default();
    assert_eq!(ends(&ask(&judge, &journal).await.unwrap()).0, "scored");
    while judge.senses.known().0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("abstained", "modality_not_supported"));
    assert!(judge.lessons().is_empty(), "{:?}", judge.lessons());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_when_asked_about_its_model_is_waited_for_once() {
    let server = Memory::mute([whole(200, &good())]);
    let judge = server.judge("j", "", &memory::settings());
    let start = tokio::time::Instant::now();
    let ask = |repeat| {
        let (mut work, judge) = (work(), &judge);
        work.task.repeat = repeat;
        async move { judge.judge(&work, &FakeJournal::default()).await.unwrap().outcome }
    };
    for outcome in futures_util::future::join_all((1..=8).map(ask)).await {
        assert_eq!(ends(&outcome).0, "scored");
    }
    for repeat in 9..=12 {
        assert_eq!(ends(&ask(repeat).await).0, "scored");
    }
    assert!(start.elapsed() < 2 * memory::QUESTION, "{:?}", start.elapsed());
    assert_eq!((server.seen(), judge.lessons().len()), ((12, 1), 1));
    assert!(judge.lessons()[0].starts_with("it does not say what its model takes in"), "{:?}", judge.lessons());
}

#[tokio::test]
async fn a_question_about_the_model_ends_though_the_server_hangs() {
    let server = Server::start(vec![Answer::Hang]).await;
    let judge = judge(&Settings { provider: ProviderKind::LlamaCpp, timeout_s: 1, ..settings(&server) });
    // The server hangs for a minute.
    let said = tokio::time::timeout(Duration::from_secs(30), judge.opened.provider.modalities()).await;
    assert_eq!(said.unwrap().unwrap_err().status, None);
}

#[tokio::test]
async fn a_question_about_the_model_keeps_the_quiet_of_requests() {
    let blind = whole(200, r#"{"modalities":{"vision":false,"audio":false}}"#);
    let server = Server::start(vec![blind]).await;
    let of = |server: &Server| judge(&Settings { provider: ProviderKind::LlamaCpp, ..settings(server) });
    let judge = of(&server);
    judge.limiter.quiet.keep(Duration::from_mins(10));
    let stopped = FakeJournal { stops_after: Some(0), ..FakeJournal::default() };
    assert!(matches!(ask(&judge, &stopped).await, Err(Stop::Journal(_))), "a stop ends the wait");
    assert!(server.seen().is_empty());
    let judge = of(&server);
    judge.limiter.quiet.keep(Duration::from_secs(2));
    let start = Instant::now();
    assert_eq!(ends(&ask(&judge, &FakeJournal::default()).await.unwrap()), ("abstained", "modality_not_supported"));
    assert!(start.elapsed().as_secs_f64() >= 1.9, "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_a_question_about_the_model_is_told_of_quiet_is_to_all() {
    let busy = |header| Answer::Whole(503, header, r#"{"error":"loading"}"#.into());
    let server = Server::start(vec![busy("retry-after: 2\r\n"), whole(200, &good())]).await;
    let of = |server: &Server| judge(&Settings { provider: ProviderKind::LlamaCpp, ..settings(server) });
    let (asked, start) = (of(&server), Instant::now());
    for _ in 0..2 {
        assert_eq!(ends(&ask(&asked, &FakeJournal::default()).await.unwrap()).0, "scored");
    }
    assert!(start.elapsed().as_secs_f64() >= 2.0, "{:?}", start.elapsed());
    assert_eq!(server.seen().len(), 3, "not asked about its model again so soon");
    let server = Server::start(vec![busy("retry-after: 901\r\n"), whole(200, &good())]).await;
    let journal = FakeJournal::default();
    let ended = ask(&of(&server), &journal).await;
    assert!(matches!(&ended, Err(Stop::Unreachable(words)) if words.contains("asks to wait another 901 s")), "{ended:?}");
    assert_eq!((server.seen().len(), journal.outcomes.lock().unwrap().len()), (1, 0));
}

/// Asks a judge and, once its server has put that off for two seconds, another one with `key`; the time until the other has its verdict.
async fn other_after_quiet(key: &str) -> Duration {
    let start = tokio::time::Instant::now();
    let server = Memory::start([Answer::Whole(429, "retry-after: 2\r\n", "{}".into()), whole(200, &good())]);
    let other = Settings { temperature: 0.5, ..memory::settings() };
    let mut judges = vec![server.judge("j", "sk-secret/1", &memory::settings()), server.judge("k", key, &other)];
    Judge::keep_quiet_together(&mut judges);
    let (first, second) = (FakeJournal::default(), FakeJournal::default());
    let later = async {
        while first.classes().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ask(&judges[1], &second).await.unwrap();
        start.elapsed()
    };
    futures_util::future::join(ask(&judges[0], &first), later).await.1
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_to_every_judge_with_that_key() {
    assert!(other_after_quiet("sk-secret/1").await >= Duration::from_secs(2));
    assert!(other_after_quiet("another").await < Duration::from_secs(1), "another account has limits of its own");
}

#[tokio::test]
async fn a_batch_that_is_put_off_keeps_all_others_quiet() {
    let busy = Answer::Whole(429, "retry-after: 1\r\n", "{}".into());
    let server = Server::start(vec![busy, whole(200, r#"{"status":"in_progress"}"#)]).await;
    let (judge, file, start) = (open(&server), tempfile::NamedTempFile::new().unwrap(), Instant::now());
    let batches = || judge.opened.provider.batches().unwrap().within(&judge.limiter.quiet);
    assert_eq!(batches().upload(file.path()).await.unwrap_err().status, Some(429));
    assert_eq!(server.seen().len(), 1);
    batches().look("batch-1").await.unwrap();
    assert!(start.elapsed().as_secs_f64() >= 1.0, "never earlier than asked");
}

/// The bytes before the key are as many as are kept but for four of its own.
#[tokio::test]
async fn a_key_that_the_cut_goes_through_is_not_kept_in_part() {
    let body = format!("{}sk-secret/1{}", "x".repeat(KEPT_REPLY - 4), "x".repeat(4096));
    let server = Server::start(vec![whole(200, &body)]).await;
    let journal = FakeJournal::default();
    ask(&judge(&settings(&server)), &journal).await.unwrap();
    let ends = journal.ends.lock().unwrap();
    assert!(!ends.is_empty() && ends.iter().all(|end| end.reply.len() > KEPT_REPLY / 2 && !end.reply.contains("sk-")));
}
