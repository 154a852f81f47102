//! Sound from end to end: open, decode, deliver, account.

use super::chain::{Chain, bytes_of_mp3, chain};
use super::decode::{self, Decoder};
use super::hearing::Hearing;
use super::libav::Libav;
use super::ogg::bad_pages;
use super::outlet::Outlets;
use super::pause::{Pauses, PictureClock};
use super::piped::with_lengths;
use super::symphonia::recognise;
use crate::ending::broken_off;
use crate::fragments::missing_fragments;
use crate::joined::{another_movie, behind_samples};
use crate::sniff::behind_lead;
use crate::{Error, Limits, PartSink, Recipe, Report, SoundSpec, Source};

/// Containers whose clock may be set anew on the way.
const BROADCAST: [&str; 2] = ["mpeg-ts", "mpeg-ps"];

/// Decodes sound once and delivers the chunks of every audio recipe.
pub(crate) fn normalise(source: &Source, recipes: &[Recipe], limits: &Limits, sink: &mut dyn PartSink) -> Result<Report, Error> {
    let specs: Vec<&SoundSpec> = recipes.iter().map(sound_spec).collect::<Result<_, _>>()?;
    let outlets = Outlets::new(specs.into_iter().enumerate(), limits)?;
    let rest = behind_lead(source)?;
    let source = rest.as_ref().map_or(source, |(rest, _)| rest);
    let mended = with_lengths(source)?;
    let source = mended.as_ref().unwrap_or(source);
    let mut decoder = decode::open(source, limits)?;
    let mut report = Report::default();
    decoder.facts().describe(&mut report);
    if decoder.facts().pictures {
        report.note("pictures_ignored", "the file also holds moving pictures; only its sound was asked for");
    }
    let pauses = Pauses::alone(BROADCAST.contains(&report.format.as_str()));
    let (name, start) = recognise(source)?;
    let chain = chain(source, name, start)?.unwrap_or_default();
    let ending = broken_off(source)?;
    let share = ending.as_ref().and_then(|ending| ending.share);
    let reason = ending.map(|ending| ending.reason).or_else(|| chain.cut.then(|| "the last frame is cut".to_owned()));
    let mut hearing = Hearing::new(&mut *decoder, outlets, pauses);
    hearing.hear(sink)?;
    if let Some(reason) = reason {
        hearing.end(reason);
    } else if chain.followed && !chain.cut {
        match bytes_of_mp3(&source.read(start, 256)?) {
            Some(bytes) if start + bytes > source.len() => {}
            None if chain.behind > 0 => {}
            _ => hearing.believe_end(),
        }
    }
    if chain.behind > 0 {
        hearing.forgive_last();
    }
    hearing.judge(share, limits, &mut report)?;
    hearing.finish(sink, &mut report)?;
    if let Some((what, at)) = behind_samples(source)? {
        let message =
            format!("{what} begins at byte {at}, behind the samples, and is not heard; store the files one by one, or anew as one");
        report.note("goes_on_elsewhere", message);
    }
    if let Some(at) = another_movie(source)? {
        report.note(
            "goes_on_elsewhere",
            format!("another file begins at byte {at}, and is not heard; store the files one by one, or anew as one"),
        );
    }
    let missing = missing_fragments(source)?;
    if missing > 0 {
        report.add_to_note("holes", format!("{missing} fragments between others are missing, by their numbers"));
    }
    if name == "ogg" {
        bad_pages(source)?.remark().into_iter().for_each(|remark| report.add_to_note("holes", remark));
    }
    let is_padding = |lead: &[u8]| lead.iter().all(|byte| *byte == 0) || lead.starts_with(b"APETAGEX");
    if let Some((_, lead)) = rest.as_ref().filter(|(_, lead)| !is_padding(lead)) {
        report.add_to_note("holes", format!("the first {} bytes are no whole frame of sound; what they held is unknown", lead.len()));
    }
    if chain.holes > 0 {
        let Chain { holes, rubbish, .. } = chain;
        let what = format!("frames do not follow one another in {holes} places, and {rubbish} bytes between them are no sound");
        report.add_to_note("holes", format!("{what}; how long those holes last is unknown"));
    }
    Ok(report)
}

/// Delivers a video's soundtrack for every recipe that asks for it, timed by the clock of its pictures (a chunk may start below zero).
///
/// Nothing that is wrong with the sound costs the pictures: a video without sound, or with sound that nothing here decodes, gets a note and no parts;
/// of sound that is broken, all that came out is delivered, and the note says what is wrong with it.
pub(crate) fn soundtrack(
    source: &Source,
    specs: &[(usize, &SoundSpec)],
    pictures: &PictureClock,
    limits: &Limits,
    sink: &mut dyn PartSink,
    report: &mut Report,
) -> Result<(), Error> {
    let mut decoder = match spared(Libav::open(source, limits, true))? {
        Ok(decoder) => decoder,
        Err(error) => {
            let broken = matches!(error, Error::Malformed(_) | Error::Truncated(_));
            let code = if broken { format!("soundtrack_{}", error.reason_code()) } else { "no_soundtrack".to_owned() };
            report.note(&code, error.to_string());
            return Ok(());
        }
    };
    report.decoder = format!("{}+{}", report.decoder, decoder.facts().decoder);
    let pauses = Pauses::beside(pictures, decoder.start);
    let outlets = Outlets::new(specs.iter().copied(), limits)?;
    let mut sound = Report::default();
    salvage(Hearing::new(&mut decoder, outlets, pauses), limits, sink, &mut sound)?;
    report.packets_read += sound.packets_read;
    report.sound = sound.sound;
    for note in sound.notes {
        report.note(&format!("soundtrack_{}", note.code), note.message);
    }
    Ok(())
}

/// Delivers all that comes out, and notes what went wrong on the way. How the file ends, the video's own report says.
pub(super) fn salvage(mut hearing: Hearing<'_>, limits: &Limits, sink: &mut dyn PartSink, report: &mut Report) -> Result<(), Error> {
    if let Err(error) = spared(hearing.hear(sink))? {
        hearing.end(format!("nothing came after {:.3} s of sound: {error}", hearing.seconds()));
    }
    if let Err(error) = spared(hearing.judge(None, limits, report))? {
        report.note(error.reason_code(), error.to_string());
    }
    if let Err(error) = spared(hearing.finish(sink, report))? {
        report.note(error.reason_code(), error.to_string());
    }
    Ok(())
}

/// The inner error is of the sound alone, and pictures beside it are none the worse; the outer one is of reading, memory, limits or the receiver.
fn spared<T>(result: Result<T, Error>) -> Result<Result<T, Error>, Error> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => match error {
            Error::NotMedia(_)
            | Error::Unsupported(_)
            | Error::Malformed(_)
            | Error::Truncated(_)
            | Error::Contradiction { .. }
            | Error::Empty(_) => Ok(Err(error)),
            Error::Limit { .. } | Error::OutOfMemory | Error::NestedOpen | Error::Io(_) | Error::Panic(_) | Error::SinkClosed => Err(error),
        },
    }
}

fn sound_spec(recipe: &Recipe) -> Result<&SoundSpec, Error> {
    match recipe {
        Recipe::Audio(spec) => Ok(spec),
        Recipe::Text { .. } | Recipe::Image { .. } | Recipe::Video { .. } => {
            Err(Error::Contradiction { expected: recipe.modality(), found: "sound".to_owned() })
        }
    }
}

/// One line about the sound that is decoded.
pub(crate) fn streams(source: &Source, limits: &Limits) -> Result<Vec<String>, Error> {
    let rest = behind_lead(source)?;
    let source = rest.as_ref().map_or(source, |(rest, _)| rest);
    let mended = with_lengths(source)?;
    Ok(vec![decode::open(mended.as_ref().unwrap_or(source), limits)?.facts().line()])
}
