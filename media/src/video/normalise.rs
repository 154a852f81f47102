//! One video from bytes to parts.

use std::collections::BTreeMap;

use super::cursor::Cursor;
use super::geometry::Geometry;
use super::index::{Index, needs_decoded_order, scan};
use super::plan::{Run, earlier_start, plan};
use super::session::Session;
use crate::frame::{background, encode, shared_views, target_size};
use crate::libav::{Frame, Input, Kind, Scaler, Stream};
use crate::{
    Detail, Encoding, Error, FrameDetail, FrameView, Limits, Modality, Note, PartHeader, PartSink, Probe, Recipe, Report, SamplerSpec,
    Source,
};

/// Decodes the frames that every recipe picks, in one forward pass, and then the soundtracks that recipes ask for.
pub(crate) fn normalise(source: &Source, recipes: &[Recipe], limits: &Limits, sink: &mut dyn PartSink) -> Result<Report, Error> {
    let (mut session, stream, index, mut report) = open(source, limits)?;
    let wanted: Vec<(usize, &SamplerSpec)> = recipes.iter().enumerate().filter_map(|(at, recipe)| Some((at, recipe.sampler()?))).collect();
    let targets = crate::sampler::plan(wanted, &index.timeline).targets;
    let mut delivery = Delivery {
        recipes,
        index: &index,
        stream: &stream,
        targets: &targets,
        scaler: Scaler::new(),
        sent: BTreeMap::new(),
        lost: 0,
        report: &mut report,
    };
    for run in plan(&index, targets.keys().copied()) {
        delivery.run(&mut session, &run, sink)?;
    }
    delivery.finish()?;
    report.frames_decoded = session.frames_decoded;
    report.packets_read = session.cursor.packets_read();
    drop(session);
    for (spec, sharing) in soundtracks(recipes) {
        crate::audio::soundtrack(source, spec, &sharing, index.origin, limits, sink, &mut report)?;
    }
    Ok(report)
}

/// Looks at the streams and the index; decodes only where the file has no timestamps.
pub(crate) fn probe(source: &Source, limits: &Limits) -> Result<Probe, Error> {
    let streams = Input::open(source, limits)?.streams();
    let (_, _, index, report) = open(source, limits)?;
    Ok(Probe {
        modality: Modality::Video,
        format: report.format,
        dimensions: report.dimensions,
        duration: report.duration,
        frames: report.frames_total,
        keyframes: Some(index.keyframes() as u64),
        streams: streams.iter().map(describe).collect(),
        notes: report.notes,
    })
}

fn describe(stream: &Stream) -> String {
    match stream.kind {
        Kind::Video => format!("video {} {}x{} {}", stream.codec, stream.size.0, stream.size.1, stream.pixels),
        Kind::Audio => format!("audio {} {} Hz {} ch", stream.codec, stream.sample_rate, stream.channels),
        Kind::Other => format!("other {}", stream.codec),
    }
}

fn open<'s>(source: &'s Source, limits: &Limits) -> Result<(Session<'s>, Stream, Index, Report), Error> {
    let mut input = Input::open(source, limits)?;
    let found = || "sound only".to_owned();
    let stream = match (input.best(Kind::Video), input.best(Kind::Audio)) {
        (Some(stream), _) => stream,
        (None, Some(_)) => return Err(Error::Contradiction { expected: Modality::Video, found: found() }),
        (None, None) => return Err(Error::Empty("no stream of pictures".to_owned())),
    };
    admit(&stream, stream.size, limits)?;
    input.select(stream.index);
    let packets = scan(&mut input, &stream, limits)?;
    let cut = input.is_broken() || input.points_past(stream.index, source.len());
    let format = format_name(&input.format()).to_owned();
    let mut session = Session::new(Cursor::new(source, input, stream.clone())?, stream.clone(), limits)?;
    let order = if needs_decoded_order(&packets) { Some(session.display_order(&packets)?) } else { None };
    let index = Index::new(packets, &stream, order)?;
    let duration = index.timeline.duration();
    Limits::check("duration in seconds", duration as u64, limits.seconds)?;
    let geometry = Geometry::new(stream.size.0, stream.size.1, &stream);
    let mut report = Report {
        format,
        decoder: format!("libav:{}", session.decoder_name()),
        duration: Some(duration),
        dimensions: (stream.size.0 > 0 && stream.size.1 > 0).then_some(geometry.upright),
        packets_read: session.cursor.packets_read(),
        frames_total: Some(index.display.len() as u64),
        ..Report::default()
    };
    remark(&mut report, &index, &stream, cut);
    Ok((session, stream, index, report))
}

fn remark(report: &mut Report, index: &Index, stream: &Stream, cut: bool) {
    let duration = index.timeline.duration();
    if let Some(header) = stream.duration.filter(|_| !index.estimated)
        && (header - duration).abs() > duration.max(header) / 10.0
    {
        report.note("header_duration_differs", format!("the header says {header:.3} s, the frames last {duration:.3} s"));
    }
    if cut {
        report.truncated_at = Some(duration);
        report.note("broken_off", format!("the container breaks off after {duration:.3} s"));
    }
    if index.estimated {
        report.note("timestamps_estimated", "the file has no timestamps; frames are counted");
    }
    if index.lead > 0 {
        report.note("undecodable_lead", format!("{} frames before the first that can be decoded are left out", index.lead));
    }
    if stream.interlaced {
        report.note("interlaced", "the fields of a frame were taken at different times");
    }
}

/// Refuses by arithmetic what would need more memory than there is: reference frames and a few in flight.
pub(super) fn admit(stream: &Stream, size: (u32, u32), limits: &Limits) -> Result<(), Error> {
    let pixels = u64::from(size.0) * u64::from(size.1);
    Limits::check("pixels of a frame", pixels, limits.pixels)?;
    let references = match stream.codec.as_str() {
        "h264" | "hevc" => 16,
        "vp9" | "av1" => 8,
        _ => 3,
    };
    Limits::check("memory for decoding in bytes", (references + 4) * pixels * stream.bytes_per_two_pixels / 2, limits.decode_bytes)
}

fn format_name(libav: &str) -> &str {
    match libav {
        "mov" => "mp4",
        name => name,
    }
}

fn soundtracks(recipes: &[Recipe]) -> Vec<(&crate::SoundSpec, Vec<usize>)> {
    let mut shared: Vec<(&crate::SoundSpec, Vec<usize>)> = Vec::new();
    for (at, recipe) in recipes.iter().enumerate() {
        let Recipe::Video { soundtrack: Some(spec), .. } = recipe else { continue };
        match shared.iter_mut().find(|(known, _)| *known == spec) {
            Some((_, sharing)) => sharing.push(at),
            None => shared.push((spec, vec![at])),
        }
    }
    shared
}

/// A view of a frame, ready to leave.
struct View {
    recipes: Vec<usize>,
    encoding: Encoding,
    size: (u32, u32),
    bytes: Vec<u8>,
}

/// What was found for a wanted frame: itself, or the nearest that could be decoded.
struct Found {
    position: usize,
    damaged: bool,
    views: Vec<View>,
}

struct Delivery<'a> {
    recipes: &'a [Recipe],
    index: &'a Index,
    stream: &'a Stream,
    targets: &'a BTreeMap<usize, Vec<usize>>,
    scaler: Scaler,
    /// Last position sent to each recipe.
    sent: BTreeMap<usize, usize>,
    lost: u64,
    report: &'a mut Report,
}

impl Delivery<'_> {
    /// Decodes a stretch, tries again from further back for what is missing, and sends what was found.
    fn run(&mut self, session: &mut Session<'_>, run: &Run, sink: &mut dyn PartSink) -> Result<(), Error> {
        let mut found = BTreeMap::new();
        self.decode(session, run, true, &mut found)?;
        let mut again = run.clone();
        let mut attempt = 1;
        while let Some(start) = earlier_start(&self.index.packets, again.start, attempt) {
            let exact = |position: &usize| found.get(position).is_some_and(|found| found.position == *position && !found.damaged);
            again.wanted.retain(|position| !exact(position));
            let settled = attempt > 1 && again.wanted.iter().all(|position| found.contains_key(position));
            if again.wanted.is_empty() || settled {
                break;
            }
            again.start = start;
            self.decode(session, &again, false, &mut found)?;
            attempt += 1;
        }
        self.send(run, found, sink)
    }

    fn decode(&mut self, session: &mut Session<'_>, run: &Run, skip: bool, found: &mut BTreeMap<usize, Found>) -> Result<(), Error> {
        let mut before: Option<(usize, Frame, bool)> = None;
        let positions: BTreeMap<usize, usize> = self.positions(run);
        session.run(self.index, run, skip, &mut |packet, frame, damaged| {
            let Some(position) = positions.get(&packet).copied() else { return Ok(()) };
            for missing in run.wanted.iter().copied().filter(|wanted| *wanted < position) {
                if let std::collections::btree_map::Entry::Vacant(e) = found.entry(missing) {
                    let earlier = before.as_ref().filter(|(at, ..)| *at < missing);
                    let (at, nearest, damaged) =
                        earlier.map_or((position, &*frame, damaged), |(at, frame, damaged)| (*at, frame, *damaged));
                    e.insert(self.view(missing, at, nearest, damaged)?);
                }
            }
            if run.wanted.binary_search(&position).is_ok() {
                let better = found.get(&position).is_none_or(|known| known.position != position || known.damaged && !damaged);
                if better {
                    found.insert(position, self.view(position, position, frame, damaged)?);
                }
            }
            before = Some((position, std::mem::replace(frame, Frame::new()?), damaged));
            Ok(())
        })?;
        if let Some((at, frame, damaged)) = before {
            for missing in run.wanted.iter().copied() {
                if let std::collections::btree_map::Entry::Vacant(e) = found.entry(missing) {
                    e.insert(self.view(missing, at, &frame, damaged)?);
                }
            }
        }
        Ok(())
    }

    /// Packet -> position in display order, for the packets of a stretch.
    fn positions(&self, run: &Run) -> BTreeMap<usize, usize> {
        let range = run.start..=run.last;
        self.index
            .display
            .iter()
            .enumerate()
            .filter(|(_, packet)| range.contains(packet))
            .map(|(position, packet)| (*packet, position))
            .collect()
    }

    fn view(&mut self, wanted: usize, position: usize, frame: &Frame, damaged: bool) -> Result<Found, Error> {
        if frame.is_hdr() {
            self.report.note("hdr_not_tone_mapped", "HDR brightness is shown as it is stored");
        }
        let (width, height) = frame.size();
        let geometry = Geometry::new(width, height, self.stream);
        self.report.dimensions.get_or_insert(geometry.upright); // the header of a stream joined late does not tell
        let sharing = self.targets.get(&wanted).map(Vec::as_slice).unwrap_or_default();
        let mut views = Vec::new();
        for (view, recipes) in shared_views(sharing.iter().filter_map(|at| Some((*at, frame_view(self.recipes.get(*at)?)?)))) {
            let target = geometry.before_turning(target_size(view, geometry.upright.0, geometry.upright.1));
            let rgb = self.scaler.rgb(frame, target.0, target.1, background(view))?.rotated(geometry.turns, geometry.mirrored);
            let (encoding, width, height, bytes) = encode(view, &rgb)?;
            views.push(View { recipes, encoding, size: (width, height), bytes });
        }
        Ok(Found { position, damaged, views })
    }

    fn send(&mut self, run: &Run, mut found: BTreeMap<usize, Found>, sink: &mut dyn PartSink) -> Result<(), Error> {
        for wanted in run.wanted.iter().copied() {
            let Some(Found { position, damaged, views }) = found.remove(&wanted) else {
                self.lost += 1;
                continue;
            };
            if position != wanted {
                self.lost += 1;
            } else if damaged {
                self.report.note("damaged_frames", "parts of some frames were made up by the decoder");
            }
            for View { mut recipes, encoding, size, bytes } in views {
                // A substitute that a recipe has already, or will get as itself, is not sent twice.
                recipes.retain(|recipe| {
                    let fresh = self.sent.get(recipe).is_none_or(|last| *last < position);
                    let own = position > wanted && self.targets.range(wanted + 1..=position).any(|(_, sharing)| sharing.contains(recipe));
                    fresh && !own
                });
                if recipes.is_empty() {
                    continue;
                }
                recipes.iter().for_each(|recipe| {
                    self.sent.insert(*recipe, position);
                });
                let detail = Detail::Frame(self.detail(position, size, position != wanted));
                sink.part(PartHeader { recipes, encoding, detail }, bytes)?;
            }
        }
        Ok(())
    }

    fn detail(&self, position: usize, (width, height): (u32, u32), substituted: bool) -> FrameDetail {
        let moment = self.index.timeline.moments()[position];
        FrameDetail {
            width,
            height,
            t: Some(moment.t),
            pts: Some(moment.pts),
            time_base: Some(self.index.time_base),
            index: Some(position as u64),
            keyframe: Some(moment.keyframe),
            estimated: self.index.estimated,
            substituted,
            phash: None,
        }
    }

    /// Every recipe must have got a frame.
    fn finish(self) -> Result<(), Error> {
        let starved = self.recipes.iter().enumerate().any(|(at, recipe)| recipe.sampler().is_some() && !self.sent.contains_key(&at));
        if starved {
            return Err(Error::Empty("none of the wanted frames could be decoded".to_owned()));
        }
        if self.lost > 0 {
            let message = format!("{} wanted frames could not be decoded; the nearest ones stand in for them", self.lost);
            self.report.notes.push(Note { code: "frames_substituted".to_owned(), message });
        }
        Ok(())
    }
}

const fn frame_view(recipe: &Recipe) -> Option<&FrameView> {
    match recipe {
        Recipe::Video { view, .. } | Recipe::Image { view, .. } => Some(view),
        Recipe::Text { .. } | Recipe::Audio(_) => None,
    }
}
