//! The pennydrop command.
fn main() {}
