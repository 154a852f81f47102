//! A progress bar with rate and ETA on a terminal, silence elsewhere.

use std::collections::BTreeMap;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tribunal::judge::OutcomeName;
use tribunal::pipeline::Progress;

/// Draws on stderr when that is a terminal.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    counts: Mutex<BTreeMap<OutcomeName, u64>>,
}

impl Bar {
    /// A bar that knows no total yet.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {per_sec} ETA {eta} {msg}") {
            bar.set_style(style);
        }
        Self { bar, counts: Mutex::default() }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn planned(&self, tasks: u64, ended: u64) {
        self.bar.set_length(tasks);
        self.bar.set_position(ended);
        self.bar.reset_eta();
    }

    fn warn(&self, message: &str) {
        self.bar.suspend(|| super::output::remark(message));
    }

    fn ended(&self, outcome: Option<OutcomeName>) {
        self.bar.inc(1);
        let (Some(outcome), Ok(mut counts)) = (outcome, self.counts.lock()) else { return };
        *counts.entry(outcome).or_default() += 1;
        let words: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        self.bar.set_message(words.join(", "));
    }
}
