//! A video's own timeline: what is on screen, and when.

/// One displayed frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Presentation timestamp in stream ticks.
    pub pts: i64,
    /// Ticks of the timeline from the first displayed frame.
    pub ticks: i64,
    /// The same in seconds, rounded.
    pub t: f64,
    /// Whether decoding can start here.
    pub keyframe: bool,
    /// Compressed bytes of the frame; 0 when unknown.
    pub bytes: u32,
}

/// Every displayed frame in display order. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    moments: Vec<Moment>,
    end: i64,
    tick: (i64, i64),
}

impl Timeline {
    /// Builds a timeline from moments in display order; `end` is the end of the last frame in ticks, and `tick` how many seconds one lasts,
    /// as numerator and denominator above 0. `None` when there are no moments.
    pub fn new(moments: Vec<Moment>, end: i64, tick: (i64, i64)) -> Option<Self> {
        let last = moments.last()?.ticks;
        Some(Self { moments, end: end.max(last), tick })
    }

    /// The frames in display order.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// Seconds from the first frame to the end of the last.
    pub const fn duration(&self) -> f64 {
        self.end as f64 * self.tick.0 as f64 / self.tick.1 as f64
    }

    /// The same in ticks.
    pub const fn end(&self) -> i64 {
        self.end
    }

    /// Seconds per tick, as numerator and denominator.
    pub const fn tick(&self) -> (i64, i64) {
        self.tick
    }

    /// The frame on screen `numerator / denominator` ticks after the first: the last one that comes no later, or the first frame.
    /// Exact, since targets fall on the very moments at which frames change.
    pub fn on_screen(&self, numerator: i128, denominator: i128) -> usize {
        self.moments.partition_point(|moment| i128::from(moment.ticks).saturating_mul(denominator) <= numerator).saturating_sub(1)
    }
}
