//! Runs every script of `scripts/` against a real daemon, and what scripts cannot say: cut sockets, what
//! goes over the wire at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod archive;
mod components;
mod harness;
mod push;
mod sasl2;
mod stream_management;
mod thousand_cuts;

use harness::home::Home;

/// One home per script, so that scripts cannot disturb each other. `SNUG_SCRIPT=carbons` in the
/// environment plays those alone whose names begin so.
#[tokio::test]
async fn every_script_plays_as_written() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut played = 0;
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let wanted = std::env::var("SNUG_SCRIPT").unwrap_or_default();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !name.starts_with(&wanted) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        println!("script {name}");
        let home = Home::start(&format!("script-{name}")).await;
        Box::pin(harness::script::run(&home, &text)).await;
        home.stop().await;
        played += 1;
    }
    assert!(played > 0, "there are scripts");
}
