//! Payloads: the parts that each recipe made of one asset, with their digests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tribunal_media::{Digest, Modality, PartHeader, PartSink, Probe, Recipe, Report, SinkClosed, Source};

use super::open::{Input, Rejected, open_beneath, open_named};
use crate::manifest::{Asset, taken_for};
use crate::sandbox::{Done, Job, JobSink, Pool};

/// One finished part with its digests.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it shows.
    pub header: PartHeader,
    /// The bytes that a judge gets; empty once they were put on a [`Shelf`].
    pub bytes: Bytes,
    /// How many bytes those are.
    pub len: u64,
    /// BLAKE3 of the bytes.
    pub blake3: Digest,
    /// SHA-256 of the bytes, 64 hex digits: the public digest of a part.
    pub sha256: String,
    /// Base64 of the bytes, made when first asked for and shared by every clone.
    base64: Arc<OnceLock<Bytes>>,
}

impl Part {
    /// A part with its digests.
    pub fn new(header: PartHeader, bytes: Vec<u8>) -> Self {
        let (len, blake3, sha256) = (bytes.len() as u64, Digest::of(&bytes), sha256(&bytes));
        Self { header, bytes: bytes.into(), len, blake3, sha256, base64: Arc::default() }
    }

    /// Bytes of memory that it takes when it is sent: as they are, and in base64.
    pub(crate) const fn weight(&self) -> u64 {
        Self::weight_of(self.len)
    }

    /// The same of a part of `len` bytes.
    pub(crate) const fn weight_of(len: u64) -> u64 {
        len + len.div_ceil(3) * 4
    }

    /// The same bytes, and in base64 when they are, under another header.
    pub(crate) fn under(&self, header: PartHeader) -> Self {
        Self { header, ..self.clone() }
    }

    /// Without its bytes, which can be [given back](Self::with_bytes).
    pub(crate) fn emptied(&self) -> Self {
        Self { bytes: Bytes::new(), base64: Arc::default(), ..self.clone() }
    }

    /// With its bytes; `None` if these are others.
    pub(crate) fn with_bytes(&self, bytes: Vec<u8>) -> Option<Self> {
        (Digest::of(&bytes) == self.blake3).then(|| Self { bytes: bytes.into(), base64: Arc::default(), ..self.clone() })
    }

    /// The bytes in base64 (RFC 4648, padded): encoded once, whatever the number of judges, rubrics, repeats and attempts that send it.
    pub fn base64(&self) -> Bytes {
        self.base64.get_or_init(|| base64_simd::STANDARD.encode_to_string(&self.bytes).into()).clone()
    }
}

/// The ordered parts of one instance under one recipe.
#[derive(Debug, Clone)]
pub struct Payload {
    /// `blake3(recipe id, media id)`, each framed by its length.
    pub parts_id: Digest,
    /// In presentation order; shared parts share their bytes.
    pub parts: Vec<Part>,
}

impl Payload {
    /// The id of what this recipe makes of these media.
    pub fn id(recipe: &Recipe, media_id: Digest) -> Digest {
        Digest::of_fields([&recipe.id().as_bytes()[..], media_id.as_bytes()])
    }
}

/// One asset after decoding.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// BLAKE3 of the asset's bytes.
    pub media_id: Digest,
    /// One per recipe, in the order given.
    pub payloads: Vec<Arc<Payload>>,
    /// What the decoders saw.
    pub report: Report,
    /// CPU time in the worker, in milliseconds.
    pub cpu_ms: f64,
}

impl Prepared {
    /// Bytes of memory that the parts take; those that payloads share count once.
    pub(crate) fn weight(&self) -> u64 {
        let parts = self.payloads.iter().flat_map(|payload| &payload.parts);
        parts.map(|part| (part.blake3, part.weight())).collect::<BTreeMap<_, _>>().values().sum()
    }
}

/// Takes finished parts away as they come, so that hours of sound need not fit into memory.
pub type Shelf<'s> = dyn Fn(&Part) -> io::Result<()> + Sync + 's;

/// Decodes one asset once for all `recipes`. A file is looked for beneath `root` and nowhere else.
pub fn prepare(root: &Path, asset: &Asset, recipes: &[Recipe], pool: &Pool) -> Result<Prepared, Rejected> {
    decode(root, asset, recipes, pool, None)
}

/// As [`prepare`], but the bytes of the parts go to `shelf`; a shelf that fails is a failure of this machine.
pub fn prepare_onto(root: &Path, asset: &Asset, recipes: &[Recipe], pool: &Pool, shelf: &Shelf<'_>) -> Result<Prepared, Rejected> {
    decode(root, asset, recipes, pool, Some(shelf))
}

fn decode(root: &Path, asset: &Asset, recipes: &[Recipe], pool: &Pool, shelf: Option<&Shelf<'_>>) -> Result<Prepared, Rejected> {
    let input = match asset {
        Asset::Text(text) => Input::text(text)?,
        Asset::File(path) => Input::file(open_beneath(root, path)?, pool.settings().media.source_bytes)?,
    };
    let mut collector = Collector::new(input.media_id, recipes, shelf);
    let job = Job { input: input.file.try_clone()?, len: input.len, content: input.media_id, recipes: recipes.to_vec() };
    let result = pool.run(job, &mut collector);
    input.verify()?; // a file that changed explains any failure
    if let Some(error) = collector.full {
        return Err(Rejected::unshelved(&error));
    }
    let Done { report, cpu_ms } = result?;
    Ok(Prepared { media_id: input.media_id, payloads: collector.payloads.into_iter().map(Arc::new).collect(), report, cpu_ms })
}

/// What the decoders see in a file that the user named while they make what `recipes` ask of its modality, of which nothing is kept.
pub fn probe(path: &Path, recipes: impl FnOnce(Modality) -> Vec<Recipe>, pool: &Pool) -> Result<Probe, Rejected> {
    let input = Input::file(open_named(path)?, pool.settings().media.source_bytes)?;
    let modality = taken_for(path, &Source::file(input.file.try_clone()?, input.len)).map_err(Rejected::unknown)?;
    let result = pool.probe(Job { input: input.file.try_clone()?, len: input.len, content: input.media_id, recipes: recipes(modality) });
    input.verify()?; // a file that changed explains any failure
    Ok(result?)
}

/// Digests each part once and gives it to every recipe that shares it.
struct Collector<'s> {
    payloads: Vec<Payload>,
    shelf: Option<&'s Shelf<'s>>,
    /// Why the shelf took no more.
    full: Option<io::Error>,
}

impl<'s> Collector<'s> {
    fn new(media_id: Digest, recipes: &[Recipe], shelf: Option<&'s Shelf<'s>>) -> Self {
        let payloads = recipes.iter().map(|recipe| Payload { parts_id: Payload::id(recipe, media_id), parts: Vec::new() }).collect();
        Self { payloads, shelf, full: None }
    }
}

impl PartSink for Collector<'_> {
    fn part(&mut self, header: PartHeader, bytes: Vec<u8>) -> Result<(), SinkClosed> {
        let mut part = Part::new(header, bytes);
        if let Some(shelf) = self.shelf {
            if let Err(error) = shelf(&part) {
                self.full = Some(error);
                return Err(SinkClosed);
            }
            part.bytes = Bytes::new();
        }
        for &position in &part.header.recipes {
            self.payloads.get_mut(position).ok_or(SinkClosed)?.parts.push(part.clone());
        }
        Ok(())
    }
}

impl JobSink for Collector<'_> {
    fn restart(&mut self) {
        self.payloads.iter_mut().for_each(|payload| payload.parts.clear());
    }
}

/// SHA-256 in lower-case hex: what parts, and everything that is compared with them, go by.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(hex, "{byte:02x}"); // writing to a string cannot fail
    }
    hex
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tribunal_media::{Detail, Encoding};

    use super::*;
    use crate::sandbox::{Isolation, Settings};

    fn pool() -> Pool {
        Pool::start(Settings { isolation: Isolation::Off, ..Settings::default() }, &[]).unwrap()
    }

    #[test]
    fn one_text_becomes_one_payload_per_recipe() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "abc").unwrap();
        let recipes = [10, 20].map(|max_characters| Recipe::Text { max_characters });
        let run = |asset: Asset| prepare(folder.path(), &asset, &recipes, &pool()).unwrap();
        let prepared = run(Asset::File("a.txt".into()));
        assert_eq!(prepared.media_id, Digest::of(b"abc"));
        assert_eq!(prepared.payloads.len(), 2);
        assert_ne!(prepared.payloads[0].parts_id, prepared.payloads[1].parts_id);
        for payload in &prepared.payloads {
            assert_eq!(payload.parts.len(), 1);
            assert_eq!(payload.parts[0].bytes, "abc");
            assert_eq!(payload.parts[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-2, B.1
        }
        let inline = run(Asset::Text("abc".to_owned()));
        assert_eq!(inline.payloads[1].parts_id, prepared.payloads[1].parts_id, "the same bytes, the same id");
    }

    #[test]
    fn shared_parts_share_bytes_and_keep_each_recipes_order() {
        let recipes = [1, 2].map(|max_characters| Recipe::Text { max_characters });
        let mut collector = Collector::new(Digest::of(b"m"), &recipes, None);
        for (positions, text) in [(vec![0], "a"), (vec![0, 1], "b"), (vec![1], "c")] {
            let header = PartHeader { recipes: positions, encoding: Encoding::Utf8, detail: Detail::Text { characters: 1 } };
            collector.part(header, text.into()).unwrap();
        }
        let texts = |payload: &Payload| payload.parts.iter().map(|part| part.bytes.clone()).collect::<Vec<_>>();
        let [first, second] = &collector.payloads[..] else { panic!("two payloads") };
        assert_eq!((texts(first), texts(second)), (vec!["a".into(), "b".into()], vec!["b".into(), "c".into()]));
        assert_eq!(first.parts[1].bytes.as_ptr(), second.parts[0].bytes.as_ptr());
    }

    #[test]
    fn a_shelf_takes_the_bytes_and_its_failure_is_no_fault_of_the_asset() {
        let (asset, recipes) = (Asset::Text("abc".to_owned()), [Recipe::Text { max_characters: 9 }]);
        let taken = std::sync::Mutex::new(Vec::new());
        let shelf = |part: &Part| {
            taken.lock().unwrap().push(part.bytes.clone());
            Ok(())
        };
        let prepared = prepare_onto(Path::new("."), &asset, &recipes, &pool(), &shelf).unwrap();
        let part = &prepared.payloads[0].parts[0];
        assert_eq!((taken.into_inner().unwrap(), part.bytes.len(), part.len), (vec![Bytes::from("abc")], 0, 3));
        let full = |_: &Part| Err(io::Error::from(io::ErrorKind::StorageFull));
        let rejected = prepare_onto(Path::new("."), &asset, &recipes, &pool(), &full).unwrap_err();
        assert!(rejected.is_ours() && rejected.message.contains("space"), "{rejected:?}");
    }

    #[test]
    fn what_the_decoders_refuse_is_rejected_with_their_reason() {
        let asset = Asset::Text("too long".to_owned());
        let recipes = vec![Recipe::Text { max_characters: 3 }];
        let rejected = prepare(Path::new("."), &asset, &recipes, &pool()).unwrap_err();
        assert_eq!(rejected.reason, "over_limit");
        assert_eq!(probe(Path::new("."), |_| recipes, &pool()).unwrap_err().reason, "not_regular");
    }
}
