//! Everything a command works on, opened and checked before any work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tribunal_media::{Digest, Modality, Recipe};

use super::evidence;
use super::plan::Plan;
use super::recipes::{self, RecipeBook};
use super::select::Selection;
use crate::judge::{Judge, View};
use crate::ledger::{Experiment, Kept};
use crate::manifest::{Asset, Instance, Manifest, RowsError};
use crate::prepare::{self, Payload, Prepared, Rejected, Shelf};
use crate::sandbox::Pool;
use crate::taxonomy::{Factor, Lang, Taxonomy};

/// A source, what is asked of it, and who judges.
#[derive(Debug)]
pub struct Study {
    /// The rows.
    pub manifest: Manifest,
    /// Names the factors.
    pub taxonomy: Taxonomy,
    /// Rubrics and samplers by modality.
    pub plan: Plan,
    /// Empty for commands that only prepare.
    pub judges: Vec<Judge>,
    /// The recording that probes play after a sound, once [`Study::plan_probes`] read it.
    pub spoken: Option<Arc<Payload>>,
    /// The run that is replayed: where media are gone, the parts that it kept stand in.
    pub kept: Option<Kept>,
    /// The rest.
    pub settings: Settings,
}

/// Settings of the pipeline itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Language of the rubrics.
    pub lang: Lang,
    /// Seed of nonces and draws.
    pub seed: u64,
    /// Verdicts per task.
    pub repeats: u32,
    /// Which instances.
    pub selection: Selection,
    /// Threads that prepare.
    pub threads: usize,
    /// Requests in flight.
    pub concurrency: usize,
    /// Bytes that prepared parts may take, from before decoding until the reply.
    pub memory_bytes: u64,
    /// Whether image and video of withheld factors may leave this machine.
    pub send_withheld: bool,
    /// What judges are sent.
    pub recipe: crate::prepare::Settings,
    /// How several judges and repeats work together.
    pub ensemble: crate::ensemble::Settings,
    /// How judges are probed, once [`Study::plan_probes`] was called.
    pub probes: crate::rubric::ProbeSettings,
    /// Which items are asked again at every start.
    pub sentinel: crate::ledger::SentinelSettings,
    /// From where on a reader of the report is warned.
    pub warnings: crate::report::WarningSettings,
}

impl Study {
    /// The selected instances, in the manifest's order.
    pub fn selected(&self) -> impl Iterator<Item = Result<Instance, RowsError>> + Send + use<'_> {
        self.settings.selection.of(&self.manifest.instances)
    }

    /// The factor of an instance, when the manifest names one.
    pub fn factor(&self, instance: &Instance) -> Option<&Factor> {
        instance.risk.as_deref().and_then(|code| self.taxonomy.factor(code))
    }

    /// Whether pictures of this instance stay on this machine.
    pub fn withholds(&self, instance: &Instance) -> bool {
        let pictures = matches!(instance.modality, Modality::Image | Modality::Video);
        pictures && !self.settings.send_withheld && self.factor(instance).is_some_and(|factor| factor.withheld)
    }

    /// Whether this judge may see this instance.
    pub fn may_see(&self, judge: &Judge, instance: &Instance) -> bool {
        !(judge.is_remote() && self.withholds(instance))
    }

    /// The recipes that one decode of `instance` must serve for the judges that may see it.
    pub fn recipe_book(&self, instance: &Instance) -> RecipeBook {
        let views: BTreeSet<View> = self
            .judges
            .iter()
            .filter(|judge| self.may_see(judge, instance))
            .map(|judge| evidence::view(self, judge, instance.modality))
            .collect();
        let views: Vec<View> = views.into_iter().collect();
        RecipeBook::new(&self.plan, self.settings.recipe, instance, &views, !self.withholds(instance))
    }

    /// Why tables of tribunal.toml are ignored that ask for what no judge here can be asked.
    pub fn unheeded(&self) -> Vec<&'static str> {
        let (probes, sentinel) = (self.settings.probes.is_on(), self.settings.sentinel.items > 0);
        let unprobed = probes && !self.judges.iter().any(Judge::is_remote);
        let unwatched = sentinel && !self.judges.iter().any(Judge::is_server);
        [
            unprobed.then_some("probes: cassettes and classifiers are not probed, and no other judge is here; [probes] is ignored"),
            unwatched.then_some("sentinel: no server is asked here, so none can have changed; [sentinel] is ignored"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Decodes one output of this source once for all `recipes`.
    pub(super) fn prepare(&self, asset: &Asset, recipes: &[Recipe], pool: &Pool) -> Result<Prepared, Rejected> {
        self.blame(prepare::prepare(&self.manifest.root, asset, recipes, pool))
    }

    /// As [`prepare`](Self::prepare), but the bytes of the parts go `onto` a shelf.
    pub(super) fn prepare_onto(&self, asset: &Asset, recipes: &[Recipe], pool: &Pool, onto: &Shelf<'_>) -> Result<Prepared, Rejected> {
        self.blame(prepare::prepare_onto(&self.manifest.root, asset, recipes, pool, onto))
    }

    /// That the whole source went away is no fault of one output.
    fn blame(&self, prepared: Result<Prepared, Rejected>) -> Result<Prepared, Rejected> {
        let is_all = |rejected: &Rejected| rejected.may_be_all() && !self.manifest.root_is_there();
        prepared.map_err(|rejected| if is_all(&rejected) { Rejected::no_source(&self.manifest.root) } else { rejected })
    }

    /// What must not change between two invocations on one run folder.
    pub fn experiment(&self) -> Experiment {
        let rubrics = self.plan.rubrics().iter().map(|(name, rubric)| (name.clone(), rubric.digest().to_string())).collect();
        let judges = self.judges.iter().map(|judge| (judge.name().to_owned(), judge.fingerprint().to_owned())).collect();
        Experiment {
            taxonomy: format!("{} {} {}", self.taxonomy.name, self.taxonomy.version, self.taxonomy.digest()),
            rubrics,
            recipes: self.recipe_names(),
            judges,
            seed: self.settings.seed,
            lang: self.settings.lang.code().to_owned(),
            decoders: Modality::ALL.map(|modality| (modality.name().to_owned(), tribunal_media::decoder_path(modality))).into(),
        }
    }

    fn recipe_names(&self) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        for (modality, wants) in self.plan.by_modality() {
            let views: BTreeSet<View> = self.judges.iter().map(|judge| evidence::view(self, judge, modality)).collect();
            for want in wants {
                for &view in &views {
                    let sampler = want.sampler.map_or_else(String::new, |sampler| format!(" {sampler}"));
                    let recipe = recipes::recipe(&self.plan, self.settings.recipe, want, modality, view).canonical();
                    names.insert(format!("{modality}{sampler} {} {}", want.rubric, view.name()), recipe);
                }
            }
        }
        names
    }
}

/// Digest of everything in a row that decides verdicts; prompts and outputs of a known item must not change. Of a file it holds the
/// length, `len`: whether the bytes are the same is known, and checked, when they are decoded.
pub(super) fn item_digest(instance: &Instance, len: u64) -> Digest {
    let output = match &instance.output {
        None => String::new(),
        Some(Asset::File(path)) => format!("file {} {len}", path.display()),
        Some(Asset::Text(text)) => format!("text {text}"),
    };
    let absent = String::new();
    let risk = instance.risk.as_ref().unwrap_or(&absent);
    let prompt_type = instance.prompt_type.as_ref().unwrap_or(&absent);
    let prompt = instance.prompt.text();
    let blocked = if instance.blocked { "blocked" } else { "" };
    let fields = [&instance.id, instance.modality.name(), risk, prompt_type, &prompt, &output, blocked];
    Digest::of_fields(fields.map(str::as_bytes))
}
