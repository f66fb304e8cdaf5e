//! Survival curves, intervals and fits for censored times.
