//! From a spec to a plan to a campaign; figures.
