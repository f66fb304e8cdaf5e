//! One run: loss, limits, record, exact state, and the reason it stopped; packs of runs.
