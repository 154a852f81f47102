//! The listener, and the life of a connection.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::batch::{self, Store};
use crate::config::Config;
use crate::dialect::Dialect;
use crate::fault::{self, Fault};
use crate::http::Wire;
use crate::ledger::{Ledger, Line};
use crate::limits::Gatekeeper;
use crate::route::{Route, route};
use crate::{control, generate, play};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Server {
    /// How to answer.
    pub(crate) config: Config,
    start: Instant,
    count: AtomicU64,
    ledger: Mutex<Ledger>,
    gates: Mutex<Gatekeeper>,
    store: Mutex<Store>,
}

/// The moment at which a request's first byte was seen.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Its number.
    pub(crate) n: u64,
    /// What will strike it.
    pub(crate) fault: Option<Fault>,
    /// When.
    pub(crate) at: Instant,
    /// Since the mock started.
    since: Duration,
    /// If a gate was closed: how long it had been.
    closed: Option<Duration>,
}

impl Arrival {
    /// The start of its line in the ledger.
    pub(crate) fn line(&self) -> Line {
        let gate_age_ms = self.closed.map(|age| age.as_millis() as u64);
        Line { n: self.n, t_ms: self.since.as_millis() as u64, early: self.closed.is_some(), gate_age_ms, ..Line::default() }
    }
}

impl Server {
    /// The error is a ledger that cannot be opened.
    pub(crate) fn new(config: Config) -> Result<Self, String> {
        let start = Instant::now();
        let ledger = Mutex::new(Ledger::open(config.ledger.as_deref())?);
        let gates = Mutex::new(Gatekeeper::new(config.limits, start));
        Ok(Self { config, start, count: AtomicU64::new(0), ledger, gates, store: Mutex::default() })
    }

    /// The billing oracle.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Buckets and gates.
    pub(crate) fn gates(&self) -> MutexGuard<'_, Gatekeeper> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files and batches.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the mock started.
    pub(crate) fn t_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// The start of an item of a batch: no fault strikes it and no gate is closed to it.
    pub(crate) fn quiet_arrival(&self, n: u64) -> Arrival {
        let at = Instant::now();
        Arrival { n, fault: None, at, since: at - self.start, closed: None }
    }

    /// Counts a request for a verdict and draws what will strike it.
    fn arrive(&self) -> Arrival {
        let (n, at) = (self.count.fetch_add(1, Ordering::Relaxed) + 1, Instant::now());
        let fault = fault::draw(self.config.faults.as_ref(), n);
        Arrival { n, fault, at, since: at - self.start, closed: self.gates().closed_since(at) }
    }

    /// Enters a request of which nothing but its first line was seen.
    fn turn_away(&self, arrival: &Arrival, dialect: Dialect, path: &str) {
        let line = Line { dialect: Some(dialect.name()), path: path.to_owned(), fault: Some(Fault::Refused.row().name), ..arrival.line() };
        self.ledger().append(&line);
    }
}

/// Accepts until the end of the process.
pub(crate) async fn serve(server: Arc<Server>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(Arc::clone(&server), stream))),
            // Too many open files pass; there is nothing better to do than to wait.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(server: Arc<Server>, stream: TcpStream) {
    // Small replies must not wait for company, and a client that has hung up is no news.
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(stream);
    while exchange(&server, &mut wire).await.unwrap_or(false) {}
}

/// One request and its reply. The result says whether the connection lives on.
async fn exchange(server: &Server, wire: &mut Wire) -> io::Result<bool> {
    let Some(start) = wire.peek().await? else { return Ok(false) };
    let (method, path) = first_line(&start);
    let counted = match route(method, path) {
        Route::Verdict(dialect) => Some((server.arrive(), dialect)),
        _ => None,
    };
    if let Some((arrival, dialect)) = counted.as_ref().filter(|(arrival, _)| arrival.fault == Some(Fault::Refused)) {
        server.turn_away(arrival, *dialect, path);
        return Ok(false);
    }
    let Some(request) = wire.request().await? else { return Ok(false) };
    let lasts = !request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let (response, fault) = match route(&request.method, &request.path) {
        Route::Verdict(dialect) => {
            // The first look may have caught half a line: such a request is counted only now, and refused after it was read.
            let arrival = counted.map_or_else(|| server.arrive(), |(arrival, _)| arrival);
            let (response, fault) = generate::serve(server, dialect, &request, &arrival);
            if response.status == 200 {
                tokio::time::sleep(Duration::from_millis(server.config.latency_ms)).await;
            }
            (response, fault)
        }
        other => (batch::answer(server, &request).unwrap_or_else(|| control::answer(server, other, &request)), None),
    };
    Ok(play::play(wire, &response, fault).await? && lasts)
}

fn first_line(start: &str) -> (&str, &str) {
    let mut words = start.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    (method, target.split('?').next().unwrap_or_default())
}
