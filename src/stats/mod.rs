//! Statistics: pure functions on slices; undefined is `None`, never a fake 0.

mod describe;
mod groups;
mod interval;

pub use describe::{cv, mean, sd};
pub use groups::{GroupTest, anova_oneway, anova_welch, kruskal_wallis};
pub use interval::{mean_interval, wilson};
