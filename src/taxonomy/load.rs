//! Reading a taxonomy, with every mistake in it reported at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Spanned, Value};

use super::{Bilingual, Taxonomy};

/// The taxonomies that ship inside the program: name and text.
const BUILTIN: [(&str, &str); 1] = [("assurai", include_str!("assurai.toml"))];

/// One mistake in a taxonomy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{origin}:{line}: {message}")]
pub struct Problem {
    /// The file, as the user named it.
    pub origin: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// The file with its entries still unread, so that one bad entry hides no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    version: Spanned<String>,
    source: Spanned<String>,
    categories: Vec<Spanned<Value>>,
    factors: Vec<Spanned<Value>>,
    prompt_types: Vec<Spanned<Value>>,
}

impl Taxonomy {
    /// Names of the taxonomies that ship inside the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// The taxonomy of that name, if one ships inside the program.
    pub fn builtin(name: &str) -> Option<Self> {
        let (_, text) = BUILTIN.iter().find(|(known, _)| *known == name)?;
        Self::from_toml(text, name).ok()
    }

    /// Reads a taxonomy file; `origin` is how the user named it. Reports every problem, by line.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { text, origin, problems: Vec::new() };
        let taxonomy = reader.read();
        reader.problems.sort();
        match taxonomy {
            Some(taxonomy) if reader.problems.is_empty() => Ok(taxonomy),
            _ => Err(reader.problems),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    origin: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn read(&mut self) -> Option<Taxonomy> {
        let file: File = match toml::from_str(self.text) {
            Ok(file) => file,
            Err(error) => {
                self.problem(error.span().map_or(0, |span| span.start), error.message().to_owned());
                return None;
            }
        };
        for (field, value) in [("name", &file.name), ("version", &file.version), ("source", &file.source)] {
            self.not_blank(value.span().start, field, value.get_ref());
        }
        let categories = self.entries(file.categories, "category");
        let factors = self.entries(file.factors, "factor");
        let prompt_types = self.entries(file.prompt_types, "prompt type");

        self.codes("category", &categories, |category: &super::Category| &category.code);
        self.codes("factor", &factors, |factor: &super::Factor| &factor.code);
        self.codes("prompt type", &prompt_types, |kind: &super::PromptType| &kind.code);
        for (at, category) in &categories {
            self.both(*at, &category.code, "name", &category.name);
        }
        for (at, factor) in &factors {
            self.both(*at, &factor.code, "name", &factor.name);
            self.both(*at, &factor.code, "definition", &factor.definition);
            if !categories.iter().any(|(_, category)| category.code == factor.category) {
                self.problem(*at, format!("{}: there is no category `{}`", factor.code, factor.category));
            }
        }
        for (at, kind) in &prompt_types {
            self.both(*at, &kind.code, "name", &kind.name);
            self.both(*at, &kind.code, "definition", &kind.definition);
        }
        if factors.is_empty() {
            self.problem(0, "there is no usable factor".to_owned());
        }
        let mut factors: Vec<_> = factors.into_iter().map(|(_, factor)| factor).collect();
        factors.sort_by(|a: &super::Factor, b| a.code.cmp(&b.code));
        Some(Taxonomy {
            name: file.name.into_inner(),
            version: file.version.into_inner(),
            source: file.source.into_inner(),
            categories: categories.into_iter().map(|(_, category)| category).collect(),
            factors,
            prompt_types: prompt_types.into_iter().map(|(_, kind)| kind).collect(),
        })
    }

    /// The entries that can be read, with where each stands.
    fn entries<T: DeserializeOwned>(&mut self, entries: Vec<Spanned<Value>>, what: &str) -> Vec<(usize, T)> {
        let mut good = Vec::with_capacity(entries.len());
        for entry in entries {
            let at = entry.span().start;
            match entry.into_inner().try_into() {
                Ok(entry) => good.push((at, entry)),
                Err(error) => self.problem(at, format!("{what}: {}", error.message())),
            }
        }
        good
    }

    /// Codes are what manifests and ledgers keep: one word, and unique in any case.
    fn codes<T>(&mut self, what: &str, entries: &[(usize, T)], code: impl Fn(&T) -> &str) {
        let mut seen = BTreeMap::new();
        for (at, entry) in entries {
            let code = code(entry);
            if code.is_empty() || !code.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '_') {
                self.problem(*at, format!("{what}: the code `{code}` must be ASCII letters, digits, - and _"));
            } else if let Some(first) = seen.insert(code.to_ascii_lowercase(), *at) {
                self.problem(*at, format!("{what}: the code `{code}` is already used in line {}", self.line(first)));
            }
        }
    }

    fn both(&mut self, at: usize, code: &str, field: &str, text: &Bilingual) {
        self.not_blank(at, &format!("{code}: {field}.en"), &text.en);
        self.not_blank(at, &format!("{code}: {field}.ko"), &text.ko);
    }

    fn not_blank(&mut self, at: usize, field: &str, text: &str) {
        if text.trim().is_empty() {
            self.problem(at, format!("{field} is empty"));
        }
    }

    fn problem(&mut self, at: usize, message: String) {
        let line = self.line(at);
        self.problems.push(Problem { origin: self.origin.to_owned(), line, message });
    }

    fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assurai() -> Taxonomy {
        Taxonomy::from_toml(BUILTIN[0].1, "assurai").unwrap()
    }

    #[test]
    fn every_builtin_reads_and_assurai_is_whole() {
        for name in Taxonomy::names() {
            assert_eq!(Taxonomy::builtin(name).unwrap().name, name);
        }
        let taxonomy = assurai();
        let codes: Vec<_> = taxonomy.factors.iter().map(|factor| factor.code.clone()).collect();
        assert_eq!(codes, (1..=35).map(|n| format!("R{n:02}")).collect::<Vec<_>>());
        let sizes: Vec<_> = taxonomy.categories.iter().map(|c| taxonomy.factors.iter().filter(|f| f.category == c.code).count()).collect();
        assert_eq!(sizes, [6, 4, 7, 8, 5, 5]);
        assert_eq!(taxonomy.prompt_types.len(), 8);
        let withheld: Vec<_> = taxonomy.factors.iter().filter(|factor| factor.withheld).map(|factor| factor.code.as_str()).collect();
        assert_eq!(withheld, ["R15", "R16"]);
        assert!(Taxonomy::builtin("other").is_none());
    }

    #[test]
    fn korean_is_korean_and_what_we_wrote_is_marked() {
        let hangul = |text: &str| text.chars().any(|char| ('가'..='힣').contains(&char));
        for factor in assurai().factors {
            assert!(hangul(&factor.name.ko) && hangul(&factor.definition.ko), "{}", factor.code);
            assert!(!hangul(&factor.name.en) && !hangul(&factor.definition.en), "{}", factor.code);
            let marked = |field: &str| factor.inferred.iter().any(|inferred| inferred == field);
            assert!(marked("definition.en") && marked("definition.ko"), "{}", factor.code);
            assert_eq!(marked("name.ko"), ["R01", "R05", "R06"].contains(&factor.code.as_str()), "{}", factor.code);
            assert_eq!(marked("category"), factor.code.as_str() >= "R11", "{}", factor.code);
        }
    }

    #[test]
    fn codes_are_found_however_they_are_written() {
        let taxonomy = assurai();
        for code in ["R05", "r05", " R05 ", "R05 Weapon Usage & Development", "r05: weapons"] {
            assert_eq!(taxonomy.factor(code).map(|factor| factor.code.as_str()), Some("R05"), "{code}");
        }
        for code in ["R5", "R055", "R36", "", "R05x", "가나다"] {
            assert!(taxonomy.factor(code).is_none(), "{code}");
        }
        for (code, kind) in [("pQO", "pQO"), ("PQO", "pQO"), ("pRPedu", "pRP"), ("prpfun", "pRP"), ("pRP", "pRP")] {
            assert_eq!(taxonomy.prompt_type(code).map(|kind| kind.code.as_str()), Some(kind), "{code}");
        }
        assert!(taxonomy.prompt_type("pQOedu").is_none() && taxonomy.prompt_type("pXX").is_none());
        assert_eq!(taxonomy.category_of("r17").map(|category| category.code.as_str()), Some("C3"));
    }

    #[test]
    fn the_digest_follows_the_content() {
        let (mut changed, taxonomy) = (assurai(), assurai());
        assert_eq!(taxonomy.digest(), changed.digest());
        changed.factors[0].definition.ko.push('.');
        assert_ne!(taxonomy.digest(), changed.digest());
    }

    #[test]
    fn all_problems_are_reported_with_their_lines() {
        let text = r#"name = "mine"
version = ""
source = "us"
[[categories]]
code = "C1"
name = { en = "One", ko = "하나" }
[[factors]]
code = "A"
category = "C9"
name = { en = " ", ko = "가" }
definition = { en = "x", ko = "나" }
[[factors]]
code = "a"
category = "C1"
name = { en = "x", ko = "가" }
definition = { en = "x", ko = "나" }
[[factors]]
code = "B"
name = { en = "x", ko = "가" }
[[prompt_types]]
code = "p q"
name = { en = "x", ko = "가" }
definition = { en = "x", ko = "나" }
colour = "red"
"#;
        let problems = Taxonomy::from_toml(text, "mine.toml").unwrap_err();
        let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "mine.toml:2: version is empty",
                "mine.toml:7: A: name.en is empty",
                "mine.toml:7: A: there is no category `C9`",
                "mine.toml:12: factor: the code `a` is already used in line 7",
                "mine.toml:17: factor: missing field `category`",
                "mine.toml:20: prompt type: unknown field `colour`, expected one of `code`, `name`, `definition`, `variants`, `inferred`",
            ]
        );
        let syntax = Taxonomy::from_toml("name = \"a\"\nversion = \n", "mine.toml").unwrap_err();
        assert_eq!(syntax[0].line, 2);
    }
}
