//! The columns of a table: names, types, and what each takes from a row.

use std::borrow::Cow;

/// The columns of a table whose rows are `T`s, in order.
pub(in crate::report) struct Columns<T>(pub(super) Vec<Column<T>>);

pub(super) struct Column<T> {
    pub(super) name: Cow<'static, str>,
    pub(super) values: Values<T>,
}

/// What a row has in a column; what it has not is null, never 0.
pub(super) enum Values<T> {
    Text(OfText<T>),
    Integer(Of<T, Option<i64>>),
    Number(Of<T, Option<f64>>),
    Truth(Of<T, bool>),
    Texts(Of<T, Vec<Option<String>>>),
    Numbers(Of<T, Vec<f64>>),
}

type Of<T, V> = Box<dyn Fn(&T) -> V>;
/// Borrows from the row.
type OfText<T> = Box<dyn Fn(&T) -> Option<Cow<'_, str>>>;

impl<T> Columns<T> {
    pub(in crate::report) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(in crate::report) fn text(self, name: &'static str, of: impl Fn(&T) -> Option<Cow<'_, str>> + 'static) -> Self {
        self.with(name, Values::Text(Box::new(of)))
    }

    pub(in crate::report) fn integer(self, name: impl Into<Cow<'static, str>>, of: impl Fn(&T) -> Option<i64> + 'static) -> Self {
        self.with(name, Values::Integer(Box::new(of)))
    }

    pub(in crate::report) fn number(self, name: &'static str, of: impl Fn(&T) -> Option<f64> + 'static) -> Self {
        self.with(name, Values::Number(Box::new(of)))
    }

    pub(super) fn truth(self, name: &'static str, of: impl Fn(&T) -> bool + 'static) -> Self {
        self.with(name, Values::Truth(Box::new(of)))
    }

    pub(super) fn texts(self, name: &'static str, of: impl Fn(&T) -> Vec<Option<String>> + 'static) -> Self {
        self.with(name, Values::Texts(Box::new(of)))
    }

    pub(super) fn numbers(self, name: &'static str, of: impl Fn(&T) -> Vec<f64> + 'static) -> Self {
        self.with(name, Values::Numbers(Box::new(of)))
    }

    fn with(mut self, name: impl Into<Cow<'static, str>>, values: Values<T>) -> Self {
        self.0.push(Column { name: name.into(), values });
        self
    }
}
