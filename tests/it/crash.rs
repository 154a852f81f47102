//! kill -9, again and again: nothing paid for is lost, and what is paid twice is bounded and counted.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Rig, attempts, ended, send};
use crate::support::{next, sized, table};

const IN_FLIGHT: usize = 16;
const AT_ONCE: [&str; 2] = ["--concurrency", "16"];

/// Kills the run `name` at up to `kills` points: after any number of requests, or at any moment of its start. Returns how often it was killed
/// before it ended by itself.
fn kill_loop(rig: &Rig, name: &str, kills: usize, items: usize, more: &[&str]) -> usize {
    let mut state = 2;
    // So that the items last for all kills.
    let most = (2 * items / kills) as u64;
    for kill in 0..kills {
        let at = rig.requests() + 1 + next(&mut state) % most;
        let mut child = rig.start(name, more);
        if kill % 4 == 0 {
            std::thread::sleep(Duration::from_millis(1 + next(&mut state) % 200));
        } else {
            rig.until(at, &mut child);
            std::thread::sleep(Duration::from_micros(next(&mut state) % 20_000));
        }
        send(Signal::KILL, &child);
        if ended(&mut child).code().is_some() {
            return kill;
        }
    }
    kills
}

/// How often the judge was asked each question since its `from`-th call.
fn asked(rig: &Rig, from: usize) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for call in rig.mock.calls().into_iter().skip(from) {
        *asked.entry(call["text_sha256"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    asked
}

/// A clean run, and one that is killed again and again; returns their tables and the most often that one question was asked.
#[expect(clippy::print_stdout, reason = "figures for whoever looks")]
fn killed(settings: &str, exits: &[i32]) -> (Vec<Value>, Vec<Value>, usize) {
    let (items, kills) = (sized(600, 100_000), sized(60, 10_000));
    let rig = Rig::new(items, &json!({"latency_ms": 15}), settings);
    rig.finish(0, "clean", &AT_ONCE);
    let before = rig.requests();
    assert_eq!(before, items as u64);
    let killed = kill_loop(&rig, "killed", kills, items, &AT_ONCE);
    assert!(killed > kills / 2, "it ended by itself after {killed} kills");
    let mut last = rig.start("killed", &AT_ONCE);
    let exit = ended(&mut last).code();
    assert!(exit.is_some_and(|exit| exits.contains(&exit)), "{exit:?}");
    let (extra, open) = (rig.requests() - before - items as u64, attempts(&rig.run("killed"), "open"));
    println!("{killed} kills over {items} items: {open} requests were in flight, {extra} were asked again");
    assert!(extra <= open, "{extra} extra requests, but only {open} were in flight at a kill");
    assert!(open <= (killed * IN_FLIGHT) as u64, "{open} in flight at {killed} kills");
    let most = asked(&rig, before as usize).into_values().max().unwrap();
    (table(&rig.run("clean")), table(&rig.run("killed")), most)
}

#[test]
fn a_run_that_is_killed_again_and_again_comes_to_the_same_table() {
    let (clean, killed, _) = killed("max_crash_resends = 1000000\n", &[0]);
    assert!(clean == killed, "the tables differ");
}

#[test]
fn by_default_no_question_is_paid_more_than_twice_and_what_is_unknown_says_so() {
    let (clean, killed, most) = killed("", &[0, 1]);
    assert!(most <= 2, "one question was asked {most} times");
    assert_eq!(clean.len(), killed.len());
    let mut unresolved = 0;
    for (clean, killed) in clean.iter().zip(&killed) {
        if killed["outcome"] == "unresolved" {
            assert_eq!((&killed["item_id"], &killed["reason"]), (&clean["item_id"], &"crashed_in_flight".into()));
            unresolved += 1;
        } else {
            assert_eq!(clean, killed);
        }
    }
    println!("{unresolved} of {} are unresolved", clean.len());
}

#[test]
fn no_kill_takes_the_budget_over_its_wall() {
    const WALL: u64 = 300_000; // micro-dollars; the whole costs about twice as much
    let (items, rounds) = (sized(300, 2_000), sized(12, 200));
    let price = json!({"input_per_mtok": 2.0, "output_per_mtok": 8.0});
    let settings = "max_crash_resends = 1000000\n[judges.j.price]\ninput_per_mtok = 2.0\noutput_per_mtok = 8.0\ndate = \"2026-11-25\"\n";
    let rig = Rig::new(items, &json!({"latency_ms": 15, "price": price}), settings);
    let at_wall = ["--concurrency", "64", "--budget-usd", "0.3"];
    kill_loop(&rig, "run", rounds, items, &at_wall);
    assert!(rig.billed() <= WALL, "{} of {WALL} are billed", rig.billed());
    let stopped = rig.finish(4, "run", &at_wall);
    assert!(rig.billed() <= WALL, "{} of {WALL} are billed", rig.billed());
    assert!(stopped["summary"]["pending"].as_u64().unwrap() > 0);
    let done = rig.finish(0, "run", &["--concurrency", "64", "--budget-usd", "30"]);
    assert_eq!(done["summary"]["by_outcome"]["scored"], items as u64);
}
