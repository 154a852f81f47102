//! What is sent, what is recorded, and where the key goes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use tribunal_media::{Digest, Encoding};

use super::{FakeJournal, NONCE, Server, ask, ends, frame, good, open, part, settings, work};
use crate::judge::body::Body;
use crate::judge::dialect::Dialect;
use crate::judge::wire::{Chat, Correction, Draft, Wire as _};
use crate::judge::{Judge, PictureDetail, Settings, Work, request};

/// The whole body as one plain serde value: what the splice must equal.
fn plain(settings: &Settings, work: &Work, media: impl Fn(&[u8], Digest) -> String) -> Value {
    let mut content = vec![json!({"type": "text", "text": work.prompt.before})];
    for (label, part) in work.prompt.labels.iter().zip(&work.payload.parts) {
        content.push(json!({"type": "text", "text": label}));
        let data = media(&part.bytes, part.blake3);
        content.push(match part.header.encoding {
            Encoding::Jpeg => {
                json!({"type": "image_url", "image_url": {"url": format!("data:image/jpeg;base64,{data}"), "detail": "high"}})
            }
            Encoding::Wav => json!({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}),
            _ => json!({"type": "text", "text": crate::rubric::fence_text(std::str::from_utf8(&part.bytes).unwrap(), NONCE)}),
        });
    }
    content.push(json!({"type": "text", "text": work.prompt.after}));
    json!({
        "model": "m",
        "messages": [{"role": "system", "content": work.prompt.system}, {"role": "user", "content": content}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "verdict", "strict": true, "schema": work.shape.schema()}},
        "seed": 0,
        "temperature": 0.0,
        "max_tokens": settings.first_max_tokens(),
    })
}

fn local() -> Settings {
    Settings::openai("http://h/v1", "m", "K")
}

fn build(settings: &Settings, work: &Work) -> Body {
    Chat.body(&Draft { settings, model: "m", work, dialect: Dialect::default(), correction: None }).unwrap()
}

proptest! {
    #[test]
    fn the_splice_equals_plain_serde(
        texts in prop::collection::vec(".*", 4),
        pictures in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4),
    ) {
        let mut work = work();
        work.prompt.system.clone_from(&texts[0]);
        work.prompt.before.clone_from(&texts[1]);
        work.prompt.after = format!("{} blake3:{} \"content\":[]", texts[2], Digest::of(b"first"));
        let mut parts = work.payload.parts.clone();
        parts.extend(pictures.iter().map(|bytes| part(Encoding::Jpeg, frame(None), bytes)));
        work.prompt.labels = vec![texts[3].clone(); parts.len()];
        work.payload = std::sync::Arc::new(crate::prepare::Payload { parts, ..(*work.payload).clone() });
        let settings = local();
        let request = build(&settings, &work);
        let sent = plain(&settings, &work, |bytes, _| STANDARD.encode(bytes)).to_string();
        let recorded = plain(&settings, &work, |_, blake3| format!("blake3:{blake3}")).to_string();
        prop_assert_eq!(String::from_utf8(request.sent.concat()).unwrap(), sent);
        prop_assert_eq!(&request.recorded, &recorded);
    }
}

#[test]
fn the_digest_is_stable() {
    let request = build(&local(), &work());
    assert_eq!(
        Digest::of(request.recorded.as_bytes()).short(),
        "27109ba0",
        "a changed digest breaks every cassette that was recorded:\n{}",
        request.recorded
    );
    let id = |repeat| request::verdict_id(&request.recorded, "e", repeat);
    assert_ne!(id(1), id(2));
}

#[test]
fn a_re_ask_alternates_roles_and_quotes_in_bounds() {
    let (settings, work) = (local(), work());
    let correction = Correction { reply: "x".repeat(10_000), fault: "no JSON".into(), number: 1 };
    let draft = Draft { settings: &settings, model: "m", work: &work, dialect: Dialect::default(), correction: Some(&correction) };
    let body: Value = serde_json::from_slice(&Chat.body(&draft).unwrap().sent.concat()).unwrap();
    let roles: Vec<_> = body["messages"].as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    assert_eq!(body["messages"][2]["content"].as_str().unwrap().len(), 2000);
    assert!(body["messages"][3]["content"].as_str().unwrap().contains("no JSON"));
}

#[test]
fn storing_is_declined_where_it_is_the_default() {
    let openai = Settings::openai("https://api.openai.com/v1", "m", "K");
    assert!(build(&openai, &work()).recorded.ends_with(r#""store":false}"#));
    let low = Settings { detail: PictureDetail::Low, ..local() };
    let recorded = build(&low, &work()).recorded;
    assert!(!recorded.contains("store") && recorded.contains(r#""detail":"low""#));
}

#[tokio::test]
async fn the_server_gets_every_byte_with_its_length_and_the_key_once() {
    let server = Server::always(200, good()).await;
    let (judge, journal) = (open(&server), FakeJournal::default());
    let outcome = ask(&judge, &journal).await.unwrap();
    assert_eq!(ends(&outcome), ("scored", ""));
    let [seen] = <[_; 1]>::try_from(server.seen()).unwrap();
    let head = seen.head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/chat/completions http/1.1"));
    assert!(head.contains("content-length: ") && !head.contains("transfer-encoding"));
    assert!(seen.head.contains("Bearer sk-secret/1") && !seen.body.contains("sk-secret"));
    assert_eq!(seen.body, plain(&settings(&server), &work(), |bytes, _| STANDARD.encode(bytes)).to_string());
    let intent = journal.intents.lock().unwrap()[0].clone();
    assert_eq!(intent.body_digest, Digest::of(intent.recorded_body.as_bytes()));
    assert_eq!(intent.verdict_id, request::verdict_id(&intent.recorded_body, &intent.endpoint, 1));
    assert!(!intent.recorded_body.contains(&STANDARD.encode("first")));
}

#[tokio::test]
async fn an_echoed_key_is_nowhere() {
    let echo = r#"{"error":{"message":"bad key sk-secret/1 sk-secret%2F1 c2stc2VjcmV0LzE="}}"#;
    for status in [422, 401] {
        let server = Server::always(status, echo.to_owned()).await;
        let (judge, journal) = (open(&server), FakeJournal::default());
        let ended = format!("{:?}", ask(&judge, &journal).await);
        let all = format!("{ended} {journal:?} {judge:?} {}", judge.fingerprint());
        for form in ["sk-secret", "c2stc2VjcmV0LzE"] {
            assert!(!all.contains(form), "{status}: {form} in {all}");
        }
        assert!(all.contains("[key removed]"));
    }
}

#[test]
fn addresses_hold_no_secrets() {
    for base in ["http://u:p@h/v1", "http://h/v1?key=1", "ftp://h/v1", "nonsense"] {
        let settings = Settings::openai(base, "m", "K");
        assert!(Judge::open("j", &settings, &|_| Some("k".into())).is_err(), "{base}");
    }
    let error = Judge::open("openai/m", &Settings::openai("http://h/v1", "m", "OPENAI_API_KEY"), &|_| None).unwrap_err();
    assert!(error.to_string().contains("OPENAI_API_KEY"));
}
