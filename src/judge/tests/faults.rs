//! Every class of failure, against a real socket.

use serde_json::json;

use super::memory::Memory;
use super::server::Answer;
use super::{FakeJournal, Server, ask, completion, ends, good, memory, open, settings, work};
use crate::judge::{Judge, Known, Limits, PaidReply, Past, Price, ProviderKind, Receipt, Settings, Stop};

/// Far less than a server asks for below, however busy the machine is.
const SOON: std::time::Duration = std::time::Duration::from_secs(10);

fn whole(status: u16, body: &str) -> Answer {
    Answer::Whole(status, "", body.to_owned())
}

/// Outcome and reason, classes of the attempts, requests that the server saw.
async fn run(answers: Vec<Answer>) -> (String, Vec<String>, usize) {
    let server = Server::start(answers).await;
    let (judge, journal) = (open(&server), FakeJournal::default());
    let end = match ask(&judge, &journal).await {
        Ok(outcome) => {
            assert_eq!(journal.outcomes.lock().unwrap().as_slice(), std::slice::from_ref(&outcome));
            let (name, reason) = ends(&outcome);
            format!("{name} {reason}")
        }
        Err(stop) => {
            assert!(journal.outcomes.lock().unwrap().is_empty(), "a stopped task stays pending");
            format!("stop {stop}")
        }
    };
    (end, journal.classes(), server.seen().len())
}

#[tokio::test]
async fn final_refusals_are_asked_once() {
    for (status, body, end) in [
        (400, r#"{"error":{"message":"At most 6 image(s)","code":400}}"#, "judge_unusable rejected_400"),
        (413, "", "judge_unusable rejected_413"),
        (415, "x", "judge_unusable rejected_415"),
        (422, r#"{"detail":"x"}"#, "judge_unusable rejected_422"),
        (400, r#"{"error":{"code":"content_filter"}}"#, "judge_refused content_filter"),
        (400, r#"{"error":{"message":"This model does not support audio inputs."}}"#, "abstained modality_not_supported"),
        (400, r#"{"message":"m is not a multimodal model"}"#, "abstained modality_not_supported"),
        (400, r#"{"error":{"message":"image input is not supported - hint: mmproj"}}"#, "abstained modality_not_supported"),
        (400, r#"{"error":{"message":"Unsupported image format: webp"}}"#, "judge_unusable rejected_400"),
        (
            400,
            r#"{"error":{"message":"Invalid 'temperature': decimal above maximum value.","param":"temperature","code":"decimal_above_max_value"}}"#,
            "judge_unusable rejected_400",
        ),
    ] {
        let (ended, classes, seen) = run(vec![whole(status, body)]).await;
        assert_eq!((ended.as_str(), classes.as_slice(), seen), (end, &["bad_item".to_owned()][..], 1), "{status}");
    }
}

#[tokio::test]
async fn a_run_stops_where_no_item_could_go_on() {
    for (status, body, words) in [
        (401, "{}", "check the key"),
        (403, "{}", "check the key"),
        (402, "{}", "quota"),
        (429, r#"{"error":{"code":"insufficient_quota"}}"#, "quota"),
        (404, r#"{"error":{"message":"no model m"}}"#, "model `m`"),
        (307, "", "base_url"),
    ] {
        let (ended, classes, seen) = run(vec![whole(status, body)]).await;
        assert!(ended.starts_with("stop") && ended.contains(words), "{status}: {ended}");
        assert_eq!((classes.as_slice(), seen), (&["stopped".to_owned()][..], 1));
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    // A client that follows them sends 302 and 303 on as GET, with the key; 307 and 308 with the body, where it can.
    for status in [302, 303, 307, 308] {
        let (ended, classes, seen) = run(vec![Answer::Whole(status, "location: /elsewhere\r\n", String::new()), whole(200, &good())]).await;
        assert!(ended.starts_with("stop") && ended.contains("/elsewhere"), "{status}: {ended}");
        assert_eq!((classes.as_slice(), seen), (&["stopped".to_owned()][..], 1), "{status}");
    }
}

#[tokio::test]
async fn what_may_have_been_billed_is_sent_once_more() {
    for first in [Answer::Cut, Answer::Reset, whole(500, ""), whole(502, "<html>"), whole(504, r#"{"error":"x"}"#), whole(503, "")] {
        let label = format!("{first:?}");
        let (ended, classes, seen) = run(vec![first.clone(), whole(200, &good())]).await;
        assert_eq!((ended.as_str(), seen), ("scored ", 2), "{label}");
        assert_eq!(classes, ["ambiguous", "answered"]);
        let (ended, _, seen) = run(vec![first]).await;
        assert!(ended.starts_with("unresolved"), "{label}: {ended}");
        assert_eq!(seen, 2);
    }
}

#[tokio::test]
async fn a_timeout_is_ambiguous() {
    let server = Server::start(vec![Answer::Hang]).await;
    let judge = Judge::open("j", &Settings { timeout_s: 1, ..settings(&server) }, &|_| None).unwrap();
    let outcome = ask(&judge, &FakeJournal::default()).await.unwrap();
    assert_eq!(ends(&outcome), ("unresolved", "timeout"));
    // What the client gave up lies in the server's socket all the same.
    server.until_seen(2).await;
}

#[tokio::test]
async fn attempts_of_earlier_processes_count() {
    let server = Server::always(500, String::new()).await;
    for (history, sent, reason) in [
        (vec!["open"], 1, "server_error"),
        (vec!["ambiguous"], 1, "server_error"),
        (vec!["ambiguous", "open"], 0, "crashed_in_flight"),
        (vec!["open", "open"], 0, "crashed_in_flight"),
        (vec!["refused", "never_sent"], 2, "server_error"),
    ] {
        let before = server.seen().len();
        let journal = FakeJournal::with_history(&history);
        let outcome = ask(&open(&server), &journal).await.unwrap();
        assert_eq!(ends(&outcome), ("unresolved", reason), "{history:?}");
        assert_eq!(server.seen().len() - before, sent, "{history:?}");
        let numbers: Vec<_> = journal.intents.lock().unwrap().iter().map(|intent| intent.attempt as usize).collect();
        assert_eq!(numbers, (history.len() + 1..=history.len() + sent).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn how_often_a_crash_may_be_paid_for_is_a_setting() {
    let server = Server::always(500, String::new()).await;
    for (max_crash_resends, history, sent) in [
        (0, vec!["open"], 0),
        (3, vec!["open"; 3], 1),
        (3, vec!["open"; 4], 0),
        (u32::MAX, vec!["open"; 90], 2),
        (u32::MAX, vec!["ambiguous"; 2], 0),
    ] {
        let before = server.seen().len();
        let judge = Judge::open("j", &Settings { max_crash_resends, ..settings(&server) }, &|_| None).unwrap();
        let outcome = ask(&judge, &FakeJournal::with_history(&history)).await.unwrap();
        assert_eq!((ends(&outcome).0, server.seen().len() - before), ("unresolved", sent), "{max_crash_resends} {history:?}");
    }
}

/// What lies in files for somebody else to run was left there by nobody's end.
#[tokio::test]
async fn an_exported_request_is_no_crash() {
    let server = Server::always(200, good()).await;
    for history in [&["exported"; 3][..], &["ambiguous", "exported"]] {
        let outcome = ask(&open(&server), &FakeJournal::with_history(history)).await.unwrap();
        assert_eq!(ends(&outcome), ("scored", ""), "{history:?}");
    }
}

#[tokio::test]
async fn a_paid_reply_is_read_again_and_not_asked_for_again() {
    let server = Server::start(vec![whole(200, &good())]).await;
    let answered = |reply: String| Past { class: "answered".into(), reply, format: None, body_digest: None };
    let journal = FakeJournal { history: vec![answered(good())], ..FakeJournal::default() };
    assert_eq!(ends(&ask(&open(&server), &journal).await.unwrap()), ("scored", ""));
    assert_eq!((server.seen().len(), journal.outcomes.lock().unwrap().len()), (0, 1));
    let journal = FakeJournal { history: vec![answered(completion("no verdict"))], ..FakeJournal::default() };
    assert_eq!(ends(&ask(&open(&server), &journal).await.unwrap()), ("scored", ""), "a faulty one is asked for again");
    assert_eq!(server.seen().len(), 1);
}

/// Another judge paid for the reply; by which rules it is read is each judge's own.
#[tokio::test]
async fn an_equal_request_of_another_judge_gives_its_reply_and_not_its_outcome() {
    let server = Server::always(200, good()).await;
    let journal = FakeJournal::default();
    ask(&open(&server), &journal).await.unwrap();
    let first = journal.intents.lock().unwrap()[0].body_digest;
    let blind = good().replace(r#""prompt_tokens""#, r#""prompt_tokens_details":{"image_tokens":0},"prompt_tokens""#);
    let digest_of = |text: &str| tribunal_media::Digest::of(text.as_bytes());
    for (receipt, body_digest, reply, expected, sent) in [
        (Receipt::Usage, first, blind.clone(), ("judge_unusable", "media_not_seen"), 0),
        (Receipt::Off, first, blind.clone(), ("scored", ""), 0),
        (Receipt::Usage, first, completion("no verdict"), ("scored", ""), 1),
        (Receipt::Usage, digest_of("of another request"), blind, ("scored", ""), 1),
    ] {
        let known = Some(Known::Paid(vec![PaidReply { of: None, body_digest, reply, format: None }]));
        let (journal, before) = (FakeJournal { known, ..FakeJournal::default() }, server.seen().len());
        let judge = Judge::open("j", &Settings { receipt, ..settings(&server) }, &|_| None).unwrap();
        let outcome = ask(&judge, &journal).await.unwrap();
        assert_eq!((ends(&outcome), server.seen().len() - before), (expected, sent), "{receipt:?}");
    }
}

#[tokio::test]
async fn a_busy_server_is_waited_for() {
    let busy = Answer::Whole(429, "retry-after: 1\r\n", "{}".into());
    let start = std::time::Instant::now();
    let (ended, classes, _) = run(vec![busy, whole(200, &good())]).await;
    assert_eq!((ended.as_str(), classes.as_slice()), ("scored ", &["refused".to_owned(), "answered".to_owned()][..]));
    assert!(start.elapsed().as_secs_f64() >= 1.0, "never earlier than asked");
    let (ended, classes, _) = run(vec![Answer::Whole(503, "retry-after: 1000000000\r\n", "{}".into())]).await;
    assert!(ended.contains("asks to wait"), "{ended}");
    assert_eq!(classes, ["refused"]);
}

#[tokio::test]
async fn nobody_there_is_said_soon_and_costs_nothing() {
    // A port that is taken, so that nobody else gets it, and not listened at.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = taken.local_addr().unwrap();
    let settings = Settings::openai(&format!("http://{closed}/v1"), "m", "K");
    let judge = Judge::open("j", &settings, &|_| Some("key-of-mine".into())).unwrap();
    let (start, journal) = (std::time::Instant::now(), FakeJournal::default());
    let stop = ask(&judge, &journal).await.unwrap_err();
    assert!(matches!(&stop, Stop::Unreachable(words) if words.contains(&closed.to_string()) && words.contains("refused")), "{stop}");
    // A server that did answer before is waited for a minute.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    assert!(journal.classes().len() > 1 && journal.classes().iter().all(|class| class == "never_sent"));
}

#[tokio::test]
async fn a_dialect_is_learnt_once_and_leaves_ids_alone() {
    let complaint = r#"{"error":{"message":"'max_tokens' is not supported","param":"max_tokens"}}"#;
    let server = Server::start(vec![whole(400, complaint), whole(200, &good())]).await;
    let (judge, journal) = (open(&server), FakeJournal::default());
    for _ in 0..2 {
        assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("scored", ""));
    }
    assert_eq!(journal.classes(), ["refused", "answered", "answered"]);
    assert!(server.seen()[2].body.contains("max_completion_tokens"));
    let intents = journal.intents.lock().unwrap();
    assert!(intents.iter().all(|intent| intent.verdict_id == intents[0].verdict_id));
    assert_ne!(intents[0].body_digest, intents[1].body_digest);
}

#[tokio::test]
async fn faulty_verdicts_are_asked_for_again_twice() {
    let (ended, classes, seen) = run(vec![whole(200, &completion("no"))]).await;
    assert_eq!((ended.as_str(), seen), ("judge_unusable unparseable", 3));
    assert_eq!(classes, ["answered"; 3]);
    let (ended, _, seen) = run(vec![whole(200, &completion("no")), whole(200, &good())]).await;
    assert_eq!((ended.as_str(), seen), ("scored ", 2));
    let (ended, _, seen) = run(vec![whole(200, "<html>")]).await;
    assert_eq!((ended.as_str(), seen), ("judge_unusable bad_envelope", 1));
}

/// A reply that was cut off at its most tokens after `content`.
fn cut(content: &str) -> Answer {
    whole(200, &completion(content).replace("\"stop\"", "\"length\""))
}

/// The most tokens that each request asked for.
fn lengths(server: &Server) -> Vec<u64> {
    let bodies = server.seen().into_iter().map(|seen| serde_json::from_str::<serde_json::Value>(&seen.body).unwrap());
    bodies.map(|body| body["max_tokens"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn replies_that_reasoning_eats_up_may_be_longer_from_then_on() {
    let server = Server::start(vec![cut(""), whole(200, &good())]).await;
    let (judge, journal) = (open(&server), FakeJournal::default());
    for _ in 0..2 {
        assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("scored", ""));
    }
    assert_eq!(lengths(&server), [800, 3200, 3200]);
    assert!(judge.lessons()[0].contains("3200"), "{:?}", judge.lessons());
    let server = Server::start(vec![cut("{\"nonce\""), cut("{\"nonce\""), whole(200, &good())]).await;
    assert_eq!(ends(&ask(&open(&server), &FakeJournal::default()).await.unwrap()), ("scored", ""));
    assert_eq!(lengths(&server), [800, 800, 3200], "words that were cut may be fewer");
}

#[tokio::test]
async fn a_length_that_was_asked_for_stays_and_twenty_cuts_end_the_run() {
    let server = Server::start(vec![cut("")]).await;
    let settings = Settings { max_tokens: Some(500), ..settings(&server) };
    let judge = Judge::open("j", &settings, &|_| None).unwrap();
    let journal = FakeJournal::default();
    for _ in 0..19 {
        assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("judge_unusable", "truncated"));
    }
    assert!(matches!(ask(&judge, &journal).await, Err(Stop::Endpoint(words)) if words.contains("max_tokens")));
    assert!(lengths(&server).iter().all(|&most| most == 500));
    let small = Settings { max_tokens: None, limits: Limits { context_tokens: Some(3000), ..Limits::default() }, ..settings };
    let server = Server::start(vec![cut("")]).await;
    let small = Settings { base_url: Some(server.base.clone()), ..small };
    ask(&Judge::open("j", &small, &|_| None).unwrap(), &journal).await.unwrap();
    assert_eq!(lengths(&server), [800; 3], "no more than the model holds");
}

#[tokio::test]
async fn costs_are_kept_and_the_budget_is_a_wall() {
    let server = Server::always(200, good()).await;
    let price: Price = toml::from_str("input_per_mtok = 1.0\noutput_per_mtok = 10.0\ndate = '2026-11-01'").unwrap();
    let settings = Settings { price: Some(price), ..settings(&server) };
    let judge = Judge::open("j", &settings, &|_| None).unwrap();
    let journal = FakeJournal::default();
    ask(&judge, &journal).await.unwrap();
    assert_eq!(journal.ends.lock().unwrap()[0].cost_micro_usd, Some(200));
    let reserved = journal.intents.lock().unwrap()[0].reserved_micro_usd.unwrap();
    assert!(reserved > 200);
    let uncounted = good().replace("\"prompt_tokens\":100", "\"prompt_tokens\":0");
    let (liar, book) = (Server::always(200, uncounted).await, FakeJournal::default());
    ask(&Judge::open("j", &Settings { base_url: Some(liar.base.clone()), ..settings.clone() }, &|_| None).unwrap(), &book).await.unwrap();
    assert_eq!(book.ends.lock().unwrap()[0].cost_micro_usd, None, "no request has no tokens: its reservation stays");
    let poor = FakeJournal { budget: Some(reserved - 1), ..FakeJournal::default() };
    assert!(matches!(ask(&judge, &poor).await, Err(Stop::Budget(_))));
    assert!(poor.intents.lock().unwrap().is_empty());
    assert_eq!(server.seen().len(), 1);
}

/// The request is estimated at some 700 tokens, of which its reply counts 110.
#[tokio::test(start_paused = true)]
async fn a_rate_of_tokens_is_settled_by_what_the_reply_counts() {
    let limits = Limits { tpm: Some(6_000), ..Limits::default() };
    let judge = Memory::start([whole(200, &good())]).judge("j", "", &Settings { limits, ..memory::settings() });
    let (start, journal) = (tokio::time::Instant::now(), FakeJournal::default());
    for _ in 0..2 {
        ask(&judge, &journal).await.unwrap();
    }
    assert!(journal.intents.lock().unwrap()[0].estimated.input() > 500.0);
    assert!((1.0..1.5).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_error_of_geminis_own_costs_nothing_and_is_sent_again_no_oftener() {
    let googles = |code: u16, status: &str| json!({"error": {"code": code, "message": "m", "status": status}}).to_string();
    let (internal, deadline) = (googles(500, "INTERNAL"), googles(504, "DEADLINE_EXCEEDED"));
    let gateways = json!({"error": {"code": 500, "message": "upstream is gone"}}).to_string();
    for (provider, status, body, cost) in [
        (ProviderKind::Gemini, 500, &internal, Some(0)),
        (ProviderKind::Gemini, 500, &gateways, None),
        (ProviderKind::Gemini, 500, &String::new(), None),
        (ProviderKind::Gemini, 504, &deadline, None),
        (ProviderKind::OpenAi, 500, &internal, None),
    ] {
        let server = Server::always(status, body.clone()).await;
        let price: Price = toml::from_str("input_per_mtok = 1.0\noutput_per_mtok = 10.0\ndate = '2026-11-01'").unwrap();
        let settings =
            Settings { base_url: Some(server.base.clone()), model: Some("m".into()), price: Some(price), ..Settings::new(provider) };
        let (judge, journal) = (Judge::open("j", &settings, &|_| Some("k".repeat(20))).unwrap(), FakeJournal::default());
        let outcome = ask(&judge, &journal).await.unwrap();
        assert_eq!((ends(&outcome).0, journal.classes()), ("unresolved", vec!["ambiguous".to_owned(); 2]), "{body}");
        assert!(journal.ends.lock().unwrap().iter().all(|end| end.cost_micro_usd == cost), "{provider:?} {body}");
        assert_eq!(outcome.why().unwrap().message.ends_with("not billed)"), cost.is_some());
    }
}

#[tokio::test]
async fn nothing_is_sent_without_a_durable_intent() {
    let server = Server::always(200, good()).await;
    let broken = FakeJournal { broken: true, ..FakeJournal::default() };
    assert!(matches!(ask(&open(&server), &broken).await, Err(Stop::Journal(_))));
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_reply_without_end_is_no_verdict() {
    let (ended, classes, seen) = run(vec![whole(200, &"x".repeat(3 << 20))]).await;
    assert_eq!((ended.as_str(), classes.as_slice(), seen), ("judge_unusable bad_envelope", &["answered".to_owned()][..], 1));
}

#[tokio::test]
async fn a_bare_404_is_a_wrong_address_until_something_was_served() {
    let (ended, classes, seen) = run(vec![whole(404, "")]).await;
    assert!(ended.starts_with("stop") && ended.contains("model `m`"), "{ended}");
    assert_eq!((classes.as_slice(), seen), (&["refused".to_owned()][..], 1));
    let server = Server::start(vec![whole(200, &good()), whole(404, ""), whole(200, &good())]).await;
    let (judge, journal) = (open(&server), FakeJournal::default());
    for _ in 0..2 {
        assert_eq!(ends(&ask(&judge, &journal).await.unwrap()).0, "scored");
    }
    assert_eq!(journal.classes(), ["answered", "refused", "answered"]);
}

#[tokio::test]
async fn what_is_sent_once_more_waits_as_long_as_was_asked() {
    let start = std::time::Instant::now();
    let (ended, classes, _) = run(vec![Answer::Whole(502, "Retry-After: 2\r\n", String::new()), whole(200, &good())]).await;
    assert_eq!((ended.as_str(), classes.as_slice()), ("scored ", &["ambiguous".to_owned(), "answered".to_owned()][..]));
    assert!(start.elapsed().as_secs() >= 2, "{:?}", start.elapsed());
    let (ended, ..) = run(vec![Answer::Whole(502, "Retry-After: 90000\r\n", String::new())]).await;
    assert!(ended.starts_with("stop") && ended.contains("asks to wait another 90000 s"), "{ended}");
}

/// By its class such an item has ended; it is the rest that must not come earlier than the server asks.
#[tokio::test]
async fn a_refusal_of_an_item_that_asks_for_long_quiet_ends_the_run_and_the_item() {
    for (status, body, end) in [
        (400, r#"{"error":{"message":"m"}}"#, ("judge_unusable", "rejected_400")),
        (413, "", ("judge_unusable", "rejected_413")),
        (403, r#"{"error":{"code":"content_filter"}}"#, ("judge_refused", "content_filter")),
    ] {
        let server = Server::start(vec![Answer::Whole(status, "retry-after: 901\r\n", body.to_owned()), whole(200, &good())]).await;
        let (judge, journal) = (open(&server), FakeJournal::default());
        let ended = ask(&judge, &journal).await;
        assert!(matches!(&ended, Err(Stop::Unreachable(words)) if words.contains("asks to wait another 901 s")), "{ended:?}");
        assert_eq!((ends(&journal.outcomes.lock().unwrap()[0]), server.seen().len()), (end, 1));
    }
    let complaint = r#"{"error":{"message":"'max_tokens' is not supported","param":"max_tokens"}}"#;
    let (ended, _, seen) = run(vec![Answer::Whole(400, "retry-after: 901\r\n", complaint.to_owned()), whole(200, &good())]).await;
    assert!(ended.contains("asks to wait another 901 s") && seen == 1, "what only taught is no end of its item: {ended}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_an_item_that_asks_for_quiet_is_heeded_by_the_next() {
    for (header, seconds) in [("retry-after: 3\r\n", 3), ("retry-after: 0\r\n", 0), ("retry-after: -7\r\n", 0)] {
        let judge = Memory::start([Answer::Whole(413, header, String::new()), whole(200, &good())]).judge("j", "", &memory::settings());
        let (journal, start) = (FakeJournal::default(), tokio::time::Instant::now());
        assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("judge_unusable", "rejected_413"));
        assert_eq!(ends(&ask(&judge, &journal).await.unwrap()), ("scored", ""));
        assert_eq!(start.elapsed().as_secs(), seconds, "{header}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_stop_ends_a_wait_at_once() {
    let busy = Answer::Whole(429, "retry-after: 600\r\n", "{}".into());
    let server = Server::start(vec![busy]).await;
    let (start, journal) = (std::time::Instant::now(), FakeJournal { stops_after: Some(1), ..FakeJournal::default() });
    let ended = tokio::time::timeout(SOON, ask(&open(&server), &journal)).await;
    assert!(matches!(ended, Ok(Err(Stop::Journal(_)))), "{:?}", start.elapsed());
    assert_eq!(journal.classes(), ["refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_of_an_intent_that_was_overtaken_by_the_servers_wish() {
    let server = Memory::start([Answer::Whole(429, "retry-after: 600\r\n", "{}".into())]);
    let judge = server.judge("j", "", &memory::settings());
    judge.scout.comes_back();
    let stopped = || FakeJournal { stops_after: Some(1), ..FakeJournal::default() };
    let (first, overtaken) = (stopped(), FakeJournal { slow: 400, ..stopped() });
    let mut another = work();
    another.task.repeat = 2;
    let both = async { tokio::join!(ask(&judge, &first), judge.judge(&another, &overtaken)) };
    assert!(matches!(tokio::time::timeout(SOON, both).await, Ok((Err(Stop::Journal(_)), Err(Stop::Journal(_))))));
    // What was never sent costs nothing and is asked again.
    assert_eq!((first.classes(), overtaken.classes()), (vec!["refused".to_owned()], vec!["never_sent".to_owned()]));
    assert_eq!(server.seen().0, 1);
}

#[tokio::test]
async fn a_crash_in_a_re_ask_loses_neither_its_fault_nor_its_count() {
    let server = Server::start(vec![whole(200, &good())]).await;
    let past = |class: &str, reply: String| Past { class: class.into(), reply, format: None, body_digest: None };
    let history = vec![past("answered", completion("no verdict")), past("open", String::new())];
    let journal = FakeJournal { history, ..FakeJournal::default() };
    assert_eq!(ends(&ask(&open(&server), &journal).await.unwrap()), ("scored", ""));
    let sent = server.seen()[0].body.clone();
    assert!(sent.contains("That reply was not accepted") && sent.contains("no verdict"), "{sent}");
}
