//! Damaged, lost and foreign files: what opening says, that it changes nothing, and what can
//! be salvaged.

use std::collections::BTreeMap;
use std::path::Path;

use store::{
    Batch, Blame, OpenError, Raw, Salvaged, Schema, Span, Store, StoreError, restore, salvage,
};

use crate::scratch::Scratch;
use crate::tables::{ARCHIVE, CONTACTS, COUNTERS, Contact, SCHEMA};

const PAGE: usize = 4096;

/// What was put into the store of [`filled`].
struct Content {
    archive: BTreeMap<(String, u64), Vec<u8>>,
    contacts: BTreeMap<(String, String), Contact>,
}

/// A row's bytes tell which row it is. Every twentieth spills over into further pages.
fn archived(owner: &str, n: u64) -> Vec<u8> {
    let times = if n % 20 == 7 { 900 } else { 20 };
    format!("{owner}-{n}/").repeat(times).into_bytes()
}

/// A store with some hundred pages, some rows removed again.
fn fill(store: &Store) -> Content {
    let mut content = Content { archive: BTreeMap::new(), contacts: BTreeMap::new() };
    for owner in ["ann", "bob", "eve"] {
        for n in 0..400u64 {
            let mut batch = Batch::new();
            let key = (owner.to_owned(), n);
            batch.put(&ARCHIVE, &key, &Raw(archived(owner, n)));
            content.archive.insert(key, archived(owner, n));
            let key = (owner.to_owned(), format!("contact{n}"));
            let contact = Contact { name: format!("Contact {n}"), groups: vec!["x".repeat(40)] };
            batch.put(&CONTACTS, &key, &contact);
            content.contacts.insert(key, contact);
            batch.put(&COUNTERS, &format!("{owner}{n}"), &n);
            store.commit(batch, |result| result.unwrap());
        }
    }
    let mut batch = Batch::new();
    batch.delete_span(&ARCHIVE, &Span::under("bob").from(&("bob", 100)).before(&("bob", 300)));
    content.archive.retain(|(owner, n), _| owner != "bob" || !(100..300).contains(n));
    store.commit_blocking(batch).unwrap();
    content
}

fn filled(dir: &Scratch) -> Content {
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let content = fill(&store);
    store.close().unwrap();
    content
}

/// Every row of a salvaged store is a row of the content; the answer is how many are missing.
fn missing(salvaged: &Salvaged, content: &Content) -> usize {
    let dir = Scratch::new("salvaged");
    std::fs::copy(&salvaged.file, dir.store()).unwrap();
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    let archive = store.scan(&ARCHIVE, &Span::all(), usize::MAX).unwrap();
    for (key, Raw(value)) in &archive {
        assert_eq!(content.archive.get(key), Some(value), "{key:?}");
    }
    let contacts = store.scan(&CONTACTS, &Span::all(), usize::MAX).unwrap();
    for (key, value) in &contacts {
        assert_eq!(content.contacts.get(key), Some(value), "{key:?}");
    }
    let counters = store.scan(&COUNTERS, &Span::all(), usize::MAX).unwrap();
    for (key, n) in &counters {
        assert_eq!(key[3..], n.to_string());
    }
    let rows: u64 = salvaged.rows.values().sum();
    assert_eq!(rows as usize, archive.len() + contacts.len() + counters.len());
    content.archive.len() + content.contacts.len() + 1_200 - rows as usize
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn bytes_of(dir: &Scratch) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| !name.ends_with("-shm"))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

/// Opening is refused, for the operator to see to, and changes nothing.
fn refused(dir: &Scratch, schema: &Schema) -> OpenError {
    let before = bytes_of(dir);
    let error = Store::open(dir.path(), schema).unwrap_err();
    assert_eq!(error.blame(), Blame::Operator, "{error}");
    let mut after = bytes_of(dir);
    // Looking makes an empty log and an empty claim, no more.
    after.retain(|name, bytes| before.contains_key(name) || !bytes.is_empty());
    assert!(before == after, "{error}");
    error
}

#[test]
fn a_garbage_header() {
    let dir = Scratch::new("header");
    let content = filled(&dir);
    let mut bytes = std::fs::read(dir.store()).unwrap();
    for (n, byte) in bytes[..100].iter_mut().enumerate() {
        *byte = (n * 37) as u8;
    }
    std::fs::write(dir.store(), bytes).unwrap();
    let error = refused(&dir, &SCHEMA);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("last backup"), "{error}");
    let salvaged = salvage(dir.path(), &SCHEMA).unwrap();
    assert_eq!((salvaged.version, salvaged.pages_lost, salvaged.rows_lost), (1, 0, 0));
    assert_eq!(missing(&salvaged, &content), 0);
}

#[test]
fn a_cut_off_file() {
    let dir = Scratch::new("cut");
    let content = filled(&dir);
    let bytes = std::fs::read(dir.store()).unwrap();
    std::fs::write(dir.store(), &bytes[..bytes.len() / 2 + 100]).unwrap();
    let error = refused(&dir, &SCHEMA);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    let salvaged = salvage(dir.path(), &SCHEMA).unwrap();
    assert!(salvaged.pages_lost > 0);
    let total = content.archive.len() + content.contacts.len() + 1_200;
    let lost = missing(&salvaged, &content);
    assert!(lost > 0 && lost < total * 2 / 3, "{lost} of {total}");
}

/// Whichever page is lost, no more than its own rows are. The first pages are the table of
/// contents, the map and the roots; of the others every fourth is tried.
#[test]
fn any_one_page_of_zeroes() {
    let dir = Scratch::new("page");
    let content = filled(&dir);
    let whole = std::fs::read(dir.store()).unwrap();
    let mut refusals = 0;
    for page in (0..12).chain((12..whole.len() / PAGE).step_by(4)) {
        let mut bytes = whole.clone();
        bytes[page * PAGE..][..PAGE].fill(0);
        std::fs::write(dir.store(), &bytes).unwrap();
        let salvaged = salvage(dir.path(), &SCHEMA).unwrap();
        let lost = missing(&salvaged, &content);
        // The smallest rows take some seventeen bytes.
        assert!(lost < PAGE / 16, "page {}: {lost} of {salvaged}", page + 1);
        assert!(lost > 0 || salvaged.pages_lost == 0, "page {}: {salvaged}", page + 1);
        refusals += usize::from(page < 8 && Store::open(dir.path(), &SCHEMA).is_err());
    }
    assert!(refusals > 0, "a lost root is seen when the store is opened");
}

/// A damaged leaf is found by reading it and by the check, with everything else still read.
#[test]
fn a_damaged_leaf_is_said_and_the_rest_still_read() {
    let dir = Scratch::new("leaf");
    let content = filled(&dir);
    let whole = std::fs::read(dir.store()).unwrap();
    // Not in the last leaf, which is looked at when the store is opened.
    let marker = b"eve-350/eve-350/";
    let at = whole.windows(marker.len()).position(|bytes| bytes == marker).unwrap();
    let mut bytes = whole;
    bytes[at / PAGE * PAGE..][..PAGE].fill(0x55);
    std::fs::write(dir.store(), bytes).unwrap();
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let error = store.scan(&ARCHIVE, &Span::under("eve"), usize::MAX).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(error.blame(), Blame::Operator);
    assert!(!store.check().unwrap().is_empty());
    let ann = store.scan(&ARCHIVE, &Span::under("ann"), usize::MAX).unwrap();
    assert_eq!(ann.len(), 400);
    let target = dir.path().join("backup.db");
    let error = store.backup(&target).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(!target.exists(), "half a backup is none");
    drop(store);
    let salvaged = salvage(dir.path(), &SCHEMA).unwrap();
    // Its rows take 160 bytes each.
    assert!(missing(&salvaged, &content) <= PAGE / 160);
}

#[test]
fn somebody_elses_files() {
    let dir = Scratch::new("foreign");
    std::fs::write(dir.store(), "not a store, but somebody's diary\n".repeat(300)).unwrap();
    assert!(matches!(refused(&dir, &SCHEMA), OpenError::Damaged { .. }));
    // A file of the same engine, made by another program.
    std::fs::remove_file(dir.store()).unwrap();
    let other = rusqlite::Connection::open(dir.store()).unwrap();
    other.execute_batch("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('a')").unwrap();
    other.close().unwrap();
    let before = std::fs::read(dir.store()).unwrap();
    assert!(matches!(refused(&dir, &SCHEMA), OpenError::NotAStore { .. }));
    assert_eq!(std::fs::read(dir.store()).unwrap(), before);
    std::fs::remove_file(dir.store()).unwrap();
    std::fs::create_dir(dir.store()).unwrap();
    let error = Store::open(dir.path(), &SCHEMA).unwrap_err();
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
}

/// A store that is gone or empty is a loss, not a first start.
#[test]
fn a_lost_store_is_not_a_first_start() {
    let dir = Scratch::new("gone");
    filled(&dir);
    std::fs::write(dir.store(), "").unwrap();
    assert!(matches!(refused(&dir, &SCHEMA), OpenError::Missing { .. }));
    std::fs::remove_file(dir.store()).unwrap();
    assert!(matches!(refused(&dir, &SCHEMA), OpenError::Missing { .. }));
    // Even without the claim a log alone is the rest of a store.
    std::fs::write(dir.log(), "something").unwrap();
    std::fs::remove_file(dir.path().join("store.lock")).unwrap();
    let error = Store::open(dir.path(), &SCHEMA).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert!(!dir.store().exists());
}

/// What the machine would find had it stopped now.
fn as_if_stopped(dir: &Scratch, store: &Store) -> Scratch {
    store.flush().unwrap();
    let stopped = Scratch::new("stopped");
    copy(dir.path(), stopped.path());
    stopped
}

#[test]
fn a_lost_log_is_seen_after_a_crash() {
    let dir = Scratch::new("log");
    let mut content = filled(&dir);
    let folded = content.archive.len() as u64;
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let mut batch = Batch::new();
    for n in 0..50 {
        batch.put(&ARCHIVE, &("zoe", n), &Raw(archived("zoe", n)));
        content.archive.insert(("zoe".to_owned(), n), archived("zoe", n));
    }
    store.commit_blocking(batch).unwrap();
    let stopped = as_if_stopped(&dir, &store);
    assert!(std::fs::metadata(stopped.log()).unwrap().len() > 0);
    // With the log everything is there, to the engine and to salvage.
    let salvaged = salvage(stopped.path(), &SCHEMA).unwrap();
    assert_eq!(missing(&salvaged, &content), 0);
    let log = std::fs::read(stopped.log()).unwrap();
    std::fs::remove_file(stopped.log()).unwrap();
    let error = refused(&stopped, &SCHEMA);
    assert!(matches!(error, OpenError::LogMissing { .. }), "{error}");
    // What is in the file alone can be accepted, if somebody says so.
    let accepted = Scratch::new("accepted");
    copy(stopped.path(), accepted.path());
    restore(accepted.path(), &accepted.store(), &SCHEMA).unwrap().unwrap();
    let older = Store::open(accepted.path(), &SCHEMA).unwrap();
    assert_eq!(older.count(&ARCHIVE, &Span::all()).unwrap(), folded);
    std::fs::write(stopped.log(), log).unwrap();
    let again = Store::open(stopped.path(), &SCHEMA).unwrap();
    let archive = again.scan(&ARCHIVE, &Span::all(), usize::MAX).unwrap();
    assert_eq!(archive.len(), content.archive.len());
    again.close().unwrap();
    // After an orderly end there is no log to be missed.
    assert!(!stopped.log().exists());
    Store::open(stopped.path(), &SCHEMA).unwrap();
}

/// A log that was cut off anywhere gives the commits before the cut.
#[test]
fn a_cut_off_log_gives_the_commits_before_the_cut() {
    let dir = Scratch::new("cutlog");
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    for n in 1..=60u64 {
        let mut batch = Batch::new();
        batch.put(&COUNTERS, "n", &n);
        batch.put(&ARCHIVE, &("a", n), &Raw(vec![1; 500]));
        store.commit_blocking(batch).unwrap();
    }
    let stopped = as_if_stopped(&dir, &store);
    let log = std::fs::read(stopped.log()).unwrap();
    let mut last = 0;
    for part in 0..=24 {
        let case = Scratch::new("cutlog-case");
        copy(stopped.path(), case.path());
        let mut cut = log[..log.len() * part / 24].to_vec();
        if part % 2 == 1 {
            cut.extend(b"torn".repeat(300));
        }
        std::fs::write(case.log(), cut).unwrap();
        let salvaged = salvage(case.path(), &SCHEMA);
        let opened = Store::open(case.path(), &SCHEMA);
        // The tables themselves may still have been in the part that is cut off.
        let Ok(store) = opened else { continue };
        let n = store.get(&COUNTERS, "n").unwrap().unwrap_or(0);
        assert_eq!(store.count(&ARCHIVE, &Span::all()).unwrap(), n);
        assert_eq!(salvaged.unwrap().rows["archive"], n);
        assert!(n >= last);
        last = n;
    }
    assert_eq!(last, 60);
}

/// Random damage never ends in a panic, and what opens never gives a wrong row as right
/// without the check finding it.
#[test]
fn random_damage_is_survived() {
    let dir = Scratch::new("random");
    filled(&dir);
    let whole = std::fs::read(dir.store()).unwrap();
    let mut seed = 11u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for _ in 0..60 {
        let case = Scratch::new("random-case");
        copy(dir.path(), case.path());
        let mut bytes = whole.clone();
        for _ in 0..1 + random(60) {
            let at = random(bytes.len());
            let end = (at + 1 + random(40)).min(bytes.len());
            let byte = random(256) as u8;
            bytes[at..end].fill(byte);
        }
        std::fs::write(case.store(), bytes).unwrap();
        if let Ok(salvaged) = salvage(case.path(), &SCHEMA) {
            let copy = Scratch::new("random-salvaged");
            std::fs::copy(&salvaged.file, copy.store()).unwrap();
            let store = Store::open(copy.path(), &SCHEMA).unwrap();
            assert_eq!(store.check().unwrap(), Vec::<String>::new());
        }
        if let Ok(store) = Store::open(case.path(), &SCHEMA) {
            let _ = store.scan(&ARCHIVE, &Span::all(), usize::MAX);
            let _ = store.newest(&CONTACTS, &Span::all(), usize::MAX);
            let _ = store.count(&COUNTERS, &Span::all());
            let mut batch = Batch::new();
            batch.put(&COUNTERS, "one more", &1);
            let _ = store.commit_blocking(batch);
            let _ = store.check();
        }
    }
}

#[test]
fn a_row_that_does_not_decode_is_named_by_its_table_only() {
    let dir = Scratch::new("decode");
    filled(&dir);
    let other = rusqlite::Connection::open(dir.store()).unwrap();
    other.execute("UPDATE counters SET v = x'7b' WHERE k = x'616e6e3700'", []).unwrap();
    other.execute("INSERT INTO counters VALUES (x'ff', x'31')", []).unwrap();
    other.close().unwrap();
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    let error = store.get(&COUNTERS, "ann7").unwrap_err();
    assert_eq!(error, StoreError::Corrupt { table: "counters", part: store::Part::Value });
    assert!(!error.to_string().contains("ann"), "{error}");
    assert_eq!(store.get(&COUNTERS, "ann8").unwrap(), Some(8));
    let error = store.scan(&COUNTERS, &Span::all().from("x"), 9).unwrap_err();
    assert_eq!(error, StoreError::Corrupt { table: "counters", part: store::Part::Key });
    // It can be overwritten.
    let mut batch = Batch::new();
    batch.put(&COUNTERS, "ann7", &7);
    store.commit_blocking(batch).unwrap();
    assert_eq!(store.get(&COUNTERS, "ann7").unwrap(), Some(7));
}

#[test]
fn what_was_salvaged_takes_the_place_only_when_asked() {
    let dir = Scratch::new("replace");
    filled(&dir);
    let mut bytes = std::fs::read(dir.store()).unwrap();
    bytes[..PAGE].fill(0);
    std::fs::write(dir.store(), &bytes).unwrap();
    let salvaged = salvage(dir.path(), &SCHEMA).unwrap();
    assert!(Store::open(dir.path(), &SCHEMA).is_err(), "salvaging alone changes nothing");
    assert_eq!(std::fs::read(dir.store()).unwrap(), bytes);
    let aside = restore(dir.path(), &salvaged.file, &SCHEMA).unwrap().unwrap();
    assert_eq!(std::fs::read(aside).unwrap(), bytes, "the damaged file is kept");
    assert!(!salvaged.file.exists());
    let store = Store::open(dir.path(), &SCHEMA).unwrap();
    assert_eq!(store.count(&COUNTERS, &Span::all()).unwrap(), 1_200);
    assert!(matches!(salvage(dir.path(), &SCHEMA).unwrap_err(), OpenError::InUse { .. }));
    let error = restore(dir.path(), &salvaged.file, &SCHEMA).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
}
