//! The two forms of the page: one file, or a folder when that file would be large.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::details::Details;
use super::island::{json, sha256};
use super::media::Carrier;
use super::page::{self, Body};
use super::rows::{Entry, Row, ScopeRow, entries, scopes};
use super::store::Store;
use super::words;
use crate::report::format::{Error, Folder, Format, RunView};
use crate::report::{Scope, visible};

/// Bytes of the largest page that carries everything itself.
const LIMIT: usize = 25_000_000;

/// Items whose details are read together.
const CHUNK: usize = 50;

/// What a page of data in the folder runs: it hands its text to the page that asked.
const HAND_OVER: &str = "parent.postMessage(document.getElementById('data').textContent,'*')";

pub(in crate::report) struct Html;

/// What the script reads first.
#[derive(Serialize)]
struct Index<'a> {
    lang: &'static str,
    /// Word by key: English, Korean.
    words: BTreeMap<&'static str, [&'static str; 2]>,
    /// Name of a risk factor or category by code: English, Korean.
    names: BTreeMap<String, [String; 2]>,
    scopes: Vec<ScopeRow>,
    /// Items that one chunk of details is about.
    chunk: usize,
    /// SHA-256 (Base64) of each chunk that lies beside the page; empty when the page has them all.
    chunks: &'a [String],
    items: Items<'a>,
}

/// The list of items. Each row is made as it is written: all of them at once would be several times the page.
struct Items<'a> {
    entries: &'a [Entry<'a>],
    places: &'a BTreeMap<Scope, usize>,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries.iter().map(|entry| Row::of(entry, self.places)))
    }
}

impl Format for Html {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        write(run, out, LIMIT)
    }
}

/// Writes the page; one larger than `limit` bytes leaves the details of its items in `report-data/`, its pictures in `thumbs/`.
pub(super) fn write(run: &RunView, out: &mut Folder, limit: usize) -> Result<(), Error> {
    let (store, entries) = (Store::open(run.dirs)?, entries(run));
    let page = match within(&entries, &store, limit)? {
        Some(chunks) => Some(render(run, &entries, Body::Whole(&chunks))?).filter(|page| page.len() <= limit),
        None => None,
    };
    if let Some(page) = page {
        return out.put("report.html", page.as_bytes());
    }
    let mut digests = Vec::new();
    for (chunk, number) in entries.chunks(CHUNK).zip(0..) {
        let data = details(chunk, &store, &mut Carrier::Folder(out))?;
        out.put(&format!("report-data/{number}.html"), data_page(&data).as_bytes())?;
        digests.push(sha256(&data));
    }
    let page = render(run, &entries, Body::Beside(&digests))?;
    out.put("report.html", page.as_bytes())
}

/// The details of all items, chunk by chunk; `None` as soon as they are more than `limit` bytes.
fn within(entries: &[Entry], store: &Store, limit: usize) -> Result<Option<Vec<String>>, Error> {
    let (mut chunks, mut bytes) = (Vec::new(), 0);
    for chunk in entries.chunks(CHUNK) {
        let data = details(chunk, store, &mut Carrier::Page)?;
        bytes += data.len();
        if bytes > limit {
            return Ok(None);
        }
        chunks.push(data);
    }
    Ok(Some(chunks))
}

fn details(chunk: &[Entry], store: &Store, carrier: &mut Carrier) -> Result<String, Error> {
    let details: Vec<Details> = chunk.iter().map(|entry| Details::of(entry, store, carrier)).collect::<Result<_, _>>()?;
    Ok(json(&details)?)
}

fn render(run: &RunView, entries: &[Entry], body: Body) -> Result<String, Error> {
    let (places, scopes) = scopes(run);
    let names = run.info.factor_names.iter().map(|(code, (en, ko))| (code.clone(), [en.clone(), ko.clone()]));
    let categories = run.info.factor_categories.values().map(|(en, ko)| (en.clone(), [en.clone(), ko.clone()]));
    let index = Index {
        lang: run.lang.code(),
        words: words::both(),
        names: names.chain(categories).map(|(code, both)| (visible(&code), both.map(|name| visible(&name)))).collect(),
        scopes,
        chunk: CHUNK,
        chunks: match body {
            Body::Whole(_) => &[],
            Body::Beside(digests) => digests,
        },
        items: Items { entries, places: &places },
    };
    page::render(run, json(&index)?, body)
}

/// A page without anything to look at: browsers let a page from disk read no file, but they let it open one.
fn data_page(data: &str) -> String {
    let digest = sha256(HAND_OVER);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-{digest}'\"><title>data</title></head>\
         <body><script type=\"application/json\" id=\"data\">{data}</script><script>{HAND_OVER}</script></body></html>\n"
    )
}
