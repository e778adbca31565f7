//! Replays the corpus of the OTR fuzz targets: every find stays found.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, unreachable_pub, clippy::expect_used, reason = "shared with the fuzz targets")]
#[path = "../fuzz/fuzz_targets/otr/oracle.rs"]
mod oracle;

use std::path::Path;

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let read = |e: std::io::Result<std::fs::DirEntry>| std::fs::read(e.expect("an entry").path());
    let inputs: Vec<Vec<u8>> = entries.map(|e| read(e).expect("a file")).collect();
    assert!(inputs.len() >= 3, "{target}: the corpus was not found");
    inputs
}

#[test]
fn messages() {
    inputs("otr_message").iter().for_each(|i| oracle::check_messages(i));
}

#[test]
fn fragments() {
    inputs("otr_fragment").iter().for_each(|i| oracle::check_fragments(i));
}
