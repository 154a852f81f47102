//! A judge that is not one: a server on loopback that speaks the wire formats of real judges, bills like them and fails like them.
//!
//! # Use
//!
//! `mock-judge CONFIG.json` binds a free port of 127.0.0.1, prints `http://127.0.0.1:PORT` and serves until its stdin closes, so that a
//! test that dies takes it along. `mock-judge --faults` lists every fault, and whether a real server would have billed it.
//! [`config::Config`] documents the settings; all have defaults, and a misspelt one is an error.
//!
//! # What it answers
//!
//! | request | speaks |
//! |---|---|
//! | `POST .../chat/completions` | OpenAI, vLLM, llama.cpp; Azure beneath `/openai/deployments/` |
//! | `POST .../responses` | OpenAI Responses |
//! | `POST .../messages` | Anthropic Messages |
//! | `POST .../models/M:generateContent` | Gemini |
//! | `POST /api/chat` | Ollama |
//! | `GET /props`, `/version`, `.../models` | what clients probe |
//! | `.../files`, `.../batches`, `.../messages/batches` | batches of OpenAI and Anthropic |
//! | `GET /_mock/calls`, `/_mock/bill` | for tests: every ledger line, and their sum |
//! | `POST /_mock/release` | for tests: batches that the setting `held` kept may end |
//!
//! # What a test may rely on
//!
//! - Every POST is one ledger line, written before the first byte of its reply: the bill stands even when client or server dies.
//!   Requests for a verdict are numbered from 1 as their first bytes come in; one that was never sent whole leaves a gap and no line.
//!   Items of a batch have lines of their own, written when the batch ends, with `batch` and `custom_id`; their `n` is 0.
//! - Faults strike requests for a verdict only, drawn from the seed and the request's number; [`fault::TABLE`] says what each does.
//!   Authorization is checked first; a request that earns an honest refusal gets that one, and its line names no fault.
//! - Verdicts follow the schema that the request carries, or the list of fields in its instructions. The nonce is the last lone run of 16 hex
//!   digits that the judge was told by somebody other than itself.
//! - A gate closes with every `Retry-After` that is a promise (not 0, negative or decades); a request that arrives before it opens is marked
//!   `early`. `gate_age_ms` tells how long ago the promise was made, for requests that were already under way.
//!
//! # Canaries
//!
//! It cannot read pixels. Where a schema or the instructions ask for a `receipt`, it echoes the header `x-mock-receipt` of the request, else
//! the setting `receipt`, else `none`; with `reads_receipt` off it says `none` always, like a judge that never looked.

mod answer;
mod asked;
mod batch;
mod check;
mod config;
mod control;
mod dialect;
mod failure;
mod fault;
mod generate;
mod http;
mod ledger;
mod limits;
mod logprobs;
mod media;
mod play;
mod rate_headers;
mod route;
mod server;
mod text;
mod tokens;
mod verdict;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use config::Config;
use server::Server;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when even stderr is closed.
            let _ = writeln!(std::io::stderr(), "mock-judge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let argument = std::env::args().nth(1).ok_or("usage: mock-judge CONFIG.json | --faults")?;
    if argument == "--faults" {
        return say(&fault::listing());
    }
    let text = std::fs::read_to_string(&argument).map_err(|error| format!("{argument}: {error}"))?;
    let config: Config = serde_json::from_str(&text).map_err(|error| format!("{argument}: {error}"))?;
    let server = Arc::new(Server::new(config)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        say(&format!("http://{address}\n"))?;
        std::thread::spawn(leave_with_stdin);
        server::serve(server, listener).await;
        Ok(())
    })
}

fn say(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// Whoever started the mock holds the other end of stdin: when it closes, nobody wants answers any more.
fn leave_with_stdin() {
    let (mut stdin, mut sink) = (std::io::stdin(), [0; 256]);
    while stdin.read(&mut sink).is_ok_and(|got| got > 0) {}
    std::process::exit(0);
}
