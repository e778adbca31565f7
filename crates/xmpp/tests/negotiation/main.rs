//! Replays the corpus of the fuzz target `negotiator`: what was found once stays found.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod oracle;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Name and outcome of every file.
fn outcomes() -> BTreeMap<String, Option<String>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/negotiator");
    let mut outcomes = BTreeMap::new();
    for entry in fs::read_dir(corpus).expect("the corpus is part of the repository") {
        let path = entry.expect("a readable corpus").path();
        #[expect(clippy::disallowed_methods, reason = "the corpus is in files")]
        let input = fs::read(&path).expect("a readable corpus");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        outcomes.insert(name, oracle::check(&input).map(|jid| jid.to_string()));
    }
    outcomes
}

#[test]
fn the_corpus_keeps_the_promises() {
    let outcomes = outcomes();
    assert!(outcomes.len() >= 8, "only {} files", outcomes.len());
    for (name, session) in outcomes {
        // Names begin with what must come of the file.
        let expected = name.starts_with("session-").then(|| "ann@home.example/desk".to_owned());
        assert_eq!(session, expected, "{name}");
    }
}
