//! Which examples a step sees.
