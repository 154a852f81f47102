//! Tokens of a request before it is sent, and how far the server's counts differ.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::TokenRules;
use super::tokens::{Counted, counted, part_tokens};
use crate::judge::{Usage, Work};

/// Tokens that chat templates add to a request.
const TEMPLATE: f64 = 10.0;
/// Replies after which counts are believed as they are; before that they are mixed with the rules in proportion.
const BELIEVED: f64 = 5.0;

/// Tokens by kind. Fractions are kept: they are sums of rules.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Estimate {
    /// Of texts: instructions, labels, text parts.
    pub text: f64,
    /// Of pictures.
    pub image: f64,
    /// Of sound.
    pub audio: f64,
    /// Of the reply.
    pub output: f64,
}

impl Estimate {
    /// Tokens in.
    pub fn input(&self) -> f64 {
        self.text + self.image + self.audio
    }
}

impl std::ops::AddAssign for Estimate {
    fn add_assign(&mut self, other: Self) {
        self.text += other.text;
        self.image += other.image;
        self.audio += other.audio;
        self.output += other.output;
    }
}

/// Tokens of the request for `work` by the published rules.
pub(in crate::judge) fn estimate(rules: &TokenRules, work: &Work) -> Estimate {
    let prompt = &work.prompt;
    let words = [&prompt.system, &prompt.before, &prompt.after].into_iter().chain(&prompt.labels).map(String::len).sum::<usize>();
    let mut estimate =
        Estimate { text: words as f64 / rules.text_bytes_per_token + TEMPLATE, output: rules.verdict, ..Estimate::default() };
    for part in &work.payload.parts {
        let kind = match counted(part) {
            Counted::Text { .. } => &mut estimate.text,
            Counted::Picture { .. } => &mut estimate.image,
            Counted::Sound { .. } => &mut estimate.audio,
        };
        *kind += part_tokens(rules, part);
    }
    estimate
}

/// What the server counted against what the rules said, over the replies so far.
#[derive(Debug, Default)]
pub struct Calibration(Mutex<Sums>);

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    replies: f64,
    expected: f64,
    counted: f64,
    /// The highest ratio of one reply: rules that are wrong for one kind of part show there.
    worst: f64,
    output: f64,
}

impl Calibration {
    /// Takes in one reply.
    pub fn learn(&self, expected: &Estimate, usage: Usage) {
        let input = expected.input();
        if input <= 0.0 || usage.input == 0 {
            return;
        }
        let mut sums = self.sums();
        sums.replies += 1.0;
        sums.expected += input;
        sums.counted += usage.input as f64;
        sums.worst = sums.worst.max(usage.input as f64 / input);
        sums.output += usage.output as f64;
    }

    /// Takes in what earlier processes saw: pairs of expected and counted tokens.
    pub fn recall(&self, seen: &[(u64, Usage)]) {
        for &(expected, usage) in seen {
            self.learn(&Estimate { text: expected as f64, ..Estimate::default() }, usage);
        }
    }

    /// The estimate as the replies so far correct it.
    pub fn correct(&self, estimate: Estimate) -> Estimate {
        let sums = *self.sums();
        if sums.replies == 0.0 {
            return estimate;
        }
        let share = (sums.replies / BELIEVED).min(1.0);
        let ratio = 1.0 + share * (sums.counted / sums.expected - 1.0);
        let output = estimate.output + share * (sums.output / sums.replies - estimate.output);
        Estimate { text: estimate.text * ratio, image: estimate.image * ratio, audio: estimate.audio * ratio, output }
    }

    /// The highest ratio of counted to expected tokens that one reply showed; 1 before the first.
    pub fn worst(&self) -> f64 {
        self.sums().worst.max(1.0)
    }

    /// Replies taken in, and counted / expected tokens over all of them.
    pub fn summary(&self) -> Option<(u64, f64)> {
        let sums = *self.sums();
        (sums.replies > 0.0).then(|| (sums.replies as u64, sums.counted / sums.expected))
    }

    fn sums(&self) -> std::sync::MutexGuard<'_, Sums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Calibration, Estimate, Usage};

    #[test]
    fn counts_replace_rules_step_by_step() {
        let calibration = Calibration::default();
        let rule = Estimate { text: 100.0, image: 900.0, audio: 0.0, output: 150.0 };
        assert_eq!(calibration.correct(rule), rule);
        calibration.learn(&rule, Usage { input: 2000, output: 50, ..Usage::default() });
        let first = calibration.correct(rule);
        assert!((first.input() - 1200.0).abs() < 1e-9 && (first.output - 130.0).abs() < 1e-9, "{first:?}");
        for _ in 0..9 {
            calibration.learn(&rule, Usage { input: 2000, output: 50, ..Usage::default() });
        }
        let last = calibration.correct(rule);
        assert!((last.input() - 2000.0).abs() < 1e-9 && (last.output - 50.0).abs() < 1e-9, "{last:?}");
        assert_eq!((calibration.summary(), calibration.worst()), (Some((10, 2.0)), 2.0));
    }
}
