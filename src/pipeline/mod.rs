//! The only room that knows rayon, tokio and the worker pool together. The main types are [`Plan`] and [`Study`].

mod batch_close;
mod batch_export;
mod batch_import;
mod batch_rounds;
mod bridge;
mod evidence;
mod export;
mod forecast;
mod gate;
mod lab;
mod packing;
mod plan;
mod prepare;
mod probe;
mod probes;
mod recipes;
mod run_info;
mod score;
mod select;
mod sentinel;
mod study;

pub use batch_export::{BatchExported, export_batch};
pub use batch_import::{BatchImported, ImportError, import_batch};
pub use bridge::StopFlag;
pub use export::{ExportDone, inspect};
pub use forecast::{DryRun, Forecast, OverLimit, dry_run};
pub use lab::{LabDone, REFERENCE, observe, with_verdicts};
pub use plan::{Plan, PlanError};
pub use prepare::{PrepareDone, prepare};
pub use probe::{ProbeRow, probe};
pub use recipes::RecipeBook;
pub use run_info::run_info;
pub use score::{Learnt, Orders, Progress, ScoreDone, ScoreError, item_rows, recall, score};
pub use select::{Selection, Shard};
pub use study::{Settings, Study};
