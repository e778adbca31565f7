//! Sizes and headers of the source files.

use crate::tree;

/// Lines of a file without its tests at which it must be split.
const LINES_MAX: usize = 600;

/// Lines of a whole file, tests included. Tables of a specification may fill a file.
const LINES_WITH_TESTS_MAX: usize = 1_200;

/// Module names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] =
    ["common", "helper", "helpers", "manager", "misc", "util", "utils", "tools"];

fn sources() -> Vec<String> {
    let found: Vec<String> = ["crates", "web-admin", "tests"]
        .iter()
        .flat_map(|folder| tree::files(folder, ".rs"))
        .collect();
    assert!(found.len() > 10, "the sources were not found: {found:?}");
    found
}

#[test]
fn every_module_says_what_it_is() {
    let broken: Vec<String> =
        sources().into_iter().filter(|path| !has_header(&tree::read(path))).collect();
    tree::verdict("a module opens with //! (what it is, its spec, its invariants)", &broken);
}

/// A header stands first; crate-wide attributes such as `#![no_main]` may precede it.
fn has_header(text: &str) -> bool {
    let mut lines = text.lines().filter(|l| !l.starts_with("#![") && !l.trim().is_empty());
    lines.next().is_some_and(|l| l.starts_with("//! ") && l.len() > 12)
}

#[test]
fn files_stay_readable_in_one_sitting() {
    let mut broken = Vec::new();
    for path in sources() {
        let text = tree::read(&path);
        let (own, all) = (lines_without_tests(&text), text.lines().count());
        if own > LINES_MAX {
            broken.push(format!("{path}: {own} lines without tests, at most {LINES_MAX}"));
        }
        if all > LINES_WITH_TESTS_MAX {
            broken.push(format!("{path}: {all} lines, at most {LINES_WITH_TESTS_MAX}"));
        }
    }
    tree::verdict("split by what changes together", &broken);
}

/// Tests stand last in a file.
fn lines_without_tests(text: &str) -> usize {
    text.lines().take_while(|l| !l.starts_with("#[cfg(test)]")).count()
}

#[test]
fn no_module_is_named_for_nothing() {
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|path| {
            path.split('/').any(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs")))
        })
        .collect();
    tree::verdict("name a module for what it holds", &broken);
}

#[test]
fn the_header_rule_sees_missing_headers() {
    assert!(has_header("//! What it is, and why.\n"));
    assert!(has_header("#![no_main]\n\n//! A fuzz target.\n"));
    assert!(!has_header("//! x\n"), "a stub is no header");
    assert!(!has_header("use std::fmt;\n//! Too late to say it.\n"));
    assert_eq!(lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {}\n"), 2);
}
