//! Explicit lists: a file in a listed folder is in its list, and the other way round.

use crate::tree;

/// Folder, the file with its list, and how a member stands in it (`{}` = its name).
const LISTS: [(&str, &str, &str); 3] = [
    ("crates/health/src/checks", "crates/health/src/checks/mod.rs", "{}::CHECK"),
    ("crates/server/src/features", "crates/server/src/features/mod.rs", "{}::FEATURE"),
    ("web-admin/src/pages", "web-admin/src/pages/mod.rs", "{}::PAGE"),
];

/// Modules directly in `folder`: files and folders with a `mod.rs`.
fn modules(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = tree::files(folder, ".rs")
        .iter()
        .filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'))
        .filter_map(|path| match path.split_once('/') {
            None => path.strip_suffix(".rs"),
            Some((name, "mod.rs")) => Some(name),
            Some(_) => None,
        })
        .filter(|name| *name != "mod")
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

#[test]
fn every_file_of_a_listed_folder_is_in_its_list() {
    let mut broken = Vec::new();
    for (folder, list, entry) in LISTS {
        let text = tree::read(list);
        let modules = modules(folder);
        let mut listed = 0;
        for name in modules {
            let entry = entry.replace("{}", &name);
            if text.contains(&entry) {
                listed += 1;
            } else if declares(&format!("{folder}/{name}"), &entry) {
                broken.push(format!("{list} does not list {entry}"));
            }
        }
        assert!(listed > 2, "{list} lists next to nothing: has its form changed?");
    }
    tree::verdict("one file and one line in the list", &broken);
}

/// Does the module have the constant that the list would name? Parts shared by the members of
/// a folder have none.
fn declares(module: &str, entry: &str) -> bool {
    let constant = entry.rsplit("::").next().unwrap_or(entry);
    [format!("{module}.rs"), format!("{module}/mod.rs")].iter().any(|path| {
        std::fs::read_to_string(tree::root().join(path))
            .is_ok_and(|text| text.contains(&format!("const {constant}:")))
    })
}
