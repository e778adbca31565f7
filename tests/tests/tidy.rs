//! Tidy: what the architecture promises and a compiler cannot see.
//!
//! One module per kind of promise. Each rule reads the tree as it lies on disk and reports every
//! place that breaks it, with the file and what to do. Invariant: a rule that finds nothing to
//! look at fails, so that a moved folder cannot switch it off.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/lists.rs"]
mod lists;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/units.rs"]
mod units;
#[path = "tidy/words.rs"]
mod words;
