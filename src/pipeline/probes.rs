//! Probes of judges: which items are probed under which variants of a rubric, and what a variant changes in what is sent.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tribunal_media::{Detail, Digest, Encoding, Layout, Modality, PartHeader, Recipe};

use super::draw::Draw;
use super::plan::{Plan, Want};
use super::study::Study;
use crate::judge::Why;
use crate::manifest::{Asset, RowsError};
use crate::prepare::{self, Part, Payload};
use crate::rubric::{Probe, ProbeSettings, Shown};
use crate::sandbox::Pool;
use crate::taxonomy::Lang;

/// Draws of an order before the frames are taken to have no third one.
const DRAWS: u8 = 16;

/// Probes could not be planned.
#[derive(Debug, thiserror::Error)]
pub enum ProbesError {
    /// The recording of a spoken order cannot be used.
    #[error("probes.spoken: {0}")]
    Spoken(String),
    /// The source could not be read again.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

impl Study {
    /// Adds the probes that the settings want: for the same items on every machine, shard and limit, since they are drawn from the whole
    /// manifest by seed and id. Items without an output, and those whose pictures stay here, are not drawn.
    pub fn plan_probes(&mut self, pool: &Pool) -> Result<(), ProbesError> {
        if self.judges.iter().all(|judge| !judge.is_remote()) {
            return Ok(()); // nobody is sent a chat
        }
        let settings = self.settings.probes.clone();
        self.spoken = settings.spoken.as_deref().map(|path| recording(path, self.settings.recipe, pool)).transpose()?;
        let material = self.spoken.as_ref().map(|spoken| *spoken.parts_id.as_bytes());
        let mut draws = BTreeMap::new();
        for &modality in self.manifest.instances.modalities() {
            let wants = variants(&mut self.plan, modality, &settings, material.as_ref().map_or(&[], |id| &id[..]));
            if !wants.is_empty() {
                self.plan.probes.insert(modality, wants);
                draws.insert(modality, Draw::new(self.settings.seed, "probe", settings.items));
            }
        }
        if draws.is_empty() {
            return Ok(());
        }
        for instance in self.manifest.instances.all() {
            let instance = instance?;
            let fits = instance.output.is_some() && !self.withholds(&instance);
            if let Some(draw) = draws.get_mut(&instance.modality).filter(|_| fits) {
                draw.offer((), instance);
            }
        }
        self.plan.probed.extend(draws.into_values().flat_map(Draw::drawn).map(|instance| instance.id));
        Ok(())
    }

    /// Whether orders are planted, but sound has none in it.
    pub fn lacks_spoken_orders(&self) -> bool {
        self.settings.probes.injection && self.spoken.is_none() && !self.plan.probe_wants(Modality::Audio).is_empty()
    }
}

/// A recording in the parts that judges hear.
fn recording(path: &Path, settings: prepare::Settings, pool: &Pool) -> Result<Arc<Payload>, ProbesError> {
    let fail = |problem: &str| ProbesError::Spoken(format!("{}: {problem}", path.display()));
    let full = std::path::absolute(path).map_err(|error| fail(&error.to_string()))?;
    let (Some(folder), Some(name)) = (full.parent(), full.file_name()) else { return Err(fail("is no file")) };
    let recipe = Recipe::Audio(settings.sound());
    let prepared = prepare::prepare(folder, &Asset::File(name.into()), &[recipe], pool).map_err(|rejected| fail(&rejected.message))?;
    prepared.payloads.into_iter().next().ok_or_else(|| fail("has no sound"))
}

/// The wants of one modality under every probe that applies; their rubrics join the plan's.
fn variants(plan: &mut Plan, modality: Modality, settings: &ProbeSettings, recording: &[u8]) -> Vec<Want> {
    let mut variants = Vec::new();
    for want in plan.wants(modality).to_vec() {
        let Some(rubric) = plan.rubrics().get(&want.rubric).cloned() else { continue };
        let shown = match want.sampler {
            Some(sampler) if sampler.layout != Layout::Single => Shown::Sheets,
            Some(sampler) if !sampler.is_single() => Shown::Sequence,
            _ => Shown::One,
        };
        for probe in settings.wanted(modality, shown) {
            let variant = rubric.probed(probe, if probe == Probe::Spoken { recording } else { &[] });
            variants.push(Want { rubric: variant.name().to_owned(), ..want.clone() });
            plan.rubrics.insert(variant.name().to_owned(), variant);
        }
    }
    variants
}

/// The prompt as a judge is told it under `probe`.
pub(super) fn prompt(probe: Option<Probe>, prompt: String, lang: Lang) -> String {
    match probe {
        Some(Probe::Prompt) => format!("{prompt}\n\n{}", Probe::planted(lang)),
        _ => prompt,
    }
}

/// What is shown under `probe`: the frames in another order, or a text with an order under it. The error is a payload of which the probe would
/// say nothing.
pub(super) fn payload(probe: Probe, study: &Study, item_id: &str, payload: Arc<Payload>) -> Result<Arc<Payload>, Why> {
    match probe {
        Probe::Reversed | Probe::Shuffled | Probe::Static => reordered(probe, study.settings.seed, item_id, &payload).map(Arc::new),
        Probe::Overlay => Ok(planted(study.settings.lang, payload)),
        Probe::Spoken => Ok(study.spoken.as_deref().map_or(Arc::clone(&payload), |order| Arc::new(followed(&payload, order)))),
        Probe::Levels | Probe::Prompt => Ok(payload),
    }
}

/// The frames in the probe's order, under the labels of the places where they now stand: the judge must not read the true order from a time.
fn reordered(probe: Probe, seed: u64, item_id: &str, payload: &Payload) -> Result<Payload, Why> {
    let frames: Vec<usize> = (0..payload.parts.len()).filter(|&index| time(&payload.parts[index]).is_some()).collect();
    let looks = |order: &[usize]| order.iter().map(|&place| payload.parts[frames[place]].blake3).collect::<Vec<_>>();
    let given: Vec<usize> = (0..frames.len()).collect();
    let backwards: Vec<usize> = given.iter().rev().copied().collect();
    let differs = |order: &Vec<usize>| looks(order) != looks(&given);
    let order = match probe {
        Probe::Static => Some(vec![frames.len() / 2; frames.len()]),
        Probe::Shuffled => (0..DRAWS)
            .map(|turn| shuffled(seed, item_id, turn, frames.len()))
            .find(|order| looks(order) != looks(&backwards) && differs(order)),
        _ => Some(backwards.clone()),
    };
    let order =
        order.filter(differs).ok_or_else(|| Why::new("probe_not_applicable", "its frames have no other order that looks different"))?;
    let mut parts = payload.parts.clone();
    for (place, &from) in order.iter().enumerate() {
        let mut part = payload.parts[frames[from]].clone();
        if let Detail::Frame(frame) = &mut part.header.detail {
            frame.t = time(&payload.parts[frames[place]]);
        }
        parts[frames[place]] = part;
    }
    let places: Vec<u8> = order.iter().flat_map(|&place| (place as u64).to_le_bytes()).collect();
    Ok(Payload { parts_id: Digest::of_fields([&payload.parts_id.as_bytes()[..], b"order", &places]), parts })
}

fn time(part: &Part) -> Option<f64> {
    match &part.header.detail {
        Detail::Frame(frame) => frame.t,
        _ => None,
    }
}

fn shuffled(seed: u64, item_id: &str, turn: u8, frames: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..frames).collect();
    order.sort_by_cached_key(|place| {
        *Digest::of_fields([&seed.to_le_bytes()[..], item_id.as_bytes(), &[turn], &(*place as u64).to_le_bytes()]).as_bytes()
    });
    order
}

/// The sound with the recording after its end.
fn followed(payload: &Payload, order: &Payload) -> Payload {
    let end = payload.parts.iter().filter_map(|part| if let Detail::Sound { end, .. } = part.header.detail { Some(end) } else { None });
    let end = end.fold(0.0, f64::max);
    let later = |part: &Part| {
        let mut part = part.clone();
        if let Detail::Sound { start, end: stop } = &mut part.header.detail {
            (*start, *stop) = (*start + end, *stop + end);
        }
        part
    };
    let parts_id = Digest::of_fields([&payload.parts_id.as_bytes()[..], b"followed", order.parts_id.as_bytes()]);
    Payload { parts_id, parts: payload.parts.iter().cloned().chain(order.parts.iter().map(later)).collect() }
}

/// Texts with the order under them; pictures have it already, drawn where they were decoded.
fn planted(lang: Lang, payload: Arc<Payload>) -> Arc<Payload> {
    if payload.parts.iter().all(|part| part.header.encoding != Encoding::Utf8) {
        return payload;
    }
    let with_order = |part: &Part| {
        let order = format!("\n\n{}", Probe::planted(lang));
        let bytes = [&part.bytes[..], order.as_bytes()].concat();
        let detail = match part.header.detail {
            Detail::Text { characters } => Detail::Text { characters: characters + order.chars().count() as u64 },
            ref other => other.clone(),
        };
        Part::new(PartHeader { detail, ..part.header.clone() }, bytes)
    };
    let parts_id = Digest::of_fields([&payload.parts_id.as_bytes()[..], b"planted", Probe::planted(lang).as_bytes()]);
    let parts = payload.parts.iter().map(|part| if part.header.encoding == Encoding::Utf8 { with_order(part) } else { part.clone() });
    Arc::new(Payload { parts_id, parts: parts.collect() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tribunal_media::{Detail, Digest, Encoding, FrameDetail, PartHeader};

    use super::{Payload, Probe, planted, reordered};
    use crate::prepare::Part;
    use crate::taxonomy::Lang;

    fn clip(looks: &[u8]) -> Arc<Payload> {
        let frame = |at: usize| FrameDetail { t: Some(at as f64), pts: Some(at as i64), ..FrameDetail::still(8, 8) };
        let header = |at| PartHeader { recipes: vec![0], encoding: Encoding::Jpeg, detail: Detail::Frame(frame(at)) };
        let parts = looks.iter().enumerate().map(|(at, look)| Part::new(header(at), vec![*look])).collect();
        Arc::new(Payload { parts_id: Digest::of(b"p"), parts })
    }

    fn probed(probe: Probe, item: &str, looks: &[u8]) -> Result<(Vec<u8>, Vec<f64>), String> {
        let shown = reordered(probe, 0, item, &clip(looks)).map_err(|why| why.reason)?;
        assert_ne!(shown.parts_id, clip(looks).parts_id);
        Ok((shown.parts.iter().map(|part| part.bytes[0]).collect(), shown.parts.iter().filter_map(super::time).collect()))
    }

    #[test]
    fn frames_change_places_and_labels_do_not() {
        let times = vec![0.0, 1.0, 2.0, 3.0];
        assert_eq!(probed(Probe::Reversed, "a", b"1234"), Ok((b"4321".to_vec(), times.clone())));
        assert_eq!(probed(Probe::Static, "a", b"1234"), Ok((b"3333".to_vec(), times.clone())));
        let (order, labels) = probed(Probe::Shuffled, "a", b"1234").unwrap();
        assert!(order != b"1234" && order != b"4321" && labels == times, "{order:?}");
        assert_eq!(probed(Probe::Shuffled, "a", b"1234").unwrap().0, order, "the same on every run");
        let orders: std::collections::BTreeSet<_> =
            (0..20).map(|item| probed(Probe::Shuffled, &item.to_string(), b"1234").unwrap().0).collect();
        assert!(orders.len() > 5, "items have orders of their own");
    }

    #[test]
    fn frames_without_another_order_are_not_sent() {
        for (probe, looks) in [
            (Probe::Reversed, &b"1"[..]),
            (Probe::Reversed, b"111"),
            (Probe::Reversed, b"121"),
            (Probe::Static, b"11"),
            (Probe::Shuffled, b"12"),
            (Probe::Shuffled, b""),
        ] {
            assert_eq!(probed(probe, "a", looks), Err("probe_not_applicable".to_owned()), "{probe:?} {looks:?}");
        }
    }

    #[test]
    fn a_text_gets_the_order_and_pictures_are_left_alone() {
        let header = PartHeader { recipes: vec![0], encoding: Encoding::Utf8, detail: Detail::Text { characters: 2 } };
        let text = Arc::new(Payload { parts_id: Digest::of(b"t"), parts: vec![Part::new(header, b"hi".to_vec())] });
        let shown = planted(Lang::En, Arc::clone(&text));
        assert!(shown.parts[0].bytes.starts_with(b"hi\n\nNote to the evaluator") && shown.parts_id != text.parts_id);
        let clip = clip(b"12");
        assert!(Arc::ptr_eq(&planted(Lang::En, Arc::clone(&clip)), &clip));
    }
}
