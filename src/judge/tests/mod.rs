//! Judges against servers on loopback, cassettes and planted replies.

mod body;
mod equals;
mod faults;
pub(in crate::judge) mod journal;
mod memory;
mod planted;
mod replay;
mod scout;
mod server;
mod storm;
mod trouble;
mod wires;

use std::sync::Arc;

use serde_json::json;
use tribunal_media::{Detail, Digest, Encoding, FrameDetail, Modality, PartHeader};

use super::{Judge, JudgeSpec, Outcome, Settings, Settled, Stop, Task, Work};
use crate::prepare::{Part, Payload};
use crate::rubric::{Prompt, Shape};
use journal::FakeJournal;
use server::Server;

const NONCE: &str = "00112233445566ff";

fn part(encoding: Encoding, detail: Detail, bytes: &[u8]) -> Part {
    let header = PartHeader { recipes: vec![0], encoding, detail };
    Part::new(header, bytes.to_vec())
}

fn frame(t: Option<f64>) -> Detail {
    Detail::Frame(FrameDetail { t, ..FrameDetail::still(8, 8) })
}

/// Two frames, at 0 and 2 seconds, a sound and a text: one part of every kind that a chat carries.
pub(in crate::judge) fn work() -> Work {
    let parts = vec![
        part(Encoding::Jpeg, frame(Some(0.0)), b"first"),
        part(Encoding::Jpeg, frame(Some(2.0)), b"second"),
        part(Encoding::Wav, Detail::Sound { start: 0.0, end: 2.0 }, b"RIFF"),
        part(Encoding::Utf8, Detail::Text { characters: 9 }, "a \"text\"\u{7}".as_bytes()),
    ];
    Work {
        task: Task { item_id: "i".into(), sampler: Some("uniform:2".into()), rubric: "temporal".into(), judge: "j".into(), repeat: 1 },
        prompt: Prompt {
            system: "sys \"content\":[] tem".into(),
            before: "before".into(),
            labels: (1..=4).map(|index| format!("part {index}")).collect(),
            after: "after".into(),
        },
        shape: Shape { dimensions: vec!["motion".into()], evidence: true, receipt: false },
        nonce: NONCE.into(),
        payload: Arc::new(Payload { parts_id: Digest::of(b"p"), parts }),
        receipt: None,
        risk: Some("R01".into()),
        modality: Modality::Video,
    }
}

pub(in crate::judge) fn verdict_json() -> serde_json::Value {
    json!({"nonce": NONCE, "rationale": "calm", "evidence_seconds": [2.4], "motion": 4, "safety": 5})
}

pub(in crate::judge) fn completion(content: &str) -> String {
    let choice = json!({"message": {"role": "assistant", "content": content}, "finish_reason": "stop"});
    json!({"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}).to_string()
}

pub(in crate::judge) fn good() -> String {
    completion(&verdict_json().to_string())
}

fn settings(server: &Server) -> Settings {
    let spec: JudgeSpec = format!("{}#m", server.base).parse().unwrap();
    spec.settings().unwrap()
}

fn open(server: &Server) -> Judge {
    Judge::open("j", &settings(server), &|_| Some("sk-secret/1".into())).unwrap()
}

async fn ask(judge: &Judge, journal: &FakeJournal) -> Result<Outcome, Stop> {
    judge.judge(&work(), journal).await.map(|Settled { outcome, .. }| outcome)
}

/// The pipeline asks from many tasks at once.
async fn ask_at_once(repeats: &[u32]) -> usize {
    let server = Server::always(200, good()).await;
    let judge = Arc::new(open(&server));
    let spawn = |&repeat: &u32| {
        let judge = Arc::clone(&judge);
        let mut work = work();
        work.task.repeat = repeat;
        tokio::spawn(async move { judge.judge(&work, &FakeJournal::default()).await })
    };
    let asked: Vec<_> = repeats.iter().map(spawn).collect();
    for task in asked {
        assert_eq!(ends(&task.await.unwrap().unwrap().outcome), ("scored", ""));
    }
    server.seen().len()
}

#[tokio::test]
async fn one_judge_serves_many_tasks() {
    assert_eq!(ask_at_once(&(1..=20).collect::<Vec<_>>()).await, 20);
}

#[tokio::test]
async fn equal_requests_are_asked_once() {
    assert_eq!(ask_at_once(&[1; 20]).await, 1);
    assert_eq!(ask_at_once(&[1, 2, 1, 2]).await, 2, "repeats are other draws");
}

/// The outcome's name and reason.
fn ends(outcome: &Outcome) -> (&'static str, &str) {
    (outcome.name().as_str(), outcome.why().map_or("", |why| why.reason.as_str()))
}
