//! A judge on loopback that speaks chat completions and remembers every call: the billing oracle of the tests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::Digest as _;

/// One request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The nonce found in the instructions.
    pub(crate) nonce: String,
    /// Text of every part, joined.
    pub(crate) text: String,
    /// SHA-256 of every media part, in order.
    pub(crate) media: Vec<String>,
    /// The whole body as it came.
    pub(crate) body: String,
}

/// How the mock answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// A verdict with this safety, after a pause.
    Verdict(u8, Duration),
    /// A verdict with the safety that this makes of the call.
    Judges(fn(&Call) -> u8),
    /// As a model of this name says it.
    Served(&'static str, u8),
    /// This status with an error body.
    Refuse(u16),
}

/// A running mock; it stops with the test.
pub(crate) struct MockJudge {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    manner: Arc<Mutex<Manner>>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Shared {
    calls: Arc<Mutex<Vec<Call>>>,
    manner: Arc<Mutex<Manner>>,
}

impl MockJudge {
    /// Starts on a free loopback port.
    pub(crate) fn start(manner: Manner) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let manner = Arc::new(Mutex::new(manner));
        let shared = Shared { calls: Arc::clone(&calls), manner: Arc::clone(&manner) };
        let app = axum::Router::new().route("/v1/chat/completions", post(answer)).layer(DefaultBodyLimit::disable()).with_state(shared);
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { address, calls, manner, _runtime: runtime }
    }

    /// Answers otherwise from now on.
    pub(crate) fn change(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// What to write after `--judge`.
    pub(crate) fn spec(&self) -> String {
        format!("http://{}/v1#m", self.address)
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

async fn answer(State(shared): State<Shared>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let call = read(&body);
    let nonce = call.nonce.clone();
    shared.calls.lock().unwrap().push(call.clone());
    let manner = *shared.manner.lock().unwrap();
    let (safety, pause, model) = match manner {
        Manner::Verdict(safety, pause) => (safety, pause, "m"),
        Manner::Judges(safety) => (safety(&call), Duration::ZERO, "m"),
        Manner::Served(model, safety) => (safety, Duration::ZERO, model),
        Manner::Refuse(status) => {
            let error = json!({"error": {"message": "no", "type": "mock", "param": null, "code": null}});
            return (StatusCode::from_u16(status).unwrap(), axum::Json(error)).into_response();
        }
    };
    tokio::time::sleep(pause).await;
    let content = verdict(&body, &nonce, safety).to_string();
    let message = json!({"role": "assistant", "content": content});
    axum::Json(json!({
        "id": "mock", "model": model, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    }))
    .into_response()
}

/// Fills in whatever the request's own schema asks for.
fn verdict(body: &Value, nonce: &str, safety: u8) -> Value {
    let properties = body["response_format"]["json_schema"]["schema"]["properties"].as_object().unwrap();
    let field = |(name, schema): (&String, &Value)| {
        let value = match (name.as_str(), schema["type"].as_str()) {
            ("nonce", _) => json!(nonce),
            (_, Some("string")) => json!("nothing of concern"),
            (_, Some("array")) => json!([]),
            _ => json!(safety),
        };
        (name.clone(), value)
    };
    Value::Object(properties.iter().map(field).collect())
}

fn read(body: &Value) -> Call {
    let (mut text, mut media) = (String::new(), Vec::new());
    for message in body["messages"].as_array().unwrap() {
        match &message["content"] {
            Value::String(words) => text.push_str(words),
            Value::Array(parts) => parts.iter().for_each(|part| part_of(part, &mut text, &mut media)),
            other => panic!("odd content: {other}"),
        }
    }
    Call { nonce: nonce_in(&text), text, media, body: body.to_string() }
}

fn part_of(part: &Value, text: &mut String, media: &mut Vec<String>) {
    let data = match part["type"].as_str().unwrap() {
        "text" => return text.push_str(part["text"].as_str().unwrap()),
        "image_url" => part["image_url"]["url"].as_str().unwrap().strip_prefix("data:image/jpeg;base64,").unwrap(),
        "input_audio" => part["input_audio"]["data"].as_str().unwrap(),
        other => panic!("odd part: {other}"),
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    media.push(hex(&sha2::Sha256::digest(bytes)));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The last lone run of 16 hex digits: where the instructions ask for the echo.
fn nonce_in(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.rev().find(|word| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit())).expect("a nonce in the prompt").to_owned()
}
