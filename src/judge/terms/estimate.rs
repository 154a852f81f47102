//! Tokens of a request before it is sent, and how far the server's counts differ.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::TokenRules;
use super::tokens::{Counted, counted, part_tokens};
use crate::judge::{Usage, Work};

/// Tokens that chat templates add to a request.
const TEMPLATE: f64 = 10.0;
/// Replies after which their mean length is believed as it is; before that it is mixed with the rule's in proportion.
const BELIEVED: f64 = 5.0;
/// How far rules are believed to be off at first, as a share of them: those for texts hold for most tokenizers, those for media are any vendor's own.
const OFF: [f64; 3] = [0.1, 3.0, 3.0];
/// How far one reply's count is from the best rules for its kinds, as a share.
const NOISE: f64 = 0.03;
/// No kind counts for less of what its rule says.
const LEAST: f64 = 0.01;

/// Tokens by kind. Fractions are kept: they are sums of rules.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
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

    const fn kinds(&self) -> [f64; 3] {
        [self.text, self.image, self.audio]
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

/// What the server counted against what the rules said, over the replies so far: by kind, as far as requests of different kinds, or counts of their own,
/// tell them apart (a Bayesian linear regression without a constant).
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
    /// Sums of expected x expected, and of expected x what was counted beyond it, by kind, each reply weighed by its noise.
    squares: [[f64; 3]; 3],
    beyond: [f64; 3],
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
        let (mut kinds, mut counted) = (expected.kinds(), usage.input as f64);
        for (kind, told) in [(1, usage.image), (2, usage.audio)] {
            let Some(told) = told.filter(|&told| told > 0 && kinds[kind] > 0.0).map(|told| told as f64) else { continue };
            let mut alone = [0.0; 3];
            alone[kind] = kinds[kind];
            sums.observe(alone, told);
            kinds[kind] = 0.0;
            counted -= told;
        }
        if counted > 0.0 {
            sums.observe(kinds, counted);
        }
    }

    /// Takes in what earlier processes saw: pairs of expected and counted tokens.
    pub fn recall(&self, seen: &[(Estimate, Usage)]) {
        seen.iter().for_each(|(expected, usage)| self.learn(expected, *usage));
    }

    /// The estimate as the replies so far correct it.
    pub fn correct(&self, estimate: Estimate) -> Estimate {
        let sums = *self.sums();
        if sums.replies == 0.0 {
            return estimate;
        }
        let [text, image, audio] = sums.ratios();
        let share = (sums.replies / BELIEVED).min(1.0);
        let output = estimate.output + share * (sums.output / sums.replies - estimate.output);
        Estimate { text: estimate.text * text, image: estimate.image * image, audio: estimate.audio * audio, output }
    }

    /// The highest ratio of counted to expected tokens that one reply showed; 1 before the first.
    pub fn worst(&self) -> f64 {
        self.sums().worst.max(1.0)
    }

    /// Whether any reply so far was to pictures, and to sound: then their counts tell something of the rules for them.
    pub(in crate::judge) fn has_counted(&self) -> [bool; 2] {
        let sums = self.sums();
        [1, 2].map(|kind| sums.squares[kind][kind] > 0.0)
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

impl Sums {
    /// That so many tokens were counted for what the rules expect of these kinds.
    fn observe(&mut self, kinds: [f64; 3], counted: f64) {
        let expected: f64 = kinds.iter().sum();
        let weight = (NOISE * expected.max(counted)).powi(-2);
        for (row, one) in kinds.into_iter().enumerate() {
            for (column, other) in kinds.into_iter().enumerate() {
                self.squares[row][column] += weight * one * other;
            }
            self.beyond[row] += weight * one * (counted - expected);
        }
    }

    /// What a token that the rules expect is counted as, by kind: 1 where nothing tells. The normal equations (squares + 1 / OFF²) x = beyond by
    /// elimination, which needs no pivots: they are positive definite.
    fn ratios(&self) -> [f64; 3] {
        let (mut squares, mut beyond) = (self.squares, self.beyond);
        (0..3).for_each(|kind| squares[kind][kind] += OFF[kind].powi(-2));
        for kind in 0..3 {
            for below in kind + 1..3 {
                let factor = squares[below][kind] / squares[kind][kind];
                (kind..3).for_each(|column| squares[below][column] -= factor * squares[kind][column]);
                beyond[below] -= factor * beyond[kind];
            }
        }
        let mut ratios = [0.0; 3];
        for kind in (0..3).rev() {
            let known: f64 = (kind + 1..3).map(|right| squares[kind][right] * ratios[right]).sum();
            ratios[kind] = (beyond[kind] - known) / squares[kind][kind];
        }
        ratios.map(|off| (1.0 + off).max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::{Calibration, Estimate, Usage};

    const fn of(text: f64, image: f64, audio: f64) -> Estimate {
        Estimate { text, image, audio, output: 150.0 }
    }

    /// What a server counts whose texts, pictures and sound are so many times the rules'.
    fn counts([text, image, audio]: [f64; 3], rule: &Estimate) -> Usage {
        let input = rule.text * text + rule.image * image + rule.audio * audio;
        Usage { input: input.round() as u64, output: 50, ..Usage::default() }
    }

    fn taught(truth: [f64; 3], rules: &[Estimate]) -> Calibration {
        let calibration = Calibration::default();
        rules.iter().cycle().take(50).for_each(|rule| calibration.learn(rule, counts(truth, rule)));
        calibration
    }

    /// How far the corrected estimate is from the truth.
    fn off(calibration: &Calibration, truth: [f64; 3], rule: &Estimate) -> f64 {
        calibration.correct(*rule).input() / counts(truth, rule).input as f64 - 1.0
    }

    #[test]
    fn counts_replace_rules() {
        let calibration = Calibration::default();
        let rule = of(100.0, 900.0, 0.0);
        assert_eq!(calibration.correct(rule), rule);
        for replies in 1..=10_u32 {
            calibration.learn(&rule, Usage { input: 2000, output: 50, ..Usage::default() });
            let now = calibration.correct(rule);
            let output = 150.0 - 100.0 * f64::from(replies.min(5)) / 5.0;
            assert!((now.input() / 2000.0 - 1.0).abs() < 0.01 && (now.output - output).abs() < 1e-9, "{replies}: {now:?}");
        }
        assert_eq!((calibration.summary(), calibration.worst()), (Some((10, 2.0)), 2.0));
    }

    #[test]
    fn what_pictures_count_is_nothing_of_texts() {
        let truth = [1.02, 2.6, 1.0];
        let (pictures, texts) = (of(1_300.0, 765.0, 0.0), of(1_400.0, 0.0, 0.0));
        let after = taught(truth, &[pictures]);
        assert!(off(&after, truth, &texts).abs() < 0.05, "{}", off(&after, truth, &texts));
        assert!(off(&after, truth, &pictures).abs() < 0.01);
        let after = taught([1.3, 1.0, 1.0], &[texts]);
        assert!(off(&after, [1.3, 1.0, 1.0], &pictures).abs() < 0.01, "pictures are as their rule says until they are seen");
    }

    #[test]
    fn fifty_replies_tell_the_kinds_apart() {
        let truth = [0.8, 7.8, 2.0];
        let rules = [of(1_300.0, 255.0, 0.0), of(1_900.0, 1_020.0, 0.0), of(1_250.0, 0.0, 750.0), of(3_000.0, 0.0, 0.0)];
        let after = taught(truth, &rules);
        for rule in rules.iter().chain(&[of(2_000.0, 0.0, 0.0), of(1_000.0, 4_000.0, 0.0), of(1_000.0, 0.0, 100.0)]) {
            assert!(off(&after, truth, rule).abs() < 0.02, "{rule:?}: {}", off(&after, truth, rule));
        }
    }

    #[test]
    fn a_server_that_counts_a_kind_apart_is_believed_of_it() {
        let (truth, rule) = ([1.5, 4.0, 1.0], of(1_300.0, 255.0, 0.0));
        let calibration = Calibration::default();
        (0..50).for_each(|_| calibration.learn(&rule, Usage { image: Some(1_020), ..counts(truth, &rule) }));
        let now = calibration.correct(rule);
        assert!((now.text / 1_950.0 - 1.0).abs() < 0.02 && (now.image / 1_020.0 - 1.0).abs() < 0.02, "{now:?}");
        calibration.learn(&rule, Usage { image: Some(0), ..counts(truth, &rule) });
        calibration.learn(&rule, Usage { image: Some(u64::MAX), input: 9, ..Usage::default() });
        assert!(calibration.correct(rule).input().is_finite());
    }
}
