//! Equal requests: what is known of them, by whom, and for how long.

use serde_json::Value;
use tribunal_media::Digest;

use super::Reader;
use super::fixtures::*;
use crate::judge::{AttemptEnd, Intent, Journal as _, Known, Outcome, OutcomeName, PaidReply, ReplyFormat, Reservation, Served, Task, Why};

#[test]
fn an_answer_is_the_end_of_every_equal_request_and_a_loss_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 4);
    let why = || Why::new("r", "m");
    let ends = [scored(2), Outcome::JudgeRefused(why()), Outcome::JudgeUnusable(why()), Outcome::Unresolved(why())];
    run(async {
        for (number, end) in (0..).zip(&ends) {
            let id = intent(&task(number), None).verdict_id;
            assert_eq!(ledger.known(&task(number), id).await.unwrap(), None);
            ledger.conclude(&task(number), Some(id), end.clone()).await.unwrap();
            let known = ledger.known(&task(9), id).await.unwrap();
            assert_eq!(known, Some(Known::Ended(end.clone())).filter(|_| number < 3));
        }
    });
}

#[test]
fn another_judge_is_told_the_replies_and_never_the_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let other = Task { judge: "other".to_owned(), ..task(0) };
    let ledger = open(dir.path());
    plan(&ledger, &items(2), &[task(0), other.clone(), task(1)]).unwrap();
    let intent = intent(&task(0), None);
    let (id, body_digest) = (intent.verdict_id, intent.body_digest);
    run(async {
        let attempt = ledger.intent(intent).await.unwrap();
        ledger.settle(attempt, end("answered", Some(5))).await.unwrap();
        let paid = Known::Paid(vec![PaidReply { of: Some(attempt), body_digest, reply: "{}".to_owned(), format: None }]);
        assert_eq!(ledger.known(&other, id).await.unwrap(), Some(paid.clone()), "it has no end yet");
        ledger.conclude(&task(0), Some(id), scored(4)).await.unwrap();
        assert_eq!(ledger.known(&other, id).await.unwrap(), Some(paid));
        assert_eq!(ledger.known(&task(1), id).await.unwrap(), Some(Known::Ended(scored(4))));
        // What it read then is what a replay of it needs.
        ledger.read(&other, vec![attempt]).await.unwrap();
        ledger.conclude(&other, Some(id), Outcome::JudgeUnusable(Why::new("media_not_seen", "m"))).await.unwrap();
    });
    let replies = |judge: &str| Reader::open(dir.path()).unwrap().cassette(judge).unwrap().lines().count();
    assert_eq!((replies("mini"), replies("other")), (1, 1));
    assert_eq!(ledger.reopen(std::slice::from_ref(&other), &[OutcomeName::JudgeUnusable]).unwrap(), 1);
    assert_eq!(run(ledger.known(&other, id)).unwrap(), None, "it is to be asked anew");
    assert_eq!(replies("other"), 0);
}

#[test]
fn a_reply_is_known_however_its_task_ended() {
    let dir = tempfile::tempdir().unwrap();
    let other = Task { judge: "other".to_owned(), ..task(2) };
    let ledger = open(dir.path());
    plan(&ledger, &items(3), &[task(0), task(1), other.clone()]).unwrap();
    let (first, again) = (intent(&task(0), None), Intent { body_digest: Digest::of(b"again"), ..intent(&task(0), None) });
    let (id, body_digest) = (first.verdict_id, first.body_digest);
    let paid = Some(Known::Paid(vec![PaidReply { of: Some(Reservation(1)), body_digest, reply: "{}".to_owned(), format: None }]));
    let know = |task: Task| run(ledger.known(&task, id)).unwrap();
    run(async {
        let attempt = ledger.intent(first).await.unwrap();
        assert_eq!(ledger.known(&other, id).await.unwrap(), None, "it is on its way");
        ledger.settle(attempt, end("answered", Some(5))).await.unwrap();
        let attempt = ledger.intent(again).await.unwrap();
        ledger.settle(attempt, end("ambiguous", Some(5))).await.unwrap();
    });
    assert_eq!([task(1), other.clone()].map(know), [paid.clone(), paid.clone()], "pending");
    assert_eq!(know(task(0)), None, "its own it looks up");
    run(ledger.conclude(&task(0), Some(id), Outcome::Unresolved(Why::new("ambiguous", "m")))).unwrap();
    assert_eq!([task(1), other.clone()].map(know), [paid.clone(), paid], "unresolved");
    run(ledger.read(&other, vec![Reservation(1)])).unwrap();
    run(ledger.conclude(&other, Some(id), scored(4))).unwrap();
    let lines = Reader::open(dir.path()).unwrap().cassette("other").unwrap();
    assert_eq!(lines.lines().count(), 1, "a replay of it needs the reply");
    ledger.reopen(&[task(0)], &[OutcomeName::Unresolved]).unwrap();
    assert_eq!([task(1), task(0)].map(know), [None, None], "it was given back");
}

/// What a dry run is told is what the run will find.
#[test]
fn what_is_paid_for_is_known_before_it_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let other = Task { judge: "other".to_owned(), ..task(0) };
    let ledger = open(dir.path());
    plan(&ledger, &items(2), &[task(0), task(1), other.clone()]).unwrap();
    let asked = intent(&task(0), None);
    let (id, body, another) = (asked.verdict_id, asked.body_digest, Digest::of(b"another"));
    // Asked already, of the same judge, of another one, and never planned; then with another body.
    let paid = |reopened: &[OutcomeName]| {
        let run = Reader::open(dir.path()).unwrap();
        let tasks = [task(0), task(1), other.clone(), task(9)];
        let known = |body| tasks.iter().map(|task| u8::from(run.is_paid(task, (id, body), reopened, false).unwrap())).collect::<Vec<_>>();
        [known(body), known(another)].concat()
    };
    run(async {
        let attempt = ledger.intent(asked).await.unwrap();
        assert_eq!(paid(&[]), [0; 8], "it is on its way");
        ledger.settle(attempt, end("answered", Some(5))).await.unwrap();
        assert_eq!(paid(&[]), [1, 1, 1, 1, 0, 0, 0, 0]);
        ledger.conclude(&task(0), Some(id), scored(4)).await.unwrap();
    });
    assert_eq!(paid(&[OutcomeName::JudgeUnusable]), [1, 1, 1, 1, 1, 1, 0, 1], "its end is that of every equal task of its judge");
    assert_eq!(paid(&[OutcomeName::Scored]), [0; 8], "it is given back");
    ledger.reopen(&[task(0)], &[OutcomeName::Scored]).unwrap();
    assert_eq!(paid(&[]), [0; 8], "it was given back");
    // Reopened behind it, and so behind what it is asked next.
    run(async {
        let attempt = ledger.intent(intent(&task(0), None)).await.unwrap();
        ledger.settle(attempt, end("answered", Some(5))).await.unwrap();
        ledger.conclude(&task(1), Some(id), Outcome::JudgeUnusable(Why::new("r", "m"))).await.unwrap();
    });
    ledger.reopen(&[task(1)], &[OutcomeName::JudgeUnusable]).unwrap();
    assert_eq!(paid(&[]), [1, 0, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn a_reopened_task_takes_nothing_from_before_and_what_is_said_since() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 3);
    let unusable = || Outcome::JudgeUnusable(Why::new("r", "m"));
    let id = intent(&task(0), None).verdict_id;
    let ask = async |number: u64, outcome: Outcome| {
        let attempt = ledger.intent(Intent { task: task(number), ..intent(&task(0), None) }).await.unwrap();
        ledger.settle(attempt, end("answered", Some(5))).await.unwrap();
        ledger.conclude(&task(number), Some(id), outcome).await.unwrap();
    };
    let know = |number| run(ledger.known(&task(number), id)).unwrap();
    run(async {
        ask(0, unusable()).await;
        for twin in [1, 2] {
            ledger.conclude(&task(twin), Some(id), unusable()).await.unwrap();
        }
    });
    let reopen = |number| assert_eq!(ledger.reopen(&[task(number)], &[OutcomeName::JudgeUnusable]).unwrap(), 1);
    reopen(1);
    assert_eq!(know(1), None, "neither its twins' ends nor the reply from before");
    run(ask(1, scored(4)));
    reopen(2);
    assert_eq!(know(2), None, "that was before, too");
    reopen(0);
    run(ask(2, scored(5)));
    assert_eq!(know(0), Some(Known::Ended(scored(5))), "asked since");
    run(ledger.conclude(&task(0), Some(id), scored(5))).unwrap();
    assert_eq!(know(2), Some(Known::Ended(scored(5))), "reopened no earlier");
}

#[test]
fn what_taught_a_run_stands_before_its_replies_and_twins_have_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 3);
    let refused = |status, reply: &str| AttemptEnd { status: Some(status), reply: reply.to_owned(), ..end("refused", Some(0)) };
    run(async {
        let sentinels = ledger.sentinel_round().unwrap();
        sentinels.add(&task(0)).unwrap();
        let attempt = sentinels.intent(intent(&task(0), None)).await.unwrap();
        sentinels.settle(attempt, refused(400, "by a sentinel")).await.unwrap();
        for (number, end) in
            [(0, refused(422, "in another round")), (1, refused(400, "twice")), (1, refused(429, "busy")), (1, refused(400, "twice"))]
        {
            let attempt = ledger.intent(intent(&task(number), None)).await.unwrap();
            ledger.settle(attempt, end).await.unwrap();
        }
        let id = intent(&task(0), None).verdict_id;
        ledger.conclude(&task(0), Some(id), Outcome::JudgeUnusable(Why::new("r", "m"))).await.unwrap();
        ledger.reopen(&[task(0)], &[OutcomeName::JudgeUnusable]).unwrap();
        answer(&ledger, &task(0)).await;
        let outcome = ledger.known(&task(2), id).await.unwrap();
        let Some(Known::Ended(outcome)) = outcome else { panic!("{outcome:?}") };
        ledger.conclude(&task(2), Some(id), outcome).await.unwrap();
    });
    let lines: Vec<Value> =
        Reader::open(dir.path()).unwrap().cassette("mini").unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> =
        lines.iter().map(|line| (line["taught"] == true, line["body"].as_str().unwrap(), line["item_id"].as_str().unwrap())).collect();
    let items = [0, 1, 2].map(|number| task(number).item_id);
    let [first, second, third] = items.each_ref().map(String::as_str);
    let classes: Vec<_> = lines.iter().map(|line| line["class"].as_str()).collect();
    assert_eq!(classes, [None, None, None, Some("refused"), Some("answered"), Some("answered")]);
    let replies = [(false, "busy", second), (false, "{}", third), (false, "{}", first)];
    assert_eq!(seen[3..], replies);
    assert_eq!(seen[..3], [(true, "by a sentinel", first), (true, "in another round", first), (true, "twice", second)]);
}

/// The lines of a judge's cassette, each as its item, its digest's beginning and its status or the reason why it has none.
fn lines(dir: &std::path::Path, judge: &str) -> Vec<String> {
    let text = Reader::open(dir).unwrap().cassette(judge).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| {
            let digest = line["request_digest"].as_str().map_or("lesson", |digest| &digest[..4]).to_owned();
            let end = line["status"].as_u64().map_or_else(|| line["lost"].as_str().unwrap().to_owned(), |status| status.to_string());
            format!("{} {digest} {end}", line["item_id"].as_str().unwrap())
        })
        .collect()
}

/// Another judge asked the same, was told more, and was not read.
#[test]
fn a_task_has_in_its_replay_what_it_had_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (other, twin) = (Task { judge: "other".to_owned(), ..task(0) }, Task { judge: "other".to_owned(), ..task(1) });
    let ledger = open(dir.path());
    plan(&ledger, &items(3), &[task(0), other.clone(), twin.clone(), task(2)]).unwrap();
    let id = intent(&task(0), None).verdict_id;
    let [first, again, raised] = ["first", "again", "raised"].map(|body| Digest::of(body.as_bytes()));
    let ask = async |task: &Task, body: Digest, class: &str, status: Option<u16>| {
        let attempt =
            ledger.intent(Intent { task: task.clone(), body_digest: body, ..intent(&super::fixtures::task(0), None) }).await.unwrap();
        ledger.settle(attempt, AttemptEnd { status, ..end(class, Some(5)) }).await.unwrap();
        attempt
    };
    run(async {
        let read = ask(&task(0), first, "answered", Some(200)).await;
        ask(&task(0), again, "answered", Some(200)).await;
        ledger.read(&other, vec![read]).await.unwrap();
        ask(&other, raised, "ambiguous", None).await;
        ask(&other, raised, "answered", Some(200)).await;
        for task in [&task(0), &other, &twin] {
            ledger.conclude(task, Some(id), scored(4)).await.unwrap();
        }
        ask(&task(2), first, "ambiguous", None).await;
        ask(&task(2), first, "ambiguous", None).await;
        ledger.conclude(&task(2), Some(id), Outcome::Unresolved(Why::new("connection", "m"))).await.unwrap();
    });
    let [a, b, c] = [0, 1, 2].map(|number| task(number).item_id);
    let [first, again, raised] = [first, again, raised].map(|digest| digest.to_string()[..4].to_owned());
    let own = |item: &String| [format!("{item} {first} 200"), format!("{item} {raised} lost"), format!("{item} {raised} 200")];
    let both: Vec<String> = own(&b).into_iter().zip(own(&a)).flat_map(|(one, two)| [one, two]).collect();
    assert_eq!(lines(dir.path(), "other"), both, "an equal task of its judge ended with it");
    let mine =
        [format!("{a} {first} 200"), format!("{a} {again} 200"), format!("{c} {first} connection"), format!("{c} {first} connection")];
    assert_eq!(lines(dir.path(), "mini"), mine);
}

#[test]
fn refusals_in_the_same_words_are_lessons_by_the_way_of_asking() {
    for status in [400, 403, 422, 500] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = planned(dir.path(), 1);
        run(async {
            for format in [ReplyFormat::Schema, ReplyFormat::Schema, ReplyFormat::Object] {
                let attempt = ledger.intent(intent(&task(0), None)).await.unwrap();
                let served = Served { format: Some(format), ..Served::default() };
                let refused = AttemptEnd { status: Some(status), reply: "no".to_owned(), served, ..end("refused", Some(0)) };
                ledger.settle(attempt, refused).await.unwrap();
            }
            answer(&ledger, &task(0)).await;
        });
        let text = Reader::open(dir.path()).unwrap().cassette("mini").unwrap();
        let formats: Vec<Value> = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["format"].clone()).collect();
        assert_eq!(formats, ["json_schema".into(), "json_object".into(), Value::Null], "{status}");
        let recalled = [ReplyFormat::Schema, ReplyFormat::Object].map(|format| ("no".to_owned(), Some(format)));
        assert_eq!(ledger.recalled("mini").unwrap().1, recalled, "{status}");
    }
}

/// Of another judge, and of an equal item: both have the model that gave the reply, and the row that paid alone has what it cost.
#[test]
fn who_reads_what_another_paid_for_pays_nothing() {
    let rows = |cost: Option<u64>| {
        let dir = tempfile::tempdir().unwrap();
        let other = Task { judge: "other".to_owned(), ..task(0) };
        let ledger = open(dir.path());
        plan(&ledger, &items(4), &[task(0), other.clone(), task(1), task(2), task(3)]).unwrap();
        run(async {
            let asked = intent(&task(0), None);
            let id = asked.verdict_id;
            let attempt = ledger.intent(asked).await.unwrap();
            let served = Served { model: Some("m-1".to_owned()), ..Served::default() };
            ledger.settle(attempt, AttemptEnd { served, ..end("answered", cost) }).await.unwrap();
            ledger.read(&other, vec![attempt]).await.unwrap();
            for task in [&task(0), &other, &task(1)] {
                ledger.conclude(task, Some(id), scored(4)).await.unwrap();
            }
            ledger.conclude(&task(2), None, Outcome::SafelyBlocked).await.unwrap();
        });
        let records = Reader::open(dir.path()).unwrap().records().unwrap();
        records.into_iter().map(|row| (row.judge, row.attempts, row.cost_usd, row.served.model)).collect::<Vec<_>>()
    };
    let row = |judge: &str, attempts, cost| (judge.to_owned(), attempts, cost, Some("m-1".to_owned()));
    let unasked = || ("mini".to_owned(), 0, None, None);
    let own = row("mini", 1, Some(0.000_005));
    assert_eq!(rows(Some(5)), [own, row("other", 0, Some(0.0)), row("mini", 0, Some(0.0)), unasked(), unasked()]);
    assert_eq!(rows(None), [row("mini", 1, None), row("other", 0, None), row("mini", 0, None), unasked(), unasked()]);
}
