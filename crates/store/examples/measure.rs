//! Measures the store on this machine: `cargo run --release -p snug-store --example measure
//! DIR`. Prints commits per second alone and in company, what they write, the time that a caller
//! spends on a commit, reads, and memory.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use store::{Batch, Raw, Schema, Span, Store, Table};

const ARCHIVE: Table<(String, u64), Raw> = Table::new("archive");
const LAST: Table<String, u64> = Table::new("last");
const SCHEMA: Schema =
    Schema { version: 1, tables: &[ARCHIVE.name(), LAST.name()], migrations: &[] };

/// As long as an archived chat message with its envelope.
const MESSAGE_BYTES: usize = 400;

fn message(owner: u64, n: u64) -> Batch {
    let mut batch = Batch::new();
    let name = format!("person{owner}@example.org");
    batch.put(&ARCHIVE, &(&name, n), &Raw(vec![b'x'; MESSAGE_BYTES]));
    batch.put(&LAST, &name, &n);
    batch
}

/// A number from a file of the operating system's, by the name before it.
fn number(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let digits = line.and_then(|line| line.split_whitespace().next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn writers(store: &Store, writers: u64, time: Duration) -> Result<(u64, u64), store::StoreError> {
    let done = AtomicU64::new(0);
    let written = number("/proc/self/io", "write_bytes:");
    let end = Instant::now() + time;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|writer| {
                let done = &done;
                scope.spawn(move || {
                    let mut n = 0;
                    while Instant::now() < end {
                        store.commit_blocking(message(writers * 100 + writer, n))?;
                        done.fetch_add(1, Ordering::Relaxed);
                        n += 1;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
    })?;
    let written = number("/proc/self/io", "write_bytes:") - written;
    let done = done.into_inner();
    Ok((done, written / done.max(1)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).ok_or("say in which directory")?;
    let mut out = io::stdout().lock();
    let before = number("/proc/self/smaps_rollup", "Pss:");
    let store = Store::open(Path::new(&dir), &SCHEMA)?;
    let open = number("/proc/self/smaps_rollup", "Pss:");
    writeln!(out, "memory (PSS): {before} kB before, {open} kB with the store just opened")?;
    let time = Duration::from_secs(5);
    for count in [1, 32] {
        let (done, bytes) = writers(&store, count, time)?;
        let each = done as f64 / time.as_secs_f64();
        writeln!(out, "{count} writers: {each:.0} commits/s, {bytes} bytes written for each")?;
    }
    store.flush()?;
    let used = number("/proc/self/smaps_rollup", "Pss:");
    writeln!(out, "memory (PSS): {used} kB after these")?;

    const PUTS: u64 = 10_000;
    let start = Instant::now();
    let mut best = Duration::MAX;
    for thousand in 0..PUTS / 1_000 {
        let start = Instant::now();
        for n in 0..1_000 {
            store.commit(message(7, thousand * 1_000 + n), |_| ());
        }
        // The best, as other work on the machine only adds to it.
        best = best.min(start.elapsed() / 1_000);
        store.flush()?;
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / PUTS as f64;
    writeln!(
        out,
        "two puts made and committed without waiting: {best:.2?}; all durable after {:.1} µs each",
        micros(start.elapsed()),
    )?;
    let start = Instant::now();
    for n in 0..PUTS {
        store.get(&ARCHIVE, &("person7@example.org", n))?;
    }
    let one = micros(start.elapsed());
    let start = Instant::now();
    for _ in 0..1_000 {
        store.newest(&ARCHIVE, &Span::under("person7@example.org"), 50)?;
    }
    let page = start.elapsed().as_secs_f64() * 1e3;
    writeln!(out, "reads: {one:.1} µs one row, {page:.1} µs a page of 50")?;
    let busy = number("/proc/self/smaps_rollup", "Pss:");
    let size = store.size_bytes()? / 1024;
    writeln!(
        out,
        "memory (PSS): {busy} kB after so many commits at once and these reads; the store takes {size} kB"
    )?;
    store.close()?;
    Ok(())
}
