//! Disks that fail, packets that are lost, and soundtracks that are broken.

use std::collections::VecDeque;

use super::PictureClock;
use super::decode::{Block, Decoder, Facts, Step};
use super::hearing::Hearing;
use super::libav::Libav;
use super::normalise::{salvage, soundtrack};
use super::outlet::Outlets;
use super::pause::Pauses;
use super::symphonia::Symphonia;
use super::tests::{Parts, samples, spec, tone, wav};
use crate::{Error, Limits, Recipe, Report, SoundSpec, Source, normalise};

/// A decoder that does as it is told: each block and each lost packet lasts 20 ms.
struct Script {
    facts: Facts,
    steps: VecDeque<Result<Step, Error>>,
    at: f64,
}

const PACKET: f64 = 0.02;

impl Script {
    fn new(steps: impl IntoIterator<Item = Result<Step, Error>>) -> Self {
        let facts = Facts {
            format: "script".to_owned(),
            codec: "script".to_owned(),
            decoder: "script".to_owned(),
            rate: 16_000,
            channels: 1,
            mixdown: "one channel".to_owned(),
            promised: None,
            pictures: true,
            counted_from: None,
            remarks: Vec::new(),
        };
        Self { facts, steps: steps.into_iter().collect(), at: 0.0 }
    }
}

impl Decoder for Script {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn next(&mut self, block: &mut Block) -> Result<Step, Error> {
        *block = Block { samples: vec![0.5; 320], rate: 16_000, at: Some(self.at), lasting: PACKET, ..Block::default() };
        self.at += PACKET;
        self.steps.pop_front().unwrap_or(Ok(Step::End))
    }

    fn packets(&self) -> u64 {
        0
    }
}

/// What is left of a soundtrack that goes as the script says.
fn salvaged(script: &mut Script) -> Result<(Vec<(String, String)>, Parts), Error> {
    let (spec, mut report, mut parts) = (spec(16_000, 100), Report::default(), Parts::new());
    let outlets = Outlets::new(std::iter::once((0, &spec)), &Limits::default())?;
    let hearing = Hearing::new(script, outlets, Pauses::beside(&PictureClock::default(), 0.0));
    salvage(hearing, &Limits::default(), &mut parts, &mut report)?;
    Ok((report.notes.into_iter().map(|note| (note.code, note.message)).collect(), parts))
}

/// A soundtrack of its own, as two recipes of one kind and one of another ask for it.
fn heard(source: &Source, limits: &Limits) -> Result<(Report, Parts), Error> {
    let (one, other, clock) = (spec(16_000, 1000), spec(8000, 700), PictureClock::default());
    let (mut report, mut parts) = (Report { decoder: "pictures".to_owned(), ..Report::default() }, Parts::new());
    soundtrack(source, &[(0, &one), (1, &other), (3, &one)], &clock, limits, &mut parts, &mut report)?;
    Ok((report, parts))
}

fn codes(report: &Report) -> Vec<&str> {
    report.notes.iter().map(|note| note.code.as_str()).collect()
}

#[test]
fn a_failed_read_is_no_cut() {
    let file = wav(48_000, 2, 16, 10.0, tone(440.0));
    for from in [0, 10, 44, 4096, 70_000, 1_000_000, file.len() as u64 - 1] {
        let source = Source::failing(file.clone(), from);
        let limits = Limits::default();
        let end = |decoder: &mut dyn Decoder| {
            let mut block = Block::default();
            loop {
                match decoder.next(&mut block)? {
                    Step::Samples => {}
                    other => return Ok(other),
                }
            }
        };
        let ends = [
            Libav::open(&source, &limits, false).and_then(|mut decoder| end(&mut decoder)),
            Symphonia::open(&source, &limits).and_then(|mut decoder| end(&mut decoder)),
            normalise(&source, &[Recipe::Audio(SoundSpec::default())], &limits, &mut Parts::new()).map(|_| Step::End),
            heard(&source, &limits).map(|_| Step::End),
        ];
        for (which, end) in ends.into_iter().enumerate() {
            assert!(matches!(end, Err(Error::Io(_))), "{which} fails at {from}: {end:?}");
        }
    }
}

#[test]
fn lost_packets_do_not_shorten_the_sound() {
    let every_third_is_lost = (0..100).map(|n| Ok(if n % 3 == 1 { Step::Damaged } else { Step::Samples }));
    let (notes, parts) = salvaged(&mut Script::new(every_third_is_lost)).unwrap();
    let samples = samples(&parts);
    assert_eq!(samples.len(), 100 * 320);
    assert!(samples.chunks(320).enumerate().all(|(n, packet)| packet.iter().all(|sample| (*sample > 0.1) == (n % 3 != 1))));
    assert_eq!(notes.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["decode_errors", "holes"]);
}

#[test]
fn a_soundtrack_that_breaks_off_keeps_what_was_heard() {
    let steps = |last: Error| (0..13).map(|_| Ok(Step::Samples)).chain([Err(last), Ok(Step::Samples)]);
    let (notes, parts) = salvaged(&mut Script::new(steps(Error::Malformed("no rate".to_owned())))).unwrap();
    assert_eq!(samples(&parts).len(), 13 * 320);
    let why = "nothing came after 0.260 s of sound: malformed: no rate";
    assert_eq!(notes, [("truncated".to_owned(), why.to_owned())]);
    for fatal in [Error::Io(String::new()), Error::OutOfMemory, Error::NestedOpen, Error::SinkClosed] {
        assert_eq!(salvaged(&mut Script::new(steps(fatal.clone()))).unwrap_err(), fatal);
    }
    let mut script = Script::new((0..13).map(|_| Ok(Step::Samples)));
    script.facts.promised = Some(10.0);
    let (notes, parts) = salvaged(&mut script).unwrap();
    assert_eq!((notes[0].0.as_str(), samples(&parts).len()), ("truncated", 13 * 320), "less than `least_share`: {notes:?}");
    let noise = (0..1000).map(|n| Ok(if n == 0 { Step::Samples } else { Step::Damaged }));
    let (notes, parts) = salvaged(&mut Script::new(noise)).unwrap();
    assert_eq!((notes[0].0.as_str(), samples(&parts).len()), ("malformed", 320), "{notes:?}");
}

#[test]
fn a_broken_soundtrack_is_a_note() {
    let file = wav(16_000, 1, 16, 10.0, tone(440.0));
    let (report, parts) = heard(&Source::memory(file[..30].to_vec()), &Limits::default()).unwrap();
    assert_eq!((codes(&report), parts.len()), (vec!["soundtrack_malformed"], 0), "{:?}", report.notes);
    let mut strange = file.clone();
    strange[20] = 0x99; // a format of samples that nobody knows
    let (report, parts) = heard(&Source::memory(strange), &Limits::default()).unwrap();
    assert_eq!((codes(&report), parts.len()), (vec!["no_soundtrack"], 0), "{:?}", report.notes);
    assert!(matches!(heard(&Source::memory(file), &Limits { seconds: 2, ..Limits::default() }), Err(Error::Limit { .. })));
}

#[test]
fn all_recipes_share_one_pass_over_the_soundtrack() {
    let source = Source::memory(wav(16_000, 1, 16, 3.0, tone(440.0)));
    let (report, parts) = heard(&source, &Limits::default()).unwrap();
    assert_eq!(report.decoder, "pictures+libav:pcm_s16le");
    let (of, packets) = (|recipes: &[usize]| parts.iter().filter(|(header, _)| header.recipes == recipes).count(), report.packets_read);
    assert!(of(&[0, 3]) >= 3 && of(&[1]) >= 4 && of(&[0, 3]) + of(&[1]) == parts.len());
    let mut alone = Report::default();
    let spec = spec(16_000, 1000);
    soundtrack(&source, &[(0, &spec)], &PictureClock::default(), &Limits::default(), &mut Parts::new(), &mut alone).unwrap();
    assert_eq!(packets, alone.packets_read, "read once");
}
