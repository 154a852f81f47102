//! Which recipes one decode of an instance must serve, and how many bytes they may need.

use tribunal_media::{FrameView, Layout, Modality, Pick, Recipe, SamplerSpec};

use super::plan::{Plan, Want};
use crate::judge::View;
use crate::manifest::Instance;
use crate::prepare::{Settings, most_jpeg_bytes};
use crate::rubric::{Probe, Rubric};

/// The recipes of one modality, each once, with the way back from (want, view) to its place.
#[derive(Debug, Clone)]
pub struct RecipeBook {
    settings: Settings,
    recipes: Vec<Recipe>,
    /// How many of them, the first ones, are judged; the rest are thumbnails alone.
    judged: usize,
    thumbs: Vec<usize>,
}

/// An animated picture gives at most this many frames.
const ANIMATION_SAMPLER: SamplerSpec = SamplerSpec::of(Pick::Uniform(4));
const MIDDLE: SamplerSpec = SamplerSpec::of(Pick::Middle);
/// The embedded classifier's input: 256 x 256, centre-cropped to 224 x 224.
const TENSOR: FrameView = FrameView::Tensor { resize: 256, crop: 224 };
/// Thumbnails for the report.
const THUMBNAIL: FrameView = FrameView::Jpeg { long_edge: 192, quality: 65, background: [255, 255, 255] };
/// Texts longer than this are refused, never cut.
const MAX_CHARACTERS: u64 = 200_000;

impl RecipeBook {
    /// Every recipe that the wants of `instance` need under `views`, plus one for thumbnails of each sampler where asked.
    pub fn new(plan: &Plan, settings: Settings, instance: &Instance, views: &[View], thumbnails: bool) -> Self {
        let (mut recipes, modality) = (Vec::new(), instance.modality);
        for want in plan.wants_of(instance) {
            for &view in views {
                let recipe = recipe(plan, settings, want, modality, view);
                if !recipes.contains(&recipe) {
                    recipes.push(recipe);
                }
            }
        }
        let (judged, mut thumbs) = (recipes.len(), Vec::new());
        for recipe in plan.wants(modality).iter().filter(|_| thumbnails).filter_map(|want| thumbnail(want, modality)) {
            let place = recipes.iter().position(|known| *known == recipe).unwrap_or(recipes.len());
            if place == recipes.len() {
                recipes.push(recipe);
            }
            if !thumbs.contains(&place) {
                thumbs.push(place);
            }
        }
        Self { settings, recipes, judged, thumbs }
    }

    /// The recipes, in the order their payloads come back.
    pub fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    /// Whether the payload at `place` is shown to judges, and not in reports alone.
    pub fn is_judged(&self, place: usize) -> bool {
        place < self.judged
    }

    /// Where the payload of a want lies, for a judge that wants `view`.
    pub fn position(&self, plan: &Plan, want: &Want, modality: Modality, view: View) -> Option<usize> {
        let recipe = recipe(plan, self.settings, want, modality, view);
        self.recipes.iter().position(|known| *known == recipe)
    }

    /// Where the thumbnails lie, sampler by sampler.
    pub fn thumbs(&self) -> &[usize] {
        &self.thumbs
    }

    /// Upper bound of the bytes that the parts of a source of `len` bytes take.
    pub fn upper_bound(&self, len: u64) -> u64 {
        self.recipes.iter().map(|recipe| upper_bound(recipe, len)).sum()
    }
}

/// The recipe of one want under one view.
pub(super) fn recipe(plan: &Plan, settings: Settings, want: &Want, modality: Modality, view: View) -> Recipe {
    let frames = match view {
        View::Parts => settings.frames(),
        View::Small(long_edge) => Settings { long_edge, ..settings }.frames(),
        View::Tensor => TENSOR,
    };
    let rubric = plan.rubrics().get(&want.rubric);
    let frames = if rubric.and_then(Rubric::probe) == Some(Probe::Overlay) { planted(frames) } else { frames };
    match modality {
        Modality::Text => Recipe::Text { max_characters: MAX_CHARACTERS },
        Modality::Audio => Recipe::Audio(settings.sound()),
        Modality::Image => Recipe::Image { sampler: ANIMATION_SAMPLER, view: frames },
        Modality::Video => {
            let hears = view != View::Tensor && rubric.is_some_and(Rubric::soundtrack);
            Recipe::Video { sampler: want.sampler.unwrap_or(MIDDLE), view: frames, soundtrack: hears.then(|| settings.sound()) }
        }
    }
}

/// The view with an order drawn into it; what is no picture for people has none.
fn planted(view: FrameView) -> FrameView {
    match view {
        FrameView::Jpeg { long_edge, quality, background } => {
            FrameView::Planted { long_edge, quality, background, text: Probe::drawn().to_owned() }
        }
        other => other,
    }
}

fn thumbnail(want: &Want, modality: Modality) -> Option<Recipe> {
    match modality {
        Modality::Text | Modality::Audio => None,
        Modality::Image => Some(Recipe::Image { sampler: ANIMATION_SAMPLER, view: THUMBNAIL }),
        Modality::Video => {
            let sampler = SamplerSpec { layout: Layout::Single, ..want.sampler.unwrap_or(MIDDLE) };
            Some(Recipe::Video { sampler, view: THUMBNAIL, soundtrack: None })
        }
    }
}

/// Frames that a sampler may deliver when the clip decides (keyframes, fps without a maximum).
const OPEN_ENDED_FRAMES: u64 = 600;
/// WAV bytes per byte of the most compressed speech we take (8 kb/s) at 16 kHz, 16 bit.
const SOUND_EXPANSION: u64 = 32;

fn upper_bound(recipe: &Recipe, len: u64) -> u64 {
    let sound = |on: bool| if on { len.saturating_mul(SOUND_EXPANSION) } else { 0 };
    match recipe {
        Recipe::Text { .. } => len.saturating_mul(2),
        Recipe::Audio(_) => sound(true),
        Recipe::Image { sampler, view } => frames(sampler) * frame_bytes(view),
        Recipe::Video { sampler, view, soundtrack } => frames(sampler) * frame_bytes(view) + sound(soundtrack.is_some()),
    }
}

fn frames(sampler: &SamplerSpec) -> u64 {
    sampler.most().map_or(OPEN_ENDED_FRAMES, u64::from)
}

fn frame_bytes(view: &FrameView) -> u64 {
    match view {
        FrameView::Jpeg { long_edge, quality, .. } | FrameView::Planted { long_edge, quality, .. } => most_jpeg_bytes(*long_edge, *quality),
        FrameView::Tensor { crop, .. } => 3 * u64::from(*crop).pow(2),
        FrameView::Gray { edge } => u64::from(*edge).pow(2),
    }
}
