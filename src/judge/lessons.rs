//! What a judge learns of its server on the way, and when it takes that back.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::dialect::{Dialect, ReplyFormat};
use super::retry::{Class, Fault, StopKind};
use super::server_error::ServerError;
use super::{Judge, Why, Work, terms};

/// What refusals taught of a model at an endpoint. All judges of a run that ask it learn together; how long its replies may be each judge learns itself.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    /// The dialects that were spoken, each with what led to it in words; the last one is spoken now. The first of all has no words, and is not among them.
    steps: Vec<(Dialect, String)>,
    /// How many of the steps stand: something was answered after them.
    sure: usize,
    /// Refusals of earlier programs that were recalled, which did not say in which dialect they were: they count once.
    recalled: BTreeSet<String>,
}

/// A refusal that taught an earlier process something, and how the shape of the reply was asked for then, where that is known.
pub type Lesson = (String, Option<ReplyFormat>);

impl Lessons {
    fn now(&self) -> Dialect {
        self.steps.last().map_or_else(Dialect::default, |(dialect, _)| *dialect)
    }

    /// How many steps lead to a dialect.
    fn place(&self, dialect: Dialect) -> Option<usize> {
        std::iter::once(Dialect::default()).chain(self.steps.iter().map(|(spoken, _)| *spoken)).position(|spoken| spoken == dialect)
    }

    /// Goes from `used` to `next`, unless somebody has moved on already.
    fn learn(&mut self, used: Dialect, next: Dialect, lesson: String) {
        if self.now() == used {
            self.steps.push((next, lesson));
        }
    }

    /// Something was answered in this dialect.
    fn confirm(&mut self, dialect: Dialect) {
        self.sure = self.sure.max(self.place(dialect).unwrap_or(0));
    }

    /// Goes back to `before`, or as far as nothing was answered since.
    fn unlearn(&mut self, before: Dialect) {
        if let Some(place) = self.place(before) {
            self.steps.truncate(place.max(self.sure));
        }
    }
}

impl Judge {
    /// Lets judges that ask one model at one endpoint learn together what it accepts.
    pub fn learn_together(judges: &mut [Self]) {
        for at in 1..judges.len() {
            let (known, later) = judges.split_at_mut(at);
            let judge = &mut later[0];
            let same = |known: &&mut Self| {
                let asks = |judge: &Self| (judge.opened.endpoint.clone(), judge.opened.model.clone(), judge.settings.provider);
                judge.opened.live && known.opened.live && asks(known) == asks(judge)
            };
            if let Some(known) = known.iter_mut().find(same) {
                (judge.lessons, judge.scout) = (Arc::clone(&known.lessons), Arc::clone(&known.scout));
            }
        }
    }

    /// Begins with what a server's refusals taught an earlier process, oldest first.
    pub fn recall(&self, refusals: &[Lesson]) {
        if !refusals.is_empty() {
            self.scout.comes_back();
        }
        for (refusal, format) in refusals {
            let (error, wire, used) = (ServerError::read(refusal), &self.opened.wire, self.dialect());
            let heard = match format {
                // Of another judge, or of an earlier try.
                Some(format) => *format != used.format && error.refuses_format(wire.format_words()),
                None => !self.school().recalled.insert(refusal.clone()),
            };
            if !heard && let Some((next, lesson)) = used.after(&error, wire.ladder(), wire.format_words(), None) {
                self.learn(used, next, lesson);
            }
        }
    }

    /// Begins where what is replayed ended, and knows what it may have spoken before: which task taught what hung on the moment. What was learnt may have
    /// been taken back and learnt in another order, so that is whatever the refusals lead to, the most learnt first.
    pub(super) fn begin_with(&mut self, refusals: &[Lesson]) {
        self.recall(refusals);
        let (wire, errors) = (&self.opened.wire, refusals.iter().map(|(refusal, _)| ServerError::read(refusal)).collect::<Vec<_>>());
        let mut spoken = vec![Dialect::default()];
        let mut place = 0;
        while let Some(used) = spoken.get(place).copied() {
            let after = |error: &ServerError| used.after(error, wire.ladder(), wire.format_words(), None);
            for (next, _) in errors.iter().filter_map(after) {
                if !spoken.contains(&next) {
                    spoken.push(next);
                }
            }
            place += 1;
        }
        spoken.reverse();
        self.spoken = spoken;
    }

    /// What refusals so far taught of what the server accepts, and what it could not say of itself.
    pub fn lessons(&self) -> Vec<String> {
        let taught: Vec<String> = self.school().steps.iter().map(|(_, lesson)| lesson.clone()).collect();
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).clone();
        taught.into_iter().chain(raised).chain(self.senses.lesson()).collect()
    }

    /// A refusal that names something we can leave out is no fault of the item: the next attempt leaves it out. The flag says so. `sent` is the
    /// recorded body where it is at hand: what it does not hold cannot be left out, and what is quoted of it teaches nothing.
    pub(super) fn learn_from(&self, fault: Fault, used: Dialect, sent: Option<&str>) -> (Fault, bool) {
        // OpenAI tells by 403 that a model has no log-probabilities; without a name of something that was sent it is the key.
        let may_teach = match fault.status {
            Some(400 | 422 | 500) => fault.class == Class::BadItem,
            Some(403) => fault.class == Class::Stopped(StopKind::Auth),
            _ => false,
        };
        let wire = &self.opened.wire;
        let error = || sent.into_iter().fold(ServerError::read(&fault.reply), ServerError::unquoted);
        let next = if may_teach { used.after(&error(), wire.ladder(), wire.format_words(), sent) } else { None };
        match next {
            Some((next, lesson)) => {
                self.learn(used, next, lesson);
                (Fault { class: Class::Refused, ..fault }, true)
            }
            None => (fault, false),
        }
    }

    /// After a faulty reply in `used` that was cut off at its most tokens, later ones may have more, unless the settings say how many or the model cannot
    /// hold them. `said` is what came of it, `reasks` how often it was asked for again before. Whether they may.
    pub(super) fn raise(&self, used: Dialect, why: &Why, said: &str, reasks: u32, work: &Work) -> bool {
        // Cut before a word: reasoning took it all. Cut in its words, it may do better when told, once.
        let is_cut = why.reason == "truncated" && (said.is_empty() || reasks > 0);
        let Some(next) = used.raised().filter(|_| is_cut && self.settings.max_tokens.is_none()) else { return false };
        let first = self.settings.first_max_tokens();
        let (was, most) = (used.max_tokens(first), next.max_tokens(first));
        let input = terms::estimate(&self.terms.tokens, work).input();
        if self.terms.limits.context_tokens.is_some_and(|context| input + f64::from(most) > context as f64) {
            return false;
        }
        self.learn(
            used,
            next,
            format!("its replies do not fit into {was} tokens; up to {most} are asked for (`max_tokens` fixes a number)"),
        );
        true
    }

    /// What is sent to this endpoint now, and then what a replayed run may have sent.
    pub(super) fn dialects(&self) -> impl Iterator<Item = Dialect> + use<'_> {
        let now = self.dialect();
        std::iter::once(now).chain(self.spoken.iter().copied().filter(move |spoken| *spoken != now)).flat_map(Dialect::at_any_length)
    }

    /// What is sent to this endpoint now.
    pub(super) fn dialect(&self) -> Dialect {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.school().now().with_raised(raised)
    }

    /// Something was answered in this dialect.
    pub(super) fn confirm(&self, dialect: Dialect) {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = Some(dialect);
        self.school().confirm(dialect.with_raised(0));
    }

    /// Whether it served anything in this process: then a bare 404 is a host in trouble, not a wrong address.
    pub(super) fn has_served(&self) -> bool {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Goes back to `before`, or as far as nothing was answered since.
    pub(super) fn unlearn(&self, before: Dialect) {
        self.school().unlearn(before.with_raised(0));
        let sure = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).map_or(0, Dialect::times_raised);
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).truncate(before.times_raised().max(sure));
    }

    /// Goes from `used` to `next`, unless another task has moved on already.
    fn learn(&self, used: Dialect, next: Dialect, lesson: String) {
        if next.times_raised() == used.times_raised() {
            return self.school().learn(used.with_raised(0), next.with_raised(0), lesson);
        }
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        if raised.len() == used.times_raised() {
            raised.push(lesson);
        }
    }

    fn school(&self) -> MutexGuard<'_, Lessons> {
        self.lessons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Lessons, ReplyFormat, ServerError};

    /// The dialects down the ladder of formats.
    fn rungs() -> [Dialect; 3] {
        [ReplyFormat::Schema, ReplyFormat::Object, ReplyFormat::Prompt].map(Dialect::asking_by)
    }

    #[test]
    fn what_one_item_taught_is_taken_back_whole() {
        let [schema, object, prompt] = rungs();
        let mut lessons = Lessons::default();
        lessons.learn(schema, object, "a".to_owned());
        lessons.learn(schema, object, "of another task".to_owned());
        lessons.learn(object, prompt, "b".to_owned());
        assert_eq!((lessons.now(), lessons.steps.len()), (prompt, 2));
        lessons.unlearn(schema);
        assert_eq!((lessons.now(), lessons.steps.len()), (schema, 0));
    }

    #[test]
    fn what_something_was_answered_after_stands() {
        let [schema, object, prompt] = rungs();
        let mut lessons = Lessons::default();
        lessons.learn(schema, object, "a".to_owned());
        lessons.confirm(object);
        // Of a request that was on its way before.
        lessons.confirm(schema);
        lessons.learn(object, prompt, "b".to_owned());
        lessons.unlearn(schema);
        assert_eq!(lessons.now(), object);
    }

    #[test]
    fn a_quote_of_the_request_is_no_word_of_the_servers() {
        let item = "hello my response_format, temperature and seed are not supported, \"really\"";
        let recorded =
            serde_json::json!({"response_format": {"type": "json_schema"}, "seed": 0, "messages": [{"content": item}]}).to_string();
        let read = |message: &str| ServerError::read(&serde_json::json!({"error": {"message": message, "param": null}}).to_string());
        let rung = |message: &str| {
            let ladder = [ReplyFormat::Schema, ReplyFormat::Object, ReplyFormat::Prompt];
            Dialect::default().after(&read(message).unquoted(&recorded), &ladder, &["response_format"], Some(&recorded)).is_some()
        };
        assert!(!rung(&format!("messages[0].content: invalid character in '{item}'")));
        assert!(!rung(&format!("invalid character in '{}...", &item[..48])), "as much as fits");
        assert!(!rung("unsupported characters in 'HELLO my response_format, temperature AND seed'"));
        assert!(rung("response_format is not supported") && rung("Unrecognized request argument supplied: seed"));
        assert!(rung(&format!("Unrecognized request argument supplied: seed, beside '{item}'")));
    }
}
