//! Tables for other programs. One list of columns a table, whatever it is written as; the main type is [`TableKind`].

mod column;
mod csv;
mod groups;
mod kind;
#[cfg(feature = "parquet")]
mod parquet;
mod verdicts;

pub(super) use column::Columns;
pub use kind::TableKind;
pub(super) use kind::Tables;
