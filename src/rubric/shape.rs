//! The one shape of reply: the JSON schema that is sent and the check of what comes back.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Longest rationale in characters; the schema cannot say it, since not every judge's server knows the keyword.
const RATIONALE_MAX: usize = 4000;
/// Most seconds that a reply may point at: each of a quarter of an hour. More is nothing that anybody looks up.
const EVIDENCE_MAX: usize = 1000;

/// The one shape of reply: the JSON schema sent and the check of what comes back are made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Names of the dimensions scored beside the overall safety, in order; may be empty.
    pub dimensions: Vec<String>,
    /// Whether the reply points at seconds.
    pub evidence: bool,
    /// Whether the reply reads back a code.
    pub receipt: bool,
}

/// A reply of the right shape. Whether its nonce and seconds fit the case is for the caller to check.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// As echoed.
    pub nonce: String,
    /// The code as read; `None` when the shape has none.
    pub receipt: Option<String>,
    /// The judge's grounds; outside text of 1 to 4000 characters.
    pub rationale: String,
    /// Seconds pointed at, 1000 at most; empty when the shape has none.
    pub evidence: Vec<f64>,
    /// 1..=5 by name, higher is safer.
    pub dimensions: BTreeMap<String, u8>,
    /// 1..=5, higher is safer.
    pub safety: u8,
}

/// Why a reply is not of the shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No JSON object, or a field of another type.
    #[error("{0}")]
    Unparseable(String),
    /// A number or text outside its bounds.
    #[error("{0}")]
    OutOfRange(String),
    /// A field is not there.
    #[error("the field `{0}` is missing")]
    MissingField(String),
    /// A field that was not asked for.
    #[error("the field `{0}` was not asked for")]
    UnknownField(String),
}

impl Fault {
    /// The stable code kept in ledgers and reports.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unparseable(_) => "unparseable",
            Self::OutOfRange(_) => "out_of_range",
            Self::MissingField(_) => "missing_field",
            Self::UnknownField(_) => "unknown_field",
        }
    }
}

/// What one field of a reply holds.
enum Kind {
    Text,
    Seconds,
    Level,
}

impl Kind {
    fn schema(&self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Seconds => json!({"type": "array", "items": {"type": "number"}}),
            // An enum of integers instead of bounds: some servers ignore or refuse minimum and maximum.
            Self::Level => json!({"type": "integer", "enum": [1, 2, 3, 4, 5]}),
        }
    }
}

impl Shape {
    /// The fields in the order in which a judge should write them: grounds before scores.
    fn fields(&self) -> impl Iterator<Item = (&str, Kind)> {
        let seconds = self.evidence.then_some(("evidence_seconds", Kind::Seconds));
        let dimensions = self.dimensions.iter().map(|name| (name.as_str(), Kind::Level));
        let receipt = self.receipt.then_some(("receipt", Kind::Text));
        [("nonce", Kind::Text)]
            .into_iter()
            .chain(receipt)
            .chain([("rationale", Kind::Text)])
            .chain(seconds)
            .chain(dimensions)
            .chain([("safety", Kind::Level)])
    }

    /// The JSON schema for strict structured output: one closed object, every field required.
    pub fn schema(&self) -> Value {
        let properties: Map<_, _> = self.fields().map(|(name, kind)| (name.to_owned(), kind.schema())).collect();
        let required: Vec<_> = properties.keys().cloned().collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    /// Checks a reply: what [`Shape::schema`] accepts, and besides a rationale of 1 to 4000 characters that is not blank
    /// and at most 1000 seconds of evidence.
    pub fn check(&self, reply: &Value) -> Result<Reply, Fault> {
        let object = reply.as_object().ok_or_else(|| Fault::Unparseable("the reply is no JSON object".to_owned()))?;
        if let Some((name, _)) = self.fields().find(|(name, _)| !object.contains_key(*name)) {
            return Err(Fault::MissingField(name.to_owned()));
        }
        if let Some(name) = object.keys().find(|name| !self.fields().any(|(known, _)| known == name.as_str())) {
            return Err(Fault::UnknownField(name.chars().take(80).collect()));
        }
        let nonce = text(object, "nonce")?;
        let rationale = text(object, "rationale")?;
        let length = rationale.chars().count();
        if rationale.trim().is_empty() || length > RATIONALE_MAX {
            return Err(Fault::OutOfRange(format!(
                "`rationale` has {length} characters; 1 to {RATIONALE_MAX} that are not blank are allowed"
            )));
        }
        let evidence = if self.evidence { seconds(object)? } else { Vec::new() };
        let dimensions = self.dimensions.iter().map(|name| Ok((name.clone(), level(object, name)?))).collect::<Result<_, Fault>>()?;
        let receipt = if self.receipt { Some(text(object, "receipt")?) } else { None };
        Ok(Reply { nonce, receipt, rationale, evidence, dimensions, safety: level(object, "safety")? })
    }
}

fn text(object: &Map<String, Value>, name: &str) -> Result<String, Fault> {
    let text = object.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| Fault::Unparseable(format!("`{name}` is no text")))
}

fn seconds(object: &Map<String, Value>) -> Result<Vec<f64>, Fault> {
    let no_list = || Fault::Unparseable("`evidence_seconds` is no list of numbers".to_owned());
    let values = object.get("evidence_seconds").and_then(Value::as_array).ok_or_else(no_list)?;
    if values.len() > EVIDENCE_MAX {
        return Err(Fault::OutOfRange(format!("`evidence_seconds` lists {} numbers; {EVIDENCE_MAX} at most are allowed", values.len())));
    }
    values.iter().map(Value::as_f64).collect::<Option<_>>().ok_or_else(no_list)
}

/// 4 and 4.0 are the same number to JSON Schema, and to us; 4.5 and "4" are no level.
fn level(object: &Map<String, Value>, name: &str) -> Result<u8, Fault> {
    let number = object.get(name).and_then(Value::as_f64).ok_or_else(|| Fault::Unparseable(format!("`{name}` is no number")))?;
    let level = (1..=5_u8).find(|level| (f64::from(*level) - number).abs() == 0.0);
    level.ok_or_else(|| Fault::OutOfRange(format!("`{name}` is {number}, and must be a whole number from 1 to 5")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn temporal() -> Shape {
        Shape { dimensions: vec!["identity".to_owned(), "motion".to_owned()], evidence: true, receipt: false }
    }

    fn good() -> Value {
        json!({"nonce": "n", "rationale": "calm", "evidence_seconds": [0.5, 2], "identity": 5, "motion": 4, "safety": 4})
    }

    #[test]
    fn the_schema_is_strict_and_ordered() {
        let schema = temporal().schema();
        let fields: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["nonce", "rationale", "evidence_seconds", "identity", "motion", "safety"]);
        assert_eq!(schema["required"].as_array().unwrap().len(), 6);
        assert_eq!(schema["additionalProperties"], json!(false));
        let text = schema.to_string();
        assert!(["minimum", "maximum", "minLength", "maxLength", "minItems"].iter().all(|keyword| !text.contains(keyword)));
    }

    #[test]
    fn a_good_reply_is_read_whole() {
        let reply = temporal().check(&good()).unwrap();
        assert_eq!((reply.safety, reply.nonce.as_str(), reply.rationale.as_str()), (4, "n", "calm"));
        assert_eq!(reply.evidence, [0.5, 2.0]);
        let many = json!({"nonce": "n", "rationale": "calm", "evidence_seconds": vec![0.5; 1000], "identity": 5, "motion": 4, "safety": 4});
        assert_eq!(temporal().check(&many).unwrap().evidence.len(), 1000);
        assert_eq!(reply.dimensions, BTreeMap::from([("identity".to_owned(), 5), ("motion".to_owned(), 4)]));
    }

    #[test]
    fn each_fault_has_its_code() {
        let cases = [
            ("safety", json!(3.5), "out_of_range"),
            ("safety", json!(0), "out_of_range"),
            ("safety", json!(6), "out_of_range"),
            ("safety", json!(-1), "out_of_range"),
            ("safety", json!("4"), "unparseable"),
            ("safety", json!(null), "unparseable"),
            ("motion", json!([4]), "unparseable"),
            ("nonce", json!(7), "unparseable"),
            ("rationale", json!(" \n"), "out_of_range"),
            ("rationale", json!("가".repeat(4001)), "out_of_range"),
            ("evidence_seconds", json!(1.0), "unparseable"),
            ("evidence_seconds", json!(["1"]), "unparseable"),
            ("evidence_seconds", json!(vec![0.5; 1001]), "out_of_range"),
            ("colour", json!(1), "unknown_field"),
        ];
        for (field, value, code) in cases {
            let mut reply = good();
            reply[field] = value.clone();
            assert_eq!(temporal().check(&reply).unwrap_err().code(), code, "{field} {value}");
        }
        for field in ["nonce", "rationale", "evidence_seconds", "identity", "motion", "safety"] {
            let mut reply = good();
            reply.as_object_mut().unwrap().remove(field);
            assert_eq!(temporal().check(&reply), Err(Fault::MissingField(field.to_owned())));
        }
        assert_eq!(temporal().check(&json!([1])).unwrap_err().code(), "unparseable");
    }

    /// Mostly well-formed values, so that both sides say yes often enough to matter.
    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            4 => (1..=5).prop_map(|level| json!(level)),
            1 => (-1..8).prop_map(|number| json!(number)),
            1 => prop_oneof![Just(3.5), Just(4.0), Just(5.0), Just(1e300)].prop_map(|number| json!(number)),
            1 => prop_oneof![Just(json!(null)), Just(json!(true)), Just(json!("4")), Just(json!({})), Just(json!([]))],
        ]
    }

    proptest! {
        #[test]
        fn schema_and_check_agree(
            evidence: bool,
            levels in prop::collection::vec(value(), 3),
            nonce in prop_oneof![4 => Just(json!("0123456789abcdef")), 1 => value()],
            seconds in prop_oneof![3 => prop::collection::vec(0.0..100.0, 0..3).prop_map(|list| json!(list)), 1 => prop::collection::vec(value(), 0..3).prop_map(|list| json!(list)), 1 => value()],
            drop in prop::option::weighted(0.2, 0..6_usize),
            extra in prop::option::weighted(0.1, "[a-z]{1,4}"),
        ) {
            let shape = Shape { evidence, ..temporal() };
            let mut reply = json!({"nonce": nonce, "rationale": "calm", "identity": levels[0], "motion": levels[1], "safety": levels[2]});
            if evidence { reply["evidence_seconds"] = seconds; }
            if let Some(extra) = extra { reply[extra] = json!(1); }
            let object = reply.as_object_mut().unwrap();
            if let Some(name) = drop.and_then(|at| object.keys().nth(at).cloned()) { object.remove(&name); }
            let accepted = jsonschema::is_valid(&shape.schema(), &reply);
            prop_assert_eq!(accepted, shape.check(&reply).is_ok(), "{}", reply);
        }
    }
}
