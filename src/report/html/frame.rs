//! What every page has: its templates and words, and the policy that lets nothing but its own style and script run.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error as TemplateError, ErrorKind, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::island::{island, sha256};
use super::words::{both, labels};
use crate::report::Warning;
use crate::report::chart::{axis, interval, shift, shift_axis};
use crate::report::format::Error;
use crate::report::plain::{change, decimal, p_value, utc};
use crate::report::visible::{visible, visible_lines};
use crate::taxonomy::Lang;

const TEMPLATES: [(&str, &str); 8] = [
    ("base.html", include_str!("../templates/base.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    ("report.html", include_str!("../templates/report.html")),
    ("numbers.html", include_str!("../templates/numbers.html")),
    ("agreement.html", include_str!("../templates/agreement.html")),
    ("items.html", include_str!("../templates/items.html")),
    ("comparison.html", include_str!("../templates/comparison.html")),
    ("differences.html", include_str!("../templates/differences.html")),
];
const STYLE: &str = include_str!("../templates/report.css");

/// The scale of safety.
const WHOLE: [f64; 2] = [1.0, 5.0];

/// The script of a page without items.
pub(super) const SWITCHES: &str = include_str!("../templates/switches.js");

/// One page: what it is made of, whatever it is about.
pub(super) struct Frame<'a> {
    pub(super) template: &'static str,
    pub(super) lang: Lang,
    /// Name of a risk factor or category by code: English, Korean.
    pub(super) names: BTreeMap<String, [String; 2]>,
    pub(super) warnings: &'a [Warning],
    /// Further texts of the page, in English and Korean; their places follow those of the warnings.
    pub(super) sentences: Vec<[&'a str; 2]>,
    pub(super) script: &'static str,
    /// What the page may load besides its own style and script.
    pub(super) policy: &'static str,
}

/// What the script of every page reads first.
#[derive(Serialize)]
pub(super) struct Shared {
    lang: &'static str,
    /// Word by key: English, Korean.
    words: BTreeMap<&'static str, [&'static str; 2]>,
    names: BTreeMap<String, [String; 2]>,
    /// Messages of warnings and further sentences by place: English, Korean.
    texts: Vec<[String; 2]>,
}

/// A warning as a template shows it.
#[derive(Clone, Serialize)]
struct Said<'a> {
    place: usize,
    code: &'a str,
    /// To be said before any score.
    first: bool,
    count: Option<usize>,
    message: &'a str,
}

/// The warnings of one code.
#[derive(Serialize)]
struct Alike<'a> {
    code: &'a str,
    said: Vec<Said<'a>>,
}

impl Frame<'_> {
    /// A page whose script reads nothing of its own; `own` is what its template names besides what all do.
    pub(super) fn render(&self, own: Value) -> Result<String, Error> {
        Ok([self.head(own)?, island("data", &self.shared())?, self.tail()].concat())
    }

    /// All of the page that is looked at. What its script reads stands after it, of which `data` is the first.
    pub(super) fn head(&self, own: Value) -> Result<String, Error> {
        let safe = |text: &str| Value::from_safe_string(text.to_owned());
        let policy = format!(
            "default-src 'none'; {}style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            self.policy,
            sha256(STYLE),
            sha256(self.script)
        );
        let said = self.said();
        let shared = context! {
            lang => self.lang.code(), style => safe(STYLE), policy => safe(&policy),
            alike => Value::from(Serde(alike(&said))), warnings => Value::from(Serde(said)),
        };
        Ok(self.environment()?.get_template(self.template)?.render(context! { ..own, ..shared })?)
    }

    /// The script and the end of the page.
    pub(super) fn tail(&self) -> String {
        format!("<script>{}</script>\n</body>\n</html>", self.script)
    }

    fn said(&self) -> Vec<Said<'_>> {
        let all = self.warnings.iter().enumerate();
        all.map(|(place, one)| Said {
            place,
            code: &one.code,
            first: one.is_of_the_judge(),
            count: one.count,
            message: one.in_language(self.lang),
        })
        .collect()
    }

    pub(super) fn shared(&self) -> Shared {
        let names = self.names.iter().map(|(code, both)| (visible(code), both.each_ref().map(|name| visible(name))));
        let warnings = self.warnings.iter().map(|one| [Lang::En, Lang::Ko].map(|lang| one.in_language(lang)));
        let texts = warnings.chain(self.sentences.iter().copied()).map(|both| both.map(visible_lines));
        Shared { lang: self.lang.code(), words: both(), names: names.collect(), texts: texts.collect() }
    }

    fn environment(&self) -> Result<Environment<'static>, Error> {
        let mut env = Environment::new();
        env.set_auto_escape_callback(|_| AutoEscape::Html);
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        numbers(&mut env);
        let lang = self.lang;
        let known = labels(lang);
        let word = move |key: &str| {
            known.get(key).copied().ok_or_else(|| TemplateError::new(ErrorKind::UndefinedError, format!("no word `{key}`")))
        };
        let (marked, tried) = (word.clone(), word.clone());
        env.add_function("word", word);
        env.add_function("t", move |key: &str| {
            Ok::<_, TemplateError>(Value::from_safe_string(format!("<span data-w=\"{key}\">{}</span>", marked(key)?)))
        });
        env.add_function("has_word", move |key: &str| tried(key).is_ok());
        let names = self.names.clone();
        env.add_function("name", move |code: &str| {
            let of = |[en, ko]: &[String; 2]| if lang == Lang::Ko { ko.clone() } else { en.clone() };
            names.get(code).map(of).unwrap_or_default()
        });
        TEMPLATES.into_iter().try_for_each(|(name, text)| env.add_template(name, text))?;
        Ok(env)
    }
}

/// Warnings of one code together, where the first of them stood.
fn alike<'a>(said: &[Said<'a>]) -> Vec<Alike<'a>> {
    let mut codes: Vec<Alike> = Vec::new();
    for one in said {
        match codes.iter_mut().find(|alike| alike.code == one.code) {
            Some(alike) => alike.said.push(one.clone()),
            None => codes.push(Alike { code: one.code, said: vec![one.clone()] }),
        }
    }
    codes
}

/// A whole number, its digits by three as both languages write them.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Filters and charts for numbers; what is undefined is a dash.
fn numbers(env: &mut Environment) {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    env.add_filter("utc", |moment: String| utc(&moment));
    env.add_filter("visible", |text: String| visible_lines(&text));
    env.add_filter("fixed", move |value: Option<f64>, digits: usize| or_dash(value.map(|value| decimal(value, digits))));
    env.add_filter("count", grouped);
    env.add_filter("signed", move |value: Option<f64>| or_dash(value.map(change)));
    env.add_filter("chance", move |p: Option<f64>| or_dash(p.map(p_value)));
    env.add_filter("percent", move |value: Option<f64>| or_dash(value.map(|value| format!("{:.0} %", value * 100.0))));
    env.add_filter("level", |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{:.0}", value.clamp(1.0, 5.0))));
    let pair = |ends: Option<Vec<f64>>| ends.and_then(|ends| <[f64; 2]>::try_from(ends).ok());
    env.add_function("shift", move |mean: Option<f64>, ci95: Option<Vec<f64>>, most: f64| {
        Value::from_safe_string(shift(mean, pair(ci95), most))
    });
    env.add_function("shift_axis", |most: f64| Value::from_safe_string(shift_axis(most)));
    env.add_function("interval", move |mean: Option<f64>, ci95: Option<Vec<f64>>, bounds: Option<Vec<f64>>, ends: Vec<f64>| {
        Value::from_safe_string(interval(mean, pair(ci95), pair(bounds), pair(Some(ends)).unwrap_or(WHOLE)))
    });
    env.add_function("axis", move |ends: Vec<f64>| Value::from_safe_string(axis(pair(Some(ends)).unwrap_or(WHOLE))));
}

/// A word by its key, with the key.
pub(super) fn label(key: &'static str, lang: Lang) -> (&'static str, &'static str) {
    (key, labels(lang).get(key).copied().unwrap_or(key))
}

#[cfg(test)]
mod tests {
    use super::{Said, alike, grouped};

    #[test]
    fn digits_stand_by_three() {
        assert_eq!([0, 999, 1000, 10_275_106].map(grouped), ["0", "999", "1,000", "10,275,106"]);
    }

    #[test]
    fn warnings_of_one_code_stand_together() {
        let said =
            ["few", "blocked", "few"].iter().enumerate().map(|(place, code)| Said { place, code, first: false, count: None, message: "" });
        let found = alike(&said.collect::<Vec<_>>());
        assert_eq!(found.iter().map(|one| (one.code, one.said.len())).collect::<Vec<_>>(), [("few", 2), ("blocked", 1)]);
        assert_eq!(found[0].said[1].place, 2);
    }
}
