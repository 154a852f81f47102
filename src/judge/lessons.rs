//! What a judge learns of its server on the way, and when it takes that back.

use std::sync::PoisonError;

use super::dialect::Dialect;
use super::retry::{Class, Fault};
use super::server_error::ServerError;
use super::{Judge, Why, Work, terms};

impl Judge {
    /// Begins with what a server's refusals taught an earlier process, oldest first.
    pub fn recall(&self, refusals: &[String]) {
        for refusal in refusals {
            let (used, wire) = (self.dialect(), &self.opened.wire);
            if let Some((next, lesson)) = used.after(&ServerError::read(refusal), wire.ladder(), wire.format_words(), None) {
                self.learn(used, next, lesson);
            }
        }
    }

    /// Begins where what is replayed ended, and knows what it may have spoken before: which task taught what hung on the moment. What was learnt may have
    /// been taken back and learnt in another order, so that is whatever the refusals lead to, the most learnt first.
    pub(super) fn begin_with(&mut self, refusals: &[String]) {
        self.recall(refusals);
        let (wire, errors) = (&self.opened.wire, refusals.iter().map(|refusal| ServerError::read(refusal)).collect::<Vec<_>>());
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
        let taught = self.lessons.lock().unwrap_or_else(PoisonError::into_inner).clone();
        taught.into_iter().chain(self.senses.lesson()).collect()
    }

    /// A refusal that names something we can leave out is no fault of the item: the next attempt leaves it out. The flag says so. `sent` is the
    /// recorded body where it is at hand: what it does not hold cannot be left out.
    pub(super) fn learn_from(&self, fault: Fault, used: Dialect, sent: Option<&str>) -> (Fault, bool) {
        let may_teach = fault.class == Class::BadItem && matches!(fault.status, Some(400 | 422));
        let wire = &self.opened.wire;
        let next = if may_teach { used.after(&ServerError::read(&fault.reply), wire.ladder(), wire.format_words(), sent) } else { None };
        match next {
            Some((next, lesson)) => {
                self.learn(used, next, lesson);
                (Fault { class: Class::Refused, ..fault }, true)
            }
            None => (fault, false),
        }
    }

    /// After a faulty reply in `used` that was cut off at its most tokens, later ones may have more, unless the settings say how many or the model cannot
    /// hold them. `said` is what came of it, `reasks` how often it was asked for again before. The dialects before and after.
    pub(super) fn raise(&self, used: Dialect, why: &Why, said: &str, reasks: u32, work: &Work) -> Option<(Dialect, Dialect)> {
        // Cut before a word: reasoning took it all. Cut in its words, it may do better when told, once.
        let is_cut = why.reason == "truncated" && (said.is_empty() || reasks > 0);
        let next = used.raised().filter(|_| is_cut && self.settings.max_tokens.is_none())?;
        let first = self.settings.first_max_tokens();
        let (was, most) = (used.max_tokens(first), next.max_tokens(first));
        let input = terms::estimate(&self.terms.tokens, work).input();
        if self.terms.limits.context_tokens.is_some_and(|context| input + f64::from(most) > context as f64) {
            return None;
        }
        self.learn(
            used,
            next,
            format!("its replies do not fit into {was} tokens; up to {most} are asked for (`max_tokens` fixes a number)"),
        );
        Some((used, next))
    }

    /// What is sent to this endpoint now, and then what a replayed run may have sent.
    pub(super) fn dialects(&self) -> impl Iterator<Item = Dialect> + use<'_> {
        let now = self.dialect();
        std::iter::once(now).chain(self.spoken.iter().copied().filter(move |spoken| *spoken != now)).flat_map(Dialect::at_any_length)
    }

    /// What is sent to this endpoint now.
    pub(super) fn dialect(&self) -> Dialect {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was answered in this dialect.
    pub(super) fn confirm(&self, dialect: Dialect) {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = Some(dialect);
    }

    /// Whether it served anything in this process: then a bare 404 is a host in trouble, not a wrong address.
    pub(super) fn has_served(&self) -> bool {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Goes back from `after` to `before`, unless something was answered in it.
    pub(super) fn unlearn(&self, before: Dialect, after: Dialect) {
        let confirmed = *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) == Some(after);
        let mut dialect = self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        if !confirmed && *dialect == after {
            *dialect = before;
            self.lessons.lock().unwrap_or_else(PoisonError::into_inner).pop();
        }
    }

    /// Goes from `used` to `next`, unless another task has moved on already.
    pub(super) fn learn(&self, used: Dialect, next: Dialect, lesson: String) {
        let mut dialect = self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        if *dialect == used {
            *dialect = next;
            self.lessons.lock().unwrap_or_else(PoisonError::into_inner).push(lesson);
        }
    }
}
