//! Video: index, plan, decode, view.
