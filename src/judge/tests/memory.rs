//! A scripted server in memory, for tests of waits: in virtual time these are exact, and hang on no machine's speed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::server::Answer;
use crate::judge::provider::{Provider, Reply};
use crate::judge::request::Request;
use crate::judge::retry::{Class, Fault};
use crate::judge::terms::Takes;
use crate::judge::{Judge, JudgeSpec, Settings};

/// How long a reply takes.
const LATENCY: Duration = Duration::from_millis(100);
/// How long the question what the model takes in hangs.
pub(super) const QUESTION: Duration = Duration::from_secs(2);

/// Answers in order, then like the last one.
#[derive(Debug)]
pub(super) struct Memory {
    answers: Mutex<VecDeque<Answer>>,
    calls: AtomicUsize,
    /// How often it was asked what its model takes in, where it hangs at that; else it never says.
    questions: Option<AtomicUsize>,
}

impl Memory {
    pub(super) fn start(answers: impl Into<VecDeque<Answer>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into()), calls: AtomicUsize::new(0), questions: None })
    }

    /// One that hangs when it is asked what its model takes in.
    pub(super) fn mute(answers: impl Into<VecDeque<Answer>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into()), calls: AtomicUsize::new(0), questions: Some(AtomicUsize::new(0)) })
    }

    /// Requests, and questions about its model.
    pub(super) fn seen(&self) -> (usize, usize) {
        (self.calls.load(Ordering::SeqCst), self.questions.as_ref().map_or(0, |asked| asked.load(Ordering::SeqCst)))
    }

    /// A judge that this serves, with `key`.
    pub(super) fn judge(self: &Arc<Self>, name: &str, key: &str, settings: &Settings) -> Judge {
        let mut judge = Judge::open(name, settings, &|_| Some(key.to_owned())).unwrap();
        judge.opened.provider = Box::new(Arc::clone(self));
        judge
    }
}

/// Settings of its judges, at an address that nobody listens at.
pub(super) fn settings() -> Settings {
    "http://127.0.0.1:9/v1#m".parse::<JudgeSpec>().unwrap().settings().unwrap()
}

impl Provider for Arc<Memory> {
    fn exchange<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Reply, Fault>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        Box::pin(async move {
            sleep(LATENCY).await;
            match answer {
                Answer::Whole(status, headers, body) | Answer::Early(status, headers, body) => {
                    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
                    Ok(Reply { status, headers: headers.lines().filter_map(header).collect::<BTreeMap<_, _>>(), body })
                }
                Answer::Cut | Answer::Reset | Answer::Shut | Answer::Wordless(..) => {
                    Err(Fault::new(Class::Ambiguous, "connection_lost", "cut".to_owned()))
                }
                Answer::Hang => std::future::pending().await,
            }
        })
    }

    fn modalities(&self) -> BoxFuture<'_, Result<Option<Takes>, Fault>> {
        Box::pin(async {
            let Some(asked) = &self.questions else { return Ok(None) };
            asked.fetch_add(1, Ordering::SeqCst);
            sleep(QUESTION).await;
            Err(Fault::new(Class::Ambiguous, "timeout", "no answer".to_owned()))
        })
    }
}
