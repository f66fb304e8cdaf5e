//! Update rules and schedules, written as graphs.
