//! The documents that a newcomer looks for, and what they must not outgrow.

use crate::tree;

/// ARCHITECTURE.md is read in one sitting.
const ARCHITECTURE_LINES_MAX: usize = 200;

/// An ADR holds one decision.
const ADR_LINES_MAX: usize = 60;

/// What has to be there.
const DEMANDED: [&str; 6] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "docs/snug.example.toml",
];

#[test]
fn the_documents_are_there() {
    let broken: Vec<String> = DEMANDED
        .iter()
        .filter(|path| !tree::root().join(path).is_file())
        .map(|path| (*path).to_owned())
        .collect();
    tree::verdict("missing", &broken);
}

#[test]
fn the_architecture_is_short_and_names_every_crate() {
    let text = tree::read("ARCHITECTURE.md");
    let lines = text.lines().count();
    assert!(lines <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {lines} lines");
    let broken: Vec<String> = tree::files("crates", "Cargo.toml")
        .iter()
        .filter_map(|path| path.strip_suffix("/Cargo.toml"))
        .filter(|folder| !text.contains(*folder))
        .map(|folder| format!("{folder} is not in the code map"))
        .collect();
    tree::verdict("ARCHITECTURE.md", &broken);
}

#[test]
fn decisions_are_short_and_numbered_once() {
    let found = tree::files("docs/adr", ".md");
    assert!(!found.is_empty(), "docs/adr is empty");
    let mut broken = Vec::new();
    let mut numbers = Vec::new();
    for path in &found {
        let lines = tree::read(path).lines().count();
        if lines > ADR_LINES_MAX {
            broken.push(format!("{path}: {lines} lines, at most {ADR_LINES_MAX}"));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let number = name.split('-').next().unwrap_or(name);
        if number.len() != 4 || number.parse::<u16>().is_err() || numbers.contains(&number) {
            broken.push(format!("{path}: the number is malformed or taken"));
        }
        numbers.push(number);
    }
    tree::verdict("docs/adr/NNNN-title.md", &broken);
}

#[test]
fn contributing_names_paths_that_exist() {
    let text = tree::read("CONTRIBUTING.md");
    let mut seen = 0;
    let mut broken = Vec::new();
    for word in text.split('`').skip(1).step_by(2) {
        // A name in angle brackets is the newcomer's to choose; only the folder must exist.
        let fixed = word.split('<').next().unwrap_or(word);
        let fixed = if fixed == word { fixed } else { fixed.rsplit_once('/').map_or("", |p| p.0) };
        let is_path = fixed.contains('/') && !fixed.contains(' ') && !fixed.starts_with("./");
        if is_path && tree::is_ours(fixed) {
            seen += 1;
            if !tree::root().join(fixed).exists() {
                broken.push(format!("CONTRIBUTING.md: {word}"));
            }
        }
    }
    assert!(seen > 10, "the table of CONTRIBUTING.md was not found");
    tree::verdict("these do not exist", &broken);
}
