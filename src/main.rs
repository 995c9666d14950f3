//! dunder's entry.
fn main() {}
