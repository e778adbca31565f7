//! snugd.
fn main() {}
