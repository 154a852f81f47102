//! kill -9, again and again: nothing paid for is lost, and what is paid twice is bounded and counted.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Rig, attempts_of, ended, send};
use crate::support::{first_case, next, sized, table};

const IN_FLIGHT: usize = 16;

/// Kills the run `name` at up to `kills` points: after any number of requests, or at any moment of its start. Returns how often it was killed
/// before it ended by itself.
fn kill_loop(rig: &Rig, name: &str, seed: u64, kills: usize, items: usize, more: &[&str]) -> usize {
    let mut state = seed;
    // So that the items last for all kills.
    let most = (2 * items / kills).min(20) as u64;
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

/// How often the judge that is reached by `path` was asked each question.
fn asked(calls: &[Value], path: &str) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for call in calls.iter().filter(|call| call["path"].as_str().unwrap().starts_with(path)) {
        *asked.entry(call["text_sha256"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    asked
}

/// One judge's rows of the clean run and of the killed one, and what it was asked in the latter.
struct Judged {
    clean: Vec<Value>,
    killed: Vec<Value>,
    asked: BTreeMap<String, usize>,
}

impl Judged {
    fn new(rig: &Rig, judge: &str, path: &str, calls: &[Value]) -> Self {
        let [clean, killed] = ["clean", "killed"].map(|run| table(&rig.run(run)).into_iter().filter(|row| row["judge"] == judge).collect());
        Self { clean, killed, asked: asked(calls, path) }
    }

    /// Nothing is lost, and nothing asked again but what was in flight at a kill. Returns how often that was done.
    fn holds(&self, rig: &Rig, judge: &str, items: usize) -> u64 {
        assert_eq!((self.clean.len(), self.killed.len()), (items, items));
        let extra = self.asked.values().sum::<usize>() - self.asked.len();
        let open = attempts_of(&rig.run("killed"), judge, "open");
        assert!(extra as u64 <= open, "{judge}: {extra} extra requests, but only {open} were in flight at a kill");
        open
    }
}

/// Kills of one run: with more, most of the time would go into reading a long manifest again and again.
const OF_ONE_RUN: usize = 500;

#[test]
fn runs_that_are_killed_again_and_again_lose_nothing_and_pay_twice_for_little() {
    let (items, kills) = (sized(5_000, 100_000), sized(1_000, 10_000));
    let runs = kills.div_ceil(OF_ONE_RUN);
    let seeds: Vec<u64> = (2 + first_case() as u64..).take(runs).collect();
    for at_once in seeds.chunks(2) {
        std::thread::scope(|scope| at_once.iter().for_each(|seed| _ = scope.spawn(|| killed(*seed, kills / runs, items / runs))));
    }
}

/// Judge `j` may be asked again without end; judge `once` once, as by default.
#[expect(clippy::print_stdout, reason = "figures for whoever looks")]
fn killed(seed: u64, kills: usize, items: usize) {
    let once = "[judges.once]\nprovider = \"openai\"\nbase_url = \"MOCK/once/v1\"\nmodel = \"m\"\n";
    let rig = Rig::new(items, &json!({"latency_ms": 15}), &format!("max_crash_resends = 1000000\n{once}"));
    let more = ["--judge", "once", "--concurrency", &IN_FLIGHT.to_string()];
    rig.finish(0, "clean", &more);
    let before = rig.requests() as usize;
    assert_eq!(before, 2 * items);
    let (mut killed, mut items) = (0, items);
    loop {
        killed += kill_loop(&rig, "killed", seed + killed as u64, kills - killed, items, &more);
        if killed == kills {
            break;
        }
        // Where replies come faster than kills the items do not last; a run takes more of them.
        items += items / 4;
        rig.extend(items);
    }
    let exit = ended(&mut rig.start("killed", &more)).code();
    assert!(matches!(exit, Some(0 | 1)), "{exit:?}");
    let calls = rig.mock.calls().split_off(before);
    rig.finish(0, "clean", &more);
    let (free, once) = (Judged::new(&rig, "j", "/v1/", &calls), Judged::new(&rig, "once", "/once/v1/", &calls));
    let open = [free.holds(&rig, "j", items), once.holds(&rig, "once", items)];
    assert!(open.iter().all(|open| *open <= (killed * IN_FLIGHT) as u64), "{open:?} in flight at {killed} kills");
    assert!(free.asked.len() == items && free.clean == free.killed, "the tables differ");
    let most = once.asked.values().max().unwrap();
    assert!(*most <= 2, "one question was asked {most} times");
    let unknown = |row: &&Value| row["outcome"] == "unresolved";
    for (clean, killed) in once.clean.iter().zip(&once.killed) {
        if unknown(&killed) {
            assert_eq!((&killed["item_id"], &killed["reason"]), (&clean["item_id"], &"crashed_in_flight".into()));
        } else {
            assert_eq!(clean, killed);
        }
    }
    let unresolved = once.killed.iter().filter(unknown).count();
    // Killed between intent and request, more than once: nobody knows that it was never sent.
    assert!(items - once.asked.len() <= unresolved, "{} questions were never asked", items - once.asked.len());
    println!("{killed} kills over {items} items: {open:?} requests were in flight; {unresolved} unresolved where one resend is all");
    assert!(open[0] > 0 && unresolved > 0, "no kill met a request in flight");
}

#[test]
fn no_kill_takes_the_budget_over_its_wall() {
    const WALL: u64 = 300_000; // micro-dollars; the whole costs about twice as much
    let (items, rounds) = (sized(300, 2_000), sized(12, 200));
    let price = json!({"input_per_mtok": 2.0, "output_per_mtok": 8.0});
    let settings = "max_crash_resends = 1000000\n[judges.j.price]\ninput_per_mtok = 2.0\noutput_per_mtok = 8.0\ndate = \"2026-11-25\"\n";
    let rig = Rig::new(items, &json!({"latency_ms": 15, "price": price}), settings);
    let at_wall = ["--concurrency", "64", "--budget-usd", "0.3"];
    kill_loop(&rig, "run", 2, rounds, items, &at_wall);
    assert!(rig.billed() <= WALL, "{} of {WALL} are billed", rig.billed());
    let stopped = rig.finish(4, "run", &at_wall);
    assert!(rig.billed() <= WALL, "{} of {WALL} are billed", rig.billed());
    assert!(stopped["summary"]["pending"].as_u64().unwrap() > 0);
    let done = rig.finish(0, "run", &["--concurrency", "64", "--budget-usd", "30"]);
    assert_eq!(done["summary"]["by_outcome"]["scored"], items as u64);
}
