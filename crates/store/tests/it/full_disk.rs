//! A disk that takes no more, by way of the operating system: a process whose files may not
//! grow beyond a limit, which it then lifts.

use std::process::Command;

use store::{Batch, Blame, Raw, Span, Store, StoreError};

use crate::again;
use crate::scratch::Scratch;
use crate::tables::{ARCHIVE, SCHEMA};

const NAME: &str = "full_disk::the_store_goes_on_when_there_is_space_again";

fn fill_and_go_on(dir: &std::path::Path) {
    let store = Store::open(dir, &SCHEMA).unwrap();
    let mut stored = 0u64;
    let error = loop {
        let mut batch = Batch::new();
        batch.put(&ARCHIVE, &("a", stored), &Raw(vec![1; 50_000]));
        match store.commit_blocking(batch) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 10_000, "the limit does not hold");
    };
    assert!(stored > 2, "{stored}");
    assert!(matches!(error, StoreError::Io { .. } | StoreError::Full), "{error}");
    assert_eq!(error.blame(), Blame::Operator);
    // Everything acknowledged is there, nothing of the refused one, and again and again.
    for _ in 0..3 {
        let mut batch = Batch::new();
        batch.put(&ARCHIVE, &("too much", 0), &Raw(vec![2; 2_000_000]));
        store.commit_blocking(batch).unwrap_err();
        assert_eq!(store.count(&ARCHIVE, &Span::all()).unwrap(), stored);
    }
    let pid = std::process::id().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
    assert!(lifted.unwrap().success());
    let mut batch = Batch::new();
    batch.put(&ARCHIVE, &("a", stored), &Raw(vec![3; 2_000_000]));
    store.commit_blocking(batch).unwrap();
    assert_eq!(store.count(&ARCHIVE, &Span::all()).unwrap(), stored + 1);
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    store.close().unwrap();
    let store = Store::open(dir, &SCHEMA).unwrap();
    assert_eq!(store.count(&ARCHIVE, &Span::all()).unwrap(), stored + 1);
}

#[test]
fn the_store_goes_on_when_there_is_space_again() {
    if let Some(dir) = again::dir() {
        fill_and_go_on(&dir);
        return;
    }
    let dir = Scratch::new("full");
    // Without the trap the limit ends the process instead of the write.
    let limited = r#"trap "" XFSZ; ulimit -S -f 2000; exec "$0" "$@""#;
    let output = again::command(NAME, dir.path(), &["sh", "-c", limited]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "the second process did not run the test: {said}");
}
