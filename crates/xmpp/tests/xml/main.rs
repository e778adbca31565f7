//! The parser and the writer against the specifications and against rxml.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod corpus;
mod mutations;
mod oracle;
mod rules;
mod spelling;
mod stream_rules;
mod trees;

/// Settings of the property tests. A failure prints its input, which then
/// becomes a rule or a file of the corpus; no other record is kept.
/// `PROPTEST_CASES` scales all of them (256 is the ordinary amount).
fn cases(ordinary: u32) -> proptest::test_runner::Config {
    let default = proptest::test_runner::Config::default();
    let cases = ordinary.saturating_mul(default.cases) / 256;
    proptest::test_runner::Config { cases, failure_persistence: None, ..default }
}
