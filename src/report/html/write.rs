//! The two forms of the page: one file, or a folder when that file would be large. Items go into it one by one, so that a run of any length is never held.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write};
use std::iter::Peekable;

use serde::Serializer as _;
use serde::ser::SerializeSeq as _;

use super::details::Details;
use super::island::{CLOSING, Hashed, opening, serializer, sha256};
use super::media::Carrier;
use super::page::{self, Body, Page};
use super::rows::{Row, places};
use super::store::Store;
use crate::ledger::{Entry, LedgerError, Out};
use crate::report::Agreement;
use crate::report::format::{Error, Folder, Format, RunView};
use crate::stats::agreement::Rule;

/// Bytes of the largest page that carries everything itself.
const LIMIT: u64 = 25_000_000;

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
pub(super) fn write(run: &RunView, out: &mut Folder, limit: u64) -> Result<(), Error> {
    let agreement = Agreement::without_items("", "", run.ratings, Rule::Median, Some(run));
    match out.stream("report.html", |folder, page| whole(run, &agreement, folder, page, limit)) {
        Err(Error::Io { source, .. }) if is_over_limit(&source) => beside(run, &agreement, out),
        written => written,
    }
}

/// The items of a run in manifest order.
type Items<'a> = Peekable<Box<dyn Iterator<Item = Result<Entry, LedgerError>> + 'a>>;

/// The page with everything in it: the list of items goes there at once, their details wait in a file until the list is whole.
fn whole(run: &RunView, agreement: &Agreement, folder: &Folder, page: &mut Out, limit: u64) -> Result<(), Error> {
    let Page { before, after } = page::render(run, agreement, CHUNK, Body::Whole)?;
    let (store, places) = (Store(run.rows), places(run));
    let (mut waiting, left) = (folder.spool()?, Cell::new(limit));
    let (mut out, mut details) = (Limited { out: page, left: &left }, Limited { out: &mut waiting, left: &left });
    out.write_all(before.as_bytes())?;
    out.write_all(opening("rows").as_bytes())?;
    let (mut list, mut items) = (serializer(&mut out), run.rows.entries()?.peekable());
    let mut rows = list.serialize_seq(None)?;
    for number in 0.. {
        if items.peek().is_none() {
            break;
        }
        details.write_all(opening(&format!("chunk-{number}")).as_bytes())?;
        let mut list = serializer(&mut details);
        let mut chunk = list.serialize_seq(None)?;
        for entry in items.by_ref().take(CHUNK) {
            let entry = entry?;
            rows.serialize_element(&Row::of(&entry, &places))?;
            chunk.serialize_element(&Details::of(&entry, &store, &mut Carrier::Page)?)?;
        }
        chunk.end()?;
        details.write_all(CLOSING.as_bytes())?;
    }
    rows.end()?;
    out.write_all(CLOSING.as_bytes())?;
    append(waiting, out.out)?;
    Ok(out.write_all(after.as_bytes())?)
}

/// The page without details, which lie beside it chunk by chunk; it names their digests before its list of items, which waits in a file until then.
fn beside(run: &RunView, agreement: &Agreement, out: &mut Folder) -> Result<(), Error> {
    let places = places(run);
    let (mut waiting, mut digests) = (out.spool()?, Vec::new());
    let (mut list, mut items) = (serializer(&mut waiting), run.rows.entries()?.peekable());
    let mut rows = list.serialize_seq(None)?;
    while items.peek().is_some() {
        let name = format!("report-data/{}.html", digests.len());
        let digest = out.stream(&name, |folder, page| {
            chunk(run, folder, page, &mut items, |entry| Ok(rows.serialize_element(&Row::of(entry, &places))?))
        })?;
        digests.push(digest);
    }
    rows.end()?;
    let Page { before, after } = page::render(run, agreement, CHUNK, Body::Beside(&digests))?;
    out.stream("report.html", |_, page| {
        page.write_all([before, opening("rows")].concat().as_bytes())?;
        append(waiting, page)?;
        Ok(page.write_all([CLOSING, after.as_str()].concat().as_bytes())?)
    })
}

/// Writes the details of the next items as a page without anything to look at, and returns their digest: browsers let a page from disk read no file,
/// but they let it open one.
fn chunk(
    run: &RunView,
    folder: &mut Folder,
    page: &mut Out,
    items: &mut Items,
    mut each: impl FnMut(&Entry) -> Result<(), Error>,
) -> Result<String, Error> {
    let store = Store(run.rows);
    write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-{}'\"><title>data</title></head>\
         <body>{}",
        sha256(HAND_OVER),
        opening("data")
    )?;
    let mut data = Hashed::new(page);
    let mut list = serializer(&mut data);
    let mut details = list.serialize_seq(None)?;
    for entry in items.take(CHUNK) {
        let entry = entry?;
        each(&entry)?;
        details.serialize_element(&Details::of(&entry, &store, &mut Carrier::Folder(folder))?)?;
    }
    details.end()?;
    let digest = data.sha256();
    writeln!(page, "{CLOSING}<script>{HAND_OVER}</script></body></html>")?;
    Ok(digest)
}

/// Copies what waited in a file.
fn append(waiting: BufWriter<File>, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let mut file = waiting.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    io::copy(&mut file, out).map(drop)
}

/// The page with everything in it would be too large.
#[derive(Debug, thiserror::Error)]
#[error("the page is over its limit")]
struct OverLimit;

fn is_over_limit(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<OverLimit>())
}

/// A file that may not grow beyond what is left, for it and others together.
struct Limited<'o> {
    out: &'o mut Out,
    left: &'o Cell<u64>,
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left.set(self.left.get().checked_sub(bytes.len() as u64).ok_or_else(|| io::Error::other(OverLimit))?);
        self.out.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
