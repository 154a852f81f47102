//! From a task to the line that asks for its verdict.

use bytes::Bytes;
use tribunal_media::Digest;

use super::form::Form;
use super::reading::Reading;
use crate::judge::ask::Ask;
use crate::judge::asked::Asked;
use crate::judge::terms::BatchTerms;
use crate::judge::{Intent, Journal, Judge, Known, Outcome, Settled, Stop, Work};

/// What becomes of a task that is to be asked in a batch.
#[derive(Debug)]
pub enum Packed {
    /// It needs no request.
    Ends(Settled),
    /// An equal request is in a batch already: its reply is this task's too, read by its judge's own rules.
    Twin(Digest),
    /// The line to write, once its intent is durable.
    Line(Box<Line>),
}

/// One request of a batch, its money reserved.
#[derive(Debug)]
pub struct Line {
    /// Which verdict it asks for; equal requests share it.
    pub verdict_id: Digest,
    form: Form,
    body: Vec<Bytes>,
    /// What the ledger must know before it is sent.
    pub intent: Intent,
    /// What its reply will be read by.
    pub reading: Reading,
}

impl Line {
    /// The line in pieces, with its end. `custom_id` is what its result is known by: at most 64 letters, digits, `-` and `_` (Anthropic's limit), and
    /// never the id of another request, this one's later attempts among them.
    pub fn pieces(&self, custom_id: &str) -> Vec<Bytes> {
        self.form.line(custom_id, &self.body)
    }
}

impl Judge {
    /// Why requests for this judge cannot be written as a batch file, if so.
    pub fn check_batch(&self) -> Result<(), String> {
        Form::of(self.settings.provider).map(drop).map_err(|problem| format!("judge `{}`: {problem}", self.name()))
    }

    /// Whether its requests are to go as batches. A replayed judge has nowhere to send them.
    pub fn is_batch(&self) -> bool {
        self.settings.batch && self.opened.provider.batches().is_some()
    }

    /// What one of its batches may hold and costs.
    pub fn batch_terms(&self) -> BatchTerms {
        self.terms.batch.unwrap_or(BatchTerms::UNKNOWN)
    }

    /// The settings that its replies are read and costed by, without where its key lies. The prices are those of today, also where they are a
    /// profile's, which a later version of this program may know better.
    pub fn reading_settings(&self) -> String {
        let (price, batch_terms) = (self.terms.price.clone(), self.terms.batch);
        let settings = crate::judge::Settings { api_key_env: None, api_key_file: None, price, batch_terms, ..self.settings.clone() };
        serde_json::to_string(&settings).unwrap_or_default()
    }

    /// The next attempt of a task as a line. `claim` is told its id and says whether it is the first in any batch: equal requests are asked
    /// once. Sends nothing, and waits for another judge that asks the same just now: its reply may do.
    pub async fn pack(&self, work: &Work, journal: &dyn Journal, claim: &(dyn Fn(Digest) -> bool + Sync)) -> Result<Packed, Stop> {
        let form = Form::of(self.settings.provider).map_err(Stop::Endpoint)?;
        let unasked = |outcome| Ok(Packed::Ends(Settled { outcome, verdict_id: None }));
        if let Some(why) = self.unasked(work) {
            return unasked(Outcome::Abstained(why));
        }
        let Asked { work, first, id } = match self.asked(work) {
            Ok(asked) => asked,
            Err(why) => return unasked(Outcome::JudgeUnusable(why)),
        };
        let work = &*work;
        let ends = |outcome| Ok(Packed::Ends(Settled { outcome, verdict_id: Some(id) }));
        let _alone = self.alone(id, journal).await?;
        let paid = match self.known(work, journal, id).await? {
            Known::Ended(outcome) => return ends(outcome),
            Known::Paid(paid) => paid,
        };
        let mut ask = Ask::new(self, work, journal, first, id, paid).await?;
        // Before the claim: what sends no request is nobody's twin.
        let settled = ask.settled_before();
        ask.note_read().await?;
        if let Some(outcome) = settled {
            return ends(outcome);
        }
        if !claim(id) {
            return Ok(Packed::Twin(id));
        }
        match ask.pack(self.batch_terms().price_factor).await? {
            Err(outcome) => ends(outcome),
            Ok((request, intent, dialect)) => {
                let reading = Reading::of(work, request.format, dialect);
                Ok(Packed::Line(Box::new(Line { verdict_id: id, form, body: request.body.sent, intent, reading })))
            }
        }
    }

    /// The path that every request of one of its batches goes to, where a batch has one.
    pub fn batch_endpoint(&self) -> Option<&'static str> {
        Form::of(self.settings.provider).ok().and_then(Form::endpoint)
    }
}
