//! snug.
fn main() {}
