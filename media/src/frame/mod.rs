//! A decoded picture and the views a recipe asks of it. The main type is `Rgb`.

mod jpeg;
mod plant;
mod rgb;
mod sheet;
mod view;

pub(crate) use rgb::{Rgb, fit};
pub(crate) use sheet::{cell_size, sheet, write_number};
pub(crate) use view::{background, encode, shared_views, target_size};
