//! The two forms of the page: one file, or a folder when that file would be large.

use super::details::Details;
use super::island::{json, sha256};
use super::media::Carrier;
use super::page::{self, Body};
use super::rows::{Entry, entries};
use super::store::Store;
use crate::report::format::{Error, Folder, Format, RunView};

/// Bytes of the largest page that carries everything itself.
const LIMIT: usize = 25_000_000;

/// Items whose details are read together.
const CHUNK: usize = 50;

/// What a page of data in the folder runs: it hands its text to the page that asked.
const HAND_OVER: &str = "parent.postMessage(document.getElementById('data').textContent,'*')";

pub(in crate::report) struct Html;

impl Format for Html {
    fn write(&self, run: &RunView, out: &mut Folder) -> Result<(), Error> {
        write(run, out, LIMIT)
    }
}

/// Writes the page; one larger than `limit` bytes leaves the details of its items in `report-data/`, its pictures in `thumbs/`.
pub(super) fn write(run: &RunView, out: &mut Folder, limit: usize) -> Result<(), Error> {
    let (store, entries) = (Store::open(run.dirs)?, entries(run));
    let page = match within(&entries, &store, limit)? {
        Some(chunks) => Some(page::render(run, &entries, CHUNK, Body::Whole(&chunks))?).filter(|page| page.len() <= limit),
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
    let page = page::render(run, &entries, CHUNK, Body::Beside(&digests))?;
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

/// A page without anything to look at: browsers let a page from disk read no file, but they let it open one.
fn data_page(data: &str) -> String {
    let digest = sha256(HAND_OVER);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-{digest}'\"><title>data</title></head>\
         <body><script type=\"application/json\" id=\"data\">{data}</script><script>{HAND_OVER}</script></body></html>\n"
    )
}
