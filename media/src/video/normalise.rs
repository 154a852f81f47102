//! One video from bytes to parts.

use std::collections::BTreeMap;

use super::admit::{admit, pictures};
use super::chunks;
use super::cursor::Cursor;
use super::delivery::Delivery;
use super::geometry::Geometry;
use super::holes;
use super::index::{BARE, BROADCAST, Entry, IN_A_ROW, Index, Scan, scan};
use super::jump::{Jumps, trust_decoder_at_joins};
use super::order::{are_decoding_times, needs_decoding};
use super::plan::{plan, whole};
use super::promise::{Promise, false_length};
use super::session::Session;
use crate::audio::{BadPages, PictureClock, bad_pages};
use crate::encrypted::Scrambled;
use crate::ending::broken_off;
use crate::fragments::{last_duration, missing_fragments};
use crate::frame::target_size;
use crate::joined::{another_flv, another_movie};
use crate::libav::{Input, Kind, Probing, Stream, heard};
use crate::matroska::is_cropped;
use crate::sampler::{Plan, most_held};
use crate::{Error, Limits, Modality, PartSink, Recipe, Report, Source, encrypted};

/// Decodes the frames that every recipe picks, in one forward pass, and then the soundtracks that recipes ask for.
pub(crate) fn normalise(source: &Source, recipes: &[Recipe], limits: &Limits, sink: &mut dyn PartSink) -> Result<Report, Error> {
    let Opened { mut session, stream, index, mut report } = open(source, limits)?;
    admit_searches(recipes, report.dimensions, limits)?;
    let samplers = recipes.iter().enumerate().filter_map(|(at, recipe)| Some((at, recipe.sampler()?)));
    let Plan { targets, scouts } = crate::sampler::plan(samplers, &index.timeline);
    let runs = if scouts.is_empty() { plan(&index, targets.keys().copied()) } else { vec![whole(&index, targets.keys().copied())] };
    let mut delivery = Delivery::new(recipes, &index, &stream, &targets, scouts, sink);
    for run in runs {
        delivery.run(&mut session, &run, &mut report)?;
    }
    delivery.finish(&mut report)?;
    report.frames_decoded = session.frames_decoded;
    report.packets_read += session.cursor.packets_read();
    drop(session);
    let clock = PictureClock { origin: index.origin, duration: index.timeline.duration(), shifts: index.shifts };
    let soundtracks: Vec<_> = recipes.iter().enumerate().filter_map(|(at, recipe)| Some((at, recipe.soundtrack()?))).collect();
    if !soundtracks.is_empty() {
        crate::audio::soundtrack(source, &soundtracks, &clock, limits, sink, &mut report)?;
    }
    Ok(report)
}

/// One line about each stream.
pub(crate) fn streams(source: &Source, limits: &Limits) -> Result<Vec<String>, Error> {
    Ok(Input::open(source, limits, Probing::Packets)?.streams().iter().map(describe).collect())
}

fn describe(stream: &Stream) -> String {
    match stream.kind {
        Kind::Video => format!("video {} {}x{} {}", stream.codec, stream.size.0, stream.size.1, stream.pixels),
        Kind::Audio => format!("audio {} {} Hz {} ch", stream.codec, stream.sample_rate, stream.channels),
        Kind::Other => format!("other {}", stream.codec),
    }
}

/// A video whose packets have been listed.
struct Opened<'s> {
    session: Session<'s>,
    stream: Stream,
    index: Index,
    report: Report,
}

fn open<'s>(source: &'s Source, limits: &Limits) -> Result<Opened<'s>, Error> {
    let before = heard().rubbish;
    let mut input = Input::open(source, limits, Probing::Header)?;
    // Where the look at its streams met rubbish, nobody knows between which of the packets that it put aside.
    let mut again = if heard().rubbish > before { Some(Input::open(source, limits, Probing::Start)?) } else { None };
    let found = || "sound only".to_owned();
    let mut stream = match (input.best(Kind::Video), input.best(Kind::Audio)) {
        (Some(stream), _) => stream,
        (None, Some(_)) => return Err(Error::Contradiction { expected: Modality::Video, found: found() }),
        (None, None) => return Err(Error::Empty("no stream of pictures".to_owned())),
    };
    let track = input.number(&stream);
    let scrambled = encrypted::admit(source, &input, &stream, limits)?;
    admit(pictures(&stream.codec, &stream.extradata, stream.size), stream.size, stream.bytes_per_two_pixels, limits)?;
    let reading = again.as_mut().unwrap_or(&mut input);
    let format = format_name(&reading.format()).to_owned();
    let broadcast = BROADCAST.contains(&format.as_str());
    if !broadcast {
        reading.select(stream.index); // else the first packet of each other stream tells where it begins
    }
    let Scan { mut packets, after_rubbish, short, past, turned, discarded, others } = scan(reading, &stream, limits)?;
    stream.display_matrix = stream.display_matrix.or(turned.matrix);
    let goes_on = broadcast && goes_on_elsewhere(reading, &stream, &packets, &others);
    let joined = file_behind(source, &format, &packets, &after_rubbish)?;
    let mut holes = holes::mark(source, reading, &stream, &mut packets, &after_rubbish)?;
    holes::mark_encrypted(&scrambled, &mut packets);
    let pages = if format == "ogg" { bad_pages(source)? } else { BadPages::default() };
    holes::mark_missing(source, &pages, &mut packets)?;
    if format == "avi" {
        holes.extend(chunks::date(&mut packets, &reading.listed(stream.index).collect::<Vec<_>>()));
    }
    if broadcast {
        trust_decoder_at_joins(&mut packets, &stream.codec);
    }
    let ending = broken_off(source)?;
    let fragmented = track.filter(|_| format == "mp4" && ending.is_none());
    end_of_fragments(source, &stream, fragmented, &mut packets)?;
    let broken = short || reading.is_broken() || reading.points_past(stream.index, source.len()) || ending.is_some();
    let read_again = again.as_ref().map_or(0, Input::packets_read);
    let cursor = Cursor::new(source, input, stream.clone())?;
    let mut session = Session::new(cursor, stream.clone(), Index::delay(&packets), past, limits)?;
    let copied = are_decoding_times(&packets, || if stream.codec == "hevc" { session.reorders(&packets) } else { Ok(false) })?;
    if copied {
        packets.iter_mut().for_each(|packet| packet.pts = None);
    }
    let order = if needs_decoding(&packets) { Some(session.display_order(&packets)?) } else { None };
    // Streams without a container say of their end only that its last frame is not whole, once all is decoded.
    let torn = BARE.contains(&format.as_str()) && order.is_some() && session.damage().begins_at(packets.len() - 1);
    let cut = broken || torn;
    if broken && broadcast {
        // Its last packets may be lost, and not every decoder says so.
        packets.last_mut().into_iter().for_each(|last| last.damaged = true);
    }
    let jumps = if broadcast { Some(Jumps::read(source, &stream, &packets, limits)?) } else { None };
    let mut index = Index::new(packets, &stream, order, jumps.as_ref())?;
    let duration = index.timeline.duration();
    Limits::check("duration in seconds", duration as u64, limits.seconds)?;
    let of_bytes = ending.as_ref().and_then(|ending| ending.share);
    // A clock that starts anew tells no length, and without a container libav guesses one by the bit rate.
    let told = Promise::of(&format, &stream, &index).filter(|_| index.shifts.is_empty() && !BARE.contains(&format.as_str()));
    let left = told.map(|told| duration / told.lasting).into_iter().chain(of_bytes).reduce(f64::min);
    if let Some(left) = left.filter(|left| cut && *left < limits.least_share) {
        return Err(Error::Truncated(format!("{duration:.2} seconds, {:.1} % of what the file promises, are left", left * 100.0)));
    }
    let geometry = Geometry::new(stream.size, None, &stream);
    let mut report = Report {
        format,
        decoder: format!("libav:{}", session.decoder_name()),
        duration: Some(duration),
        dimensions: (stream.size.0 > 0 && stream.size.1 > 0).then_some(geometry.upright),
        packets_read: read_again + jumps.as_ref().map_or(0, |jumps| jumps.packets_read),
        frames_total: Some(index.display.len() as u64),
        keyframes_total: Some(index.keyframes() as u64),
        ..Report::default()
    };
    note_others(&mut report, goes_on, joined, missing_fragments(source)?);
    // Where no table lists the frames, there are no edits that leave out some, either.
    if report.format == "mp4" && stream.frames.is_none() && discarded > 0 {
        let message = format!("{discarded} frames have times before the end of the fragment before theirs, and are not shown");
        report.note("fragments_overlap", message);
    }
    note_holes(&mut report, &stream, &holes, &pages);
    if cut {
        let torn = torn.then(|| "the last frame is not whole".to_owned());
        let why = ending.map(|ending| ending.reason).or(torn).map_or_else(String::new, |reason| format!(": {reason}"));
        report.truncated_at = Some(duration);
        report.note("broken_off", format!("the container breaks off after {duration:.3} s{why}"));
    }
    note_encrypted(&mut report, &scrambled);
    note_crop(&mut report, source)?;
    if stream.side_alpha && !session.reads_alpha() {
        report.note("alpha_ignored", "the decoders that read the transparency beside the pictures are missing here");
    }
    let stated = if report.format == "mp4" { false_length(source, &stream, track, duration)? } else { None };
    remark(&mut report, &index, &stream, stated.or(told));
    if turned.changes {
        report.note("turns_change", TURNS_CHANGE);
    }
    if copied {
        report.note(
            "decoding_times",
            "the file has times of decoding where those of presentation belong; frames are timed by the order in which they come",
        );
        index.estimated.fill(true);
    }
    Ok(Opened { session, stream, index, report })
}

const TURNS_CHANGE: &str = "pictures say on the way that they are turned otherwise; all are shown as the container or the first one says";

/// So many pictures of a stream may come before the first of another one that is there at the same time.
const AT_ONCE: usize = 100;

/// Whether a broadcast has another stream of pictures that begins (`others`, by offset) behind all of this one, or so many of its pictures that they are
/// not there at the same time; or in a gap of this one, with so many in a row as there are not where two are there at the same time. Times do not tell: clocks are
/// set anew where recordings are joined.
fn goes_on_elsewhere(input: &Input<'_>, stream: &Stream, packets: &[Entry], others: &BTreeMap<usize, Vec<i64>>) -> bool {
    let pictures = input.streams().into_iter().filter(|other| other.kind == Kind::Video && other.index != stream.index);
    let mut places: Vec<i64> = packets.iter().map(|packet| packet.pos).filter(|pos| *pos >= 0).collect();
    places.sort_unstable();
    let before = |pos: i64| places.partition_point(|place| *place < pos);
    pictures.filter_map(|other| others.get(&other.index)).any(|others| {
        let begun = others.first().map_or(0, |first| before(*first));
        let in_a_gap =
            || others.get(IN_A_ROW - 1).is_some_and(|last| before(*last) == begun) && places[..begun].first() != places[..begun].last();
        begun >= packets.len().min(AT_ONCE) || in_a_gap()
    })
}

/// Where another FLV file begins behind the last packet, or the last one before bytes that make no sense, such as its header; or another MP4 behind the first.
fn file_behind(source: &Source, format: &str, packets: &[Entry], after_rubbish: &[usize]) -> Result<Option<u64>, Error> {
    match format {
        "mp4" => return Ok(another_movie(source)?),
        "flv" => {}
        _ => return Ok(None),
    }
    let ends = after_rubbish.iter().copied().chain([packets.len()]).filter_map(|after| packets.get(after.checked_sub(1)?));
    let ends = ends.filter_map(|last| u64::try_from(last.pos).ok());
    let found = ends.map(|at| another_flv(source, at)).find_map(Result::transpose);
    Ok(found.transpose()?)
}

/// Notes pictures that are not shown: those of another stream, of another file behind the first one, or of fragments that are missing.
fn note_others(report: &mut Report, goes_on: bool, behind: Option<u64>, missing: u64) {
    if missing > 0 {
        report.add_to_note("holes", format!("{missing} fragments between others are missing, by their numbers"));
    }
    if goes_on {
        let message = "another stream of pictures begins later than this one, and is not shown; store the file anew to have one stream";
        report.note("goes_on_elsewhere", message);
    }
    if let Some(at) = behind {
        let message =
            format!("another file begins at byte {at}, and is not shown, or not whole; store the files one by one, or anew as one");
        report.note("goes_on_elsewhere", message);
    }
}

/// Notes frames that are lost, and pages of Ogg.
fn note_holes(report: &mut Report, stream: &Stream, holes: &[i64], pages: &BadPages) {
    if !holes.is_empty() {
        let lost = holes.iter().sum::<i64>() as f64 * f64::from(stream.time_base.0) / f64::from(stream.time_base.1);
        report.note("holes", format!("the file has {} holes, in which frames of {lost:.3} s are lost", holes.len()));
    }
    pages.remark().into_iter().for_each(|remark| report.add_to_note("holes", remark));
}

/// Notes a crop that Matroska leaves to players.
fn note_crop(report: &mut Report, source: &Source) -> Result<(), Error> {
    if report.format == "matroska" && is_cropped(source)? {
        report.note("crop_not_applied", "the file says that players should crop its pictures; they are shown whole");
    }
    Ok(())
}

/// How long the last frame lasts in a file of fragments, where it is the last one on screen, too: libav does not read it there.
fn end_of_fragments(source: &Source, stream: &Stream, track: Option<u32>, packets: &mut [Entry]) -> Result<(), Error> {
    let Some(track) = track.filter(|_| stream.frames.is_none()) else { return Ok(()) };
    let latest = packets.iter().filter_map(|packet| packet.pts).max();
    let Some(last) = packets.last_mut().filter(|last| last.pts == latest && last.pos >= 0) else { return Ok(()) };
    if let Some(ticks) = last_duration(source, track, last.pos.unsigned_abs())? {
        last.duration = i64::from(ticks);
    }
    Ok(())
}

/// Notes that packets of a transport stream are encrypted; what is clear may end with them.
fn note_encrypted(report: &mut Report, scrambled: &Scrambled) {
    let Some(remark) = scrambled.remark() else { return };
    let end = report.duration.filter(|_| scrambled.to_the_end());
    report.truncated_at = report.truncated_at.or(end);
    report.note("encrypted", end.map_or_else(|| remark.clone(), |end| format!("{remark}; what is clear ends after {end:.3} s")));
}

fn remark(report: &mut Report, index: &Index, stream: &Stream, promised: Option<Promise>) {
    let duration = index.timeline.duration();
    if let Some(promise) = promised.filter(|promise| index.has_clock && promise.is_false(index)) {
        report.note("header_duration_differs", format!("{}, the frames last {duration:.3} s", promise.said()));
    }
    let there: u64 = index.packets.iter().map(|packet| 1 + u64::from(packet.rest > 0)).sum();
    if let Some(header) = stream.frames.filter(|frames| *frames != there) {
        report.note("header_count_differs", format!("the header says {header} frames, there are {there}"));
    }
    if !index.has_clock {
        report.note("timestamps_estimated", "the file has no timestamps; frames are counted");
    }
    let counted = index.estimated.iter().filter(|is_estimated| **is_estimated).count();
    if index.has_clock && counted > 0 {
        let how = "or one that contradicts the order of the pictures; theirs follow from those of their neighbours";
        report.note("timestamps_estimated", format!("{counted} frames have no timestamp, {how}"));
    }
    if !index.shifts.is_empty() {
        report.note("clock_restarts", format!("the file's clock starts anew {} times; times go on from there", index.shifts.len()));
    }
    if index.equal > 0 {
        report.note("equal_timestamps", format!("{} frames have the timestamp of the one before; they share its time", index.equal));
    }
    if index.lead > 0 {
        report.note("undecodable_lead", format!("{} frames before the first that can be decoded are left out", index.lead));
    }
    if stream.interlaced {
        report.note("interlaced", "the fields of a frame were taken at different times");
    }
}

/// Refuses what would hold more finished pictures at once than there is memory for: half a byte a pixel is a JPEG of much detail.
fn admit_searches(recipes: &[Recipe], upright: Option<(u32, u32)>, limits: &Limits) -> Result<(), Error> {
    let Some((width, height)) = upright else { return Ok(()) };
    let bytes = recipes.iter().filter_map(|recipe| {
        let Recipe::Video { sampler, view, .. } = recipe else { return None };
        let (width, height) = target_size(view, width, height);
        Some(most_held(sampler)? as u64 * u64::from(width) * u64::from(height) / 2)
    });
    let what = "memory in bytes for the pictures that the samplers scene and motion hold (fewer or smaller ones would do)";
    Limits::check(what, bytes.sum(), limits.decode_bytes / 2)
}

fn format_name(libav: &str) -> &str {
    match libav {
        "mov" => "mp4",
        name => name,
    }
}
