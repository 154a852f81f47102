//! A progress bar with rate, ETA, outcomes and spend on a terminal, silence elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tribunal::judge::OutcomeName;
use tribunal::pipeline::Progress;

/// Draws on stderr when that is a terminal.
#[derive(Debug)]
pub(crate) struct Bar {
    drawn: ProgressBar,
    counts: Mutex<BTreeMap<OutcomeName, u64>>,
    /// Micro-dollars.
    spent: AtomicU64,
}

impl Bar {
    /// A bar that knows no total yet.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {rate} ETA {eta} {wide_msg}") {
            bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| _ = write!(out, "{:.1}/s", state.per_sec())));
        }
        Self { drawn: bar, counts: Mutex::default(), spent: AtomicU64::new(0) }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        self.drawn.finish_and_clear();
    }
}

impl Progress for Bar {
    fn planned(&self, tasks: u64, ended: u64) {
        self.drawn.set_length(tasks);
        self.drawn.set_position(ended);
        self.drawn.reset_eta();
    }

    fn spent(&self, micro_usd: u64) {
        self.spent.store(micro_usd, Ordering::Relaxed);
    }

    fn warn(&self, message: &str) {
        self.drawn.suspend(|| super::output::remark(message));
    }

    fn ended(&self, outcome: Option<OutcomeName>) {
        self.drawn.inc(1);
        let (Some(outcome), Ok(mut counts)) = (outcome, self.counts.lock()) else { return };
        *counts.entry(outcome).or_default() += 1;
        let spent = self.spent.load(Ordering::Relaxed);
        let spent = (spent > 0).then(|| format!("${:.2}", spent as f64 / 1e6));
        let words = spent.into_iter().chain(counts.iter().map(|(name, count)| format!("{name} {count}")));
        self.drawn.set_message(words.collect::<Vec<_>>().join(", "));
    }
}
