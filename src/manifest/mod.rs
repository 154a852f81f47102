//! Sources of instances: a JSONL, CSV or Parquet manifest, a folder, or an AssurAI dataset folder. The main types are [`Manifest`],
//! [`Instances`] and [`Instance`].

mod assets;
mod assurai;
mod cursor;
mod draft;
mod fault;
mod folder;
mod instance;
mod instances;
mod labels;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
mod row;
mod table;

pub use assets::{Files, taken_for};
pub use fault::{Fault, Faults};
pub use instance::{Asset, Instance, Manifest, Message, Notice, Prompt};
pub use instances::{Instances, RowsError};
pub use labels::{Label, labels};
pub use open::{OpenError, open};

/// Why a build without the feature neither reads nor writes Parquet.
#[cfg(not(feature = "parquet"))]
pub(crate) const WITHOUT_PARQUET: &str =
    "this program was built without Parquet; build it with `cargo build --features parquet`, or use csv, which holds the same columns";
