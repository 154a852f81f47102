//! A video's own timeline: what is on screen, and when.

/// One displayed frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Presentation timestamp in stream ticks.
    pub pts: i64,
    /// Seconds from the first displayed frame.
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
    end: f64,
}

impl Timeline {
    /// Builds a timeline from moments in display order; `end` is the end of the last frame in seconds.
    /// `None` when there are no moments.
    pub fn new(moments: Vec<Moment>, end: f64) -> Option<Self> {
        let last = moments.last()?.t;
        Some(Self { moments, end: end.max(last) })
    }

    /// The frames in display order.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// Seconds from the first frame to the end of the last.
    pub const fn duration(&self) -> f64 {
        self.end
    }

    /// The frame on screen at `t`: the last one with a time <= `t`, or the first frame.
    pub fn on_screen(&self, t: f64) -> usize {
        self.moments.partition_point(|moment| moment.t <= t).saturating_sub(1)
    }
}
