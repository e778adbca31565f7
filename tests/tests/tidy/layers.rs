//! Which crate may depend on what: the table of ARCHITECTURE.md, checked against each
//! Cargo.toml. A new crate, or a new arrow, has to be written here first.

use crate::tree;

/// Folder, and the workspace crates it may name.
const MAY_DEPEND_ON: [(&str, &[&str]); 12] = [
    ("crates/admin-api", &["health", "otr"]),
    ("crates/cli", &["admin-api", "config", "firewall", "health", "otr", "xmpp"]),
    ("crates/config", &[]),
    ("crates/firewall", &["config"]),
    ("crates/first-boot", &[]),
    ("crates/health", &[]),
    ("crates/otr", &[]),
    ("crates/server", &["admin-api", "config", "firewall", "health", "otr", "store", "xmpp"]),
    ("crates/store", &[]),
    ("crates/xmpp", &[]),
    ("tests", &["admin-api", "config", "health", "otr", "server", "store", "xmpp"]),
    ("web-admin", &["admin-api", "config", "health", "otr"]),
];

/// Parts of others that only some may name, and why.
const ONLY_IN: [(&str, &[&str], &str); 6] = [
    ("axum", &["web-admin"], "HTTP is the panel's alone"),
    ("clap", &["crates/cli", "crates/server", "web-admin", "tests"], "libraries read no arguments"),
    ("quick-xml", &["crates/xmpp", "crates/cli"], "one XML reader, with our limits in front"),
    ("rusqlite", &["crates/store"], "only the store names its engine"),
    ("rustls", &["crates/server", "web-admin", "tests"], "TLS ends at the sockets"),
    ("tokio", &["crates/admin-api", "crates/cli", "crates/server", "web-admin", "tests"], "I/O"),
];

/// Crates that see no clock, socket, file or randomness of the system.
const PURE: [&str; 2] = ["crates/otr", "crates/xmpp"];

/// What a pure crate must not even be able to name.
const IMPURE: [&str; 8] =
    ["getrandom", "nix", "rand", "rusqlite", "rustls", "tokio", "tokio-rustls", "tracing"];

fn manifest(folder: &str) -> toml::Table {
    let path = format!("{folder}/Cargo.toml");
    tree::read(&path).parse().unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Names of the dependencies in `section` of the manifest of `folder`.
fn dependencies(folder: &str, section: &str) -> Vec<String> {
    let manifest = manifest(folder);
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.map(|t| t.keys().cloned().collect()).unwrap_or_default()
}

fn ours() -> Vec<String> {
    let root = manifest(".");
    let all = root["workspace"]["dependencies"].as_table().expect("workspace.dependencies");
    all.iter().filter(|(_, d)| d.get("path").is_some()).map(|(name, _)| name.clone()).collect()
}

#[test]
fn every_crate_is_in_the_table() {
    let mut folders: Vec<String> = tree::files("", "Cargo.toml")
        .iter()
        .filter_map(|p| p.strip_suffix("/Cargo.toml"))
        .filter(|p| *p != "tests/fuzz")
        .map(str::to_owned)
        .collect();
    folders.sort();
    let table: Vec<&str> = MAY_DEPEND_ON.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(folders, table, "write the new crate into MAY_DEPEND_ON and ARCHITECTURE.md");
}

#[test]
fn crates_depend_only_downwards() {
    let ours = ours();
    assert!(ours.len() >= 7, "workspace crates not found: {ours:?}");
    let mut broken = Vec::new();
    for (folder, allowed) in MAY_DEPEND_ON {
        for name in dependencies(folder, "dependencies") {
            if ours.contains(&name) && !allowed.contains(&name.as_str()) {
                broken.push(format!("{folder} may not depend on {name}"));
            }
        }
    }
    tree::verdict("see the dependency table in ARCHITECTURE.md", &broken);
}

#[test]
fn only_the_right_crates_name_an_engine() {
    let mut broken = Vec::new();
    for (folder, _) in MAY_DEPEND_ON {
        let names = dependencies(folder, "dependencies");
        for (part, homes, why) in ONLY_IN {
            if names.iter().any(|n| n == part) && !homes.contains(&folder) {
                broken.push(format!("{folder} names {part}: {why}"));
            }
        }
        if PURE.contains(&folder) {
            for name in names.iter().filter(|n| IMPURE.contains(&n.as_str())) {
                broken.push(format!("{folder} is pure and names {name}"));
            }
        }
    }
    tree::verdict("an engine is named in the wrong crate", &broken);
}

#[test]
fn every_crate_takes_the_workspace_lints_and_versions() {
    let mut broken = Vec::new();
    for (folder, _) in MAY_DEPEND_ON {
        let manifest = manifest(folder);
        let lints = manifest.get("lints").and_then(|l| l.get("workspace"));
        if lints.and_then(toml::Value::as_bool) != Some(true) {
            broken.push(format!("{folder}: [lints] workspace = true is missing"));
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (name, value) in table {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    broken.push(format!("{folder}: {section}.{name} has a version of its own"));
                }
            }
        }
    }
    tree::verdict("versions and lints are set once, in the root Cargo.toml", &broken);
}

#[test]
fn own_clippy_files_repeat_the_shared_keys() {
    let shared: toml::Table = tree::read("clippy.toml").parse().expect("clippy.toml");
    let copies: Vec<String> =
        tree::files("", "clippy.toml").into_iter().filter(|p| p != "clippy.toml").collect();
    assert!(copies.len() >= PURE.len(), "the pure crates have a clippy.toml each: {copies:?}");
    let mut broken = Vec::new();
    for path in copies {
        let own: toml::Table = tree::read(&path).parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        for (key, value) in &shared {
            // Lists may be other or longer; a number or a switch may not differ.
            if !value.is_array() && own.get(key) != Some(value) {
                broken.push(format!("{path}: {key} = {value:?} is missing"));
            }
        }
    }
    tree::verdict("a crate's clippy.toml replaces the root's, so it repeats its keys", &broken);
}

#[test]
fn pure_crates_ban_clocks_files_and_sockets() {
    let banned =
        ["Instant::now", "SystemTime::now", "std::fs::", "std::net::TcpStream", "thread::spawn"];
    let mut broken = Vec::new();
    for folder in PURE {
        let text = tree::read(&format!("{folder}/clippy.toml"));
        for name in banned.iter().filter(|name| !text.contains(**name)) {
            broken.push(format!("{folder}/clippy.toml does not ban {name}"));
        }
    }
    tree::verdict("time, files and sockets are parameters of a pure crate", &broken);
}
