//! Architectures, as functions that build a graph from parameters and inputs.
