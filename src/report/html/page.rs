//! The page itself: one template, and the policy that lets nothing else run.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error as TemplateError, ErrorKind, UndefinedBehavior, Value, context};

use super::costs::costs;
use super::humans::comparisons;
use super::island::sha256;
use super::matrix::matrices;
use super::overview;
use super::words::labels;
use crate::judge::OutcomeName;
use crate::report::chart::{Point, axis, interval, shift, tradeoff};
use crate::report::format::{Error, RunView};
use crate::report::visible::visible_lines;
use crate::taxonomy::Lang;

const TEMPLATES: [(&str, &str); 4] = [
    ("report.html", include_str!("../templates/report.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    ("numbers.html", include_str!("../templates/numbers.html")),
    ("items.html", include_str!("../templates/items.html")),
];
const STYLE: &str = include_str!("../templates/report.css");
const SCRIPT: &str = include_str!("../templates/report.js");

/// Where the details of items are.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// In the page, chunk by chunk.
    Whole(&'a [String]),
    /// In pages beside it, with these digests.
    Beside(&'a [String]),
}

impl Body<'_> {
    /// What the page may load besides its own style and script.
    const fn policy(self) -> &'static str {
        match self {
            Self::Whole(_) => "img-src data:; media-src data:",
            Self::Beside(_) => "img-src 'self' file:; media-src 'self' file:; frame-src 'self' file:",
        }
    }
}

/// The page with the script's data `index`.
pub(super) fn render(run: &RunView, index: String, body: Body) -> Result<String, Error> {
    let env = environment(run)?;
    let chunks = match body {
        Body::Whole(chunks) => chunks,
        Body::Beside(_) => &[],
    };
    let safe = |text: &str| Value::from_safe_string(text.to_owned());
    Ok(env.get_template("report.html")?.render(context! {
        lang => run.lang.code(),
        style => safe(STYLE),
        script => safe(SCRIPT),
        policy => safe(&format!(
            "default-src 'none'; {}; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            body.policy(), sha256(STYLE), sha256(SCRIPT)
        )),
        index => Value::from_safe_string(index),
        chunks => chunks.iter().map(|chunk| safe(chunk)).collect::<Vec<_>>(),
        info => Value::from(Serde(run.info)),
        summary => Value::from(Serde(run.summary)),
        outcomes => Value::from(Serde(OutcomeName::ALL)),
        outcome_bar => safe(&overview::outcomes(run.summary)),
        axis => safe(&axis()),
        blocks => Value::from(Serde(overview::blocks(run))),
        fields => Value::from(Serde(overview::fields(run.summary))),
        matrices => Value::from(Serde(matrices(run))),
        humans => Value::from(Serde(comparisons(run, label("scatter", run.lang)))),
        costs => Value::from(Serde(costs(run.records))),
        strategies => Value::from(Serde(run.strategies)),
        strategy_chart => strategies(run).map(|chart| safe(&chart)),
    })?)
}

fn environment(run: &RunView) -> Result<Environment<'static>, Error> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    env.add_filter("visible", |text: String| visible_lines(&text));
    env.add_filter("fixed", move |value: Option<f64>, digits: usize| or_dash(value.map(|value| format!("{value:.digits$}"))));
    env.add_filter("signed", move |value: Option<f64>| or_dash(value.map(|value| format!("{value:+.2}"))));
    env.add_filter("percent", move |value: Option<f64>| or_dash(value.map(|value| format!("{:.0} %", value * 100.0))));
    env.add_filter("level", |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{:.0}", value.clamp(1.0, 5.0))));
    let pair = |ends: Option<Vec<f64>>| ends.and_then(|ends| <[f64; 2]>::try_from(ends).ok());
    env.add_function("shift", move |mean: Option<f64>, ci95: Option<Vec<f64>>| Value::from_safe_string(shift(mean, pair(ci95))));
    env.add_function("interval", move |mean: Option<f64>, ci95: Option<Vec<f64>>| {
        Value::from_safe_string(interval(mean, pair(ci95), None))
    });
    let lang = run.lang;
    let word = move |key: &str| {
        labels(lang).get(key).copied().ok_or_else(|| TemplateError::new(ErrorKind::UndefinedError, format!("no word `{key}`")))
    };
    env.add_function("word", word);
    env.add_function("t", move |key: &str| {
        Ok::<_, TemplateError>(Value::from_safe_string(format!("<span data-w=\"{key}\">{}</span>", word(key)?)))
    });
    env.add_function("has_word", move |key: &str| word(key).is_ok());
    let info = run.info.clone();
    env.add_function("name", move |code: &str| {
        let factor = info.factor_names.get(code).or_else(|| info.factor_categories.values().find(|(en, _)| en == code));
        factor.map(|(en, ko)| if lang == Lang::Ko { ko.clone() } else { en.clone() }).unwrap_or_default()
    });
    TEMPLATES.into_iter().try_for_each(|(name, text)| env.add_template(name, text))?;
    Ok(env)
}

/// A word by its key, with the key.
fn label(key: &'static str, lang: Lang) -> (&'static str, &'static str) {
    (key, labels(lang).get(key).copied().unwrap_or(key))
}

/// What compared strategies cost against what they miss; nothing where they were not measured.
fn strategies(run: &RunView) -> Option<String> {
    let point = |row: &'_ crate::sampling::Comparison| Some((row.frames_sent?, row.coverage_mean?));
    let points: Vec<Point> =
        run.strategies.iter().filter_map(|row| point(row).map(|(cost, missed)| Point { name: &row.sampler, cost, missed })).collect();
    (points.len() > 1).then(|| tradeoff(&points, label("tradeoff", run.lang)))
}
