//! From a line of results to the end of its attempt and, mostly, of its task.

use super::reading::Reading;
use super::reply::BatchReply;
use crate::judge::ask::{MAX_REASKS, MAX_RESENDS};
use crate::judge::reply::{Costing, attempt_end, ruling};
use crate::judge::retry::{Class, Fault};
use crate::judge::senses::not_taken;
use crate::judge::terms::BatchTerms;
use crate::judge::{AttemptEnd, Judge, Outcome, Past, Settings, Task, Terms, Why};

/// What a line of results comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// How the attempt ended.
    pub end: AttemptEnd,
    /// How the task ended; `None` when it is to be asked again.
    pub outcome: Option<Outcome>,
    /// Whether it was put off unexecuted: expired or cancelled with its batch, or refused for now.
    pub put_off: bool,
    /// Why nothing more is to be asked: the key, the account or the address is refused.
    pub stop: Option<String>,
}

/// The terms that a batch was packed under, from the [settings](Judge::reading_settings) that were kept with it; the error says why they cannot be read.
pub fn packed_terms(settings: &str) -> Result<Terms, String> {
    serde_json::from_str::<Settings>(settings).map_err(|error| error.to_string())?.terms()
}

/// One line of results and what is known of its request.
#[derive(Debug, Clone, Copy)]
pub struct ResultLine<'a> {
    /// What it is read by.
    pub reading: &'a Reading,
    /// Whose request it answers.
    pub task: &'a Task,
    /// All attempts of the task, this one among them.
    pub past: &'a [Past],
    /// What it says.
    pub reply: &'a BatchReply,
    /// What was sent, as it is recorded, where the line may [quote](BatchReply::may_quote) it.
    pub sent: Option<&'a str>,
}

impl Judge {
    /// Reads one line of results by the rules of single requests, and costs it by the terms that its batch was packed under. With `reasks` a faulty
    /// reply is asked for again, as often as of single requests, else it is final.
    pub fn read_result(&self, line: ResultLine<'_>, terms: &Terms, reasks: bool) -> Closed {
        let ResultLine { reading, task, past, reply, sent } = line;
        let work = reading.work(task);
        let costing = Costing { terms, batch: Some(terms.batch.unwrap_or(BatchTerms::UNKNOWN)) };
        match &reply.result {
            Ok(reply) => {
                let end = attempt_end(self, &work, Ok(reply), reading.format, None, costing);
                let answered = count(past, &["answered"]) as u32;
                let outcome = match ruling(self, &work, reply, reading.format) {
                    Ok(outcome) => Some(outcome),
                    Err((why, said)) if reasks && answered < MAX_REASKS => {
                        self.raise(reading.dialect, &why, &said, answered, &work);
                        None
                    }
                    Err((why, _)) => Some(Outcome::JudgeUnusable(why)),
                };
                Closed { end, outcome, put_off: false, stop: None }
            }
            Err(fault) => {
                let (fault, taught) = if reasks { self.learn_from(fault.clone(), reading.dialect, sent) } else { (fault.clone(), false) };
                let end = attempt_end(self, &work, Err(&fault), reading.format, None, costing);
                let ended = || not_taken(&fault, &work).map(Outcome::Abstained).or_else(|| after(&fault, lost(past)));
                let outcome = if taught { None } else { ended() };
                let stop = match fault.class {
                    Class::Stopped(kind) => Some(self.stop(kind, &fault.message).to_string()),
                    _ => None,
                };
                Closed { end, outcome, put_off: !taught && matches!(fault.class, Class::Refused | Class::NeverSent), stop }
            }
        }
    }
}

/// Attempts that ended so.
fn count(past: &[Past], classes: &[&str]) -> usize {
    past.iter().filter(|past| classes.contains(&past.class.as_str())).count()
}

/// Attempts before this one, which has no end yet, that may have been billed without an answer.
fn lost(past: &[Past]) -> u32 {
    count(past, &["open", "exported", "ambiguous"]).saturating_sub(1) as u32
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
