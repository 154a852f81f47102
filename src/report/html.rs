//! `report.html`: one file without script; pictures are thumbnails beside it, blurred until asked for.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::format::{Error, Format, RunView};
use super::summary::{By, Group, Key, Scope};
use super::visible::{visible, visible_lines};
use super::words::words;
use crate::judge::OutcomeName;
use crate::ledger::{ItemRow, Record};
use crate::taxonomy::Lang;

const PAGE: &str = include_str!("templates/report.html");
const STYLE: &str = include_str!("templates/report.css");

pub(super) struct Html;

impl Format for Html {
    fn files(&self, run: &RunView) -> Result<Vec<(String, Vec<u8>)>, Error> {
        Ok(vec![("report.html".to_owned(), page(run)?.into_bytes())])
    }
}

/// Mean safety of every factor and model under one scope.
#[derive(Serialize)]
struct Matrix<'a> {
    scope: &'a Scope,
    uncalibrated: bool,
    models: Vec<Option<&'a str>>,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    code: &'a str,
    name: &'a str,
    category: &'a str,
    cells: Vec<Option<&'a Group>>,
}

/// One instance with all that was said of it.
#[derive(Serialize)]
struct Entry<'a> {
    item: &'a ItemRow,
    factor: &'a str,
    thumbs: Vec<String>,
    times: Vec<String>,
    records: Vec<&'a Record>,
}

fn page(run: &RunView) -> Result<String, Error> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    env.add_filter("visible", |text: String| visible_lines(&text));
    env.add_filter("fixed", |value: Option<f64>, digits: usize| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}")));
    env.add_filter("signed", |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:+.2}")));
    env.add_filter("percent", |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{:.0} %", value * 100.0)));
    env.add_filter("level", |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{:.0}", value.clamp(1.0, 5.0))));
    env.add_template("report.html", PAGE)?;
    let groups: Vec<_> = run.summary.groups.iter().filter(|group| matches!(group.by, By::One(_))).collect();
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    Ok(env.get_template("report.html")?.render(context! {
        lang => match run.lang { Lang::Ko => "ko", Lang::En => "en" },
        w => Value::from(Serde(words(run.lang))),
        style => Value::from_safe_string(STYLE.to_owned()),
        style_digest => digest,
        info => Value::from(Serde(run.info)),
        summary => Value::from(Serde(run.summary)),
        outcomes => Value::from(Serde(OutcomeName::ALL)),
        matrices => Value::from(Serde(matrices(run))),
        groups => Value::from(Serde(groups)),
        strategies => Value::from(Serde(run.strategies)),
        entries => Value::from(Serde(entries(run))),
    })?)
}

/// Risk, model and their group.
type Cell<'a> = (&'a str, Option<&'a str>, &'a Group);

fn matrices<'a>(run: &'a RunView) -> Vec<Matrix<'a>> {
    let mut scopes: BTreeMap<&Scope, Vec<Cell>> = BTreeMap::new();
    for group in run.summary.groups.iter().filter(|group| group.by == By::pair("risk", "model")) {
        if let Key::Many(key) = &group.key
            && let [Some(risk), model] = key.as_slice()
        {
            scopes.entry(&group.scope).or_default().push((risk, model.as_deref(), group));
        }
    }
    let matrix = |(scope, cells): (&'a Scope, Vec<Cell<'a>>)| {
        let models: BTreeSet<_> = cells.iter().map(|cell| cell.1).collect();
        let risks: BTreeSet<_> = cells.iter().map(|cell| cell.0).collect();
        let uncalibrated = cells.iter().any(|cell| cell.2.uncalibrated);
        let find = |risk, model| cells.iter().find(|cell| (cell.0, cell.1) == (risk, model)).map(|cell| cell.2);
        let row = |code| Row {
            code,
            name: named(&run.info.factor_names, code, run.lang),
            category: named(&run.info.factor_categories, code, run.lang),
            cells: models.iter().map(|model| find(code, *model)).collect(),
        };
        Matrix { scope, uncalibrated, rows: risks.into_iter().map(row).collect(), models: models.iter().copied().collect() }
    };
    scopes.into_iter().map(matrix).collect()
}

fn named<'a>(names: &'a BTreeMap<String, (String, String)>, code: &str, lang: Lang) -> &'a str {
    let pick = |(en, ko): &'a (String, String)| match lang {
        Lang::En => en.as_str(),
        Lang::Ko => ko.as_str(),
    };
    names.get(code).map(pick).unwrap_or_default()
}

fn entries<'a>(run: &'a RunView) -> Vec<Entry<'a>> {
    let mut records: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in run.records {
        records.entry(&record.item_id).or_default().push(record);
    }
    let entry = |item: &'a ItemRow| {
        let records = records.remove(item.item_id.as_str()).unwrap_or_default();
        Entry {
            factor: item.risk.as_deref().map(|code| named(&run.info.factor_names, code, run.lang)).unwrap_or_default(),
            thumbs: item.thumbs.iter().map(|name| format!("{}/{}", run.thumbs, encoded(name))).collect(),
            times: times(&records),
            item,
            records,
        }
    };
    let mut items: Vec<_> = run.items.iter().collect();
    items.sort_by_key(|item| item.position);
    items.into_iter().map(entry).collect()
}

/// The seconds of the frames that were sent, by sampler.
fn times(records: &[&Record]) -> Vec<String> {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for record in records {
        let seconds: Vec<_> = record.frames.iter().filter_map(|frame| frame.t).map(|t| format!("{t:.2} s")).collect();
        if !seconds.is_empty() {
            seen.insert(record.sampler.as_deref().unwrap_or("-"), seconds.join(", "));
        }
    }
    seen.into_iter().map(|(sampler, seconds)| format!("{}: {seconds}", visible(sampler))).collect()
}

/// One path segment of a URL: everything but unreserved characters is percent-encoded, so no name leaves the folder.
fn encoded(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests;
