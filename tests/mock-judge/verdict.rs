//! Verdicts of the shape that a request asks for.

use serde_json::{Map, Value, json};

use crate::asked::Asked;
use crate::config::Config;
use crate::text;

/// What goes into a verdict.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// As the instructions ask.
    pub(crate) nonce: String,
    /// What was written into the canary.
    pub(crate) receipt: String,
    /// The level of every dimension.
    pub(crate) safety: i64,
    /// Every other text.
    pub(crate) rationale: String,
    /// Seconds.
    pub(crate) evidence: Vec<f64>,
}

impl Draft {
    /// An honest one. `receipt` is what the request's debug header said.
    pub(crate) fn new(asked: &Asked, config: &Config, receipt: Option<&str>) -> Self {
        let safety = config.safety.map_or_else(|| level(asked), i64::from);
        let receipt = receipt.or(config.receipt.as_deref()).filter(|_| config.reads_receipt).unwrap_or("none").to_owned();
        let evidence = if config.judge.evidence && safety < 5 { asked.labels().find_map(second).into_iter().collect() } else { Vec::new() };
        Self { nonce: asked.nonce().unwrap_or_default(), receipt, safety, rationale: config.judge.rationale.clone(), evidence }
    }

    /// Filled into the request's schema, or into the fields that its instructions list.
    pub(crate) fn fill(&self, asked: &Asked) -> Value {
        match &asked.schema {
            Some(schema) => self.value("", schema),
            None => Value::Object(listed(&asked.told()).into_iter().map(|name| (name.clone(), self.unshaped(&name))).collect()),
        }
    }

    fn value(&self, name: &str, schema: &Value) -> Value {
        if let Some(one) = schema["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null")) {
            return self.value(name, one);
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        // Gemini writes types in upper case; a list of types allows null as well.
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object").to_ascii_lowercase();
        match kind.as_str() {
            "object" => {
                let none = Map::new();
                let properties = schema["properties"].as_object().unwrap_or(&none);
                Value::Object(properties.iter().map(|(name, schema)| (name.clone(), self.value(name, schema))).collect())
            }
            "string" => self.text(name, schema),
            "array" => self.list(schema),
            "boolean" => json!(false),
            _ => json!(self.safety),
        }
    }

    fn text(&self, name: &str, schema: &Value) -> Value {
        match name {
            "nonce" => json!(self.nonce),
            "receipt" => json!(self.receipt),
            _ => schema["enum"].get(0).cloned().unwrap_or_else(|| json!(self.rationale)),
        }
    }

    fn list(&self, schema: &Value) -> Value {
        let numbers = schema["items"]["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("number"));
        if numbers { json!(self.evidence) } else { json!([]) }
    }

    fn unshaped(&self, name: &str) -> Value {
        match name {
            "nonce" => json!(self.nonce),
            "receipt" => json!(self.receipt),
            "rationale" => json!(self.rationale),
            _ if name.starts_with("evidence") => json!(self.evidence),
            _ => json!(self.safety),
        }
    }
}

/// The level that the evidence stands for: any, but always the same.
fn level(asked: &Asked) -> i64 {
    let media: Vec<&[u8]> = asked.media().map(|media| media.sha256.as_bytes()).collect();
    let hash = if media.is_empty() { text::hash(&[asked.told().as_bytes()]) } else { text::hash(&media) };
    1 + (hash % 5) as i64
}

/// Names from lines such as "- `safety`: ..." beneath the last heading of the instructions that has any.
fn listed(told: &str) -> Vec<String> {
    let field = |line: &str| line.strip_prefix("- `")?.split_once("`:").map(|(name, _)| name.to_owned());
    let sections = told.split("\n# ").map(|section| section.lines().filter_map(field).collect::<Vec<_>>());
    let named = sections.filter(|names| names.iter().any(|name| name == "safety")).last();
    named.unwrap_or_else(|| ["nonce", "rationale", "safety"].map(str::to_owned).to_vec())
}

/// The first second that a label names: `t=0.25 s`, `t=0.25초`, `3.00 s to 4.50 s`.
fn second(label: &str) -> Option<f64> {
    let starts =
        label.char_indices().filter(|&(at, c)| c.is_ascii_digit() && !label[..at].ends_with(|c: char| c.is_ascii_digit() || c == '.'));
    starts.into_iter().find_map(|(at, _)| {
        let rest = &label[at..];
        let number = &rest[..rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len())];
        let unit = &rest[number.len()..];
        if unit.starts_with(" s") || unit.starts_with('초') { number.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::Part;
    use crate::media::Media;

    fn asked(schema: Option<Value>) -> Asked {
        let mut asked = Asked { schema, ..Asked::default() };
        asked.text("system", "Dimensions\n- `identity`: who\n\n# Reply\nFields:\n- `nonce`: the nonce\n- `rationale`: why\n- `evidence_seconds`: when\n- `identity`: 1 to 5\n- `safety`: 1 to 5");
        asked.text("user", "echo 0123456789abcdef");
        asked.text("user", "Frame 1 of 2, t=1.25 s");
        asked.parts.push(Part::Media(Media::decode("image/jpeg", "AAAA").unwrap()));
        asked
    }

    fn draft(asked: &Asked, config: &str) -> Draft {
        Draft::new(asked, &serde_json::from_str(config).unwrap(), None)
    }

    #[test]
    fn it_follows_the_schema() {
        let level = json!({"type": "integer", "enum": [1, 2, 3, 4, 5]});
        let seconds = json!({"type": "array", "items": {"type": "number"}});
        let schema = json!({"type": "object", "properties": {"nonce": {"type": "string"}, "receipt": {"type": "STRING"},
            "rationale": {"type": "string"}, "evidence_seconds": seconds, "motion": level, "safety": level}});
        let asked = asked(Some(schema.clone()));
        let verdict = draft(&asked, r#"{"safety":3,"receipt":"K7"}"#).fill(&asked);
        let wanted = json!({"nonce": "0123456789abcdef", "receipt": "K7", "rationale": "nothing of concern",
            "evidence_seconds": [1.25], "motion": 3, "safety": 3});
        assert_eq!(verdict, wanted);
        assert_eq!(verdict.as_object().unwrap().keys().next_back().unwrap(), "safety");
        assert_eq!(draft(&asked, r#"{"safety":5,"receipt":"K7","reads_receipt":false}"#).fill(&asked)["receipt"], "none");
    }

    #[test]
    fn without_a_schema_it_follows_the_instructions() {
        let asked = asked(None);
        let verdict = draft(&asked, r#"{"safety":5}"#).fill(&asked);
        let wanted =
            json!({"nonce": "0123456789abcdef", "rationale": "nothing of concern", "evidence_seconds": [], "identity": 5, "safety": 5});
        assert_eq!(verdict, wanted);
    }

    #[test]
    fn the_media_decide_the_level() {
        let safety = draft(&asked(None), "{}").safety;
        assert_eq!(safety, draft(&asked(None), "{}").safety);
        let levels: std::collections::BTreeSet<i64> = (0..50_u8)
            .map(|byte| {
                let mut asked = asked(None);
                asked.parts.push(Part::Media(Media { sha256: byte.to_string(), ..Media::default() }));
                draft(&asked, "{}").safety
            })
            .collect();
        assert_eq!(levels.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn seconds_are_found_in_labels_of_both_languages() {
        for (label, found) in [
            ("Frame 1 of 4, t=0.25 s", Some(0.25)),
            ("프레임 1/4, t=0.75초", Some(0.75)),
            ("Sound 2 of 2, 29.50 s to 41.25 s", Some(29.5)),
            ("소리 1/2, 0.00초~29.50초", Some(0.0)),
            ("Contact sheet 1 of 1: 4 numbered frames, 2 in a row, in the order of time: 1: t=0.50 s, 2: t=1.00 s", Some(0.5)),
            ("Image 1 of 1", None),
        ] {
            assert_eq!(second(label), found, "{label}");
        }
    }
}
