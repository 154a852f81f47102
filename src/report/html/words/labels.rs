//! The labels by key, in one language or both.

use std::collections::BTreeMap;

use super::agreement::AGREEMENT;
use super::comparison::COMPARISON;
use super::items::ITEMS;
use super::page::PAGE;
use super::terms::TERMS;
use super::warnings::WARNINGS;
use crate::report::words::{in_language, words};
use crate::taxonomy::Lang;

/// Every label that the page names, by key.
pub(in crate::report) fn labels(lang: Lang) -> BTreeMap<&'static str, &'static str> {
    let of_page = [PAGE, ITEMS, AGREEMENT, COMPARISON, TERMS, WARNINGS].into_iter().flat_map(|labels| in_language(labels, lang));
    words(lang).into_iter().chain(of_page).collect()
}

/// The same in English and Korean, for the switch in the page.
pub(in crate::report::html) fn both() -> BTreeMap<&'static str, [&'static str; 2]> {
    let korean = labels(Lang::Ko);
    labels(Lang::En).into_iter().map(|(key, word)| (key, [word, korean.get(key).copied().unwrap_or(word)])).collect()
}

#[cfg(test)]
mod tests {
    use super::{AGREEMENT, COMPARISON, ITEMS, PAGE, TERMS, WARNINGS, both};

    #[test]
    fn every_label_has_both_languages_and_one_meaning() {
        let all: Vec<_> = [PAGE, ITEMS, AGREEMENT, COMPARISON, TERMS, WARNINGS].concat();
        for (key, en, ko) in &all {
            assert!(!en.is_empty() && !ko.is_empty() && !en.contains(['<', '&', '"']) && !ko.contains(['<', '&', '"']), "{key}");
        }
        assert_eq!(both().len(), all.len() + crate::report::words::words(crate::taxonomy::Lang::En).len());
    }

    #[test]
    fn the_script_names_only_known_labels() {
        let script = concat!(include_str!("../../templates/switches.js"), include_str!("../../templates/items.js"));
        let (known, mut named) = (both(), 0);
        for key in ["word('", "say('"].iter().flat_map(|call| script.split(call).skip(1)).filter_map(|rest| rest.split('\'').next()) {
            assert!(known.contains_key(key), "`{key}`");
            named += 1;
        }
        assert!(named > 20);
    }
}
