//! snug-admin.
fn main() {}
