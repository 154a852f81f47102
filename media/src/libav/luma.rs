//! The luma of a decoded picture without scaling it: small planes for signals, and whether its fields comb.

#![expect(unsafe_code, reason = "reads rows of an AVFrame's planes")]

use super::{Frame, pixel};
use crate::PLANE;

/// Rows read of each cell: neighbours are alike, and a whole plane would cost a tenth of decoding it.
const ROWS: usize = 2;

/// Fields are compared in blocks of so many pixels: what moves between them may be small.
const BLOCK: usize = 32;

/// Rows of one field are twice as far apart as neighbours, and of whole pictures differ more. A block combs where neighbours differ by so many times as much,
const COMBED: f64 = 1.2;

/// and by so many levels on average, less being noise.
const VISIBLE: f64 = 3.0;

/// More combing blocks than one in so many are seen: so have none of 900 progressive frames of film and video, one page of eight of small print, 122 of 155 frames
/// whose fields were taken visibly apart, and all of twelve captions before a thing that moves.
const SEEN: usize = 100;

/// One plane of luma samples, of 8 bits or of up to 16 in two bytes.
struct Luma<'f> {
    frame: &'f Frame,
    width: usize,
    height: usize,
    depth: u32,
}

impl Frame {
    /// Full-range luma in `PLANE` x `PLANE` cells; `None` when the pixels are not stored as luma and chroma.
    pub(crate) fn luma_plane(&self) -> Option<[u8; PLANE * PLANE]> {
        let luma = Luma::of(self)?;
        let full = self.has_full_range();
        let mut plane = [0; PLANE * PLANE];
        let edge = |cell: usize, of: usize| cell * of / PLANE;
        for (row, cells) in plane.chunks_exact_mut(PLANE).enumerate() {
            let (top, bottom) = (edge(row, luma.height), edge(row + 1, luma.height).max(edge(row, luma.height) + 1));
            let step = (bottom - top).div_ceil(ROWS);
            let mut sums = [(0_u64, 0_u64); PLANE];
            for y in (top..bottom).step_by(step) {
                for (column, (sum, count)) in sums.iter_mut().enumerate() {
                    let (left, right) = (edge(column, luma.width), edge(column + 1, luma.width).max(edge(column, luma.width) + 1));
                    *sum += luma.sum(y, left, right);
                    *count += (right - left) as u64;
                }
            }
            for (cell, (sum, count)) in cells.iter_mut().zip(sums) {
                let mean = (sum >> (luma.depth - 8)) as f64 / count as f64;
                *cell = (if full { mean } else { (mean - 16.0) * 255.0 / 219.0 }).round().clamp(0.0, 255.0) as u8;
            }
        }
        Some(plane)
    }

    /// Whether the two fields, shown at once, comb: something moved between them. `None` when that cannot be told.
    pub(crate) fn combs(&self) -> Option<bool> {
        // Each field must have whole rows of chroma, or scaling one would read past the lower one's last.
        let luma = Luma::of(self).filter(|luma| luma.height.is_multiple_of(4))?;
        let (mut combing, mut blocks) = (0, 0);
        for top in (1..luma.height - 1).step_by(BLOCK) {
            let mut sums = vec![(0_u64, 0_u64, 0_u64); luma.width.div_ceil(BLOCK)];
            for y in top..(top + BLOCK).min(luma.height - 1) {
                let rows = [luma.bytes(y - 1), luma.bytes(y), luma.bytes(y + 1)];
                for x in (0..luma.width).step_by(4) {
                    let [above, here, below] = rows.map(|row| luma.level(row, x));
                    let (near, far, seen) = &mut sums[x / BLOCK];
                    *near += u64::from(here.abs_diff(below));
                    *far += u64::from(above.abs_diff(below));
                    *seen += 1;
                }
            }
            blocks += sums.len();
            let combs = |(near, far, seen): &&(u64, u64, u64)| {
                let (near, far) = (*near as f64 / *seen as f64, *far as f64 / *seen as f64);
                near > VISIBLE && near > COMBED * far
            };
            combing += sums.iter().filter(combs).count();
        }
        Some(combing * SEEN > blocks)
    }
}

impl<'f> Luma<'f> {
    fn of(frame: &'f Frame) -> Option<Self> {
        let depth = pixel::luma_depth(frame.format())?;
        let (width, height) = frame.size();
        // SAFETY: valid while the frame is; read as plain values.
        let (data, line) = unsafe { ((*frame.as_ptr()).data[0], (*frame.as_ptr()).linesize[0]) };
        let needed = width as usize * if depth > 8 { 2 } else { 1 };
        let plausible = !data.is_null() && usize::try_from(line).is_ok_and(|line| line >= needed) && width > 0 && height > 0;
        plausible.then_some(Self { frame, width: width as usize, height: height as usize, depth })
    }

    fn bytes(&self, y: usize) -> &[u8] {
        let width = self.width * if self.depth > 8 { 2 } else { 1 };
        // SAFETY: `of` has checked that rows are at least that long and go upwards in memory; `y` is below the height in all calls.
        unsafe {
            let raw = &*self.frame.as_ptr();
            let row = raw.data[0].add(y.min(self.height - 1) * raw.linesize[0] as usize);
            std::slice::from_raw_parts(row, width)
        }
    }

    /// The sample at `x` of a row, in levels of 8 bits.
    fn level(&self, row: &[u8], x: usize) -> i32 {
        if self.depth == 8 { row[x].into() } else { i32::from(u16::from_le_bytes([row[2 * x], row[2 * x + 1]]) >> (self.depth - 8)) }
    }

    /// Sum of the samples of a row from `left` to before `right`, both within the width.
    fn sum(&self, y: usize, left: usize, right: usize) -> u64 {
        let row = self.bytes(y);
        if self.depth == 8 {
            return row[left..right].iter().map(|sample| u32::from(*sample)).sum::<u32>().into();
        }
        let (samples, _) = row[2 * left..2 * right].as_chunks::<2>();
        samples.iter().map(|sample| u64::from(u16::from_le_bytes(*sample))).sum()
    }
}
