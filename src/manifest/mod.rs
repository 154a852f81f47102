//! Sources of instances: a JSONL or CSV manifest, a folder, or an AssurAI dataset folder. The main types are [`Manifest`] and [`Instance`].

mod instance;

pub use instance::{Asset, Instance, Manifest, Message, Notice, Prompt};
