//! Reading the checked-out tree: paths relative to the root of the workspace.

use std::path::{Path, PathBuf};

/// Folders that are not ours to judge: built, installed or written at run time.
const NOT_OURS: [&str; 8] =
    [".git", ".tools", ".venv", "__pycache__", "data", "node_modules", "output", "target"];

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_path_buf()
}

/// The text of the file at `path` below the root.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Is `path` of the tree as it is checked out, and not of what is made in it?
pub(crate) fn is_ours(path: &str) -> bool {
    !path.split('/').any(|part| NOT_OURS.contains(&part))
}

/// All files below `folder` (`""` = the root) whose name ends in `ending`, sorted.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    let mut names: Vec<String> = found
        .iter()
        .filter_map(|p| p.strip_prefix(root()).ok())
        .filter_map(|p| p.to_str())
        .filter(|p| p.ends_with(ending))
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // A link may lead out of the tree.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if !NOT_OURS.contains(&name.as_ref()) {
                walk(&path, found);
            }
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

/// Fails with one line per broken place.
pub(crate) fn verdict(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}\n", broken.join("\n  "));
}
