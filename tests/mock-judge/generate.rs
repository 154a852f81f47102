//! One request for a verdict, from its bytes to its line in the ledger.

use serde_json::Value;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::check;
use crate::config::{Config, RetryForm};
use crate::dialect::Dialect;
use crate::failure::{Failure, Kind, Wait};
use crate::fault::Fault;
use crate::http::{Request, Response};
use crate::ledger::Line;
use crate::limits::Over;
use crate::rate_headers;
use crate::server::{Arrival, Server};
use crate::text::sha256;
use crate::tokens::{self, Count};
use crate::verdict::Draft;

/// A request on its way to the judge.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// As its path says.
    pub(crate) dialect: Dialect,
    /// Without the query.
    pub(crate) path: &'a str,
    /// As it came.
    pub(crate) body: &'a [u8],
    /// What the debug header says was written into the canary.
    pub(crate) receipt: Option<&'a str>,
    /// Of the normal price.
    pub(crate) price_factor: f64,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Judged {
    /// In no dialect yet.
    pub(crate) result: Result<Answer, Failure>,
    /// The fault that struck; none where the failure is honest.
    pub(crate) fault: Option<Fault>,
    /// Complete but for the status.
    pub(crate) line: Line,
}

/// Answers a request on the wire: judged, entered into the ledger, and put into bytes.
pub(crate) fn serve(server: &Server, dialect: Dialect, request: &Request, arrival: &Arrival) -> (Response, Option<Fault>) {
    let receipt = request.header("x-mock-receipt");
    let call = Call { dialect, path: &request.path, body: &request.body, receipt, price_factor: 1.0 };
    let allowed = || authorised(&server.config, dialect, request);
    let judged = judge(server, &call, arrival, allowed, true);
    let fault = judged.fault;
    let mut response = match &judged.result {
        Ok(answer) => Response::json(200, &dialect.reply(answer)),
        Err(failure) => Response::json(failure.status, &dialect.error(failure)),
    };
    crate::play::dress(&mut response, fault, &server.config);
    let name = if dialect == Dialect::Anthropic { "request-id" } else { "x-request-id" };
    response.push(name, format!("req_mock_{}", arrival.n));
    let wait = judged.result.err().map_or(Wait::Unsaid, |failure| failure.wait);
    let mut gates = server.gates();
    rate_headers::limits(&mut response, dialect, &gates);
    rate_headers::dates(&mut response, &wait, &mut gates);
    drop(gates);
    let status = Some(response.status).filter(|_| !fault.is_some_and(Fault::is_silent));
    server.ledger().append(&Line { status, ..judged.line });
    (response, fault)
}

/// The key, where one is demanded.
pub(crate) fn authorised(config: &Config, dialect: Dialect, request: &Request) -> Result<(), Failure> {
    match &config.api_key {
        Some(key) if !dialect.has_key(request, key) => Err(Failure::new(401, Kind::Auth, "Incorrect or missing API key.")),
        _ => Ok(()),
    }
}

/// Judges `call`. Items of a batch are authorised already and not `limited`.
pub(crate) fn judge(
    server: &Server,
    call: &Call,
    arrival: &Arrival,
    allowed: impl FnOnce() -> Result<(), Failure>,
    limited: bool,
) -> Judged {
    let config = &server.config;
    let body: Option<Value> = serde_json::from_slice(call.body).ok();
    let asked = match &body {
        Some(body) => call.dialect.read(call.path, body),
        None => Err(Failure::invalid("We could not parse the JSON body of your request.")),
    };
    let result = allowed().and_then(|()| check::size(config, call.body.len())).map_err(|failure| (failure, None));
    let result = result.and_then(|()| struck(arrival.fault)).and_then(|()| {
        let answer = ask(server, call, arrival, body.as_ref(), &asked, limited);
        answer.map_err(|failure| (failure, None))
    });
    let (result, fault) = match result {
        Ok(answer) => (Ok(answer), arrival.fault),
        Err((failure, fault)) => (Err(failure), fault),
    };
    let line = line(call, arrival, body.as_ref(), asked.as_ref().ok());
    let line =
        bill(config, call, Line { fault: fault.map(|fault| fault.row().name), ..line }, result.as_ref().ok(), fault, asked.as_ref().ok());
    Judged { result, fault, line }
}

fn struck(fault: Option<Fault>) -> Result<(), (Failure, Option<Fault>)> {
    fault.and_then(Failure::of).map_or(Ok(()), |failure| Err((failure, fault)))
}

fn ask(
    server: &Server,
    call: &Call,
    arrival: &Arrival,
    body: Option<&Value>,
    asked: &Result<Asked, Failure>,
    limited: bool,
) -> Result<Answer, Failure> {
    let config = &server.config;
    let none = Value::Null;
    let body = body.unwrap_or(&none);
    check::parameters(config, body)?;
    let asked = asked.as_ref().map_err(Clone::clone)?;
    if body["stream"] == true && call.dialect != Dialect::Ollama {
        return Err(Failure {
            param: Some("stream".to_owned()),
            ..Failure::new(400, Kind::UnknownParameter, "Unsupported parameter: 'stream'")
        });
    }
    check::pictures(config, asked)?;
    let draft = Draft::new(asked, config, call.receipt);
    let answer = Answer::new(arrival.n, asked, config, draft, arrival.fault);
    if limited {
        within_limits(server, call.dialect, answer.input.sum() + answer.output, arrival)?;
    }
    Ok(answer)
}

fn within_limits(server: &Server, dialect: Dialect, tokens: u64, arrival: &Arrival) -> Result<(), Failure> {
    let over = match server.gates().take(tokens, arrival.at) {
        Ok(()) => return Ok(()),
        Err(Over::Never) => {
            let message = format!("Request too large: {tokens} tokens are more than the limit of tokens per minute.");
            return Err(Failure::new(429, Kind::Rate, message));
        }
        Err(Over::Later(wait)) => wait,
    };
    let form = server.config.limits.and_then(|limits| limits.retry_after).unwrap_or(dialect.retry_form());
    Err(Failure::rate(match form {
        RetryForm::Seconds => Wait::Seconds(over),
        RetryForm::Ms => Wait::Ms(over),
        RetryForm::Date => Wait::Date(over),
        RetryForm::Body => Wait::Body(over),
    }))
}

fn line(call: &Call, arrival: &Arrival, body: Option<&Value>, asked: Option<&Asked>) -> Line {
    Line {
        dialect: Some(call.dialect.name()),
        path: call.path.to_owned(),
        body_sha256: Some(sha256(call.body)),
        params: body.and_then(Value::as_object).map(|body| body.keys().cloned().collect()).unwrap_or_default(),
        nonce: asked.and_then(Asked::nonce),
        text_sha256: asked.map(|asked| sha256(asked.told().as_bytes())),
        media: asked.map(|asked| asked.media().cloned().collect()).unwrap_or_default(),
        ..arrival.line()
    }
}

/// Adds what it costs: an answer unless the fault spoilt it before the model ran, and a filtered prompt's input.
fn bill(config: &Config, call: &Call, line: Line, answer: Option<&Answer>, fault: Option<Fault>, asked: Option<&Asked>) -> Line {
    let billed = fault.map_or(answer.is_some(), |fault| fault.row().billed);
    if !billed {
        return line;
    }
    let input = asked.map_or(0, |asked| Count::of(asked, config).sum());
    let output = answer.map_or(0, |answer| answer.output);
    let cost = tokens::cost(config.price, input, output, call.price_factor);
    Line { billed, input_tokens: input, output_tokens: output, cost_micro_usd: cost, ..line }
}
