//! The state of a run in one precision.
