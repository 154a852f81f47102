//! Batches in the ledger: what survives what.

use std::path::Path;

use serde_json::Value;
use tribunal_media::Digest;

use super::{BatchFile, BatchState, Found, OpenRequest};
use crate::judge::{Journal as _, Outcome, OutcomeName, Room, Task, Why};
use crate::ledger::fixtures::{ALL, end, intent, items, open, plan, planned, scored, task};
use crate::ledger::{Ledger, Reader};

fn id(task: &Task) -> Digest {
    intent(task, None).verdict_id
}

async fn add(ledger: &Ledger, file: &mut BatchFile, task: &Task, bound: Option<u64>) {
    file.line(&["line\n".into()]).unwrap();
    ledger.batch_intent(file, intent(task, bound), "{}".to_owned()).await.unwrap();
}

async fn found(ledger: &Ledger, line: &str) -> OpenRequest {
    match ledger.find_request(line, None).await.unwrap() {
        Found::Open(request) => *request,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reply_ends_the_task_and_its_twins_once() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 3);
    let mut file = ledger.begin_batch("mini", "{}", false).unwrap();
    add(&ledger, &mut file, &task(0), None).await;
    for _ in 0..2 {
        ledger.batch_twin(&task(1), id(&task(0))).await.unwrap();
    }
    let line = file.custom_id(id(&task(0)));
    let path = ledger.finish_batch(file).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "line\n");
    assert_eq!(ledger.waiting_tasks(false).unwrap().len(), 2);
    assert_eq!(ledger.waiting_tasks(true).unwrap(), []);
    assert!(!ledger.has_answer(&task(0).judge).await.unwrap());
    let request = found(&ledger, &line).await;
    assert_eq!((request.past.len(), request.past[0].class.as_str()), (1, "exported"));
    assert_eq!(ledger.recorded_body(request.reservation).await.unwrap(), intent(&task(0), None).recorded_body);
    let ended = ledger.close_request(&request, end("answered", Some(5)), Some(&scored(4))).await.unwrap();
    assert_eq!(ended, [OutcomeName::Scored; 2]);
    assert!(ledger.has_answer(&task(0).judge).await.unwrap() && !ledger.has_answer("another").await.unwrap());
    assert!(matches!(ledger.find_request(&line, None).await.unwrap(), Found::Settled(_)));
    assert!(matches!(ledger.find_request("nobody's", None).await.unwrap(), Found::Unknown));
    assert_eq!(ledger.pending(ALL).unwrap(), [task(2)]);
    let index = std::fs::read_to_string(ledger.write_batch_index().unwrap()).unwrap();
    let lines: Vec<Value> = index.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["item_id"], &lines[1]["file"]), (2, &Value::from(task(0).item_id), &Value::Null));
}

#[tokio::test]
async fn what_lies_in_a_batch_of_this_program_is_paid_for() {
    for online in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, other) = (planned(dir.path(), 2), Task { judge: "other".to_owned(), ..task(0) });
        let mut file = ledger.begin_batch("mini", "{}", online).unwrap();
        add(&ledger, &mut file, &task(0), None).await;
        let ids = (id(&task(0)), intent(&task(0), None).body_digest);
        let paid = |batched| {
            let run = Reader::open(dir.path()).unwrap();
            [task(0), task(1), other.clone()].map(|task| run.is_paid(&task, ids, &[], batched).unwrap())
        };
        assert_eq!(paid(false), [online, online, false], "a single request waits for no batch of another judge");
        assert_eq!(paid(true), [online; 3]);
        let line = file.custom_id(ids.0);
        let batch = file.id;
        ledger.finish_batch(file).unwrap();
        let Found::Open(request) = ledger.find_request(&line, Some(batch)).await.unwrap() else { panic!("{line}") };
        ledger.close_request(&request, end("refused", Some(0)), None).await.unwrap();
        assert_eq!([paid(false), paid(true)], [[false; 3]; 2], "it was put off");
    }
}

/// Two files that ask for the same, one after the other: the ids of their lines, and the first attempt put off.
async fn asked_twice(ledger: &Ledger) -> [String; 2] {
    let mut lines = Vec::new();
    for _ in 0..2 {
        let mut file = ledger.begin_batch("mini", "{}", false).unwrap();
        add(ledger, &mut file, &task(0), None).await;
        lines.push(file.custom_id(id(&task(0))));
        ledger.finish_batch(file).unwrap();
        if lines.len() == 1 {
            let request = found(ledger, &lines[0]).await;
            assert_eq!(ledger.close_request(&request, end("refused", Some(0)), None).await.unwrap(), []);
        }
    }
    lines.try_into().unwrap()
}

#[tokio::test]
async fn a_line_answers_the_attempt_that_it_was_made_for() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 1);
    let [first, second] = asked_twice(&ledger).await;
    assert!(first != second && second.len() <= 64 && second.starts_with(&id(&task(0)).to_string()[..40]));
    assert!(matches!(ledger.find_request(&first, None).await.unwrap(), Found::Settled(_)));
    let request = found(&ledger, &second).await;
    assert_eq!((request.batch, request.past.len(), request.verdict_id), (2, 2, id(&task(0))));
    assert!(matches!(ledger.find_request(&id(&task(0)).to_string(), None).await.unwrap(), Found::Unknown), "no line says so");
    ledger.close_request(&request, end("answered", Some(5)), Some(&scored(4))).await.unwrap();
    assert!(matches!(ledger.find_request(&second, Some(2)).await.unwrap(), Found::Settled(_)));
}

#[tokio::test]
async fn lines_of_an_earlier_version_are_taken_where_one_attempt_can_be_meant() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 1);
    let [_, second] = asked_twice(&ledger).await;
    let (bare, forget) = (id(&task(0)).to_string(), "UPDATE batch_requests SET line = NULL WHERE batch");
    let alter = |sql: String| ledger.writer.ask_blocking(move |connection| connection.execute(&sql, [])).unwrap();
    alter(format!("{forget} = 1"));
    assert!(matches!(ledger.find_request(&bare, None).await.unwrap(), Found::Settled(_)), "only the first file has such lines");
    assert_eq!(found(&ledger, &second).await.batch, 2);
    alter(format!("{forget} = 2"));
    assert!(matches!(ledger.find_request(&bare, None).await.unwrap(), Found::Doubtful(_)));
    assert!(matches!(ledger.find_request(&bare, Some(2)).await.unwrap(), Found::Open(_)), "a server's batch says which");
    alter("UPDATE batches SET online = 1 WHERE id = 1".to_owned());
    assert_eq!(found(&ledger, &bare).await.batch, 2);
}

#[tokio::test]
async fn a_reply_ends_no_task_of_another_judge() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, other) = (open(dir.path()), Task { judge: "other".to_owned(), ..task(0) });
    plan(&ledger, &items(1), &[task(0), other.clone()]).unwrap();
    let mut files: Vec<BatchFile> = Vec::new();
    for (judge, task) in [("mini", &task(0)), ("other", &other)] {
        let mut file = ledger.begin_batch(judge, "{}", true).unwrap();
        file.line(&["line\n".into()]).unwrap();
        ledger.batch_intent(&file, intent(task, None), "{}".to_owned()).await.unwrap();
        files.push(file);
    }
    let waiting = [("mini".to_owned(), id(&other)), ("other".to_owned(), id(&other))];
    assert_eq!(ledger.waiting_ids(true).unwrap(), waiting, "each has a request of its own");
    let Found::Open(request) = ledger.find_request(&files[0].custom_id(id(&other)), Some(files[0].id)).await.unwrap() else { panic!() };
    let ended = ledger.close_request(&request, end("answered", Some(5)), Some(&scored(4))).await.unwrap();
    assert_eq!((ended.len(), ledger.pending(ALL).unwrap()), (1, vec![other.clone()]));
    assert_eq!(ledger.waiting_tasks(true).unwrap(), [other]);
}

/// A run whose one request lies in an exported file, and what its line is known by.
async fn exported(dir: &Path) -> (Ledger, String) {
    let ledger = planned(dir, 1);
    let mut file = ledger.begin_batch("mini", "{}", false).unwrap();
    add(&ledger, &mut file, &task(0), None).await;
    let line = file.custom_id(id(&task(0)));
    ledger.finish_batch(file).unwrap();
    (ledger, line)
}

#[tokio::test]
async fn an_outcome_that_came_another_way_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, line) = exported(dir.path()).await;
    ledger.conclude(&task(0), None, Outcome::JudgeRefused(Why::new("refusal", "no"))).await.unwrap();
    let request = found(&ledger, &line).await;
    assert_eq!(ledger.close_request(&request, end("answered", Some(7)), Some(&scored(4))).await.unwrap(), []);
    assert_eq!(ledger.counts().unwrap(), [(Some(OutcomeName::JudgeRefused), 1)].into());
    assert_eq!(ledger.spent_micro_usd(), 7, "but it was paid");
}

/// Its request lay in a file while another one was lost.
#[tokio::test]
async fn a_result_ends_what_was_unresolved() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, line) = exported(dir.path()).await;
    ledger.conclude(&task(0), Some(id(&task(0))), Outcome::Unresolved(Why::new("connection", "m"))).await.unwrap();
    assert_eq!(ledger.kept_result(&line).await.unwrap(), None);
    let request = found(&ledger, &line).await;
    assert_eq!(ledger.close_request(&request, end("answered", Some(7)), Some(&scored(4))).await.unwrap(), [OutcomeName::Scored]);
    assert_eq!(ledger.counts().unwrap(), [(Some(OutcomeName::Scored), 1)].into());
    assert_eq!(ledger.kept_result(&line).await.unwrap().as_deref(), Some("{}"));
}

#[tokio::test]
async fn money_is_held_until_the_result_and_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 3);
    ledger.set_budget(Some(100)).unwrap();
    let mut file = ledger.begin_batch("mini", "{}", true).unwrap();
    assert!(ledger.batch_intent(&file, intent(&task(0), Some(60)), String::new()).await.is_err(), "not reserved");
    assert_eq!(ledger.reserve(60).await.unwrap(), Room::Held);
    add(&ledger, &mut file, &task(0), Some(60)).await;
    assert_eq!(ledger.reserve(41).await.unwrap(), Room::None);
    ledger.finish_batch(file).unwrap();
    ledger.close().unwrap();
    let ledger = open(dir.path());
    assert_eq!(ledger.spent_micro_usd(), 60);
    let batch = &ledger.batches().unwrap()[0];
    assert_eq!((batch.state, batch.requests, batch.online), (BatchState::Ready, 1, true));
    assert!(dir.path().join(&batch.file).is_file() && batch.file.starts_with("parts/"));
    assert_eq!(ledger.end_batch(batch, "refused", "expired").unwrap(), 1);
    assert_eq!(ledger.spent_micro_usd(), 0);
    assert!(!dir.path().join(&batch.file).exists());
}

#[tokio::test]
async fn steps_are_kept_and_a_batch_that_was_being_filled_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = planned(dir.path(), 2);
    let mut sent = ledger.begin_batch("http://h/v1#m", "{}", true).unwrap();
    add(&ledger, &mut sent, &task(0), None).await;
    ledger.finish_batch(sent).unwrap();
    ledger.step_batch(1, BatchState::Creating, Some("file-1"), None).unwrap();
    ledger.step_batch(1, BatchState::Sent, None, Some("batch-1")).unwrap();
    let mut half = ledger.begin_batch("mini", "{}", true).unwrap();
    add(&ledger, &mut half, &task(1), None).await;
    drop((half, ledger));
    let ledger = open(dir.path());
    ledger.drop_unfinished_batches().unwrap();
    let batches = ledger.batches().unwrap();
    assert_eq!(batches.iter().map(|batch| batch.state).collect::<Vec<_>>(), [BatchState::Sent, BatchState::Ended]);
    assert_eq!((batches[0].file_id.as_deref(), batches[0].batch_id.as_deref()), (Some("file-1"), Some("batch-1")));
    ledger.step_batch(1, BatchState::Ready, None, None).unwrap();
    let back = ledger.batch(1).unwrap().unwrap();
    assert_eq!((back.state, back.file_id.as_deref(), back.batch_id), (BatchState::Ready, Some("file-1"), None), "nothing runs there");
    ledger.step_batch(1, BatchState::Sent, None, Some("batch-2")).unwrap();
    assert!(batches[0].token.len() == 32 && batches[0].token != batches[1].token);
    assert_eq!(ledger.lookup(&task(1)).await.unwrap()[0].class, "never_sent");
    assert_eq!((ledger.waiting_tasks(true).unwrap(), ledger.open_requests(&[1, 2]).unwrap()), (vec![task(0)], 1));
    assert_eq!(std::fs::read_dir(dir.path().join("parts")).unwrap().count(), 1);
}
