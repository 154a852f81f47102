//! Risk factors, their categories and prompt types, and how their codes are looked up.

use serde::{Deserialize, Serialize};
use tribunal_media::Digest;

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

impl Lang {
    /// `ko` or `en`, as in flags and HTML.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }
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
    /// Which of the fields above are our inference and not the source's word, e.g. `name.ko`.
    #[serde(default)]
    pub inferred: Vec<String>,
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
    /// Endings that make sub-codes, e.g. `edu` for `pRPedu`; they count as this type.
    #[serde(default)]
    pub variants: Vec<String>,
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

impl Taxonomy {
    /// The factor that `code` names: `R05`, `r05`, or a code followed by its name as in `R05 Weapon Usage`.
    pub fn factor(&self, code: &str) -> Option<&Factor> {
        let code = code.trim();
        self.factors.iter().filter(|factor| leads(code, &factor.code)).max_by_key(|factor| factor.code.len())
    }

    /// The prompt type that `code` names, in any case; a sub-code such as `pRPedu` names its type.
    pub fn prompt_type(&self, code: &str) -> Option<&PromptType> {
        let code = code.trim();
        let known = |kind: &&PromptType| {
            let ending = strip_prefix_ignore_case(code, &kind.code);
            ending.is_some_and(|ending| ending.is_empty() || kind.variants.iter().any(|known| known.eq_ignore_ascii_case(ending)))
        };
        self.prompt_types.iter().filter(known).max_by_key(|kind| kind.code.len())
    }

    /// The category of the factor that `code` names.
    pub fn category_of(&self, code: &str) -> Option<&Category> {
        let factor = self.factor(code)?;
        self.categories.iter().find(|category| category.code == factor.category)
    }

    /// Digest of everything in it: part of what makes two runs the same experiment.
    pub fn digest(&self) -> Digest {
        // Struct fields serialise in declaration order and there are no maps, so the JSON is canonical.
        let canonical = serde_json::json!(self).to_string();
        Digest::of(canonical.as_bytes())
    }
}

/// Whether `text` is `code`, or begins with it and goes on as something other than a longer code.
fn leads(text: &str, code: &str) -> bool {
    let rest = strip_prefix_ignore_case(text, code);
    rest.is_some_and(|rest| rest.chars().next().is_none_or(|next| next.is_whitespace() || matches!(next, ':' | '.' | ',' | '(')))
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
