//! Every kind of failure at once, and a server that is away, in virtual time: thousands of tasks, each in one state, each cent accounted for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, sleep};
use tribunal_media::Digest;

use super::journal::{Attempts, past};
use super::{completion, verdict_json, work};
use crate::judge::provider::{Provider, Reply};
use crate::judge::request::Request;
use crate::judge::retry::{Class, Fault};
use crate::judge::{
    AttemptEnd, Intent, Journal, JournalError, Judge, JudgeSpec, Known, Outcome, Past, Reservation, Room, Stop, Task, Work,
};
use crate::sized;

/// How long a reply takes.
const LATENCY: Duration = Duration::from_millis(100);
const AT_ONCE: usize = 64;

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Whole(u16, &'static [(&'static str, &'static str)], &'static str),
    /// A verdict, spoilt in some way.
    Verdict(fn(String) -> String),
    NeverSent,
    Lost,
    Hangs,
}

/// Name, whether a real server bills it, the class that the ledger must give it, and what happens.
type Kind = (&'static str, bool, &'static str, Answer);

const ERROR: &str = r#"{"error":{"message":"m","code":null}}"#;
const QUOTA: &str = r#"{"error":{"message":"m","type":"insufficient_quota"}}"#;
const DATES: &[(&str, &str)] = &[("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 07:28:03 GMT")];

const KINDS: [Kind; 28] = [
    ("refused", false, "never_sent", Answer::NeverSent),
    ("tls_cut", false, "never_sent", Answer::NeverSent),
    ("reset_before_headers", false, "ambiguous", Answer::Lost),
    ("reset_after_headers", true, "ambiguous", Answer::Lost),
    ("truncated_200", true, "ambiguous", Answer::Lost),
    ("hang", true, "ambiguous", Answer::Hangs),
    ("429_seconds", false, "refused", Answer::Whole(429, &[("retry-after", "2")], ERROR)),
    ("429_date", false, "refused", Answer::Whole(429, DATES, ERROR)),
    ("429_none", false, "refused", Answer::Whole(429, &[], ERROR)),
    ("429_zero", false, "refused", Answer::Whole(429, &[("retry-after", "0")], ERROR)),
    ("429_negative", false, "refused", Answer::Whole(429, &[("retry-after", "-5")], ERROR)),
    ("429_huge", false, "refused", Answer::Whole(429, &[("retry-after", "1000000000")], ERROR)),
    ("429_quota", false, "stopped", Answer::Whole(429, &[], QUOTA)),
    ("401", false, "stopped", Answer::Whole(401, &[], ERROR)),
    ("402", false, "stopped", Answer::Whole(402, &[], "")),
    ("302", false, "stopped", Answer::Whole(302, &[("location", "http://127.0.0.1:1/")], "")),
    ("413", false, "bad_item", Answer::Whole(413, &[], ERROR)),
    ("500", false, "ambiguous", Answer::Whole(500, &[], ERROR)),
    ("502", false, "ambiguous", Answer::Whole(502, &[], "<html>")),
    ("503", false, "refused", Answer::Whole(503, &[], ERROR)),
    ("529", false, "refused", Answer::Whole(529, &[], ERROR)),
    ("bad_utf8", true, "answered", Answer::Whole(200, &[], "(not UTF-8) {")),
    ("html_200", true, "answered", Answer::Whole(200, &[], "<html>")),
    ("empty_choices", true, "answered", Answer::Whole(200, &[], r#"{"choices":[]}"#)),
    ("body_100mb", true, "answered", Answer::Whole(200, &[], "(cut at 1048576 bytes) {")),
    ("length_cut", true, "answered", Answer::Verdict(|verdict| completion(&verdict).replace("\"stop\"", "\"length\""))),
    ("two_objects", true, "answered", Answer::Verdict(|verdict| completion(&format!("{verdict}{verdict}")))),
    ("out_of_range", true, "answered", Answer::Verdict(|verdict| completion(&verdict.replace("\"safety\":5", "\"safety\":7")))),
];

/// A server in memory. Until `back` it refuses everybody; then `share` of the requests go wrong.
#[derive(Debug)]
struct Weather {
    share: f64,
    /// Where in the sequence of kinds it begins.
    first: u64,
    back: Option<Instant>,
    refusal: Answer,
    /// Nobody is wanted before.
    gate: Mutex<Option<Instant>>,
    calls: Mutex<Vec<Call>>,
}

/// A request that arrived.
#[derive(Debug, Clone)]
struct Call {
    item: String,
    at: Instant,
    /// Before a promised `Retry-After` had passed.
    early: bool,
    billed: bool,
    class: &'static str,
    name: &'static str,
}

impl Weather {
    fn storm(share: f64, first: u64) -> Arc<Self> {
        Arc::new(Self { share, first, back: None, refusal: Answer::Lost, gate: Mutex::default(), calls: Mutex::default() })
    }

    fn outage(time: Duration, refusal: Answer) -> Arc<Self> {
        let back = Some(Instant::now() + time);
        Arc::new(Self { share: 0.0, first: 0, back, refusal, gate: Mutex::default(), calls: Mutex::default() })
    }

    /// The kind of the `number`-th request: the same on every run.
    fn kind(&self, number: usize) -> Kind {
        if self.back.is_some_and(|back| Instant::now() < back) {
            return ("outage", false, "refused", self.refusal);
        }
        let draw = Digest::of(&(self.first + number as u64).to_le_bytes());
        let [a, b, c, d, ..] = *draw.as_bytes();
        if f64::from(u16::from_le_bytes([a, b])) < self.share * 65_536.0 {
            KINDS[usize::from(u16::from_le_bytes([c, d])) % KINDS.len()]
        } else {
            ("", true, "answered", Answer::Verdict(|verdict| completion(&verdict)))
        }
    }

    /// Enters the request and says what becomes of it.
    fn take(&self, item: &str) -> Answer {
        let mut calls = self.calls.lock().unwrap();
        let (name, billed, class, answer) = self.kind(calls.len());
        let now = Instant::now();
        let early = self.gate.lock().unwrap().is_some_and(|gate| now < gate);
        calls.push(Call { item: item.to_owned(), at: now, early, billed, class, name });
        answer
    }

    /// Promises what a reply says.
    fn close(&self, headers: &[(&str, &str)]) {
        let asked = headers.iter().find(|(name, _)| *name == "retry-after").and_then(|(_, wait)| wait.parse().ok());
        // What is nonsense or stops the run promises nothing.
        if let Some(seconds) = asked.filter(|seconds| (1..900).contains(seconds)) {
            let mut gate = self.gate.lock().unwrap();
            *gate = (*gate).max(Some(Instant::now() + Duration::from_secs(seconds)));
        }
    }
}

impl Provider for Arc<Weather> {
    fn exchange<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, Fault>> {
        let answer = self.take(&request.task.item_id);
        Box::pin(async move {
            let lost = |reason| Err(Fault::new(Class::Ambiguous, reason, reason.to_owned()));
            let whole = |status, body| Ok(Reply { status, headers: BTreeMap::new(), body });
            sleep(if matches!(answer, Answer::Hangs) { Duration::from_mins(2) } else { LATENCY }).await;
            match answer {
                Answer::NeverSent => Err(Fault::new(Class::NeverSent, "unreachable", "nobody there".to_owned())),
                Answer::Lost => lost("connection_lost"),
                Answer::Hangs => lost("timeout"),
                Answer::Verdict(spoil) => whole(200, spoil(verdict_json().to_string())),
                Answer::Whole(status, headers, body) => {
                    self.close(headers);
                    let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
                    Ok(Reply { status, headers, body: body.to_owned() })
                }
            }
        })
    }
}

/// A journal in memory that lives through stops, as the ledger does.
#[derive(Debug, Default)]
struct Book {
    attempts: Attempts<String>,
    /// Positions above, by item.
    items: Mutex<BTreeMap<String, Vec<usize>>>,
    outcomes: Mutex<BTreeMap<String, Outcome>>,
}

impl Journal for Book {
    fn intent(&self, intent: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>> {
        let item = intent.task.item_id;
        let reservation = self.attempts.begin(item.clone());
        self.items.lock().unwrap().entry(item).or_default().push(reservation.0 as usize);
        Box::pin(ready(Ok(reservation)))
    }

    fn settle(&self, reservation: Reservation, end: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>> {
        self.attempts.end(reservation, end);
        Box::pin(ready(Ok(())))
    }

    fn lookup(&self, task: &Task) -> BoxFuture<'_, Result<Vec<Past>, JournalError>> {
        let attempts = self.attempts.all();
        let positions = self.items.lock().unwrap().get(&task.item_id).cloned().unwrap_or_default();
        let past = positions.into_iter().map(|position| past(attempts[position].1.as_ref(), None));
        Box::pin(ready(Ok(past.collect())))
    }

    fn known(&self, _: &Task, _: Digest) -> BoxFuture<'_, Result<Option<Known>, JournalError>> {
        Box::pin(ready(Ok(None)))
    }

    fn read(&self, _: &Task, _: Vec<Reservation>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(ready(Ok(())))
    }

    fn reserve(&self, _: u64) -> BoxFuture<'_, Result<Room, JournalError>> {
        Box::pin(ready(Ok(Room::Held)))
    }

    fn conclude(&self, task: &Task, _: Option<Digest>, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        let twice = self.outcomes.lock().unwrap().insert(task.item_id.clone(), outcome);
        assert!(twice.is_none(), "{} ended twice", task.item_id);
        Box::pin(ready(Ok(())))
    }
}

fn numbered(number: usize) -> Work {
    let mut work = work();
    work.task.item_id = format!("i{number}");
    work.prompt.after = format!("after {number}");
    work
}

/// Asks all tasks, `AT_ONCE` at a time; what a stop left pending is asked again, as the next process would. Returns how often it was stopped.
async fn ask_all(weather: &Arc<Weather>, book: &Book, tasks: usize) -> usize {
    let spec: JudgeSpec = "http://127.0.0.1:9/v1#m".parse().unwrap();
    let mut judge = Judge::open("j", &spec.settings().unwrap(), &|_| None).unwrap();
    judge.opened.provider = Box::new(Arc::clone(weather));
    let (judge, mut stops, mut under_way) = (&judge, 0, FuturesUnordered::new());
    let mut waiting: VecDeque<usize> = (0..tasks).collect();
    loop {
        while under_way.len() < AT_ONCE
            && let Some(number) = waiting.pop_front()
        {
            under_way.push(async move { (number, judge.judge(&numbered(number), book).await) });
        }
        match under_way.next().await {
            Some((_, Ok(_))) => {}
            Some((number, Err(stop))) => {
                assert!(!matches!(stop, Stop::Journal(_) | Stop::Budget(_)), "{stop}");
                stops += 1;
                waiting.push_back(number);
            }
            None => return stops,
        }
    }
}

/// As many tasks as one storm meets: more would not fit in memory with all that is kept about them.
const STORM: usize = 20_000;

#[tokio::test(start_paused = true)]
async fn in_a_storm_every_task_has_one_end_and_every_bill_its_attempt() {
    for number in 0..sized(1, 50) {
        storm(STORM, number << 32).await;
    }
}

async fn storm(tasks: usize, first: u64) {
    let (weather, book) = (Weather::storm(0.3, first), Book::default());
    let stops = ask_all(&weather, &book, tasks).await;
    let (outcomes, calls, attempts) = (book.outcomes.lock().unwrap(), weather.calls.lock().unwrap(), book.attempts.all());
    assert_eq!((outcomes.len(), calls.len()), (tasks, attempts.len()));
    assert!(outcomes.values().all(|outcome| outcome.verdict().is_none_or(|verdict| verdict.safety == 5)), "a wrong score");
    let mut ends: BTreeMap<&str, VecDeque<&AttemptEnd>> = BTreeMap::new();
    attempts.iter().for_each(|(item, end)| ends.entry(item).or_default().push_back(end.as_ref().unwrap()));
    let mut sends: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for call in calls.iter() {
        let end = ends.get_mut(call.item.as_str()).unwrap().pop_front().unwrap();
        assert_eq!(end.class, call.class, "{}", call.name);
        assert!(!call.billed || ["answered", "ambiguous"].contains(&call.class), "{} is billed and not counted", call.name);
        assert!(!call.early, "{} came before its Retry-After", call.item);
        let [lost, answered] = sends.entry(&call.item).or_default();
        *lost += usize::from(call.class == "ambiguous");
        *answered += usize::from(call.class == "answered");
    }
    // One resend of what was lost, and two re-asks of what was no verdict, are all that is ever paid twice.
    assert!(sends.values().all(|[lost, answered]| *lost <= 2 && *answered <= 3), "{sends:?}");
    let seen: std::collections::BTreeSet<&str> = calls.iter().map(|call| call.name).collect();
    assert_eq!(seen.len(), KINDS.len() + 1, "every kind struck");
    println!("{tasks} tasks, {} requests, {stops} stops", calls.len());
}

/// Most requests in any second from `from` on.
fn burst(calls: &[Call], from: Instant) -> usize {
    let late: Vec<Instant> = calls.iter().map(|call| call.at).filter(|at| *at >= from).collect();
    late.iter()
        .enumerate()
        .map(|(n, at)| late[n..].iter().take_while(|later| **later < *at + Duration::from_secs(1)).count())
        .max()
        .unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_few_requests_and_nobody_comes_back_in_a_rush() {
    const TASKS: usize = 500;
    for refusal in [Answer::Whole(503, &[], ERROR), Answer::Whole(503, &[("retry-after", "7")], ERROR), Answer::Whole(429, &[], ERROR)] {
        let start = Instant::now();
        let (weather, book) = (Weather::outage(Duration::from_mins(1), refusal), Book::default());
        assert_eq!(ask_all(&weather, &book, TASKS).await, 0, "one minute is waited for");
        let calls = weather.calls.lock().unwrap();
        let amplification = calls.len() as f64 / TASKS as f64;
        let steady = AT_ONCE as f64 / LATENCY.as_secs_f64();
        let (burst, took) = (burst(&calls, start + Duration::from_mins(1)), start.elapsed());
        println!("{refusal:?}: {} requests, at most {burst} in a second, {took:?}", calls.len());
        assert!(amplification <= 1.2, "{amplification} requests a task");
        assert!(calls.iter().all(|call| !call.early), "a request before its Retry-After");
        assert!(burst as f64 <= 2.0 * steady, "{burst} requests in a second");
        assert!(book.outcomes.lock().unwrap().values().all(|outcome| outcome.verdict().is_some()));
    }
}
