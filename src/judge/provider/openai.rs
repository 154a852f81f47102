//! OpenAI-compatible chat completions over HTTP.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::body::Pieces;
use super::redact::Redactor;
use super::seam::{Opened, Provider, Reply, Wire};
use crate::judge::Settings;
use crate::judge::request::Request;
use crate::judge::retry::{Class, Fault};

/// A verdict has about 1 KiB: what is longer than this is no verdict, and is not read to its end.
const MAX_REPLY: usize = 1 << 20;
/// Seconds to find and greet the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The only headers that anything here reads or that help a person.
const KEPT_HEADERS: [&str; 6] = ["retry-after", "retry-after-ms", "date", "location", "content-type", "x-request-id"];

struct OpenAi {
    client: Client,
    url: Url,
    headers: HeaderMap,
    redactor: Redactor,
}

/// Checks the address, reads the key and builds the client. Sends nothing.
pub(super) fn open(settings: &Settings, secrets: &dyn Fn(&str) -> Option<String>) -> Result<Opened, String> {
    let base = settings.base_url.as_deref().ok_or("base_url is missing, e.g. `http://127.0.0.1:8000/v1`")?;
    let model = settings.model.clone().ok_or("model is missing")?;
    let url = address(base)?;
    let key = settings.key(secrets)?;
    let provider = OpenAi { client: client(settings, &url)?, url, headers: headers(key.as_ref())?, redactor: Redactor::new(key.as_ref()) };
    let endpoint = provider.url.to_string();
    let fingerprint = format!("openai {endpoint} {}", crate::judge::chat::parameters(settings, &model));
    Ok(Opened { provider: Box::new(provider), endpoint, model, fingerprint, wire: Wire::Chat, authored: false, remote: true })
}

/// `{base}/chat/completions`. An address with a password or a query in it would carry secrets into the ledger.
fn address(base: &str) -> Result<Url, String> {
    let url: Url =
        format!("{}/chat/completions", base.trim_end_matches('/')).parse().map_err(|error| format!("base_url `{base}`: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("base_url `{base}` is no http(s) address"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("base_url must hold no user, password, query or fragment; a key belongs in api_key_env or api_key_file".to_owned());
    }
    Ok(url)
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
        .user_agent(concat!("tribunal/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("cannot set up HTTP: {}", chain(&error)))
}

fn headers(key: Option<&SecretString>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    if let Some(key) = key {
        let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
            .map_err(|_| "the API key holds characters that no HTTP header may have".to_owned())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

impl OpenAi {
    async fn send(&self, request: &Request) -> Result<Reply, Fault> {
        let (body, taken) = Pieces::new(&request.body);
        let send = self.client.post(self.url.clone()).headers(self.headers.clone()).body(reqwest::Body::wrap(body)).send();
        let response = send.await.map_err(|error| self.fault(&error, taken.load(Ordering::Acquire)))?;
        let status = response.status().as_u16();
        let headers = self.kept(response.headers());
        let body = read(response).await.map_err(|error| self.fault(&error, true))?;
        Ok(Reply { status, headers, body: self.redactor.clean(body) })
    }

    /// Before the first byte of the body was taken nothing was asked; after it nobody knows.
    fn fault(&self, error: &reqwest::Error, taken: bool) -> Fault {
        let (class, reason) = match (taken, error.is_timeout()) {
            (false, _) => (Class::NeverSent, "unreachable"),
            (true, true) => (Class::Ambiguous, "timeout"),
            (true, false) => (Class::Ambiguous, "connection_lost"),
        };
        Fault::new(class, reason, self.redactor.clean(chain(error)))
    }

    fn kept(&self, headers: &HeaderMap) -> BTreeMap<String, String> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        KEPT_HEADERS.iter().filter_map(|&name| text(name).map(|text| (name.to_owned(), self.redactor.clean(text)))).collect()
    }
}

impl Provider for OpenAi {
    fn exchange<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(self.send(request))
    }
}

impl std::fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAi").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// The body up to the cap. One that is longer, or not UTF-8, comes back as text that is no JSON.
async fn read(mut response: reqwest::Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_REPLY {
            bytes.truncate(MAX_REPLY);
            return Ok(format!("(cut at {MAX_REPLY} bytes) {}", String::from_utf8_lossy(&bytes)));
        }
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| format!("(not UTF-8) {}", String::from_utf8_lossy(error.as_bytes()))))
}

/// An error with its causes, which is where reqwest hides "connection refused".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
