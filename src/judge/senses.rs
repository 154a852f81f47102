//! What a model takes in: what the format carries, what its server says when it is asked, once for all, and what refusals say.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tribunal_media::Encoding;

use super::retry::{Class, Fault};
use super::server_error::{ServerError, short};
use super::{Journal, Judge, Stop, Takes, Why, Work};

/// A question that failed is put again after so many times the time that it took: it is worth no more of a run than that.
const WORTH: u32 = 60;
/// After the first failure at the earliest so; twice as long with each one, up to a minute.
const FIRST_REST: Duration = Duration::from_secs(1);

/// What is known of it. One asks at a time; who comes meanwhile waits for that answer, or for its failure, and never for another.
#[derive(Debug, Default)]
pub(super) struct Senses {
    asking: tokio::sync::Mutex<()>,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
enum Heard {
    #[default]
    Nothing,
    /// `None`: it never says.
    Answer(Option<Takes>),
    /// It could not say, the last time so.
    Failure { times: u32, again: Instant, words: String },
}

impl Senses {
    /// Whether nobody need ask now, and what is known then.
    pub(super) fn known(&self) -> (bool, Option<Takes>) {
        match &*self.heard() {
            Heard::Nothing => (false, None),
            Heard::Answer(takes) => (true, *takes),
            Heard::Failure { again, .. } => (*again > Instant::now(), None),
        }
    }

    /// Takes in what became of a question that cost so much time, and says what is known now.
    fn hear(&self, said: Result<Option<Takes>, Fault>, cost: Duration) -> Option<Takes> {
        let mut heard = self.heard();
        let times = if let Heard::Failure { times, .. } = *heard { times } else { 0 };
        *heard = match said {
            Ok(takes) => Heard::Answer(takes),
            // The server is starting, or away; whatever else it says, it says so for good.
            Err(fault) if matches!(fault.status, None | Some(429 | 500..=599)) => {
                let rest = FIRST_REST.saturating_mul(1 << times.min(6)).min(Duration::from_mins(1)).max(cost.saturating_mul(WORTH));
                Heard::Failure { times: times + 1, again: Instant::now() + rest, words: short(&fault.message) }
            }
            Err(_) => Heard::Answer(None),
        };
        if let Heard::Answer(takes) = *heard { takes } else { None }
    }

    /// That it could not say what its model takes in, where it was asked and never did.
    pub(super) fn lesson(&self) -> Option<String> {
        let heard = self.heard();
        let Heard::Failure { words, .. } = &*heard else { return None };
        Some(format!("it does not say what its model takes in ({words}); media are sent all the same"))
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Judge {
    /// What format and model can take in. The server is asked only when there is something to ask about; where it cannot say, all that the format carries
    /// is sent.
    pub(super) async fn carries(&self, work: &Work, journal: &dyn Journal) -> Result<Takes, Stop> {
        let format = self.takes();
        if work.payload.parts.iter().all(|part| part.header.encoding == Encoding::Utf8) {
            return Ok(format);
        }
        let (known, mut model) = self.senses.known();
        if !known {
            model = tokio::select! {
                model = self.ask_senses() => model?,
                stopping = journal.stopped() => return Err(Stop::Journal(stopping)),
            };
        }
        Ok(model.map_or(format, |model| format.and(model)))
    }

    /// Why there is nothing to ask, as far as the format alone tells: the server is not asked what its model takes in.
    pub(super) fn unasked(&self, work: &Work) -> Option<Why> {
        self.abstains(work.risk.as_deref(), work.modality).or_else(|| unsupported(self.takes(), work))
    }

    /// What the wire format carries, as far as the model is known to take it in.
    pub(super) fn takes(&self) -> Takes {
        self.opened.wire.carries().and(self.terms.takes)
    }

    /// Asks, unless somebody else did meanwhile. The question keeps the server's quiet like all others, and hears of it.
    async fn ask_senses(&self) -> Result<Option<Takes>, Stop> {
        let _asking = self.senses.asking.lock().await;
        if let (true, model) = self.senses.known() {
            return Ok(model);
        }
        self.limiter.quiet.over().await;
        let start = Instant::now();
        let said = self.opened.provider.modalities().await;
        let asked = said.as_ref().err().and_then(|fault| fault.retry_after).unwrap_or_default();
        self.limiter.quiet.keep(asked);
        said.as_ref().err().map_or(Ok(()), |fault| self.refuse_long(fault))?;
        Ok(self.senses.hear(said, start.elapsed() + asked))
    }
}

/// What a refusal of an item says of its media as such: the model takes in none of the kind, which nobody knew.
pub(super) fn not_taken(fault: &Fault, work: &Work) -> Option<Why> {
    let error = (fault.class == Class::BadItem).then(|| ServerError::read(&fault.reply))?;
    let said = Takes { pictures: !error.refuses_pictures(), sound: !error.refuses_sound() };
    unsupported(said, work).map(|why| Why { message: format!("{}: {}", why.message, error.message), ..why })
}

/// Why a judge that takes in no more than `carried` cannot judge `work`.
pub(super) fn unsupported(carried: Takes, work: &Work) -> Option<Why> {
    let has = |encodings: &[Encoding]| work.payload.parts.iter().any(|part| encodings.contains(&part.header.encoding));
    let missing = |kind: &str| Some(Why::new("modality_not_supported", format!("the judge takes in no {kind}")));
    match carried {
        Takes { pictures: false, .. } if has(&[Encoding::Jpeg]) => missing("pictures"),
        Takes { sound: false, .. } if has(&[Encoding::Wav, Encoding::Flac]) => missing("sound"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Duration, Fault, Heard, Instant, Senses, Takes};

    const BLIND: Takes = Takes { pictures: false, sound: false };

    fn failed(status: Option<u16>) -> Result<Option<Takes>, Fault> {
        Err(Fault { status, ..Fault::new(Class::Ambiguous, "timeout", "no answer".into()) })
    }

    /// Seconds until somebody has to ask again.
    fn rest(senses: &Senses) -> u64 {
        let Heard::Failure { again, .. } = *senses.heard() else { return 0 };
        again.duration_since(Instant::now()).as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_known_for_a_while_and_an_answer_for_good() {
        let senses = Senses::default();
        assert_eq!(senses.known(), (false, None));
        let rests: Vec<u64> = (0..8)
            .map(|_| {
                assert_eq!(senses.hear(failed(Some(503)), Duration::from_millis(5)), None);
                rest(&senses)
            })
            .collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(senses.known(), (true, None));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(senses.known(), (false, None));
        senses.hear(failed(None), Duration::from_secs(10));
        assert_eq!(rest(&senses), 600, "what takes long is seldom asked");
        assert!(senses.lesson().unwrap().contains("no answer"));
        assert_eq!(senses.hear(Ok(Some(BLIND)), Duration::ZERO), Some(BLIND));
        assert_eq!((senses.known(), senses.lesson()), ((true, Some(BLIND)), None));
    }

    #[test]
    fn a_server_that_knows_no_such_question_is_asked_no_more() {
        let senses = Senses::default();
        assert_eq!(senses.hear(failed(Some(404)), Duration::ZERO), None);
        assert_eq!((senses.known(), senses.lesson()), ((true, None), None));
    }
}
