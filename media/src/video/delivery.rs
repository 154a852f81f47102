//! From stretches of packets to pictures of the wanted frames: finds each, or the nearest that can be decoded, and sends it.

use std::collections::BTreeMap;

use super::camera::Camera;
use super::damage::Damage;
use super::findings::{Findings, Found};
use super::index::Index;
use super::outbox::Outbox;
use super::plan::{Run, by_group, earlier_start};
use super::session::{Out, Session};
use crate::libav::{Frame, Stream};
use crate::sampler::{Glimpse, Scout, most_held};
use crate::signal::{Look, Meter};
use crate::{Error, FrameDetail, PartSink, PerceptualHash, Recipe, Report};

/// A frame on its way through: where it belongs, what it looks like.
struct Seen<'f> {
    position: usize,
    frame: &'f Frame,
    look: &'f Look,
}

/// A recipe whose frames are found by looking, with the pictures that its scout holds.
struct Search {
    recipe: usize,
    scout: Box<dyn Scout>,
    held: BTreeMap<usize, Found>,
}

/// Delivers the frames that the recipes want.
pub(super) struct Delivery<'a> {
    recipes: &'a [Recipe],
    index: &'a Index,
    /// By packet, the frame with which all up to it have come out.
    reaches: Vec<usize>,
    targets: &'a BTreeMap<usize, Vec<usize>>,
    camera: Camera<'a>,
    meter: Meter,
    searches: Vec<Search>,
    outbox: Outbox<'a>,
    lost: u64,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        recipes: &'a [Recipe],
        index: &'a Index,
        stream: &'a Stream,
        targets: &'a BTreeMap<usize, Vec<usize>>,
        scouts: Vec<(usize, Box<dyn Scout>)>,
        sink: &'a mut dyn PartSink,
    ) -> Self {
        let sent_to = |at: usize| targets.values().filter(|sharing| sharing.contains(&at)).count();
        let waiting = recipes.iter().enumerate().map(|(at, recipe)| recipe.sampler().and_then(most_held).unwrap_or_else(|| sent_to(at)));
        let waiting = waiting.collect();
        let searches = scouts.into_iter().map(|(recipe, scout)| Search { recipe, scout, held: BTreeMap::new() }).collect();
        Self {
            recipes,
            index,
            reaches: index.reaches(),
            targets,
            camera: Camera::new(recipes, waiting, stream),
            meter: Meter::default(),
            searches,
            outbox: Outbox::new(recipes, sink),
            lost: 0,
        }
    }

    /// Decodes a stretch and sends what was found, as soon as it is certain; tries again from further back for what is missing or damaged, and
    /// sends in the end what there is.
    pub(super) fn run(&mut self, session: &mut Session<'_>, run: &Run, report: &mut Report) -> Result<(), Error> {
        let mut found = Findings::default();
        self.decode(session, run, true, &mut found, report)?;
        self.try_earlier(session, run, &mut found, report)?;
        self.decode_alone(session, run, &mut found, report)?;
        for wanted in run.wanted[found.sent..].iter().copied() {
            match found.remove(wanted) {
                Some(found) => self.send_found(wanted, found, report)?,
                None => self.lost += 1,
            }
        }
        Ok(())
    }

    /// Starts again from further and further back for what is missing or damaged.
    fn try_earlier(&mut self, session: &mut Session<'_>, run: &Run, found: &mut Findings, report: &mut Report) -> Result<(), Error> {
        let mut again = Run { wanted: run.wanted[found.sent..].to_vec(), ..run.clone() };
        let mut attempt = 1;
        while let Some(start) = earlier_start(&self.index.packets, again.start, attempt) {
            again.wanted.retain(|position| !found.is_certain(*position));
            let settled = attempt > 1 && again.wanted.iter().all(|position| found.has(*position));
            if again.wanted.is_empty() || settled {
                break;
            }
            again.start = start;
            self.decode(session, &again, false, found, report)?;
            attempt += 1;
        }
        Ok(())
    }

    /// What a decoder makes up, and which neighbour can stand in for a frame, hang on what was decoded before, and so on what others want; decoding
    /// each group of pictures by itself and whole makes it the file's own.
    fn decode_alone(&mut self, session: &mut Session<'_>, run: &Run, found: &mut Findings, report: &mut Report) -> Result<(), Error> {
        let made_up = run.wanted[found.sent..].iter().copied().filter(|position| !found.is_certain(*position));
        for group in by_group(self.index, made_up) {
            let others: Vec<(usize, Found)> = group.wanted.iter().filter_map(|wanted| Some((*wanted, found.remove(*wanted)?))).collect();
            session.renew()?;
            self.decode(session, &group, false, found, report)?;
            for (wanted, other) in others {
                let alone = found.get_mut(wanted).map(|alone| alone.position);
                if alone.is_none() || other.position == wanted && alone != Some(wanted) {
                    found.insert(wanted, other);
                }
            }
        }
        Ok(())
    }

    /// Sends what the scouts picked and what waits in sheets; every recipe must have got a frame.
    pub(super) fn finish(mut self, report: &mut Report) -> Result<(), Error> {
        for mut search in std::mem::take(&mut self.searches) {
            for position in search.scout.finish() {
                if let Some(found) = search.held.remove(&position) {
                    self.send_found(position, found, report)?;
                }
            }
        }
        self.outbox.finish(report)?;
        report.video = self.meter.finish();
        let starved = |(at, recipe): (usize, &Recipe)| recipe.sampler().is_some() && !self.outbox.has_served(at);
        if self.recipes.iter().enumerate().any(starved) {
            return Err(Error::Empty("none of the wanted frames could be decoded".to_owned()));
        }
        if self.lost > 0 {
            let message = format!("{} wanted frames could not be decoded; the nearest ones stand in for them", self.lost);
            report.note("frames_substituted", message);
        }
        Ok(())
    }

    /// Decodes `run`. Only at the `first` attempt are frames measured and searched, and sent on the way.
    fn decode(
        &mut self,
        session: &mut Session<'_>,
        run: &Run,
        first: bool,
        found: &mut Findings,
        report: &mut Report,
    ) -> Result<(), Error> {
        let (index, skip) = (self.index, first && self.searches.is_empty());
        let all = !(skip && Session::leaves_out(index, run));
        let mut wanted = run.wanted.iter().copied().peekable();
        let mut before: Option<(usize, Frame, Look)> = None;
        session.run(index, run, skip, &mut |Out { packet, damage, .. }, frame| {
            let Some(position) = index.shown.get(packet).copied().flatten() else { return Ok(()) };
            let look = self.camera.look(frame)?;
            let seen = Seen { position, frame, look: &look };
            while let Some(missing) = wanted.next_if(|wanted| *wanted < position) {
                if !found.has(missing) {
                    let earlier = before.as_ref().filter(|(at, ..)| *at < missing && self.is_nearer(missing, *at, position));
                    let earlier = earlier.map(|(at, frame, look)| Seen { position: *at, frame, look });
                    found.insert(missing, self.find(missing, earlier.as_ref().unwrap_or(&seen), report)?);
                }
            }
            if run.wanted.binary_search(&position).is_ok() && found.is_worse(position, damage.holds(packet)) {
                found.insert(position, self.find(position, &seen, report)?);
            }
            if first {
                self.measure(&seen, all, report)?;
                self.send_certain(run, found, position, damage, report)?;
            }
            before = Some((position, std::mem::replace(frame, Frame::new()?), look));
            Ok(())
        })?;
        if let Some((position, frame, look)) = before {
            let seen = Seen { position, frame: &frame, look: &look };
            for missing in wanted.filter(|wanted| *wanted > position) {
                if !found.has(missing) {
                    found.insert(missing, self.find(missing, &seen, report)?);
                }
            }
        }
        let held = self.searches.iter_mut().flat_map(|search| search.held.values_mut());
        found.all_mut().chain(held).for_each(|found| found.settle(index, session.damage()));
        Ok(())
    }

    /// Whether the frame at `one` is no farther in time from the one at `wanted` than that at `other`.
    fn is_nearer(&self, wanted: usize, one: usize, other: usize) -> bool {
        let t = |position: usize| self.index.timeline.moments()[position].t;
        (t(wanted) - t(one)).abs() <= (t(wanted) - t(other)).abs()
    }

    /// Sends the first of the wanted frames that are found beyond doubt, so that they need not wait for the end of the stretch; the frame at
    /// `latest` has just come out.
    fn send_certain(&mut self, run: &Run, found: &mut Findings, latest: usize, damage: &Damage, report: &mut Report) -> Result<(), Error> {
        while let Some(wanted) = run.wanted.get(found.sent).copied() {
            if let Some(found) = found.get_mut(wanted)
                && self.reaches[self.index.display[found.position]] <= latest
            {
                found.settle(self.index, damage);
            }
            if !found.is_ready(wanted) {
                break;
            }
            if let Some(found) = found.remove(wanted) {
                self.send_found(wanted, found, report)?;
            }
            found.sent += 1;
        }
        Ok(())
    }

    fn find(&mut self, wanted: usize, seen: &Seen<'_>, report: &mut Report) -> Result<Found, Error> {
        let sharing = self.targets.get(&wanted).map(Vec::as_slice).unwrap_or_default();
        self.picture(seen, sharing, report)
    }

    fn picture(&mut self, seen: &Seen<'_>, recipes: &[usize], report: &mut Report) -> Result<Found, Error> {
        let shots = self.camera.take(seen.frame, recipes, report)?;
        Ok(Found { position: seen.position, damaged: None, phash: PerceptualHash::of(seen.look.plane()), shots })
    }

    /// Measures a frame, of a stretch that comes out with `all` of its frames or not, and shows it to the scouts.
    fn measure(&mut self, seen: &Seen<'_>, all: bool, report: &mut Report) -> Result<(), Error> {
        let t = self.index.timeline.moments()[seen.position].t;
        let Some(motion) = self.meter.see(seen.position, t, seen.look, all) else { return Ok(()) };
        let mut searches = std::mem::take(&mut self.searches);
        for Search { recipe, scout, held } in &mut searches {
            if scout.see(&Glimpse { position: seen.position, t, look: seen.look, motion }) {
                held.insert(seen.position, self.picture(seen, &[*recipe], report)?);
                held.retain(|position, _| scout.holds(*position));
            }
        }
        self.searches = searches;
        Ok(())
    }

    fn send_found(&mut self, wanted: usize, found: Found, report: &mut Report) -> Result<(), Error> {
        let Found { position, damaged, phash, mut shots } = found;
        if position != wanted {
            self.lost += 1;
            // What a recipe will get as itself is not sent as a substitute before.
            for shot in &mut shots {
                shot.recipes.retain(|recipe| {
                    position < wanted || !self.targets.range(wanted + 1..=position).any(|(_, sharing)| sharing.contains(recipe))
                });
            }
        }
        let damaged = damaged == Some(true);
        if damaged {
            report.note("damaged_frames", "parts of some frames were made up by the decoder");
        }
        let detail = FrameDetail { substituted: position != wanted, damaged, phash: Some(phash), ..self.detail(position) };
        self.outbox.send(position, &detail, shots, report)
    }

    /// What is known of the frame at `position`; its pictures have sizes of their own.
    fn detail(&self, position: usize) -> FrameDetail {
        let moment = self.index.timeline.moments()[position];
        FrameDetail {
            t: Some(moment.t),
            pts: Some(moment.pts),
            time_base: Some(self.index.time_base),
            index: Some(position as u64),
            keyframe: Some(moment.keyframe),
            estimated: self.index.estimated[position],
            ..FrameDetail::still(0, 0)
        }
    }
}
