//! CPU time of one request with 8 pictures of 96 KiB, against a server on loopback that is another process: `cargo bench --bench judge`
//! prints what a first send costs (base64, body, ids, HTTP), what one with the same parts costs, what the kernel alone takes for those bytes, and how
//! memory grows over `MANY` requests (100,000 are asked of it). `MOCK=http://127.0.0.1:PORT` names the server.
//! `benches/openai_client.py` does a first send with the openai package.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement on the terminal")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use tribunal::judge::{
    AttemptEnd, Intent, Journal, JournalError, Judge, Known, Outcome, Past, ProviderKind, Reservation, Room, Settings, Task, Work,
};
use tribunal::prepare::{Part, Payload};
use tribunal::rubric::{Prompt, Shape};
use tribunal_media::{Detail, Digest, Encoding, FrameDetail, Modality, PartHeader};

/// Requests per measurement.
const REQUESTS: u32 = 300;
const PICTURES: u64 = 8;
const PICTURE_BYTES: usize = 96 << 10;
/// What the kernel counts CPU time in: USER_HZ is 100.
const TICK_MS: f64 = 10.0;

/// A journal that keeps nothing: what a request costs without a ledger.
struct Nothing;

impl Journal for Nothing {
    fn intent(&self, _: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>> {
        ready(Ok(Reservation(1))).boxed()
    }

    fn settle(&self, _: Reservation, _: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>> {
        ready(Ok(())).boxed()
    }

    fn lookup(&self, _: &Task) -> BoxFuture<'_, Result<Vec<Past>, JournalError>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn known(&self, _: &Task, _: Digest) -> BoxFuture<'_, Result<Option<Known>, JournalError>> {
        ready(Ok(None)).boxed()
    }

    fn reserve(&self, _: u64) -> BoxFuture<'_, Result<Room, JournalError>> {
        ready(Ok(Room::Held)).boxed()
    }

    fn conclude(&self, _: &Task, _: Option<Digest>, _: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        ready(Ok(())).boxed()
    }
}

fn payload(seed: u32) -> Arc<Payload> {
    let picture = |index: u64| {
        let mut state = u64::from(seed) << 32 | index << 1 | 1;
        let bytes = (0..PICTURE_BYTES).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        let detail = Detail::Frame(FrameDetail { t: Some(index as f64), ..FrameDetail::still(768, 432) });
        Part::new(PartHeader { recipes: vec![0], encoding: Encoding::Jpeg, detail }, bytes.collect())
    };
    Arc::new(Payload { parts_id: Digest::of(&seed.to_le_bytes()), parts: (0..PICTURES).map(picture).collect() })
}

fn work(payload: Arc<Payload>, repeat: u32) -> Work {
    let task = Task { item_id: "i".into(), sampler: None, rubric: "temporal".into(), judge: "j".into(), repeat };
    let labels = (1..=payload.parts.len()).map(|index| format!("Frame {index}")).collect();
    Work {
        task,
        prompt: Prompt {
            system: "You judge. ".repeat(600),
            before: "<<<00112233445566ff\n".into(),
            labels,
            after: "Echo the nonce.".into(),
        },
        shape: Shape { dimensions: Vec::new(), evidence: true, receipt: false },
        nonce: "00112233445566ff".into(),
        payload,
        receipt: None,
        risk: None,
        modality: Modality::Video,
    }
}

/// Milliseconds of CPU time: what this process took itself, and what the kernel took for it.
#[derive(Clone, Copy)]
struct Cpu {
    user: f64,
    system: f64,
}

impl Cpu {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        // The name in brackets may hold anything; the fields after it are counted from the third.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ms = |field: usize| fields[field - 3].parse::<f64>().unwrap() * TICK_MS;
        Self { user: ms(14), system: ms(15) }
    }

    /// A share of the time since.
    fn elapsed(self, share: u32) -> Self {
        let now = Self::now();
        Self { user: (now.user - self.user) / f64::from(share), system: (now.system - self.system) / f64::from(share) }
    }
}

impl std::fmt::Display for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, system } = self;
        write!(f, "{:.2} ms CPU a request, {system:.2} of them in the kernel", user + system)
    }
}

/// Milliseconds a request. Each task's parts are freed after its reply, as in a run.
fn measure(runtime: &tokio::runtime::Runtime, judge: &Judge, works: Vec<Work>) -> Cpu {
    let (before, count) = (Cpu::now(), works.len() as u32);
    for work in works {
        let settled = runtime.block_on(judge.judge(&work, &Nothing)).unwrap();
        assert!(settled.verdict_id.is_some(), "{settled:?}");
    }
    before.elapsed(count)
}

/// Milliseconds that a request of `bytes` takes when nothing is done but to write it and to read the reply.
fn floor(address: &str, bytes: usize) -> Cpu {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let filler = "A".repeat(bytes);
    let body = format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"{filler}"}}]}}]}}"#);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (mut reply, before) = (vec![0; 64 << 10], Cpu::now());
    for _ in 0..REQUESTS {
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        assert!(stream.read(&mut reply).unwrap() > 0);
    }
    before.elapsed(REQUESTS)
}

/// Resident memory of this process in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn main() {
    let Ok(base) = std::env::var("MOCK") else {
        println!("judge: set MOCK to the address of a running mock-judge");
        return;
    };
    let settings = Settings { base_url: Some(format!("{base}/v1")), model: Some("m".into()), ..Settings::new(ProviderKind::OpenAi) };
    let judge = Judge::open("j", &settings, &|_| None).unwrap();
    // As the pipeline does: one thread waits for all servers.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    measure(&runtime, &judge, vec![work(payload(u32::MAX), 1)]);
    let first: Vec<Work> = (0..REQUESTS).map(|seed| work(payload(seed), 1)).collect();
    println!("first send:   {}", measure(&runtime, &judge, first));
    let shared = payload(0);
    let cached: Vec<Work> = (0..REQUESTS).map(|repeat| work(Arc::clone(&shared), repeat + 2)).collect();
    println!("cached parts: {}", measure(&runtime, &judge, cached));
    let address = base.trim_start_matches("http://");
    println!("kernel alone: {}", floor(address, PICTURE_BYTES * PICTURES as usize / 3 * 4));
    let many: u32 = std::env::var("MANY").ok().and_then(|many| many.parse().ok()).unwrap_or(0);
    let start = resident();
    let mut most = start;
    for seed in 0..many {
        measure(&runtime, &judge, vec![work(payload(REQUESTS + seed), 1)]);
        most = most.max(resident());
    }
    println!("memory:       {} MiB above the start at most, over {many} requests", (most - start) >> 10);
}
