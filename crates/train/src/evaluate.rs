//! Evaluation programs.
