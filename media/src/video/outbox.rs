//! The way out: leaves out what a recipe has or does not want twice, fills contact sheets, and sends parts in order.

use std::collections::BTreeMap;

use super::camera::{Film, Shot};
use crate::frame::{Rgb, encode, sheet};
use crate::{Detail, Dropped, Error, FrameDetail, FrameView, Layout, PartHeader, PartSink, PerceptualHash, Recipe, Report, SheetDetail};

/// So many dropped frames are listed, and all are counted: a report is one message of a bounded size.
const MOST_DROPPED: usize = 4096;

/// Sends pictures to their recipes, each recipe's in the order of time.
pub(super) struct Outbox<'a> {
    recipes: &'a [Recipe],
    sink: &'a mut dyn PartSink,
    of: BTreeMap<usize, Sent>,
    unlisted: u64,
}

/// What one recipe has got so far.
#[derive(Default)]
struct Sent {
    /// Position of the last frame.
    last: Option<usize>,
    /// Time and look of the last frame that was kept.
    kept: Option<(f64, PerceptualHash)>,
    /// Frames of a sheet that is not full yet.
    cells: Vec<(FrameDetail, Rgb)>,
}

impl<'a> Outbox<'a> {
    pub(super) fn new(recipes: &'a [Recipe], sink: &'a mut dyn PartSink) -> Self {
        Self { recipes, sink, of: BTreeMap::new(), unlisted: 0 }
    }

    /// Whether a recipe has got any frame.
    pub(super) fn has_served(&self, recipe: usize) -> bool {
        self.of.get(&recipe).is_some_and(|sent| sent.last.is_some())
    }

    /// Whether a recipe may still get the frame at `position`.
    pub(super) fn is_fresh(&self, recipe: usize, position: usize) -> bool {
        self.of.get(&recipe).and_then(|sent| sent.last).is_none_or(|last| last < position)
    }

    /// Sends pictures of the frame at `position` to those of their recipes that have not got it yet; `detail` has no size.
    pub(super) fn send(&mut self, position: usize, detail: &FrameDetail, shots: Vec<Shot>, report: &mut Report) -> Result<(), Error> {
        for Shot { mut recipes, size, film } in shots {
            recipes.retain(|recipe| self.is_fresh(*recipe, position));
            recipes.iter().for_each(|recipe| self.of.entry(*recipe).or_default().last = Some(position));
            recipes.retain(|recipe| !self.is_dropped(*recipe, detail, report));
            if recipes.is_empty() {
                continue;
            }
            let detail = FrameDetail { width: size.0, height: size.1, ..detail.clone() };
            match film {
                Film::Part(encoding, bytes) => self.sink.part(PartHeader { recipes, encoding, detail: Detail::Frame(detail) }, bytes)?,
                Film::Cell(rgb) => self.paste(&recipes, &detail, &rgb)?,
                Film::PackedCell(jpeg) => self.paste(&recipes, &detail, &unpacked(&jpeg)?)?,
            }
        }
        Ok(())
    }

    /// Sends sheets that are not full; notes how many dropped frames are not listed.
    pub(super) fn finish(&mut self, report: &mut Report) -> Result<(), Error> {
        if self.unlisted > 0 {
            report.note("dropped_unlisted", format!("{} more frames were dropped than are listed", self.unlisted));
        }
        let open: Vec<usize> = self.of.iter().filter(|(_, sent)| !sent.cells.is_empty()).map(|(recipe, _)| *recipe).collect();
        open.into_iter().try_for_each(|recipe| self.send_sheet(recipe))
    }

    /// Whether a recipe leaves this frame out because it looks like the one kept before it.
    fn is_dropped(&mut self, recipe: usize, detail: &FrameDetail, report: &mut Report) -> bool {
        let threshold = self.recipes.get(recipe).and_then(Recipe::sampler).and_then(|sampler| sampler.distinct);
        let (Some(threshold), Some(hash), Some(t), Some(pts)) = (threshold, detail.phash, detail.t, detail.pts) else { return false };
        let kept = &mut self.of.entry(recipe).or_default().kept;
        match *kept {
            Some((like_t, like)) if hash.distance(like) <= threshold => {
                if report.dropped.len() < MOST_DROPPED {
                    report.dropped.push(Dropped { recipe, t, pts, like_t, distance: hash.distance(like) });
                } else {
                    self.unlisted += 1;
                }
                true
            }
            _ => {
                *kept = Some((t, hash));
                false
            }
        }
    }

    fn paste(&mut self, recipes: &[usize], detail: &FrameDetail, rgb: &Rgb) -> Result<(), Error> {
        for &recipe in recipes {
            let cells = &mut self.of.entry(recipe).or_default().cells;
            cells.push((detail.clone(), rgb.clone()));
            let full = self.recipes.get(recipe).and_then(Recipe::sampler).is_some_and(|sampler| match sampler.layout {
                Layout::Sheet { rows, columns } => cells.len() >= (rows * columns) as usize,
                Layout::Single => true,
            });
            if full {
                self.send_sheet(recipe)?;
            }
        }
        Ok(())
    }

    fn send_sheet(&mut self, recipe: usize) -> Result<(), Error> {
        let cells = self.of.get_mut(&recipe).map(|sent| std::mem::take(&mut sent.cells)).unwrap_or_default();
        let Some(Recipe::Video { sampler, view: view @ FrameView::Jpeg { background, .. }, .. }) = self.recipes.get(recipe) else {
            return Ok(());
        };
        let Layout::Sheet { columns, .. } = sampler.layout else { return Ok(()) };
        let (frames, pictures): (Vec<FrameDetail>, Vec<Rgb>) = cells.into_iter().unzip();
        let picture = sheet(&pictures, columns, *background);
        let (encoding, width, height, bytes) = encode(view, &picture)?;
        let columns = columns.min(frames.len() as u32);
        let rows = (frames.len() as u32).div_ceil(columns.max(1));
        let detail = Detail::Sheet(SheetDetail { width, height, rows, columns, frames });
        Ok(self.sink.part(PartHeader { recipes: vec![recipe], encoding, detail }, bytes)?)
    }
}

fn unpacked(jpeg: &[u8]) -> Result<Rgb, Error> {
    let picture = image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg);
    let rgb = picture.map_err(|error| Error::Malformed(format!("a picture of our own: {error}")))?.into_rgb8();
    Ok(Rgb { width: rgb.width(), height: rgb.height(), pixels: rgb.into_raw() })
}
