//! Sudden death: a process that writes, acknowledges, compacts and makes backups is killed at
//! random moments. Nothing that it acknowledged is missing afterwards, and nothing is half
//! applied.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use store::{Batch, Raw, Span, Store, restore};

use crate::again;
use crate::scratch::Scratch;
use crate::tables::{ARCHIVE, COUNTERS, SCHEMA};

const NAME: &str = "crash::what_was_acknowledged_survives_sudden_death";
const WRITERS: u64 = 4;
const DEATHS: u64 = 50;
/// Rows that each writer keeps; older ones it removes in the same batch.
const KEPT: u64 = 30;

fn payload(writer: u64, n: u64) -> Vec<u8> {
    let times = if n % 25 == 3 { 6_000 } else { 12 };
    format!("{writer}:{n};").repeat(times).into_bytes()
}

fn step(writer: u64, n: u64) -> Batch {
    let mut batch = Batch::new();
    let name = writer.to_string();
    batch.put(&ARCHIVE, &(&name, n), &Raw(payload(writer, n)));
    batch.put(&COUNTERS, &name, &(n + 1));
    let oldest = (n + 1).saturating_sub(KEPT);
    batch.delete_span(&ARCHIVE, &Span::under(&name).before(&(&name, oldest)));
    batch
}

/// The process that dies: writes until it does.
fn write_until_killed(dir: &Path) {
    let store = Store::open(dir, &SCHEMA).unwrap();
    let acknowledge = |writer: u64, n: u64| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {writer} {n}.").unwrap();
        out.flush().unwrap();
    };
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                let start = store.get(&COUNTERS, &writer.to_string()).unwrap().unwrap_or(0);
                for n in start.. {
                    store.commit_blocking(step(writer, n)).unwrap();
                    acknowledge(writer, n);
                }
            });
        }
        scope.spawn(|| {
            loop {
                store.compact().unwrap();
                store.backup(&dir.join("backup.db")).unwrap();
                thread::sleep(Duration::from_millis(10));
            }
        });
    });
}

/// Runs the process, kills it after `life`, and notes what it acknowledged.
fn run_and_kill(dir: &Path, life: Duration, acknowledged: &[AtomicU64]) {
    let mut child = again::command(NAME, dir, &[]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    thread::scope(|scope| {
        scope.spawn(move || {
            for line in lines {
                let line = line.unwrap();
                // The first one shares its line with the test's name; the last may be cut
                // off, and then it was not acknowledged.
                if let Some((_, told)) = line.split_once("acknowledged ")
                    && let Some((writer, n)) = told.split_once(' ')
                    && let (Ok(writer), Some(Ok(n))) =
                        (writer.parse::<usize>(), n.strip_suffix('.').map(str::parse::<u64>))
                {
                    acknowledged[writer].fetch_max(n + 1, Ordering::Relaxed);
                }
            }
        });
        thread::sleep(life);
        child.kill().unwrap();
    });
    let status = child.wait().unwrap();
    assert!(status.code().is_none(), "it ended by itself: {status}");
}

/// Compares the store with what was acknowledged, after so many deaths since the last look.
fn look(dir: &Path, acknowledged: &[AtomicU64], deaths: u64) {
    let store = Store::open(dir, &SCHEMA).unwrap();
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    for (writer, acknowledged) in (0..).zip(acknowledged) {
        let told = acknowledged.load(Ordering::Relaxed);
        let name = writer.to_string();
        let n = store.get(&COUNTERS, &name).unwrap().unwrap_or(0);
        // At each death the step under way may have become durable without a word.
        assert!(
            (told..=told + deaths).contains(&n),
            "writer {writer} was told {told}, the store has {n} after {deaths} deaths"
        );
        acknowledged.store(n, Ordering::Relaxed);
        whole(&store, writer, n);
    }
}

/// The rows of a writer are those that `n` whole steps leave.
fn whole(store: &Store, writer: u64, n: u64) {
    let rows = store.scan(&ARCHIVE, &Span::under(&writer.to_string()), usize::MAX).unwrap();
    let numbers: Vec<u64> = rows.iter().map(|((_, n), _)| *n).collect();
    assert!(numbers.iter().copied().eq(n.saturating_sub(KEPT)..n), "writer {writer}: {numbers:?}");
    for ((_, n), Raw(bytes)) in rows {
        assert!(bytes == payload(writer, n), "writer {writer}, row {n}");
    }
}

#[test]
fn what_was_acknowledged_survives_sudden_death() {
    if let Some(dir) = again::dir() {
        write_until_killed(&dir);
        return;
    }
    let dir = Scratch::new("crash");
    let acknowledged: Vec<AtomicU64> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
    let mut seed = u64::from(std::process::id());
    let mut unseen = 0;
    for death in 0..DEATHS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Early deaths meet the making and opening of the store, late ones everything else.
        let life = if death % 5 == 0 { 4 + (seed >> 33) % 16 } else { 20 + (seed >> 33) % 180 };
        run_and_kill(dir.path(), Duration::from_millis(life), &acknowledged);
        // Now and then the next process finds what two deaths left.
        unseen += 1;
        if death % 3 != 1 {
            look(dir.path(), &acknowledged, unseen);
            unseen = 0;
        }
    }
    look(dir.path(), &acknowledged, unseen);
    let total: u64 = acknowledged.iter().map(|n| n.load(Ordering::Relaxed)).sum();
    assert!(total > 500, "too few steps to mean anything: {total}");
    // A backup that bears its name is whole, whenever the process died.
    let backup = dir.path().join("backup.db");
    let copy = Scratch::new("crash-backup");
    restore(copy.path(), &backup, &SCHEMA).unwrap();
    let store = Store::open(copy.path(), &SCHEMA).unwrap();
    for writer in 0..WRITERS {
        let n = store.get(&COUNTERS, &writer.to_string()).unwrap().unwrap_or(0);
        whole(&store, writer, n);
    }
}
