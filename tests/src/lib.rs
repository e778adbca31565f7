//! Programs that measure Snug from outside. The end-to-end tests are in `tests/e2e`, the rules of
//! the tree in `tests/tests/tidy.rs`.

pub mod bench;
