//! Sound from end to end: open, decode, deliver, account.

use super::chain::{Chain, chain};
use super::decode::{self, Block, Decoder, Step};
use super::libav::Libav;
use super::outlet::Outlets;
use super::pause::{Pauses, PictureClock};
use super::symphonia::recognise;
use crate::ending::{BrokenOff, broken_off};
use crate::{Error, Limits, PartSink, Recipe, Report, SoundSignals, SoundSpec, Source};

/// Fewer good packets than one in this many: what came out is noise, not the recording.
const LEAST_GOOD: u64 = 100;

/// Of the promised length, this share may be missing before the file counts as cut: encoders' padding is less.
const SHORTFALL: f64 = 0.01;

/// Containers whose clock may be set anew on the way.
const BROADCAST: [&str; 2] = ["mpeg-ts", "mpeg-ps"];

/// Decodes sound once and delivers the chunks of every audio recipe.
pub(crate) fn normalise(source: &Source, recipes: &[Recipe], limits: &Limits, sink: &mut dyn PartSink) -> Result<Report, Error> {
    let specs: Vec<&SoundSpec> = recipes.iter().map(sound_spec).collect::<Result<_, _>>()?;
    let outlets = Outlets::new(specs.into_iter().enumerate(), limits)?;
    let mut decoder = decode::open(source, limits)?;
    let mut report = Report::default();
    decoder.facts().describe(&mut report);
    if decoder.facts().pictures {
        report.note("pictures_ignored", "the file also holds moving pictures; only its sound was asked for");
    }
    let pauses = Pauses::alone(BROADCAST.contains(&report.format.as_str()));
    let (name, start) = recognise(source)?;
    let chain = chain(source, name, start)?.unwrap_or_default();
    let torn = || BrokenOff { share: None, reason: "the last frame is cut".to_owned() };
    let ending = broken_off(source)?.or_else(|| chain.cut.then(torn));
    deliver(&mut *decoder, outlets, pauses, ending, limits, sink, &mut report)?;
    if chain.holes > 0 {
        let Chain { holes, rubbish, .. } = chain;
        let what = format!("frames do not follow one another in {holes} places, and {rubbish} bytes between them are no sound");
        report.note("holes", format!("{what}; how long the holes last is unknown"));
    }
    Ok(report)
}

/// Delivers a video's soundtrack for `recipes`, timed by the clock of its pictures (a chunk may start below zero). A video without sound, or with
/// sound that nothing here decodes, gets a note and no parts.
pub(crate) fn soundtrack(
    source: &Source,
    spec: &SoundSpec,
    recipes: &[usize],
    pictures: &PictureClock,
    limits: &Limits,
    sink: &mut dyn PartSink,
    report: &mut Report,
) -> Result<(), Error> {
    let mut decoder = match Libav::open(source, limits, true) {
        Ok(decoder) => decoder,
        Err(error @ (Error::Contradiction { .. } | Error::Empty(_) | Error::Unsupported(_))) => {
            report.note("no_soundtrack", error.to_string());
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let outlets = Outlets::new(recipes.iter().map(|recipe| (*recipe, spec)), limits)?;
    let pauses = Pauses::beside(pictures, decoder.start);
    let mut sound = Report::default();
    deliver(&mut decoder, outlets, pauses, None, limits, sink, &mut sound)?; // the video's own report says how the file ends
    report.packets_read += sound.packets_read;
    report.sound = sound.sound;
    report.decoder = format!("{}+{}", report.decoder, decoder.facts().decoder);
    for note in sound.notes {
        report.note(&format!("soundtrack_{}", note.code), note.message);
    }
    Ok(())
}

fn sound_spec(recipe: &Recipe) -> Result<&SoundSpec, Error> {
    match recipe {
        Recipe::Audio(spec) => Ok(spec),
        Recipe::Text { .. } | Recipe::Image { .. } | Recipe::Video { .. } => {
            Err(Error::Contradiction { expected: recipe.modality(), found: "sound".to_owned() })
        }
    }
}

/// What came out of the packets.
#[derive(Debug, Default)]
struct Tally {
    good: u64,
    damaged: u64,
    cut: Option<String>,
}

fn deliver(
    decoder: &mut dyn Decoder,
    mut outlets: Outlets,
    mut pauses: Pauses,
    ending: Option<BrokenOff>,
    limits: &Limits,
    sink: &mut dyn PartSink,
    report: &mut Report,
) -> Result<(), Error> {
    let (mut block, mut tally, origin) = (Block::default(), Tally::default(), pauses.origin());
    loop {
        match decoder.next(&mut block)? {
            Step::Samples => {
                tally.good += 1;
                outlets.pause(pauses.before(&block), block.rate, origin, sink)?;
                outlets.push(&mut block, origin, sink)?;
            }
            Step::Damaged => tally.damaged += 1,
            Step::End => break,
            Step::Cut(reason) => {
                tally.cut = Some(reason);
                break;
            }
        }
    }
    report.packets_read = decoder.packets();
    let promised = decoder.facts().promised;
    let share = ending.as_ref().and_then(|ending| ending.share);
    tally.cut = tally.cut.or_else(|| ending.map(|ending| ending.reason));
    tally.judge(outlets.seconds(), promised, share, limits.least_share, report)?;
    report.duration = Some(outlets.seconds());
    pauses.finish(report);
    let facts = decoder.facts();
    report.sound = Some(SoundSignals { channels: facts.channels as u32, mixdown: facts.mixdown.clone(), ..SoundSignals::default() });
    outlets.finish(origin, sink, report)
}

impl Tally {
    /// Refuses what is hardly there; notes what is missing. `share` is that of the file's bytes, when it says how many there should be.
    fn judge(&self, seconds: f64, promised: Option<f64>, share: Option<f64>, least_share: f64, report: &mut Report) -> Result<(), Error> {
        if seconds <= 0.0 {
            return Err(match &self.cut {
                Some(reason) => Error::Truncated(format!("no sample before the end: {reason}")),
                None if self.damaged > 0 => Error::Malformed(format!("none of {} packets could be decoded", self.damaged)),
                None => Error::Empty("the stream holds no samples".to_owned()),
            });
        }
        if self.good * LEAST_GOOD < self.good + self.damaged {
            return Err(Error::Malformed(format!("{} of {} packets could not be decoded", self.damaged, self.damaged + self.good)));
        }
        if self.damaged > 0 {
            report.note("decode_errors", format!("{} of {} packets could not be decoded", self.damaged, self.damaged + self.good));
        }
        let missing = promised.filter(|promised| seconds < promised * (1.0 - SHORTFALL) - 0.1);
        let left = missing.map(|promised| seconds / promised).or(share);
        if let Some(left) = left.filter(|left| *left < least_share) {
            return Err(Error::Truncated(format!("{seconds:.2} seconds, {:.1} % of what the file promises, are left", left * 100.0)));
        }
        if missing.is_some() || self.cut.is_some() {
            report.truncated_at = Some(seconds);
            report.note("truncated", self.cut.as_deref().unwrap_or("the sound is shorter than its header says"));
        }
        Ok(())
    }
}

/// One line about the sound that is decoded.
pub(crate) fn streams(source: &Source, limits: &Limits) -> Result<Vec<String>, Error> {
    Ok(vec![decode::open(source, limits)?.facts().line()])
}
