//! Data: every example that a network sees, its label, its split, its ideal answer.
