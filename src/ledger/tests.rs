//! Tests of the ledger as a whole: what survives what.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use futures_util::future::join_all;
use proptest::prelude::*;
use tribunal_media::{Digest, Report};

use super::fixtures::*;
use super::{ChunkRow, FrameRow, ItemRow, Ledger, LedgerError, PartsRow, Reader, Record, RunInfo, Thumb};
use crate::judge::{Estimate, Intent, Journal as _, Outcome, OutcomeName, Reservation, Room, Task, Usage, Why};

/// What a crash leaves: the files as they are now. (The shared memory is rebuilt from the log.)
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
        std::fs::copy(from.join(name), to.path().join(name)).unwrap();
    }
    to
}

#[test]
fn a_stopped_run_resumes_to_the_same_table() {
    let (whole, halved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let finish = |ledger: Ledger, most: usize| {
        let todo = ledger.pending(ALL).unwrap();
        run(async { join_all(todo.iter().take(most).map(|task| answer(&ledger, task))).await });
        ledger.close().unwrap();
    };
    finish(planned(whole.path(), 20), 20);
    finish(planned(halved.path(), 20), 7);
    assert_eq!(Reader::open(halved.path()).unwrap().records().unwrap().iter().filter(|record| record.outcome.is_none()).count(), 13);
    let again = planned(halved.path(), 20);
    assert_eq!(again.counts().unwrap(), [(None, 13), (Some(OutcomeName::Scored), 7)].into());
    assert_eq!(again.pending(ALL).unwrap().first(), Some(&task(7)), "manifest order");
    finish(again, 20);
    let table = |dir: &Path| std::fs::read_to_string(dir.join("verdicts.jsonl")).unwrap();
    assert_eq!(table(whole.path()), table(halved.path()));
    assert_eq!(table(whole.path()).lines().count(), 20);
    let first: Record = serde_json::from_str(table(whole.path()).lines().next().unwrap()).unwrap();
    assert_eq!((first.item_id, first.safety, first.risk_score), (item(0).item_id, Some(2), Some(4)));
}

#[test]
fn nothing_acknowledged_is_lost_at_any_point() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 4);
    let mut points = Vec::new();
    run(async {
        for task in &tasks(3) {
            let reservation = ledger.intent(intent(task, Some(50))).await.unwrap();
            points.push((copy(dir.path()), vec!["open".to_owned()], task.clone(), None));
            ledger.settle(reservation, end("answered", Some(20))).await.unwrap();
            points.push((copy(dir.path()), vec!["answered".to_owned()], task.clone(), None));
            ledger.conclude(task, None, scored(5)).await.unwrap();
            points.push((copy(dir.path()), vec!["answered".to_owned()], task.clone(), Some(OutcomeName::Scored)));
        }
    });
    for (number, (copy, classes, task, outcome)) in points.iter().enumerate() {
        let reader = Reader::open(copy.path()).unwrap();
        let record = reader.records().unwrap().into_iter().find(|record| record.item_id == task.item_id).unwrap();
        assert_eq!((record.attempts, record.outcome), (1, *outcome), "point {number}");
        drop(reader);
        let again = planned(copy.path(), 4);
        let past: Vec<String> = run(again.lookup(task)).unwrap().into_iter().map(|past| past.class).collect();
        assert_eq!(&past, classes, "point {number}");
        let finished = number as u64 / 3;
        let current = if number % 3 == 0 { 50 } else { 20 };
        assert_eq!(again.spent_micro_usd(), finished * 20 + current, "point {number}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_log_cut_anywhere_is_a_shorter_history(cut in 0.0f64..1.0) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = planned(dir.path(), 6);
        run(async { for task in &tasks(6) { answer(&ledger, task).await; } });
        let copy = copy(dir.path());
        let log = std::fs::File::options().write(true).open(copy.path().join("ledger.sqlite-wal")).unwrap();
        let length = (log.metadata().unwrap().len() as f64 * cut) as u64;
        log.set_len(length).unwrap();
        drop(log);
        // A cut before the first commit leaves no run at all, which is then made anew.
        let again = planned(copy.path(), 6);
        let records = { let reader = Reader::open(copy.path()).unwrap(); reader.records().unwrap() };
        let done = records.iter().take_while(|record| record.outcome.is_some()).count();
        prop_assert!(records[done..].iter().all(|record| record.outcome.is_none()), "a later outcome without an earlier one");
        prop_assert!(records[..done].iter().all(|record| record.attempts == 1 && record.cost_usd == Some(0.00003)));
        run(async { for task in &again.pending(ALL).unwrap() { answer(&again, task).await; } });
        again.close().unwrap();
        prop_assert_eq!(Reader::open(copy.path()).unwrap().records().unwrap().len(), 6);
    }
}

/// Not a test by itself: the process that `a_killed_process_loses_nothing` kills.
#[test]
#[ignore = "started by another test"]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os("TRIBUNAL_TEST_RUN") else { return };
    let ledger = planned(Path::new(&dir), 10_000);
    run(async {
        join_all(tasks(10_000).iter().map(|task| async {
            answer(&ledger, task).await;
            // Straight to the file: the test harness would hold back what is printed.
            writeln!(std::io::stdout(), "\nacknowledged {}", task.item_id).unwrap();
        }))
        .await;
    });
}

#[test]
fn a_killed_process_loses_nothing_and_frees_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ledger::tests::child_that_is_killed", "--ignored", "--nocapture"])
        .env("TRIBUNAL_TEST_RUN", dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = lines.filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned));
    let mut told: Vec<_> = acknowledged.by_ref().take(150).collect();
    assert!(matches!(Ledger::open(dir.path(), &info(&["mini"])), Err(LedgerError::Locked(at)) if at == dir.path()));
    let beside = Reader::open(dir.path()).unwrap().records().unwrap();
    assert!(beside.iter().filter(|record| record.outcome.is_some()).count() >= 150);
    child.kill().unwrap();
    child.wait().unwrap();
    told.extend(acknowledged);
    let records = Reader::open(dir.path()).unwrap().records().unwrap();
    let done: BTreeMap<_, _> = records.iter().map(|record| (record.item_id.as_str(), record.outcome)).collect();
    assert!(told.len() >= 150 && told.len() < 10_000, "killed half way: {}", told.len());
    assert!(told.iter().all(|item_id| done[item_id.as_str()] == Some(OutcomeName::Scored)));
    let again = planned(dir.path(), 10_000);
    assert_eq!(again.counts().unwrap().values().sum::<u64>(), 10_000);
}

#[test]
fn two_writers_are_one_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    assert!(matches!(Ledger::open(dir.path(), &info(&["mini"])), Err(LedgerError::Locked(at)) if at == dir.path()));
    drop(first);
    open(dir.path()).close().unwrap();
}

#[test]
fn what_was_lost_and_what_was_not_counted_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 3);
    run(async {
        for (number, class, cost) in [(0, "ambiguous", None), (1, "answered", None), (2, "answered", Some(20))] {
            assert_eq!(ledger.reserve(100 + number).await.unwrap(), Room::Held);
            let reservation = ledger.intent(intent(&task(number), Some(100 + number))).await.unwrap();
            ledger.settle(reservation, end(class, cost)).await.unwrap();
        }
    });
    ledger.close().unwrap();
    let billed = Reader::open(dir.path()).unwrap().perhaps_billed().unwrap();
    assert_eq!((billed.lost, billed.uncounted), (100, 101));
}

#[test]
fn reopened_tasks_keep_their_costs_but_not_their_record() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 2);
    let lost = task(0);
    run(async {
        let reservation = ledger.intent(intent(&lost, None)).await.unwrap();
        ledger.settle(reservation, end("ambiguous", Some(40))).await.unwrap();
        ledger.conclude(&lost, None, Outcome::Unresolved(Why::new("timeout", "no reply"))).await.unwrap();
        answer(&ledger, &task(1)).await;
    });
    let outcomes = [OutcomeName::Unresolved, OutcomeName::MediaRejected];
    assert_eq!(ledger.reopen(&[task(1)], &outcomes).unwrap(), 0, "outside the selection nothing is reopened");
    assert_eq!(ledger.reopen(&[task(0), task(1)], &outcomes).unwrap(), 1);
    assert_eq!(ledger.pending(ALL).unwrap(), std::slice::from_ref(&lost));
    assert_eq!(run(ledger.lookup(&lost)).unwrap(), []);
    run(answer(&ledger, &lost));
    ledger.close().unwrap();
    let record = Reader::open(dir.path()).unwrap().records().unwrap().remove(0);
    assert_eq!((record.attempts, record.cost_usd, record.outcome), (2, Some(0.00007), Some(OutcomeName::Scored)));
    assert_eq!(record.usage, Some(Usage { input: 200, output: 14, ..Usage::default() }));
}

#[test]
fn counts_are_held_against_what_was_expected() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 2);
    let of = |text: f64| Estimate { text, image: 7.0, ..Estimate::default() };
    for (number, text) in [(0, 1_700.0), (1, 1_500.0)] {
        run(async {
            let intent = Intent { estimated: of(text), ..intent(&task(number), None) };
            let reservation = ledger.intent(intent).await.unwrap();
            ledger.settle(reservation, end("answered", None)).await.unwrap();
            ledger.conclude(&task(number), None, scored(4)).await.unwrap();
        });
    }
    ledger.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let unread: Vec<bool> = reader.records().unwrap().iter().map(|record| record.unread).collect();
    assert_eq!(unread, [true, false], "100 tokens are next to nothing of 1,700");
    let recalled: Vec<Estimate> = reader.recalled(&task(0).judge).unwrap().0.into_iter().map(|(expected, _)| expected).collect();
    assert_eq!(recalled, [of(1_500.0), of(1_700.0)], "by kind, the newest first");
}

#[test]
fn the_budget_holds_under_concurrency_and_across_processes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 40);
    ledger.set_budget(Some(1000)).unwrap();
    let spend = |ledger: &Ledger, from: u64| {
        run(join_all((from..40).map(|number| {
            let ledger = &ledger;
            async move {
                if ledger.reserve(100).await.unwrap() != Room::Held {
                    return 0;
                }
                assert!(ledger.spent_micro_usd() <= 1000);
                let reservation = ledger.intent(intent(&task(number), Some(100))).await.unwrap();
                assert!(ledger.spent_micro_usd() <= 1000);
                // Every third attempt is never settled, as if the process had died.
                if number % 3 != 0 {
                    ledger.settle(reservation, end("answered", Some(60))).await.unwrap();
                }
                1
            }
        })))
        .into_iter()
        .sum::<u64>()
    };
    assert_eq!(spend(&ledger, 0), 10, "ten bounds of 100 fit at once");
    assert_eq!(ledger.spent_micro_usd(), 4 * 100 + 6 * 60);
    drop(ledger);
    let again = planned(dir.path(), 40);
    assert_eq!(again.spent_micro_usd(), 760);
    again.set_budget(Some(1000)).unwrap();
    assert_eq!(spend(&again, 20), 2);
    assert!(run(again.intent(intent(&task(39), Some(100)))).unwrap_err().to_string().contains("not reserved"));
}

#[test]
fn concurrent_intents_share_commits_and_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 512);
    // The writer waits until all are queued: who of the two is faster says nothing.
    let (queued, wait) = std::sync::mpsc::channel::<()>();
    let held = ledger.writer.ask(move |_| Ok(wait.recv().is_ok()));
    let before = ledger.writer.commits();
    let same = |task: &Task| Intent { recorded_body: "same".to_owned(), body_digest: Digest::of(b"same"), ..intent(task, None) };
    let intents: Vec<_> = tasks(512).iter().map(|task| ledger.intent(same(task))).collect();
    queued.send(()).unwrap();
    run(join_all(intents)).into_iter().for_each(|reservation| _ = reservation.unwrap());
    assert!(run(held).unwrap());
    let commits = ledger.writer.commits() - before;
    // At most 64 share one; fewer do where 64 take longer than a group may wait.
    assert!((8..=256).contains(&commits), "{commits} commits for 512 intents");
    let bodies =
        ledger.writer.ask_blocking(|connection| connection.query_row("SELECT count(*) FROM bodies", [], |row| row.get::<_, i64>(0)));
    assert_eq!(bodies.unwrap(), 1);
}

#[test]
fn what_bodies_share_is_kept_once_and_they_are_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 3);
    let of = |number: u64, case: std::ops::Range<usize>| Intent { case, ..intent(&task(number), None) };
    let whole = of(0, 0..0).recorded_body;
    let name = whole.len() - task(0).item_id.len();
    // The last one's range is that of another body.
    let cases = [name..whole.len() - 1, name..whole.len() - 1, name..999];
    for (number, case) in (0..).zip(cases) {
        run(ledger.intent(of(number, case))).unwrap();
    }
    let read = |connection: &rusqlite::Connection| {
        let mut bodies = connection.prepare("SELECT body FROM requests ORDER BY body DESC")?;
        let bodies = bodies.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        let kept = connection.query_row("SELECT (SELECT sum(length(body)) FROM bodies), (SELECT count(*) FROM texts)", [], |row| {
            Ok((row.get::<_, i64>(0)? as usize, row.get::<_, i64>(1)?))
        })?;
        Ok((bodies, kept))
    };
    let (bodies, (bytes, texts)) = ledger.writer.ask_blocking(read).unwrap();
    assert_eq!(bodies, (0..3).map(|number| of(number, 0..0).recorded_body).collect::<Vec<_>>());
    assert_eq!(bytes, 2 * (whole.len() - 1 - name) + whole.len());
    // One head, the last digits of two, and nothing at all.
    assert_eq!(texts, 4);
}

#[test]
fn a_full_disk_poisons_the_ledger_and_a_later_process_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 3);
    run(answer(&ledger, &task(0)));
    let limit = |connection: &rusqlite::Connection| {
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0))
    };
    ledger.writer.ask_blocking(limit).unwrap();
    let large = Intent { recorded_body: "x".repeat(100_000), ..intent(&task(1), Some(5)) };
    let large = Intent { body_digest: Digest::of(large.recorded_body.as_bytes()), ..large };
    let message = run(ledger.intent(large)).unwrap_err().to_string();
    assert!(message.contains("full"), "{message}");
    // Small enough to fit, but nothing is believed any more.
    assert_eq!(run(ledger.reserve(1)).unwrap_err().to_string(), message);
    assert_eq!(run(ledger.conclude(&task(2), None, Outcome::SafelyBlocked)).unwrap_err().to_string(), message);
    assert!(ledger.pending(ALL).unwrap_err().to_string().contains("full"));
    assert!(ledger.close().unwrap_err().to_string().contains("full"));
    assert_eq!(std::fs::read_to_string(dir.path().join("verdicts.jsonl")).unwrap().lines().count(), 3);
    let again = planned(dir.path(), 3);
    assert_eq!(again.pending(ALL).unwrap(), [task(1), task(2)]);
    assert_eq!(again.pending_span().unwrap(), Some(1..=2));
    run(async { join_all(again.pending(ALL).unwrap().iter().map(|task| answer(&again, task))).await });
    assert_eq!(again.pending_span().unwrap(), None);
    again.close().unwrap();
}

#[test]
fn changed_experiments_and_items_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    planned(dir.path(), 9).close().unwrap();
    let refused = Ledger::open(dir.path(), &info(&["other"])).unwrap_err();
    assert!(matches!(&refused, LedgerError::Changed(_)) && refused.to_string().contains("judge mini is no longer there"), "{refused}");
    let ledger = Ledger::open(dir.path(), &info(&["mini", "other"])).unwrap();
    let mut fewer = items(10).split_off(8);
    fewer[0].digest = Digest::of(b"other text");
    let refused = plan(&ledger, &fewer, &tasks(0)).unwrap_err().to_string();
    let expected =
        "item item-99991 changed; 8 items are no longer there: item-99999, item-99998, item-99997, item-99996, item-99995 and 3 more";
    assert!(refused.ends_with(expected), "{refused}");
    assert_eq!(stored(dir.path()).len(), 9, "a refused plan adds nothing");
    // A row before the others extends; so do labels that decide nothing.
    let mut more: Vec<_> =
        items(10).into_iter().rev().enumerate().map(|(position, item)| ItemRow { position: position as u64, ..item }).collect();
    more[3].tags.insert("seed".to_owned(), "7".to_owned());
    assert_eq!(plan(&ledger, &more, &tasks(10)).unwrap(), 10);
    ledger.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(stored(dir.path()), more);
    assert_eq!(reader.info().experiment.judges.len(), 2);
    let stored: RunInfo = serde_json::from_slice(&std::fs::read(dir.path().join("run.json")).unwrap()).unwrap();
    assert_eq!(&stored, reader.info());
}

#[test]
fn a_run_keeps_the_time_when_it_began() {
    let times = |invocations: [Option<&str>; 2]| {
        let dir = tempfile::tempdir().unwrap();
        invocations.map(|time| {
            let info = RunInfo { started_at: time.map(str::to_owned), ..info(&["judge"]) };
            Ledger::open(dir.path(), &info).unwrap().close().unwrap();
            Reader::open(dir.path()).unwrap().info().started_at.clone()
        })
    };
    let (first, later) = (Some("2026-11-30T03:00:00Z"), Some("2026-12-01T03:00:00Z"));
    assert_eq!(times([first, later]), [first.map(str::to_owned), first.map(str::to_owned)]);
    assert_eq!(times([None, later]), [None, None], "an earlier program began it, and nobody knows when");
}

#[test]
fn media_parts_and_order_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let with = |sampler: Option<&str>, judge: &str, repeat| Task {
        sampler: sampler.map(str::to_owned),
        judge: judge.to_owned(),
        repeat,
        ..task(1)
    };
    let ordered = [
        task(0),
        with(None, "a", 2),
        with(Some("fps:1"), "a", 1),
        with(Some("uniform:8"), "a", 2),
        with(Some("uniform:8"), "a", 10),
        with(Some("uniform:8"), "b", 1),
    ];
    let shuffled: Vec<_> = ordered.iter().rev().cloned().collect();
    plan(&ledger, &items(2), &shuffled).unwrap();
    assert_eq!(ledger.pending(ALL).unwrap(), ordered);
    let frame = FrameRow { t: Some(0.1), pts: Some(9), sha256: "ab".to_owned(), width: 4, height: 3 };
    let parts = PartsRow { frames: vec![frame], chunks: vec![ChunkRow { start: 0.0, end: 0.5, sha256: "cd".to_owned() }], fit: None };
    ledger.record_parts(&ordered[3], &parts).unwrap();
    let report = Report { format: "mp4".to_owned(), duration: Some(0.3), ..Report::default() };
    let thumb = |name: &str, t| Thumb { name: name.to_owned(), t };
    let thumbs = [(thumb("b.jpg", Some(0.1)), vec![1].into()), (thumb("a.jpg", None), vec![2].into())];
    ledger.record_media(&item(1).item_id, Digest::of(b"m"), &report, &thumbs).unwrap();
    for name in ["../x.jpg", "/x.jpg", "", "..", "a/b.jpg"] {
        assert!(
            ledger.record_media(&item(1).item_id, Digest::of(b"m"), &report, &[(thumb(name, None), vec![1].into())]).is_err(),
            "{name}"
        );
    }
    assert!(
        ledger.record_parts(&Task { item_id: "nobody".to_owned(), ..task(0) }, &parts).unwrap_err().to_string().contains("never planned")
    );
    ledger.close().unwrap();
    assert_eq!(std::fs::read(dir.path().join("thumbs/b.jpg")).unwrap(), [1]);
    let reader = Reader::open(dir.path()).unwrap();
    let thumbs = thumbs.map(|(thumb, _)| thumb).to_vec();
    let kept = ItemRow { media_id: Some(Digest::of(b"m")), media: Some(report), thumbs, ..item(1) };
    assert_eq!(stored(dir.path())[1], kept);
    let records = reader.records().unwrap();
    assert!(records.iter().map(|record| (&record.sampler, &record.judge, record.repeat)).eq(ordered.iter().map(|task| (
        &task.sampler,
        &task.judge,
        task.repeat
    ))));
    assert_eq!((&records[3].frames, &records[3].chunks, records[2].frames.len()), (&parts.frames, &parts.chunks, 0));
    // Planning again keeps what decoding saw.
    plan(&open(dir.path()), &items(2), &ordered).unwrap();
    assert_eq!(stored(dir.path())[1], kept);
}

#[test]
fn wrong_calls_are_told_and_harm_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 2);
    run(async {
        assert!(ledger.intent(intent(&task(5), None)).await.unwrap_err().to_string().contains("never planned"));
        assert!(ledger.settle(Reservation(77), end("answered", None)).await.unwrap_err().to_string().contains("not open"));
        answer(&ledger, &task(0)).await;
        let twice = ledger.conclude(&task(0), None, Outcome::SafelyBlocked).await;
        assert!(twice.unwrap_err().to_string().contains("outcome already"));
        answer(&ledger, &task(1)).await;
    });
    assert_eq!(ledger.counts().unwrap(), [(Some(OutcomeName::Scored), 2)].into());
}

#[test]
fn a_large_plan_is_a_few_commits_and_the_same_again_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 20_000);
    assert_eq!(ledger.pending(ALL).unwrap().len(), 20_000);
    let commits = ledger.writer.commits();
    assert!(commits <= 20, "{commits}");
    assert_eq!(plan(&ledger, &items(20_000), &tasks(20_000)).unwrap(), 20_000);
    assert_eq!(ledger.writer.commits(), commits + 1, "it was looked whether this is the same plan, and no more");
    assert_eq!(ledger.counts().unwrap(), [(None, 20_000)].into());
}
