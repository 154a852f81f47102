//! Sources of instances: a JSONL or CSV manifest, a folder, or an AssurAI dataset folder. The main types are [`Manifest`] and [`Instance`].

mod assets;
mod assurai;
mod draft;
mod fault;
mod folder;
mod instance;
mod labels;
mod open;
mod row;
mod table;

pub use assets::taken_for;
pub use fault::{Fault, Faults};
pub use instance::{Asset, Instance, Manifest, Message, Notice, Prompt};
pub use labels::{Label, labels};
pub use open::open;
