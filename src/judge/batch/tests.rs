//! Lines out and lines in.

use serde_json::{Value, json};

use super::{BatchReply, Closed, Line, Packed, ResultLine, packed_terms};
use crate::judge::tests::journal::FakeJournal;
use crate::judge::tests::{completion, good, work};
use crate::judge::{Judge, Outcome, Past, ProviderKind, Settings};

fn judge(provider: ProviderKind) -> Judge {
    let settings = Settings { base_url: Some("http://h/v1".into()), model: Some("m".into()), ..Settings::new(provider) };
    Judge::open("j", &settings, &|_| None).unwrap()
}

async fn line(judge: &Judge) -> Line {
    let mut work = work();
    if !judge.opened.wire.carries().and(judge.terms.takes).sound {
        let payload = std::sync::Arc::make_mut(&mut work.payload);
        payload.parts.remove(2);
        work.prompt.labels.pop();
    }
    match judge.pack(&work, &FakeJournal::default(), &|_| true).await.unwrap() {
        Packed::Line(line) => *line,
        other => panic!("{other:?}"),
    }
}

fn close(judge: &Judge, line: &Line, result: &Value, past: &[&str], reasks: bool) -> Closed {
    let past: Vec<Past> =
        past.iter().map(|class| Past { class: (*class).to_owned(), reply: String::new(), format: None, body_digest: None }).collect();
    let reply = BatchReply::read(&result.to_string()).unwrap();
    let line = ResultLine { reading: &line.reading, task: &line.intent.task, past: &past, reply: &reply, sent: None };
    judge.read_result(line, judge.terms(), reasks)
}

fn ends(closed: &Closed) -> (&str, Option<(&'static str, &str)>) {
    let outcome = closed.outcome.as_ref();
    (&closed.end.class, outcome.map(|outcome| (outcome.name().as_str(), outcome.why().map_or("", |why| why.reason.as_str()))))
}

#[tokio::test]
async fn a_line_is_one_line_with_the_body_that_is_sent_singly() {
    for provider in [ProviderKind::OpenAi, ProviderKind::Responses, ProviderKind::Anthropic] {
        let judge = judge(provider);
        let line = line(&judge).await;
        let text = String::from_utf8(line.pieces("v-1").concat()).unwrap();
        assert_eq!((text.matches('\n').count(), text.ends_with('\n')), (1, true));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["custom_id"], "v-1");
        let body = if provider == ProviderKind::Anthropic { &value["params"] } else { &value["body"] };
        assert_eq!(body["model"], "m");
        assert_eq!(value["url"].as_str(), judge.batch_endpoint());
        assert!(text.contains("Zmlyc3Q="), "the pictures go along");
    }
    assert!(judge(ProviderKind::Gemini).check_batch().unwrap_err().contains("gemini"));
}

#[tokio::test]
async fn equal_requests_are_one_line() {
    let judge = judge(ProviderKind::OpenAi);
    assert!(matches!(judge.pack(&work(), &FakeJournal::default(), &|_| false).await.unwrap(), Packed::Twin(_)));
}

#[tokio::test]
async fn what_has_its_end_already_is_nobodys_twin() {
    let judge = judge(ProviderKind::OpenAi);
    for (past, ends) in [("answered", "judge_unusable"), ("ambiguous", "unresolved")] {
        match judge.pack(&work(), &FakeJournal::with_history(&[past; 3]), &|_| false).await.unwrap() {
            Packed::Ends(settled) => assert_eq!(settled.outcome.name().as_str(), ends),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn replies_are_read_by_the_rules_of_single_requests() {
    let judge = judge(ProviderKind::OpenAi);
    let line = line(&judge).await;
    let body: Value = serde_json::from_str(&good()).unwrap();
    let ok = |body: &Value| json!({"custom_id": "x", "response": {"status_code": 200, "body": body}, "error": null});
    let scored = close(&judge, &line, &ok(&body), &["open"], false);
    assert!(matches!(&scored.outcome, Some(Outcome::Scored(verdict)) if verdict.safety == 5 && verdict.format.is_some()), "{scored:?}");
    let faulty: Value = serde_json::from_str(&completion("no json")).unwrap();
    assert_eq!(ends(&close(&judge, &line, &ok(&faulty), &["open"], false)), ("answered", Some(("judge_unusable", "unparseable"))));
    assert_eq!(ends(&close(&judge, &line, &ok(&faulty), &["answered", "open"], true)), ("answered", None));
    let third = close(&judge, &line, &ok(&faulty), &["answered", "answered", "open"], true);
    assert_eq!(ends(&third), ("answered", Some(("judge_unusable", "unparseable"))), "so that equal tasks end with it");
}

#[tokio::test]
async fn a_reply_that_would_not_be_kept_whole_is_not_scored() {
    let judge = judge(ProviderKind::OpenAi);
    let line = line(&judge).await;
    let mut body: Value = serde_json::from_str(&good()).unwrap();
    body["padding"] = "x".repeat(2 << 20).into();
    let result = json!({"custom_id": "x", "response": {"status_code": 200, "body": body}, "error": null});
    assert_eq!(ends(&close(&judge, &line, &result, &["open"], false)), ("answered", Some(("judge_unusable", "bad_envelope"))));
}

#[tokio::test]
async fn failed_lines_end_by_their_class() {
    let judge = judge(ProviderKind::OpenAi);
    let line = line(&judge).await;
    let failed = |status: u16, body: Value| json!({"custom_id": "x", "response": {"status_code": status, "body": body}, "error": null});
    let error = |message: &str, code: &str| json!({"error": {"message": message, "code": code}});
    let late = json!({"custom_id": "x", "response": null, "error": {"code": "batch_expired", "message": "too late"}});
    let vllm = json!({"custom_id": "x", "response": {"status_code": 400}, "error": {"message": "At most 6 image(s)", "code": 400}});
    for (result, past, expected) in [
        (failed(400, error("too big", "x")), &["open"][..], ("bad_item", Some(("judge_unusable", "rejected_400")))),
        (vllm, &["open"], ("bad_item", Some(("judge_unusable", "rejected_400")))),
        (failed(400, error("no", "content_filter")), &["open"], ("bad_item", Some(("judge_refused", "content_filter")))),
        (failed(429, error("slow", "x")), &["open"], ("refused", None)),
        (failed(401, error("key", "x")), &["open"], ("stopped", None)),
        (failed(500, error("oops", "x")), &["open"], ("ambiguous", None)),
        (failed(500, error("oops", "x")), &["ambiguous", "open"], ("ambiguous", Some(("unresolved", "server_error")))),
        (json!({"custom_id": "x", "error": {"message": "?"}}), &["open"], ("ambiguous", None)),
        (late, &["open"], ("refused", None)),
    ] {
        assert_eq!(ends(&close(&judge, &line, &result, past, false)), expected, "{result}");
    }
    let unknown = failed(400, json!({"error": {"message": "Unsupported parameter", "param": "seed"}}));
    assert_eq!(ends(&close(&judge, &line, &unknown, &["open"], true)), ("refused", None), "asked again without it");
    assert_eq!(judge.lessons().len(), 1);
    let marked = format!("\u{feff}{unknown}\r");
    assert_eq!(BatchReply::read(&marked).unwrap(), BatchReply::read(&unknown.to_string()).unwrap(), "a mark of the byte order");
}

/// What concerns all requests is no reason to put one off.
#[tokio::test]
async fn a_refused_key_stops_the_run() {
    let judge = judge(ProviderKind::OpenAi);
    let line = line(&judge).await;
    let failed = |status: u16, code: &str| json!({"custom_id": "x", "response": {"status_code": status, "body": {"error": {"message": "m", "code": code}}}});
    for (status, code, words) in [
        (401, "invalid_api_key", Some("wants a key, and judge j")),
        (429, "insufficient_quota", Some("out of quota")),
        (429, "rate_limit_exceeded", None),
    ] {
        let closed = close(&judge, &line, &failed(status, code), &["open"], true);
        assert_eq!((closed.put_off, closed.outcome), (words.is_none(), None), "{code}");
        assert_eq!(closed.stop.is_some(), words.is_some(), "{code}");
        assert!(closed.stop.unwrap_or_default().contains(words.unwrap_or_default()), "{code}");
    }
}

#[tokio::test]
async fn anthropic_results_are_read() {
    let judge = judge(ProviderKind::Anthropic);
    let line = line(&judge).await;
    let content = json!([{"type": "text", "text": crate::judge::tests::verdict_json().to_string()}]);
    let message = json!({"content": content, "stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": 3}});
    let result = |result: Value| json!({"custom_id": "x", "result": result});
    let error = |kind: &str| result(json!({"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": "m"}}}));
    let open = &["open"];
    assert_eq!(ends(&close(&judge, &line, &result(json!({"type": "succeeded", "message": message})), open, false)).1, Some(("scored", "")));
    assert_eq!(ends(&close(&judge, &line, &error("invalid_request_error"), open, false)).1, Some(("judge_unusable", "rejected_400")));
    let overloaded = close(&judge, &line, &error("overloaded_error"), open, false);
    assert_eq!((ends(&overloaded), overloaded.put_off), (("refused", None), true));
    let expired = close(&judge, &line, &result(json!({"type": "expired"})), open, false);
    assert!(expired.put_off && expired.outcome.is_none());
}

#[tokio::test]
async fn what_anthropic_does_not_bill_costs_nothing() {
    let price = toml::from_str("input_per_mtok = 1.0\noutput_per_mtok = 5.0\ndate = '2026-11-30'").unwrap();
    let priced = |provider| Judge::open("j", &Settings { price: Some(price), ..judge(provider).settings }, &|_| None).unwrap();
    let judge = priced(ProviderKind::Anthropic);
    let line = line(&judge).await;
    let errored = |kind: &str, message: &str| {
        let error = json!({"type": "error", "error": {"type": kind, "message": message}});
        json!({"custom_id": "x", "result": {"type": "errored", "error": error}})
    };
    let filter = "Output blocked by content filtering policy";
    for (result, past, expected) in [
        (errored("api_error", "m"), &["open"][..], ("ambiguous", None)),
        (errored("api_error", "m"), &["ambiguous", "open"], ("ambiguous", Some(("unresolved", "server_error")))),
        (errored("overloaded_error", "m"), &["open"], ("refused", None)),
        (errored("invalid_request_error", "m"), &["open"], ("bad_item", Some(("judge_unusable", "rejected_400")))),
        (errored("invalid_request_error", filter), &["open"], ("bad_item", Some(("judge_refused", "content_filter")))),
        (json!({"custom_id": "x", "result": {"type": "canceled"}}), &["open"], ("refused", None)),
        (json!({"custom_id": "x", "result": {"type": "expired"}}), &["open"], ("refused", None)),
    ] {
        let closed = close(&judge, &line, &result, past, true);
        assert_eq!((ends(&closed), closed.end.cost_micro_usd), (expected, Some(0)), "{result}");
    }
    let quota = errored("invalid_request_error", "cannot read: 'My credit balance is too low'");
    assert_eq!(ends(&close(&judge, &line, &quota, &["open"], true)), ("stopped", None));
    let reply = BatchReply::read(&quota.to_string()).unwrap().of("... my credit balance is TOO LOW ...");
    let quoted = ResultLine { reading: &line.reading, task: &line.intent.task, past: &[], reply: &reply, sent: None };
    assert_eq!(ends(&judge.read_result(quoted, judge.terms(), true)), ("bad_item", Some(("judge_unusable", "rejected_400"))));
    let twice = close(&judge, &line, &errored("api_error", "m"), &["ambiguous", "open"], true);
    assert!(twice.outcome.and_then(|outcome| outcome.why().map(|why| why.message.contains("not billed"))).unwrap());
    // OpenAI says no such thing of its failed lines: their bound stays charged.
    let failed = json!({"custom_id": "x", "response": {"status_code": 500, "body": {"error": {"message": "m"}}}, "error": null});
    assert_eq!(close(&judge, &line, &failed, &["open"], true).end.cost_micro_usd, None);
}

#[tokio::test]
async fn a_result_costs_what_its_batch_was_packed_for() {
    let price = |input: f64| toml::from_str(&format!("input_per_mtok = {input}\noutput_per_mtok = 0.0\ndate = '2026-11-30'")).unwrap();
    let terms = |factor: f64| toml::from_str(&format!("requests = 9\nbytes = 99\nprice_factor = {factor}")).unwrap();
    let priced = |input, factor| {
        let settings = Settings { price: Some(price(input)), batch_terms: Some(terms(factor)), ..judge(ProviderKind::OpenAi).settings };
        Judge::open("j", &settings, &|_| None).unwrap()
    };
    let (then, now) = (priced(2.0, 0.5), priced(9.0, 1.0));
    let line = line(&then).await;
    let body: Value = serde_json::from_str(&good()).unwrap();
    let reply = BatchReply::read(&json!({"custom_id": "x", "response": {"status_code": 200, "body": body}}).to_string()).unwrap();
    let result = ResultLine { reading: &line.reading, task: &line.intent.task, past: &[], reply: &reply, sent: None };
    let packed = packed_terms(&then.reading_settings()).unwrap();
    assert_eq!(now.read_result(result, &packed, true).end.cost_micro_usd, Some(100), "100 tokens at half of 2 dollars a million");
    // A profile's prices are kept as they were, and not by its name.
    let known =
        Settings { base_url: None, model: Some("gpt-5-mini".into()), api_key_optional: true, ..judge(ProviderKind::OpenAi).settings };
    let known = Judge::open("k", &known, &|_| None).unwrap();
    let kept: Settings = serde_json::from_str(&known.reading_settings()).unwrap();
    assert!(kept.price.is_some() && kept.price == known.terms().price && kept.batch_terms == known.terms().batch);
    assert!(packed_terms("{}").is_err());
}

#[test]
fn bad_lines_are_refused_in_words() {
    for (line, word) in [
        ("{", "no result"),
        ("{}", "custom_id"),
        (r#"{"custom_id":"x"}"#, "neither"),
        (r#"{"custom_id":"x","result":{"type":"new"}}"#, "new"),
    ] {
        assert!(BatchReply::read(line).unwrap_err().contains(word), "{line}");
    }
}

#[tokio::test]
async fn cached_input_of_a_batch_costs_less_only_where_the_terms_say_so() {
    // Of 2000 tokens all but 80 are from the cache, and 10 come out: at half of $2 in and $8 out, without a price for the cache since OpenAI has none in
    // batches for models before GPT-5; and at half of $1.25, $0.125 from the cache and $10 out.
    let (old, new) = (2_000 + 40, 50 + 120 + 50);
    for (model, cost) in [("gpt-4.1", old), ("gpt-5", new)] {
        let settings = Settings { model: Some(model.into()), profile: Some(model.into()), ..judge(ProviderKind::OpenAi).settings };
        let judge = Judge::open("j", &settings, &|_| None).unwrap();
        let line = line(&judge).await;
        let mut body: Value = serde_json::from_str(&good()).unwrap();
        body["usage"] = json!({"prompt_tokens": 2_000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 1_920}});
        let result = json!({"custom_id": "x", "response": {"status_code": 200, "body": body}, "error": null});
        let end = close(&judge, &line, &result, &["open"], false).end;
        assert_eq!((end.cost_micro_usd, end.usage.and_then(|usage| usage.cached)), (Some(cost), Some(1_920)), "{model}");
        assert!(line.intent.reserved_micro_usd > Some(cost), "{model}");
    }
}
