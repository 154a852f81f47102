//! What the sound measures: loudness, level, silence.

use std::f64::consts::PI;

/// The level is taken ten times a second; four stretches make a block of BS.1770.
const STRETCHES_PER_SECOND: u32 = 10;
const STRETCHES_PER_BLOCK: usize = 4;

/// Mean square of -60 dBFS: quieter stretches are silence.
const SILENCE: f64 = 1e-6;

/// Below this rate the filters of BS.1770 cannot be made.
const LEAST_RATE: u32 = 8000;

/// BS.1770-4: blocks below -70 LUFS do not count, then those 10 LU below the mean of the rest.
const ABSOLUTE_GATE: f64 = -70.0;
const RELATIVE_GATE: f64 = -10.0;

/// Measures one channel at one rate.
pub(super) struct Meter {
    filter: Option<Weighting>,
    stretch: usize,
    filled: usize,
    weighted: f64,
    plain: f64,
    stretches: Vec<f64>,
    silent: u64,
    level_counted: u64,
}

impl Meter {
    /// `rate` in samples per second.
    pub(super) fn new(rate: u32) -> Self {
        Self {
            filter: (rate >= LEAST_RATE).then(|| Weighting::new(f64::from(rate))),
            stretch: (rate / STRETCHES_PER_SECOND).max(1) as usize,
            filled: 0,
            weighted: 0.0,
            plain: 0.0,
            stretches: Vec::new(),
            silent: 0,
            level_counted: 0,
        }
    }

    /// Takes samples; how they are cut into calls makes no difference.
    pub(super) fn push(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(self.stretch - self.filled));
            samples = later;
            for &sample in now {
                self.plain += f64::from(sample).powi(2);
            }
            if let Some(filter) = &mut self.filter {
                self.weighted = filter.add_energy(now, self.weighted);
            }
            self.filled += now.len();
            if self.filled == self.stretch {
                self.stretches.push(self.weighted / self.stretch as f64);
                self.level();
                self.weighted = 0.0;
            }
        }
    }

    /// Counts the stretch, whole or the last of all.
    fn level(&mut self) {
        self.silent += u64::from(self.plain < SILENCE * self.filled as f64);
        self.level_counted += 1;
        (self.filled, self.plain) = (0, 0.0);
    }

    /// Gated loudness in LUFS, `None` when no block passes the gates; and the share of silent stretches, 0..=1.
    pub(super) fn finish(mut self) -> (Option<f64>, f64) {
        if self.filled > 0 {
            self.level();
        }
        (self.filter.and_then(|_| loudness(&self.stretches)), self.silent as f64 / self.level_counted.max(1) as f64)
    }
}

/// BS.1770-4, annex 1, for one channel of weight 1: blocks of 400 ms that overlap by 75 %.
fn loudness(stretches: &[f64]) -> Option<f64> {
    let blocks: Vec<f64> = stretches.windows(STRETCHES_PER_BLOCK).map(|block| block.iter().sum::<f64>() / block.len() as f64).collect();
    let gated = |gate: f64| {
        let passing: Vec<f64> = blocks.iter().copied().filter(|power| lufs(*power) > gate).collect();
        (!passing.is_empty()).then(|| lufs(passing.iter().sum::<f64>() / passing.len() as f64))
    };
    gated((gated(ABSOLUTE_GATE)? + RELATIVE_GATE).max(ABSOLUTE_GATE))
}

fn lufs(power: f64) -> f64 {
    10.0 * power.log10() - 0.691
}

/// The K-weighting of BS.1770: a shelf for the head, then a high-pass filter.
struct Weighting {
    shelf: Biquad,
    high_pass: Biquad,
}

/// `y[n] = b0 x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - a2 y[n-2]`; `x` and `y` hold the last two.
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    x: [f64; 2],
    y: [f64; 2],
}

impl Weighting {
    /// The standard gives coefficients for 48 kHz only; these are the analogue filters behind them, by the bilinear transform.
    fn new(rate: f64) -> Self {
        let (k, q, gain) =
            ((PI * 1_681.974_450_955_533 / rate).tan(), 0.707_175_236_955_419_6, 10.0_f64.powf(3.999_843_853_973_347 / 20.0));
        let (middle, a0) = (gain.powf(0.499_666_774_154_541_6), 1.0 + k / q + k * k);
        let b = [gain + middle * k / q + k * k, 2.0 * (k * k - gain), gain - middle * k / q + k * k].map(|b| b / a0);
        let shelf = Biquad { b, a: poles(k, q), x: [0.0; 2], y: [0.0; 2] };
        let (k, q) = ((PI * 38.135_470_876_024_44 / rate).tan(), 0.500_327_037_323_877_3);
        Self { shelf, high_pass: Biquad { b: [1.0, -2.0, 1.0], a: poles(k, q), x: [0.0; 2], y: [0.0; 2] } }
    }

    /// `sum` plus the squares of the weighted samples.
    fn add_energy(&mut self, samples: &[f32], mut sum: f64) -> f64 {
        for &sample in samples {
            sum += self.high_pass.step(self.shelf.step(f64::from(sample))).powi(2);
        }
        self.shelf.settle();
        self.high_pass.settle();
        sum
    }
}

fn poles(k: f64, q: f64) -> [f64; 2] {
    let a0 = 1.0 + k / q + k * k;
    [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0]
}

impl Biquad {
    #[inline]
    fn step(&mut self, x: f64) -> f64 {
        // What came long ago goes first: only the last product has to wait for the sample before.
        let early = self.b[0] * x + self.b[1] * self.x[0] + self.b[2] * self.x[1] - self.a[1] * self.y[1];
        let y = early - self.a[0] * self.y[0];
        self.x = [x, self.x[0]];
        self.y = [y, self.y[0]];
        y
    }

    /// In long silence the memory would fade into denormal numbers, which cost a hundred times as much.
    fn settle(&mut self) {
        self.x.iter_mut().chain(&mut self.y).filter(|old| old.abs() < 1e-30).for_each(|old| *old = 0.0);
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::Meter;

    fn sine(rate: u32, seconds: f64, dbfs: f64) -> Vec<f32> {
        let level = 10.0_f64.powf(dbfs / 20.0);
        (0..(seconds * f64::from(rate)) as u64).map(|n| (level * (TAU * 997.0 * n as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    fn measured(rate: u32, samples: &[f32], block: usize) -> (Option<f64>, f64) {
        let mut meter = Meter::new(rate);
        samples.chunks(block).for_each(|block| meter.push(block));
        meter.finish()
    }

    #[test]
    fn a_full_sine_of_997_hz_is_3_01_below_zero_at_every_rate() {
        for rate in [8000, 16_000, 44_100, 48_000] {
            let found = measured(rate, &sine(rate, 3.0, 0.0), 999).0.unwrap();
            assert!((found + 3.01).abs() < 0.06, "{rate}: {found}"); // the shelf of a low rate is a little off
        }
    }

    #[test]
    fn quiet_passages_are_gated() {
        // EBU Tech 3341, case 3, in one channel: -36 dBFS around -23 dBFS measures as -23 alone (3.01 less for a single channel).
        let mut samples = sine(16_000, 10.0, -36.0);
        samples.extend(sine(16_000, 60.0, -23.0));
        samples.extend(sine(16_000, 10.0, -36.0));
        let found = measured(16_000, &samples, 4096).0.unwrap();
        assert!((found + 26.01).abs() < 0.1, "{found}");
    }

    #[test]
    fn silence_is_counted_by_stretches_and_has_no_loudness() {
        assert_eq!(measured(16_000, &vec![0.0; 16_000], 100), (None, 1.0));
        let mut samples = sine(16_000, 1.0, -20.0);
        samples.extend(sine(16_000, 0.55, -61.0)); // five and a half stretches
        let (_, silent) = measured(16_000, &samples, 100);
        assert!((silent - 6.0 / 16.0).abs() < 1e-9, "{silent}");
        assert_eq!(measured(16_000, &[], 1), (None, 0.0));
        assert_eq!(measured(4000, &sine(4000, 1.0, -20.0), 7), (None, 0.0), "no filter for this rate");
    }

    #[test]
    fn calls_do_not_matter() {
        let samples = sine(16_000, 1.23, -12.0);
        assert_eq!(measured(16_000, &samples, 1), measured(16_000, &samples, usize::MAX));
    }
}
