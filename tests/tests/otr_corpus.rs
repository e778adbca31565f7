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
fn conversations() {
    inputs("otr_conversation").iter().for_each(|i| oracle::check_conversation(i));
}

/// A few thousand steps that nobody chose, the same each time: a short form of the fuzzing.
#[test]
fn conversations_at_random() {
    let mut seed = 1_u64;
    for _ in 0..60 {
        let mut input = Vec::new();
        for _ in 0..80 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Half of the steps let a message pass, or little would ever be read.
            let byte = (seed >> 56) as u8;
            input.push(if seed >> 32 & 1 == 0 { 4 << 1 | byte & 1 } else { byte });
        }
        oracle::check_conversation(&input);
    }
}

#[test]
fn fragments() {
    inputs("otr_fragment").iter().for_each(|i| oracle::check_fragments(i));
}
