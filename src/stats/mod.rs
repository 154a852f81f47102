//! Statistics: pure functions on slices; undefined is `None`, never a fake 0.

pub mod agreement;
pub mod components;

mod bootstrap;
mod describe;
mod effects;
mod factorial;
mod groups;
mod interval;
mod jackknife;
mod layers;
mod noncentral;
mod paired;
mod pairwise;
mod power;
mod ranks;
mod rates;
mod repeated;
mod result;
mod rounding;
mod special;
mod standardise;
mod studentized;
mod within;

#[cfg(test)]
mod oracle;

pub use bootstrap::{Basis, Bootstrapped, NoInterval, Observed, Resampling, cluster_means, differences};
pub use describe::{cv, mean, mean_bounds, median, quantiles, sd, share_at_most};
pub use effects::{cliffs_delta, cohens_d, hedges_g};
pub use factorial::{Crossed, TwoWay, anova_twoway_type2, anova_twoway_type3};
pub use groups::{anova_oneway, anova_welch, kruskal_wallis};
pub use interval::{clustered_mean_interval, mean_interval, wilson, wilson_clustered};
pub use jackknife::Jackknifed;
pub use paired::{is_paired, paired_t, sign_flip, wilcoxon};
pub use pairwise::{Pair, dunn, every_pair, games_howell, holm, tukey_hsd};
pub use power::{items_for_power, items_for_width, power_paired};
pub use rates::mcnemar_exact;
pub use repeated::{Repeated, anova_repeated};
pub use result::TestResult;
pub use standardise::{Standardised, standardise};
pub use within::{Stratified, Within, within};
