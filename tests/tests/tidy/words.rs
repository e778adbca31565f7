//! Words that do not belong in the tree: left-over marks, and names of somebody's machine.

use crate::tree;

/// Marks of unfinished work, and switches that hide a failing test (an ignored test says why:
/// `#[ignore = "…"]`). Written in two halves, so that this file does not break its own rule.
const MARKS: [(&str, &str); 6] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X:"),
    ("unimple", "mented!("),
    ("#[ig", "nore]"),
    ("pytest.mark.", "skip"),
];

/// Folders that exist on one machine only.
const PLACES: [(&str, &str); 3] = [("/work", "/"), ("/root", "/"), ("/home", "/user")];

/// Endings of the files that people write here.
const ENDINGS: [&str; 14] = [
    ".css", ".html", ".js", ".md", ".py", ".rs", ".service", ".sh", ".socket", ".toml", ".txt",
    "Justfile", "just", "run",
];

fn texts() -> Vec<String> {
    let mut found: Vec<String> = ENDINGS.iter().flat_map(|e| tree::files("", e)).collect();
    found.sort();
    found.dedup();
    assert!(found.len() > 20, "the files were not found: {found:?}");
    found
}

fn places(words: &[(&str, &str)]) -> Vec<String> {
    let words: Vec<String> = words.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let mut broken = Vec::new();
    for path in texts() {
        let bytes = std::fs::read(tree::root().join(&path)).unwrap_or_default();
        for (n, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            if let Some(word) = words.iter().find(|w| line.contains(w.as_str())) {
                broken.push(format!("{path}:{}: {word}", n + 1));
            }
        }
    }
    broken
}

#[test]
fn nothing_is_left_half_done() {
    tree::verdict("finish it, or file an issue", &places(&MARKS));
}

#[test]
fn no_path_of_somebodys_machine() {
    tree::verdict("paths are relative, or in the file-system standard", &places(&PLACES));
}
