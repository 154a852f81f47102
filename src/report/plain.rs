//! Numbers, scopes and warnings as plain text has them: what is undefined is a dash.

use super::summary::{Scope, Warning};
use super::visible;
use crate::taxonomy::Lang;

/// Warnings of one code that are said; the rest is counted.
const SAID: usize = 3;

/// What is shown, or a dash.
pub(super) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A value with so many digits behind the point; what rounds to 0 has no sign.
pub(super) fn decimal(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.bytes().all(|digit| b"0.".contains(&digit)) => zero.to_owned(),
        _ => text,
    }
}

/// A change with its sign, which is + where it rounds to 0.
pub(super) fn change(value: f64) -> String {
    let text = decimal(value, 2);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

/// A number with so many digits behind the point.
pub(super) fn fixed(value: Option<f64>, digits: usize) -> String {
    or_dash(value.map(|value| decimal(value, digits)))
}

/// A level or a mean.
pub(super) fn number(value: Option<f64>) -> String {
    fixed(value, 2)
}

/// A difference.
pub(super) fn signed(value: Option<f64>) -> String {
    or_dash(value.map(change))
}

/// A share.
pub(super) fn percent(share: Option<f64>) -> String {
    or_dash(share.map(|share| format!("{:.0} %", share * 100.0)))
}

/// A p-value: none is ever 0.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// The same where there may be none.
pub(super) fn chance(p: Option<f64>) -> String {
    or_dash(p.map(p_value))
}

/// An interval of levels.
pub(super) fn interval(ends: Option<[f64; 2]>) -> String {
    or_dash(ends.map(|ends| bracketed(ends.map(|end| decimal(end, 2)))))
}

/// An interval of differences.
pub(super) fn shifts(ends: Option<[f64; 2]>) -> String {
    or_dash(ends.map(|ends| bracketed(ends.map(change))))
}

fn bracketed([lo, hi]: [String; 2]) -> String {
    format!("[{lo}, {hi}]")
}

/// A number and its interval, if it has one.
pub(super) fn estimate(value: Option<f64>, ends: Option<[f64; 2]>) -> String {
    ends.map_or_else(|| number(value), |_| format!("{} {}", number(value), interval(ends)))
}

/// A share of `n` and its interval, in percent.
pub(super) fn rate(share: Option<f64>, ends: Option<[f64; 2]>, n: usize) -> String {
    let Some(share) = share else { return or_dash(None) };
    let ends = ends.map_or_else(String::new, |[lo, hi]| format!(" [{:.0}, {:.0}]", lo * 100.0, hi * 100.0));
    format!("{}{ends} of {n}", percent(Some(share)))
}

/// What [`noted`] puts behind an interval, in words.
pub(super) const FEW: &str = "~ of fewer than 10 source items: such an interval is too narrow";

/// An interval as it is shown, with a mark behind it where it rests on few source items, as its note says.
pub(super) fn noted(interval: String, ci95_note: Option<&str>) -> String {
    if ci95_note.is_some() && interval != or_dash(None) { interval + "~" } else { interval }
}

/// What an interval's numbers are of.
pub(super) const fn mark(uncalibrated: bool, selected: bool) -> &'static str {
    match (uncalibrated, selected) {
        (true, _) => " (triage)",
        (false, true) => " (selected items)",
        (false, false) => "",
    }
}

/// A moment in RFC 3339, UTC, as people read it.
pub(super) fn utc(moment: &str) -> String {
    visible(moment).replacen('T', " ", 1).replace('Z', " UTC")
}

/// A judge, its rubric and its sampler.
pub(super) fn scope(scope: &Scope) -> String {
    names(scope.names())
}

/// A rubric and its sampler.
pub(super) fn under(rubric: &str, sampler: Option<&str>) -> String {
    names([rubric].into_iter().chain(sampler))
}

/// Names that stand together.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(visible).collect::<Vec<_>>().join(" / ")
}

/// Codes and messages: those of one code together, at the place of the first; of many the first ones, and how many more there are.
pub(super) fn said(warnings: &[Warning], lang: Lang) -> Vec<(&str, String)> {
    let mut codes: Vec<(&str, Vec<&Warning>)> = Vec::new();
    for warning in warnings {
        match codes.iter_mut().find(|(code, _)| *code == warning.code) {
            Some((_, alike)) => alike.push(warning),
            None => codes.push((&warning.code, vec![warning])),
        }
    }
    let mut said = Vec::new();
    for (code, alike) in codes {
        let shown = if alike.len() == SAID + 1 { alike.len() } else { SAID }; // a line for one more would be that one's place
        said.extend(alike.iter().take(shown).map(|warning| (code, warning.in_language(lang).to_owned())));
        let rest = alike.len().saturating_sub(shown);
        let more = match lang {
            Lang::En => format!("And {rest} more like these; summary.json has them all."),
            Lang::Ko => format!("같은 경고가 {rest}개 더 있습니다. 모두 summary.json에 있습니다."),
        };
        said.extend((rest > 0).then_some((code, more)));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounds_to_nothing_is_not_below_it() {
        assert_eq!([-0.004, 0.004, -0.005_1].map(|value| number(Some(value))), ["0.00", "0.00", "-0.01"]);
        assert_eq!((signed(Some(-0.004)), signed(Some(0.0)), signed(Some(-2.5))), ("+0.00".into(), "+0.00".into(), "-2.50".into()));
        assert_eq!((interval(Some([-0.001, 0.2])), shifts(Some([-0.001, 0.2]))), ("[0.00, 0.20]".into(), "[+0.00, +0.20]".into()));
        assert_eq!(decimal(-0.4, 0), "0");
    }

    #[test]
    fn what_is_not_there_has_no_mark() {
        let few = Some("few_clusters");
        assert_eq!((noted(interval(None), few), noted(interval(Some([1.0, 2.0])), few)), ("-".to_owned(), "[1.00, 2.00]~".to_owned()));
    }

    #[test]
    fn moments_are_told_in_utc() {
        assert_eq!(utc("2026-11-30T09:05:00Z"), "2026-11-30 09:05:00 UTC");
    }

    #[test]
    fn many_warnings_of_one_code_are_counted() {
        let warning = |code: &str, message: &str| Warning::new(code, [message.to_owned(), "말".to_owned()]);
        let mut warnings = vec![warning("one", "a"), warning("other", "b")];
        warnings.extend((0..5).map(|_| warning("one", "c")));
        let lines = said(&warnings, Lang::En);
        assert_eq!(lines.iter().map(|line| line.0).collect::<Vec<_>>(), ["one", "one", "one", "one", "other"]);
        assert_eq!((lines[0].1.as_str(), lines[3].1.as_str()), ("a", "And 3 more like these; summary.json has them all."));
        assert!(said(&warnings, Lang::Ko)[3].1.contains("3개"));
    }
}
