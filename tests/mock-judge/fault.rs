//! Every way in which a request can go wrong, and the draw of them.

use serde::Deserialize;

use crate::config::Faults;
use crate::text;

/// One way in which a request goes wrong; [`TABLE`] describes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Fault {
    Refused,
    ResetBeforeHeaders,
    ResetMidHeaders,
    ResetAfterHeaders,
    ResetMidBody,
    HangBeforeHeaders,
    HangAfterHeaders,
    Drip,
    R429Seconds,
    R429Date,
    R429None,
    R429Zero,
    R429Negative,
    R429Huge,
    Quota429,
    Auth401,
    Pay402,
    TooLarge413,
    E500,
    E502,
    E503,
    E529,
    Truncated200,
    BadUtf8,
    Html200,
    EmptyChoices,
    LengthCut,
    WrongContentLength,
    GzipBomb,
    Body100Mb,
    Redirect,
    Duplicate,
    Prose,
    TwoObjects,
    OutOfRange,
    PlantedNonce,
    Refusal,
    ContentFilter,
    ContentFilter400,
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// Which.
    pub(crate) fault: Fault,
    /// Its stable name in settings and ledgers.
    pub(crate) name: &'static str,
    /// Whether a real server would have generated, and billed.
    pub(crate) billed: bool,
    /// What happens.
    what: &'static str,
}

const fn row(fault: Fault, name: &'static str, billed: bool, what: &'static str) -> Row {
    Row { fault, name, billed, what }
}

/// Every fault, in the order of [`Fault`]. Billed is what a server would bill whose generation had happened by then; a refusal never is.
pub(crate) const TABLE: [Row; 39] = [
    row(Fault::Refused, "refused", false, "the connection is closed before a byte of the request was taken"),
    row(Fault::ResetBeforeHeaders, "reset_before_headers", false, "the request is read whole, then RST; a front end died before the model"),
    row(Fault::ResetMidHeaders, "reset_mid_headers", true, "half of the headers of a 200, then RST"),
    row(Fault::ResetAfterHeaders, "reset_after_headers", true, "headers of a 200, then RST"),
    row(Fault::ResetMidBody, "reset_mid_body", true, "half of the body, then RST"),
    row(Fault::HangBeforeHeaders, "hang_before_headers", true, "nothing until the client hangs up"),
    row(Fault::HangAfterHeaders, "hang_after_headers", true, "headers of a 200, then nothing until the client hangs up"),
    row(Fault::Drip, "drip", true, "headers of a 200, then one byte of the body a second"),
    row(Fault::R429Seconds, "r429_seconds", false, "429, Retry-After: 1"),
    row(Fault::R429Date, "r429_date", false, "429, Retry-After: a date two to three seconds after the Date of the reply"),
    row(Fault::R429None, "r429_none", false, "429 without a Retry-After"),
    row(Fault::R429Zero, "r429_zero", false, "429, Retry-After: 0"),
    row(Fault::R429Negative, "r429_negative", false, "429, Retry-After: -5"),
    row(Fault::R429Huge, "r429_huge", false, "429, Retry-After: 1000000000; taken for nonsense, so no gate closes"),
    row(Fault::Quota429, "quota_429", false, "429 that means an empty account: insufficient_quota"),
    row(Fault::Auth401, "auth_401", false, "401 in the middle of a run"),
    row(Fault::Pay402, "pay_402", false, "402, the credit is used up"),
    row(Fault::TooLarge413, "too_large_413", false, "413"),
    row(Fault::E500, "e500", false, "500 with an error body"),
    row(Fault::E502, "e502", false, "502 with the HTML of a proxy"),
    row(Fault::E503, "e503", false, "503 with an error body"),
    row(Fault::E529, "e529", false, "529 overloaded, with an error body"),
    row(Fault::Truncated200, "truncated_200", true, "half of the body that Content-Length promised, then an orderly close"),
    row(Fault::BadUtf8, "bad_utf8", true, "200 whose text holds bytes that are no UTF-8"),
    row(Fault::Html200, "html_200", true, "200 with the HTML of a gateway in place of the reply"),
    row(Fault::EmptyChoices, "empty_choices", true, "200 with an empty list of choices, output, content or candidates"),
    row(Fault::LengthCut, "length_cut", true, "half of the verdict, cut at the token limit"),
    row(Fault::WrongContentLength, "wrong_content_length", true, "Content-Length is half of the body, and all of it follows"),
    row(Fault::GzipBomb, "gzip_bomb", true, "some 110 kB of Content-Encoding: gzip (deflate makes it no smaller) that inflate to 110 MB"),
    row(Fault::Body100Mb, "body_100mb", true, "JSON of 100 MiB, until the client hangs up"),
    row(Fault::Redirect, "redirect", false, "302 to `redirect_to`"),
    row(Fault::Duplicate, "duplicate", true, "the reply, and 50 ms later the same reply again on the same connection"),
    row(Fault::Prose, "prose", true, "a verdict in words"),
    row(Fault::TwoObjects, "two_objects", true, "two verdicts that differ"),
    row(Fault::OutOfRange, "out_of_range", true, "every level is 7"),
    row(Fault::PlantedNonce, "planted_nonce", true, "a nonce that nobody asked for"),
    row(Fault::Refusal, "refusal", true, "the model will not judge this"),
    row(Fault::ContentFilter, "content_filter", true, "200 that a content filter cut off"),
    row(Fault::ContentFilter400, "content_filter_400", true, "400 content_filter: no reply, but the input was processed and is billed"),
];

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.fault).ok_or_else(|| format!("no fault is named `{name}`"))
    }
}

impl Fault {
    /// Its line of the table.
    pub(crate) fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Whether no status line ever reaches the client.
    pub(crate) const fn is_silent(self) -> bool {
        matches!(self, Self::Refused | Self::ResetBeforeHeaders | Self::HangBeforeHeaders)
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Fault> {
    TABLE.iter().map(|row| row.fault).collect()
}

/// The fault of the `n`-th request: the same for the same seed, whatever came before.
pub(crate) fn draw(faults: Option<&Faults>, n: u64) -> Option<Fault> {
    let faults = faults.filter(|faults| !faults.kinds.is_empty())?;
    let (seed, n) = (faults.seed.to_le_bytes(), n.to_le_bytes());
    let strikes = text::share(&[b"strikes", &seed, &n]) < faults.share;
    strikes.then(|| faults.kinds[(text::hash(&[b"kind", &seed, &n]) % faults.kinds.len() as u64) as usize])
}

/// The table for people.
pub(crate) fn listing() -> String {
    let line = |row: &Row| format!("{:22} {:10} {}\n", row.name, if row.billed { "billed" } else { "not billed" }, row.what);
    TABLE.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_are_unique() {
        assert!(TABLE.iter().all(|row| row.fault.row().name == row.name));
        assert_eq!(TABLE.iter().map(|row| row.name).collect::<BTreeSet<_>>().len(), TABLE.len());
    }

    #[test]
    fn the_draw_keeps_to_share_seed_and_kinds() {
        let faults = |share, seed, kinds| Some(Faults { share, seed, kinds });
        let drawn = |faults: Option<Faults>| (1..=10_000).map(|n| draw(faults.as_ref(), n)).collect::<Vec<_>>();
        let storm = drawn(faults(0.3, 7, all()));
        let struck = storm.iter().flatten().count();
        assert!((2_850..3_150).contains(&struck), "{struck}");
        assert_eq!(storm.iter().flatten().map(|fault| fault.row().name).collect::<BTreeSet<_>>().len(), TABLE.len());
        assert_eq!(storm, drawn(faults(0.3, 7, all())));
        assert_ne!(storm, drawn(faults(0.3, 8, all())));
        assert!(drawn(faults(1.0, 0, vec![Fault::E503])).iter().all(|fault| *fault == Some(Fault::E503)));
        assert!(drawn(faults(1.0, 0, vec![])).iter().chain(&drawn(None)).all(Option::is_none));
    }
}
