//! Backups made while writing goes on, and restoring them.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use store::{Batch, OpenError, Raw, Schema, Span, Store, StoreError, restore};

use crate::scratch::Scratch;
use crate::tables::{ARCHIVE, COUNTERS, SCHEMA};

fn put(store: &Store, n: u64) {
    let mut batch = Batch::new();
    batch.put(&ARCHIVE, &("ann", n), &Raw(vec![n as u8; 3_000]));
    batch.put(&COUNTERS, "n", &(n + 1));
    store.commit(batch, |result| result.unwrap());
}

#[test]
fn a_backup_holds_what_was_committed_before_it_and_batches_whole() {
    let dir = Scratch::new("backup");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    for n in 0..500 {
        put(&store, n);
    }
    let target = dir.path().join("copy.db");
    std::fs::write(&target, "an older backup").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 500;
            while !done.load(Ordering::Acquire) {
                put(&store, n);
                n += 1;
                if n % 50 == 0 {
                    store.flush().unwrap();
                }
            }
        });
        store.backup(&target).unwrap();
        done.store(true, Ordering::Release);
    });
    let mode = std::fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "a backup is for the daemon's eyes only");
    let mode = std::fs::metadata(dir.log()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("copy.db"))
        .collect();
    assert_eq!(names, ["copy.db"]);

    let other = Scratch::new("restored");
    assert_eq!(restore(other.path(), &target, &SCHEMA).unwrap(), None);
    let restored = Store::open(other.path(), &SCHEMA).unwrap();
    let n = restored.get(&COUNTERS, "n").unwrap().unwrap();
    assert!(n >= 500);
    assert_eq!(restored.count(&ARCHIVE, &Span::all()).unwrap(), n);
    assert!(target.exists());
}

#[test]
fn restoring_goes_back_and_keeps_what_was_there() {
    let dir = Scratch::new("back");
    let backups = Scratch::new("backups");
    let backup = backups.path().join("monday.db");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    put(&store, 0);
    store.backup(&backup).unwrap();
    put(&store, 1);
    store.flush().unwrap();
    // As after a crash: the newest change is in the log only.
    let crashed = Scratch::new("crashed");
    for name in ["store.db", "store.db-wal", "store.lock"] {
        std::fs::copy(dir.path().join(name), crashed.path().join(name)).unwrap();
    }
    drop(store);
    let aside = restore(crashed.path(), &backup, &SCHEMA).unwrap().unwrap();
    let store = Store::open(crashed.path(), &SCHEMA).unwrap();
    assert_eq!(store.get(&COUNTERS, "n").unwrap(), Some(1));
    drop(store);
    // And forth again, with its log.
    restore(crashed.path(), &aside, &SCHEMA).unwrap().unwrap();
    let store = Store::open(crashed.path(), &SCHEMA).unwrap();
    assert_eq!(store.get(&COUNTERS, "n").unwrap(), Some(2));
}

#[test]
fn what_is_no_sound_store_of_ours_is_not_restored() {
    const NEWER: Schema = Schema { version: 2, tables: SCHEMA.tables, migrations: &[] };
    let dir = Scratch::new("unsound");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    put(&store, 0);
    let backups = Scratch::new("unsound-backups");
    let backup = backups.path().join("b.db");
    store.backup(&backup).unwrap();
    drop(store);
    let whole = std::fs::read(&backup).unwrap();
    let before = std::fs::read(dir.store()).unwrap();

    let mut torn = whole.clone();
    torn[3 * 4096..4 * 4096].fill(0);
    std::fs::write(&backup, torn).unwrap();
    let error = restore(dir.path(), &backup, &SCHEMA).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");

    std::fs::write(&backup, b"").unwrap();
    let error = restore(dir.path(), &backup, &SCHEMA).unwrap_err();
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");

    std::fs::write(&backup, &whole).unwrap();
    let error = restore(dir.path(), &backup, &NEWER).unwrap_err();
    assert_eq!(error, OpenError::TooOld { found: 1, oldest: 2 });
    let error = restore(dir.path(), &backups.path().join("none"), &SCHEMA).unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");

    assert_eq!(std::fs::read(dir.store()).unwrap(), before);
    let names = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(names, 2, "store.db and store.lock");
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing() {
    let dir = Scratch::new("nowhere");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    put(&store, 0);
    let error = store.backup(&dir.path().join("no/such/place.db")).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    store.backup(&dir.path().join("here.db")).unwrap();
}
