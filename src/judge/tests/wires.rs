//! Every wire format: the bodies that are sent (golden) and the replies that come back.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tribunal_media::Encoding;

use super::server::{Answer, Server};
use super::{FakeJournal, NONCE, ask, ends, good, verdict_json, work};
use crate::judge::dialect::Dialect;
use crate::judge::request::case_of;
use crate::judge::verdict::Flaw;
use crate::judge::wire::{Chat, Correction, Draft, Gemini, Messages, Ollama, Responses, Wire};
use crate::judge::{Judge, Odds, ProviderKind, Settings, Stop, Usage, Work};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/judge-bodies.jsonl");

fn wires() -> [(ProviderKind, Box<dyn Wire>); 6] {
    [
        (ProviderKind::OpenAi, Box::new(Chat)),
        (ProviderKind::Responses, Box::new(Responses)),
        (ProviderKind::Anthropic, Box::new(Messages)),
        (ProviderKind::Gemini, Box::new(Gemini)),
        (ProviderKind::Ollama, Box::new(Ollama)),
        (ProviderKind::Vllm, Box::new(Chat)),
    ]
}

/// Only what the format carries, and for vLLM nothing but frames.
fn carried(provider: ProviderKind, wire: &dyn Wire) -> Work {
    let mut work = work();
    let carried = wire.carries();
    let keep = |encoding: Encoding| match encoding {
        Encoding::Jpeg => carried.pictures,
        Encoding::Wav => carried.sound && provider != ProviderKind::Vllm,
        _ => provider != ProviderKind::Vllm,
    };
    let parts: Vec<_> = work.payload.parts.iter().filter(|part| keep(part.header.encoding)).cloned().collect();
    work.prompt.labels.truncate(parts.len());
    work.payload = std::sync::Arc::new(crate::prepare::Payload { parts, parts_id: work.payload.parts_id });
    work
}

fn settings(provider: ProviderKind) -> Settings {
    let extra = json!({"mm_processor_kwargs": {"do_sample_frames": false}});
    Settings {
        frames_as_video: provider == ProviderKind::Vllm,
        logprobs: provider == ProviderKind::Vllm,
        extra_body: (provider == ProviderKind::Vllm).then(|| extra.as_object().unwrap().clone()),
        ..Settings::new(provider)
    }
}

fn body(provider: ProviderKind, wire: &dyn Wire, dialect: Dialect, correction: Option<&Correction>) -> Value {
    let (settings, work) = (settings(provider), carried(provider, wire));
    let body = wire.body(&Draft { settings: &settings, model: "m", work: &work, dialect, correction }).unwrap();
    serde_json::from_slice(&body.sent.concat()).unwrap()
}

/// One line per provider and rung; the second rung is a re-ask. What a changed line breaks is every cassette recorded from such a judge.
#[test]
fn bodies_are_the_golden_ones() {
    let correction = Correction { reply: "no".to_owned(), fault: "no JSON".to_owned(), number: 1 };
    let mut lines = String::new();
    for (provider, wire) in wires() {
        for (rung, &format) in wire.ladder().iter().enumerate() {
            let mut dialect = Dialect::default();
            dialect.format = format;
            let body = body(provider, &*wire, dialect, (rung == 1).then_some(&correction));
            writeln!(lines, "{}", json!({"dialect": provider.name(), "format": format, "body": body})).unwrap();
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &lines).unwrap();
    }
    assert_eq!(lines, std::fs::read_to_string(GOLDEN).unwrap(), "UPDATE_GOLDEN=1 writes the file anew");
}

#[test]
fn bodies_of_two_cases_differ_between_their_nonces_alone() {
    for (provider, wire) in wires() {
        let recorded = |nonce: &str| {
            let (settings, mut work) = (settings(provider), carried(provider, &*wire));
            // As rubrics have it: before the evidence and behind it.
            (work.prompt.before, work.prompt.after) = (format!("Case, nonce {nonce}: a prompt"), format!("echo {nonce}"));
            let draft = Draft { settings: &settings, model: "m", work: &work, dialect: Dialect::default(), correction: None };
            wire.body(&draft).unwrap().recorded
        };
        let cut = |nonce: &str| {
            let body = recorded(nonce);
            let case = case_of(&body, nonce);
            [&body[..case.start], &body[case.clone()], &body[case.end..]].map(str::to_owned)
        };
        let ([head, case, tail], [other_head, other, other_tail]) = (cut(NONCE), cut("ffeeddccbbaa9988"));
        assert_eq!((&head, &tail), (&other_head, &other_tail), "{}", provider.name());
        assert!(head.len() > 20 && case != other && case.contains("a prompt") && case.contains("blake3:"), "{head}|{case}|{tail}");
        assert!(!head.contains("blake3:") && !tail.contains("blake3:"), "{head}|{tail}");
    }
    assert_eq!(case_of("no nonce here", NONCE), 0..13);
}

fn reason(wire: &dyn Wire, body: &Value) -> String {
    match wire.verdict(&body.to_string(), &work()) {
        Ok(verdict) => format!("scored {}", verdict.safety),
        Err(Flaw::Refused(why)) => format!("refused {}", why.reason),
        Err(Flaw::Foreign(why)) => format!("foreign {}", why.reason),
        Err(Flaw::Faulty(why, _)) => why.reason,
    }
}

#[test]
fn responses_are_read_from_their_one_text() {
    let text = verdict_json().to_string();
    let message = |content: Value| json!({"type": "message", "role": "assistant", "content": content});
    let said = |text: &str| message(json!([{"type": "output_text", "text": text}]));
    for (body, expected) in [
        (json!({"output": [{"type": "reasoning", "summary": [{"text": "safety 1"}]}, said(&text)]}), "scored 5"),
        (json!({"output": [message(json!([{"type": "refusal", "refusal": "no"}]))]}), "refused refusal"),
        (json!({"output": [], "incomplete_details": {"reason": "max_output_tokens"}}), "truncated"),
        (json!({"output": [said(&text)], "incomplete_details": {"reason": "max_output_tokens"}}), "truncated"),
        (json!({"output": [], "incomplete_details": {"reason": "content_filter"}}), "refused content_filter"),
        (json!({"output": [said(&text), said(&text)]}), "foreign bad_envelope"),
        (json!({"status": "completed", "output": [said(&text)]}), "scored 5"),
        (json!({"status": "incomplete", "output": [said(&text)]}), "truncated"),
        (json!({"status": "failed", "output": [said(&text)]}), "foreign bad_envelope"),
        (json!({"status": "failed", "error": null, "output": [said("flagged by our safety system")]}), "foreign bad_envelope"),
        (json!({"status": "failed", "error": {"code": "cyber_policy", "message": "m"}, "output": []}), "refused content_filter"),
        (json!({"status": "failed", "error": {"code": "server_error", "message": "m"}, "output": []}), "foreign bad_envelope"),
        (json!({"status": "paused", "output": [said(&text)]}), "foreign bad_envelope"),
        (json!({"output": []}), "empty_reply"),
        (json!({"choices": []}), "foreign bad_envelope"),
    ] {
        assert_eq!(reason(&Responses, &body), expected, "{body}");
    }
    let (cached, reasoning) = (json!({"cached_tokens": 50, "cache_write_tokens": 30}), json!({"reasoning_tokens": 4}));
    let usage = json!({"input_tokens": 90, "output_tokens": 9, "input_tokens_details": cached, "output_tokens_details": reasoning});
    let counted = Responses.usage(&json!({"usage": usage})).unwrap();
    assert_eq!(counted, Usage { input: 90, output: 9, cached: Some(50), written: Some(30), reasoning: Some(4), ..Usage::default() });
}

#[test]
fn thoughts_that_chat_servers_count_apart_are_paid_for() {
    for (completion, total, thoughts, output) in [
        (50, Some(1050), None, 50),
        (50, Some(1050), Some(40), 50),
        (50, Some(1750), Some(700), 750),
        (50, Some(1750), None, 750),
        (50, None, Some(700), 750),
        (0, Some(1000), Some(81), 81),
        (50, Some(0), Some(0), 50),
    ] {
        let mut usage = json!({"prompt_tokens": 1000, "completion_tokens": completion});
        total.into_iter().for_each(|total: u64| usage["total_tokens"] = total.into());
        thoughts.into_iter().for_each(|thoughts: u64| usage["completion_tokens_details"] = json!({"reasoning_tokens": thoughts}));
        let counted = Chat.usage(&json!({"usage": usage})).unwrap();
        assert_eq!((counted.input, counted.output, counted.reasoning), (1000, output, thoughts), "{usage}");
    }
}

#[test]
fn messages_are_read_from_a_text_or_the_offered_tool() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let call = |name: &str| json!({"type": "tool_use", "id": "t", "name": name, "input": verdict_json()});
    let verdict = verdict_json().to_string();
    for (content, stop, expected) in [
        (json!([text(&verdict)]), "end_turn", "scored 5"),
        (json!([{"type": "thinking", "thinking": "safety 1"}, call("verdict")]), "tool_use", "scored 5"),
        (json!([call("other")]), "tool_use", "foreign bad_envelope"),
        (json!([text(&verdict), call("verdict")]), "tool_use", "unparseable"),
        (json!([call("verdict"), call("verdict")]), "tool_use", "unparseable"),
        (json!([text(&verdict)]), "stop_sequence", "scored 5"),
        (json!([text(&verdict)]), "max_tokens", "truncated"),
        (json!([text(&verdict)]), "model_context_window_exceeded", "truncated"),
        (json!([text("no")]), "refusal", "refused refusal"),
        (json!([text(&verdict)]), "pause_turn", "foreign bad_envelope"),
        (json!([]), "end_turn", "empty_reply"),
    ] {
        let body = json!({"type": "message", "content": content, "stop_reason": stop});
        assert_eq!(reason(&Messages, &body), expected, "{body}");
    }
    let twice = format!(r#"{{"content":[{{"type":"tool_use","name":"verdict","input":{{"safety":1,{}}}]}}"#, &verdict[1..]);
    let read = Messages.verdict(&twice, &work());
    assert!(matches!(read, Err(Flaw::Faulty(why, _)) if why.reason == "unparseable"), "a key that stands twice is seen");
    let usage = json!({"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 85, "output_tokens": 7});
    let expected = Usage { input: 100, output: 7, cached: Some(85), written: Some(5), ..Usage::default() };
    assert_eq!(Messages.usage(&json!({"usage": usage})), Some(expected));
}

/// Mistral's reasoning models.
#[test]
fn a_chat_message_may_come_in_blocks() {
    let whole: Value = serde_json::from_str(&good()).unwrap();
    let text = &whole["choices"][0]["message"]["content"];
    let mut blocks = whole.clone();
    blocks["choices"][0]["message"]["content"] =
        json!([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": text}]);
    let verdict = |body: &Value| Chat.verdict(&body.to_string(), &work()).unwrap();
    assert_eq!(verdict(&blocks), verdict(&whole));
}

/// Gemma has no instructions apart from what the user says.
#[tokio::test]
async fn instructions_go_to_the_user_where_a_model_has_none_apart() {
    let refusal = json!({"error": {"code": 400, "message": "Developer instruction is not enabled for models/gemma-3-27b-it", "status": "INVALID_ARGUMENT"}});
    let reply = json!({"candidates": [{"content": {"parts": [{"text": verdict_json().to_string()}]}, "finishReason": "STOP"}]});
    let answers = [(400, refusal), (200, reply)].map(|(status, body)| Answer::Whole(status, "", body.to_string()));
    let server = Server::start(answers.into()).await;
    let settings = Settings { provider: ProviderKind::Gemini, ..super::settings(&server) };
    let judge = Judge::open("j", &settings, &|_| None).unwrap();
    assert_eq!(ends(&ask(&judge, &FakeJournal::default()).await.unwrap()), ("scored", ""));
    let seen: Vec<Value> = server.seen().iter().map(|seen| serde_json::from_str(&seen.body).unwrap()).collect();
    let system = &seen[0]["systemInstruction"]["parts"][0];
    assert!(system["text"].is_string() && seen[1]["systemInstruction"].is_null());
    assert_eq!(&seen[1]["contents"][0]["parts"][0], system);
}

#[test]
fn gemini_is_read_without_its_thoughts() {
    let verdict = verdict_json().to_string();
    let candidate = |parts: Value, finish: &str| json!({"candidates": [{"content": {"parts": parts}, "finishReason": finish}]});
    for (body, expected) in [
        (candidate(json!([{"text": "safety 1", "thought": true}, {"text": verdict}]), "STOP"), "scored 5"),
        (candidate(json!([{"text": &verdict[..20]}, {"text": &verdict[20..]}]), "STOP"), "scored 5"),
        (candidate(json!([{"text": verdict}]), "MAX_TOKENS"), "truncated"),
        (candidate(json!([]), "SAFETY"), "refused content_filter"),
        (candidate(json!([{"text": verdict}]), "IMAGE_PROHIBITED_CONTENT"), "refused content_filter"),
        (candidate(json!([{"text": verdict}]), "RECITATION"), "refused content_filter"),
        (candidate(json!([{"text": verdict}]), "BLOCKLIST"), "refused content_filter"),
        (candidate(json!([{"text": verdict}]), "SPII"), "refused content_filter"),
        (candidate(json!([{"text": verdict}]), "LANGUAGE"), "foreign bad_envelope"),
        (candidate(json!([{"text": verdict}]), "FINISH_REASON_UNSPECIFIED"), "scored 5"),
        (candidate(json!([]), "STOP"), "empty_reply"),
        (json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}), "refused content_filter"),
        (json!({"candidates": []}), "foreign bad_envelope"),
    ] {
        assert_eq!(reason(&Gemini, &body), expected, "{body}");
    }
    let split = json!([{"modality": "TEXT", "tokenCount": 84}, {"modality": "IMAGE", "tokenCount": 516}]);
    let usage = json!({"promptTokenCount": 600, "candidatesTokenCount": 20, "thoughtsTokenCount": 30, "promptTokensDetails": split});
    let expected = Usage { input: 600, output: 50, image: Some(516), audio: Some(0), reasoning: Some(30), ..Usage::default() };
    assert_eq!(Gemini.usage(&json!({"usageMetadata": usage})), Some(expected));
}

#[test]
fn ollama_is_read_and_cut_replies_are_seen() {
    let body = |content: &str, reason: &str| {
        let message = json!({"role": "assistant", "content": content});
        json!({"message": message, "done_reason": reason, "prompt_eval_count": 70, "eval_count": 7})
    };
    let verdict = verdict_json().to_string();
    assert_eq!(reason(&Ollama, &body(&verdict, "stop")), "scored 5");
    assert_eq!(reason(&Ollama, &body(&verdict, "length")), "truncated");
    assert_eq!(reason(&Ollama, &body("", "stop")), "empty_reply");
    let mut unfinished = body(&verdict, "stop");
    unfinished["done"] = false.into();
    assert_eq!(reason(&Ollama, &unfinished), "foreign bad_envelope");
    assert_eq!(Ollama.usage(&body("", "stop")), Some(Usage { input: 70, output: 7, ..Usage::default() }));
}

#[test]
fn probabilities_of_the_level_come_with_the_verdict() {
    let before = format!(r#"{{"nonce":"{NONCE}","rationale":"calm","evidence_seconds":[],"motion":4,"safety":"#);
    let token = |token: &str, top: Value| json!({"token": token, "logprob": 0.0, "top_logprobs": top});
    let top = json!([{"token": "5", "logprob": (0.75_f64).ln()}, {"token": "1", "logprob": (0.25_f64).ln()}]);
    let tokens = json!([token(&before, json!([])), token("5", top), token("}", json!([]))]);
    let choice = json!({"message": {"content": format!("{before}5}}")}, "finish_reason": "stop", "logprobs": {"content": tokens}});
    let verdict = Chat.verdict(&json!({"choices": [choice]}).to_string(), &work()).unwrap();
    let odds = verdict.odds.unwrap();
    assert_eq!(verdict.safety, 5);
    assert!((odds.expected_safety - 4.0).abs() < 1e-9 && (odds.entropy - 0.8113).abs() < 1e-4, "{odds:?}");
    assert_eq!(serde_json::to_string(&Odds::new([0.0, 0.0, 0.0, 0.0, 1.0]).entropy).unwrap(), "0.0");
}

#[test]
fn a_count_may_be_written_as_a_fraction() {
    let input = |count: Value| Chat.usage(&json!({"usage": {"prompt_tokens": count, "completion_tokens": 3}})).map(|usage| usage.input);
    assert_eq!(input(json!(1500.0)), Some(1500));
    for none in [json!(1500.5), json!(-1.0), json!(1e300), json!("1500")] {
        assert_eq!(input(none.clone()), None, "{none}");
    }
}

/// What a server says of its model by 403 is no word on the key.
#[tokio::test]
async fn a_refusal_that_names_a_parameter_drops_it_whatever_its_status() {
    let error = |message: &str, param: Value| json!({"error": {"message": message, "param": param, "code": null}}).to_string();
    for (status, refusal, stops) in [
        (403, error("You are not allowed to request logprobs from this model", Value::Null), false),
        (400, error("Unsupported parameter: 'top_logprobs' is not supported with this model.", json!("top_logprobs")), false),
        (403, error("You are not allowed to use this model", Value::Null), true),
    ] {
        let server = Server::start(vec![Answer::Whole(status, "", refusal), Answer::Whole(200, "", good())]).await;
        let judge = Judge::open("j", &Settings { logprobs: true, ..super::settings(&server) }, &|_| None).unwrap();
        let journal = FakeJournal::default();
        let ended = ask(&judge, &journal).await;
        assert_eq!(matches!(&ended, Err(Stop::Auth(_))), stops, "{status} {ended:?}");
        let asked = server.seen().iter().map(|seen| seen.body.contains("logprobs")).collect::<Vec<_>>();
        assert_eq!((asked, ended.is_ok()), if stops { (vec![true], false) } else { (vec![true, false], true) });
        assert_eq!(journal.classes()[0], if stops { "stopped" } else { "refused" });
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_the_detail_of_pictures_is_not_told_it() {
    let param = "messages[1].content[2].image_url.detail";
    let refusal = json!({"error": {"message": format!("Unknown parameter: '{param}'."), "param": param, "code": "unknown_parameter"}});
    let server = Server::start(vec![Answer::Whole(400, "", refusal.to_string()), Answer::Whole(200, "", good())]).await;
    assert_eq!(ends(&ask(&super::open(&server), &FakeJournal::default()).await.unwrap()), ("scored", ""));
    assert_eq!(server.seen().iter().map(|seen| seen.body.matches("\"detail\":").count()).collect::<Vec<_>>(), [2, 0]);
}

/// Chat templates without a place for the system's words: vLLM, OpenAI, llama.cpp.
#[tokio::test]
async fn the_systems_words_go_to_the_user_where_a_template_has_no_place_for_them() {
    for (status, refusal) in [
        (400, json!({"object": "error", "message": "System role not supported", "type": "BadRequestError", "param": null, "code": 400})),
        (
            400,
            json!({"error": {"message": "Unsupported value: 'messages[0].role' does not support 'system' with this model.", "param": "messages[0].role", "code": "unsupported_value"}}),
        ),
        (400, json!({"error": {"message": "This model doesn't support system messages."}})),
        (500, json!({"error": {"code": 500, "message": "Jinja Exception: System role not supported", "type": "server_error"}})),
    ] {
        let answers = vec![Answer::Whole(status, "", refusal.to_string()), Answer::Whole(200, "", good())];
        let server = Server::start(answers).await;
        assert_eq!(ends(&ask(&super::open(&server), &FakeJournal::default()).await.unwrap()), ("scored", ""), "{refusal}");
        let seen: Vec<Value> = server.seen().iter().map(|seen| serde_json::from_str(&seen.body).unwrap()).collect();
        let system = &seen[0]["messages"][0];
        assert_eq!((&system["role"], &seen[1]["messages"][0]["role"]), (&json!("system"), &json!("user")));
        assert_eq!(seen[1]["messages"][0]["content"][0]["text"], system["content"]);
    }
}

#[tokio::test]
async fn a_mark_of_the_byte_order_is_none_of_a_reply() {
    let server = Server::always(200, format!("\u{feff}{}", good())).await;
    assert_eq!(ends(&ask(&super::open(&server), &FakeJournal::default()).await.unwrap()), ("scored", ""));
}

/// OpenRouter, where `extra_body` demands that every parameter is heeded.
#[tokio::test]
async fn nobody_who_takes_the_parameters_is_no_wrong_address() {
    let refusal = json!({"error": {"message": "No endpoints found that can handle the requested parameters.", "code": 404}});
    let server = Server::always(404, refusal.to_string()).await;
    let ended = ask(&super::open(&server), &FakeJournal::default()).await;
    assert!(matches!(&ended, Err(Stop::Endpoint(words)) if words.contains("with all that requests hold")), "{ended:?}");
}

/// A failure of OpenAI's Responses, and an error that a gateway gives the status of a success: waited for, or perhaps billed.
#[tokio::test]
async fn a_response_that_failed_is_asked_again() {
    let failed = |code: &str| json!({"status": "failed", "output": [], "error": {"code": code, "message": "m"}}).to_string();
    let whole = json!({"status": "completed", "error": null, "output": [{"type": "message", "content": [{"type": "output_text", "text": verdict_json().to_string()}]}]});
    for (code, class) in [("rate_limit_exceeded", "refused"), ("server_error", "ambiguous")] {
        let server = Server::start([failed(code), whole.to_string()].map(|body| Answer::Whole(200, "", body)).into()).await;
        let settings = Settings { provider: ProviderKind::Responses, ..super::settings(&server) };
        let (judge, journal) = (Judge::open("j", &settings, &|_| None).unwrap(), FakeJournal::default());
        let settled = judge.judge(&carried(ProviderKind::Responses, &Responses), &journal).await.unwrap();
        assert_eq!(ends(&settled.outcome), ("scored", ""), "{code}");
        assert_eq!(journal.classes(), [class, "answered"]);
    }
}
