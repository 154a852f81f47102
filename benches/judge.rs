//! CPU time of one request with 8 pictures of 96 KiB, against a server on loopback that is another process: `cargo bench --bench judge`
//! prints what a first send costs (base64, body, ids, HTTP), what one with the same parts costs, what the kernel alone takes for those bytes, and how
//! memory grows over `MANY` requests (100,000 are asked of it). `MOCK=http://127.0.0.1:PORT` names the server.
//! `benches/openai_client.py` does a first send with the openai package.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement on the terminal")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use rustix::time::{ClockId, clock_gettime};
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

    fn read(&self, _: &Task, _: Vec<Reservation>) -> BoxFuture<'_, Result<(), JournalError>> {
        ready(Ok(())).boxed()
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

/// Milliseconds of CPU time that this process took so far, the kernel's for it included.
fn cpu_ms() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

/// Milliseconds of CPU time a request. What is sent was made just before, as in a run, and that is not counted; it is freed after the reply, which is.
fn measure(runtime: &tokio::runtime::Runtime, judge: &Judge, count: u32, make: impl Fn(u32) -> Work) -> f64 {
    let mut sum = 0.0;
    for number in 0..count {
        let work = make(number);
        let before = cpu_ms();
        let settled = runtime.block_on(judge.judge(&work, &Nothing)).unwrap();
        assert!(settled.verdict_id.is_some(), "{settled:?}");
        drop(work);
        sum += cpu_ms() - before;
    }
    sum / f64::from(count)
}

/// Milliseconds that a request of `bytes` takes when nothing is done but to write it and to read the reply.
fn floor(address: &str, bytes: usize) -> f64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let filler = "A".repeat(bytes);
    let body = format!(r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"{filler}"}}]}}]}}"#);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (mut reply, before) = (vec![0; 64 << 10], cpu_ms());
    for _ in 0..REQUESTS {
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        assert!(stream.read(&mut reply).unwrap() > 0);
    }
    (cpu_ms() - before) / f64::from(REQUESTS)
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
    measure(&runtime, &judge, 20, |seed| work(payload(u32::MAX - seed), 1));
    println!("first send:   {:.3} ms CPU a request", measure(&runtime, &judge, REQUESTS, |seed| work(payload(seed), 1)));
    let shared = payload(0);
    println!("cached parts: {:.3} ms", measure(&runtime, &judge, REQUESTS, |repeat| work(Arc::clone(&shared), repeat + 2)));
    let address = base.trim_start_matches("http://");
    println!("kernel alone: {:.3} ms", floor(address, PICTURE_BYTES * PICTURES as usize / 3 * 4));
    let many: u32 = std::env::var("MANY").ok().and_then(|many| many.parse().ok()).unwrap_or(0);
    let start = resident();
    let mut most = start;
    for seed in 0..many {
        measure(&runtime, &judge, 1, |_| work(payload(REQUESTS + seed), 1));
        most = most.max(resident());
    }
    println!("memory:       {} MiB above the start at most, over {many} requests", (most - start) >> 10);
}
