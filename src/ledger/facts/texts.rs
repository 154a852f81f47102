//! Texts in little memory: one after another, each known by its number.

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;

use hashbrown::HashTable;

/// Texts by number, from 0, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    text: String,
    ends: Vec<usize>,
}

/// The number of a name among those of a run. Numbers are in the order of the texts, so that sorting them sorts the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(NonZeroU32);

/// Names as they come, each kept once.
#[derive(Debug, Default)]
pub(super) struct Names {
    texts: Texts,
    places: HashTable<u32>,
    hasher: RandomState,
}

impl Texts {
    /// Adds a text after the others.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// The text of this number; empty where there is none.
    pub fn get(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or_default());
        self.ends.get(number).map_or("", |end| &self.text[start..*end])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|number| self.get(number))
    }

    /// Their numbers in the order of the texts; equal ones as they came.
    pub(super) fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by(|one, other| self.get(*one as usize).cmp(self.get(*other as usize)).then(one.cmp(other)));
        order
    }
}

impl<'t> FromIterator<&'t str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'t str>>(all: I) -> Self {
        let mut texts = Self::default();
        all.into_iter().for_each(|text| texts.push(text));
        texts
    }
}

impl Name {
    /// From its place, counted from 0.
    pub(super) const fn at(place: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(place))
    }

    /// Its number, from 1.
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// Its place, counted from 0.
    pub(super) const fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Names {
    /// The name of a text. Its number says nothing yet of the text's place among the others.
    pub(super) fn of(&mut self, text: &str) -> Name {
        let Self { texts, places, hasher } = self;
        let next = texts.len() as u32;
        let entry = places.entry(
            hasher.hash_one(text),
            |known| texts.get(*known as usize) == text,
            |known| hasher.hash_one(texts.get(*known as usize)),
        );
        let place = *entry.or_insert(next).get();
        if place == next {
            texts.push(text);
        }
        Name::at(place)
    }

    /// The texts in their order, and for each name as it was the name that it becomes.
    pub(super) fn sorted(self) -> (Texts, Vec<Name>) {
        let order = self.texts.order();
        let mut becomes = vec![Name::at(0); order.len()];
        order.iter().zip(0..).for_each(|(before, place)| becomes[*before as usize] = Name::at(place));
        (order.iter().map(|before| self.texts.get(*before as usize)).collect(), becomes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_kept_once_and_end_in_the_order_of_their_texts(texts in proptest::collection::vec("[ab가]{0,2}", 0..60)) {
            let mut names = Names::default();
            let before: Vec<Name> = texts.iter().map(|text| names.of(text)).collect();
            let (sorted, becomes) = names.sorted();
            let mut distinct = texts.clone();
            distinct.sort();
            distinct.dedup();
            prop_assert!(sorted.iter().eq(distinct.iter()));
            for (text, name) in texts.iter().zip(before) {
                prop_assert_eq!(sorted.get(becomes[name.place()].place()), text);
            }
        }
    }

    #[test]
    fn what_is_not_there_is_empty() {
        let texts: Texts = ["a", "", "가"].into_iter().collect();
        assert_eq!((texts.get(0), texts.get(1), texts.get(2), texts.get(3), Texts::default().get(0)), ("a", "", "가", "", ""));
        assert_eq!((size_of::<Option<Name>>(), texts.len(), texts.is_empty()), (4, 3, false));
    }
}
