//! The first request to a server goes before all others, as long as nothing is known of what it reads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, sleep};

use super::memory::{self, Memory};
use super::server::Answer;
use super::{FakeJournal, ends, good, work};
use crate::judge::provider::{Provider, Reply};
use crate::judge::request::Request;
use crate::judge::retry::Fault;
use crate::judge::{Judge, Outcome};

const LATENCY: Duration = Duration::from_millis(100);

/// Takes neither a seed nor any wish for a format, and says so of each by itself.
#[derive(Debug, Default)]
struct Strict {
    refused: AtomicUsize,
    answered: Mutex<Vec<Duration>>,
}

impl Provider for Arc<Strict> {
    fn exchange<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, Fault>> {
        let (came, body) = (Instant::now(), &request.body.recorded);
        let name = ["seed", "response_format"].into_iter().find(|name| body.contains(&format!("\"{name}\":")));
        let reply = |status, body| Reply { status, headers: std::collections::BTreeMap::new(), body };
        Box::pin(async move {
            sleep(LATENCY).await;
            let Some(name) = name else {
                self.answered.lock().unwrap().push(came.elapsed());
                return Ok(reply(200, good()));
            };
            self.refused.fetch_add(1, Ordering::SeqCst);
            let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
            Ok(reply(400, serde_json::json!({"error": {"message": message, "param": name}}).to_string()))
        })
    }
}

/// Two judges of one model at one endpoint, which learn together.
fn two(provider: &dyn Fn() -> Box<dyn Provider>) -> Vec<Judge> {
    let mut judges: Vec<Judge> = ["j", "k"]
        .map(|name| {
            let mut judge = Judge::open(name, &memory::settings(), &|_| None).unwrap();
            judge.opened.provider = provider();
            judge
        })
        .into();
    Judge::learn_together(&mut judges);
    judges
}

/// Each judge is asked ten requests in one moment: how they end, and after how long.
async fn all_at_once(judges: &[Judge]) -> (Vec<Outcome>, Duration) {
    let start = Instant::now();
    let asked = (1..=10).flat_map(|repeat| judges.iter().map(move |judge| (judge, repeat)));
    let ask = async |judge: &Judge, repeat: u32| {
        let mut work = work();
        (work.task.judge, work.task.repeat) = (judge.name().to_owned(), repeat);
        judge.judge(&work, &FakeJournal::default()).await.unwrap().outcome
    };
    (join_all(asked.map(|(judge, repeat)| ask(judge, repeat))).await, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_teaches_is_met_once_however_many_ask_at_once() {
    let server = Arc::new(Strict::default());
    let (outcomes, took) = all_at_once(&two(&|| Box::new(Arc::clone(&server)))).await;
    assert!(outcomes.iter().all(|outcome| ends(outcome).0 == "scored"), "{outcomes:?}");
    assert_eq!((server.refused.load(Ordering::SeqCst), server.answered.lock().unwrap().len()), (3, 20), "a seed, a schema and an object");
    assert_eq!(took, 5 * LATENCY, "three refusals and a reply before all others, which go together");
}

#[tokio::test(start_paused = true)]
async fn a_healthy_server_is_waited_for_by_one_reply() {
    let server = Memory::start([Answer::Whole(200, "", good())]);
    let (outcomes, took) = all_at_once(&two(&|| Box::new(Arc::clone(&server)))).await;
    assert_eq!((server.seen().0, outcomes.len(), took), (20, 20, 2 * LATENCY));
}

#[tokio::test(start_paused = true)]
async fn a_first_reply_that_does_not_come_is_not_waited_for() {
    let server = Memory::start([Answer::Hang, Answer::Whole(200, "", good())]);
    let judges = two(&|| Box::new(Arc::clone(&server)));
    let others = async {
        while server.seen().0 < 20 {
            sleep(LATENCY).await;
        }
    };
    let start = Instant::now();
    tokio::select! {
        _ = all_at_once(&judges) => panic!("it hangs"),
        () = others => assert_eq!(start.elapsed().as_secs(), 10),
    }
}
