//! `comparison.html`: several runs side by side, paired differences first.

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::frame::{Frame, SWITCHES};
use crate::report::chart::reach;
use crate::report::format::Error;
use crate::report::{Comparison, Difference, PairRow};
use crate::taxonomy::Lang;

/// The page.
pub(in crate::report) fn comparison(comparison: &Comparison, lang: Lang) -> Result<String, Error> {
    let names = comparison.factor_names.iter().map(|(code, (en, ko))| (code.clone(), [en.clone(), ko.clone()])).collect();
    let warnings = &comparison.warnings;
    let frame = Frame { template: "comparison.html", lang, names, warnings, sentences: Vec::new(), script: SWITCHES, policy: "" };
    frame.render(context! {
        comparison => Value::from(Serde(comparison)),
        reach => widest(comparison.pairs.iter().map(|pair| &pair.difference)),
        part_reach => widest(comparison.pairs.iter().flat_map(parts)),
    })
}

/// The axis that has room for every interval: rows of one table, and of all tables by model and by factor, can be held against each other.
fn widest<'a>(differences: impl Iterator<Item = &'a Difference>) -> f64 {
    reach(differences.flat_map(|of| of.mean.into_iter().chain(of.ci95.into_iter().flatten())))
}

fn parts(pair: &PairRow) -> impl Iterator<Item = &Difference> {
    pair.by_model.iter().chain(&pair.by_risk).map(|part| &part.difference)
}

#[cfg(test)]
mod tests {
    use crate::report::summary::tests::run;
    use crate::report::{Comparison, StoredRun};
    use crate::taxonomy::Lang;

    fn compared(name: &str) -> Comparison {
        let (info, items, records) = run();
        let mut lower = records.clone();
        lower.iter_mut().for_each(|record| record.safety = record.safety.map(|level| level.saturating_sub(1).max(1)));
        let [a, b] = [records, lower].map(|records| StoredRun::new(info.clone(), items.clone(), records, Vec::new()).unwrap());
        Comparison::of(&[(name.to_owned(), &a), ("b".to_owned(), &b)])
    }

    #[test]
    fn differences_stand_first_with_their_forests() {
        let page = super::comparison(&compared("a"), Lang::En).unwrap();
        let (first, models) = (page.find("Do the runs differ?").unwrap(), page.find(">By model<").unwrap());
        assert!(first < models && models < page.find(">By risk factor<").unwrap());
        assert!(page.matches("<svg class=\"plot\"").count() >= 5, "the pair, two models and two factors");
        assert!(page.contains("Misinformation") && page.contains("Items that differ most"));
        let korean = super::comparison(&compared("a"), Lang::Ko).unwrap();
        assert!(korean.contains("<html lang=\"ko\"") && korean.contains("허위정보</span>") && korean.contains("모델별"));
    }

    #[test]
    fn a_run_of_any_name_is_text() {
        let page = super::comparison(&compared("<script>alert(1)</script>\u{202e}"), Lang::En).unwrap();
        assert!(!page.contains("alert(1)</script>") && page.matches("<script").count() == 2, "{page}");
        let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn axes_have_room_for_every_interval() {
        let mut pairs = compared("a").pairs;
        pairs.truncate(1);
        for (end, reach) in [(0.1, "0.25"), (-0.7, "1"), (2.5, "3")] {
            (pairs[0].difference.mean, pairs[0].difference.ci95) = (None, Some([end, 0.0]));
            assert_eq!(super::widest(pairs.iter().map(|pair| &pair.difference)).to_string(), reach);
        }
        assert!(super::widest(pairs.iter().flat_map(super::parts)) >= 1.0, "every level is one lower");
    }
}
