//! One row of the manifest, and the whole of it.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tribunal_media::Modality;

use super::Instances;

/// Everything that a source holds, parsed once and then trusted. Order is the source's.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Short name for run folders: the file's stem or the folder's name.
    pub name: String,
    /// The folder beneath which every asset lies.
    pub root: PathBuf,
    /// Which folder that was when the source was opened.
    pub(super) root_id: FolderId,
    /// The rows.
    pub instances: Instances,
    /// What was passed over or missing, counted; never silent.
    pub notices: Vec<Notice>,
}

impl Manifest {
    /// Whether `root` leads to the folder that was opened: in the middle of a run it may be moved, removed or unmounted, with another one in its place.
    pub fn root_is_there(&self) -> bool {
        FolderId::of(&self.root).is_ok_and(|now| now == self.root_id)
    }
}

/// Device and number of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FolderId(u64, u64);

impl FolderId {
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        std::fs::metadata(folder).map(|found| Self(found.dev(), found.ino()))
    }
}

/// Something the source lacks or that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable code, e.g. `skipped_files`, `missing_scores`.
    pub code: String,
    /// How many.
    pub count: usize,
    /// For people, with an example.
    pub message: String,
}

/// One row of the manifest: a prompt, its risk factor and prompt type, the model that answered, the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Unique in the manifest.
    pub id: String,
    /// Line of the manifest, from 1; 0 for a file of a folder.
    pub line: usize,
    /// Declared or sniffed.
    pub modality: Modality,
    /// Code of the risk factor in the taxonomy's spelling.
    pub risk: Option<String>,
    /// Code of the prompt type in the taxonomy's spelling.
    pub prompt_type: Option<String>,
    /// What the model was asked.
    pub prompt: Prompt,
    /// The system under test.
    pub model: Option<String>,
    /// The output; `None` exactly when `blocked`.
    pub output: Option<Asset>,
    /// The model produced nothing by policy.
    pub blocked: bool,
    /// Human risk labels 1..5 (5 = worst), by annotator.
    pub human_risk: Vec<Option<f64>>,
    /// Names of the annotators, same order; may be empty.
    pub annotators: Vec<String>,
    /// Free labels for grouping.
    pub tags: BTreeMap<String, String>,
    /// Media that were part of the prompt, relative to the root.
    pub inputs: Vec<PathBuf>,
    /// Fields that we do not know, kept.
    #[serde(with = "own_document")]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// The output's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asset {
    /// A regular file beneath the manifest's root.
    File(PathBuf),
    /// The text itself.
    Text(String),
}

/// What the model was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Prompt {
    /// Nothing is known of it.
    #[default]
    None,
    /// One request.
    Text(String),
    /// A dialogue.
    Messages(Vec<Message>),
}

/// One turn of a dialogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

impl Prompt {
    /// The prompt as one text: a dialogue becomes `role: content` paragraphs.
    pub fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Text(text) => text.clone(),
            Self::Messages(messages) => {
                let turns: Vec<_> = messages.iter().map(|turn| format!("{}: {}", turn.role, turn.content)).collect();
                turns.join("\n\n")
            }
        }
    }
}

/// Fields as text of their own: what is read as deep as JSON may be would be one step too deep within another document.
mod own_document {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use serde_json::value::{RawValue, to_raw_value};
    use serde_json::{Map, Value};

    pub(super) fn serialize<S: Serializer>(fields: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
        to_raw_value(fields).map_err(S::Error::custom)?.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
        let fields = Box::<RawValue>::deserialize(deserializer)?;
        serde_json::from_str(fields.get()).map_err(D::Error::custom)
    }
}
