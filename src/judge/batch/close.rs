//! From a line of results to the end of its attempt and, mostly, of its task.

use super::reading::Reading;
use super::reply::BatchReply;
use crate::judge::ask::{MAX_REASKS, MAX_RESENDS};
use crate::judge::client::not_taken;
use crate::judge::reply::{attempt_end, ruling};
use crate::judge::retry::{Class, Fault};
use crate::judge::{AttemptEnd, Judge, Outcome, Past, Task, Why};

/// What a line of results comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// How the attempt ended.
    pub end: AttemptEnd,
    /// How the task ended; `None` when it is to be asked again.
    pub outcome: Option<Outcome>,
    /// Whether it was put off unexecuted: expired or cancelled with its batch, or refused for now.
    pub put_off: bool,
}

impl Judge {
    /// Reads one line of results by the rules of single requests. `past` are all attempts of the task, this one among them. With `reasks` a
    /// faulty reply is asked for again, as often as of single requests, else it is final.
    pub fn read_result(&self, reading: &Reading, task: &Task, past: &[Past], reply: &BatchReply, reasks: bool) -> Closed {
        let (terms, work) = (Some(self.batch_terms()), reading.work(task));
        match &reply.result {
            Ok(reply) => {
                let end = attempt_end(self, &work, Ok(reply), reading.format, 0, terms);
                let answered = count(past, &["answered"]) as u32;
                let outcome = match ruling(self, &work, reply, reading.format) {
                    Ok(outcome) => Some(outcome),
                    Err((why, said)) if reasks && answered < MAX_REASKS => {
                        self.raise(reading.dialect, &why, &said, answered, &work);
                        None
                    }
                    Err((why, _)) => Some(Outcome::JudgeUnusable(why)),
                };
                Closed { end, outcome, put_off: false }
            }
            Err(fault) => {
                let (fault, taught) = if reasks { self.learn_from(fault.clone(), reading.dialect, None) } else { (fault.clone(), false) };
                let end = attempt_end(self, &work, Err(&fault), reading.format, 0, terms);
                let ended = || not_taken(&fault, &work).map(Outcome::Abstained).or_else(|| after(&fault, lost(past)));
                let outcome = if taught { None } else { ended() };
                Closed { end, outcome, put_off: !taught && matches!(fault.class, Class::Refused | Class::NeverSent | Class::Stopped(_)) }
            }
        }
    }
}

/// Attempts that ended so.
fn count(past: &[Past], classes: &[&str]) -> usize {
    past.iter().filter(|past| classes.contains(&past.class.as_str())).count()
}

/// Attempts before this one, which is open, that may have been billed without an answer.
fn lost(past: &[Past]) -> u32 {
    count(past, &["open", "ambiguous"]).saturating_sub(1) as u32
}

/// What a fault leads to; `None`: it is asked again.
fn after(fault: &Fault, lost: u32) -> Option<Outcome> {
    let why = Why::new(&fault.reason, fault.message.clone());
    match fault.class {
        Class::BadItem => Some(Outcome::JudgeUnusable(why)),
        Class::Filtered => Some(Outcome::JudgeRefused(why)),
        Class::Ambiguous if lost >= MAX_RESENDS => Some(Outcome::Unresolved(why)),
        Class::Ambiguous | Class::Refused | Class::NeverSent | Class::Stopped(_) => None,
    }
}
