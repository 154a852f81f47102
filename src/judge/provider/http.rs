//! HTTP: one exchange with whatever server, by its own address and key header.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use tribunal_media::Digest;

use super::address::{self, Address, Probe};
use super::batch::BatchServer;
use super::body::Pieces;
use super::redact::Redactor;
use super::seam::{Account, Opened, Provider, Reply};
use crate::judge::reply::{KEPT_REPLY, cut};
use crate::judge::request::Request;
use crate::judge::retry::{Class, Fault, classify};
use crate::judge::terms::Takes;
use crate::judge::wire::{Chat, Gemini, Messages, Ollama, Responses, Wire};
use crate::judge::{ProviderKind, Settings};

/// Seconds to find and greet the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest before another is opened instead.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// Seconds for a server to say what its model can take in, where requests may not take less.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// More bytes than a key has in any form: so many are read behind what is kept of a body, lest a key that the cut goes through is not known for one.
const LONGEST_KEY: usize = 16 << 10;
/// The only headers, besides those of rate limits, that anything here reads or that help a person.
const KEPT_HEADERS: [&str; 6] = ["retry-after", "retry-after-ms", "date", "location", "content-type", "x-request-id"];

struct Http {
    client: Client,
    address: Address,
    anthropic: bool,
    headers: HeaderMap,
    redactor: Arc<Redactor>,
    probe_timeout: Duration,
    /// Each request gets a connection of its own: one was lost on a shared one.
    one_each: AtomicBool,
}

/// Checks the address, reads the key and builds the client. Sends nothing.
pub(super) fn open(settings: &Settings, secrets: &dyn Fn(&str) -> Option<String>) -> Result<Opened, String> {
    let model = settings.model.clone().ok_or("model is missing")?;
    let address = Address::of(settings, &model)?;
    let key = settings.key(secrets)?;
    let provider = Http {
        client: client(settings, &address.url)?,
        headers: headers(&address, key.as_ref())?,
        redactor: Arc::new(Redactor::new(key.as_ref())),
        anthropic: settings.provider == ProviderKind::Anthropic,
        probe_timeout: PROBE_TIMEOUT.min(Duration::from_secs(settings.timeout_s)),
        one_each: AtomicBool::new(false),
        address,
    };
    let endpoint = provider.address.url.to_string();
    let origin = provider.address.url.origin().ascii_serialization();
    let secret = key.as_ref().map_or("", ExposeSecret::expose_secret);
    Ok(Opened {
        fingerprint: format!("{} {endpoint} {}", settings.provider.name(), settings.parameters(&model)),
        wire: wire(settings.provider),
        provider: Box::new(provider),
        endpoint,
        account: Some(Account { of: Digest::of_fields([origin.as_bytes(), secret.as_bytes()]), has_key: key.is_some() }),
        model,
        authored: false,
        remote: true,
        live: true,
        lessons: Vec::new(),
        receipt: settings.receipt,
    })
}

/// The format that a provider's servers speak.
pub(super) fn wire(provider: ProviderKind) -> Box<dyn Wire> {
    match provider {
        ProviderKind::Responses => Box::new(Responses),
        ProviderKind::Anthropic => Box::new(Messages),
        ProviderKind::Gemini => Box::new(Gemini),
        ProviderKind::Ollama => Box::new(Ollama),
        ProviderKind::OpenAi
        | ProviderKind::Azure
        | ProviderKind::Vllm
        | ProviderKind::LlamaCpp
        | ProviderKind::Replay
        | ProviderKind::Embedded => Box::new(Chat),
    }
}

/// No redirects (the key must not follow them), no system proxy, and no retry below ours: every send is in the ledger.
fn client(settings: &Settings, url: &Url) -> Result<Client, String> {
    // Without TLS there is nothing to verify, and a machine without root certificates must still reach a plain address.
    let builder = if url.scheme() == "http" { Client::builder().tls_certs_only([]) } else { Client::builder() };
    builder
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(Duration::from_secs(settings.timeout_s))
        .tcp_nodelay(true)
        // Servers close idle connections after some seconds (uvicorn: 5); a request on its way into one may be lost.
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("tribunal/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("cannot set up HTTP: {}", chain(&error)))
}

fn headers(address: &Address, key: Option<&SecretString>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    for &(name, value) in address.headers {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(key) = key {
        let (name, before) = address.key_header;
        let mut value = HeaderValue::try_from(format!("{before}{}", key.expose_secret()))
            .map_err(|_| "the API key holds characters that no HTTP header may have".to_owned())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

impl Http {
    async fn send(&self, request: &Request) -> Result<Reply, Fault> {
        let (body, taken) = Pieces::new(&request.body.sent);
        let mut post = self.client.post(self.address.url.clone()).headers(self.headers.clone()).body(reqwest::Body::wrap(body));
        if self.one_each.load(Ordering::Acquire) {
            post = post.header(CONNECTION, HeaderValue::from_static("close"));
        }
        let lost = |error: reqwest::Error| {
            let fault = fault(&self.redactor, &error, taken.begun());
            self.one_each.fetch_or(fault.reason == "connection_lost", Ordering::AcqRel);
            if taken.whole() { fault } else { fault.spared("it never left whole") }
        };
        whole(post.send().await.map_err(lost)?, &self.redactor).await
    }

    /// What the server says its model can take in; `None` when it does not say.
    async fn modalities(&self) -> Result<Option<Takes>, Fault> {
        let Some(probe) = &self.address.probe else { return Ok(None) };
        let request = match probe {
            Probe::Get(url) => self.client.get(url.clone()),
            Probe::Post(url, body) => self.client.post(url.clone()).body(body.clone()),
        };
        let lost = |error: reqwest::Error| fault(&self.redactor, &error, !error.is_connect());
        let response = request.headers(self.headers.clone()).timeout(self.probe_timeout).send().await.map_err(lost)?;
        let said = classify(whole(response, &self.redactor).await?)?;
        Ok(serde_json::from_str(&said.body).ok().and_then(|said| address::carried(&said)))
    }
}

impl Provider for Http {
    fn exchange<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(self.send(request))
    }

    fn batches(&self) -> Option<BatchServer> {
        let (root, query) = self.address.batches.clone()?;
        let (client, headers, redactor) = (self.client.clone(), self.headers.clone(), Arc::clone(&self.redactor));
        Some(BatchServer { client, headers, redactor, root, query, anthropic: self.anthropic, quiet: Arc::default() })
    }

    fn modalities(&self) -> BoxFuture<'_, Result<Option<Takes>, Fault>> {
        Box::pin(self.modalities())
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("url", &self.address.url.as_str()).finish_non_exhaustive()
    }
}

/// A whole reply, with those headers that are kept.
pub(super) async fn whole(response: reqwest::Response, redactor: &Redactor) -> Result<Reply, Fault> {
    let status = response.status().as_u16();
    let headers = kept(response.headers(), redactor);
    let body = match read(response, redactor).await {
        Err(_) if says_all(status) => String::new(),
        body => body.map_err(|error| fault(redactor, &error, true))?,
    };
    Ok(Reply { status, headers, body })
}

fn kept(headers: &HeaderMap, redactor: &Redactor) -> BTreeMap<String, String> {
    let is_kept = |name: &str| KEPT_HEADERS.contains(&name) || name.contains("ratelimit");
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_kept(name.as_str())) {
        let Ok(value) = value.to_str() else { continue };
        let value = redactor.clean(value.to_owned());
        // A name that comes twice is one list.
        kept.entry(name.as_str().to_owned()).and_modify(|all| *all = format!("{all}, {value}")).or_insert(value);
    }
    kept
}

/// Whether a status means the same without the words behind it. A server that will not read a request to its end says so and hangs up, and what it sent
/// beyond the head may be lost.
const fn says_all(status: u16) -> bool {
    matches!(status, 401 | 402 | 413 | 429 | 503 | 529)
}

/// Before the first byte of the body was taken nothing was asked; after it nobody knows.
pub(super) fn fault(redactor: &Redactor, error: &reqwest::Error, taken: bool) -> Fault {
    let (class, reason) = match (taken, error.is_timeout()) {
        (false, _) => (Class::NeverSent, "unreachable"),
        (true, true) => (Class::Ambiguous, "timeout"),
        (true, false) => (Class::Ambiguous, "connection_lost"),
    };
    Fault::new(class, reason, redactor.clean(chain(error)))
}

/// The body up to the cap. One that is longer, or not UTF-8, comes back as text that is no JSON.
pub(super) async fn read(mut response: reqwest::Response, redactor: &Redactor) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > KEPT_REPLY + LONGEST_KEY {
            break;
        }
    }
    let is_whole = bytes.len() <= KEPT_REPLY;
    let text = String::from_utf8(bytes).unwrap_or_else(|error| format!("(not UTF-8) {}", String::from_utf8_lossy(error.as_bytes())));
    // A mark of the byte order is none of the text.
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    let text = redactor.clean(text);
    Ok(if is_whole { text } else { cut(&text) })
}

/// An error with its causes, which is where reqwest hides "connection refused".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
