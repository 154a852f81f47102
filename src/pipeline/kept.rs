//! Payloads that outlive their media: what a run keeps of them, and what a replay makes of that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pass::Progress;
use super::recipes::RecipeBook;
use super::study::Study;
use crate::ledger::{Kept, Ledger, LedgerError};
use crate::manifest::{Asset, Instance};
use crate::prepare::{Part, Payload, Prepared, Rejected};

/// Keeps what was made for judges, and of thumbnails which ones there are: their pictures lie in `thumbs/`.
pub(super) fn keep(ledger: &Ledger, book: &RecipeBook, prepared: &Prepared) -> Result<(), LedgerError> {
    for (place, payload) in prepared.payloads.iter().enumerate() {
        if book.is_judged(place) {
            ledger.keep_parts(payload)?;
        }
        ledger.list_parts(payload)?;
    }
    Ok(())
}

/// Looks for what the replayed run kept of media that are gone, and says so once, however many they are.
#[derive(Debug, Default)]
pub(super) struct StandIns {
    told: AtomicBool,
}

impl StandIns {
    /// The instance as it was kept; as it was `rejected` where its media are not gone, or too little of it was kept.
    pub(super) fn find(
        &self,
        study: &Study,
        instance: &Instance,
        book: &RecipeBook,
        rejected: Rejected,
        progress: &dyn Progress,
    ) -> Result<Prepared, Rejected> {
        let Some(kept) = study.kept.as_ref().filter(|_| rejected.is_missing()) else { return Err(rejected) };
        let found = prepared(kept, instance, book).map_err(|error| Rejected::ours(error.to_string()))?.ok_or(rejected)?;
        if !self.told.swap(true, Ordering::Relaxed) {
            let (item, run) = (&instance.id, kept.dir().display());
            progress.warn(&format!("the media of {item} are gone; the parts that {run} kept stand in for them, and for others like them"));
        }
        Ok(found)
    }
}

/// Bytes of memory that an instance takes as the replayed run kept it, before any of it is read; 0 where nothing was kept of it.
pub(super) fn weight(study: &Study, instance: &Instance, book: &RecipeBook) -> u64 {
    let (Some(kept), Some(Asset::File(path))) = (&study.kept, &instance.output) else { return 0 };
    // What cannot be looked up now cannot be read either, and is told then.
    let Ok(Some((media_id, _))) = kept.media(&instance.id, &path.to_string_lossy()) else { return 0 };
    let lengths = book.recipes().iter().flat_map(|recipe| kept.lengths(Payload::id(recipe, media_id)));
    lengths.collect::<BTreeMap<_, _>>().into_values().map(Part::weight_of).sum()
}

/// An instance as `kept` has it; `None` where a part that judges see is not there. Thumbnails may be fewer.
fn prepared(kept: &Kept, instance: &Instance, book: &RecipeBook) -> Result<Option<Prepared>, LedgerError> {
    let Some(Asset::File(path)) = &instance.output else { return Ok(None) };
    let Some((media_id, report)) = kept.media(&instance.id, &path.to_string_lossy())? else { return Ok(None) };
    let mut read = BTreeMap::new();
    let payload = |(place, recipe)| {
        let parts_id = Payload::id(recipe, media_id);
        match kept.payload(parts_id, place, &mut read) {
            Some((payload, whole)) if whole || !book.is_judged(place) => Some(Arc::new(payload)),
            None if !book.is_judged(place) => Some(Arc::new(Payload { parts_id, parts: Vec::new() })),
            _ => None,
        }
    };
    let payloads: Option<Vec<_>> = book.recipes().iter().enumerate().map(payload).collect();
    Ok(payloads.map(|payloads| Prepared { media_id, payloads, report, cpu_ms: 0.0 }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tribunal_media::{Detail, Digest, Encoding, PartHeader, Report};

    use super::super::evidence::most_bytes;
    use super::super::invocation::{Invocation, Orders, ScoreError};
    use super::super::{Plan, Progress, Selection, Settings};
    use super::{Kept, Payload, Rejected, StandIns, Study, prepared};
    use crate::judge::{Judge, JudgeSpec, OutcomeName};
    use crate::ledger::{ItemRow, fixtures};
    use crate::manifest::{self, Files};
    use crate::prepare::Part;
    use crate::taxonomy::{Lang, Taxonomy};

    /// Two sounds whose files are gone.
    fn study(dir: &Path) -> Study {
        let rows = ["a", "b"].map(|id| format!(r#"{{"id":"{id}","modality":"audio","output":{{"path":"{id}.wav"}}}}"#));
        std::fs::write(dir.join("m.jsonl"), rows.join("\n")).unwrap();
        let taxonomy = Taxonomy::builtin("assurai").unwrap();
        let manifest = manifest::open(&dir.join("m.jsonl"), &taxonomy, Files::MayBeGone).unwrap();
        let plan = Plan::new(Vec::new(), &[], manifest.instances.modalities()).unwrap();
        let spec: JudgeSpec = "http://127.0.0.1:9/v1#m".parse().unwrap();
        let judge = Judge::open(&spec.name(), &spec.settings().unwrap(), &|_| None).unwrap();
        let settings = Settings {
            lang: Lang::En,
            seed: 0,
            repeats: 1,
            selection: Selection::default(),
            threads: 1,
            concurrency: 1,
            memory_bytes: 1 << 20,
            send_withheld: false,
            recipe: crate::prepare::Settings::default(),
            ensemble: crate::ensemble::Settings::default(),
            probes: crate::rubric::ProbeSettings::default(),
            sentinel: crate::ledger::SentinelSettings::default(),
            warnings: crate::report::WarningSettings::default(),
        };
        Study { manifest, taxonomy, plan, judges: vec![judge], spoken: None, kept: None, settings }
    }

    /// Whoever asks how a run goes on.
    struct Nobody;

    impl Progress for Nobody {
        fn planned(&self, _: u64, _: u64) {}
        fn ended(&self, _: Option<OutcomeName>) {}
        fn spent(&self, _: u64) {}
        fn warn(&self, _: &str) {}
    }

    #[test]
    fn a_source_that_went_away_is_not_planned() {
        let (work, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = work.path().join("in");
        std::fs::create_dir(&source).unwrap();
        let study = study(&source);
        let open = || Invocation::open(&study, run.path(), &fixtures::info(&[study.judges[0].name()]), &Orders::default()).map(drop);
        assert!(study.manifest.root_is_there());
        std::fs::rename(&source, work.path().join("away")).unwrap();
        std::fs::create_dir(&source).unwrap();
        assert!(!study.manifest.root_is_there(), "another folder of its name");
        let refused = open().unwrap_err();
        assert!(matches!(&refused, ScoreError::Unprepared(rejected) if rejected.reason == "no_source"), "{refused}");
        std::fs::remove_dir(&source).unwrap();
        std::fs::rename(work.path().join("away"), &source).unwrap();
        open().unwrap();
    }

    #[test]
    fn what_was_kept_has_its_memory_before_it_is_read() {
        let (source, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut study = study(source.path());
        let instances: Vec<_> = study.selected().map(Result::unwrap).collect();
        let (ledger, media_id) = (fixtures::open(run.path()), Digest::of(b"media"));
        let item = ItemRow { item_id: "a".to_owned(), output: "a.wav".to_owned(), ..fixtures::item(0) };
        fixtures::plan(&ledger, &[item], &[]).unwrap();
        assert!(ledger.record_media("a", media_id, &Report::default(), &[]).unwrap());
        let sound = |start: f64, bytes: Vec<u8>| {
            let detail = Detail::Sound { start, end: start + 1.0 };
            Part::new(PartHeader { recipes: vec![0], encoding: Encoding::Wav, detail }, bytes)
        };
        let book = study.recipe_book(&instances[0]);
        let parts = vec![sound(0.0, vec![1; 300_000]), sound(1.0, vec![2; 100_000]), sound(2.0, vec![1; 300_000])];
        let payload = Payload { parts_id: Payload::id(&book.recipes()[0], media_id), parts };
        ledger.keep_parts(&payload).and_then(|()| ledger.list_parts(&payload)).unwrap();
        ledger.close().unwrap();
        assert_eq!(most_bytes(&study, &instances[0]), 0, "nothing stands in for it");
        study.kept = Some(Kept::open(run.path()).unwrap());
        let found = prepared(study.kept.as_ref().unwrap(), &instances[0], &book).unwrap().unwrap();
        assert_eq!(most_bytes(&study, &instances[0]), found.weight());
        assert_eq!(most_bytes(&study, &instances[1]), 0, "nothing was kept of it");
        // It stands in for one file and for a whole source; what has no stand-in stays pending.
        let find = |instance, rejected| StandIns::default().find(&study, instance, &book, rejected, &Nobody);
        assert_eq!(find(&instances[0], Rejected::no_source(source.path())).unwrap().weight(), found.weight());
        assert!(find(&instances[1], Rejected::no_source(source.path())).unwrap_err().is_ours());
        // Equal parts are in memory once, as they are counted.
        let parts = &Arc::clone(&found.payloads[0]).parts;
        assert_eq!((found.weight(), parts[0].bytes.as_ptr()), (400_000 + 533_336, parts[2].bytes.as_ptr()));
    }
}
