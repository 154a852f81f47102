//! Equal requests of several judges in one moment: one asks, the others read what it paid for.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::{BoxFuture, join, join_all, join3, ready};
use tokio::time::Instant;
use tribunal_media::Digest;

use super::journal::{Attempts, past};
use super::server::Answer;
use super::{FakeJournal, Server, completion, ends, good, settings, work};
use crate::judge::{
    AttemptEnd, Intent, Journal, JournalError, Judge, Known, Outcome, Packed, PaidReply, Past, Price, Reservation, Room, Settings, Stop,
    Task, Why, Work,
};

/// A ledger in memory that all judges write.
#[derive(Debug, Default)]
struct Book {
    attempts: Attempts<Intent>,
    ended: Mutex<Vec<(Task, Option<Digest>, Outcome)>>,
    reserved: Mutex<usize>,
    /// By whom which attempts were read.
    read: Mutex<Vec<(String, i64)>>,
    /// When the run is stopping.
    stops: Option<Instant>,
}

impl Journal for Book {
    fn intent(&self, intent: Intent) -> BoxFuture<'_, Result<Reservation, JournalError>> {
        Box::pin(ready(Ok(self.attempts.begin(intent))))
    }

    fn settle(&self, reservation: Reservation, end: AttemptEnd) -> BoxFuture<'_, Result<(), JournalError>> {
        self.attempts.end(reservation, end);
        Box::pin(ready(Ok(())))
    }

    fn lookup(&self, task: &Task) -> BoxFuture<'_, Result<Vec<Past>, JournalError>> {
        let attempts = self.attempts.all();
        let own = attempts.iter().filter(|(intent, _)| intent.task == *task);
        let past = own.map(|(intent, end)| past(end.as_ref(), Some(intent.body_digest)));
        Box::pin(ready(Ok(past.collect())))
    }

    /// As the ledger has it: whose end is known, and every reply that was paid for.
    fn known(&self, task: &Task, verdict_id: Digest) -> BoxFuture<'_, Result<Option<Known>, JournalError>> {
        let ended = self.ended.lock().unwrap();
        let known = |outcome: &Outcome| !matches!(outcome, Outcome::Unresolved(_) | Outcome::Abstained(_));
        let mut equal = ended.iter().filter(|(of, id, outcome)| *id == Some(verdict_id) && of.judge == task.judge && known(outcome));
        if let Some((.., outcome)) = equal.next() {
            return Box::pin(ready(Ok(Some(Known::Ended(outcome.clone())))));
        }
        let attempts = self.attempts.all();
        let of_others = attempts.iter().zip(0..).filter(|((intent, _), _)| intent.verdict_id == verdict_id && intent.task != *task);
        let answered = of_others.filter_map(|((intent, end), at)| Some((at, intent, end.as_ref().filter(|end| end.class == "answered")?)));
        let paid = answered.map(|(at, intent, end)| PaidReply {
            of: Some(Reservation(at)),
            body_digest: intent.body_digest,
            reply: end.reply.clone(),
            format: end.served.format,
        });
        let paid: Vec<_> = paid.collect();
        Box::pin(ready(Ok((!paid.is_empty()).then_some(Known::Paid(paid)))))
    }

    fn read(&self, task: &Task, of: Vec<Reservation>) -> BoxFuture<'_, Result<(), JournalError>> {
        self.read.lock().unwrap().extend(of.into_iter().map(|of| (task.judge.clone(), of.0)));
        Box::pin(ready(Ok(())))
    }

    fn reserve(&self, _: u64) -> BoxFuture<'_, Result<Room, JournalError>> {
        *self.reserved.lock().unwrap() += 1;
        Box::pin(ready(Ok(Room::Held)))
    }

    fn stopped(&self) -> BoxFuture<'_, JournalError> {
        Box::pin(async {
            match self.stops {
                Some(moment) => tokio::time::sleep_until(moment).await,
                None => std::future::pending().await,
            }
            JournalError("stopping".into())
        })
    }

    /// Takes its time, as a commit does.
    fn conclude(&self, task: &Task, verdict_id: Option<Digest>, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        let task = task.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.ended.lock().unwrap().push((task, verdict_id, outcome));
            Ok(())
        })
    }
}

fn whole(status: u16, body: &str) -> Answer {
    Answer::Whole(status, "", body.to_owned())
}

/// Judges `j` and `k` of one run that ask alike, at a price, each with a key of its own.
fn alike(server: &Server) -> Vec<Judge> {
    let price: Price = toml::from_str("input_per_mtok = 1.0\noutput_per_mtok = 10.0\ndate = '2026-11-01'").unwrap();
    let settings = |name: &str| Settings { price: Some(price.clone()), api_key_env: Some(name.to_owned()), ..settings(server) };
    let mut judges: Vec<_> = ["j", "k"].map(|name| Judge::open(name, &settings(name), &|key| Some(key.to_owned())).unwrap()).into();
    Judge::keep_quiet_together(&mut judges);
    Judge::pay_once_together(&mut judges);
    judges
}

fn of(judge: &Judge, number: usize) -> Work {
    let mut work = work();
    work.task.judge = judge.name().to_owned();
    work.prompt.after = format!("after {number}");
    work.task.item_id = format!("i{number}");
    work
}

async fn ask(judge: &Judge, number: usize, book: &Book) -> Result<Outcome, Stop> {
    judge.judge(&of(judge, number), book).await.map(|settled| settled.outcome)
}

#[tokio::test]
async fn two_judges_that_ask_alike_pay_once_for_each_item() {
    let server = Server::always(200, good()).await;
    let (judges, book) = (alike(&server), Book::default());
    let asked = (0..16).flat_map(|number| judges.iter().map(move |judge| (judge, number)));
    for outcome in join_all(asked.map(|(judge, number)| ask(judge, number, &book))).await {
        assert_eq!(ends(&outcome.unwrap()), ("scored", ""));
    }
    assert_eq!((server.seen().len(), *book.reserved.lock().unwrap()), (16, 16), "who waits reserves nothing");
}

#[tokio::test]
async fn who_waited_in_vain_asks_itself() {
    for (first, one) in [
        (whole(413, ""), "judge_unusable rejected_413"),
        (whole(401, "{}"), "stop"),
        (whole(200, &completion("").replace("\"stop\"", "\"content_filter\"")), "judge_refused content_filter"),
    ] {
        let server = Server::start(vec![first, whole(200, &good())]).await;
        let (judges, book) = (alike(&server), Book::default());
        let end = |outcome: Result<Outcome, Stop>| match outcome {
            Ok(outcome) => format!("{} {}", ends(&outcome).0, ends(&outcome).1),
            Err(_) => "stop".to_owned(),
        };
        let (first, second) = join(ask(&judges[0], 0, &book), ask(&judges[1], 0, &book)).await;
        let (seen, shared) = (server.seen().len(), one.starts_with("judge_refused"));
        assert_eq!(
            (end(first), end(second), seen),
            (one.to_owned(), if shared { one } else { "scored " }.to_owned(), 2 - usize::from(shared))
        );
    }
}

/// The other way round nobody waits: a batch may take a day.
#[tokio::test]
async fn what_is_asked_singly_just_now_goes_in_no_batch_of_another_judge() {
    let server = Server::always(200, good()).await;
    let (judges, book) = (alike(&server), Book::default());
    let work = of(&judges[1], 0);
    let (asked, packed) = join(ask(&judges[0], 0, &book), judges[1].pack(&work, &book, &|_| true)).await;
    assert_eq!(ends(&asked.unwrap()), ("scored", ""));
    assert!(matches!(packed.unwrap(), Packed::Ends(settled) if ends(&settled.outcome) == ("scored", "")));
    let packed = judges[1].pack(&of(&judges[1], 1), &book, &|_| true).await.unwrap();
    assert!(matches!(packed, Packed::Line(_)), "nobody asks that");
    assert_eq!(ends(&ask(&judges[0], 1, &book).await.unwrap()), ("scored", ""));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_stop_lets_go_of_those_who_wait_for_another_judge() {
    let server = Server::start(vec![Answer::Hang]).await;
    let (judges, book) = (alike(&server), Book { stops: Some(Instant::now() + Duration::from_millis(200)), ..Book::default() });
    let waits = tokio::time::timeout(Duration::from_secs(20), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        ask(&judges[1], 0, &book).await
    });
    tokio::select! {
        first = ask(&judges[0], 0, &book) => panic!("the server says nothing: {first:?}"),
        second = waits => assert!(matches!(second, Ok(Err(Stop::Journal(_)))), "{second:?}"),
    }
    assert!(book.attempts.all().iter().all(|(intent, _)| intent.task.judge == "j"));
}

/// A quiet is of one key: the other judge asks meanwhile, and this one reads what that paid for.
#[tokio::test]
async fn a_judge_that_is_kept_waiting_keeps_no_other_waiting() {
    let busy = |header| Answer::Whole(429, header, String::new());
    let server = Server::start(vec![busy("retry-after: 600\r\n"), whole(200, &good())]).await;
    let (judges, book) = (alike(&server), Book::default());
    for number in 0..2 {
        let second = tokio::time::timeout(Duration::from_secs(20), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            ask(&judges[1], number, &book).await
        });
        tokio::select! {
            first = ask(&judges[0], number, &book) => panic!("it is to wait ten minutes: {first:?}"),
            second = second => assert_eq!(ends(&second.expect("it waited").unwrap()).0, "scored", "{number}"),
        }
    }
    let server = Server::start(vec![busy("retry-after: 1\r\n"), whole(200, &good())]).await;
    let (judges, book) = (alike(&server), Book::default());
    let (first, second) = join(ask(&judges[0], 0, &book), ask(&judges[1], 0, &book)).await;
    assert_eq!([first, second].map(|ended| ends(&ended.unwrap()).0), ["scored"; 2]);
    assert_eq!(server.seen().len(), 2, "one refusal and one reply");
}

fn faulty() -> Answer {
    whole(200, &completion("no verdict"))
}

/// A re-ask names the fault of what it follows.
fn asked(server: &Server) -> Vec<&'static str> {
    server.seen().iter().map(|seen| if seen.body.contains("no verdict") { "re-ask" } else { "first" }).collect()
}

#[tokio::test]
async fn a_reply_whose_owner_was_lost_later_is_not_paid_for_again() {
    let lost = || whole(500, "{}");
    let server = Server::start(vec![faulty(), lost(), lost(), whole(200, &good())]).await;
    let (judges, book) = (alike(&server), Book::default());
    let (first, second) = join(ask(&judges[0], 0, &book), ask(&judges[1], 0, &book)).await;
    assert_eq!((ends(&first.unwrap()).0, ends(&second.unwrap())), ("unresolved", ("scored", "")));
    assert_eq!(asked(&server), ["first", "re-ask", "re-ask", "re-ask"]);
    let reader = &judges[1].name().to_owned();
    assert_eq!(*book.read.lock().unwrap(), [(reader.clone(), 0)], "the faulty one, and none that was lost");
}

/// One task is stopped while its re-ask is on its way, and so is its twin; then both are taken up again.
#[tokio::test]
async fn twins_go_on_from_each_others_replies_and_ask_twice_again_at_most() {
    let server = Server::start(vec![faulty(), Answer::Hang, faulty(), Answer::Hang, faulty()]).await;
    let (judges, book) = (alike(&server), Book::default());
    let twin = |item: &str| {
        let mut work = of(&judges[0], 0);
        work.task.item_id = item.to_owned();
        work
    };
    let (one, two) = (twin("one"), twin("two"));
    for (work, sent) in [(&one, 2), (&two, 4)] {
        let stop = async {
            while server.seen().len() < sent {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            ended = judges[0].judge(work, &book) => panic!("the server says nothing: {ended:?}"),
            () = stop => {}
        }
    }
    let outcome = judges[0].judge(&two, &book).await.unwrap().outcome;
    assert_eq!(ends(&outcome).0, "judge_unusable");
    assert_eq!(asked(&server), ["first", "re-ask", "re-ask", "re-ask", "re-ask"], "what was lost is sent once more each");
    assert_eq!(judges[0].judge(&one, &book).await.unwrap().outcome, outcome);
    assert_eq!(server.seen().len(), 5);
}

/// A third one holds the two that wait together, so that they are of one flight.
#[tokio::test]
async fn an_end_from_before_is_nobody_elses_end() {
    let server = Server::always(200, good()).await;
    let judges = alike(&server);
    let old = Outcome::JudgeUnusable(Why::new("r", "m"));
    let (holds, knows, reopened) =
        (FakeJournal::default(), FakeJournal { known: Some(Known::Ended(old.clone())), ..FakeJournal::default() }, FakeJournal::default());
    let works = [&judges[1], &judges[0], &judges[0]].map(|judge| of(judge, 0));
    let ended = join3(judges[1].judge(&works[0], &holds), judges[0].judge(&works[1], &knows), judges[0].judge(&works[2], &reopened)).await;
    assert_eq!(ended.1.unwrap().outcome, old);
    assert_eq!([ended.0, ended.2].map(|ended| ends(&ended.unwrap().outcome).0), ["scored", "scored"]);
    assert_eq!(server.seen().len(), 2);
}

/// It was killed after its second re-ask was answered and before its end was written; the first request was a twin's.
#[tokio::test]
async fn re_asks_count_from_the_reply_of_a_twin_on() {
    let server = Server::start(vec![faulty()]).await;
    let (judges, book) = (alike(&server), Book::default());
    assert_eq!(ends(&ask(&judges[0], 0, &book).await.unwrap()).0, "judge_unusable");
    let bodies: Vec<Digest> = book.attempts.all().iter().map(|(intent, _)| intent.body_digest).collect();
    let reply = || completion("no verdict");
    let past = |body: &Digest| Past { class: "answered".into(), reply: reply(), format: None, body_digest: Some(*body) };
    let known = Some(Known::Paid(vec![PaidReply { of: None, body_digest: bodies[0], reply: reply(), format: None }]));
    let journal = FakeJournal { known, history: bodies[1..].iter().map(past).collect(), ..FakeJournal::default() };
    let ended = judges[0].judge(&of(&judges[0], 0), &journal).await.unwrap();
    assert_eq!((ends(&ended.outcome).0, server.seen().len()), ("judge_unusable", 3), "two re-asks, and no third");
}
