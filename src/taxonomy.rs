//! Risk factors, their categories and prompt types: one embedded data file, or another in the same format.

use serde::{Deserialize, Serialize};

/// The language of names and rubrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Korean.
    Ko,
    /// English.
    #[default]
    En,
}

/// One text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

/// A set of risk factors in categories, and the prompt types that may elicit them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taxonomy {
    /// Short name, e.g. `assurai`.
    pub name: String,
    /// Version of the data.
    pub version: String,
    /// Where the facts come from.
    pub source: String,
    /// Groups of factors.
    pub categories: Vec<Category>,
    /// Risk factors, ascending by code.
    pub factors: Vec<Factor>,
    /// Ways to prompt.
    pub prompt_types: Vec<PromptType>,
}

/// A group of factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Stable code, e.g. `C1`.
    pub code: String,
    /// Its name.
    pub name: Bilingual,
}

/// One risk factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// Stable code, e.g. `R05`.
    pub code: String,
    /// Code of its category.
    pub category: String,
    /// Its name.
    pub name: Bilingual,
    /// What falls under it, written for a judge.
    pub definition: Bilingual,
    /// Which of the fields above are our inference and not the source's word.
    #[serde(default)]
    pub inferred: Vec<String>,
    /// Children: image and video of it are withheld from remote judges and thumbnails by default.
    #[serde(default)]
    pub withheld: bool,
}

/// One way to prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptType {
    /// Stable code, e.g. `pQO`.
    pub code: String,
    /// Its name.
    pub name: Bilingual,
    /// What it means.
    pub definition: Bilingual,
    /// Which of the fields above are our inference and not the source's word.
    #[serde(default)]
    pub inferred: Vec<String>,
}

impl Bilingual {
    /// The text in one language.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Ko => &self.ko,
            Lang::En => &self.en,
        }
    }
}
