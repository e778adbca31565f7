//! `docs/protocols.md` and `docs/snug.doap` are made from the list of features and two tables.
//!
//! Write them anew with `just docs-generate`. Invariants: both are what the lists say; all that
//! they name is there; every extension has a title; a script names its extension.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use server::features::{ALL, Feature, Spec};

#[path = "protocols/catalog.rs"]
mod catalog;
#[path = "protocols/compliance.rs"]
mod compliance;

use catalog::{FIRST_VERSION, MORE, REMARKS, RFCS, SINCE, TITLES};
use compliance::{LATER, Provider, ROWS};

/// A line of the table.
struct Entry {
    spec: Spec,
    complete: bool,
    note: &'static str,
    file: String,
    test: String,
}

/// What comes first: RFCs, then extensions, by number, and then by file.
fn order(entry: &Entry) -> (bool, u16, &str) {
    match entry.spec {
        Spec::Rfc { number, .. } => (false, number, &entry.file),
        Spec::Xep { number, .. } => (true, number, &entry.file),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A script by its name, anything else by its path.
fn test_path(name: &str) -> String {
    if name.contains('/') {
        return name.to_owned();
    }
    format!("crates/server/tests/scripts/{name}.xmpp")
}

fn entries() -> Vec<Entry> {
    let more = MORE.iter().map(|more| Entry {
        spec: more.spec,
        complete: more.complete,
        note: more.note,
        file: more.file.to_owned(),
        test: test_path(more.test),
    });
    let mut all: Vec<Entry> = ALL.iter().map(of_feature).chain(more).collect();
    all.sort_by(|a, b| order(a).cmp(&order(b)));
    all
}

fn of_feature(feature: &Feature) -> Entry {
    let remark = REMARKS.iter().find(|remark| remark.feature == feature.name);
    let base = format!("crates/server/src/features/{}", feature.name);
    let one = format!("{base}.rs");
    let file = if root().join(&one).is_file() { one } else { format!("{base}/mod.rs") };
    Entry {
        spec: feature.spec,
        complete: remark.is_none_or(|remark| remark.complete),
        note: remark.map_or("", |remark| remark.note),
        file,
        test: test_path(remark.and_then(|remark| remark.test).unwrap_or(feature.name)),
    }
}

fn title(spec: Spec) -> &'static str {
    let (table, number, what) = match spec {
        Spec::Rfc { number, .. } => (RFCS, number, "RFC"),
        Spec::Xep { number, .. } => (TITLES, number, "XEP"),
    };
    let found = table.iter().find(|(one, _)| *one == number);
    found.unwrap_or_else(|| panic!("{what} {number} has no title in tests/protocols/catalog.rs")).1
}

fn since(spec: Spec) -> &'static str {
    let Spec::Xep { number, .. } = spec else { return FIRST_VERSION };
    SINCE.iter().find(|(one, _)| *one == number).map_or(FIRST_VERSION, |(_, since)| since)
}

fn link(spec: Spec) -> String {
    match spec {
        Spec::Rfc { number, .. } => format!("https://www.rfc-editor.org/rfc/rfc{number}.html"),
        Spec::Xep { number, .. } => format!("https://xmpp.org/extensions/xep-{number:04}.html"),
    }
}

/// A file of ours as a link from `docs/`.
fn here(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = match path.strip_suffix("/mod.rs").and_then(|folder| folder.rsplit('/').next()) {
        Some(folder) => format!("{folder}/"),
        None => name.to_owned(),
    };
    format!("[{name}](../{path})")
}

fn protocols(entries: &[Entry]) -> String {
    let mut out =
        "# Protocols\n\nWhat Snug speaks, where it is, and what shows that it works. Made \
                   from the list of features and the tables in `crates/server/tests/protocols` by \
                   `just docs-generate`; a test fails when it is out of date.\n\n\
                   | specification | version | title | status | since | file | shown by |\n\
                   |---|---|---|---|---|---|---|\n"
            .to_owned();
    for entry in entries {
        let (name, version) = match entry.spec {
            Spec::Rfc { number, sections } => (format!("RFC {number}"), sections),
            Spec::Xep { number, version } => (format!("XEP-{number:04}"), version),
        };
        let status = if entry.complete { "complete" } else { "partial" };
        let status = match entry.note {
            "" => status.to_owned(),
            note => format!("{status}: {note}"),
        };
        let (link, title, since) = (link(entry.spec), title(entry.spec), since(entry.spec));
        let (file, test) = (here(&entry.file), here(&entry.test));
        writeln!(
            out,
            "| [{name}]({link}) | {version} | {title} | {status} | {since} | {file} | {test} |"
        )
        .unwrap();
    }
    out.push_str(&compliance(entries));
    out
}

fn compliance(entries: &[Entry]) -> String {
    let mut out = "\n## XMPP Compliance Suites 2023 (XEP-0479)\n\nThe rows that ask something of \
                   servers. *Server* is the first level, *advanced server* the second.\n\n\
                   | suite | feature | level | providers |\n|---|---|---|---|\n"
        .to_owned();
    for row in ROWS {
        let providers: Vec<String> =
            row.providers.iter().map(|provider| provided(entries, *provider)).collect();
        let providers = providers.join("; ");
        writeln!(out, "| {} | {} | {} | {providers} |", row.suite, row.feature, row.level).unwrap();
    }
    out
}

/// Where a provider of a row is, or that it is not there.
fn provided(entries: &[Entry], provider: Provider) -> String {
    let is = |entry: &&Entry| match (provider, entry.spec) {
        (Provider::Rfc(wanted), Spec::Rfc { number, .. })
        | (Provider::Xep(wanted), Spec::Xep { number, .. }) => wanted == number,
        _ => false,
    };
    let name = match provider {
        Provider::Rfc(number) => format!("RFC {number}"),
        Provider::Xep(number) | Provider::Within(number, _) => format!("XEP-{number:04}"),
    };
    let found: Vec<String> = entries
        .iter()
        .filter(is)
        .map(|entry| {
            let partial = if entry.complete { "" } else { " (partial)" };
            format!("{} ({}){partial}", here(&entry.file), here(&entry.test))
        })
        .collect();
    if !found.is_empty() {
        return format!("{name}: {}", found.join(", "));
    }
    let when = match provider {
        Provider::Within(_, when) => when,
        Provider::Xep(number) => {
            LATER.iter().find(|(one, _)| *one == number).map_or("not there yet", |(_, when)| when)
        }
        Provider::Rfc(_) => "not there yet",
    };
    format!("{name}: **{when}**")
}

/// XEP-0453
fn doap(entries: &[Entry]) -> String {
    let mut out = "<?xml version='1.0' encoding='UTF-8'?>\n\
        <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'\n         \
        xmlns='http://usefulinc.com/ns/doap#'\n         \
        xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>\n  <Project>\n    <name>Snug</name>\n    \
        <shortdesc xml:lang='en'>XMPP server for a family at home</shortdesc>\n    \
        <license rdf:resource='https://spdx.org/licenses/AGPL-3.0-or-later.html'/>\n    \
        <programming-language>Rust</programming-language>\n    <os>Linux</os>\n    \
        <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-server'/>\n"
        .to_owned();
    let mut rfcs: Vec<u16> = Vec::new();
    let mut xeps: BTreeMap<u16, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        match entry.spec {
            Spec::Rfc { number, .. } => rfcs.push(number),
            Spec::Xep { number, .. } => xeps.entry(number).or_default().push(entry),
        }
    }
    rfcs.dedup();
    for number in rfcs {
        let link = link(Spec::Rfc { number, sections: "" });
        writeln!(out, "    <implements rdf:resource='{link}'/>").unwrap();
    }
    for same in xeps.values() {
        supported(&mut out, same);
    }
    out.push_str("  </Project>\n</rdf:RDF>\n");
    out
}

/// One extension, whatever has a part in it.
fn supported(out: &mut String, same: &[&Entry]) {
    let spec = same[0].spec;
    let Spec::Xep { version, .. } = spec else { return };
    let status = if same.iter().all(|entry| entry.complete) { "complete" } else { "partial" };
    let mut notes: Vec<&str> =
        same.iter().map(|e| e.note).filter(|note| !note.is_empty()).collect();
    notes.dedup();
    let (link, since) = (link(spec), since(spec));
    let mut line = |text: String| writeln!(out, "{text}").unwrap();
    line("    <implements>\n      <xmpp:SupportedXep>".to_owned());
    line(format!("        <xmpp:xep rdf:resource='{link}'/>"));
    line(format!("        <xmpp:status>{status}</xmpp:status>"));
    line(format!("        <xmpp:version>{version}</xmpp:version>"));
    line(format!("        <xmpp:since>{since}</xmpp:since>"));
    if !notes.is_empty() {
        let note = xmpp::Element::new("x", "").with_text(notes.join("; ")).to_xml("");
        let note = note.trim_start_matches("<x>").trim_end_matches("</x>");
        line(format!("        <xmpp:note xml:lang='en'>{note}</xmpp:note>"));
    }
    line("      </xmpp:SupportedXep>\n    </implements>".to_owned());
}

/// Compares the file at `path` with `made`, or writes it.
fn judge(path: &str, made: &str) {
    let file = root().join(path);
    if std::env::var_os("SNUG_WRITE_DOCS").is_some() {
        std::fs::write(&file, made).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == made, "{path} is out of date; write it anew with `just docs-generate`");
}

#[test]
fn the_documents_are_what_the_lists_say() {
    let entries = entries();
    judge("docs/protocols.md", &protocols(&entries));
    let doap = doap(&entries);
    xmpp::Element::parse(doap.split_once("?>").unwrap().1).expect("well-formed XML");
    judge("docs/snug.doap", &doap);
}

#[test]
fn all_that_is_named_is_there() {
    let mut broken = Vec::new();
    for entry in entries() {
        for path in [&entry.file, &entry.test] {
            if !root().join(path).is_file() {
                broken.push(format!("{:?}: {path} is not there", entry.spec));
            }
        }
    }
    for remark in REMARKS {
        if !ALL.iter().any(|feature| feature.name == remark.feature) {
            broken.push(format!("there is no feature {}", remark.feature));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Whoever looks for a specification finds its script.
#[test]
fn scripts_name_what_they_show() {
    let mut broken = Vec::new();
    for entry in entries().iter().filter(|entry| entry.test.ends_with(".xmpp")) {
        let Spec::Xep { number, .. } = entry.spec else { continue };
        let text = std::fs::read_to_string(root().join(&entry.test)).unwrap_or_default();
        if !text.contains(&format!("{number:04}")) {
            broken.push(format!("{} does not say that it is about XEP-{number:04}", entry.test));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn specifications_have_one_title_and_one_version() {
    for table in [TITLES, RFCS] {
        assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0), "titles stand in order");
    }
    let mut versions: BTreeMap<u16, &str> = BTreeMap::new();
    for entry in entries() {
        let Spec::Xep { number, version } = entry.spec else { continue };
        let first = versions.entry(number).or_insert(version);
        assert_eq!(*first, version, "XEP-{number:04} has two versions");
    }
}
