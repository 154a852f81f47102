//! A table as CSV. A cell from outside that a spreadsheet would run as a formula gets a quote (') before it.

use serde::Serialize;

use super::column::{Column, Columns, Values};
use crate::ledger::Out;
use crate::report::format::Error;
use crate::report::visible;

/// Null is an empty cell; a list of one value is that value, other lists are JSON.
pub(super) fn csv<T>(Columns(columns): &Columns<T>, rows: impl Iterator<Item = Result<T, Error>>, out: &mut Out) -> Result<usize, Error> {
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(columns.iter().map(|column| cell(&column.name)))?;
    let mut count = 0;
    for row in rows {
        let row = row?;
        writer.write_record(columns.iter().map(|column| value(column, &row)))?;
        count += 1;
    }
    writer.flush()?;
    Ok(count)
}

fn value<T>(column: &Column<T>, row: &T) -> String {
    match &column.values {
        Values::Text(of) => of(row).as_deref().map(cell).unwrap_or_default(),
        Values::Integer(of) => shown(of(row)),
        Values::Number(of) => shown(of(row)),
        Values::Truth(of) => of(row).to_string(),
        Values::Texts(of) => match of(row).as_slice() {
            [] => String::new(),
            [one] => one.as_deref().map(cell).unwrap_or_default(),
            several => cell(json(several)),
        },
        Values::Numbers(of) => match of(row).as_slice() {
            [] => String::new(),
            several => json(several),
        },
    }
}

fn shown<V: ToString>(value: Option<V>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn json<V: Serialize>(values: &[V]) -> String {
    serde_json::to_string(values).unwrap_or_default()
}

/// What a formula begins with; the wide ones in spreadsheets of East Asian languages.
const FORMULAS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// What spreadsheets of other languages split rows at, whatever quotes are around: a quote counts at the begin of their cells only. A tab is
/// a blank by then.
const ELSEWHERE: [char; 2] = [';', '|'];

fn cell(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    let mut shown = String::new();
    for piece in text.split_inclusive(ELSEWHERE) {
        let first = shown.is_empty();
        let visible = visible(piece);
        // Quotes and blanks before a sign do not keep it from being one.
        let formula = if first {
            text.starts_with(['\t', '\r']) || visible.trim_start().starts_with(FORMULAS)
        } else {
            visible.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).starts_with(FORMULAS)
        };
        if formula {
            shown.push('\'');
        }
        shown.push_str(&visible);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TableKind;
    use crate::report::table::{groups::groups, verdicts::tests::rows, verdicts::verdicts};

    #[test]
    fn formulas_are_quoted() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("\t@SUM(A1)"), "' @SUM(A1)");
        assert_eq!(cell(" -2"), "' -2");
        assert_eq!(cell("a-b"), "a-b");
        for wide in ["＝1+1", "＋1", "－1", "＠SUM(A1)", "\u{3000}＝1"] {
            assert_eq!(cell(wide), format!("'{wide}"));
        }
        assert_eq!(cell("a＝b"), "a＝b");
        // Where a spreadsheet splits at semicolons, what follows begins a cell.
        for (text, quoted) in [
            ("x;=1+1", "x;'=1+1"),
            ("x; \"=1+1", "x;' \"=1+1"),
            ("a;b;@SUM(A1)", "a;b;'@SUM(A1)"),
            ("x\t=1+1", "x =1+1"),
            ("x|＝1", "x|'＝1"),
            ("=1;-2", "'=1;'-2"),
            (";=1", ";'=1"),
            ("a; b", "a; b"),
        ] {
            assert_eq!(cell(text), quoted, "{text}");
        }
    }

    #[test]
    fn tables_read_back_with_every_row() {
        let (info, items, mut records) = crate::report::summary::tests::run();
        records[0].rationale = Some("=cmd|' /C calc'!A0, \"quoted\"\nnext".into());
        (records[0].evidence, records[0].dimensions) = (vec![0.5, 2.0], [("motion".to_owned(), 4)].into());
        let read = |bytes: Vec<u8>| ::csv::Reader::from_reader(&*bytes).into_records().map(Result::unwrap).collect::<Vec<_>>();
        let rows = read(TableKind::Csv.bytes(&verdicts(&["motion".to_owned()].into()), rows(&info, &items, &records)).unwrap());
        assert_eq!(rows.len(), records.len());
        assert_eq!((&rows[0][15], &rows[0][17], &rows[0][26]), ("'=cmd|' /C calc'!A0, \"quoted\" next", "[0.5,2.0]", "4"));
        assert_eq!((&rows[10][9], &rows[1][26]), ("", "")); // pending is no outcome, and no dimension is none
        assert_eq!((&rows[0][24], &rows[0][25], rows[0][23].len()), ("Societal", r#"{"seed":"0"}"#, 64));
        let summary = crate::report::summary::tests::summary(&info, &items, &records);
        let rows = read(TableKind::Csv.bytes(&groups(), summary.groups.clone()).unwrap());
        assert_eq!(rows.len(), summary.groups.len());
        let crossed = rows.iter().find(|row| &row[3] == "[\"risk\",\"model\"]").unwrap();
        assert!(crossed[4].starts_with("[\"R"), "{crossed:?}");
        let mut model = summary.groups.iter().find(|group| group.standardised.is_some()).unwrap().clone();
        let lacks = |factors: &[&str]| factors.iter().map(|factor| (*factor).to_owned()).collect::<Vec<_>>();
        let of = |model: &crate::report::Group, name: &str| value(groups().0.iter().find(|column| column.name == name).unwrap(), model);
        let shown = [&[][..], &["R05"], &["R05", "R12"]].map(|factors| {
            model.standardised.as_mut().unwrap().lone = lacks(factors);
            of(&model, "standardised_lone")
        });
        assert_eq!(shown, ["", "R05", "[\"R05\",\"R12\"]"]);
    }
}
