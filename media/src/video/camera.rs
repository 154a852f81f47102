//! What is made of a decoded frame: a look at it, and the pictures that recipes ask for.

use super::geometry::Geometry;
use crate::frame::{Rgb, background, cell_size, encode, shared_views, target_size};
use crate::libav::{Field, Frame, Scaler, Stream};
use crate::signal::Look;
use crate::{Encoding, Error, FrameView, Layout, PLANE, Recipe, Report};

/// A picture of a frame for some recipes.
pub(super) struct Shot {
    /// Positions of the recipes that share it.
    pub recipes: Vec<usize>,
    /// Pixels.
    pub size: (u32, u32),
    /// The picture itself.
    pub film: Film,
}

impl Shot {
    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        match &self.film {
            Film::Part(_, bytes) | Film::PackedCell(bytes) => bytes.len(),
            Film::Cell(rgb) => rgb.pixels.len(),
        }
    }
}

/// How a picture waits until it is sent.
pub(super) enum Film {
    /// As the finished bytes of a part.
    Part(Encoding, Vec<u8>),
    /// As pixels that will be pasted into a contact sheet.
    Cell(Rgb),
    /// As a JPEG of such pixels, where many of them may have to wait.
    PackedCell(Vec<u8>),
}

/// So many bytes of pixels may wait for one recipe's sheets.
const MOST_WAITING: usize = 64 << 20;

/// What shows through transparent pictures when they are looked at, whatever recipes put there.
const WHITE: [u8; 3] = [255; 3];

/// Cells that wait as JPEGs lose what nobody sees.
const PACKED: FrameView = FrameView::Jpeg { long_edge: u32::MAX, quality: 97, background: [0; 3] };

/// Turns decoded frames of one stream into pictures.
pub(super) struct Camera<'a> {
    recipes: &'a [Recipe],
    /// By recipe, how many pictures may wait at once.
    waiting: Vec<usize>,
    stream: &'a Stream,
    scaler: Scaler,
    /// Another scaler for looks, so that neither drops the other's tables.
    small: Scaler,
    /// Whether it has seen a picture.
    has_seen: bool,
}

impl<'a> Camera<'a> {
    pub(super) const fn new(recipes: &'a [Recipe], waiting: Vec<usize>, stream: &'a Stream) -> Self {
        Self { recipes, waiting, stream, scaler: Scaler::new(), small: Scaler::new(), has_seen: false }
    }

    /// What the frame looks like at a glance.
    pub(super) fn look(&mut self, frame: &Frame) -> Result<Look, Error> {
        if let Some(plane) = frame.luma_plane() {
            return Ok(Look::new(plane));
        }
        let edge = PLANE as u32;
        let rgb = self.small.rgb(frame, None, (edge, edge), WHITE)?;
        let (_, _, _, luma) = encode(&FrameView::Gray { edge }, &rgb)?;
        let plane = luma.try_into().map_err(|_| Error::Malformed("a small picture of the wrong size".to_owned()))?;
        Ok(Look::new(plane))
    }

    /// Pictures of the frame for the recipes at these positions; equal ones are made once.
    pub(super) fn take(&mut self, frame: &Frame, recipes: &[usize], report: &mut Report) -> Result<Vec<Shot>, Error> {
        if frame.is_hdr() {
            report.note("hdr_not_tone_mapped", "HDR brightness is shown as it is stored");
        }
        if let Some(matrix) = frame.unread_matrix() {
            let message = format!("colours by matrix {matrix} of ITU-T H.273 are not read here; they are taken for those of BT.601");
            report.note("colour_matrix_unread", message);
        }
        let field = field(frame, report);
        let geometry = Geometry::new(frame.size(), frame.sample_aspect(), self.stream);
        let upright = geometry.upright;
        if !std::mem::replace(&mut self.has_seen, true) {
            report.dimensions = Some(upright); // headers do not always tell the size, nor the shape of pixels
        }
        let mut shots = Vec::new();
        for (layout, sharing) in by_layout(self.recipes, recipes) {
            for (view, recipes) in shared_views(sharing) {
                let sheet = match (layout, view) {
                    (Layout::Sheet { rows, columns }, FrameView::Jpeg { long_edge, .. }) => {
                        Some(cell_size(upright, *long_edge, rows, columns))
                    }
                    _ => None,
                };
                let size = geometry.before_turning(sheet.unwrap_or_else(|| target_size(view, upright.0, upright.1)));
                let rgb = self.scaler.rgb(frame, field, size, background(view))?.rotated(geometry.turns, geometry.mirrored);
                if sheet.is_none() {
                    let (encoding, width, height, bytes) = encode(view, &rgb)?;
                    shots.push(Shot { recipes, size: (width, height), film: Film::Part(encoding, bytes) });
                    continue;
                }
                // Each recipe by itself: what others ask for must not change its bytes.
                let (many, few): (Vec<usize>, Vec<usize>) =
                    recipes.into_iter().partition(|recipe| self.waiting[*recipe].saturating_mul(rgb.pixels.len()) > MOST_WAITING);
                let size = (rgb.width, rgb.height);
                if !many.is_empty() {
                    shots.push(Shot { recipes: many, size, film: Film::PackedCell(encode(&PACKED, &rgb)?.3) });
                }
                if !few.is_empty() {
                    shots.push(Shot { recipes: few, size, film: Film::Cell(rgb) });
                }
            }
        }
        Ok(shots)
    }
}

/// The field to show alone: the first one of an interlaced frame whose fields comb.
fn field(frame: &Frame, report: &mut Report) -> Option<Field> {
    let upper_first = frame.upper_field_first()?;
    report.note("interlaced", "the fields of a frame were taken at different times");
    match frame.combs() {
        Some(true) => {
            report.note("deinterlaced", "frames whose fields comb show their first field alone");
            Some(if upper_first { Field::Upper } else { Field::Lower })
        }
        Some(false) => None,
        None => {
            report.note("fields_shown_together", "whether fields comb cannot be told of pictures of this height or pixel format");
            None
        }
    }
}

/// The recipes at `positions` with their views, by layout.
fn by_layout<'a>(recipes: &'a [Recipe], positions: &[usize]) -> Vec<(Layout, Vec<(usize, &'a FrameView)>)> {
    let mut groups: Vec<(Layout, Vec<(usize, &FrameView)>)> = Vec::new();
    for &at in positions {
        let Some(Recipe::Video { sampler, view, .. }) = recipes.get(at) else { continue };
        match groups.iter_mut().find(|(layout, _)| *layout == sampler.layout) {
            Some((_, group)) => group.push((at, view)),
            None => groups.push((sampler.layout, vec![(at, view)])),
        }
    }
    groups
}
